//! A window that many threads count in, and those with connections without waiting for its lock.
//!
//! Batches are counted, and looks copy the counts, on threads of a low priority: one of them may
//! have to wait for a processor while it holds the lock, for as long as others have work. What
//! cannot be counted at once therefore waits in a queue, and whoever has the lock next counts it
//! before anything else. So nothing is missing where the window is looked at.

use std::ops::{Deref, DerefMut};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

use super::window::{Copied, Counted};

/// Requests that wait to be counted; further ones wait for the lock. A thread that holds it would
/// have to stand still for a third of a second at 3,000 requests a second.
const MOST_WAITING: usize = 1024;

/// A window and its lock.
pub(super) struct Shared {
    window: Mutex<Window>,
    waiting: SyncSender<Seen>,
}

struct Window {
    counted: Counted,
    waiting: Receiver<Seen>,
}

/// A request that is to be counted.
struct Seen {
    bins: Vec<u32>,
    now: u64,
    /// Of a request that a challenger gets a copy of: where it is said with which block it was
    /// counted.
    block: Option<Arc<OnceLock<Arc<Copied>>>>,
}

/// The block with which a request is counted that a challenger gets a copy of.
pub(crate) struct CopiedWith {
    window: Arc<Shared>,
    block: Arc<OnceLock<Arc<Copied>>>,
}

/// The window, with all that was seen before.
pub(super) struct Locked<'a>(MutexGuard<'a, Window>);

impl Shared {
    pub(super) fn new(counted: Counted) -> Self {
        let (sender, waiting) = sync_channel(MOST_WAITING);
        Self {
            window: Mutex::new(Window { counted, waiting }),
            waiting: sender,
        }
    }

    /// Waits for the lock: not on a thread with connections.
    pub(super) fn lock(&self) -> Locked<'_> {
        // A panic cannot leave the counts inconsistent: they are only ever added to.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        window.catch_up();
        Locked(window)
    }

    /// Counts a request, now or soon.
    pub(super) fn count(&self, bins: Vec<u32>, now: u64) {
        self.see(Seen {
            bins,
            now,
            block: None,
        });
    }

    /// The same for a request that a challenger gets a copy of.
    pub(super) fn count_copied(self: &Arc<Self>, bins: Vec<u32>, now: u64) -> CopiedWith {
        let block = Arc::default();
        self.see(Seen {
            bins,
            now,
            block: Some(Arc::clone(&block)),
        });
        CopiedWith {
            window: Arc::clone(self),
            block,
        }
    }

    fn see(&self, seen: Seen) {
        let mut window = match self.window.try_lock() {
            Ok(window) => window,
            Err(TryLockError::Poisoned(window)) => window.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let sent = self.waiting.try_send(seen);
                if let Err(TrySendError::Full(seen) | TrySendError::Disconnected(seen)) = sent {
                    self.lock().0.count(seen);
                }
                return;
            }
        };
        window.catch_up();
        window.count(seen);
    }
}

impl Window {
    /// Counts what waits.
    fn catch_up(&mut self) {
        while let Ok(seen) = self.waiting.try_recv() {
            self.count(seen);
        }
    }

    fn count(&mut self, seen: Seen) {
        let Seen { bins, now, block } = seen;
        match block {
            None => self.counted.count(&bins, now),
            Some(block) => {
                // Nobody else sets it.
                let _ = block.set(self.counted.count_copied(&bins, now));
            }
        }
    }
}

impl CopiedWith {
    /// The block. Counts the request if it still waits for that, for which this waits for the
    /// lock: not on a thread with connections.
    pub(super) fn block(&self) -> Option<&Arc<Copied>> {
        if self.block.get().is_none() {
            drop(self.window.lock());
        }
        self.block.get()
    }
}

impl Deref for Locked<'_> {
    type Target = Counted;

    fn deref(&self) -> &Counted {
        &self.0.counted
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut Counted {
        &mut self.0.counted
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::super::window::tests::{bins, counted};
    use super::*;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(counted()))
    }

    fn count(shared: &Shared, rows: u32) {
        let shape = counted();
        (0..rows).for_each(|x| shared.count(bins(&shape, x % 1000), 0));
    }

    /// Runs something on another thread; whether it came to its end.
    fn ends(of: &Arc<Shared>, what: impl FnOnce(&Arc<Shared>) + Send + 'static) -> bool {
        let (shared, (done, is_done)) = (Arc::clone(of), channel());
        std::thread::spawn(move || {
            what(&shared);
            let _ = done.send(());
        });
        is_done.recv_timeout(Duration::from_secs(60)).is_ok()
    }

    /// Once each request waited for whoever looked at the window.
    #[test]
    fn nobody_waits_for_a_look_and_nothing_is_missing_in_the_next() {
        let shared = shared();
        let mut look = shared.lock();
        assert!(ends(&shared, |shared| count(shared, 150)));
        assert_eq!((look.live(0).rows(), look.open_rows()), (0, 0));
        drop(look);
        let mut look = shared.lock();
        assert_eq!((look.live(0).rows(), look.open_rows()), (100, 50));
    }

    #[test]
    fn what_waited_is_counted_before_the_next_request() {
        let shared = shared();
        let look = shared.lock();
        assert!(ends(&shared, |shared| count(shared, 99)));
        drop(look);
        // It is in a block of its own, as long as its copy is on its way.
        let copied = shared.count_copied(bins(&counted(), 7), 0);
        assert!(copied.block.get().is_some());
        count(&shared, 1);
        assert_eq!(shared.lock().live(0).rows(), 100);
    }

    #[test]
    fn a_copied_request_that_waited_has_its_block() {
        let shared = shared();
        let look = shared.lock();
        let (send, copied) = channel();
        assert!(ends(&shared, move |shared| {
            for x in 0..2 {
                let _ = send.send(shared.count_copied(bins(&counted(), x), 0));
            }
        }));
        let (first, second) = (copied.recv().unwrap(), copied.recv().unwrap());
        assert!(first.block.get().is_none());
        drop(look);
        let block = first.block().unwrap();
        assert!(Arc::ptr_eq(block, second.block.get().unwrap()));
    }

    #[test]
    fn more_than_may_wait_are_counted_too() {
        let shared = shared();
        let look = shared.lock();
        let most = u32::try_from(MOST_WAITING).unwrap();
        let (counting, (begins, has_begun)) = (Arc::clone(&shared), channel());
        let counts = std::thread::spawn(move || {
            count(&counting, most);
            let _ = begins.send(());
            count(&counting, 76);
        });
        let full = has_begun.recv_timeout(Duration::from_secs(60));
        assert_eq!(full, Ok(()));
        drop(look);
        counts.join().unwrap();
        assert_eq!(shared.lock().live(0).rows(), u64::from(most + 76));
    }
}
