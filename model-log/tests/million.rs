//! How long a log of a million records takes to open, verify, search and erase from. Prints the
//! figures; `cargo xtask long log` runs it. And what a start derives of an epoch that is too old
//! to be read whole.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::time::{Duration, Instant};

use common::decision;
use model_log::replay::replay;
use model_log::verify::{Against, verify};
use model_log::{Change, Digest, Kind, LogError, Options, Query, Record, Writer};

const RECORDS: u64 = 1_000_000;

/// As large as a decision of the sample model: 1.1 KB.
fn large(number: u64) -> Record {
    let mut record = decision(number);
    record.request.resize(400, b' ');
    record.answer.resize(450, b' ');
    record
}

fn timed<T>(what: &str, most: Duration, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    let took = began.elapsed();
    println!(
        "{what}: {:.2} s (at most {:.0} s)",
        took.as_secs_f64(),
        most.as_secs_f64()
    );
    assert!(took <= most, "{what} took {took:?}");
    done
}

#[test]
#[ignore = "takes a minute and 1.3 GB of disk: cargo xtask long log"]
fn a_million_records_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let seconds = Duration::from_secs;
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let began = Instant::now();
    for first in (0..RECORDS).step_by(4096) {
        let records = (first..RECORDS.min(first + 4096)).map(large).collect();
        log.append(records).unwrap().wait().unwrap();
    }
    println!("append: {:.2} s", began.elapsed().as_secs_f64());
    log.close().unwrap();
    let log = timed("start", seconds(2), || {
        Writer::open(folder.path(), Options::default()).unwrap()
    });
    let reader = log.reader();
    let query = Query {
        application: Some("application-499999".to_owned()),
        ..Query::default()
    };
    let found = timed("search", seconds(1), || reader.search(&query).unwrap());
    assert_eq!(found.len(), 2);
    let change = Change {
        indexes: (0..10_000).map(|at| at * 97).collect(),
        because: "a test".to_owned(),
        before_term: true,
    };
    let erased = timed("erase 10,000", seconds(5), || {
        log.erase(&change, "test").unwrap()
    });
    assert_eq!(erased.records, 10_000);
    log.close().unwrap();
    let report = timed("verify", seconds(10), || {
        verify(folder.path(), &Against::default()).unwrap()
    });
    assert_eq!((report.problems, report.erased), (vec![], 10_000));
    // Reading and comparing alone: the module's own time comes on top.
    let ask = |_: Digest, _: Kind, request: &[u8]| {
        let text = String::from_utf8_lossy(request);
        let number = text
            .trim_end()
            .trim_end_matches('}')
            .rsplit(' ')
            .next()
            .unwrap_or("");
        let number: u64 = number.parse().map_err(|_| "no number".to_owned())?;
        Ok((200, large(number).answer))
    };
    let done = timed("replay", seconds(30), || {
        replay(&reader, 0, RECORDS, &ask).unwrap()
    });
    assert_eq!(
        (done.answers, done.differ, done.erased),
        (990_000, 0, 10_000)
    );
}

/// A start reads the last 16 epochs whole; of older ones it only misses the index.
#[test]
#[ignore = "takes a minute and 0.5 GB of disk: cargo xtask long log"]
fn an_index_of_long_ago_is_not_derived_from_damaged_records() {
    const ENDED: u64 = 17 * 65_536;
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    for first in (0..ENDED).step_by(4096) {
        let records = (first..first + 4096).map(|_| Record::new(Kind::Decision));
        log.append(records.collect()).unwrap().wait().unwrap();
    }
    log.close().unwrap();
    let [index, records] =
        ["index", "records"].map(|name| folder.path().join(name).join("00000000"));
    let good = std::fs::read(&records).unwrap();
    std::fs::remove_file(&index).unwrap();
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    std::fs::write(&records, bad).unwrap();
    let refused = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, LogError::Damaged { .. }), "{refused}");
    assert!(!index.exists());
    std::fs::write(&records, good).unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    log.close().unwrap();
    assert_eq!(index.metadata().unwrap().len(), 65_536 * 48);
}
