//! `underwrite serve --decision-log`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::serving::Serving;
use common::{Folder, points_model};
use model_log::Reader;

const BODY: &str =
    r#"{"income":50000,"credit_score":700,"loan_amount":1000,"years_employed":3,"points":50}"#;

/// Connections at the same time.
const CONNECTIONS: usize = 16;

fn start(folder: &Folder, more: &[&str]) -> Serving {
    let mut command = folder.command();
    command.args([
        "serve",
        "--model",
        "model.wasm",
        "--decision-log",
        "log",
        "--no-drift",
    ]);
    Serving::start(command.args(more))
}

/// Decides over one connection until the server is gone: the receipts that came.
fn load(port: &str, stop: &AtomicBool) -> Vec<String> {
    let mut receipts = Vec::new();
    let Ok(stream) = TcpStream::connect(format!("127.0.0.1:{port}")) else {
        return receipts;
    };
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let request = format!(
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{BODY}",
        BODY.len()
    );
    while !stop.load(Ordering::Relaxed) && stream.write_all(request.as_bytes()).is_ok() {
        let Some(receipt) = answer(&mut reader) else {
            break;
        };
        receipts.push(receipt);
    }
    receipts
}

/// The receipt of an answer; `None` where the answer did not come whole.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut receipt, mut length, mut line) = (None, 0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match name {
            "x-decision-log" => receipt = Some(value.to_owned()),
            "content-length" => length = value.parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    receipt
}

/// Whoever has log and keys in one folder can rewrite the log: that is warned of, and nothing else.
#[test]
fn keys_in_a_folder_of_their_own_are_no_reason_for_a_warning() {
    let made = |more: &[&str]| {
        let folder = Folder::new(&[("model.wasm", points_model())]);
        let log = start(&folder, more).log();
        let line = log
            .lines()
            .find(|line| line.contains("keys of the decision log made"));
        line.unwrap_or_else(|| panic!("{log}")).to_owned()
    };
    for flags in [&[][..], &["--decision-log-keys", "log/inside"]] {
        let beside = made(flags);
        assert!(beside.contains("\"level\":\"WARN\""), "{beside}");
        assert!(beside.contains("--decision-log-keys"), "{beside}");
    }
    let apart = made(&["--decision-log-keys", "elsewhere"]);
    assert!(apart.contains("\"level\":\"INFO\""), "{apart}");
    assert!(!apart.contains("--decision-log-keys"), "{apart}");
}

#[test]
fn a_kill_loses_no_decision_that_was_answered() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let mut acknowledged = Vec::new();
    for _ in 0..3 {
        let serving = start(&folder, &[]);
        let port = serving.port().to_owned();
        let (stop, all) = (AtomicBool::new(false), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| {
                    let receipts = load(&port, &stop);
                    all.lock().unwrap().extend(receipts);
                });
            }
            std::thread::sleep(Duration::from_millis(700));
            // SIGKILL, in the middle of it.
            drop(serving);
            stop.store(true, Ordering::Relaxed);
        });
        let round = all.into_inner().unwrap();
        assert!(!round.is_empty());
        acknowledged.extend(round);
    }
    // The next start cuts what was not finished.
    let serving = start(&folder, &[]);
    assert!(serving.post("/predict", BODY).contains("x-decision-log: "));
    let reader = Reader::open(&folder.path("log"), None).unwrap();
    for receipt in &acknowledged {
        let (index, leaf) = receipt.split_once("; ").unwrap();
        let record = reader.record(index.parse().unwrap()).unwrap();
        assert_eq!(record.leaf.to_string(), leaf, "record {index}");
        assert_eq!(record.body.unwrap().request, BODY.as_bytes());
    }
}

#[test]
fn people_and_settings_come_from_the_file() {
    let key = "swordfish";
    // printf %s swordfish | sha256sum
    let digest = "b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799";
    let file = format!(
        "[serve]\nmodel = \"model.wasm\"\n\n[decision_log]\nfolder = \"log\"\nkeys = \"keys\"\n\
         origin = \"bank.example/1\"\nretention = \"5 years\"\n\n\
         [[decision_log.reason]]\ncode = \"INCOME\"\ntext = \"Income verified\"\n\n\
         [[decision_log.person]]\nname = \"Ann Lee\"\nrole = \"officer\"\nkey_sha256 = \"{digest}\"\n"
    );
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("underwrite.toml", file.as_bytes()),
    ]);
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--access-log"]));
    let me = |key: &str| {
        serving.ask(&format!(
            "GET /decisions/me HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n"
        ))
    };
    let denied = me("none");
    assert!(denied.starts_with("HTTP/1.1 401"), "{denied}");
    let me = me(key);
    assert!(me.contains("\"name\":\"Ann Lee\""), "{me}");
    let answer = serving.post("/predict", BODY);
    assert!(answer.contains("x-decision-log: "), "{answer}");
    assert!(folder.path("keys").is_dir());
    let log = serving.log();
    let lines = |message: &str| log.lines().filter(|line| line.contains(message)).count();
    assert_eq!(lines("\"key\":\"person:Ann Lee\""), 1, "{log}");
    assert_eq!(lines("request for decisions denied"), 1, "{log}");
    let reader = Reader::open(&folder.path("log"), Some(&folder.path("keys"))).unwrap();
    assert!(reader.verifier_key().starts_with("bank.example/1+"));
}

#[test]
fn a_setting_that_cannot_be_used_names_its_line() {
    let person = |more: &str| {
        format!(
            "[decision_log]\nfolder = \"log\"\n[[decision_log.reason]]\ncode = \"A\"\ntext = \"B\"\n[[decision_log.person]]\nname = \"Ann\"\n{more}\n"
        )
    };
    let digest = "0".repeat(64);
    for (file, parts) in [
        (
            "[decision_log]\non_failure = \"ignore\"\n".to_owned(),
            ["line 2", "expected `refuse` or `serve`"],
        ),
        (
            "[decision_log]\nfolder = \"log\"\nretention = \"soon\"\n".to_owned(),
            ["line 3", "`60 months`"],
        ),
        (
            "[decision_log]\nfolder = \"log\"\norigin = \"a b\"\n".to_owned(),
            ["line 3", "bank.example"],
        ),
        (
            "[decision_log]\nfolder = \"log\"\nfour_eye = true\n".to_owned(),
            ["line 3", "four_eye"],
        ),
        (
            person(&format!("role = \"boss\"\nkey_sha256 = \"{digest}\"")),
            ["`boss`", "`officer` or `reviewer`"],
        ),
        (
            person("role = \"officer\"\nkey_sha256 = \"secret\""),
            ["64 hexadecimal digits", "sha256sum"],
        ),
        (
            person(&format!(
                "role = \"officer\"\nkey_sha256 = \"{digest}\"\n[[api_key]]\nname = \"app\"\nrole = \"predict\"\nsha256 = \"{digest}\""
            )),
            ["`Ann` has a key that is also one of programs", "of its own"],
        ),
        (
            "[decision_log]\nkeys = \"keys\"\n[[decision_log.person]]\nname = \"Ann\"\nrole = \"officer\"\nkey_sha256 = \"0\"\n".to_owned(),
            ["no folder", "--decision-log FOLDER"],
        ),
    ] {
        let folder = Folder::new(&[
            ("model.wasm", points_model()),
            ("underwrite.toml", file.as_bytes()),
        ]);
        let output = folder.run("serve --model model.wasm --port 0");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success(), "{file}");
        for part in parts {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn a_folder_that_is_no_log_is_a_sentence() {
    let folder = Folder::new(&[("model.wasm", points_model()), ("log", b"no folder")]);
    let output = folder.run("serve --model model.wasm --decision-log log --port 0");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(error.contains("decision log: log"), "{error}");
    std::fs::remove_file(folder.path("log")).unwrap();
    std::fs::create_dir(folder.path("log")).unwrap();
    std::fs::write(folder.path("log").join("notes.txt"), "mine").unwrap();
    let output = folder.run("serve --model model.wasm --decision-log log --port 0");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("holds no decision log"), "{error}");
}
