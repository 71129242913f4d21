//! The memory that the bodies and answers of all connections hold together.

use std::sync::Arc;

use axum::body::Bytes;
use tokio::sync::Semaphore;

/// Memory is counted in pages of so many bytes.
const PAGE: usize = 4 << 10;

/// The first bytes of each body come from pages that only first bytes may take: whoever
/// sends long bodies leaves room for short ones.
const FIRST: usize = 64 << 10;

/// The share of all pages that only first bytes may take: a quarter.
const FIRST_SHARE: usize = 4;

/// A budget of memory. Clones share it.
#[derive(Clone)]
pub(crate) struct Memory {
    first: Arc<Semaphore>,
    rest: Arc<Semaphore>,
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

impl Memory {
    /// A budget of `bytes`, rounded down to pages.
    pub(crate) fn new(bytes: usize) -> Self {
        let pages = (bytes / PAGE).min(u32::MAX as usize);
        let first = pages / FIRST_SHARE;
        let rest_pages = pages - first;
        Self {
            first: Arc::new(Semaphore::new(first)),
            rest: Arc::new(Semaphore::new(rest_pages)),
            rest_pages,
        }
    }

    /// A claim of nothing, which can grow.
    pub(crate) fn claim(&self) -> Claim {
        Claim {
            memory: self.clone(),
            first: 0,
            rest: 0,
        }
    }

    /// Waits until there are `bytes` that are nobody's first. More than there are in all count
    /// as all.
    pub(crate) async fn wait_for(&self, bytes: usize) -> Claim {
        let pages = bytes.div_ceil(PAGE).min(self.rest_pages);
        let mut claim = self.claim();
        // The semaphore is never closed.
        if let Ok(permit) = self.rest.acquire_many(as_u32(pages)).await {
            permit.forget();
            claim.rest = pages;
        }
        claim
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
        take(&self.memory.first, more_first)?;
        if take(&self.memory.rest, more_rest).is_err() {
            self.memory.first.add_permits(more_first);
            return Err(Full);
        }
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
        take(&self.memory.rest, more)?;
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
        self.memory.first.add_permits(first);
        self.memory.rest.add_permits(rest);
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

fn as_u32(pages: usize) -> u32 {
    u32::try_from(pages).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn long_bodies_leave_room_for_short_ones() {
        let memory = Memory::new(4 * MIB);
        let mut long = memory.claim();
        assert_eq!(long.cover(3 * MIB), Ok(()));
        let mut second = memory.claim();
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
        drop((short, second));
        assert_eq!(memory.claim().cover(3 * MIB), Ok(()));
    }

    #[test]
    fn what_is_held_is_given_back_with_its_last_copy() {
        let memory = Memory::new(MIB);
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
        let memory = Memory::new(MIB);
        let mut claim = memory.claim();
        assert_eq!(claim.cover(800 << 10), Ok(()));
        assert_eq!(claim.cover(PAGE), Ok(()));
        let mut other = memory.claim();
        assert_eq!(other.cover(700 << 10), Ok(()));
        assert_eq!(claim.cover(800 << 10), Err(Full));
    }
}
