//! Turns of long work: a few at a time, and fair between callers. The next turn goes to the
//! caller whose pieces took the least since it has had a turn or waited for one, so that whoever
//! asks for little waits for a piece that runs, never for another's queue. Nothing is remembered of
//! a caller that has neither.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::caller::Caller;

/// A piece of long work that took so long ends, where it can: it is another's turn.
const LONG: Duration = Duration::from_millis(20);

/// Turns that callers take and give back.
pub(crate) struct Turns {
    /// How many there are, and how many of them one caller may have.
    all: usize,
    each: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    tickets: u64,
    /// Those who have a turn or wait for one.
    clients: HashMap<Caller, Client>,
    /// What whoever had the last turn had used before it.
    used: Duration,
}

struct Client {
    /// How many turns it has.
    taken: usize,
    /// What its turns took, from what whoever was next had used when it came.
    used: Duration,
    /// Its pieces that wait, first come, first served.
    waiting: BTreeMap<u64, oneshot::Sender<Turn>>,
}

/// A turn; it ends when this is dropped.
pub(crate) struct Turn {
    turns: Arc<Turns>,
    /// `None` once it was given back.
    caller: Option<Caller>,
    since: Instant,
}

/// A piece that waits; dropping this takes it out of the queue.
struct Waiting<'a> {
    turns: &'a Turns,
    caller: &'a Caller,
    ticket: u64,
}

/// A piece of work that has begun.
pub(crate) struct Piece(Instant);

impl Piece {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Whether it is time for another's.
    pub(crate) fn is_over(&self) -> bool {
        self.0.elapsed() >= LONG
    }
}

impl Turns {
    /// `all` turns, of which one caller may have `each`.
    pub(crate) fn new(all: NonZeroUsize, each: NonZeroUsize) -> Arc<Self> {
        Arc::new(Self {
            all: all.get(),
            each: each.get(),
            state: Mutex::default(),
        })
    }

    /// The caller's next turn. `None` never comes: there is always a turn to wait for.
    pub(crate) async fn take(self: &Arc<Self>, caller: &Caller) -> Option<Turn> {
        let (sender, turn) = oneshot::channel();
        let _waiting = Waiting {
            turns: self,
            caller,
            ticket: self.lock().join(caller, sender),
        };
        self.hand_out();
        turn.await.ok()
    }

    /// Whether something of this caller waits for a turn.
    pub(crate) fn is_awaited_by(&self, caller: &Caller) -> bool {
        let state = self.lock();
        let client = state.clients.get(caller);
        client.is_some_and(|client| !client.waiting.is_empty())
    }

    /// Gives the turns that are free to those who are next.
    fn hand_out(self: &Arc<Self>) {
        loop {
            let next = self.lock().next(self.all, self.each);
            let Some((caller, sender)) = next else {
                return;
            };
            let turn = Turn {
                turns: Arc::clone(self),
                caller: Some(caller),
                since: Instant::now(),
            };
            // Whoever waited has just left.
            if let Err(mut turn) = sender.send(turn) {
                turn.give_back();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Another piece of the caller's waits: its ticket.
    fn join(&mut self, caller: &Caller, sender: oneshot::Sender<Turn>) -> u64 {
        self.tickets += 1;
        let used = self.used;
        let new = || Client {
            taken: 0,
            used,
            waiting: BTreeMap::new(),
        };
        let client = self.clients.entry(caller.clone()).or_insert_with(new);
        client.waiting.insert(self.tickets, sender);
        self.tickets
    }

    fn next(&mut self, all: usize, each: usize) -> Option<(Caller, oneshot::Sender<Turn>)> {
        if self.taken >= all {
            return None;
        }
        let first = |client: &Client| client.waiting.first_key_value().map(|(ticket, _)| *ticket);
        let clients = self.clients.iter_mut();
        let may = clients.filter(|(_, client)| client.taken < each && !client.waiting.is_empty());
        let (caller, client) =
            may.min_by_key(|(_, client)| (client.used, client.taken, first(client)))?;
        let (_, sender) = client.waiting.pop_first()?;
        client.taken += 1;
        self.taken += 1;
        self.used = client.used;
        Some((caller.clone(), sender))
    }

    /// Changes the caller's entry, and forgets it when it neither waits nor has a turn.
    fn change(&mut self, caller: &Caller, change: impl FnOnce(&mut Client)) {
        let Some(client) = self.clients.get_mut(caller) else {
            return;
        };
        change(client);
        if client.taken == 0 && client.waiting.is_empty() {
            self.clients.remove(caller);
        }
    }
}

impl Turn {
    /// Whether there was something to give back.
    fn give_back(&mut self) -> bool {
        let Some(caller) = self.caller.take() else {
            return false;
        };
        let took = self.since.elapsed();
        let mut state = self.turns.lock();
        state.taken -= 1;
        state.change(&caller, |client| {
            client.taken -= 1;
            client.used = client.used.saturating_add(took);
        });
        true
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.give_back() {
            self.turns.hand_out();
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.lock();
        state.change(self.caller, |client| {
            client.waiting.remove(&self.ticket);
        });
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Wait<'a> = Pin<Box<dyn Future<Output = Option<Turn>> + 'a>>;

    fn turns(all: usize, each: usize) -> Arc<Turns> {
        Turns::new(all.try_into().unwrap(), each.try_into().unwrap())
    }

    fn caller(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    fn wait<'a>(turns: &'a Arc<Turns>, caller: &'a Caller) -> Wait<'a> {
        let mut wait: Wait<'a> = Box::pin(turns.take(caller));
        assert!(poll(&mut wait).is_none());
        wait
    }

    fn poll(wait: &mut Wait<'_>) -> Option<Turn> {
        match wait.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => turn,
            Poll::Pending => None,
        }
    }

    fn now(turns: &Arc<Turns>, caller: &Caller) -> Turn {
        let mut wait: Wait<'_> = Box::pin(turns.take(caller));
        poll(&mut wait).unwrap()
    }

    /// The turn of the first of them that has one.
    fn first(waits: &mut Vec<Wait<'_>>) -> Option<Turn> {
        let (at, turn) = waits
            .iter_mut()
            .enumerate()
            .find_map(|(at, wait)| Some((at, poll(wait)?)))?;
        drop(waits.remove(at));
        Some(turn)
    }

    /// All long work once waited in one queue: whoever asked for much was served before everybody
    /// else, for minutes.
    #[test]
    fn who_asked_for_little_comes_before_anothers_queue() {
        let turns = turns(1, 1);
        let (much, little) = (caller("much"), caller("little"));
        let first = now(&turns, &much);
        let mut queue: Vec<Wait<'_>> = (0..20).map(|_| wait(&turns, &much)).collect();
        let mut one = wait(&turns, &little);
        std::thread::sleep(Duration::from_millis(1));
        drop(first);
        assert!(queue.iter_mut().all(|wait| poll(wait).is_none()));
        drop(poll(&mut one).unwrap());
        // And the queue goes on, in its order.
        for mut wait in queue {
            drop(poll(&mut wait).unwrap());
        }
    }

    #[test]
    fn callers_get_the_same_time_not_the_same_turns() {
        let turns = turns(1, 1);
        let (long, short) = (caller("long"), caller("short"));
        let mut turn = now(&turns, &long);
        let mut longs: Vec<Wait<'_>> = (0..5).map(|_| wait(&turns, &long)).collect();
        let mut shorts: Vec<Wait<'_>> = (0..5).map(|_| wait(&turns, &short)).collect();
        let mut order = String::new();
        std::thread::sleep(Duration::from_millis(300));
        for _ in 0..7 {
            drop(turn);
            let next = first(&mut shorts);
            order.push(if next.is_some() { 's' } else { 'l' });
            turn = next.or_else(|| first(&mut longs)).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        // Five short pieces take less than the one long piece did.
        assert_eq!(order, "sssssll");
    }

    #[test]
    fn one_caller_leaves_a_turn_for_another() {
        let turns = turns(3, 2);
        let (many, one) = (caller("many"), caller("one"));
        let held = [now(&turns, &many), now(&turns, &many)];
        let mut third = wait(&turns, &many);
        drop(now(&turns, &one));
        assert!(poll(&mut third).is_none());
        drop(held);
        assert!(poll(&mut third).is_some());
    }

    #[test]
    fn who_leaves_the_queue_leaves_nothing_behind() {
        let turns = turns(1, 1);
        let (stays, leaves) = (caller("stays"), caller("leaves"));
        let turn = now(&turns, &stays);
        drop((wait(&turns, &leaves), wait(&turns, &leaves)));
        let granted = wait(&turns, &leaves);
        assert_eq!(turns.lock().clients.len(), 2);
        drop(turn);
        // It has its turn, and leaves without having looked.
        drop(granted);
        assert!(turns.lock().clients.is_empty());
        assert_eq!(turns.lock().taken, 0);
        drop(now(&turns, &stays));
    }
}
