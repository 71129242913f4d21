//! The TLS handshakes of a thread: one step at a time, between which it serves its connections.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio_rustls::TlsAcceptor;

use super::caller::Caller;
use super::records::Room;
use super::turns::Turns;

/// A handshake that begins.
pub(crate) struct Handshake {
    pub(crate) acceptor: TlsAcceptor,
    /// The most bytes of it.
    pub(crate) at_most: usize,
    /// Whether the client's certificates are checked, which takes as long as a signature.
    pub(crate) checks_client: bool,
    /// What its session may take of the memory of all.
    pub(crate) room: Room,
}

/// A step that takes no longer keeps nobody waiting: it has no signature, or one with ECDSA.
const SHORT: Duration = Duration::from_micros(200);

/// What a step counts as, at most.
pub(super) const STEP: Duration = Duration::from_millis(1);

/// Completes a handshake, each step of which has a turn as long as much is to do: a signature takes
/// milliseconds, and is made before the client has shown anything. Between two turns the thread's
/// connections are served, and the next is of whoever has taken the least.
pub(super) async fn in_turns<F: Future>(
    shake: F,
    is_much_to_do: impl Fn() -> bool,
    turns: &Arc<Turns>,
    caller: &Caller,
) -> F::Output {
    let mut shake = std::pin::pin!(shake);
    loop {
        let turn = match is_much_to_do() {
            true => turns.take(caller).await,
            false => None,
        };
        let began = Instant::now();
        let step = std::future::poll_fn(|context| Poll::Ready(shake.as_mut().poll(context))).await;
        if began.elapsed() > SHORT {
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
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN, STEP);
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
                in_turns(step, || true, &turns, &Caller::Unknown).await;
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

    /// Whether a handshake is done while another has the turn, after a long step.
    async fn is_done_without_a_turn(is_much_to_do: bool) -> bool {
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN, STEP);
        let (mut ours, mut theirs) = tokio::io::duplex(8);
        let shake = async move {
            std::thread::sleep(2 * SHORT);
            ours.read_u8().await.unwrap();
        };
        let caller = Caller::Unknown;
        let mut shaken = std::pin::pin!(in_turns(shake, || is_much_to_do, &turns, &caller));
        assert!(futures_util::poll!(shaken.as_mut()).is_pending());
        let _turn = turns.take(&Caller::Key("other".into())).await;
        theirs.write_u8(7).await.unwrap();
        futures_util::poll!(shaken).is_ready()
    }

    /// After a step that took long by chance, signatures once were a turn of nobody.
    #[tokio::test]
    async fn a_long_step_has_a_turn_and_what_little_is_left_has_none() {
        assert!(!is_done_without_a_turn(true).await);
        assert!(is_done_without_a_turn(false).await);
    }

    /// Short steps that waited once counted nothing: they came in the order in which they had been
    /// asked for, whoever had many.
    #[tokio::test]
    async fn short_steps_are_fair_too() {
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN, STEP);
        let order = Arc::new(Mutex::new(Vec::new()));
        let callers = [Caller::Key("many".into()), Caller::Key("one".into())];
        let held = turns.take(&callers[0]).await;
        let mut tasks = tokio::task::JoinSet::new();
        for caller in std::iter::repeat_n(0, 20).chain([1]) {
            let (turns, order) = (Arc::clone(&turns), Arc::clone(&order));
            let whose = callers[caller].clone();
            tasks.spawn(async move {
                let step = async { order.lock().unwrap().push(caller) };
                in_turns(step, || true, &turns, &whose).await;
            });
        }
        tokio::task::yield_now().await;
        drop(held);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let order = order.lock().unwrap();
        let at = order.iter().position(|caller| *caller == 1);
        assert!(at.is_some_and(|at| at < 3), "{order:?}");
    }

    /// A step that waits is looked at again when something comes.
    #[tokio::test]
    async fn a_handshake_goes_on_when_something_comes() {
        let turns = Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN, STEP);
        let (mut ours, mut theirs) = tokio::io::duplex(8);
        let shake = async move {
            let mut all = [0; 3];
            for byte in &mut all {
                *byte = ours.read_u8().await.unwrap();
            }
            all
        };
        let caller = Caller::Unknown;
        let both = tokio::join!(in_turns(shake, || true, &turns, &caller), async {
            for byte in 1..=3 {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                theirs.write_u8(byte).await.unwrap();
            }
        });
        assert_eq!(both.0, [1, 2, 3]);
    }
}
