//! TLS handshakes, which are made on threads of their own: a signature takes milliseconds and is
//! made before the client has shown anything, and what a client's own key and certificates take is
//! the client's choice.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::admission::less_one;
use super::caller::Caller;
use super::records::Room;
use super::turns::Turns;
use crate::host::processors;
use crate::priority::HANDSHAKES;
use crate::threads::Threads;

/// What a step counts as, at most: only a certificate with many paths to its authorities takes
/// longer, and a machine that stands still is nobody's debt.
const MOST: Duration = Duration::from_millis(20);

/// A handshake that begins.
pub(crate) struct Handshake {
    pub(crate) acceptor: TlsAcceptor,
    /// The most bytes of it.
    pub(crate) at_most: usize,
    /// What its session may take of the memory of all.
    pub(crate) room: Room,
    /// Where its steps are made.
    pub(crate) steps: Arc<Steps>,
}

/// The threads that make steps of handshakes, as many as there are processors, and at least two.
/// One caller may have one fewer at a time, and the next is free for whoever has taken the least.
pub(crate) struct Steps {
    turns: Arc<Turns>,
    threads: Threads,
}

/// Wakes whoever waits, or will.
#[derive(Default)]
struct Woken(Notify);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.notify_one();
    }
}

impl Steps {
    pub(crate) fn start() -> Arc<Self> {
        let all = processors().max(const { std::num::NonZeroUsize::new(2).unwrap() });
        Arc::new(Self {
            turns: Turns::new(all, less_one(all), MOST),
            threads: Threads::start_or_of_caller("handshake", all.get(), HANDSHAKES),
        })
    }

    /// Completes a handshake, each step of which has a turn. `None` if a step panicked.
    pub(super) async fn complete<F>(&self, shake: F, caller: &Caller) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let woken = Arc::new(Woken::default());
        let mut shake = Box::pin(shake);
        loop {
            let turn = self.turns.take(caller).await;
            let (of, waker) = (Handle::current(), Waker::from(Arc::clone(&woken)));
            let step = self.threads.run(move || {
                let step = step(&mut shake, &of, &waker);
                // Also where the connection has ended meanwhile.
                drop(turn);
                (shake, step)
            });
            let (rest, step) = step.await.ok()?;
            if let Poll::Ready(done) = step {
                return Some(done);
            }
            shake = rest;
            // Until something comes, or came since the step.
            woken.0.notified().await;
        }
    }
}

/// A step, whose timers are those of the connection's own thread.
fn step<F: Future>(shake: &mut Pin<Box<F>>, of: &Handle, waker: &Waker) -> Poll<F::Output> {
    let _of = of.enter();
    shake.as_mut().poll(&mut Context::from_waker(waker))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use std::sync::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn caller(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    /// A step that is made until it is told to end.
    fn long_step() -> (Sender<()>, impl Future<Output = ()> + Send + 'static) {
        let (end, ended): (_, Receiver<()>) = channel();
        (end, async move { ended.recv().unwrap() })
    }

    /// Signatures, keys and certificates were once worked on by the threads that serve connections.
    #[tokio::test]
    async fn a_thread_serves_others_while_steps_are_made() {
        let steps = Steps::start();
        let (end, long) = long_step();
        let caller = caller("one");
        let mut shaken = std::pin::pin!(steps.complete(long, &caller));
        assert!(futures_util::poll!(shaken.as_mut()).is_pending());
        // This thread would wait for ever if it made the step.
        end.send(()).unwrap();
        assert_eq!(shaken.await, Some(()));
    }

    /// Whoever had many handshakes that were ready once came before everybody else.
    #[tokio::test]
    async fn one_caller_leaves_turns_to_others() {
        let steps = Steps::start();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = tokio::task::JoinSet::new();
        let mut held = Vec::new();
        for _ in 0..processors().get() + 1 {
            let (end, long) = long_step();
            held.push(end);
            let steps = Arc::clone(&steps);
            tasks.spawn(async move { steps.complete(long, &caller("many")).await });
        }
        for (name, handshakes) in [("many", 100), ("other", 1)] {
            for _ in 0..handshakes {
                let (steps, order) = (Arc::clone(&steps), Arc::clone(&order));
                tasks.spawn(async move {
                    let step = async move { order.lock().unwrap().push(name) };
                    steps.complete(step, &caller(name)).await
                });
            }
        }
        while order.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
        // While one has as many turns as it may have, the other has its own.
        assert_eq!(*order.lock().unwrap(), ["other"]);
        held.iter().for_each(|end| end.send(()).unwrap());
        while let Some(done) = tasks.join_next().await {
            assert_eq!(done.unwrap(), Some(()));
        }
    }

    /// A step that waits is made when something comes, also if that was while the one before was
    /// made.
    #[tokio::test]
    async fn a_handshake_goes_on_when_something_comes() {
        let (mut ours, mut theirs) = tokio::io::duplex(8);
        let shake = async move {
            let mut all = [0; 3];
            for byte in &mut all {
                *byte = ours.read_u8().await.unwrap();
            }
            all
        };
        let steps = Steps::start();
        let caller = Caller::Unknown;
        let both = tokio::join!(steps.complete(shake, &caller), async {
            for byte in 1..=3 {
                tokio::time::sleep(Duration::from_millis(5)).await;
                theirs.write_u8(byte).await.unwrap();
            }
        });
        assert_eq!(both.0, Some([1, 2, 3]));
        let mut polls = 0;
        let at_once = std::future::poll_fn(move |context| {
            polls += 1;
            context.waker().wake_by_ref();
            match polls {
                1..=9 => Poll::Pending,
                _ => Poll::Ready(polls),
            }
        });
        assert_eq!(steps.complete(at_once, &caller).await, Some(10));
    }

    #[tokio::test]
    async fn a_step_that_panics_ends_its_connection_alone() {
        let steps = Steps::start();
        let caller = Caller::Unknown;
        let panics = async { panic!("a step that panics") };
        assert_eq!(steps.complete(panics, &caller).await, None::<()>);
        assert_eq!(steps.complete(async { 7 }, &caller).await, Some(7));
    }
}
