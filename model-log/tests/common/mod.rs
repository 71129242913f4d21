//! What the tests of the log share.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod sim;
pub(crate) mod watched;

use std::path::Path;

use model_log::verify::{Against, Report, verify};
use model_log::{Change, Kind, Options, Outcome, Record, Writer};

/// A small random generator (xorshift64*), so that a failure can be repeated by its seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Less than `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit.max(1)
    }
}

/// A decision with a recognizable application.
pub(crate) fn decision(number: u64) -> Record {
    let mut record = Record::new(Kind::Decision);
    record.outcome = match number % 3 {
        0 => Outcome::Approve,
        1 => Outcome::Refer,
        _ => Outcome::Decline,
    };
    record.details.status = 200;
    record.details.request_id = format!("request-{number}");
    record.details.application = format!("application-{}", number / 2);
    record.request = format!("{{\"secret income of applicant\": {number}}}").into_bytes();
    record.answer = format!("{{\"answer to applicant\": {number}}}").into_bytes();
    record
}

/// What is found in the log.
pub(crate) fn checked(folder: &Path) -> Report {
    verify(folder, &Against::default()).unwrap()
}

/// The same of a log without problems.
pub(crate) fn sound(folder: &Path) -> Report {
    let report = checked(folder);
    assert_eq!(report.problems, [], "a log without problems");
    report
}

/// A log with so many decisions.
pub(crate) fn filled(folder: &Path, records: u64) -> Writer {
    let log = Writer::open(folder, Options::default()).unwrap();
    let all = (0..records).map(decision).collect();
    log.append(all).unwrap().wait().unwrap();
    log
}

/// An erasure or a hold of these records.
pub(crate) fn change(indexes: &[u64]) -> Change {
    Change {
        indexes: indexes.to_vec(),
        because: "the applicant asked for it".to_owned(),
        before_term: true,
    }
}

/// Adds these decisions.
pub(crate) fn append(log: &Writer, numbers: std::ops::Range<u64>) {
    let records = numbers.map(decision).collect();
    log.append(records).unwrap().wait().unwrap();
}

/// Copies what is in a folder.
pub(crate) fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp")
        .args(["-a", &format!("{}/.", from.display())])
        .arg(to)
        .status();
    assert!(status.unwrap().success());
}
