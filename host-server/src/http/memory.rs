//! The memory that the bodies and answers of all connections hold together, of which no caller
//! can take all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use axum::body::Bytes;
use tokio::sync::Semaphore;

use super::caller::Caller;

/// Memory is counted in pages of so many bytes.
const PAGE: usize = 4 << 10;

/// The first bytes of each body come from pages that only first bytes may take: whoever
/// sends long bodies leaves room for short ones.
const FIRST: usize = 64 << 10;

/// The share of all pages that only first bytes may take: a quarter.
const FIRST_SHARE: usize = 4;

/// What one caller leaves for others, of either kind of pages: an eighth.
const LEFT: usize = 8;

/// A budget of memory. Clones share it.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Shared>);

struct Shared {
    all: Pages,
    /// How many of either kind one caller may take.
    each: (usize, usize),
    /// Those who have a claim.
    callers: Mutex<HashMap<Caller, Weak<Part>>>,
}

/// What one caller may take of a budget. Clones share it.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Part>);

struct Part {
    caller: Caller,
    pages: Pages,
    of: Arc<Shared>,
}

/// Pages that are free.
struct Pages {
    first: Semaphore,
    rest: Semaphore,
    /// How many of the rest there are.
    rest_pages: usize,
}

/// There is not enough memory left now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Pages that are taken; they are given back when it is dropped.
pub(crate) struct Claim {
    memory: Memory,
    first: usize,
    rest: usize,
}

impl Budget {
    /// A budget of `bytes`, rounded down to pages.
    pub(crate) fn new(bytes: usize) -> Self {
        let pages = (bytes / PAGE).min(u32::MAX as usize);
        let first = pages / FIRST_SHARE;
        Self(Arc::new(Shared {
            all: Pages::new(first, pages - first),
            each: (most(first), most(pages - first)),
            callers: Mutex::default(),
        }))
    }

    /// What this caller may take of it.
    pub(crate) fn of(&self, caller: &Caller) -> Memory {
        let mut callers = self.0.callers();
        if let Some(part) = callers.get(caller).and_then(Weak::upgrade) {
            return Memory(part);
        }
        let part = Arc::new(Part {
            caller: caller.clone(),
            pages: Pages::new(self.0.each.0, self.0.each.1),
            of: Arc::clone(&self.0),
        });
        callers.insert(caller.clone(), Arc::downgrade(&part));
        Memory(part)
    }
}

impl Shared {
    fn callers(&self) -> MutexGuard<'_, HashMap<Caller, Weak<Part>>> {
        // Nothing that can panic runs under the lock.
        self.callers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut callers = self.of.callers();
        // Unless the caller has come again meanwhile.
        let entry = callers.get(&self.caller);
        if entry.is_some_and(|part| part.strong_count() == 0) {
            callers.remove(&self.caller);
        }
    }
}

impl Pages {
    fn new(first: usize, rest: usize) -> Self {
        Self {
            first: Semaphore::new(first),
            rest: Semaphore::new(rest),
            rest_pages: rest,
        }
    }

    fn take(&self, first: usize, rest: usize) -> Result<(), Full> {
        take(&self.first, first)?;
        take(&self.rest, rest).inspect_err(|Full| self.first.add_permits(first))
    }

    fn give_back(&self, first: usize, rest: usize) {
        self.first.add_permits(first);
        self.rest.add_permits(rest);
    }
}

impl Memory {
    /// A claim of nothing, which can grow.
    pub(crate) fn claim(&self) -> Claim {
        Claim {
            memory: self.clone(),
            first: 0,
            rest: 0,
        }
    }

    /// Waits until there are `bytes` that are nobody's first, but not longer than a stream may
    /// pause. More than a caller may have count as all of that.
    ///
    /// # Errors
    /// When there were not enough in that time.
    pub(crate) async fn wait_for(&self, bytes: usize, time: Duration) -> Result<Claim, Full> {
        let waited = tokio::time::timeout(time, self.granted(bytes)).await;
        waited.map_err(|_| Full)
    }

    async fn granted(&self, bytes: usize) -> Claim {
        let (its, all) = (&self.0.pages, &self.0.of.all);
        let pages = bytes.div_ceil(PAGE).min(its.rest_pages);
        let mut claim = self.claim();
        // Behind the caller's own first, so that whoever holds much waits for nobody else's. The
        // semaphores are never closed.
        if let Ok(own) = its.rest.acquire_many(as_u32(pages)).await
            && let Ok(permit) = all.rest.acquire_many(as_u32(pages)).await
        {
            own.forget();
            permit.forget();
            claim.rest = pages;
        }
        claim
    }

    fn take(&self, first: usize, rest: usize) -> Result<(), Full> {
        let (its, all) = (&self.0.pages, &self.0.of.all);
        its.take(first, rest)?;
        all.take(first, rest)
            .inspect_err(|Full| its.give_back(first, rest))
    }

    fn give_back(&self, first: usize, rest: usize) {
        self.0.of.all.give_back(first, rest);
        self.0.pages.give_back(first, rest);
    }
}

impl Claim {
    /// Makes this cover `bytes` in all: takes what is missing, or gives back what is too much.
    ///
    /// # Errors
    /// When there is not enough left; the claim stays as it was.
    pub(crate) fn cover(&mut self, bytes: usize) -> Result<(), Full> {
        let first = bytes.min(FIRST).div_ceil(PAGE);
        let rest = bytes.saturating_sub(FIRST).div_ceil(PAGE);
        if first <= self.first && rest <= self.rest {
            self.give_back(self.first - first, self.rest - rest);
            return Ok(());
        }
        let more_first = first.saturating_sub(self.first);
        let more_rest = rest.saturating_sub(self.rest);
        self.memory.take(more_first, more_rest)?;
        self.first += more_first;
        self.rest += more_rest;
        Ok(())
    }

    /// How many bytes it covers.
    pub(crate) fn bytes(&self) -> usize {
        (self.first + self.rest) * PAGE
    }

    /// Takes what is missing for `bytes`, none of it from what is kept for first bytes.
    ///
    /// # Errors
    /// When there is not enough left; the claim stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Full> {
        let more = bytes.div_ceil(PAGE).saturating_sub(self.first + self.rest);
        self.memory.take(0, more)?;
        self.rest += more;
        Ok(())
    }

    /// A part of it, of so many bytes or what there is.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let part = bytes.div_ceil(PAGE);
        let rest = part.min(self.rest);
        let first = (part - rest).min(self.first);
        self.rest -= rest;
        self.first -= first;
        Self {
            memory: self.memory.clone(),
            first,
            rest,
        }
    }

    /// Gives back what is not needed for `bytes`.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = (self.first + self.rest).saturating_sub(bytes.div_ceil(PAGE));
        let rest = spare.min(self.rest);
        self.give_back(spare - rest, rest);
    }

    /// The bytes, which keep the claim for as long as anybody holds them.
    pub(crate) fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Held {
            bytes,
            _claim: self,
        })
    }

    /// All of the claim; what is left covers nothing.
    pub(crate) fn take(&mut self) -> Self {
        let empty = self.memory.claim();
        std::mem::replace(self, empty)
    }

    fn give_back(&mut self, first: usize, rest: usize) {
        self.first -= first;
        self.rest -= rest;
        self.memory.give_back(first, rest);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_back(self.first, self.rest);
    }
}

struct Held<B> {
    bytes: B,
    _claim: Claim,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Held<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

fn take(pages: &Semaphore, count: usize) -> Result<(), Full> {
    if count > 0 {
        let taken = pages.try_acquire_many(as_u32(count)).map_err(|_| Full)?;
        taken.forget();
    }
    Ok(())
}

/// How many of these pages one caller may take.
fn most(pages: usize) -> usize {
    pages - pages / LEFT
}

fn as_u32(pages: usize) -> u32 {
    u32::try_from(pages).unwrap_or(u32::MAX)
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
        assert_eq!(rest.cover(MIB), Ok(()));
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

    #[tokio::test]
    async fn who_waits_for_much_waits_for_itself() {
        let budget = Budget::new(8 * MIB);
        let (many, one) = (budget.of(&caller("many")), budget.of(&caller("one")));
        let soon = Duration::from_secs(10);
        let held = many.wait_for(100 * MIB, soon).await;
        assert!(held.is_ok());
        assert!(many.wait_for(MIB, Duration::ZERO).await.is_err());
        let next = tokio::spawn(async move { many.wait_for(MIB, soon).await.map(|c| c.bytes()) });
        tokio::task::yield_now().await;
        // Not behind those who wait already.
        let its = one.wait_for(MIB / 2, soon).await;
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
        assert_eq!(budget.0.callers().len(), 1);
        drop(claim);
        assert!(budget.0.callers().is_empty());
    }

    #[test]
    fn what_is_held_is_given_back_with_its_last_copy() {
        let memory = Budget::new(MIB).of(&Caller::Unknown);
        let mut claim = memory.claim();
        assert_eq!(claim.cover(700 << 10), Ok(()));
        let bytes = claim.hold(vec![7; 700 << 10]);
        let copy = bytes.slice(..1);
        drop(bytes);
        assert_eq!(memory.claim().cover(700 << 10), Err(Full));
        drop(copy);
        assert_eq!(memory.claim().cover(700 << 10), Ok(()));
    }

    #[test]
    fn a_claim_shrinks_to_what_is_needed() {
        let memory = Budget::new(MIB).of(&Caller::Unknown);
        let mut claim = memory.claim();
        assert_eq!(claim.cover(700 << 10), Ok(()));
        assert_eq!(claim.cover(PAGE), Ok(()));
        let mut other = memory.claim();
        assert_eq!(other.cover(600 << 10), Ok(()));
        assert_eq!(claim.cover(700 << 10), Err(Full));
    }
}
