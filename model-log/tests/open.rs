//! A log that is open: of a server that runs, or of one that was killed. Nothing may be behind the
//! end of what its records lead to, and nothing that is only there is taken for a record.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::watched::{Act, Watched};
use common::{append, change, checked, filled, sound};
use model_log::verify::{Against, verify_on};
use model_log::{LogError, Options, Query, Reader, Writer};

/// A log of so many records that looks as if its server had been killed.
fn killed(folder: &Path, records: u64) {
    filled(folder, records).close().unwrap();
    std::fs::write(folder.join("lock"), "open\n").unwrap();
    sound(folder);
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.flat_map(below).collect()
}

/// The index with three entries more, of records that there are not: copies of the last one, or
/// such as would come next.
fn longer_indexes(folder: &Path) -> [Vec<u8>; 2] {
    let index = std::fs::read(folder.join("index/00000000")).unwrap();
    let records = std::fs::metadata(folder.join("records/00000000")).unwrap();
    let last = &index[index.len() - 48..];
    let next = [&records.len().to_be_bytes(), &last[8..]].concat();
    [last, &next].map(|entry| [&index, entry, entry, entry].concat())
}

#[test]
fn bytes_behind_the_end_of_what_is_derived_are_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 600);
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    let mut derived = files(&folder.path().join("tile"));
    derived.push(folder.path().join("index/00000000"));
    assert_eq!(derived.len(), 8, "{derived:?}");
    for path in derived {
        let good = std::fs::read(&path).unwrap();
        let mut altered = vec![[&good, &b"applicant Ann Smith"[..]].concat()];
        if path.ends_with("index/00000000") {
            altered.extend(longer_indexes(folder.path()));
        }
        for bytes in altered {
            std::fs::write(&path, bytes).unwrap();
            // Whether nobody has the log, or somebody says so.
            for is_held in [false, true] {
                if is_held {
                    lock.lock().unwrap();
                }
                let report = checked(folder.path());
                lock.unlock().unwrap();
                let problems: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
                assert_eq!(problems.len(), 1, "{}: {problems:?}", path.display());
                let expected = format!("byte {} is not what the records lead to", good.len());
                assert!(problems[0].contains(&expected), "{problems:?}");
            }
        }
        std::fs::write(&path, good).unwrap();
    }
    sound(folder.path());
}

#[test]
fn files_behind_the_end_are_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    killed(folder.path(), 600);
    for name in ["tile/entries/009", "tile/1/000.p/3", "index/00000001"] {
        let path = folder.path().join(name);
        std::fs::write(&path, "applicant Ann Smith").unwrap();
        let problems = checked(folder.path()).problems;
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        assert_eq!(problems[0].place, name);
        std::fs::remove_file(path).unwrap();
    }
    // What a crash leaves of an epoch that was about to begin.
    std::fs::write(folder.path().join("index/00000001"), "").unwrap();
    sound(folder.path());
}

fn listed(reader: &Reader) -> Result<[u64; 3], LogError> {
    let found = reader.search(&Query::default())?;
    let old = reader.beyond_retention(0, u32::MAX)?;
    Ok([reader.size()?, found.len() as u64, old.len() as u64])
}

#[test]
fn what_only_the_index_has_is_no_record() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 300).close().unwrap();
    let path = folder.path().join("index/00000000");
    let good = std::fs::read(&path).unwrap();
    let lock = std::fs::File::open(folder.path().join("lock")).unwrap();
    for bytes in longer_indexes(folder.path()) {
        std::fs::write(&path, bytes).unwrap();
        let reader = Reader::open(folder.path(), None).unwrap();
        assert_eq!(listed(&reader).unwrap(), [300; 3]);
        lock.lock().unwrap();
        let reader = Reader::open(folder.path(), None).unwrap();
        lock.unlock().unwrap();
        assert_eq!(listed(&reader).unwrap(), [300; 3]);
        // Without the keys nobody knows what the index should be.
        let (keys, elsewhere) = (folder.path().join("keys"), folder.path().join("other"));
        std::fs::rename(&keys, &elsewhere).unwrap();
        let reader = Reader::open(folder.path(), None).unwrap();
        let error = listed(&reader).unwrap_err();
        assert!(matches!(error, LogError::Key { .. }), "{error}");
        std::fs::rename(&elsewhere, &keys).unwrap();
        // The start writes the index as the records have it.
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        assert_eq!(listed(&log.reader()).unwrap(), [300; 3]);
        log.close().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), good);
        sound(folder.path());
    }
}

/// What comes while a log is checked is no problem: records, checkpoints, erasures.
fn check_while_it_grows(first: u64, more: u64) {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), first).close().unwrap();
    let options = Options {
        checkpoint_records: 64,
        checkpoint_every: Duration::from_millis(20),
        ..Options::default()
    };
    let log = Writer::open(folder.path(), options).unwrap();
    std::thread::scope(|scope| {
        let grows = scope.spawn(|| {
            for number in (first..first + more).step_by(5) {
                append(&log, number..number + 5);
                if number % 100 == 0 {
                    log.erase(&change(&[number]), "tester").unwrap();
                }
            }
        });
        let (mut size, mut checks) = (first, 0);
        while !grows.is_finished() || checks == 0 {
            let report = checked(folder.path());
            assert_eq!(report.problems, [], "{:?}", report.notes);
            assert!(report.records >= size);
            let reader = Reader::open(folder.path(), None).unwrap();
            size = reader.size().unwrap();
            assert_eq!(reader.record(size - 1).unwrap().index, size - 1);
            checks += 1;
        }
    });
    log.close().unwrap();
    sound(folder.path());
}

#[test]
fn a_log_that_grows_is_checked_and_read() {
    check_while_it_grows(5, 2_000);
}

#[test]
fn a_log_that_begins_an_epoch_is_checked_and_read() {
    check_while_it_grows(65_400, 300);
}

/// A check of a closed log called it forged where a server started on it meanwhile.
#[test]
fn a_server_may_start_while_its_log_is_checked() {
    for stops in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), 300).close().unwrap();
        let disk = Watched::default();
        disk.close(|step| step.act == Act::List && step.path.ends_with("records"));
        let (report, log) = std::thread::scope(|scope| {
            let check = || verify_on(Arc::new(disk.clone()), folder.path(), &Against::default());
            let check = scope.spawn(check);
            disk.wait_for_one();
            let log = Writer::open(folder.path(), Options::default()).unwrap();
            append(&log, 300..310);
            log.erase(&change(&[5]), "tester").unwrap();
            let log = match stops {
                true => {
                    log.close().unwrap();
                    None
                }
                false => Some(log),
            };
            disk.open();
            (check.join().unwrap().unwrap(), log)
        });
        assert_eq!(report.problems, [], "{:?}", report.notes);
        assert_eq!(report.records, 311);
        drop(log);
    }
}

/// What a check reads after it has listed the files of records may be newer than those.
#[test]
fn a_check_is_told_of_what_epochs_that_begin_meanwhile_erase() {
    const BEFORE: u64 = 65_000;
    for more in [1_000, 70_000] {
        let folder = tempfile::tempdir().unwrap();
        let log = filled(folder.path(), BEFORE);
        let disk = Watched::default();
        disk.close(|step| step.act == Act::List && step.path.ends_with("records"));
        let report = std::thread::scope(|scope| {
            let check = || verify_on(Arc::new(disk.clone()), folder.path(), &Against::default());
            let check = scope.spawn(check);
            disk.wait_for_one();
            append(&log, BEFORE..BEFORE + more);
            log.erase(&change(&[5, 7]), "tester").unwrap();
            disk.open();
            check.join().unwrap().unwrap()
        });
        assert_eq!(report.problems, [], "{:?}", report.notes);
        assert_eq!(report.erased, 2);
        log.close().unwrap();
        assert_eq!(sound(folder.path()).erased, 2);
    }
}
