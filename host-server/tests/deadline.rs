//! A call is stopped by what it computes, not by the time on the wall.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use common::{limits, stand_in};
use host_server::{Limits, ModelHost};

/// Threads that keep a processor busy, for each processor.
const BUSY: usize = 12;

/// The stand-in; a body that begins with `w` is some work.
fn worker() -> Vec<u8> {
    let work = "(local.set $first (i32.load8_u (local.get $pointer)))
    (if (i32.eq (local.get $first) (i32.const 0x77)) ;; w
      (then
        (global.set $left (i32.const 8000000))
        (loop $work
          (global.set $left (i32.sub (global.get $left) (i32.const 1)))
          (br_if $work (global.get $left)))))";
    stand_in(&[
        (
            "(global $status (mut",
            "(global $left (mut i32) (i32.const 0)) (global $status (mut",
        ),
        (
            "(local.set $first (i32.load8_u (local.get $pointer)))",
            work,
        ),
    ])
}

fn load(decide: Duration) -> ModelHost {
    let limits = Limits { decide, ..limits() };
    ModelHost::load(worker(), limits).unwrap()
}

#[test]
fn a_thread_that_is_not_run_loses_no_decision() {
    let host = load(Duration::from_secs(60));
    let alone = (0..3)
        .map(|_| {
            let start = Instant::now();
            host.decide(b"w").unwrap();
            start.elapsed()
        })
        .min()
        .unwrap();
    let limit = (alone * 4).max(Duration::from_millis(40));
    let host = load(limit);
    let stop = AtomicBool::new(false);
    let longest = std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().unwrap().get() * BUSY;
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    black_box(0);
                }
            });
        }
        let mut longest = Duration::ZERO;
        let mut decisions = 0;
        while decisions < 10 || longest <= limit && decisions < 1000 {
            decisions += 1;
            let start = Instant::now();
            let decided = host.decide(b"w");
            longest = longest.max(start.elapsed());
            assert_eq!(decided.unwrap().status, 200);
        }
        // One that hangs is stopped under the same load.
        let error = host.decide(b"l").unwrap_err().to_string();
        assert!(error.contains("abi_decide was stopped after"), "{error}");
        stop.store(true, Ordering::Relaxed);
        longest
    });
    // Else nothing was tested: the threads were run all the time.
    assert!(longest > limit, "{longest:?} of {limit:?}");
}
