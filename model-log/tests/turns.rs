//! Who waits for whom at the log's one thread.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::watched::{Act, WRITER, Watched};
use common::{decision, sound};
use model_log::{Appended, Change, Kind, LogError, Options, Pending, Record, Writer};

fn open(folder: &Path, disk: &Watched, checkpoint_records: u64) -> Writer {
    let options = Options {
        checkpoint_every: Duration::from_secs(3600),
        checkpoint_records,
        ..Options::default()
    };
    Writer::open_on(Arc::new(disk.clone()), folder, options).unwrap()
}

fn append(log: &Writer, records: u64) -> Pending<Appended> {
    log.append((0..records).map(decision).collect()).unwrap()
}

fn first(pending: Pending<Appended>) -> u64 {
    pending.wait().unwrap()[0].index
}

/// A single decision waits for the group that is being written, and for none that waits; a group
/// does not wait for all single decisions that come.
#[test]
fn single_records_and_longer_groups_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, u64::MAX);
    disk.close(|step| step.act == Act::Sync && step.is_of(WRITER, "records"));
    let written = append(&log, 100);
    disk.wait_for_one();
    let [second, third] = [append(&log, 600), append(&log, 600)];
    let single = append(&log, 1);
    disk.pass();
    // The single record alone is at the gate now.
    disk.wait_for_one();
    let later = append(&log, 1);
    disk.pass();
    disk.wait_for_one();
    let last = append(&log, 1);
    disk.open();
    assert_eq!(first(written), 0);
    assert_eq!(first(single), 100);
    // Written together with the next group, which waits no longer.
    assert_eq!((first(later), first(second)), (101, 102));
    assert_eq!((first(last), first(third)), (702, 703));
    log.close().unwrap();
    sound(folder.path());
}

/// A checkpoint over many records is written in steps, between which single records are.
#[test]
fn single_records_do_not_wait_for_all_tiles_of_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, 2048);
    disk.close(|step| step.is_of(WRITER, "tile"));
    let group = append(&log, 2048);
    assert_eq!(first(group), 0);
    disk.wait_for_one();
    disk.steps();
    let single = append(&log, 1);
    disk.open();
    assert_eq!(first(single), 2048);
    log.clone().close().unwrap();
    let steps = disk.steps();
    let is_record = |step: &&_| common::watched::Step::is_of(step, WRITER, "records");
    let tiles = steps.iter().take_while(|step| !is_record(step));
    let before = tiles.filter(|step| step.is_of(WRITER, "tile")).count();
    let all = steps
        .iter()
        .filter(|step| step.is_of(WRITER, "tile"))
        .count();
    assert!((1..=6).contains(&before), "{before} of {all} tiles before");
    assert!(all >= 16, "{all} tiles");
    sound(folder.path());
}

/// However many single records come with each sync: a checkpoint that is due comes, and with it what
/// waits for it.
#[test]
fn many_single_records_keep_no_checkpoint_and_no_group_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, 2048);
    disk.close(|step| step.act == Act::Sync && step.is_of(WRITER, "records"));
    let mut pending = vec![append(&log, 2048)];
    disk.wait_for_one();
    // More than the four tiles of a step, with each sync.
    let come = |pending: &mut Vec<_>| pending.extend((0..1024).map(|_| append(&log, 1)));
    come(&mut pending);
    let group = append(&log, 100);
    for _ in 0..16 {
        disk.pass();
        disk.wait_for_one();
        come(&mut pending);
    }
    disk.open();
    assert!(first(group) < 16 * 1024);
    drop(pending);
    log.close().unwrap();
    sound(folder.path());
}

/// What was appended before an erasure comes before it, though longer groups wait too.
#[test]
fn a_change_comes_after_what_was_appended_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, u64::MAX);
    append(&log, 1).wait().unwrap();
    disk.close(|step| step.act == Act::Sync && step.is_of(WRITER, "records"));
    let written = append(&log, 100);
    disk.wait_for_one();
    let group = append(&log, 100);
    let mut notice = Record::new(Kind::Notice);
    notice.link = Some(0);
    let notice = log.append(vec![notice]).unwrap();
    let eraser = log.clone();
    let erased = std::thread::spawn(move || eraser.erase(&change(0), "ann"));
    disk.open();
    // Written, and erased with the decision or refused: never there behind the erasure.
    let noticed = notice.wait();
    let erased = erased.join().unwrap().unwrap();
    assert_eq!((first(written), first(group) > 100), (1, true));
    assert_eq!(erased.records, 1 + u64::from(noticed.is_ok()) as usize);
    log.close().unwrap();
    sound(folder.path());
}

fn change(index: u64) -> Change {
    Change {
        indexes: vec![index],
        because: "a test".to_owned(),
        before_term: true,
    }
}

/// The log's thread, for which every decision waits, does not read the index for a hold or an
/// erasure: whoever asks for it does.
#[test]
fn the_logs_thread_does_not_read_the_index_for_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, u64::MAX);
    for _ in 0..5 {
        append(&log, 8192).wait().unwrap();
    }
    disk.steps();
    log.hold(&change(5), "ann").unwrap();
    log.release(&change(5), "ann").unwrap();
    log.erase(&change(5), "ann").unwrap();
    let read: usize = disk
        .steps()
        .iter()
        .filter(|step| step.is_of(WRITER, "index"))
        .map(|step| match step.act {
            Act::Read(bytes) => bytes,
            _ => 0,
        })
        .sum();
    // The entry that is cleared, and those of the changes themselves.
    assert!(read < 1024, "{read} bytes");
    log.close().unwrap();
    sound(folder.path());
}

/// What is done to the log between the reading for a change and the change counts.
#[test]
fn a_change_sees_what_came_while_it_was_prepared() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, u64::MAX);
    append(&log, 20).wait().unwrap();
    // Held before it has read anything, when it knows how long the log is.
    let erase = |index: u64| {
        disk.close(|step| step.is_of("eraser", "index"));
        let log = log.clone();
        let eraser = std::thread::Builder::new().name("eraser".to_owned());
        let erased = eraser.spawn(move || log.erase(&change(index), "ann"));
        disk.wait_for_one();
        move || {
            disk.open();
            erased.unwrap().join().unwrap()
        }
    };

    let end = erase.clone()(3);
    log.hold(&change(3), "ann").unwrap();
    assert!(matches!(end(), Err(LogError::Held(3))));

    let end = erase.clone()(4);
    let mut notice = Record::new(Kind::Notice);
    notice.link = Some(4);
    log.append(vec![notice]).unwrap().wait().unwrap();
    assert_eq!(end().unwrap().records, 2);

    let end = erase(5);
    assert_eq!(log.erase(&change(5), "bob").unwrap().records, 1);
    assert_eq!(end().unwrap().records, 0);
    log.clone().close().unwrap();
    sound(folder.path());
}

/// Records that are erased here and there, as a list of those beyond their retention has them, take
/// few steps of the log's thread: every decision waits for it meanwhile.
#[test]
fn an_erasure_of_scattered_records_takes_few_steps() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Watched::default();
    let log = open(folder.path(), &disk, u64::MAX);
    append(&log, 8192).wait().unwrap();
    append(&log, 2000).wait().unwrap();
    let is_erased = |index: &u64| *index % 2 == 1 && *index < 9000;
    disk.steps();
    let erasure = Change {
        indexes: (0..10_192).filter(is_erased).collect(),
        ..change(0)
    };
    assert_eq!(log.erase(&erasure, "ann").unwrap().records, 4500);
    let steps = disk.steps();
    let of_index = steps.iter().filter(|step| step.is_of(WRITER, "index"));
    let count = of_index.count();
    assert!(count < 20, "{count} steps");
    let reader = log.reader();
    for index in (0..200).chain(8_900..9_100) {
        let body = reader.record(index).unwrap().body;
        let request = body.map(|body| body.request);
        let expected = (!is_erased(&index)).then(|| decision(index % 8192).request);
        assert_eq!(request, expected, "record {index}");
    }
    log.close().unwrap();
    sound(folder.path());
}
