//! A disk that is full for real, not simulated: a tmpfs of 2 MiB in a mount namespace of its own.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it did not try"
)]

mod common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::decision;
use model_log::verify::{Against, verify};
use model_log::{Options, Receipt, Writer};

const NAME: &str = "a_full_disk_is_never_acknowledged_and_the_log_goes_on_when_there_is_room";
const PLACE: &str = "UNDERWRITE_TEST_FULL_DISK";
/// Of the test's harness when the test has failed.
const FAILED: i32 = 101;

#[test]
fn a_full_disk_is_never_acknowledged_and_the_log_goes_on_when_there_is_room() {
    if let Some(place) = std::env::var_os(PLACE) {
        return fill(Path::new(&place));
    }
    let place = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=2m none \"${PLACE}\" && exec \"$0\" --exact {NAME} --nocapture"
    );
    let status = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(PLACE, place.path())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => {}
        Ok(Some(FAILED)) => panic!("see above"),
        other => println!("not tried: this system lets nobody mount a tmpfs ({other:?})"),
    }
}

fn fill(place: &Path) {
    let folder = place.join("log");
    let filler = place.join("filler");
    // Half of the disk: a log that fills before its first checkpoint has its tiles still to write,
    // and each start writes the index aside, together half as much as records and index take.
    std::fs::write(&filler, vec![1; 1 << 20]).unwrap();
    let log = Writer::open(&folder, Options::default()).unwrap();
    let mut acknowledged: Vec<(u64, Receipt)> = Vec::new();
    let mut append = |number: u64| {
        let receipts = log.append(vec![decision(number)])?.wait()?;
        acknowledged.push((number, receipts[0]));
        Ok::<_, model_log::AppendError>(())
    };
    let error = append_until_full(&mut append);
    assert!(error.contains("No space left on device"), "{error}");
    std::fs::remove_file(&filler).unwrap();
    // It opens itself again from the disk.
    let mut tries = 0;
    while let Err(error) = append(1_000_000) {
        tries += 1;
        assert!(tries < 600, "{error}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(log.status().restarts > 0);
    let reader = log.reader();
    for (number, receipt) in &acknowledged {
        let record = reader.record(receipt.index).unwrap();
        assert_eq!(record.leaf, receipt.leaf);
        let body = record.body.unwrap();
        assert_eq!(body.request, decision(*number).request);
    }
    log.close().unwrap();
    let report = verify(&folder, &Against::default()).unwrap();
    assert_eq!(report.problems, []);
    println!("{} records on a disk that was full", report.records);
}

/// Appends until that fails; answers why.
fn append_until_full(append: &mut impl FnMut(u64) -> Result<(), model_log::AppendError>) -> String {
    for number in 0..20_000 {
        if let Err(error) = append(number) {
            return error.to_string();
        }
    }
    panic!("2 MiB hold no 20,000 records")
}
