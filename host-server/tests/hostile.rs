//! A module that fails is stopped, and the next call is answered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::task::Poll;

use common::{ANSWER, limits, predict, stand_in, stand_in_app};
use futures_util::poll;
use host_server::{CallError, Limits, ModelHost};

fn one_instance() -> Limits {
    Limits {
        instances: NonZeroUsize::MIN,
        ..limits()
    }
}

/// The call fails with the sentence; the one after it does not.
fn check_stopped(host: &ModelHost, body: &[u8], sentence: &str) {
    let error = host.decide(body).unwrap_err().to_string();
    assert!(
        error.contains(sentence),
        "got: {error}\nexpected: {sentence}"
    );
    assert_eq!(host.decide(b"{}").unwrap().body, ANSWER.as_bytes());
}

#[test]
fn a_call_that_fails_takes_no_other_with_it() {
    let host = ModelHost::load(stand_in(&[]), one_instance()).unwrap();
    check_stopped(&host, b"l", "abi_decide was stopped after 300ms");
    check_stopped(&host, b"t", "the module trapped in abi_decide");
    check_stopped(
        &host,
        b"o",
        "abi_decide returned 4294967295 bytes at 4294967295",
    );
    check_stopped(
        &host,
        b"s",
        "abi_status returned 418, expected 200, 413, 422 or 503",
    );
    check_stopped(&host, b"x", "abi_decide returned 5 bytes of something else");
}

#[test]
fn memory_is_limited() {
    let file = stand_in(&[(
        "(br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))))",
        "(br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable)",
    )]);
    let host = ModelHost::load(file, one_instance()).unwrap();
    check_stopped(&host, b"m", "needed more than the 8388608 bytes of memory");
    let too_long = vec![b' '; 9 << 20];
    check_stopped(
        &host,
        &too_long,
        "needed more than the 8388608 bytes of memory",
    );
}

#[test]
fn a_module_that_lives_with_its_limit_still_answers() {
    let host = ModelHost::load(stand_in(&[]), one_instance()).unwrap();
    assert_eq!(host.decide(b"m").unwrap().body, ANSWER.as_bytes());
    assert_eq!(host.decide(b"{}").unwrap().body, ANSWER.as_bytes());
}

#[test]
fn an_import_is_never_reached() {
    let file = stand_in(&[
        (
            "\"__wbindgen_throw\" (func (param",
            "\"__wbindgen_throw\" (func $throw (param",
        ),
        (
            "(then unreachable)",
            "(then (call $throw (i32.const 1) (i32.const 2)))",
        ),
    ]);
    let host = ModelHost::load(file, one_instance()).unwrap();
    check_stopped(&host, b"t", "wbg");
}

#[test]
fn more_threads_than_instances() {
    let host = ModelHost::load(stand_in(&[]), one_instance()).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let host = &host;
            scope.spawn(move || {
                for call in 0..50 {
                    if (thread + call) % 10 == 0 {
                        host.decide(b"t").unwrap_err();
                    } else {
                        assert_eq!(host.decide(b"{}").unwrap().status, 200);
                    }
                }
            });
        }
    });
}

/// Counts to that number.
fn count(to: u32) -> String {
    format!(
        "(loop $next (br_if $next (i32.lt_u
          (local.tee $count (i32.add (local.get $count) (i32.const 1))) (i32.const {to}))))"
    )
}

/// Where loading takes long, each of them once made an instance of its own, of which none was needed
/// a moment later.
#[test]
fn who_comes_while_an_instance_is_made_takes_one_that_is_returned() {
    const THREADS: usize = 8;
    let (slow, quick) = (count(500_000_000), count(10_000_000));
    let load = "(func (export \"abi_load\") (result i64)";
    let decide = "(local $first i32)";
    let file = stand_in(&[
        (load, &format!("{load} (local $count i32) {slow}")),
        (decide, &format!("{decide} (local $count i32) {quick}")),
    ]);
    let host = ModelHost::load(file, limits()).unwrap();
    let all = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                all.wait();
                assert_eq!(host.decide(b"{}").unwrap().status, 200);
            });
        }
    });
    assert!(host.instances() < THREADS, "{}", host.instances());
}

#[test]
fn a_batch() {
    let host = ModelHost::load(stand_in(&[]), one_instance()).unwrap();
    let batch = host.batch(&[0.25, -1.0, 0.5, 7.0, 8.0, 9.0], 3).unwrap();
    assert_eq!(batch.probabilities, [0.25, -1.0, 0.5]);
    assert_eq!(batch.refused, 1);
    assert_eq!(host.batch(&[], 0).unwrap().probabilities, [0.0; 0]);
    let error = host.batch(&[1.0], 3).unwrap_err();
    assert!(matches!(
        error,
        CallError::BatchLength {
            expected: 6,
            found: 1,
            ..
        }
    ));
}

#[tokio::test]
async fn over_http_it_is_a_plain_500_with_the_name_of_the_log_line() {
    let app = stand_in_app();
    for body in ["l", "t", "o", "s", "x"] {
        let answer = predict(&app, body).await;
        assert_eq!(answer.status, 500, "{body}");
        let id = answer.header("x-request-id");
        assert_eq!(
            answer.text(),
            format!(
                r#"{{"detail":"The model failed on this request; the server logged the reason under request id {id}"}}"#
            )
        );
        assert_eq!(predict(&app, "{}").await.status, 200);
    }
}

/// An instance was once made, and its model loaded into it, on the thread of whoever asked for a
/// decision: all other connections of that thread waited for it.
#[tokio::test]
async fn where_no_instance_is_idle_none_is_made_on_the_thread_of_the_connection() {
    let app = stand_in_app();
    // Instances that fail are discarded: none is left.
    assert_eq!(predict(&app, "t").await.status, 500);
    let mut first = Box::pin(predict(&app, "{}"));
    assert!(poll!(first.as_mut()).is_pending());
    assert_eq!(first.await.status, 200);
    // The one that was made for it is idle now.
    let mut second = Box::pin(predict(&app, "{}"));
    let Poll::Ready(answer) = poll!(second.as_mut()) else {
        panic!("an ordinary decision is made at once");
    };
    assert_eq!(answer.status, 200);
}
