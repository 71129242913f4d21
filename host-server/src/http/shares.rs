//! Permits of which one caller cannot take all, nor a few together.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::admission::Overloaded;
use super::caller::Caller;

/// What one caller leaves for others, of all permits: an eighth. All that callers hold beyond a few each
/// leaves that, too, but for its first half, of which nobody gets more than then stays free.
const LEFT: usize = 8;

/// A few are this part of all permits, and at least two.
const FEW: usize = 64;

/// So many permits.
pub(crate) struct Shares {
    all: usize,
    most: usize,
    few: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    /// What callers hold beyond a few each.
    beyond: usize,
    by: HashMap<Caller, usize>,
}

/// A permit, given back when it is dropped.
pub(crate) struct Share {
    of: Arc<Shares>,
    caller: Caller,
}

impl Shares {
    pub(crate) fn new(all: NonZeroUsize) -> Arc<Self> {
        let all = all.get();
        Arc::new(Self {
            all,
            most: all - all / LEFT,
            few: (all / FEW).max(2),
            taken: Mutex::default(),
        })
    }

    /// One more of the caller's.
    pub(crate) fn take(self: &Arc<Self>, caller: &Caller) -> Result<Share, Overloaded> {
        let mut taken = self.lock();
        let its = taken.by.get(caller).copied().unwrap_or_default();
        let (free, left) = (self.all - taken.all, self.all - self.most);
        let has_few = its < self.few;
        let has_part = its < free && free > left / 2;
        let may = has_few || has_part || taken.beyond + self.few < self.most;
        if free == 0 || its >= self.most || !may {
            return Err(Overloaded);
        }
        taken.all += 1;
        taken.beyond += usize::from(!has_few);
        taken.by.insert(caller.clone(), its + 1);
        Ok(Share {
            of: Arc::clone(self),
            caller: caller.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing that can panic runs under the lock.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        taken.all -= 1;
        let its = taken.by.get(&self.caller).copied().unwrap_or_default();
        taken.beyond -= usize::from(its > self.of.few);
        match taken.by.get_mut(&self.caller) {
            Some(its) if *its > 1 => *its -= 1,
            _ => drop(taken.by.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn one_caller_cannot_take_all() {
        let shares = Shares::new(16.try_into().unwrap());
        let (many, one) = (Caller::Key("many".into()), Caller::Key("one".into()));
        let mut held: Vec<Share> = (0..14).map(|_| shares.take(&many).unwrap()).collect();
        assert!(shares.take(&many).is_err());
        let others = [shares.take(&one).unwrap(), shares.take(&one).unwrap()];
        assert!(shares.take(&one).is_err());
        held.pop();
        held.push(shares.take(&many).unwrap());
        drop((held, others));
        assert!(shares.lock().by.is_empty());
        assert_eq!(shares.lock().all, 0);
    }

    /// Two together once had all.
    #[test]
    fn a_few_callers_leave_some_for_those_who_hold_few() {
        let shares = Shares::new(1_024.try_into().unwrap());
        let caller = |name: usize| Caller::Key(name.to_string().into());
        let take = |name| shares.take(&caller(name));
        let mut held = Vec::new();
        for name in [0, 1, 2].repeat(1_024) {
            held.extend(take(name));
        }
        // 896 and the few of two of them.
        assert_eq!(held.len(), 928);
        for (name, part) in [(3, 32), (4, 16), (5, 16), (6, 16), (7, 16)] {
            held.extend((0..part).map(|_| take(name).unwrap()));
            assert!(take(name).is_err());
        }
        drop(held);
        let mut one: Vec<Share> = (0..896).map(|_| take(0).unwrap()).collect();
        assert!(take(0).is_err());
        one.extend((0..64).map(|_| take(1).unwrap()));
        assert!(take(1).is_err());
    }
}
