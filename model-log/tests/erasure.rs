//! An erasure that a crash interrupted is ended by the next start, also where it is the last
//! record of an epoch. Whatever is recorded about a record is erased with it, and nothing is
//! recorded about it afterwards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::sync::Arc;

use common::watched::{Act, Watched};
use common::{decision, filled};
use model_log::verify::{Against, verify};
use model_log::{AppendError, Change, Kind, Options, Query, Receipt, Record, Writer};

/// Records of an epoch.
const EPOCH: u64 = 1 << 16;

/// Everything that is about an applicant, as the others are about a decision.
const PERSONAL: [Kind; 6] = [
    Kind::Decision,
    Kind::Explanation,
    Kind::Override,
    Kind::Notice,
    Kind::Performance,
    Kind::Proposal,
];

fn erasure(index: u64) -> Change {
    Change {
        indexes: vec![index],
        because: "the applicant asked for it".to_owned(),
        before_term: true,
    }
}

fn about(kind: Kind, link: u64) -> Record {
    Record::about(kind, link, &"the applicant").unwrap()
}

fn append(log: &Writer, records: Vec<Record>) -> Result<Vec<Receipt>, AppendError> {
    log.append(records).unwrap().wait()
}

/// The records about another one that can still be read.
fn readable_about(log: &Writer, link: u64) -> Vec<u64> {
    let reader = log.reader();
    let query = Query {
        kinds: PERSONAL.to_vec(),
        link: Some(link),
        ..Query::default()
    };
    let found = reader.search(&query).unwrap().into_iter();
    let indexes = found.map(|found| found.index);
    indexes
        .filter(|index| reader.record(*index).unwrap().body.is_some())
        .collect()
}

#[test]
fn an_erasure_at_the_end_of_an_epoch_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    for first in (0..EPOCH - 1).step_by(4096) {
        let records = (first..(first + 4096).min(EPOCH - 1)).map(decision);
        log.append(records.collect()).unwrap().wait().unwrap();
    }
    let seeds = folder.path().join("seeds/00000000");
    let keys = folder.path().join("keys");
    let [key, next] =
        ["00000001", "00000002"].map(|n| keys.join(format!("epoch-00000000-{n}.key")));
    let aside = tempfile::tempdir().unwrap();
    let before = [
        (&seeds, aside.path().join("seeds")),
        (&key, aside.path().join("key")),
    ];
    for (file, copy) in &before {
        std::fs::copy(file, copy).unwrap();
    }
    let index = folder.path().join("index/00000000");
    let mut entries = std::fs::read(&index).unwrap();
    let erased = log.erase(&erasure(5), "tester").unwrap();
    assert_eq!(erased.index, EPOCH - 1);
    drop(log);
    // As a crash leaves it that comes after the record and before the keys are destroyed.
    for (file, copy) in &before {
        std::fs::copy(copy, file).unwrap();
    }
    std::fs::remove_file(&next).unwrap();
    entries.extend_from_slice(&std::fs::read(&index).unwrap()[entries.len()..]);
    std::fs::write(&index, entries).unwrap();
    std::fs::write(folder.path().join("lock"), "open\n").unwrap();
    let report = verify(folder.path(), &Against::default()).unwrap();
    assert_eq!(report.problems, []);
    let note = "record 5 was erased, and its key is still there: the next start destroys it";
    assert_eq!(report.notes, [note]);
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.status().records, EPOCH);
    assert_eq!(log.reader().record(5).unwrap().body, None);
    assert!(log.reader().record(6).unwrap().body.is_some());
    assert!(!key.exists(), "the key that opened it is destroyed");
    // The epoch of both has ended.
    let refused = append(&log, vec![about(Kind::Notice, 6), about(Kind::Notice, 5)]);
    assert_eq!(refused, Err(AppendError::Erased(5)));
    let receipts = append(&log, vec![about(Kind::Notice, 6), about(Kind::Notice, 4)]);
    assert_eq!(receipts.unwrap()[0].index, EPOCH);
    log.close().unwrap();
}

/// Nothing is appended of a group in which something is about an erased record.
fn assert_refused(log: &Writer, erased: u64, other: u64) {
    let before = log.status().records;
    for kind in PERSONAL {
        let group = vec![decision(7), about(kind, other), about(kind, erased)];
        let refused = append(log, group);
        assert_eq!(refused, Err(AppendError::Erased(erased)), "{kind:?}");
    }
    assert_eq!(log.status().records, before);
}

#[test]
fn nothing_is_recorded_about_what_was_erased() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    append(&log, (0..3).map(decision).collect()).unwrap();
    log.erase(&erasure(1), "tester").unwrap();
    assert_refused(&log, 1, 2);
    // Others that wait for the same sync are recorded.
    let waiting = [2, 1, 0].map(|link| log.append(vec![about(Kind::Notice, link)]).unwrap());
    let done = waiting.map(|pending| pending.wait().map(|receipts| receipts.len()));
    assert_eq!(done, [Ok(1), Err(AppendError::Erased(1)), Ok(1)]);
    log.close().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_refused(&log, 1, 2);
    // What the log says about itself holds nothing of the applicant.
    log.hold(&erasure(1), "tester").unwrap();
    log.close().unwrap();
    let report = verify(folder.path(), &Against::default()).unwrap();
    assert_eq!(report.problems, []);
}

#[test]
fn what_is_recorded_about_a_record_is_erased_with_it_in_whatever_order_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    for round in 0..20 {
        let decided = append(&log, vec![decision(round)]).unwrap()[0].index;
        // What waits before the erasure, and what is about that.
        let override_of = log.append(vec![about(Kind::Override, decided)]).unwrap();
        let notice_of = log.append(vec![about(Kind::Notice, decided + 1)]).unwrap();
        let said = std::thread::scope(|scope| {
            let people = [(); 3].map(|()| {
                scope.spawn(|| {
                    let notices = (0..8).map(|_| append(&log, vec![about(Kind::Notice, decided)]));
                    notices.collect::<Vec<_>>()
                })
            });
            log.erase(&erasure(decided), "tester").unwrap();
            people.map(|person| person.join().unwrap())
        });
        override_of.wait().unwrap();
        notice_of.wait().unwrap();
        for said in said.into_iter().flatten() {
            match said {
                Ok(_) => {}
                Err(error) => assert_eq!(error, AppendError::Erased(decided)),
            }
        }
        for erased in [decided, decided + 1] {
            assert!(readable_about(&log, erased).is_empty(), "round {round}");
        }
    }
}

#[test]
fn a_record_is_about_one_that_comes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    append(&log, (0..3).map(decision).collect()).unwrap();
    for (link, size) in [(4, 4), (5, 4), (u64::MAX, 4)] {
        let refused = append(&log, vec![decision(3), about(Kind::Notice, link)]);
        assert_eq!(refused, Err(AppendError::Unknown { link, size }));
    }
    append(&log, vec![decision(3), about(Kind::Notice, 3)]).unwrap();
    log.close().unwrap();
    let report = verify(folder.path(), &Against::default()).unwrap();
    assert_eq!((report.records, report.problems.len()), (5, 0));
}

/// What a start of a log with so many erasures does with seeds and indexes: reads and writes.
fn start_after(erasures: u64, is_killed: bool) -> [usize; 2] {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 100);
    for index in 0..erasures {
        log.erase(&erasure(2 * index), "tester").unwrap();
    }
    append(&log, vec![decision(100)]).unwrap();
    log.close().unwrap();
    if is_killed {
        std::fs::write(folder.path().join("lock"), "open\n").unwrap();
    }
    let disk = Watched::default();
    let log = Writer::open_on(Arc::new(disk.clone()), folder.path(), Options::default()).unwrap();
    let steps = disk.steps();
    assert_eq!(log.reader().record(0).unwrap().body, None);
    let count = |is_wanted: fn(Act) -> bool, of: &str| {
        let is_of = |part: std::path::Component<'_>| part.as_os_str() == of;
        let steps = steps.iter().filter(|step| is_wanted(step.act));
        steps
            .filter(|step| step.path.components().any(is_of))
            .count()
    };
    let is_read = |act| matches!(act, Act::Read(_));
    [
        count(is_read, "seeds"),
        count(|act| act == Act::Write, "index"),
    ]
}

/// Each start, and each time that a log opened itself again, did all erasures of the epoch once more.
#[test]
fn a_start_ends_the_last_erasure_alone() {
    for is_killed in [false, true] {
        let one = start_after(1, is_killed);
        assert!(one[0] > 0, "{one:?}");
        assert_eq!(start_after(2, is_killed), one);
        assert_eq!(start_after(40, is_killed), one);
    }
}
