//! Records are found by what the index has of them, and where it has less by the records themselves.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::watched::{Act, Watched};
use common::{append, change, checked, copy, decision, filled, sound};
use model_log::event::Override;
use model_log::{
    Kind, LogError, Options, Outcome, Query, Reader, Record, Verifier, Writer, check_proof,
};

#[test]
fn records_are_found_by_id_outcome_and_link() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 100);
    let decided = Override {
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
    let record = Record::about(Kind::Override, 4, &decided).unwrap();
    log.append(vec![record]).unwrap().wait().unwrap();
    let found = |query: Query| -> Vec<u64> {
        let found = log.reader().search(&query).unwrap();
        found.iter().map(|found| found.index).collect()
    };
    let by_request = Query {
        request_id: Some("request-17".to_owned()),
        ..Query::default()
    };
    assert_eq!(found(by_request), [17]);
    let by_application = Query {
        application: Some("application-8".to_owned()),
        ..Query::default()
    };
    assert_eq!(found(by_application), [16, 17]);
    let linked = Query {
        link: Some(4),
        ..Query::default()
    };
    assert_eq!(found(linked), [100]);
    let queue = Query {
        kinds: vec![Kind::Decision],
        outcome: Some(Outcome::Refer),
        open: true,
        limit: 3,
        ..Query::default()
    };
    assert_eq!(found(queue), [1, 7, 10]);
    // Nobody was given what a shadow says, nor what a refused request has.
    let mut shadow = decision(1);
    shadow.link = Some(99);
    let mut refused = decision(2);
    refused.outcome = Outcome::None;
    let mut more = vec![shadow, refused, decision(103)];
    more[2].outcome = Outcome::Refer;
    log.append(more).unwrap().wait().unwrap();
    let open = Query {
        open: true,
        from: 99,
        ..Query::default()
    };
    assert_eq!(found(open), [99, 103]);
    let read: Override = log.reader().record(100).unwrap().event().unwrap();
    assert_eq!(read, decided);
}

/// What a power failure had left of the index once was taken for the whole log.
#[test]
fn an_index_that_ends_early_hides_no_record() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 300).close().unwrap();
    let index = folder.path().join("index/00000000");
    let whole = std::fs::read(&index).unwrap();
    for left in [0, 48 * 110, 48 * 110 + 7, 48 * 299] {
        // With the last sector of it never written.
        for zeros in [0, 96] {
            let bytes = [&whole[..left], &vec![0; zeros]].concat();
            std::fs::write(&index, bytes).unwrap();
            let reader = Reader::open(folder.path(), None).unwrap();
            assert_eq!(reader.size().unwrap(), 300, "{left} {zeros}");
            assert_eq!(reader.record(299).unwrap().index, 299);
            let mut seen = 0;
            let scanned = reader.scan::<LogError>(0, u64::MAX, |_| {
                seen += 1;
                Ok(())
            });
            scanned.unwrap();
            assert_eq!(seen, 300);
        }
    }
    // Without keys it is not a part of the log that is told of.
    std::fs::write(&index, &whole[..48 * 110]).unwrap();
    let other = tempfile::tempdir().unwrap();
    copy(folder.path(), other.path());
    std::fs::remove_dir_all(other.path().join("keys")).unwrap();
    let reader = Reader::open(other.path(), None).unwrap();
    assert!(matches!(reader.prove(250), Err(LogError::Key { .. })));
    // Also while somebody has the lock and has not yet mended it: the checkpoint covers more.
    std::fs::write(&index, &whole[..48 * 110]).unwrap();
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    let reader = Reader::open(folder.path(), None).unwrap();
    assert_eq!(reader.size().unwrap(), 300);
    drop(lock);
    // A record that is damaged is none that was never there.
    std::fs::write(&index, &whole[..48 * 110]).unwrap();
    let records = folder.path().join("records/00000000");
    let mut bytes = std::fs::read(&records).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&records, bytes).unwrap();
    let reader = Reader::open(folder.path(), None).unwrap();
    let error = reader.size().unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}

/// While somebody has the lock, a record that is in no index and under no checkpoint is on its
/// way; afterwards it is one that a crash has kept.
#[test]
fn a_record_that_only_the_records_have_counts_where_nobody_writes() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 300).close().unwrap();
    let before = ["index/00000000", "checkpoint"].map(|name| {
        let path = folder.path().join(name);
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    });
    filled(folder.path(), 1).close().unwrap();
    for (path, bytes) in &before {
        std::fs::write(path, bytes).unwrap();
    }
    let size = || {
        let reader = Reader::open(folder.path(), None).unwrap();
        reader.size().unwrap()
    };
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    assert_eq!(size(), 300);
    // Not by closing it: a child that another test has just begun to start has it open too.
    lock.unlock().unwrap();
    assert_eq!(size(), 301);
}

#[test]
fn an_index_that_is_absent_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 300).close().unwrap();
    let index = folder.path().join("index/00000000");
    let before = std::fs::read(&index).unwrap();
    std::fs::remove_file(&index).unwrap();
    assert_eq!(checked(folder.path()).problems.len(), 1);
    let reader = Reader::open(folder.path(), None).unwrap();
    assert_eq!(reader.record(299).unwrap().index, 299);
    Writer::open(folder.path(), Options::default())
        .unwrap()
        .close()
        .unwrap();
    assert_eq!(std::fs::read(&index).unwrap(), before);
    sound(folder.path());
}

#[test]
fn an_epoch_ends_and_the_next_begins() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 65_530);
    log.append((65_530..65_545).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    assert!(folder.path().join("records/00000001").exists());
    assert_eq!(
        log.reader().record(65_540).unwrap().body.unwrap().request,
        decision(65_540).request
    );
    for newest_first in [false, true] {
        let query = Query {
            from: 65_500,
            to: Some(65_543),
            newest_first,
            ..Query::default()
        };
        let found = log.reader().search(&query).unwrap().into_iter();
        let mut found: Vec<u64> = found.map(|found| found.index).collect();
        if newest_first {
            found.reverse();
        }
        assert_eq!(found, (65_500..65_543).collect::<Vec<_>>());
    }
    log.erase(&change(&[5, 65_541]), "tester").unwrap();
    assert!([5, 65_541].map(|index| log.reader().found(index).unwrap().erased) == [true; 2]);
    log.close().unwrap();
    let report = sound(folder.path());
    assert_eq!((report.records, report.erased), (65_546, 2));
    an_ended_epoch_is_read_from_its_records(folder.path());
    // Tiles that are gone are built again at the start.
    std::fs::remove_dir_all(folder.path().join("tile")).unwrap();
    assert!(!checked(folder.path()).problems.is_empty());
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let proof = log.reader().prove(65_545).unwrap();
    let verifier = Verifier::parse(&log.reader().verifier_key()).unwrap();
    check_proof(&proof, &verifier).unwrap();
    log.close().unwrap();
    sound(folder.path());
}

/// The first record of an epoch that had none was taken for one that is older than all.
#[test]
fn a_log_that_ends_with_an_epoch_is_sound() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 1 << 16);
    assert_eq!(sound(folder.path()).records, 1 << 16);
    log.close().unwrap();
    assert_eq!(sound(folder.path()).notes, [""; 0]);
}

/// Where the index of an epoch that has ended is short; not where its records are, too.
fn an_ended_epoch_is_read_from_its_records(folder: &Path) {
    let [index, records] = ["index", "records"].map(|name| folder.join(name).join("00000000"));
    let [whole, good] = [&index, &records].map(|path| std::fs::read(path).unwrap());
    let decisions = Query {
        kinds: vec![Kind::Decision],
        ..Query::default()
    };
    std::fs::write(&index, &whole[..48 * 1000]).unwrap();
    let reader = Reader::open(folder, None).unwrap();
    assert_eq!(reader.search(&decisions).unwrap().len(), 65_545);
    assert_eq!(reader.record(40_000).unwrap().index, 40_000);
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    std::fs::write(&records, bad).unwrap();
    let reader = Reader::open(folder, None).unwrap();
    let error = reader.search(&decisions).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
    std::fs::write(&index, whole).unwrap();
    std::fs::write(&records, good).unwrap();
}

/// How often seeds were read since this was asked last.
fn keys_read(disk: &Watched) -> usize {
    let steps = disk.steps().into_iter();
    let reads = steps.filter(|step| matches!(step.act, Act::Read(_)));
    let is_of_seeds = |path: &Path| path.components().any(|part| part.as_os_str() == "seeds");
    reads.filter(|step| is_of_seeds(&step.path)).count()
}

/// Of an epoch of which many records were erased they are megabytes, which were read for each record
/// of a page.
#[test]
fn keys_are_read_once_for_records_that_are_opened_together() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = Writer::open_on(Arc::new(disk.clone()), folder.path(), Options::default()).unwrap();
    append(&log, 0..20);
    log.erase(&change(&[3, 9]), "tester").unwrap();
    let reader = log.reader();
    let keys_read = || keys_read(&disk);
    keys_read();
    let mut opener = reader.opener();
    for index in [0, 3, 9, 12] {
        let opened = opener.record(index).unwrap();
        assert_eq!(opened.body.is_some(), ![3, 9].contains(&index));
    }
    let together = keys_read();
    for index in [0, 3, 9, 12] {
        reader.record(index).unwrap();
    }
    assert!(together > 0);
    assert_eq!(keys_read(), 4 * together);
}

/// They were read for each hold and release of the log, whatever the k-th change was about.
#[test]
fn keys_are_read_once_for_all_changes_of_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = Writer::open_on(Arc::new(disk.clone()), folder.path(), Options::default()).unwrap();
    append(&log, 0..20);
    for index in 0..10 {
        log.hold(&change(&[index]), "tester").unwrap();
        log.release(&change(&[index]), "tester").unwrap();
        log.hold(&change(&[index + 10]), "tester").unwrap();
    }
    keys_read(&disk);
    let reader = log.reader();
    assert_eq!(reader.held().unwrap(), (10..20).collect());
    assert_eq!(keys_read(&disk), 1, "what is on hold");
    assert_eq!(reader.beyond_retention(0, u32::MAX).unwrap().len(), 10);
    assert_eq!(keys_read(&disk), 1, "what is beyond its retention");
    for what in [Writer::hold, Writer::release] {
        what(&log, &change(&[5]), "tester").unwrap();
        assert_eq!(keys_read(&disk), 1, "a hold or a release");
    }
    log.erase(&change(&[5]), "tester").unwrap();
    // Once more to see that they can be read, and once by the log's thread, which destroys one.
    assert_eq!(keys_read(&disk), 3, "an erasure");
}
