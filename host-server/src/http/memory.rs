//! The memory that the bodies and answers of all connections hold together, of which callers
//! always leave something to others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::{Notify, Semaphore};

use super::caller::Caller;
use super::own_task::in_own_task;

/// Memory is counted in pages of so many bytes.
const PAGE: usize = 4 << 10;

/// The first bytes of each body come from pages that only first bytes may take: whoever
/// sends long bodies leaves room for short ones.
const FIRST: usize = 64 << 10;

/// The share of all pages that only first bytes may take: a quarter.
const FIRST_SHARE: usize = 4;

/// The share of either kind of pages that not everybody may take: an eighth. Its first quarter is
/// also for callers that hold no more than stays free, its second for answers: theirs, and an eighth
/// of it all for those of each caller that holds more. The other half is only for callers that hold
/// little, so that each of them gets what a usual request takes, however many hold much.
const KEPT_SHARE: usize = 8;

/// What is little: a short body with its buffers, and the rows and answers of a short batch.
const LITTLE: Pages = Pages {
    first: 24,
    rest: 128,
};

/// A budget of memory. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Shared>);

struct Shared {
    free: Mutex<Pages>,
    /// Of those, what not everybody may take.
    kept: Pages,
    /// To be the one that grows by much.
    growth: Mutex<()>,
    /// Told when something is given back that somebody may wait for.
    given_back: Notify,
    /// The most that one caller can have, of pages that are nobody's first.
    most: usize,
    /// Those who have a claim.
    callers: Mutex<HashMap<Caller, Weak<Part>>>,
}

/// What one caller may take of a budget. Clones share it.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Part>);

struct Part {
    caller: Caller,
    held: Mutex<Held>,
    /// To be the next of this caller's that waits.
    turn: Semaphore,
    of: Arc<Shared>,
}

/// What a caller holds, and how much of it for answers.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    all: Pages,
    answers: Pages,
}

/// What pages are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// What comes in.
    Body,
    /// What is made of it, and goes out: without it, what has come in goes on being held.
    Answer,
}

/// Numbers of pages, of either kind.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Pages {
    first: usize,
    rest: usize,
}

/// There is not enough memory left now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Pages that are taken; they are given back when it is dropped.
pub(crate) struct Claim {
    memory: Memory,
    used: Use,
    pages: Pages,
}

impl Budget {
    /// A budget of `bytes`, rounded down to pages.
    pub(crate) fn new(bytes: usize) -> Self {
        let pages = bytes / PAGE;
        let first = pages / FIRST_SHARE;
        let rest = pages - first;
        let kept = Pages {
            first: first / KEPT_SHARE,
            rest: rest / KEPT_SHARE,
        };
        Self(Arc::new(Shared {
            free: Mutex::new(Pages { first, rest }),
            kept,
            growth: Mutex::default(),
            given_back: Notify::new(),
            most: rest - kept.rest,
            callers: Mutex::default(),
        }))
    }

    /// What this caller may take of it.
    pub(crate) fn of(&self, caller: &Caller) -> Memory {
        let mut callers = lock(&self.0.callers);
        if let Some(part) = callers.get(caller).and_then(Weak::upgrade) {
            return Memory(part);
        }
        let part = Arc::new(Part {
            caller: caller.clone(),
            held: Mutex::default(),
            turn: Semaphore::new(1),
            of: Arc::clone(&self.0),
        });
        callers.insert(caller.clone(), Arc::downgrade(&part));
        Memory(part)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut callers = lock(&self.of.callers);
        // Unless the caller has come again meanwhile.
        let entry = callers.get(&self.caller);
        if entry.is_some_and(|part| part.strong_count() == 0) {
            callers.remove(&self.caller);
        }
    }
}

impl Pages {
    fn plus(self, more: Self) -> Self {
        Self {
            first: self.first + more.first,
            rest: self.rest + more.rest,
        }
    }

    fn minus(self, less: Self) -> Option<Self> {
        Some(Self {
            first: self.first.checked_sub(less.first)?,
            rest: self.rest.checked_sub(less.rest)?,
        })
    }

    /// What of this is missing in `other`.
    fn beyond(self, other: Self) -> Self {
        Self {
            first: self.first.saturating_sub(other.first),
            rest: self.rest.saturating_sub(other.rest),
        }
    }

    fn all(self) -> usize {
        self.first + self.rest
    }
}

impl Held {
    fn plus(self, used: Use, more: Pages) -> Self {
        Self {
            all: self.all.plus(more),
            answers: match used {
                Use::Body => self.answers,
                Use::Answer => self.answers.plus(more),
            },
        }
    }
}

impl Memory {
    /// A claim of nothing, which can grow, for a body.
    pub(crate) fn claim(&self) -> Claim {
        self.claim_for(Use::Body)
    }

    /// The same for rows and answers of a request whose body is there.
    pub(crate) fn claim_answer(&self) -> Claim {
        self.claim_for(Use::Answer)
    }

    /// Whether the caller holds no more than what is always there for whoever holds little.
    pub(crate) fn holds_little(&self) -> bool {
        let held = lock(&self.0.held).all;
        held.first <= LITTLE.first && held.rest <= LITTLE.rest
    }

    fn claim_for(&self, used: Use) -> Claim {
        Claim {
            memory: self.clone(),
            used,
            pages: Pages::default(),
        }
    }

    /// Waits until there are `bytes` for an answer that are nobody's first, but not longer than
    /// `time`. More than a caller can have count as all of that. Where there is no room for so many,
    /// `least` are enough.
    ///
    /// # Errors
    /// When there were not enough in that time.
    pub(crate) async fn wait_for(
        &self,
        bytes: usize,
        least: usize,
        time: Duration,
    ) -> Result<Claim, Full> {
        let pages = [bytes, least].map(|bytes| Pages {
            first: 0,
            rest: bytes.div_ceil(PAGE).min(self.0.of.most),
        });
        let memory = self.clone();
        // Those behind it would wait for it.
        let granted = async move { tokio::time::timeout(time, memory.granted(pages)).await };
        match in_own_task(granted).await {
            Ok(Ok(claim)) => Ok(claim),
            _ => Err(Full),
        }
    }

    /// The first of these that there is room for.
    async fn granted(self, pages: [Pages; 2]) -> Claim {
        let part = Arc::clone(&self.0);
        // Behind the caller's own first: so whoever waits for much waits for nobody else's, and
        // few are woken by what is given back. The semaphore is never closed.
        let _turn = part.turn.acquire().await;
        let mut claim = self.claim_answer();
        loop {
            let mut given_back = std::pin::pin!(part.of.given_back.notified());
            // What is given back after this look is not missed.
            given_back.as_mut().enable();
            if pages.iter().any(|pages| claim.add(*pages).is_ok()) {
                return claim;
            }
            given_back.await;
        }
    }

    fn take(&self, used: Use, more: Pages) -> Result<(), Full> {
        if more == Pages::default() {
            return Ok(());
        }
        let (mut held, mut free) = (lock(&self.0.held), lock(&self.0.of.free));
        let (then, left) = (held.plus(used, more), free.minus(more).ok_or(Full)?);
        let may = |of: fn(&Pages) -> usize| {
            let (all, answers) = (of(&then.all), of(&then.answers));
            let (left, kept) = (of(&left), of(&self.0.of.kept));
            let has_part = match used {
                Use::Body => left >= kept - kept / 4 && all <= left,
                Use::Answer => left >= kept / 2 && (all <= left || answers <= kept / 8),
            };
            of(&more) == 0 || left >= kept || has_part || all <= of(&LITTLE)
        };
        if may(|pages| pages.first) && may(|pages| pages.rest) {
            (*held, *free) = (then, left);
            return Ok(());
        }
        Err(Full)
    }

    fn give_back(&self, used: Use, pages: Pages) {
        if pages == Pages::default() {
            return;
        }
        let mut held = lock(&self.0.held);
        // No more is given back than was taken.
        held.all = held.all.beyond(pages);
        if used == Use::Answer {
            held.answers = held.answers.beyond(pages);
        }
        let mut free = lock(&self.0.of.free);
        *free = free.plus(pages);
        drop((held, free));
        if pages.rest > 0 {
            self.0.of.given_back.notify_waiters();
        }
    }
}

impl Memory {
    /// A turn to grow by much, for a thread that may wait. One after the other: of two that have no
    /// room together, the second finds what the first has given back.
    pub(crate) fn turn_to_grow(&self) -> MutexGuard<'_, ()> {
        lock(&self.0.of.growth)
    }
}

impl Claim {
    /// Makes this cover `bytes` in all: takes what is missing, or gives back what is too much.
    ///
    /// # Errors
    /// When there is not enough left; the claim stays as it was.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), Full> {
        let needed = Pages {
            first: bytes.min(FIRST).div_ceil(PAGE),
            rest: bytes.saturating_sub(FIRST).div_ceil(PAGE),
        };
        let more = needed.beyond(self.pages);
        if more == Pages::default() {
            self.give_back(self.pages.beyond(needed));
            return Ok(());
        }
        self.add(more)
    }

    /// The memory that it is of.
    pub(crate) fn memory(&self) -> Memory {
        self.memory.clone()
    }

    /// How many bytes it covers.
    pub(crate) fn bytes(&self) -> usize {
        self.pages.all() * PAGE
    }

    /// Takes what is missing for `bytes`, none of it from what is kept for first bytes.
    ///
    /// # Errors
    /// When there is not enough left; the claim stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.div_ceil(PAGE).saturating_sub(self.pages.all());
        self.add(Pages {
            first: 0,
            rest: more,
        })
    }

    /// A part of it, of so many bytes or what there is.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let pages = self.last(bytes.div_ceil(PAGE));
        self.pages = self.pages.beyond(pages);
        let mut part = self.memory.claim_for(self.used);
        part.pages = pages;
        part
    }

    /// Gives back what is not needed for `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.pages.all().saturating_sub(bytes.div_ceil(PAGE));
        self.give_back(self.last(spare));
    }

    /// The bytes, which keep the claim for as long as anybody holds them.
    pub(crate) fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(HeldBytes {
            bytes,
            _claim: self,
        })
    }

    /// All of the claim; what is left covers nothing.
    pub(crate) fn take(&mut self) -> Self {
        let empty = self.memory.claim_for(self.used);
        std::mem::replace(self, empty)
    }

    /// So many of its pages, or all that there are: those first that are nobody's first.
    fn last(&self, count: usize) -> Pages {
        let rest = count.min(self.pages.rest);
        let first = (count - rest).min(self.pages.first);
        Pages { first, rest }
    }

    fn add(&mut self, more: Pages) -> Result<(), Full> {
        self.memory.take(self.used, more)?;
        self.pages = self.pages.plus(more);
        Ok(())
    }

    fn give_back(&mut self, pages: Pages) {
        self.pages = self.pages.beyond(pages);
        self.memory.give_back(self.used, pages);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_back(self.pages);
    }
}

struct HeldBytes<B> {
    bytes: B,
    _claim: Claim,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for HeldBytes<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// A panic under one of these locks leaves nothing half done.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn caller(name: &str) -> Caller {
        Caller::Key(name.into())
    }

    #[test]
    fn long_bodies_leave_room_for_short_ones() {
        let budget = Budget::new(4 * MIB);
        let (memory, others) = (budget.of(&caller("a")), budget.of(&caller("b")));
        let (mut long, mut rest) = (memory.claim(), others.claim());
        assert_eq!(long.cover(2 * MIB), Ok(()));
        assert_eq!(rest.cover(600 << 10), Ok(()));
        let mut second = others.claim();
        assert_eq!(second.cover(MIB), Err(Full));
        let short: Vec<Claim> = (0..10)
            .map(|_| {
                let mut claim = memory.claim();
                assert_eq!(claim.cover(40 << 10), Ok(()));
                claim
            })
            .collect();
        drop(long);
        assert_eq!(second.cover(MIB), Ok(()));
        drop((short, second, rest));
        assert_eq!(memory.claim().cover(5 * MIB / 2), Ok(()));
    }

    #[test]
    fn one_caller_leaves_room_for_others() {
        let budget = Budget::new(8 * MIB);
        let (many, one) = (budget.of(&caller("many")), budget.of(&caller("one")));
        let mut long: Vec<Claim> = Vec::new();
        let mut held = || {
            let mut claim = many.claim();
            claim.cover(MIB).map(|()| long.push(claim))
        };
        while held().is_ok() {}
        let mut other = one.claim();
        assert_eq!(other.cover(600 << 10), Ok(()));
        let mut short: Vec<Claim> = Vec::new();
        let mut held = || {
            let mut claim = many.claim();
            claim.cover(FIRST).map(|()| short.push(claim))
        };
        while held().is_ok() {}
        let mut other = one.claim();
        assert_eq!(other.cover(FIRST), Ok(()));
    }

    /// As many claims as the caller can have of so many bytes.
    fn all_that_it_can(memory: &Memory, bytes: usize) -> Vec<Claim> {
        let next = || {
            let mut claim = memory.claim();
            claim.cover(bytes).ok().map(|()| claim)
        };
        std::iter::from_fn(next).collect()
    }

    /// Two who took seven eighths of all each once left a third nothing; and where each took as much
    /// of what was left, four of them.
    #[test]
    fn callers_leave_room_for_another() {
        let budget = Budget::new(32 * MIB);
        let greedy = ["a", "b", "d", "e", "f"].map(|name| budget.of(&caller(name)));
        for bytes in [PAGE, FIRST, FIRST + PAGE, MIB] {
            let held: Vec<_> = greedy
                .iter()
                .map(|one| all_that_it_can(one, bytes))
                .collect();
            assert!(held[..2].iter().all(|claims| !claims.is_empty()), "{bytes}");
            let mut another = budget.of(&caller("c")).claim();
            assert_eq!(another.cover(FIRST + 100 * PAGE), Ok(()), "{bytes}");
        }
    }

    /// Bodies that were there once kept each other from being answered.
    #[test]
    fn what_has_begun_finds_memory_for_its_answer() {
        let budget = Budget::new(128 * MIB);
        let (a, b) = (budget.of(&caller("a")), budget.of(&caller("b")));
        let bodies = [all_that_it_can(&a, MIB), all_that_it_can(&b, MIB)];
        assert!(bodies[0].len() > 80 && a.claim().cover(MIB).is_err());
        assert_eq!(a.claim_answer().cover(MIB), Ok(()));
        assert_eq!(b.claim_answer().cover(MIB), Ok(()));
    }

    /// Answers that one client did not read once left everybody else no memory for a batch.
    #[test]
    fn one_callers_answers_leave_room_for_others() {
        let budget = Budget::new(128 * MIB);
        let many = budget.of(&caller("many"));
        let bodies = all_that_it_can(&many, MIB);
        let mut answers = Vec::new();
        let mut held = || {
            let mut claim = many.claim_answer();
            claim.cover(MIB).map(|()| answers.push(claim))
        };
        while held().is_ok() {}
        let one = budget.of(&caller("one"));
        let (mut body, mut answer) = (one.claim(), one.claim_answer());
        assert_eq!(body.cover(MIB), Ok(()));
        assert_eq!(answer.cover(MIB), Ok(()));
        drop(bodies);
    }

    #[tokio::test]
    async fn who_waits_for_much_takes_less() {
        let budget = Budget::new(8 * MIB);
        let (many, one) = (budget.of(&caller("many")), budget.of(&caller("one")));
        let held = all_that_it_can(&many, MIB);
        let got = one.wait_for(2 * MIB, FIRST, Duration::ZERO).await;
        assert_eq!(got.map(|claim| claim.bytes()), Ok(FIRST));
        drop(held);
    }

    /// A stream whose client did not read once held up all others of its caller.
    #[tokio::test]
    async fn who_waits_and_is_not_looked_at_holds_nobody_up() {
        let budget = Budget::new(8 * MIB);
        let (memory, other) = (budget.of(&caller("a")), budget.of(&caller("b")));
        let held = all_that_it_can(&other, MIB);
        let soon = Duration::from_secs(10);
        let mut first = std::pin::pin!(memory.wait_for(MIB * 2, MIB * 2, soon));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        let second = tokio::spawn({
            let memory = memory.clone();
            async move { memory.wait_for(MIB, MIB, soon).await.is_ok() }
        });
        tokio::task::yield_now().await;
        drop(held);
        assert_eq!(second.await.ok(), Some(true));
    }

    #[tokio::test]
    async fn who_waits_is_told_of_what_others_give_back() {
        let budget = Budget::new(8 * MIB);
        let (a, b) = (budget.of(&caller("a")), budget.of(&caller("b")));
        let held = all_that_it_can(&a, MIB);
        let soon = Duration::from_secs(10);
        assert!(b.wait_for(3 * MIB, 3 * MIB, Duration::ZERO).await.is_err());
        let waits = tokio::spawn(async move { b.wait_for(3 * MIB, 3 * MIB, soon).await.is_ok() });
        tokio::task::yield_now().await;
        drop(held);
        assert_eq!(waits.await.ok(), Some(true));
    }

    #[tokio::test]
    async fn who_waits_for_much_waits_for_itself() {
        let budget = Budget::new(8 * MIB);
        let (many, one) = (budget.of(&caller("many")), budget.of(&caller("one")));
        let soon = Duration::from_secs(10);
        let held = many.wait_for(100 * MIB, 100 * MIB, soon).await;
        assert!(held.is_ok());
        assert!(many.wait_for(MIB, MIB, Duration::ZERO).await.is_err());
        let next =
            tokio::spawn(async move { many.wait_for(MIB, MIB, soon).await.map(|c| c.bytes()) });
        tokio::task::yield_now().await;
        // Not behind those who wait already.
        let its = one.wait_for(MIB / 2, MIB / 2, soon).await;
        assert_eq!(its.map(|claim| claim.bytes()), Ok(MIB / 2));
        drop(held);
        assert_eq!(next.await.ok(), Some(Ok(MIB)));
    }

    #[test]
    fn who_has_no_claim_is_forgotten() {
        let budget = Budget::new(MIB);
        let claim = budget.of(&caller("one")).claim();
        let same = budget.of(&caller("one"));
        assert!(Arc::ptr_eq(&same.0, &claim.memory.0));
        drop(same);
        assert_eq!(lock(&budget.0.callers).len(), 1);
        drop(claim);
        assert!(lock(&budget.0.callers).is_empty());
    }

    #[test]
    fn what_is_held_is_given_back_with_its_last_copy() {
        let memory = Budget::new(MIB).of(&Caller::Unknown);
        let mut claim = memory.claim();
        assert_eq!(claim.cover(600 << 10), Ok(()));
        let bytes = claim.hold(vec![7; 600 << 10]);
        let copy = bytes.slice(..1);
        drop(bytes);
        assert_eq!(memory.claim().cover(600 << 10), Err(Full));
        drop(copy);
        assert_eq!(memory.claim().cover(600 << 10), Ok(()));
    }

    #[test]
    fn a_claim_shrinks_to_what_is_needed() {
        let memory = Budget::new(MIB).of(&Caller::Unknown);
        let mut claim = memory.claim();
        assert_eq!(claim.cover(600 << 10), Ok(()));
        assert_eq!(claim.cover(PAGE), Ok(()));
        let mut other = memory.claim();
        assert_eq!(other.cover(600 << 10), Ok(()));
        assert_eq!(claim.cover(600 << 10), Err(Full));
    }
}
