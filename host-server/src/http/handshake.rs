//! TLS handshakes, which are made on threads of their own: a signature takes milliseconds and is
//! made before the client has shown anything, and what a client's own key and certificates take is
//! the client's choice.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::admission::less_one;
use super::caller::Caller;
use super::own_task::in_own_task_on;
use super::records::Room;
use super::turns::Turns;
use crate::host::processors;

/// What a step counts as, at most: only many paths from a certificate to its authorities, or many
/// authorities of one name, take longer, and a machine that stands still is nobody's debt.
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

/// The threads that make steps of handshakes, as many as there are processors. The next step is of
/// whoever has taken the least.
pub(crate) struct Steps {
    turns: StepTurns,
    /// `None` once it ends.
    threads: Option<Runtime>,
}

/// The turns of steps up to the one with the signature, and those of the others: what ends a handshake
/// waits for no signatures.
#[derive(Clone)]
struct StepTurns {
    first: Arc<Turns>,
    last: Arc<Turns>,
}

impl StepTurns {
    /// So many at a time of each; one caller may have one fewer of the second.
    fn new(all: NonZeroUsize) -> Self {
        Self {
            first: Turns::new(all, all, MOST),
            // Those with certificates may take long.
            last: Turns::new(all, less_one(all), MOST),
        }
    }
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
    /// # Errors
    /// When the system refuses the threads.
    pub(crate) fn start() -> io::Result<Arc<Self>> {
        let all = processors();
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(all.get()).thread_name("handshake");
        // tokio panics where the system refuses a thread.
        let threads = catch_unwind(AssertUnwindSafe(|| threads.build()));
        let threads = threads.map_err(|_| io::Error::other("one was refused"))??;
        Ok(Arc::new(Self {
            turns: StepTurns::new(all),
            threads: Some(threads),
        }))
    }

    /// Completes a handshake, each step of which has a turn. `None` if a step panicked. Dropping this
    /// ends it.
    pub(super) async fn complete<F>(
        &self,
        shake: F,
        has_signed: impl Fn() -> bool + Send + 'static,
        caller: &Caller,
    ) -> Option<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let threads = self.threads.as_ref()?.handle();
        let (turns, caller) = (self.turns.clone(), caller.clone());
        let done = in_turns(
            Box::pin(shake),
            has_signed,
            turns,
            caller,
            Handle::current(),
        );
        in_own_task_on(threads, done).await.ok()
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        // A runtime that is simply dropped waits for its threads.
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Makes the steps of a handshake on this thread; its timers are those of the connection's own.
async fn in_turns<F>(
    mut shake: F,
    has_signed: impl Fn() -> bool,
    turns: StepTurns,
    caller: Caller,
    of: Handle,
) -> F::Output
where
    F: Future + Unpin,
{
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(Arc::clone(&woken));
    loop {
        let of_step = match has_signed() {
            false => &turns.first,
            true => &turns.last,
        };
        let turn = of_step.take(&caller).await;
        let step = {
            let _of = of.enter();
            std::pin::Pin::new(&mut shake).poll(&mut Context::from_waker(&waker))
        };
        // Others that are ready come first if they have taken less.
        tokio::task::yield_now().await;
        drop(turn);
        if let Poll::Ready(done) = step {
            return done;
        }
        // Until something comes, or came since the step.
        woken.0.notified().await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn caller(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    /// A step that is made until it is told to end.
    fn long_step() -> (Sender<()>, impl Future<Output = bool> + use<>) {
        let (end, ended): (_, Receiver<()>) = channel();
        (end, async move {
            ended.recv_timeout(Duration::from_secs(30)).is_ok()
        })
    }

    /// Signatures, keys and certificates were once worked on by the threads that serve connections.
    #[tokio::test]
    async fn a_thread_serves_others_while_steps_are_made() {
        let steps = Steps::start().unwrap();
        let (end, long) = long_step();
        let caller = caller("one");
        let mut shaken = std::pin::pin!(steps.complete(long, || false, &caller));
        assert!(futures_util::poll!(shaken.as_mut()).is_pending());
        // A thread that makes the step itself waits for this in vain.
        end.send(()).unwrap();
        assert_eq!(shaken.await, Some(true));
    }

    /// Whoever had many handshakes that were ready once came before everybody else.
    #[tokio::test]
    async fn the_next_step_is_of_whoever_took_the_least() {
        let turns = StepTurns::new(NonZeroUsize::MIN);
        let order = Arc::new(Mutex::new(Vec::new()));
        let held = turns.first.take(&caller("third")).await;
        let mut tasks = tokio::task::JoinSet::new();
        for name in std::iter::repeat_n("many", 100).chain(["other"]) {
            let (turns, order) = (turns.clone(), Arc::clone(&order));
            let step = async move { order.lock().unwrap().push(name) };
            tasks.spawn(in_turns(
                Box::pin(step),
                || false,
                turns,
                caller(name),
                Handle::current(),
            ));
        }
        // Some 60 tasks are looked at each time: then all of them wait.
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        drop(held);
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let order = order.lock().unwrap();
        let at = order.iter().position(|name| *name == "other");
        assert!(at.is_some_and(|at| at < 5), "{order:?}");
    }

    /// What ended a handshake once waited for the signatures of others.
    #[tokio::test]
    async fn the_end_of_a_handshake_waits_for_no_signature() {
        let turns = StepTurns::new(NonZeroUsize::MIN);
        let (mut ours, mut theirs) = tokio::io::duplex(8);
        let shake = Box::pin(async move { ours.read_u8().await.unwrap() });
        let has_signed = Arc::new(AtomicBool::new(false));
        let signed = || has_signed.load(Ordering::Relaxed);
        let (of, caller) = (Handle::current(), caller("one"));
        let shaken = in_turns(shake, signed, turns.clone(), caller, of);
        let mut shaken = std::pin::pin!(shaken);
        for _ in 0..3 {
            assert!(futures_util::poll!(shaken.as_mut()).is_pending());
        }
        let _signs = turns.first.take(&Caller::Unknown).await;
        has_signed.store(true, Ordering::Relaxed);
        theirs.write_u8(7).await.unwrap();
        let done = tokio::time::timeout(Duration::from_secs(30), shaken);
        assert_eq!(done.await.unwrap(), 7);
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
        let steps = Steps::start().unwrap();
        let caller = Caller::Unknown;
        let both = tokio::join!(steps.complete(shake, || false, &caller), async {
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
        assert_eq!(steps.complete(at_once, || false, &caller).await, Some(10));
    }

    #[tokio::test]
    async fn a_step_that_panics_ends_its_connection_alone() {
        let steps = Steps::start().unwrap();
        let caller = Caller::Unknown;
        let panics = async { panic!("a step that panics") };
        assert_eq!(steps.complete(panics, || false, &caller).await, None::<()>);
        assert_eq!(
            steps.complete(async { 7 }, || false, &caller).await,
            Some(7)
        );
    }
}
