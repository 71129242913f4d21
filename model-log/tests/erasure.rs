//! An erasure that a crash interrupted is ended by the next start, also where it is the last
//! record of an epoch.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::decision;
use model_log::{Change, Options, Writer};

/// Records of an epoch.
const EPOCH: u64 = 1 << 16;

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
    let erasure = Change {
        indexes: vec![5],
        because: "the applicant asked for it".to_owned(),
        before_term: true,
    };
    let erased = log.erase(&erasure, "tester").unwrap();
    assert_eq!(erased.index, EPOCH - 1);
    drop(log);
    // As a crash leaves it that comes after the record and before the keys are destroyed.
    for (file, copy) in &before {
        std::fs::copy(copy, file).unwrap();
    }
    std::fs::remove_file(&next).unwrap();
    std::fs::write(folder.path().join("lock"), "open\n").unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.status().records, EPOCH);
    assert_eq!(log.reader().record(5).unwrap().body, None);
    assert!(log.reader().record(6).unwrap().body.is_some());
    assert!(!key.exists(), "the key that opened it is destroyed");
    log.close().unwrap();
}
