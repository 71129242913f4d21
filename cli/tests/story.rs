//! The life of a decision log: decisions under load, kills, a new signed model, a new policy,
//! people and erasures; then an auditor looks at it.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use common::serving::Serving;
use common::{Folder, points_model, train_points};
use model_log::verify::{Against, verify};
use model_log::{Kind, Reader};

const VERSION: &str = "models/points-approval/1.0.0";
const DECISIONS: usize = 10_000;
const OVERRIDES: usize = 50;
const ERASURES: usize = 20;
/// Connections at the same time.
const CONNECTIONS: usize = 16;
/// Bits that are flipped in each file.
const FLIPS: u64 = 3;
/// No step takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

const SETTINGS: &str = r#"
[decision_log]
folder = "log"
origin = "bank.example/1"

[[decision_log.reason]]
code = "INCOME"
text = "Income verified"

[[decision_log.person]]
name = "Ann Lee"
role = "officer"
key_sha256 = "b9f195c5cc7ef6afadbfbc42892ad47d3b24c6bc94bb510c4564a90a14e8b799"
"#;
/// `printf %s swordfish | sha256sum` is the digest above.
const ANN: &str = "swordfish";
const CHIEF: &str = "chief";

/// Receipts of answers that came whole, in no order.
#[derive(Default)]
struct Receipts {
    all: Mutex<Vec<String>>,
    asked: AtomicU64,
    /// A reload compiles its model with the lowest priority: under full load it takes for ever.
    is_calm: AtomicBool,
}

/// Tells the clients to stop, also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Receipts {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.all.lock().unwrap()
    }

    fn wait_for(&self, count: usize) {
        let start = Instant::now();
        while self.lock().len() < count {
            assert!(start.elapsed() < PATIENCE, "{} answers", self.lock().len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn indexes(&self) -> Vec<u64> {
        let index = |receipt: &String| receipt.split(';').next().unwrap().parse().unwrap();
        self.lock().iter().map(index).collect()
    }
}

/// Decides over one connection until the server is gone or it is told to stop.
fn load(port: &str, stop: &AtomicBool, receipts: &Receipts) {
    let Ok(mut stream) = TcpStream::connect(format!("127.0.0.1:{port}")) else {
        return;
    };
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while !stop.load(Ordering::Relaxed) {
        let number = receipts.asked.fetch_add(1, Ordering::Relaxed);
        let body = format!(
            r#"{{"income":{},"credit_score":{},"loan_amount":9000,"years_employed":3,"points":50}}"#,
            20_000 + number,
            400 + number % 400
        );
        let request = format!(
            "POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: {CHIEF}\r\nx-application-id: A-{number}\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        let Some(receipt) = answer(&mut reader) else {
            return;
        };
        receipts.lock().push(receipt);
        if receipts.is_calm.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The receipt of an answer; `None` where the answer did not come whole.
fn answer(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let (mut head, mut receipt, mut length) = (String::new(), None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(": ") {
            Some(("x-decision-log", value)) => receipt = Some(value.to_owned()),
            Some(("content-length", value)) => length = value.parse().ok()?,
            _ if line.trim_end().is_empty() => break,
            _ => {}
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let said = String::from_utf8_lossy(&body);
    Some(receipt.unwrap_or_else(|| panic!("no receipt: {head}{said}")))
}

fn start(folder: &Folder) -> Serving {
    let flags = "serve --models models --trusted-keys keys --admin-key chief --no-drift";
    Serving::start(folder.command().args(flags.split(' ')))
}

/// Serves until `goal` decisions have been answered; `during` comes half way.
fn serve(
    folder: &Folder,
    receipts: &Receipts,
    goal: usize,
    is_killed: bool,
    during: impl FnOnce(&Serving),
) {
    let serving = start(folder);
    let port = serving.port().to_owned();
    let stop = AtomicBool::new(false);
    let before = receipts.lock().len();
    std::thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| load(&port, &stop, receipts));
        }
        let stopping = Stop(&stop);
        receipts.wait_for(before + (goal - before) / 2);
        receipts.is_calm.store(true, Ordering::Relaxed);
        during(&serving);
        receipts.is_calm.store(false, Ordering::Relaxed);
        receipts.wait_for(goal);
        if is_killed {
            // SIGKILL, in the middle of it.
            drop(serving);
        } else {
            drop(stopping);
            serving.stop();
        }
    });
}

fn post(serving: &Serving, key: &str, path: &str, body: &str) -> String {
    serving.ask(&format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn reload(serving: &Serving, expect: &str) {
    let answer = post(serving, CHIEF, "/models/points-approval/reload", "");
    assert!(answer.contains(expect), "{answer}");
}

/// Another model comes, first without its signature.
fn new_model(folder: &Folder, serving: &Serving) {
    let model = folder.path(VERSION).join("model.wasm");
    fs::copy(folder.path("other.wasm"), model).unwrap();
    reload(serving, "model.wasm was altered");
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    // The server may have seen it by itself already.
    reload(serving, r#""refused":[]"#);
}

fn new_policy(folder: &Folder, serving: &Serving) {
    let policy = "[policy]\nversion = \"1\"\nrefer = [0.3, 0.7]\n";
    fs::write(folder.path("policy.toml"), policy).unwrap();
    let model = format!("{VERSION}/model.wasm");
    let args = format!("policy apply {model} --policy policy.toml --out {model}");
    folder.warnings(&args);
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    reload(serving, r#""refused":[]"#);
}

/// People decide otherwise, and applicants are forgotten; through the server, which has the log.
fn overrides_and_erasures(folder: &Folder, serving: &Serving, indexes: &[u64]) {
    let (overridden, erased) = indexes.split_at(OVERRIDES);
    for (at, index) in overridden.iter().enumerate() {
        let outcome = ["approve", "decline"][at % 2];
        let body = format!(r#"{{"outcome":"{outcome}","reason":"INCOME","note":"papers seen"}}"#);
        let path = format!("/decisions/{index}/override");
        let answer = post(serving, ANN, &path, &body);
        assert!(answer.starts_with("HTTP/1.1 201 "), "{index}: {answer}");
    }
    let (some, others) = erased[..ERASURES].split_at(ERASURES / 2);
    let body = format!(r#"{{"indexes":{some:?},"because":"asked for","before_term":true}}"#);
    let answer = post(serving, CHIEF, "/log/erase", &body);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    fs::write(folder.path("chief.txt"), CHIEF).unwrap();
    let erase = format!(
        "log erase --from others.txt --because term --before-term --server http://127.0.0.1:{} --admin-key-file chief.txt",
        serving.port()
    );
    let write_list = |log: &str| {
        let lines = others.iter().map(|index| format!("{index}  log={log}\n"));
        fs::write(folder.path("others.txt"), lines.collect::<String>()).unwrap();
    };
    write_list("underwrite+00000000");
    let refused = folder.fail(&erase);
    assert!(refused.contains("the server that has the log"), "{refused}");
    let reader = Reader::open(&folder.path("log"), None).unwrap();
    write_list(&reader.verifier().unwrap().id());
    folder.succeed(&erase);
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// Everything that was answered is there, and what the log says of itself holds.
fn audit(folder: &Folder, receipts: &[String], erased: &[u64]) {
    let reader = Reader::open(&folder.path("log"), None).unwrap();
    for receipt in receipts {
        let (index, leaf) = receipt.split_once("; ").unwrap();
        let record = reader.record(index.parse().unwrap()).unwrap();
        assert_eq!(record.leaf.to_string(), leaf, "record {index}");
        let is_erased = erased.contains(&record.index);
        assert_eq!(record.body.is_none(), is_erased, "record {index}");
    }
    let of_kind = |kind: Kind| {
        let found = folder.succeed(&format!("log search log --json --kind {}", kind.name()));
        found.lines().count()
    };
    assert_eq!(of_kind(Kind::Override), OVERRIDES);
    assert_eq!(of_kind(Kind::Erasure), 2);
    // Once or oftener: the server also looks at the folder by itself.
    assert!(of_kind(Kind::ModelRefused) >= 1);
    let models = fs::read_dir(folder.path("log/models")).unwrap();
    assert_eq!(
        models.count(),
        3,
        "a model, another one, and that with a policy"
    );

    let verified = folder.succeed("log verify log --checkpoint noted.txt --key noted.key");
    let records = reader.size().unwrap();
    assert_eq!(
        last_line(&verified),
        format!("{records} records, 0 problems")
    );
    assert!(verified.contains("the checkpoint from elsewhere covers"));
    assert!(
        verified.contains(&format!("{ERASURES} records were erased")),
        "{verified}"
    );
    let replayed = folder.succeed("log replay log");
    let last = last_line(&replayed);
    assert!(
        last.starts_with("0 of ") && last.ends_with(" answers differ"),
        "{replayed}"
    );
    println!("{}; {last}", last_line(&verified));
}

/// The Python script knows nothing of this program.
fn prove(folder: &Folder, receipt: &str) {
    let index = receipt.split(';').next().unwrap();
    folder.succeed(&format!("log prove log {index} --out proof"));
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/check-proof/check_proof.py"
    );
    let output = Command::new("python3")
        .arg(script)
        .args([folder.path("proof"), folder.path("noted.key")])
        .arg(receipt)
        .output()
        .expect("python3 is there");
    let said = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    assert!(said.starts_with(&format!("record {index} of ")), "{said}");
    assert!(said.contains("\ndecision, outcome "), "{said}");
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Flips bits in every file, one at a time: `verify` finds each. Answers how many.
fn flip(log: &Path) -> usize {
    let mut all = Vec::new();
    files(log, &mut all);
    all.sort();
    let (mut flipped, mut random) = (0, 88_172_645_463_325_252_u64);
    for path in &all {
        let bytes = fs::read(path).unwrap();
        for _ in 0..FLIPS.min(bytes.len() as u64 * 8) {
            // xorshift64: the places are the same ones each time.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let bit = (random >> 3) % (bytes.len() as u64 * 8);
            let mut altered = bytes.clone();
            altered[(bit / 8) as usize] ^= 1 << (bit % 8);
            fs::write(path, altered).unwrap();
            let found = verify(log, &Against::default());
            assert!(
                found.is_err() || found.is_ok_and(|report| !report.problems.is_empty()),
                "bit {bit} of {} was flipped, and nothing was found",
                path.display()
            );
            flipped += 1;
        }
        fs::write(path, bytes).unwrap();
    }
    flipped
}

/// A folder with a signed model, another one, and the server's settings.
fn folder() -> Folder {
    let folder = Folder::new(&[("underwrite.toml", SETTINGS.as_bytes())]);
    fs::create_dir_all(folder.path(VERSION)).unwrap();
    fs::create_dir(folder.path("keys")).unwrap();
    fs::write(folder.path(VERSION).join("model.wasm"), points_model()).unwrap();
    folder.succeed("keygen --out risk.pem --public keys/risk.pub.pem");
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    folder.succeed(&format!("{} --seed 7", train_points("other.wasm")));
    folder
}

#[test]
fn a_log_lives_through_everything_and_can_prove_it() {
    let folder = folder();
    let receipts = Receipts::default();
    let part = DECISIONS / 4;
    serve(&folder, &receipts, part, true, |_| {});
    serve(&folder, &receipts, 2 * part, true, |serving| {
        new_model(&folder, serving);
    });
    serve(&folder, &receipts, 3 * part, true, |serving| {
        new_policy(&folder, serving);
    });
    let mut indexes = receipts.indexes();
    // From all three lives.
    let step = indexes.len() / (OVERRIDES + ERASURES);
    indexes.sort_unstable();
    let chosen: Vec<u64> = indexes
        .into_iter()
        .step_by(step)
        .take(OVERRIDES + ERASURES)
        .collect();
    serve(&folder, &receipts, DECISIONS, false, |serving| {
        for (path, name) in [("checkpoint", "noted.txt"), ("key", "noted.key")] {
            let get = format!("GET /log/{path} HTTP/1.1\r\nhost: x\r\nx-api-key: {CHIEF}");
            let answer = serving.ask(&format!("{get}\r\nconnection: close\r\n\r\n"));
            let (_, body) = answer.split_once("\r\n\r\n").unwrap();
            fs::write(folder.path(name), body).unwrap();
        }
        overrides_and_erasures(&folder, serving, &chosen);
    });
    let receipts = receipts.lock().clone();
    assert!(receipts.len() >= DECISIONS);
    audit(&folder, &receipts, &chosen[OVERRIDES..]);
    for receipt in receipts.iter().step_by(receipts.len() / 5) {
        prove(&folder, receipt);
    }
    let flipped = flip(&folder.path("log"));
    println!("{flipped} flipped bits, each found");
    let verified = folder.succeed("log verify log");
    assert!(
        verified.ends_with(" records, 0 problems\n"),
        "put back, it is sound: {verified}"
    );
}
