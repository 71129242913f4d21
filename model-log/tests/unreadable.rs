//! Keys of an old epoch that cannot be read, as after a restore: what needs them is refused, and
//! nothing else is.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::watched::{Act, WRITER, Watched};
use common::{append, change, checked, decision, filled, sound};
use model_log::verify::Report;
use model_log::{Event, Kind, LogError, Options, Record, Writer};

const EPOCH: u64 = 1 << 16;

/// What was done to the keys of an epoch.
#[derive(Debug, Clone, Copy)]
enum Damage {
    /// A bit of the seeds flipped.
    Bit,
    /// Others can read the key.
    Open,
    /// The key is lost.
    Lost,
}

impl Damage {
    const ALL: [Self; 3] = [Self::Bit, Self::Open, Self::Lost];

    fn of(self, folder: &Path, epoch: u64) {
        let mut keys = (1..9).map(|generation| key(folder, epoch, generation));
        let key = keys.find(|key| key.exists()).unwrap();
        match self {
            Self::Bit => flip(folder, epoch),
            Self::Open => set_mode(&key, 0o644),
            Self::Lost => std::fs::rename(&key, folder.join("lost")).unwrap(),
        }
    }

    fn mend(self, folder: &Path, epoch: u64) {
        let key = key(folder, epoch, 1);
        match self {
            Self::Bit => flip(folder, epoch),
            Self::Open => set_mode(&key, 0o600),
            Self::Lost => std::fs::rename(folder.join("lost"), &key).unwrap(),
        }
    }
}

fn key(folder: &Path, epoch: u64, generation: u32) -> PathBuf {
    folder.join(format!("keys/epoch-{epoch:08}-{generation:08}.key"))
}

fn flip(folder: &Path, epoch: u64) {
    let path = folder.join(format!("seeds/{epoch:08}"));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[40] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

fn open_on(disk: &Watched, folder: &Path) -> Writer {
    Writer::open_on(Arc::new(disk.clone()), folder, Options::default()).unwrap()
}

/// The log, and what it says of itself.
fn opened_with_events(folder: &Path) -> (Writer, Arc<Mutex<Vec<Event>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&told);
    let options = Options {
        observer: Some(Arc::new(move |event: &Event| {
            events.lock().unwrap().push(event.clone());
        })),
        ..Options::default()
    };
    (Writer::open(folder, options).unwrap(), told)
}

/// An erasure was refused, since the keys of this epoch cannot be read, and the log goes on.
fn assert_refused(log: &Writer, erased: Result<model_log::Changed, LogError>, epoch: u64) {
    let error = erased.unwrap_err();
    let keys = |error: &LogError| match error {
        LogError::KeysUnreadable { first, last, .. } => Some((*first, *last)),
        _ => None,
    };
    let expected = (epoch * EPOCH, (epoch + 1) * EPOCH - 1);
    assert_eq!(keys(&error), Some(expected), "{error}");
    let before = log.status();
    append(log, 0..1);
    let now = log.status();
    assert_eq!(now.records, before.records + 1);
    assert_eq!((now.restarts, now.stopped), (0, None), "{error}");
}

#[test]
fn an_erasure_that_cannot_be_done_is_not_recorded_and_the_log_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), EPOCH + 10);
    let later = EPOCH + 4;
    for damage in Damage::ALL {
        damage.of(folder.path(), 0);
        let records = log.status().records;
        // Of several epochs none is changed.
        let erased = log.erase(&change(&[5, later]), "tester");
        assert_eq!(log.status().records, records, "{damage:?}");
        assert_refused(&log, erased, 0);
        assert!(log.reader().record(later).unwrap().body.is_some());
        damage.mend(folder.path(), 0);
        assert!(log.reader().record(5).unwrap().body.is_some());
    }
    // What is in other epochs can be erased meanwhile, and a start needs the last epoch's alone.
    Damage::Lost.of(folder.path(), 0);
    log.erase(&change(&[later]), "tester").unwrap();
    log.close().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_refused(&log, log.erase(&change(&[5]), "tester"), 0);
    Damage::Lost.mend(folder.path(), 0);
    log.erase(&change(&[5]), "tester").unwrap();
    log.close().unwrap();
    assert_eq!(sound(folder.path()).erased, 2);
}

/// Every start once ended where the last erasure named records of an epoch that was damaged since.
#[test]
fn a_start_does_not_wait_for_an_old_epoch_that_an_erasure_named() {
    for is_last in [false, true] {
        for damage in Damage::ALL {
            let folder = tempfile::tempdir().unwrap();
            let log = filled(folder.path(), EPOCH + 10);
            let erasure = log.erase(&change(&[5, EPOCH + 4]), "tester").unwrap().index;
            if !is_last {
                append(&log, 0..3);
            }
            log.close().unwrap();
            damage.of(folder.path(), 0);
            let (log, told) = opened_with_events(folder.path());
            let is_left = |event: &Event| matches!(event, Event::ErasureLeft { erasure: one, .. } if *one == erasure);
            let is_told = told.lock().unwrap().iter().any(is_left);
            assert_eq!(is_told, is_last, "{damage:?}");
            append(&log, 0..1);
            assert_eq!(log.reader().record(EPOCH + 4).unwrap().body, None);
            log.close().unwrap();
        }
    }
}

/// An erasure was once recorded that could not overwrite it, which stopped the log at every start.
#[test]
fn a_key_too_many_that_cannot_be_destroyed_refuses_an_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), EPOCH + 10);
    log.erase(&change(&[5]), "tester").unwrap();
    log.erase(&change(&[EPOCH + 4]), "tester").unwrap();
    // As one that the server may not write, of the old epoch and of the last one.
    let others = [0, 1].map(|epoch| key(folder.path(), epoch, 1));
    others
        .iter()
        .for_each(|other| std::fs::create_dir(other).unwrap());
    let records = log.status().records;
    for index in [6, EPOCH + 5] {
        log.erase(&change(&[index]), "tester").unwrap_err();
    }
    assert_eq!(log.status().records, records);
    append(&log, 0..1);
    log.close().unwrap();
    for _ in 0..2 {
        let (log, told) = opened_with_events(folder.path());
        let left = told.lock().unwrap().clone().into_iter();
        let left = left.filter_map(|event| match event {
            Event::KeyLeft { epoch, .. } => Some(epoch),
            _ => None,
        });
        assert_eq!(Vec::from_iter(left), [0, 1]);
        append(&log, 0..1);
        log.close().unwrap();
        // No start leaves a key more.
        for epoch in [0, 1] {
            let is_there = |generation| key(folder.path(), epoch, generation).exists();
            assert_eq!([2, 3].map(is_there), [true, false], "{epoch}");
        }
    }
    others
        .iter()
        .for_each(|other| std::fs::remove_dir(other).unwrap());
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    log.erase(&change(&[6]), "tester").unwrap();
    log.close().unwrap();
    assert_eq!(sound(folder.path()).erased, 3);
}

/// Between the caller's look and the turn of the log's thread.
#[test]
fn keys_that_become_unreadable_while_an_erasure_waits_refuse_it() {
    for damage in [Damage::Open, Damage::Lost] {
        let folder = tempfile::tempdir().unwrap();
        filled(folder.path(), EPOCH + 10).close().unwrap();
        let disk = Watched::default();
        let log = open_on(&disk, folder.path());
        disk.close(|step| step.act == Act::List && step.is_of(WRITER, "records"));
        let erased = std::thread::scope(|scope| {
            let erasing = scope.spawn(|| log.erase(&change(&[5]), "tester"));
            disk.wait_for_one();
            damage.of(folder.path(), 0);
            disk.open();
            erasing.join().unwrap()
        });
        assert_refused(&log, erased, 0);
        damage.mend(folder.path(), 0);
        log.close().unwrap();
        assert_eq!(sound(folder.path()).erased, 0);
    }
}

/// A folder stands where a new key, or new seeds, would be written: as without permission or room.
#[test]
fn keys_that_cannot_be_replaced_refuse_an_erasure_and_stop_no_start() {
    for aside in ["keys/epoch-00000000-00000002.key.new", "seeds/00000000.new"] {
        let folder = tempfile::tempdir().unwrap();
        let aside = folder.path().join(aside);
        let log = filled(folder.path(), EPOCH + 10);
        let before = tempfile::tempdir().unwrap();
        common::copy(folder.path(), before.path());
        std::fs::create_dir(&aside).unwrap();
        assert_refused(&log, log.erase(&change(&[5]), "tester"), 0);
        std::fs::remove_dir(&aside).unwrap();
        log.erase(&change(&[5]), "tester").unwrap();
        log.close().unwrap();
        // As after a crash: nothing was destroyed yet.
        for name in ["keys/epoch-00000000-00000001.key", "seeds/00000000"] {
            std::fs::copy(before.path().join(name), folder.path().join(name)).unwrap();
        }
        std::fs::remove_file(key(folder.path(), 0, 2)).unwrap();
        std::fs::write(folder.path().join("lock"), "open\n").unwrap();
        std::fs::create_dir(&aside).unwrap();
        let keys = || {
            std::fs::read_dir(folder.path().join("keys"))
                .unwrap()
                .count()
        };
        let count = keys();
        let is_left = |event: &Event| matches!(event, Event::ErasureLeft { .. });
        for _ in 0..2 {
            let (log, told) = opened_with_events(folder.path());
            assert!(told.lock().unwrap().iter().any(is_left), "{aside:?}");
            log.close().unwrap();
            assert_eq!(keys(), count);
        }
        // Where nothing is left to destroy, none is written.
        for is_there in [false, true] {
            match is_there {
                false => std::fs::remove_dir(&aside).unwrap(),
                true => std::fs::create_dir(&aside).unwrap(),
            }
            let (log, told) = opened_with_events(folder.path());
            assert_eq!(told.lock().unwrap().iter().find(|one| is_left(one)), None);
            log.close().unwrap();
        }
        std::fs::remove_dir(&aside).unwrap();
        assert_eq!(sound(folder.path()).erased, 1);
    }
}

/// What is about the decision has come since the caller looked, in an epoch of its own.
#[test]
fn keys_of_what_an_erasure_takes_along_are_read_too() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), EPOCH + 10).close().unwrap();
    let disk = Watched::default();
    let log = open_on(&disk, folder.path());
    disk.close(|step| step.thread != WRITER && step.path.ends_with("seeds/00000000"));
    let erased = std::thread::scope(|scope| {
        let erasing = scope.spawn(|| log.erase(&change(&[5]), "tester"));
        disk.wait_for_one();
        let mut about = Record::new(Kind::Notice);
        about.link = Some(5);
        log.append(vec![about]).unwrap().wait().unwrap();
        flip(folder.path(), 1);
        disk.open();
        erasing.join().unwrap()
    });
    assert_refused(&log, erased, 1);
    flip(folder.path(), 1);
    log.erase(&change(&[5]), "tester").unwrap();
    log.close().unwrap();
    assert_eq!(sound(folder.path()).erased, 2);
}

#[test]
fn an_index_that_is_missing_or_cut_off_stops_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), EPOCH + 10);
    let index = folder.path().join("index/00000000");
    let bytes = std::fs::read(&index).unwrap();
    std::fs::write(&index, &bytes[..4 * 48]).unwrap();
    // What cannot be seen may be a hold.
    log.erase(&change(&[2]), "tester").unwrap_err();
    log.erase(&change(&[5]), "tester").unwrap_err();
    std::fs::remove_file(&index).unwrap();
    log.erase(&change(&[5]), "tester").unwrap();
    append(&log, 0..1);
    assert_eq!(log.status().restarts, 0);
    assert_eq!(log.reader().record(5).unwrap().body, None);
    log.close().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert!(log.reader().found(5).unwrap().erased);
    log.close().unwrap();
    assert_eq!(sound(folder.path()).erased, 1);
}

fn problems(report: &Report) -> Vec<String> {
    let problems = report.problems.iter();
    problems.map(ToString::to_string).collect()
}

const OLDER: &str = "keys/epoch-00000000-*.key: an older key of the epoch is still there";

#[test]
fn an_old_key_that_was_put_back_is_a_problem_and_a_start_destroys_it() {
    let folder = tempfile::tempdir().unwrap();
    let aside = tempfile::tempdir().unwrap();
    let aside = aside.path().join("key");
    let log = filled(folder.path(), EPOCH + 10);
    let first = key(folder.path(), 0, 1);
    std::fs::copy(&first, &aside).unwrap();
    log.erase(&change(&[5]), "tester").unwrap();
    log.erase(&change(&[EPOCH + 4]), "tester").unwrap();
    std::fs::copy(&aside, &first).unwrap();
    // Beside a server, after a crash, and in a log that was closed.
    assert_eq!(problems(&checked(folder.path())), [OLDER]);
    log.close().unwrap();
    assert_eq!(problems(&checked(folder.path())), [OLDER]);
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert!(!first.exists());
    assert_eq!(sound(folder.path()).notes, [""; 0]);
    log.close().unwrap();
    // Where the seeds cannot be read, it is said, and decisions go on.
    std::fs::copy(&aside, &first).unwrap();
    flip(folder.path(), 0);
    let (log, told) = opened_with_events(folder.path());
    append(&log, 0..1);
    let is_told = |event: &Event| matches!(event, Event::KeyLeft { epoch: 0, .. });
    assert!(told.lock().unwrap().iter().any(is_told));
    assert!(first.exists());
    log.close().unwrap();
}

/// The seeds are sealed under the new key; the old one is about to be destroyed.
#[test]
fn a_key_that_an_erasure_replaces_is_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), EPOCH + 10).close().unwrap();
    let disk = Watched::default();
    let log = open_on(&disk, folder.path());
    disk.close(|step| step.act == Act::Write && step.path.ends_with("epoch-00000000-00000001.key"));
    std::thread::scope(|scope| {
        let erasing = scope.spawn(|| log.erase(&change(&[5]), "tester").unwrap());
        disk.wait_for_one();
        let notes = sound(folder.path()).notes;
        let note = format!("{OLDER}: the next start destroys it");
        assert!(notes.contains(&note), "{notes:?}");
        disk.open();
        erasing.join().unwrap();
    });
    let notes = sound(folder.path()).notes;
    assert!(!notes.iter().any(|note| note.contains("key")), "{notes:?}");
}

#[test]
fn a_hold_that_cannot_be_read_refuses_what_depends_on_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), EPOCH + 10);
    let hold = log.hold(&change(&[70]), "tester").unwrap().index;
    append(&log, 0..EPOCH);
    let last = log.status().records - 1;
    for damage in Damage::ALL {
        damage.of(folder.path(), 1);
        for changed in [
            log.erase(&change(&[30]), "tester"),
            log.release(&change(&[30]), "tester"),
        ] {
            let error = changed.unwrap_err();
            let is_it = matches!(
                error,
                LogError::HoldUnreadable { index: 30, change, .. } if change == hold
            );
            assert!(is_it, "{error}");
        }
        let due = log.reader().beyond_retention(0, u32::MAX).unwrap();
        let due: Vec<u64> = due.iter().map(|found| found.index).collect();
        assert!(!due.contains(&30) && due.contains(&last), "{damage:?}");
        damage.mend(folder.path(), 1);
        log.release(&change(&[30]), "tester").unwrap();
    }
    Damage::Lost.of(folder.path(), 1);
    // To hold a record twice harms nothing, and says anew what holds.
    for index in [20, 70] {
        let held = log.hold(&change(&[index]), "tester").unwrap();
        assert_eq!(held.records, 1, "record {index}");
        let error = log.erase(&change(&[index]), "tester").unwrap_err();
        assert!(matches!(error, LogError::Held(_)), "{error}");
    }
    log.release(&change(&[20]), "tester").unwrap();
    let due = log.reader().beyond_retention(0, u32::MAX).unwrap();
    let is_due = |index: u64| due.iter().any(|found| found.index == index);
    assert_eq!([20, 21, 70].map(is_due), [true, false, false]);
    log.erase(&change(&[20, last]), "tester").unwrap();
    assert_eq!(log.reader().record(20).unwrap().body, None);
    assert_eq!(log.status().restarts, 0);
    let kept = log.reader().record(21).unwrap().body.unwrap();
    assert_eq!(kept.request, decision(21).request);
    log.close().unwrap();
}
