//! Turns of long work: a few at a time, and fair between callers. The next turn goes to the
//! caller whose pieces took the least, so that whoever asks for little waits for a piece that runs,
//! never for another's queue.
//!
//! What a caller has used is counted from the time of the queue at which it came. That time is what
//! each of those who have a turn or wait would have used by now, had they shared all turns equally,
//! and at least what the caller of the last turn had used before it (fair queueing; Demers, Keshav
//! and Shenker, *Analysis and simulation of a fair queueing algorithm*, 1989). So those who come
//! anew, one after the other, keep nobody waiting who was there before. A caller that leaves is
//! remembered until that time has passed what it has used: one that has one piece after the other
//! comes before nobody who has two at once. Where nobody has a turn or waits, all is forgotten.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::caller::Caller;

/// A piece of long work that took so long ends, where it can: it is another's turn.
const LONG: Duration = Duration::from_millis(20);

/// What a piece counts as at most, and other work, which may take long: a machine that stood still is
/// nobody's debt for ever.
pub(crate) const LONGEST_PIECE: Duration = Duration::from_secs(1);
pub(crate) const LONGEST_WORK: Duration = Duration::from_secs(60);

/// Turns that callers take and give back.
pub(crate) struct Turns {
    /// How many there are, and how many of them one caller may have.
    all: usize,
    each: usize,
    /// What a turn counts as, at most.
    most: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    taken: usize,
    tickets: u64,
    /// How many pieces wait.
    waiting: usize,
    /// Those who have a turn, wait for one, or have used more than `now`.
    clients: HashMap<Caller, Client>,
    /// Those of them who may have the next turn, and those who neither have a turn nor wait:
    /// whoever has used the least first.
    ready: BTreeMap<Place, Caller>,
    idle: BTreeMap<Place, Caller>,
    /// The time of the queue.
    now: Duration,
}

/// What a caller has used, how many turns it has, and the ticket of its first piece that waits or
/// else of its last one, which no other has.
type Place = (Duration, usize, u64);

#[derive(Default)]
struct Client {
    /// How many turns it has.
    taken: usize,
    /// What its turns took, from the time of the queue when it came.
    used: Duration,
    /// Its pieces that wait, first come, first served.
    waiting: BTreeMap<u64, oneshot::Sender<Turn>>,
    /// The ticket of its last piece.
    last: u64,
}

impl Client {
    fn place(&self) -> Place {
        let first = self.waiting.first_key_value();
        let ticket = first.map_or(self.last, |(ticket, _)| *ticket);
        (self.used, self.taken, ticket)
    }

    fn is_idle(&self) -> bool {
        self.taken == 0 && self.waiting.is_empty()
    }
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
    /// `all` turns, of which one caller may have `each`. A turn counts as the time that it takes, but
    /// as no more than `most`: in the time of a short piece there is more of what else the machine
    /// does.
    pub(crate) fn new(all: NonZeroUsize, each: NonZeroUsize, most: Duration) -> Arc<Self> {
        Arc::new(Self {
            all: all.get(),
            each: each.get(),
            most,
            state: Mutex::default(),
        })
    }

    /// The caller's next turn. `None` never comes: there is always a turn to wait for.
    pub(crate) async fn take(self: &Arc<Self>, caller: &Caller) -> Option<Turn> {
        let (sender, turn) = oneshot::channel();
        let _waiting = Waiting {
            turns: self,
            caller,
            ticket: self.lock().join(caller, self.each, sender),
        };
        self.hand_out();
        turn.await.ok()
    }

    /// Whether anybody waits for a turn.
    pub(crate) fn are_awaited(&self) -> bool {
        self.lock().waiting > 0
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
    fn join(&mut self, caller: &Caller, each: usize, sender: oneshot::Sender<Turn>) -> u64 {
        self.tickets += 1;
        let mut client = self.take_out(caller).unwrap_or_default();
        // Also where it has turns: whoever leaves others the next one saves nothing up by that.
        if client.waiting.is_empty() {
            client.used = client.used.max(self.now);
        }
        client.waiting.insert(self.tickets, sender);
        client.last = self.tickets;
        self.waiting += 1;
        self.put_back(caller.clone(), client, each);
        self.tickets
    }

    fn next(&mut self, all: usize, each: usize) -> Option<(Caller, oneshot::Sender<Turn>)> {
        if self.taken >= all {
            return None;
        }
        let (_, caller) = self.ready.first_key_value()?;
        let caller = caller.clone();
        let mut client = self.take_out(&caller)?;
        let (_, sender) = client.waiting.pop_first()?;
        self.waiting -= 1;
        client.taken += 1;
        self.taken += 1;
        self.now = self.now.max(client.used);
        self.put_back(caller.clone(), client, each);
        self.forget();
        Some((caller, sender))
    }

    /// A turn of the caller's has ended.
    fn end(&mut self, caller: Caller, each: usize, took: Duration) {
        self.taken -= 1;
        let active = self.clients.len() - self.idle.len();
        let share = took / u32::try_from(active.max(1)).unwrap_or(u32::MAX);
        self.now = self.now.saturating_add(share);
        if let Some(mut client) = self.take_out(&caller) {
            client.taken -= 1;
            client.used = client.used.saturating_add(took);
            self.put_back(caller, client, each);
        }
        self.forget();
    }

    /// A piece of the caller's does not wait any more.
    fn leave(&mut self, caller: &Caller, each: usize, ticket: u64) {
        if let Some(mut client) = self.take_out(caller) {
            if client.waiting.remove(&ticket).is_some() {
                self.waiting -= 1;
            }
            self.put_back(caller.clone(), client, each);
        }
        self.forget();
    }

    fn take_out(&mut self, caller: &Caller) -> Option<Client> {
        let client = self.clients.remove(caller)?;
        let place = client.place();
        // It is in one of them at most, and no other has its ticket.
        if self.ready.remove(&place).is_none() {
            self.idle.remove(&place);
        }
        Some(client)
    }

    fn put_back(&mut self, caller: Caller, client: Client, each: usize) {
        if client.is_idle() {
            self.idle.insert(client.place(), caller.clone());
        } else if !client.waiting.is_empty() && client.taken < each {
            self.ready.insert(client.place(), caller.clone());
        }
        self.clients.insert(caller, client);
    }

    /// Forgets those who have used no more than whoever comes now.
    fn forget(&mut self) {
        if self.taken == 0 && self.waiting == 0 {
            let tickets = self.tickets;
            *self = Self {
                tickets,
                ..Self::default()
            };
        }
        while let Some(first) = self.idle.first_entry()
            && first.key().0 <= self.now
        {
            self.clients.remove(&first.remove());
        }
    }
}

impl Turn {
    /// Whether there was something to give back.
    fn give_back(&mut self) -> bool {
        let Some(caller) = self.caller.take() else {
            return false;
        };
        let took = self.since.elapsed().min(self.turns.most);
        self.turns.lock().end(caller, self.turns.each, took);
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
        state.leave(self.caller, self.turns.each, self.ticket);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::collections::VecDeque;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Wait<'a> = Pin<Box<dyn Future<Output = Option<Turn>> + 'a>>;

    fn turns(all: usize, each: usize) -> Arc<Turns> {
        turns_of(all, each, LONGEST_PIECE)
    }

    fn turns_of(all: usize, each: usize, most: Duration) -> Arc<Turns> {
        Turns::new(all.try_into().unwrap(), each.try_into().unwrap(), most)
    }

    fn caller(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    fn wait<'a>(turns: &'a Arc<Turns>, caller: &'a Caller) -> Wait<'a> {
        let mut wait: Wait<'a> = Box::pin(turns.take(caller));
        assert!(poll(&mut wait).is_none());
        wait
    }

    /// In the queue, whether or not its turn is there already.
    fn wait_or_have<'a>(turns: &'a Arc<Turns>, caller: &'a Caller) -> Wait<'a> {
        let mut turn = None;
        let mut take = Box::pin(turns.take(caller));
        if let Poll::Ready(ready) = take.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            turn = ready;
        }
        match turn {
            Some(turn) => Box::pin(std::future::ready(Some(turn))),
            None => take,
        }
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

    /// Whoever had two pieces at once once had no turn while others had one after the other: these
    /// were forgotten between, and so were always first.
    #[test]
    fn who_has_two_pieces_at_once_has_turns_too() {
        let turns = turns(1, 1);
        let callers: Vec<Caller> = (0..9).map(|at| caller(&at.to_string())).collect();
        // The first has two pieces, the others have one each.
        let mut waits: Vec<(usize, Wait<'_>)> = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
            .map(|at| (at, wait_or_have(&turns, &callers[at])))
            .into();
        let mut had = [0; 9];
        while had[0] < 5 {
            let mut waiting = waits.iter_mut().enumerate();
            let found = waiting.find_map(|(nth, (_, wait))| Some((nth, poll(wait)?)));
            let (nth, turn) = found.unwrap();
            let (at, _) = waits.remove(nth);
            had[at] += 1;
            std::thread::sleep(Duration::from_millis(1));
            drop(turn);
            waits.push((at, wait_or_have(&turns, &callers[at])));
            assert!(had.iter().sum::<usize>() < 3_000, "{had:?}");
        }
        assert!(had.iter().all(|had| *had > 0), "{had:?}");
    }

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Ends a turn that took a millisecond, or longer where the machine did other things.
    fn end(mut turn: Turn) {
        turn.since = turn.since.checked_sub(MILLISECOND).unwrap();
        drop(turn);
    }

    /// Whoever always had a turn, and left others the rest, once saved that up without bound: then two
    /// of them had all turns, for minutes.
    #[test]
    fn nobody_saves_turns_up() {
        let turns = turns_of(5, 4, MILLISECOND);
        let [much, one, other, new] = ["much", "one", "other", "new"].map(caller);
        let mut held: VecDeque<(&Caller, Turn)> = VecDeque::new();
        let mut waits: Vec<(&Caller, Wait<'_>)> = Vec::new();
        let ask = |waits: &mut Vec<_>, by, pieces| {
            waits.extend((0..pieces).map(|_| (by, wait_or_have(&turns, by))));
        };
        let grant = |waits: &mut Vec<(_, Wait<'_>)>, held: &mut VecDeque<_>| {
            while let Some((nth, turn)) =
                (waits.iter_mut().enumerate()).find_map(|(nth, (_, wait))| Some((nth, poll(wait)?)))
            {
                held.push_back((waits.remove(nth).0, turn));
            }
        };
        for (by, pieces) in [(&one, 1), (&other, 1), (&much, 8)] {
            ask(&mut waits, by, pieces);
        }
        grant(&mut waits, &mut held);
        for _ in 0..1_000 {
            let (by, turn) = held.pop_front().unwrap();
            // The next is there before this one ends.
            ask(&mut waits, by, 1);
            end(turn);
            grant(&mut waits, &mut held);
        }
        for (by, pieces) in [(&one, 20), (&other, 20), (&new, 1)] {
            ask(&mut waits, by, pieces);
        }
        let mut ended = 0;
        while !held.iter().any(|(by, _)| **by == new) {
            end(held.pop_front().unwrap().1);
            grant(&mut waits, &mut held);
            ended += 1;
        }
        assert!(ended <= 8, "{ended}");
    }

    /// Where the machine had stood still during somebody's turn, it once was that caller's debt.
    #[test]
    fn a_turn_counts_as_no_more_than_the_most() {
        let turns = turns_of(1, 1, MILLISECOND);
        let (slow, other) = (caller("slow"), caller("other"));
        let mut first = now(&turns, &slow);
        first.since = first.since.checked_sub(Duration::from_secs(1)).unwrap();
        let mut next = wait(&turns, &slow);
        let mut others: Vec<Wait<'_>> = (0..9).map(|_| wait(&turns, &other)).collect();
        drop(first);
        for _ in 0..2 {
            if let Some(turn) = poll(&mut others[0]) {
                drop(others.remove(0));
                end(turn);
            }
        }
        assert!(poll(&mut next).is_some());
    }

    /// As long as others came anew, whoever had had a turn once had none.
    #[test]
    fn who_comes_anew_keeps_nobody_waiting() {
        let turns = turns_of(1, 1, MILLISECOND);
        let old = caller("old");
        let new: Vec<Caller> = (0..3_000).map(|at| caller(&at.to_string())).collect();
        let mut new = new.iter();
        let mut waits: Vec<(bool, Wait<'_>)> = vec![(true, wait_or_have(&turns, &old))];
        let mut had = 0;
        while had < 3 {
            while waits.len() < 4 {
                let next = new.next().unwrap();
                waits.push((false, wait_or_have(&turns, next)));
            }
            let mut waiting = waits.iter_mut().enumerate();
            let found = waiting.find_map(|(nth, (_, wait))| Some((nth, poll(wait)?)));
            let (nth, turn) = found.unwrap();
            let (is_old, _) = waits.remove(nth);
            end(turn);
            if is_old {
                had += 1;
                waits.push((true, wait_or_have(&turns, &old)));
            }
        }
        // One of four each time.
        assert!(new.len() > 2_900, "{}", new.len());
        // And few are remembered.
        assert!(turns.lock().clients.len() < 20);
    }
}
