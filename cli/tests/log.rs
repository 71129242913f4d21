//! `underwrite log`, on a log of real decisions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data, points_model, train_points};
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_log::{Kind, LogError, Options, Outcome, Record, Writer};

/// A folder with a log of `count` decisions in `decisions`.
fn logged(count: u64) -> Folder {
    let folder = Folder::new(&[]);
    let artifact = ModelFile::open(points_model()).unwrap().artifact();
    let mut decider = Decider::load(artifact).unwrap();
    let log = Writer::open(&folder.path("decisions"), Options::default()).unwrap();
    let model = log.keep_model(points_model()).unwrap();
    let decide = |number: u64| {
        let mut record = Record::new(Kind::Decision);
        // Every tenth is refused by the module: a refusal is an answer too.
        let income = if number % 10 == 9 {
            "-".to_owned()
        } else {
            (20_000 + number).to_string()
        };
        record.request = format!(
            r#"{{"city":"Berlin","income":{income:?},"credit_score":700,"loan_amount":9000,"years_employed":5}}"#
        )
        .into_bytes();
        record.model = model;
        record.details.status = decider.decide(&record.request, &mut record.answer);
        record.details.request_id = format!("request-{number}");
        record.details.application = format!("A-{number}");
        record.details.route = "/predict".to_owned();
        record.outcome = if number.is_multiple_of(2) {
            Outcome::Approve
        } else {
            Outcome::Refer
        };
        record
    };
    let records = (0..count).map(decide).collect();
    log.append(records).unwrap().wait().unwrap();
    log.close().unwrap();
    folder
}

/// All files below a folder.
fn all_files(folder: &std::path::Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files.extend(all_files(&path)),
            false => files.push((path.clone(), std::fs::read(path).unwrap())),
        }
    }
    files.sort();
    files
}

#[cfg(unix)]
#[test]
fn no_output_goes_into_a_log_or_its_keys() {
    let folder = logged(4);
    let options = Options {
        keys: Some(folder.path("keys")),
        ..Options::default()
    };
    let apart = Writer::open(&folder.path("apart"), options).unwrap();
    apart.close().unwrap();
    std::os::unix::fs::symlink(folder.path("decisions"), folder.path("link")).unwrap();
    // A folder of the log on another volume.
    let volume = folder.path("volume");
    std::fs::rename(folder.path("decisions/index"), &volume).unwrap();
    std::os::unix::fs::symlink(&volume, folder.path("decisions/index")).unwrap();
    std::fs::write(folder.path("model.wasm"), points_model()).unwrap();
    let sample = data("points_sample.csv");
    let folders = ["decisions", "apart", "keys", "volume"];
    let files = || folders.map(|name| all_files(&folder.path(name)));
    let before = files();
    for args in [
        "log export decisions --out decisions/records/00000000",
        "log export decisions --out decisions/keys/signing.pk8",
        "log export decisions --out decisions/index/00000000",
        "log export decisions --out link/seeds/00000000",
        "log export decisions --out keys/signing.pk8",
        "log export apart --keys keys --out keys/index.key",
        "log report decisions --out decisions/checkpoint",
        "log report decisions --json decisions/new/report.json",
        "log report apart --keys keys --out report.html --json keys/report.json",
        "log prove decisions 1 --out decisions/verifier-key",
        "log prove decisions 1 --out none/../link/new.tlog-proof",
        "keygen --out keys/risk.pem",
        "card init --out decisions/card.toml",
        "export js model.wasm --out decisions",
        "pull acme/points --out pulled.wasm --cache decisions",
        "serve --from-hub acme/points --hub-cache decisions/new",
        "serve --model model.wasm --cache-dir keys/modules",
        &format!("schema infer {sample} --out decisions/format"),
        &format!("drift sketch --data {sample} --out decisions/lock"),
        &train_points("decisions/tile/model.wasm"),
        &format!("{} --runs decisions/runs", train_points("new.wasm")),
    ] {
        // A training warns of its rows before it makes its run.
        let output = folder.run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args}: {error}");
        assert!(
            error.contains("holds a decision log or its keys"),
            "{args}: {error}"
        );
        assert!(files() == before, "{args}");
    }
    folder.succeed("log export link --out exported/decisions.ndjson");
    assert_eq!(folder.text("exported/decisions.ndjson").lines().count(), 4);
    folder.succeed("log prove decisions 1 --out 1.tlog-proof");
    assert!(
        folder
            .text("1.tlog-proof")
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn a_log_is_verified_replayed_and_found_altered() {
    let folder = logged(40);
    let verified = folder.succeed("log verify decisions");
    assert_eq!(last_line(&verified), "40 records, 0 problems");
    let replayed = folder.succeed("log replay decisions");
    assert_eq!(last_line(&replayed), "0 of 40 answers differ");
    let some = folder.succeed("log replay decisions --from 10 --to 15");
    assert_eq!(last_line(&some), "0 of 5 answers differ");
    // A checkpoint and the key, kept elsewhere.
    for name in ["checkpoint", "verifier-key"] {
        std::fs::copy(folder.path(&format!("decisions/{name}")), folder.path(name)).unwrap();
    }
    let against = folder.succeed("log verify decisions --checkpoint checkpoint --key verifier-key");
    assert!(against.contains("covers 40 records"), "{against}");

    let records = folder.path("decisions/records/00000000");
    let mut bytes = std::fs::read(&records).unwrap();
    bytes[5000] ^= 4;
    std::fs::write(&records, bytes).unwrap();
    let found = folder.run("log verify decisions");
    assert_eq!(found.status.code(), Some(1));
    let said = String::from_utf8(found.stdout).unwrap();
    assert!(said.contains("problem: records/00000000, byte"), "{said}");
    std::fs::remove_file(folder.path("decisions/format")).unwrap();
    let refused = folder.fail("log verify decisions");
    assert!(refused.contains("no decision log here"), "{refused}");
}

/// Node makes the same bytes from the same files, and finds an answer that was altered.
#[test]
fn an_export_is_replayed_in_node() {
    let folder = logged(40);
    folder.succeed("log erase decisions 3 --because asked --before-term");
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/replay-in-node/replay.mjs"
    );
    let replay = |exported: &str| {
        std::fs::write(folder.path("exported"), exported).unwrap();
        let output = std::process::Command::new("node")
            .args([script.as_ref(), folder.path("decisions").as_os_str()])
            .stdin(std::fs::File::open(folder.path("exported")).unwrap())
            .output()
            .expect("node is there");
        let error = String::from_utf8_lossy(&output.stderr);
        let said = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), format!("{said}{error}"))
    };
    let exported = folder.succeed("log export decisions");
    let (code, said) = replay(&exported);
    assert_eq!(last_line(&said), "0 of 40 answers differ", "{said}");
    assert_eq!(code, Some(0));
    assert!(said.contains("1 answers were erased"), "{said}");
    let altered = exported.replacen(r#""answer":"{"#, r#""answer":"{ "#, 1);
    let (code, said) = replay(&altered);
    assert_eq!(last_line(&said), "1 of 40 answers differ", "{said}");
    assert_eq!(code, Some(1));
}

#[test]
fn a_model_that_is_missing_makes_answers_differ() {
    let folder = logged(3);
    let models = std::fs::read_dir(folder.path("decisions/models")).unwrap();
    for model in models {
        std::fs::remove_file(model.unwrap().path()).unwrap();
    }
    let replayed = folder.run("log replay decisions");
    assert_eq!(replayed.status.code(), Some(1));
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert_eq!(last_line(&said), "3 of 3 answers differ");
    assert!(said.contains("is not in the log's folder"), "{said}");
}

#[test]
fn records_are_searched_shown_exported_and_proved() {
    let folder = logged(20);
    let found = folder.succeed("log search decisions --application A-7");
    assert_eq!(found.split_whitespace().next(), Some("7"), "{found}");
    let refer = folder.succeed("log search decisions --outcome refer --open --limit 4 --json");
    assert_eq!(refer.lines().count(), 4);
    let none = folder.succeed("log search decisions --until 2020-01-01");
    assert_eq!(none, "");
    let shown = folder.succeed("log show decisions 7");
    assert!(shown.contains("request id   request-7"), "{shown}");
    assert!(shown.contains(r#""income":"20007""#), "{shown}");
    let exported = folder.succeed("log export decisions --from 3");
    assert_eq!(exported.lines().count(), 17);
    let first: serde_json::Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["index"], &first["kind"]),
        (&3.into(), &"decision".into())
    );
    let proof = folder.succeed("log prove decisions 7");
    assert!(
        proof.starts_with("c2sp.org/tlog-proof@v1\nextra "),
        "{proof}"
    );
    let beyond = folder.fail("log prove decisions 20");
    assert!(
        beyond.contains("record 20 does not exist: the log has 20 records"),
        "{beyond}"
    );
    let kind = folder.fail("log search decisions --kind letter");
    assert!(kind.contains("`letter` is no kind of record"), "{kind}");
}

#[test]
fn records_are_held_released_and_erased() {
    let folder = logged(10);
    let held = folder.succeed("log hold decisions 2 3 --because case-12");
    assert_eq!(held, "2 records on hold: record 10\n");
    let refused = folder.fail("log erase decisions 2 --because asked --before-term");
    assert_eq!(refused, "record 2 is on hold: release it first");
    let refused = folder.fail("log hold decisions 10 --because case-12");
    assert_eq!(
        refused,
        "record 10 cannot be held: it is of the kind `hold`, which holds nothing about an applicant and is never erased; name decisions, or records about them"
    );
    folder.succeed("log release decisions 2 --because closed");
    let early = folder.fail("log erase decisions 2 --because asked");
    assert!(early.contains("--before-term"), "{early}");
    // Nobody makes a record due by a flag, and a mistyped folder becomes no log.
    let shorter = folder.run("log erase decisions 2 --because asked --retention 0");
    assert_eq!(shorter.status.code(), Some(2));
    let said = String::from_utf8(shorter.stderr).unwrap();
    assert!(said.contains("0 is not in 60..=1200"), "{said}");
    for verb in ["hold", "release", "erase"] {
        let missing = folder.fail(&format!("log {verb} typo 1 --because asked"));
        assert!(missing.contains("no decision log here"), "{missing}");
        assert!(!folder.path("typo").exists());
    }
    // Some editors begin a text with a byte order mark.
    std::fs::write(folder.path("list.txt"), "\u{feff}2 some text\n\n4\n").unwrap();
    let erased =
        folder.succeed("log erase decisions --from list.txt --because asked --before-term");
    assert_eq!(erased, "2 records erased: record 12\n");
    let shown = folder.succeed("log show decisions 2");
    assert!(shown.contains("body         erased"), "{shown}");
    let verified = folder.succeed("log verify decisions");
    assert_eq!(last_line(&verified), "13 records, 0 problems");
    assert!(verified.contains("2 records were erased"), "{verified}");
    let replayed = folder.succeed("log replay decisions");
    assert!(replayed.contains("2 answers were erased"), "{replayed}");
    assert_eq!(last_line(&replayed), "0 of 8 answers differ");
    assert_eq!(folder.succeed("log retain decisions"), "");
    let beyond = folder.succeed("log retain decisions --retention 0");
    assert_eq!(beyond.lines().count(), 7, "{beyond}");
    let nothing = folder.fail("log erase decisions --because asked");
    assert!(nothing.contains("no record is named"), "{nothing}");
    let nothing = folder.fail("log erase --server http://127.0.0.1:1 --because asked");
    assert!(nothing.contains("no record is named"), "{nothing}");
}

/// An index is another application in another log: a list says of which log its records are.
#[test]
fn a_list_of_one_log_changes_no_other() {
    let (folder, other) = (logged(5), logged(5));
    let beyond = folder.succeed("log retain decisions --retention 0");
    std::fs::write(folder.path("beyond.txt"), &beyond).unwrap();
    std::fs::write(other.path("beyond.txt"), &beyond).unwrap();
    let hold = "log hold decisions --from beyond.txt --because asked";
    let refused = other.fail(hold);
    assert!(refused.contains("nothing was done"), "{refused}");
    let kept = other.succeed("log search decisions --kind hold");
    assert_eq!(kept, "");
    let held = folder.succeed(hold);
    let count = beyond.lines().count();
    assert!(
        held.starts_with(&format!("{count} records on hold")),
        "{held}"
    );
    let own = other.succeed("log retain decisions --retention 0");
    // An index by itself, of the log that is named.
    let named = own
        .split_whitespace()
        .find_map(|word| word.strip_prefix("log="));
    let release = format!(
        "log release decisions 0 --because asked --log {}",
        named.unwrap()
    );
    let refused = folder.fail(&release);
    assert!(refused.contains("nothing was done"), "{refused}");
    let refused = folder.fail(&format!("{release} --from beyond.txt"));
    assert!(refused.contains("make a list for each log"), "{refused}");
    std::fs::write(folder.path("beyond.txt"), own + &beyond).unwrap();
    let mixed = folder.fail(hold);
    assert!(mixed.contains("make a list for each log"), "{mixed}");
}

#[test]
fn a_log_in_use_is_read_and_not_changed() {
    let folder = logged(5);
    // A child that another test has just begun to start holds the lock that was given back here.
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let log = loop {
        match Writer::open(&folder.path("decisions"), Options::default()) {
            Err(LogError::Locked(_)) if std::time::Instant::now() < end => std::thread::yield_now(),
            opened => break opened.unwrap(),
        }
    };
    let mut record = Record::new(Kind::Decision);
    record.request = b"{}".to_vec();
    log.append(vec![record]).unwrap().wait().unwrap();
    let refused = folder.fail("log erase decisions 1 --because asked --before-term");
    assert!(
        refused.contains("another process holds this log"),
        "{refused}"
    );
    let verified = folder.succeed("log verify decisions");
    assert_eq!(last_line(&verified), "6 records, 0 problems");
    drop(log);
}
