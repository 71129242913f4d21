//! A log whose folder somebody has put something else into, and one that is long.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use common::{decision, filled};
use model_log::event::Override;
use model_log::verify::{Against, Report, verify};
use model_log::{Kind, LogError, Options, Outcome, Query, Reader, Record, Writer};

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
        seconded_role: String::new(),
        seconded_reason: None,
        seconded_note: String::new(),
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

/// The index is read by blocks: no end of one, or of what is asked for, loses or repeats a record,
/// with its file or without.
#[test]
fn a_range_of_the_index_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 9_000);
    let check = |reader: &Reader| {
        for (from, to) in [
            (0, None),
            (0, Some(4_096)),
            (4_095, Some(4_097)),
            (4_096, Some(8_192)),
            (8_999, Some(20_000)),
            (5, Some(5)),
            (5, Some(3)),
            (9_000, None),
        ] {
            for newest_first in [false, true] {
                let query = Query {
                    from,
                    to,
                    newest_first,
                    ..Query::default()
                };
                let found = reader.search(&query).unwrap().into_iter();
                let found: Vec<u64> = found.map(|found| found.index).collect();
                let mut expected: Vec<u64> = (from..to.unwrap_or(9_000).min(9_000)).collect();
                if newest_first {
                    expected.reverse();
                }
                assert_eq!(found, expected, "{from} to {to:?}");
            }
        }
        for index in [0, 4_095, 4_096, 8_999] {
            let found = reader.found(index).unwrap();
            assert_eq!(found.outcome, decision(index).outcome);
            assert_eq!(found.index, index);
        }
        for index in [9_000, 70_000, u64::MAX] {
            let error = reader.found(index).unwrap_err();
            assert!(
                matches!(error, LogError::Unknown { size: 9_000, .. }),
                "{error}"
            );
        }
    };
    check(&log.reader());
    log.close().unwrap();
    std::fs::remove_file(folder.path().join("index/00000000")).unwrap();
    check(&Reader::open(folder.path(), None).unwrap());
}

/// What the writer never writes is no entry of the index.
#[test]
fn an_altered_entry_of_the_index_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 3).close().unwrap();
    let path = folder.path().join("index/00000000");
    let good = std::fs::read(&path).unwrap();
    let reader = Reader::open(folder.path(), None).unwrap();
    // Of the second entry: kind, outcome, flags, unused bytes, a link without its flag.
    for (at, byte) in [
        (16, 0),
        (16, 13),
        (17, 4),
        (18, 4),
        (19, 1),
        (23, 1),
        (31, 1),
    ] {
        let mut bytes = good.clone();
        bytes[48 + at] = byte;
        std::fs::write(&path, &bytes).unwrap();
        for result in [
            reader.search(&Query::default()).map(drop),
            reader.found(1).map(drop),
        ] {
            let error = result.unwrap_err().to_string();
            assert!(error.contains("not readable"), "byte {at}: {error}");
        }
        assert_eq!(reader.found(2).unwrap().index, 2);
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

/// Marks a log as one that was not closed.
fn leave_open(folder: &Path) {
    std::fs::write(folder.join("lock"), "open\n").unwrap();
}

fn is_end_a_problem(report: &Report) -> bool {
    let mut places = report.problems.iter().map(|problem| &problem.place);
    places.any(|place| place.starts_with("records/00000000, byte"))
}

/// The start refuses the end of the records, which stay as they are, and a check calls it a problem.
fn assert_refused(folder: &Path) {
    let segment = folder.join("records/00000000");
    let len = std::fs::metadata(&segment).unwrap().len();
    let report = verify(folder, &Against::default()).unwrap();
    assert!(is_end_a_problem(&report), "{report:?}");
    let opened = Writer::open(folder, Options::default());
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("no trace of a crash"), "{error}");
    assert_eq!(std::fs::metadata(&segment).unwrap().len(), len);
}

/// A head every few bytes, each of which claims half of what there is, took the square of the
/// length: minutes for these.
#[test]
fn a_tail_of_false_heads_is_refused_at_once() {
    const TAIL: usize = 4 << 20;
    let claims = (TAIL as u32 / 2).to_be_bytes();
    let bare = [b"UWR1", &claims[..]].concat();
    // Of the record after the next, as it is after a sync: all but the checksum fits.
    let [index, synced] = [6_u64, 5].map(u64::to_be_bytes);
    let whole = [&bare[..], &[0; 4], &index, &synced].concat();
    for head in [bare, whole] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 4).close().unwrap();
        leave_open(folder.path());
        let segment = folder.path().join("records/00000000");
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes.extend(head.repeat(TAIL / head.len()));
        std::fs::write(&segment, bytes).unwrap();
        let (tell, told) = mpsc::channel();
        let at = folder.path().to_owned();
        std::thread::spawn(move || {
            assert_refused(&at);
            tell.send(())
        });
        let refused = told.recv_timeout(Duration::from_secs(60));
        refused.expect("it is refused, and soon");
    }
}

/// However far behind what is bad it lies, and wherever it begins; without it, the same is a torn
/// end.
#[test]
fn a_record_that_was_written_after_a_sync_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint_every: Duration::from_secs(3600),
        ..Options::default()
    };
    let log = Writer::open(folder.path(), options).unwrap();
    // Over no record.
    let checkpoint = std::fs::read(folder.path().join("checkpoint")).unwrap();
    (0..3).for_each(|number| common::append(&log, number..number + 1));
    log.close().unwrap();
    std::fs::write(folder.path().join("checkpoint"), checkpoint).unwrap();
    leave_open(folder.path());
    let path = folder.path().join("records/00000000");
    let segment = std::fs::read(&path).unwrap();
    let starts: Vec<usize> = (0..segment.len())
        .filter(|at| segment[*at..].starts_with(b"UWR1"))
        .collect();
    let write_behind = |gap: u64, record: &[u8]| {
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(&segment[..starts[1]]).unwrap();
        file.seek(SeekFrom::Current(gap as i64)).unwrap();
        file.write_all(record).unwrap();
    };
    let far = 257 << 20;
    let near_the_end_of_a_mebibyte = [0, 1, 14, 27, 28].map(|before| (1 << 20) - before);
    for gap in near_the_end_of_a_mebibyte.into_iter().chain([1, far]) {
        write_behind(gap, &segment[starts[2]..]);
        assert_refused(folder.path());
    }
    write_behind(1 << 20, b"UWR1");
    let report = verify(folder.path(), &Against::default()).unwrap();
    assert!(!is_end_a_problem(&report), "{report:?}");
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.status().records, 2, "one of them says what was cut");
    log.close().unwrap();
}
