//! An erasure that a crash interrupted is told from one that somebody undid: the key of an erased
//! record may be there only while nothing is recorded behind the erasure.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::watched::{Act, WRITER, Watched};
use common::{append, change, checked, filled, sound};
use model_log::verify::{Against, Report, verify_on};
use model_log::{Kind, Options, Record, Writer};
use tempfile::TempDir;

/// The key of epoch 0 in a generation.
fn key(folder: &Path, generation: u32) -> PathBuf {
    folder.join(format!("keys/epoch-00000000-{generation:08}.key"))
}

/// The seeds of epoch 0 and their key as they are now, to be put back later.
struct Before {
    aside: TempDir,
    generation: u32,
}

impl Before {
    fn of(folder: &Path, generation: u32) -> Self {
        let aside = tempfile::tempdir().unwrap();
        std::fs::copy(folder.join("seeds/00000000"), aside.path().join("seeds")).unwrap();
        std::fs::copy(folder.join("index/00000000"), aside.path().join("index")).unwrap();
        std::fs::copy(key(folder, generation), aside.path().join("key")).unwrap();
        Self { aside, generation }
    }

    fn index(&self) -> Vec<u8> {
        std::fs::read(self.aside.path().join("index")).unwrap()
    }

    /// As whoever has a copy of the folder may do it. The index, which forgot the ids, is removed:
    /// a start derives it again.
    fn put_back(&self, folder: &Path) {
        let aside = self.aside.path();
        std::fs::copy(aside.join("seeds"), folder.join("seeds/00000000")).unwrap();
        for later in self.generation + 1.. {
            if std::fs::remove_file(key(folder, later)).is_err() {
                break;
            }
        }
        std::fs::copy(aside.join("key"), key(folder, self.generation)).unwrap();
        std::fs::remove_file(folder.join("index/00000000")).unwrap();
    }
}

fn leave_open(folder: &Path) {
    std::fs::write(folder.join("lock"), "open\n").unwrap();
}

fn problems(report: &Report) -> Vec<String> {
    let problems = report.problems.iter();
    problems.map(ToString::to_string).collect()
}

fn still_there(index: u64) -> String {
    format!("seeds/00000000: record {index} was erased, and its key is still there")
}

#[test]
fn an_erasure_that_was_undone_is_a_problem_in_a_log_that_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 20);
    let before = Before::of(folder.path(), 1);
    log.erase(&change(&[5, 6]), "tester").unwrap();
    log.erase(&change(&[7]), "tester").unwrap();
    log.close().unwrap();
    // The last record of the log erases 7, which a crash may have interrupted.
    before.put_back(folder.path());
    leave_open(folder.path());
    let report = checked(folder.path());
    assert_eq!(problems(&report), [5, 6].map(still_there));
    let note = "record 7 was erased, and its key is still there: the next start destroys it";
    assert!(report.notes.iter().any(|one| one == note), "{report:?}");
    // The start does that, and nothing about the others. Beside a server it is the same.
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.reader().record(7).unwrap().body, None);
    assert_eq!(problems(&checked(folder.path())), [5, 6].map(still_there));
    // With a record behind both erasures.
    append(&log, 20..21);
    log.close().unwrap();
    before.put_back(folder.path());
    leave_open(folder.path());
    let report = checked(folder.path());
    assert_eq!(problems(&report), [5, 6, 7].map(still_there));
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let report = checked(folder.path());
    assert_eq!(problems(&report), [5, 6].map(still_there), "{report:?}");
    log.close().unwrap();
}

/// The index says that it is erased, and its key is there: the erasure once destroyed nothing.
#[test]
fn what_came_back_with_a_restored_key_is_erased_again() {
    const BEFORE: u64 = (1 << 16) + 5;
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), BEFORE);
    let before = Before::of(folder.path(), 1);
    log.erase(&change(&[5, 6]), "tester").unwrap();
    // A start ends the last erasure once more.
    log.erase(&change(&[BEFORE - 1]), "tester").unwrap();
    log.close().unwrap();
    let index = std::fs::read(folder.path().join("index/00000000")).unwrap();
    before.put_back(folder.path());
    std::fs::write(folder.path().join("index/00000000"), index).unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let undone = || {
        let mut problems = problems(&checked(folder.path()));
        problems.retain(|problem| problem.starts_with("seeds/"));
        problems
    };
    assert_eq!(undone(), [5, 6].map(still_there));
    // A hold prevents it, as of any record that can be read.
    log.hold(&change(&[5]), "tester").unwrap();
    log.erase(&change(&[5, 7]), "tester").unwrap_err();
    log.release(&change(&[5]), "tester").unwrap();
    // Where it cannot be told whether one came back, nothing is said of it.
    let mode = |mode| std::fs::set_permissions(key(folder.path(), 1), Permissions::from_mode(mode));
    mode(0o644).unwrap();
    log.erase(&change(&[5]), "tester").unwrap_err();
    mode(0o600).unwrap();
    assert_eq!(log.erase(&change(&[5, 7]), "tester").unwrap().records, 2);
    assert_eq!(undone(), [still_there(6)]);
    assert_eq!(log.erase(&change(&[6, 7]), "tester").unwrap().records, 1);
    assert_eq!(log.erase(&change(&[5, 6, 7]), "tester").unwrap().records, 0);
    log.close().unwrap();
    assert_eq!(sound(folder.path()).erased, 4);
}

/// A start once destroyed what it had named, whatever was held since.
#[test]
fn what_is_held_behind_an_erasure_outlives_the_next_start() {
    const BEFORE: u64 = (1 << 16) + 5;
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), BEFORE - 1);
    let mut notice = Record::new(Kind::Notice);
    notice.link = Some(7);
    log.append(vec![notice]).unwrap().wait().unwrap();
    let before = Before::of(folder.path(), 1);
    log.erase(&change(&[5, 6, 7, 8]), "tester").unwrap();
    // While a server runs: a start would end the erasure once more.
    before.put_back(folder.path());
    std::fs::write(folder.path().join("index/00000000"), before.index()).unwrap();
    log.hold(&change(&[5, 8]), "tester").unwrap();
    log.release(&change(&[8]), "tester").unwrap();
    // The notice about 7, which is of another epoch.
    log.hold(&change(&[BEFORE - 1]), "tester").unwrap();
    log.close().unwrap();
    let left = |log: &Writer| {
        let reader = log.reader();
        let is_left = |index: &u64| reader.record(*index).unwrap().body.is_some();
        (5..9).filter(is_left).collect::<Vec<u64>>()
    };
    for _ in 0..2 {
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        assert_eq!(left(&log), [5, 7]);
        append(&log, 0..1);
        log.close().unwrap();
    }
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    log.release(&change(&[5]), "tester").unwrap();
    log.close().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(left(&log), [7]);
    log.close().unwrap();
}

/// As above, where a start could not end the erasure itself.
#[test]
fn what_an_erasure_could_not_destroy_can_be_held() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), (1 << 16) + 5);
    let before = Before::of(folder.path(), 1);
    log.erase(&change(&[5, 6]), "tester").unwrap();
    log.close().unwrap();
    before.put_back(folder.path());
    let mode = |mode| std::fs::set_permissions(key(folder.path(), 1), Permissions::from_mode(mode));
    mode(0o644).unwrap();
    leave_open(folder.path());
    // The index is derived with the key.
    std::fs::write(folder.path().join("index/00000000"), before.index()).unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    mode(0o600).unwrap();
    log.hold(&change(&[5]), "tester").unwrap();
    log.close().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let is_there = |index| log.reader().record(index).unwrap().body.is_some();
    assert_eq!([5, 6].map(is_there), [true, false]);
    log.close().unwrap();
}

#[test]
fn the_last_erasure_may_be_one_that_a_crash_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 20);
    log.erase(&change(&[3]), "tester").unwrap();
    let before = Before::of(folder.path(), 2);
    log.erase(&change(&[5, 6]), "tester").unwrap();
    log.close().unwrap();
    before.put_back(folder.path());
    assert!(!checked(folder.path()).problems.is_empty(), "it was closed");
    leave_open(folder.path());
    let report = sound(folder.path());
    let of = |index| {
        format!("record {index} was erased, and its key is still there: the next start destroys it")
    };
    let is_noted = |index: u64| report.notes.contains(&of(index));
    assert_eq!([3, 5, 6, 7].map(is_noted), [false, true, true, false]);
    filled(folder.path(), 1).close().unwrap();
    let report = sound(folder.path());
    assert_eq!((report.erased, report.notes), (3, Vec::new()));
}

/// The record of an erasure is on the disk, its keys are still there.
#[test]
fn an_erasure_that_a_server_makes_is_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = Writer::open_on(Arc::new(disk.clone()), folder.path(), Options::default()).unwrap();
    append(&log, 0..20);
    disk.close(|step| matches!(step.act, Act::Read(_)) && step.is_of(WRITER, "seeds"));
    std::thread::scope(|scope| {
        let erasing = scope.spawn(|| log.erase(&change(&[5]), "tester").unwrap());
        disk.wait_for_one();
        let notes = sound(folder.path()).notes;
        let note = "record 5 was erased, and its key is still there: the next start destroys it";
        assert_eq!(notes, [note]);
        disk.open();
        erasing.join().unwrap();
    });
    let report = sound(folder.path());
    assert_eq!((report.erased, report.notes), (1, Vec::new()));
}

/// Keys that are destroyed after a check has read them, and before it reads the record that says so.
#[test]
fn what_a_server_erases_during_a_check_is_neither_a_problem_nor_a_note() {
    const BEFORE: u64 = (1 << 16) + 5;
    for more in [0, 3] {
        let folder = tempfile::tempdir().unwrap();
        let log = filled(folder.path(), BEFORE);
        let disk = Watched::default();
        // Two threads check an epoch each. The keys of the first are read, no record of the second.
        disk.close(|step| {
            matches!(step.act, Act::Read(_))
                && (step.path.ends_with("records/00000000")
                    || step.path.ends_with("seeds/00000001"))
        });
        let report = std::thread::scope(|scope| {
            let check = || verify_on(Arc::new(disk.clone()), folder.path(), &Against::default());
            let check = scope.spawn(check);
            disk.wait_for(2);
            log.erase(&change(&[5]), "tester").unwrap();
            append(&log, BEFORE..BEFORE + more);
            disk.open();
            check.join().unwrap().unwrap()
        });
        assert_eq!(report.records, BEFORE + 1 + more);
        assert_eq!(problems(&report), [""; 0]);
        assert_eq!(report.notes, [""; 0]);
    }
}
