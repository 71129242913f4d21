//! The rounds of a thread, in each of which it looks at the connections that are ready. A look reads
//! a request and answers it: where many connections are ready together, callers take turns to be
//! looked at, so that whoever has one connection waits for no round of another's thousands.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::caller::Caller;
use super::turns::{Turn, Turns};

/// So many looks of a round wait for nobody, and none once it has taken so long: with a model that
/// takes its time a look is a part of a millisecond.
const DIRECT: usize = 32;
const LONG: Duration = Duration::from_millis(1);

/// How many of those that wait for a turn are looked at in a round, at most: whoever comes next then
/// waits for one look of others, which may be long.
const IN_TURN: NonZeroUsize = NonZeroUsize::MIN;

/// What a look counts as, at most: it ends with its round.
const LOOK: Duration = Duration::from_micros(100);

/// The rounds of one thread.
pub(crate) struct Rounds {
    /// Looks since this round began, and when it did.
    looks: AtomicUsize,
    since: Mutex<Instant>,
    /// Told with the first of them.
    begun: Notify,
    turns: Arc<Turns>,
    /// Those that end with this round.
    taken: Mutex<Vec<Turn>>,
}

/// The looks at one connection.
pub(super) struct Looks {
    rounds: Arc<Rounds>,
    caller: Caller,
    waiting: Option<Waiting>,
}

type Waiting = Pin<Box<dyn Future<Output = Option<Turn>> + Send>>;

impl Rounds {
    /// Those of this thread: their ends are a task of its runtime, to its end.
    pub(super) fn start() -> Arc<Self> {
        let rounds = Arc::new(Self {
            looks: AtomicUsize::new(0),
            since: Mutex::new(Instant::now()),
            begun: Notify::new(),
            turns: Turns::new(IN_TURN, IN_TURN, LOOK),
            taken: Mutex::default(),
        });
        tokio::spawn(Arc::clone(&rounds).end_each());
        rounds
    }

    /// Looks at a connection of this caller.
    pub(super) fn looks(self: &Arc<Self>, caller: &Caller) -> Looks {
        Looks {
            rounds: Arc::clone(self),
            caller: caller.clone(),
            waiting: None,
        }
    }

    /// A round ends behind all that was ready when it began.
    async fn end_each(self: Arc<Self>) {
        loop {
            self.begun.notified().await;
            if self.is_long() {
                // Who has come meanwhile is heard of now, not some long rounds later: the next turn
                // may be theirs.
                tokio::task::yield_now().await;
            }
            self.looks.store(0, Ordering::Relaxed);
            let taken = std::mem::take(&mut *lock(&self.taken));
            drop(taken);
        }
    }

    /// Whether another look has to wait for its turn.
    fn is_crowded(&self) -> bool {
        match self.looks.load(Ordering::Relaxed) {
            0 => self.turns.are_awaited(),
            looks => looks >= DIRECT || self.turns.are_awaited() || self.is_long(),
        }
    }

    fn is_long(&self) -> bool {
        lock(&self.since).elapsed() >= LONG
    }

    fn look(&self) {
        if self.looks.fetch_add(1, Ordering::Relaxed) == 0 {
            *lock(&self.since) = Instant::now();
            self.begun.notify_one();
        }
    }
}

impl Looks {
    /// Ready when the connection may be looked at now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.waiting.is_none() && self.rounds.is_crowded() {
            let (turns, caller) = (Arc::clone(&self.rounds.turns), self.caller.clone());
            self.waiting = Some(Box::pin(async move { turns.take(&caller).await }));
        }
        if let Some(waiting) = &mut self.waiting {
            let turn = ready!(waiting.as_mut().poll(context));
            self.waiting = None;
            lock(&self.rounds.taken).extend(turn);
        }
        self.rounds.look();
        Poll::Ready(())
    }
}

/// Nothing that can panic runs under these locks.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
