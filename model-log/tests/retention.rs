//! Terms, holds and erasures: what goes when, and what stays.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{change, decision, filled, sound};
use model_log::event::Erasure;
use model_log::{Change, Kind, LogError, Options, Query, Reader, Record, Writer};

/// Whether the bytes of any file below a folder contain these.
fn contains(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return contains(&path, bytes);
        }
        let content = std::fs::read(&path).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn an_erased_record_is_gone_and_the_log_stays_sound() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 50);
    let key = std::fs::read(folder.path().join("keys/epoch-00000000-00000001.key")).unwrap();
    let leaf = log.reader().record(7).unwrap().leaf;
    let erased = log.erase(&change(&[7, 9, 7]), "tester").unwrap();
    assert_eq!((erased.index, erased.records), (50, 2));
    let record = log.reader().record(7).unwrap();
    assert_eq!((record.body, record.leaf), (None, leaf));
    assert!(log.reader().record(8).unwrap().body.is_some());
    let query = Query {
        request_id: Some("request-7".to_owned()),
        ..Query::default()
    };
    assert_eq!(log.reader().search(&query).unwrap(), []);
    let event: Erasure = log.reader().record(50).unwrap().event().unwrap();
    assert_eq!((event.indexes, event.before_term), (vec![7, 9], true));
    assert_eq!(event.retention_months, Some(60));
    // Again: nothing is left to erase.
    assert_eq!(log.erase(&change(&[7]), "tester").unwrap().records, 0);
    // The epoch goes on under the new key.
    log.append(vec![decision(52)]).unwrap().wait().unwrap();
    log.close().unwrap();
    let report = sound(folder.path());
    assert_eq!((report.records, report.erased), (53, 2));
    assert!(!contains(folder.path(), &key), "the old key is destroyed");
    assert!(!contains(folder.path(), b"applicant\": 7"));
    Reader::open(folder.path(), None).unwrap().prove(7).unwrap();
}

/// Whoever reads that an erasure came after its term reads which term that was.
#[test]
fn an_erasure_says_by_which_term_it_was_judged() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 10).close().unwrap();
    let options = Options {
        retention_months: 0,
        ..Options::default()
    };
    let log = Writer::open(folder.path(), options).unwrap();
    let due = Change {
        before_term: false,
        ..change(&[3])
    };
    let erased = log.erase(&due, "tester").unwrap();
    let event: Erasure = log.reader().record(erased.index).unwrap().event().unwrap();
    assert_eq!(
        (event.before_term, event.retention_months),
        (false, Some(0))
    );
}

#[test]
fn a_hold_and_the_term_refuse_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 10);
    let plain = Change {
        before_term: false,
        ..change(&[3])
    };
    let refused = log.erase(&plain, "tester").unwrap_err();
    assert!(
        matches!(refused, LogError::BeforeTerm { index: 3, .. }),
        "{refused}"
    );
    assert_eq!(log.hold(&change(&[3, 4]), "tester").unwrap().records, 2);
    let refused = log.erase(&change(&[2, 3]), "tester").unwrap_err();
    assert!(matches!(refused, LogError::Held(3)), "{refused}");
    assert!(
        log.reader().record(2).unwrap().body.is_some(),
        "all or nothing"
    );
    assert_eq!(log.release(&change(&[3]), "tester").unwrap().records, 1);
    assert_eq!(log.erase(&change(&[3]), "tester").unwrap().records, 1);
    let held = log.reader().held().unwrap();
    assert_eq!(held.into_iter().collect::<Vec<_>>(), [4]);
    let refused = log.erase(&change(&[99]), "tester").unwrap_err();
    assert!(
        matches!(refused, LogError::Unknown { index: 99, .. }),
        "{refused}"
    );
    let refused = log.erase(&change(&[10]), "tester").unwrap_err();
    assert!(matches!(refused, LogError::NotPersonal { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .starts_with("record 10 cannot be erased: ")
    );
    let refused = log.hold(&change(&[10]), "tester").unwrap_err().to_string();
    assert!(
        refused.starts_with("record 10 cannot be held: it is of the kind `hold`, "),
        "{refused}"
    );
    let refused = log.release(&change(&[10]), "tester").unwrap_err();
    assert!(
        refused
            .to_string()
            .starts_with("record 10 cannot be released: ")
    );
    let silent = Change {
        because: " ".to_owned(),
        ..change(&[5])
    };
    assert!(matches!(
        log.erase(&silent, "tester"),
        Err(LogError::Argument(_))
    ));
    log.close().unwrap();
    sound(folder.path());
}

/// A record that was made so many years ago.
fn old(years: i64, mut record: Record) -> Record {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let ago = Duration::from_secs(u64::try_from(years).unwrap() * 366 * 24 * 3600);
    record.details.time = i64::try_from((since - ago).as_micros()).unwrap();
    record
}

#[test]
fn what_is_about_a_decision_has_its_term_and_its_holds() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let about = |kind, link| Record::about(kind, link, &"the applicant").unwrap();
    let records = vec![
        old(6, decision(0)),
        old(6, about(Kind::Override, 0)),
        old(6, about(Kind::Notice, 1)),
        old(6, decision(3)),
        old(6, about(Kind::Override, 3)),
        old(3, about(Kind::Performance, 0)),
    ];
    log.append(records).unwrap().wait().unwrap();
    let erase = |indexes: &[u64], before_term| {
        let change = Change {
            before_term,
            ..change(indexes)
        };
        log.erase(&change, "tester")
    };
    let events = |index| -> Erasure { log.reader().record(index).unwrap().event().unwrap() };
    let now = u32::try_from(old(0, decision(0)).details.time / 60_000_000).unwrap();
    let due = log.reader().beyond_retention(60, now).unwrap();
    let due: Vec<u64> = due.iter().map(|found| found.index).collect();
    assert_eq!(due, [3, 4]);
    // The loan of decision 0 ended three years ago, and all that is about it has one term.
    let mut ends = BTreeSet::new();
    for named in [&[0][..], &[1], &[2], &[5], &[0, 1], &[4, 2]] {
        match erase(named, false) {
            Err(LogError::BeforeTerm { until, .. }) => ends.insert(until),
            other => panic!("{named:?}: {other:?}"),
        };
    }
    assert_eq!(ends.len(), 1, "{ends:?}");
    log.hold(&change(&[0]), "tester").unwrap();
    for named in [0, 1, 2, 5] {
        let refused = erase(&[named], true).unwrap_err();
        assert!(matches!(refused, LogError::Held(_)), "{named}: {refused}");
    }
    log.release(&change(&[0]), "tester").unwrap();
    let erased = erase(&[1], true).unwrap();
    assert_eq!(erased.records, 2, "and the notice");
    assert!(events(erased.index).before_term);
    let erased = erase(&[4], false).unwrap();
    assert!(!events(erased.index).before_term);
    log.close().unwrap();
    sound(folder.path());
}

/// What is beyond its retention is erased by the list, whatever is on hold.
#[test]
fn what_is_listed_for_erasure_is_erased() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let about = |kind, link| Record::about(kind, link, &"the applicant").unwrap();
    let records = vec![
        old(6, decision(0)),
        old(6, about(Kind::Override, 0)),
        old(6, about(Kind::Notice, 1)),
        old(6, about(Kind::Performance, 0)),
        old(6, decision(4)),
        old(6, about(Kind::Override, 4)),
        old(6, decision(6)),
        old(6, decision(7)),
    ];
    log.append(records).unwrap().wait().unwrap();
    let now = u32::try_from(old(0, decision(0)).details.time / 60_000_000).unwrap();
    let listed = || -> Vec<u64> {
        let due = log.reader().beyond_retention(60, now).unwrap();
        due.iter().map(|found| found.index).collect()
    };
    assert_eq!(listed(), [0, 1, 2, 3, 4, 5, 6, 7]);
    // The notice keeps the override, and the override the decision, but not how the loan went.
    log.hold(&change(&[2, 4, 7]), "tester").unwrap();
    assert_eq!(listed(), [3, 6]);
    let due = |indexes: &[u64]| Change {
        before_term: false,
        ..change(indexes)
    };
    for index in [0, 1, 2, 4, 5, 7] {
        let refused = log.erase(&due(&[index]), "tester").unwrap_err();
        assert!(matches!(refused, LogError::Held(_)), "{index}: {refused}");
    }
    assert_eq!(log.erase(&due(&listed()), "tester").unwrap().records, 2);
    assert_eq!(listed(), [] as [u64; 0]);
    // A hold on what is erased already keeps nothing.
    log.release(&change(&[2, 7]), "tester").unwrap();
    log.hold(&change(&[3]), "tester").unwrap();
    assert_eq!(listed(), [0, 1, 2, 7]);
    assert_eq!(log.erase(&due(&listed()), "tester").unwrap().records, 4);
    log.close().unwrap();
    sound(folder.path());
}

#[test]
fn records_are_beyond_retention_after_their_term() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 4);
    let notice = Record::about(Kind::Notice, 1, &"sent").unwrap();
    log.append(vec![notice]).unwrap().wait().unwrap();
    log.hold(&change(&[2]), "tester").unwrap();
    let reader = log.reader();
    let minute = reader.record(0).unwrap().minute;
    assert_eq!(reader.beyond_retention(60, minute).unwrap(), []);
    let later = minute + 61 * 31 * 24 * 60;
    let beyond = reader.beyond_retention(60, later).unwrap();
    let beyond: Vec<u64> = beyond.iter().map(|found| found.index).collect();
    assert_eq!(beyond, [0, 1, 3, 4]);
}
