//! The TLS handshakes of a thread: one step at a time, between which it serves its connections.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::caller::Caller;
use super::turns::Turns;

/// A step that takes no longer keeps nobody waiting: it has no signature, or one with ECDSA.
const SHORT: Duration = Duration::from_micros(200);

/// What a longer step counts as.
const STEP: Duration = Duration::from_millis(1);

/// Completes a handshake, each step of which has a turn until one has taken long: a signature takes
/// milliseconds, and is made before the client has shown anything. Between two of them the thread's connections are
/// served, and the next is of whoever has taken the least.
pub(super) async fn in_turns<F: Future>(
    shake: F,
    turns: &Arc<Turns>,
    caller: &Caller,
) -> F::Output {
    let mut shake = std::pin::pin!(shake);
    let mut has_signed = false;
    loop {
        // What comes after the signature takes no time.
        let mut turn = match has_signed {
            true => None,
            false => turns.take(caller).await,
        };
        let began = Instant::now();
        let step = std::future::poll_fn(|context| Poll::Ready(shake.as_mut().poll(context))).await;
        let is_long = began.elapsed() > SHORT;
        if let Some(turn) = &mut turn {
            turn.costs(if is_long { STEP } else { Duration::ZERO });
        }
        has_signed |= is_long;
        if is_long {
            // Behind all that is ready now.
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                drop(turn);
            });
        } else {
            drop(turn);
        }
        if let Poll::Ready(done) = step {
            return done;
        }
        // Until something comes, which wakes this task: the step has seen to that.
        let mut is_first = true;
        std::future::poll_fn(|_| match std::mem::take(&mut is_first) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::num::NonZeroUsize;
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Handshakes with long steps that are ready together once were one turn of their thread.
    #[tokio::test]
    async fn a_thread_has_others_between_two_handshakes() {
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN);
        let order = Arc::new(Mutex::new(Vec::new()));
        let note = |name| {
            let order = Arc::clone(&order);
            move || order.lock().unwrap().push(name)
        };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let (turns, sign) = (Arc::clone(&turns), note("handshake"));
            tasks.spawn(async move {
                let step = async {
                    std::thread::sleep(2 * SHORT);
                    sign();
                };
                in_turns(step, &turns, &Caller::Unknown).await;
            });
        }
        let serve = note("others");
        tasks.spawn(async move {
            for _ in 0..20 {
                serve();
                tokio::task::yield_now().await;
            }
        });
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let order = order.lock().unwrap();
        let in_a_row = order.windows(2).filter(|two| two == &["handshake"; 2]);
        assert_eq!(in_a_row.count(), 0, "{order:?}");
    }

    /// A step that waits is looked at again when something comes.
    #[tokio::test]
    async fn a_handshake_goes_on_when_something_comes() {
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN);
        let (mut ours, mut theirs) = tokio::io::duplex(8);
        let shake = async move {
            let mut all = [0; 3];
            for byte in &mut all {
                *byte = ours.read_u8().await.unwrap();
            }
            all
        };
        let caller = Caller::Unknown;
        let both = tokio::join!(in_turns(shake, &turns, &caller), async {
            for byte in 1..=3 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                theirs.write_u8(byte).await.unwrap();
            }
        });
        assert_eq!(both.0, [1, 2, 3]);
    }
}
