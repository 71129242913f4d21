//! The power is cut, the disk fails, the process is killed: nothing that was acknowledged is
//! lost, and the log is sound.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use common::sim::{Fault, Sim};
use common::{Random, decision};
use model_log::verify::{Against, verify_on};
use model_log::{
    AppendError, Appended, Change, Kind, Options, Pending, Reader, Receipt, Record, Writer,
};

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

fn folder() -> PathBuf {
    PathBuf::from("/log")
}

fn options(random: &mut Random) -> Options {
    Options {
        // Often, and not always: both ends of a checkpoint are cut.
        checkpoint_records: 1 + random.below(20),
        checkpoint_every: Duration::from_secs(3600),
        ..Options::default()
    }
}

/// A record that was acknowledged.
#[derive(Debug, Clone)]
struct Acknowledged {
    receipt: Receipt,
    number: u64,
}

/// Appends groups of records until the disk fails; answers what was acknowledged.
fn work(log: &Writer, random: &mut Random, groups: u64, from: u64) -> Vec<Acknowledged> {
    let mut acknowledged = Vec::new();
    let mut number = from;
    let mut waiting: Vec<(u64, Pending<Appended>)> = Vec::new();
    for _ in 0..groups {
        let count = 1 + random.below(4);
        let records = (number..number + count).map(decision).collect();
        match log.append(records) {
            Ok(pending) => waiting.push((number, pending)),
            Err(_) => break,
        }
        number += count;
        // Some wait alone, some together.
        if random.below(3) == 0 {
            collect(&mut waiting, &mut acknowledged);
        }
        if random.below(10) == 0 && !acknowledged.is_empty() {
            let some = random.below(acknowledged.len() as u64) as usize;
            let change = Change {
                indexes: vec![acknowledged[some].receipt.index],
                because: "a test".to_owned(),
                before_term: true,
            };
            // It may fail with the disk, or be refused because of a hold.
            let _ = match random.below(3) {
                0 => log.hold(&change, "test"),
                1 => log.release(&change, "test"),
                _ => log.erase(&change, "test"),
            };
        }
    }
    collect(&mut waiting, &mut acknowledged);
    acknowledged
}

fn collect(waiting: &mut Vec<(u64, Pending<Appended>)>, acknowledged: &mut Vec<Acknowledged>) {
    for (first, pending) in waiting.drain(..) {
        if let Ok(receipts) = pending.wait() {
            for (at, receipt) in receipts.into_iter().enumerate() {
                let number = first + at as u64;
                acknowledged.push(Acknowledged { receipt, number });
            }
        }
    }
}

fn assert_sound(disk: &Sim, seed: u64, when: &str) {
    let report = verify_on(Arc::new(disk.clone()), &folder(), &Against::default());
    let report = report.unwrap_or_else(|error| panic!("seed {seed}, {when}: {error}"));
    assert_eq!(
        report.problems,
        [],
        "seed {seed}, {when}: {:?}",
        report.notes
    );
}

fn assert_kept(log: &Reader, acknowledged: &[Acknowledged], seed: u64) {
    for one in acknowledged {
        let record = log.record(one.receipt.index);
        let record = record.unwrap_or_else(|error| panic!("seed {seed}, {one:?}: {error}"));
        assert_eq!(record.leaf, one.receipt.leaf, "seed {seed}");
        if let Some(body) = record.body {
            assert_eq!(body.request, decision(one.number).request, "seed {seed}");
        }
    }
}

/// A log in the making is cut at some step; then a second time, during the start or after it.
fn cut_twice(seed: u64) {
    let mut random = Random::new(seed);
    let mut disk = Sim::default();
    let mut acknowledged = Vec::new();
    let mut next = 0;
    for round in 0..3 {
        disk.set_fault(Some(Fault::Dead(random.below(if round == 1 {
            60
        } else {
            200
        }))));
        let opened = Writer::open_on(Arc::new(disk.clone()), &folder(), options(&mut random));
        if let Ok(log) = opened {
            let groups = random.below(30);
            let more = work(&log, &mut random, groups, next);
            next += 200;
            acknowledged.extend(more);
            // A dead disk cannot be closed well.
            let _ = log.close();
        }
        disk = if random.below(4) == 0 {
            disk.kill()
        } else {
            disk.cut_power(&mut random)
        };
        let begun = disk.all().contains_key(Path::new("/log/format"));
        assert!(begun || acknowledged.is_empty(), "seed {seed}");
        if begun {
            assert_sound(&disk, seed, "after the cut");
        }
    }
    let log = Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default());
    let log = log.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_kept(&log.reader(), &acknowledged, seed);
    log.append(vec![decision(9999)]).unwrap().wait().unwrap();
    log.close().unwrap();
    assert_sound(&disk, seed, "at the end");
}

#[test]
fn a_power_cut_loses_nothing_that_was_acknowledged() {
    (0..300).for_each(cut_twice);
}

#[test]
#[ignore = "takes minutes: cargo xtask long log"]
fn ten_thousand_power_cuts_lose_nothing() {
    (1_000..5_000).for_each(cut_twice);
}

/// Opens the log, appends, erases and closes: all of it must go well.
fn works(disk: &Sim, options: &Options, when: &str) {
    let log = Writer::open_on(Arc::new(disk.clone()), &folder(), options.clone());
    let log = log.unwrap_or_else(|error| panic!("{when}: {error}"));
    let first = log.status().records;
    let records = (0..3).map(decision).collect();
    log.append(records).unwrap().wait().unwrap();
    let change = Change {
        indexes: vec![first],
        because: "a test".to_owned(),
        before_term: true,
    };
    log.erase(&change, "test").unwrap();
    log.close().unwrap();
    let against = Against {
        keys: options.keys.clone(),
        ..Against::default()
    };
    let report = verify_on(Arc::new(disk.clone()), &folder(), &against);
    let report = report.unwrap_or_else(|error| panic!("{when}: {error}"));
    assert_eq!(report.problems, [], "{when}: {:?}", report.notes);
}

#[test]
fn a_new_log_is_made_after_a_crash_at_any_step() {
    let options = Options {
        keys: Some(PathBuf::from("/keys")),
        ..Options::default()
    };
    let open = |disk: &Sim| Writer::open_on(Arc::new(disk.clone()), &folder(), options.clone());
    let whole = Sim::default();
    open(&whole).unwrap().close().unwrap();
    let steps = whole.steps();
    assert!(steps > 30, "{steps}");
    for step in 0..steps {
        let mut random = Random::new(step);
        for second in [None, Some(step % 7), Some(random.below(steps))] {
            let mut disk = Sim::default();
            for dead in [Some(step), second].into_iter().flatten() {
                disk.set_fault(Some(Fault::Dead(dead)));
                // It fails, or only its end does.
                let _ = open(&disk).map(|log| log.close());
                disk = match random.below(3) {
                    0 => disk.kill(),
                    _ => disk.cut_power(&mut random),
                };
            }
            works(&disk, &options, &format!("step {step}, then {second:?}"));
            // Whatever came before, these are the keys of this log alone.
            let mut files = disk.all();
            files.retain(|path, _| path.starts_with("/keys"));
            let other = Writer::open_on(Arc::new(Sim::with(&files)), &folder(), options.clone());
            let refused = other.unwrap_err().to_string();
            assert!(refused.contains("belong to another log"), "{refused}");
        }
    }
}

/// The power is cut while the second epoch begins: it begins again, and no key of it is left over.
fn cut_between_epochs(steps: impl Iterator<Item = u64>) {
    let options = Options {
        keys: Some(PathBuf::from("/keys")),
        ..Options::default()
    };
    let open = |disk: &Sim| Writer::open_on(Arc::new(disk.clone()), &folder(), options.clone());
    let before = Sim::default();
    let log = open(&before).unwrap();
    let records = (0..65_535).map(decision).collect();
    log.append(records).unwrap().wait().unwrap();
    log.close().unwrap();
    for step in steps {
        let mut random = Random::new(step);
        let disk = before.kill();
        let log = open(&disk).unwrap();
        disk.set_fault(Some(Fault::Dead(step)));
        let records = (0..2).map(decision).collect();
        let _ = log.append(records).map(Pending::wait);
        drop(log);
        let disk = if step % 3 == 0 {
            disk.kill()
        } else {
            disk.cut_power(&mut random)
        };
        let log = open(&disk).unwrap_or_else(|error| panic!("step {step}: {error}"));
        let records = (0..3).map(decision).collect();
        log.append(records).unwrap().wait().unwrap();
        log.close().unwrap();
        let keys = disk.all();
        let keys = keys.keys().filter(|path| path.starts_with("/keys"));
        let keys = keys.filter(|path| path.to_string_lossy().contains("epoch-00000001"));
        assert_eq!(keys.count(), 1, "step {step}");
        works(&disk, &options, &format!("step {step}"));
    }
}

#[test]
fn a_power_cut_between_epochs_loses_no_key() {
    // The key is there, the seeds are not; the test below has the steps around it.
    cut_between_epochs(std::iter::once(30));
}

#[test]
#[ignore = "takes minutes: cargo xtask long log"]
fn a_power_cut_at_any_step_between_epochs_loses_no_key() {
    cut_between_epochs(20..45);
}

/// A log that has stopped opens itself again.
fn opened_again(log: &Writer, seed: u64) {
    let mut tries = 0;
    while log.status().stopped.is_some() {
        tries += 1;
        assert!(tries < 1000, "seed {seed}: {:?}", log.status());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// One write or sync fails: nothing of it is acknowledged, and the log starts again.
fn fail_once(seed: u64) {
    let mut random = Random::new(seed);
    let disk = Sim::default();
    let log = Writer::open_on(Arc::new(disk.clone()), &folder(), options(&mut random)).unwrap();
    let mut acknowledged = work(&log, &mut random, 5, 0);
    let code = if random.below(2) == 0 { EIO } else { ENOSPC };
    disk.set_fault(Some(Fault::Once(random.below(30), code)));
    let groups = 10 + random.below(10);
    acknowledged.extend(work(&log, &mut random, groups, 1000));
    opened_again(&log, seed);
    acknowledged.extend(work(&log, &mut random, 5, 2000));
    assert_kept(&log.reader(), &acknowledged, seed);
    disk.set_fault(None);
    opened_again(&log, seed);
    log.close().unwrap();
    assert_sound(&disk, seed, "after the fault");
    // What a failed sync did not write is not on the disk either.
    let after = disk.cut_power(&mut random);
    assert_sound(&after, seed, "after the fault and a cut");
    let log = Writer::open_on(Arc::new(after), &folder(), Options::default()).unwrap();
    assert_kept(&log.reader(), &acknowledged, seed);
}

#[test]
fn a_failed_write_or_sync_is_never_acknowledged() {
    (0..60).for_each(fail_once);
}

#[test]
#[ignore = "takes minutes: cargo xtask long log"]
fn a_thousand_failures_are_never_acknowledged() {
    (1_000..2_000).for_each(fail_once);
}

/// The disk is full at the index of records that are synced, and the process ends at some step of
/// opening the log again: an index that has more than the records would be no trace of a crash.
#[test]
fn an_index_that_was_written_in_part_is_cut_before_its_records_are() {
    for step in 0..16 {
        let mut random = Random::new(step);
        let disk = Sim::default();
        // No checkpoint comes between.
        let options = Options {
            checkpoint_every: Duration::from_secs(3600),
            ..Options::default()
        };
        let log = Writer::open_on(Arc::new(disk.clone()), &folder(), options).unwrap();
        log.append((0..3).map(decision).collect())
            .unwrap()
            .wait()
            .unwrap();
        // After the records and their sync.
        disk.set_fault(Some(Fault::Once(2, ENOSPC)));
        let more = log.append((3..7).map(decision).collect());
        more.unwrap().wait().unwrap_err();
        disk.set_fault(Some(Fault::Dead(step)));
        while disk.faults() < 2 && log.status().stopped.is_some() {
            std::thread::sleep(Duration::from_millis(5));
        }
        for after in [disk.kill(), disk.cut_power(&mut random)] {
            assert_sound(&after, step, "while it opens again");
            let reader = Reader::open_on(Arc::new(after), &folder(), None).unwrap();
            for index in 0..reader.size().unwrap() {
                assert_eq!(reader.record(index).unwrap().index, index, "step {step}");
            }
        }
    }
}

/// An erasure is interrupted at each step, by a failure after which the log opens itself again,
/// or by a power cut: its record is erased or is not, and what is about it is refused or is not.
#[test]
fn nothing_is_recorded_about_what_an_interrupted_erasure_erased() {
    let mut erased = [0; 2];
    for step in 0..40 {
        for is_cut in [false, true] {
            let mut random = Random::new(step);
            let disk = Sim::default();
            let open = |disk: &Sim| {
                let log = Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default());
                log.unwrap_or_else(|error| panic!("step {step}: {error}"))
            };
            let mut log = open(&disk);
            let records = (0..3).map(decision).collect();
            log.append(records).unwrap().wait().unwrap();
            disk.set_fault(Some(match is_cut {
                true => Fault::Dead(step),
                false => Fault::Once(step, EIO),
            }));
            let change = Change {
                indexes: vec![1],
                because: "a test".to_owned(),
                before_term: true,
            };
            let _ = log.erase(&change, "test");
            match is_cut {
                true => {
                    drop(log);
                    log = open(&disk.cut_power(&mut random));
                }
                false => opened_again(&log, step),
            }
            disk.set_fault(None);
            let is_erased = log.reader().record(1).unwrap().body.is_none();
            let said = [0, 1].map(|index| {
                let notice = Record::about(Kind::Notice, index, &"sent").unwrap();
                log.append(vec![notice]).unwrap().wait().err()
            });
            let refused = is_erased.then_some(AppendError::Erased(1));
            assert_eq!(said, [None, refused], "step {step}, {is_cut}");
            erased[usize::from(is_erased)] += 1;
        }
    }
    assert!(erased.iter().all(|count| *count > 2), "{erased:?}");
}

/// A sync fails while a record of an ended epoch is erased. The log opens itself again and erases
/// another one, after which nothing does the first erasure once more: it is on the disk by then.
#[test]
fn an_erasure_whose_sync_failed_is_on_the_disk_before_the_next() {
    const EPOCH: u64 = 1 << 16;
    let before = Sim::default();
    let open = |disk: &Sim| {
        Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default()).unwrap()
    };
    let log = open(&before);
    let records = (0..EPOCH + 5).map(decision).collect();
    log.append(records).unwrap().wait().unwrap();
    log.close().unwrap();
    let erase = |log: &Writer, index| {
        let change = Change {
            indexes: vec![index],
            because: "a test".to_owned(),
            before_term: true,
        };
        log.erase(&change, "test")
    };
    let mut failed = Vec::new();
    // The last steps of an erasure: the folder of keys is synced, the index is written and synced.
    for step in 24..27 {
        let disk = before.kill();
        let log = open(&disk);
        disk.set_fault(Some(Fault::Once(step, EIO)));
        failed.extend(erase(&log, 5).map_err(|error| error.to_string()).err());
        opened_again(&log, step);
        disk.set_fault(None);
        erase(&log, EPOCH + 1).unwrap();
        assert_eq!(log.reader().record(5).unwrap().body, None);
        log.close().unwrap();
        let after = disk.cut_power(&mut Random::new(step));
        assert_sound(&after, step, "after the cut");
        let reader = Reader::open_on(Arc::new(after), &folder(), None).unwrap();
        assert_eq!(reader.record(5).unwrap().body, None, "step {step}");
    }
    let of_index = failed.iter().filter(|error| error.contains("/log/index"));
    assert_eq!((failed.len(), of_index.count()), (3, 2), "{failed:?}");
}

#[test]
fn a_bad_record_that_was_signed_refuses_to_start_and_is_named() {
    let disk = Sim::default();
    let log = Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default()).unwrap();
    log.append((0..50).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    let mut files = disk.all();
    let segment = files.get_mut(Path::new("/log/records/00000000")).unwrap();
    let middle = segment.len() / 2;
    segment[middle] ^= 1;
    let refused = Writer::open_on(Arc::new(Sim::with(&files)), &folder(), Options::default());
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("records/00000000, byte"), "{refused}");
}

#[test]
fn a_clock_that_goes_back_does_not_take_the_leaves_back() {
    let disk = Sim::default();
    let log = Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default()).unwrap();
    let minute = 60_000_000;
    let times = [30_000_000, 29_000_000, 31_000_000].map(|minutes: i64| minutes * minute);
    for time in times {
        let mut record = decision(1);
        record.details.time = time;
        log.append(vec![record]).unwrap().wait().unwrap();
    }
    let reader = log.reader();
    let minutes: Vec<u32> = (0..3)
        .map(|index| reader.record(index).unwrap().minute)
        .collect();
    assert_eq!(minutes, [30_000_000, 30_000_000, 31_000_000]);
    let told = reader.record(1).unwrap().body.unwrap().details.time;
    assert_eq!(told, times[1], "the body keeps what the clock said");
    log.close().unwrap();
    assert_sound(&disk, 0, "at the end");
}

#[test]
fn a_full_queue_refuses_at_once() {
    let disk = Sim::default();
    let options = Options {
        queue: 8,
        ..Options::default()
    };
    let log = Writer::open_on(Arc::new(disk), &folder(), options).unwrap();
    // More than the queue takes at once is taken by an empty one.
    log.append((0..20).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    let mut refused = 0;
    let mut waiting = Vec::new();
    for number in 0..5000 {
        match log.append(vec![decision(number)]) {
            Ok(pending) => waiting.push(pending),
            Err(AppendError::Full(_)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    for pending in waiting {
        pending.wait().unwrap();
    }
    let records = log.status().records;
    assert_eq!(records + refused, 5020);
}
