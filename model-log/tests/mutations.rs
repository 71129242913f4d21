//! A log is altered at random: each alteration is found.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::sim::Sim;
use common::{Random, decision};
use model_log::verify::{Against, Report, verify_on};
use model_log::{Change, Options, Record, Writer};

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn folder() -> PathBuf {
    PathBuf::from("/log")
}

fn open(disk: &Sim) -> Writer {
    Writer::open_on(Arc::new(disk.clone()), &folder(), Options::default()).unwrap()
}

/// A closed log with erasures and a hold, as files; and an older state of the same log.
fn log(records: u64) -> (Files, Files) {
    let disk = Sim::default();
    let log = open(&disk);
    let model = log.keep_model(b"a model").unwrap();
    let decided = |number| Record {
        model,
        ..decision(number)
    };
    log.append((0..records).map(decided).collect())
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    let older = disk.all();
    let log = open(&disk);
    let change = Change {
        indexes: vec![3, records / 2],
        because: "a test".to_owned(),
        before_term: true,
    };
    log.erase(&change, "test").unwrap();
    let hold = Change {
        indexes: vec![1],
        ..change
    };
    log.hold(&hold, "test").unwrap();
    log.append((records..records + 20).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    (older, disk.all())
}

/// What a check says about these files; `None` when the log cannot be read at all.
fn check(files: &Files) -> Option<Report> {
    verify_on(Arc::new(Sim::with(files)), &folder(), &Against::default()).ok()
}

fn is_found(files: &Files) -> bool {
    check(files).is_none_or(|report| !report.problems.is_empty())
}

fn some_file(files: &Files, random: &mut Random) -> PathBuf {
    // By bytes, so that the records have their share, and by files, so that the small ones do.
    if random.below(2) == 0 {
        let at = random.below(files.len() as u64) as usize;
        return files.keys().nth(at).unwrap().clone();
    }
    let total: usize = files.values().map(Vec::len).sum();
    let mut at = random.below(total as u64) as usize;
    for (path, bytes) in files {
        if at < bytes.len() {
            return path.clone();
        }
        at -= bytes.len();
    }
    files.keys().next().unwrap().clone()
}

/// Alters the files; answers what was done.
fn alter(files: &mut Files, older: &Files, other: &Files, random: &mut Random) -> String {
    let path = some_file(files, random);
    let name = path.display().to_string();
    let other_path = some_file(files, random);
    let bytes = files.get_mut(&path).unwrap();
    let len = bytes.len() as u64;
    match random.below(8) {
        0..=2 if len > 0 => {
            let (at, bit) = (random.below(len) as usize, random.below(8));
            bytes[at] ^= 1 << bit;
            format!("bit {bit} of byte {at} of {name}")
        }
        3 if len > 0 => {
            let to = random.below(len) as usize;
            bytes.truncate(to);
            format!("{name} cut to {to} bytes")
        }
        4 => {
            let at = random.below(len + 1) as usize;
            let what = random.next().to_le_bytes();
            let count = 1 + random.below(8) as usize;
            bytes.splice(at..at, what[..count].iter().copied());
            format!("{count} bytes inserted at {at} of {name}")
        }
        5 if len > 1 => {
            let (a, b) = (random.below(len) as usize, random.below(len) as usize);
            bytes.swap(a, b);
            format!("bytes {a} and {b} of {name} swapped")
        }
        6 => {
            let content = files.get(&other_path).cloned().unwrap_or_default();
            files.insert(path, content);
            format!("{name} replaced by {}", other_path.display())
        }
        _ => {
            let from = if random.below(2) == 0 { older } else { other };
            match from.get(&path) {
                Some(content) => {
                    let content = content.clone();
                    files.insert(path, content);
                    format!("{name} replaced by the one of another log")
                }
                None => {
                    files.remove(&path);
                    format!("{name} removed")
                }
            }
        }
    }
}

#[test]
fn every_random_alteration_is_found() {
    alter_all(0..1_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask long log"]
fn a_hundred_thousand_alterations_are_found() {
    alter_all(1_000_000..1_100_000);
}

fn alter_all(seeds: std::ops::Range<u64>) {
    let (older, files) = log(60);
    let (_, other) = log(60);
    let sound = check(&files).unwrap();
    assert_eq!(sound.problems, []);
    for seed in seeds {
        let mut random = Random::new(seed);
        let mut altered = files.clone();
        let what = alter(&mut altered, &older, &other, &mut random);
        assert!(
            altered == files || is_found(&altered),
            "seed {seed}: {what} was not found"
        );
    }
}

#[test]
fn every_bit_of_the_small_files_is_checked() {
    let (_, files) = log(4);
    for (path, bytes) in &files {
        if bytes.len() > 400 {
            continue;
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = files.clone();
                altered.get_mut(path).unwrap()[at] ^= 1 << bit;
                let place = path.display();
                assert!(
                    is_found(&altered),
                    "bit {bit} of byte {at} of {place} was not found"
                );
            }
        }
    }
}

#[test]
fn an_older_state_of_the_whole_log_is_found_by_a_checkpoint_from_elsewhere() {
    let (older, files) = log(50);
    assert_eq!(
        check(&older).unwrap().problems,
        [],
        "a whole older log looks sound"
    );
    let note = files.get(Path::new("/log/checkpoint")).unwrap().clone();
    let against = Against {
        checkpoint: Some(String::from_utf8(note).unwrap()),
        ..Against::default()
    };
    let report = verify_on(Arc::new(Sim::with(&older)), &folder(), &against).unwrap();
    assert!(
        report.problems[0].problem.contains("the end is missing"),
        "{report:?}"
    );
}
