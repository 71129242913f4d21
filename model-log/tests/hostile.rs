//! A log whose folder somebody has put something else into, and one that is long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use common::decision;
use model_log::event::Override;
use model_log::verify::{Against, verify};
use model_log::{Kind, Options, Outcome, Query, Record, Writer};

fn filled(folder: &Path, records: u64) -> Writer {
    let log = Writer::open(folder, Options::default()).unwrap();
    let all = (0..records).map(decision).collect();
    log.append(all).unwrap().wait().unwrap();
    log
}

/// Whatever the limit and the order are, the answer is the start of the whole one, and no more
/// than that is looked at.
#[test]
fn a_limit_gives_the_start_of_what_is_found_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 60);
    let overridden = Override {
        outcome: Outcome::Approve,
        reason: "income".to_owned(),
        note: String::new(),
        by: "Ada".to_owned(),
        role: "officer".to_owned(),
        seconded_by: None,
    };
    let about = [1, 10, 58].map(|index| Record::about(Kind::Override, index, &overridden).unwrap());
    log.append(about.into()).unwrap().wait().unwrap();
    let reader = log.reader();
    for open in [false, true] {
        for newest_first in [false, true] {
            for from in [0, 5] {
                let query = |limit| Query {
                    kinds: vec![Kind::Decision],
                    open,
                    newest_first,
                    from,
                    limit,
                    ..Query::default()
                };
                let all = reader.search(&query(0)).unwrap();
                let mut indexes: Vec<u64> = all.iter().map(|found| found.index).collect();
                for limit in [1, 2, 7, 1000] {
                    let some = reader.search(&query(limit)).unwrap();
                    assert_eq!(some, all[..limit.min(all.len())]);
                }
                let mut seen = 0;
                let each = |_| {
                    seen += 1;
                    ControlFlow::Break(())
                };
                reader.search_each(&query(0), each).unwrap();
                assert_eq!(seen, 1);
                if newest_first {
                    indexes.reverse();
                }
                let expected = (from..60).filter(|index| !open || ![1, 10, 58].contains(index));
                assert_eq!(indexes, expected.collect::<Vec<_>>());
            }
        }
    }
}

/// A named pipe in the place of a file hung the start for ever.
#[cfg(unix)]
#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let names = [
        "format",
        "lock",
        "checkpoint",
        "verifier-key",
        "records/00000000",
        "index/00000000",
        "seeds/00000000",
        "keys/signing.pk8",
        "keys/index.key",
        "keys/epoch-00000000-00000001.key",
    ];
    for name in names {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 3).close().unwrap();
        let path = folder.path().join(name);
        std::fs::remove_file(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let (tell, told) = mpsc::channel();
        let at = folder.path().to_owned();
        std::thread::spawn(move || {
            let opened = Writer::open(&at, Options::default());
            let _ = tell.send(opened.map(drop).map_err(|error| error.to_string()));
            let _ = verify(&at, &Against::default());
            let _ = tell.send(Ok(()));
        });
        let patience = Duration::from_secs(20);
        let opened = told.recv_timeout(patience).expect("it does not wait");
        match opened {
            Err(error) => assert!(
                error.contains("it is not a regular file"),
                "{name}: {error}"
            ),
            // The writer can do without: one it does not read, the other it derives.
            Ok(()) => assert!(["verifier-key", "index/00000000"].contains(&name), "{name}"),
        }
        let checked = told.recv_timeout(patience);
        assert!(checked.is_ok(), "verify waits for {name}");
    }
}
