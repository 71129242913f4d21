//! A process that appends is killed: what it acknowledged is there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Random, decision};
use model_log::verify::{Against, verify};
use model_log::{Options, Reader, Writer};

const FOLDER: &str = "UNDERWRITE_LOG_OF_A_TEST";

/// Appends from four threads until it is killed, and prints each acknowledged record.
#[test]
#[ignore = "the child of the tests below"]
fn child() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let options = Options {
        checkpoint_records: 64,
        checkpoint_every: Duration::from_millis(20),
        ..Options::default()
    };
    let log = Writer::open(Path::new(&folder), options).unwrap();
    let first = log.status().records * 1000;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = log.clone();
            scope.spawn(move || {
                for number in (first + thread..).step_by(4) {
                    let records = vec![decision(number), decision(number)];
                    for receipt in log.append(records).unwrap().wait().unwrap() {
                        let line =
                            format!("acknowledged {} {} {number}\n", receipt.index, receipt.leaf);
                        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
}

fn kill_often(kills: u64, seed: u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random::new(seed);
    let mut acknowledged: Vec<(u64, String, u64)> = Vec::new();
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let reading = std::thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            // The last line may be cut: it was acknowledged, and is not asked for.
            let words = lines.map(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
            let whole = words.filter(|words| words.len() == 4 && words[0] == "acknowledged");
            whole.collect::<Vec<_>>()
        });
        std::thread::sleep(Duration::from_millis(60 + random.below(200)));
        child.kill().unwrap();
        child.wait().unwrap();
        for words in reading.join().unwrap() {
            if let (Ok(index), 64, Ok(number)) =
                (words[1].parse(), words[2].len(), words[3].parse())
            {
                acknowledged.push((index, words[2].clone(), number));
            }
        }
        if let Ok(reader) = Reader::open(folder.path(), None) {
            drop(reader);
            let report = verify(folder.path(), &Against::default()).unwrap();
            assert_eq!(report.problems, [], "{:?}", report.notes);
        }
    }
    assert!(!acknowledged.is_empty(), "the child never came to append");
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let reader = log.reader();
    for (index, leaf, _) in &acknowledged {
        assert_eq!(reader.record(*index).unwrap().leaf.to_string(), *leaf);
    }
    log.close().unwrap();
    let report = verify(folder.path(), &Against::default()).unwrap();
    assert_eq!(report.problems, []);
    println!(
        "{kills} kills, {} acknowledged, {} records",
        acknowledged.len(),
        report.records
    );
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    kill_often(8, 1);
}

#[test]
#[ignore = "takes minutes: cargo xtask long log"]
fn a_thousand_kills_lose_nothing() {
    for seed in 0..20 {
        kill_often(50, seed);
    }
}
