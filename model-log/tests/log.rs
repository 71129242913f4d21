//! A log through its public interface: append, read, prove, hold, erase, close, open again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::decision;
use model_log::event::{Erasure, Override};
use model_log::verify::{Against, Report, verify};
use model_log::{
    Change, Event, Kind, LogError, Options, Outcome, Query, Reader, Record, Verifier, Writer,
    check_proof, enclosing_log,
};

fn checked(folder: &Path) -> Report {
    verify(folder, &Against::default()).expect("the log can be read")
}

fn sound(folder: &Path) -> Report {
    let report = checked(folder);
    assert_eq!(report.problems, [], "a log without problems");
    report
}

fn filled(folder: &Path, records: u64) -> Writer {
    let log = Writer::open(folder, Options::default()).unwrap();
    let all = (0..records).map(decision).collect();
    log.append(all).unwrap().wait().unwrap();
    log
}

fn change(indexes: &[u64]) -> Change {
    Change {
        indexes: indexes.to_vec(),
        because: "the applicant asked for it".to_owned(),
        before_term: true,
    }
}

#[test]
fn what_was_appended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 700);
    let receipt = log.append(vec![decision(700)]).unwrap().wait().unwrap()[0];
    assert_eq!(receipt.index, 700);
    let opened = log.reader().record(700).unwrap();
    assert_eq!(opened.leaf, receipt.leaf);
    let body = opened.body.unwrap();
    assert_eq!(body.request, decision(700).request);
    assert_eq!(body.answer, decision(700).answer);
    assert!(body.details.time > 0);
    log.close().unwrap();
    assert_eq!(sound(folder.path()).records, 701);

    // Opened again and closed, nothing is added.
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.status().records, 701);
    log.append(vec![decision(701)]).unwrap().wait().unwrap();
    drop(log);
    let report = sound(folder.path());
    assert_eq!((report.records, report.signed), (702, 702));
    let reader = Reader::open(folder.path(), None).unwrap();
    let mut seen = 0;
    reader
        .scan(100, u64::MAX, |record| {
            assert_eq!(record.index, 100 + seen);
            assert_eq!(record.body.unwrap().request, decision(100 + seen).request);
            seen += 1;
            Ok::<_, LogError>(())
        })
        .unwrap();
    assert_eq!(seen, 602);
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 1);
    let refused = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, LogError::Locked(_)), "{refused}");
    drop(log);
    Writer::open(folder.path(), Options::default()).unwrap();
}

#[test]
fn a_folder_with_other_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let refused = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, LogError::NotEmpty(_)), "{refused}");
    assert!(matches!(
        Reader::open(folder.path(), None),
        Err(LogError::NoLog(_))
    ));
}

#[test]
fn a_log_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).close().unwrap();
    std::fs::write(
        folder.path().join("format"),
        "underwrite decision log 2\nx\n",
    )
    .unwrap();
    let refused = Writer::open(folder.path(), Options::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("underwrite decision log 2"), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).close().unwrap();
    let key = folder.path().join("keys/signing.pk8");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Writer::open(folder.path(), Options::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

/// A log whose keys are in a folder of their own.
fn with_keys(keys: &Path) -> Options {
    Options {
        keys: Some(keys.to_owned()),
        ..Options::default()
    }
}

fn sound_with_keys(folder: &Path, keys: &Path) -> Report {
    let against = Against {
        keys: Some(keys.to_owned()),
        ..Against::default()
    };
    let report = verify(folder, &against).unwrap();
    assert_eq!(report.problems, [], "a log without problems");
    report
}

fn append(log: &Writer, numbers: std::ops::Range<u64>) {
    let records = numbers.map(decision).collect();
    log.append(records).unwrap().wait().unwrap();
}

/// The names in a folder and what is in the files.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    });
    let mut content: Vec<_> = entries.collect();
    content.sort();
    content
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp")
        .args(["-a", &format!("{}/.", from.display())])
        .arg(to)
        .status();
    assert!(status.unwrap().success());
}

#[test]
fn a_new_log_does_not_take_the_keys_of_another() {
    let place = tempfile::tempdir().unwrap();
    let [log, other, keys] = ["log", "other", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..5);
    first.close().unwrap();
    let before = content(&keys);
    let refused = |folder: &Path| {
        let error = Writer::open(folder, with_keys(&keys)).unwrap_err();
        assert!(matches!(error, LogError::Key { .. }), "{error}");
        assert!(
            error.to_string().contains("belong to another log"),
            "{error}"
        );
        assert_eq!(content(&keys), before, "nothing is changed");
    };
    refused(&other);
    refused(&other);
    // The log's volume is not mounted: an empty folder is there instead.
    let away = place.path().join("away");
    std::fs::rename(&log, &away).unwrap();
    refused(&log);
    std::fs::remove_dir_all(&log).unwrap();
    // A half copy of the log itself: what names its keys is there, its records are not.
    std::fs::create_dir(&log).unwrap();
    std::fs::copy(away.join("verifier-key"), log.join("verifier-key")).unwrap();
    refused(&log);
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(&away, &log).unwrap();
    let log = Writer::open(&log, with_keys(&keys)).unwrap();
    let body = log.reader().record(3).unwrap().body.unwrap();
    assert_eq!(body.request, decision(3).request);
    log.close().unwrap();
}

#[test]
fn two_logs_at_once_do_not_share_keys() {
    let place = tempfile::tempdir().unwrap();
    let [log, other, keys] = ["log", "other", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    let error = Writer::open(&other, with_keys(&keys)).unwrap_err();
    assert!(matches!(error, LogError::KeysLocked(_)), "{error}");
    append(&first, 0..5);
    first.close().unwrap();
    assert_eq!(sound_with_keys(&log, &keys).records, 5);
    // A copy of the log beside it neither.
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::create_dir(&other).unwrap();
    copy(&log, &other);
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    let error = Writer::open(&other, with_keys(&keys)).unwrap_err();
    assert!(matches!(error, LogError::KeysLocked(_)), "{error}");
    first.close().unwrap();
}

#[test]
fn keys_of_an_earlier_version_have_no_lock_and_are_taken() {
    let place = tempfile::tempdir().unwrap();
    let [log, keys] = ["log", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..5);
    first.close().unwrap();
    let expected = ["epoch-00000000-00000001.key", "index.key", "signing.pk8"];
    std::fs::remove_file(keys.join("keys.lock")).unwrap();
    let names: Vec<_> = content(&keys).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected, "nothing else is left by a start");
    assert_eq!(sound_with_keys(&log, &keys).records, 5);
    let log = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&log, 5..6);
    log.close().unwrap();
}

#[test]
fn a_log_whose_format_is_missing_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 5).close().unwrap();
    let format = folder.path().join("format");
    let text = std::fs::read(&format).unwrap();
    std::fs::remove_file(&format).unwrap();
    let error = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("restore it"), "{error}");
    std::fs::write(&format, text).unwrap();
    assert_eq!(sound(folder.path()).records, 5);
}

/// An older copy comes to an epoch that the log has begun already.
#[test]
fn an_epoch_of_a_copy_destroys_no_key_of_the_log() {
    let place = tempfile::tempdir().unwrap();
    let [log, older, keys] = ["log", "older", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..65_530);
    first.close().unwrap();
    std::fs::create_dir(&older).unwrap();
    copy(&log, &older);
    for folder in [&log, &older] {
        let log = Writer::open(folder, with_keys(&keys)).unwrap();
        append(&log, 65_530..65_540);
        log.close().unwrap();
    }
    for folder in [&older, &log] {
        let log = Writer::open(folder, with_keys(&keys)).unwrap();
        let body = log.reader().record(65_538).unwrap().body.unwrap();
        assert_eq!(body.request, decision(65_538).request);
        log.close().unwrap();
        assert_eq!(sound_with_keys(folder, &keys).records, 65_540);
    }
}

#[test]
fn every_record_of_a_checkpoint_can_be_proved() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1000).close().unwrap();
    let reader = Reader::open(folder.path(), None).unwrap();
    let verifier = Verifier::parse(&reader.verifier_key()).unwrap();
    for index in (0..1000).step_by(37).chain([255, 256, 999]) {
        let proof = reader.prove(index).unwrap();
        let (proved, leaf, checkpoint) = check_proof(&proof, &verifier).unwrap();
        assert_eq!((proved, checkpoint.size), (index, 1000));
        assert_eq!(leaf, reader.record(index).unwrap().leaf);
        let other = proof.replace(&format!("index {index}"), &format!("index {}", index ^ 1));
        check_proof(&other, &verifier).unwrap_err();
    }
    assert!(matches!(reader.prove(1000), Err(LogError::Unknown { .. })));
}

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

#[test]
fn no_log_is_made_where_one_has_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo");
    let error = Writer::open_existing(&typo, Options::default()).unwrap_err();
    assert!(matches!(error, LogError::NoLog(_)), "{error}");
    assert!(!typo.exists());
    filled(&typo, 1).close().unwrap();
    let log = Writer::open_existing(&typo, Options::default()).unwrap();
    assert_eq!(log.status().records, 1);
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

#[test]
fn an_observer_hears_of_checkpoints_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&heard);
    let options = Options {
        observer: Some(Arc::new(move |event| {
            observer.lock().unwrap().push(event.clone())
        })),
        ..Options::default()
    };
    let log = Writer::open(folder.path(), options).unwrap();
    log.append(vec![decision(0)]).unwrap().wait().unwrap();
    log.close().unwrap();
    let heard = heard.lock().unwrap();
    assert!(
        matches!(heard.first(), Some(Event::KeysMade(_))),
        "{heard:?}"
    );
    assert!(
        matches!(heard.last(), Some(Event::Checkpoint(_))),
        "{heard:?}"
    );
}

#[test]
fn a_checkpoint_kept_elsewhere_shows_that_the_end_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 20);
    log.close().unwrap();
    let status = std::process::Command::new("cp")
        .args(["-a", &format!("{}/.", folder.path().display())])
        .arg(copy.path())
        .status();
    assert!(status.unwrap().success());
    let log = filled(folder.path(), 5);
    let kept = Against {
        checkpoint: {
            log.close().unwrap();
            Some(
                Reader::open(folder.path(), None)
                    .unwrap()
                    .checkpoint()
                    .unwrap(),
            )
        },
        ..Against::default()
    };
    let report = verify(folder.path(), &kept).unwrap();
    assert_eq!((report.problems, report.covered), (vec![], Some(25)));
    let report = verify(copy.path(), &kept).unwrap();
    assert!(
        report.problems[0].problem.contains("the end is missing"),
        "{report:?}"
    );
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

#[test]
fn a_path_into_a_log_or_its_keys_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (log, keys) = (folder.path().join("log"), folder.path().join("keys"));
    let options = Options {
        keys: Some(keys.clone()),
        ..Options::default()
    };
    Writer::open(&log, options).unwrap().close().unwrap();
    for name in ["checkpoint", "records/00000000", "new", "new/newer/x.html"] {
        assert_eq!(enclosing_log(&log.join(name)), Some(log.clone()), "{name}");
    }
    for name in ["signing.pk8", "epoch-00000000-00000001.key", "new"] {
        assert_eq!(
            enclosing_log(&keys.join(name)),
            Some(keys.clone()),
            "{name}"
        );
    }
    // The folder itself is in none, nor is what lies beside it.
    for path in [&log, &keys, &folder.path().join("x.html")] {
        assert_eq!(enclosing_log(path), None, "{}", path.display());
    }
    // Of whatever version; a file `format` of something else makes no log.
    std::fs::write(log.join("format"), "underwrite decision log 2\n").unwrap();
    assert_eq!(enclosing_log(&log.join("new")), Some(log.clone()));
    std::fs::write(log.join("format"), "PNG\n").unwrap();
    std::fs::write(keys.join("index.key"), "of a book").unwrap();
    assert_eq!(enclosing_log(&log.join("new")), None);
    assert_eq!(enclosing_log(&keys.join("new")), None);
}
