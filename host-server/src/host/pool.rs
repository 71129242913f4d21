//! Instances that have loaded their model, reused from call to call.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::compiled::Compiled;
use super::error::CallError;
use super::instance::Instance;
use super::limits::{Limits, processors};

/// How long a call waits for one that is returned before it creates another: longer than a piece of
/// a batch takes.
const PATIENCE: Duration = Duration::from_millis(50);

/// What a new instance cost.
#[derive(Debug, Clone, Copy)]
pub struct InstanceTimes {
    /// Store, limits, memory and exports.
    pub instantiate: Duration,
    /// The same in a slot that must first release the memory that the last instance grew to.
    pub after_another: Duration,
    /// `abi_load`: reading the artifact and building the tables.
    pub load: Duration,
}

/// Lends instances, at most [`Limits::instances`] at once. One that failed is discarded; the
/// next call creates a new one. They are created one at a time, since each takes as long as its
/// model is large: whoever comes meanwhile waits for that one, or for one that is returned before.
pub(crate) struct Pool {
    compiled: Compiled,
    limits: Limits,
    slots: Mutex<Slots>,
    returned: Condvar,
}

struct Slots {
    idle: Vec<Idle>,
    alive: usize,
    /// How many of those that exist are lent for long.
    long: usize,
    /// Whether one is being created.
    is_creating: bool,
    waiting: usize,
}

/// Which instance a call wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// One that is idle, or another; it may have it for long.
    Any,
    /// One that is returned, rather than another; it has it for microseconds.
    Returned,
}

/// An instance that no call is using.
struct Idle {
    instance: Instance,
    /// The thread that used it last: the memory is likely in that processor's cache.
    thread: ThreadId,
}

impl Pool {
    pub(crate) fn new(compiled: Compiled, limits: Limits) -> Self {
        Self {
            compiled,
            limits,
            slots: Mutex::new(Slots {
                idle: Vec::new(),
                alive: 0,
                long: 0,
                is_creating: false,
                waiting: 0,
            }),
            returned: Condvar::new(),
        }
    }

    /// Calls `work`, which may take long, with an instance of its own; creates one, or waits, while
    /// all are lent.
    pub(crate) fn with<T>(
        &self,
        work: impl FnOnce(&mut Instance) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.lease(Wanted::Any).call(work)
    }

    /// The same for what takes microseconds, with one that exists, if any does: waits until it is
    /// returned.
    pub(crate) fn with_returned<T>(
        &self,
        work: impl FnOnce(&mut Instance) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        self.lease(Wanted::Returned).call(work)
    }

    /// The same with one that is idle now, if any is: neither waits nor creates one.
    pub(crate) fn with_idle<T>(
        &self,
        work: impl FnOnce(&mut Instance) -> Result<T, CallError>,
    ) -> Option<Result<T, CallError>> {
        let idle = self.lock().take(current())?;
        Some(self.lend(Some(idle), false).call(work))
    }

    /// Creates another one, which is idle then, where there are fewer than there are processors
    /// beside those that are lent for long, and nobody else creates one.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) fn add(&self) -> Result<(), CallError> {
        {
            let mut slots = self.lock();
            if !self.lacks_one(&slots) {
                return Ok(());
            }
            slots.alive += 1;
            slots.is_creating = true;
        }
        self.lend(None, false).call(|_| Ok(()))
    }

    /// Whether [`Pool::add`] would create one.
    pub(crate) fn lacks_instance(&self) -> bool {
        self.lacks_one(&self.lock())
    }

    fn lacks_one(&self, slots: &Slots) -> bool {
        let wanted = processors().get() + slots.long;
        slots.alive < wanted.min(self.limits.instances.get()) && !slots.is_creating
    }

    /// Instances that exist, lent or idle.
    pub(crate) fn alive(&self) -> usize {
        self.lock().alive
    }

    /// Measures creating an instance and loading the model into it. The instance is not kept.
    pub(crate) fn time_new_instance(&self) -> Result<InstanceTimes, CallError> {
        let mut lease = self.lease(Wanted::Any);
        lease.instance = None;
        let timed = || {
            let start = Instant::now();
            Instance::new(&self.compiled, &self.limits).map(|made| (made, start.elapsed()))
        };
        let (_, after_another) = timed()?;
        let (mut instance, instantiate) = timed()?;
        let start = Instant::now();
        instance.load()?;
        Ok(InstanceTimes {
            instantiate,
            after_another,
            load: start.elapsed(),
        })
    }

    /// Lends an instance that is idle and that nobody waits for. Where none is, another is created, or
    /// one that is lent is waited for.
    fn lease(&self, wanted: Wanted) -> Lease<'_> {
        let thread = current();
        let is_long = wanted == Wanted::Any;
        let mut slots = self.lock();
        let (begun, mut has_waited) = (Instant::now(), false);
        loop {
            let is_next = has_waited || slots.idle.len() > slots.waiting;
            let idle = is_next.then(|| slots.take(thread)).flatten();
            // What all were lent for may go on for seconds, and nobody creates another.
            let is_in_vain = slots.alive == slots.long && begun.elapsed() >= PATIENCE;
            let may_create = is_long || slots.alive == 0 || is_in_vain;
            if idle.is_some() || may_create && slots.has_room(&self.limits) {
                slots.long += usize::from(is_long);
                if idle.is_none() {
                    slots.alive += 1;
                    slots.is_creating = true;
                }
                drop(slots);
                return self.lend(idle, is_long);
            }
            slots.waiting += 1;
            let waited = self.returned.wait_timeout(slots, PATIENCE);
            slots = waited.unwrap_or_else(PoisonError::into_inner).0;
            slots.waiting -= 1;
            has_waited = true;
        }
    }

    fn lend(&self, instance: Option<Instance>, is_long: bool) -> Lease<'_> {
        Lease {
            pool: self,
            is_creating: instance.is_none(),
            instance,
            is_long,
            keep: false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Nothing that can panic runs under the lock, and the counts stay right if it did.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    /// Whether another may be created: none is idle, not even one that somebody waits for.
    fn has_room(&self, limits: &Limits) -> bool {
        self.idle.is_empty() && self.alive < limits.instances.get() && !self.is_creating
    }

    /// The one that this thread used last, else the one used last by any.
    fn take(&mut self, thread: ThreadId) -> Option<Instance> {
        let own = self.idle.iter().rposition(|idle| idle.thread == thread);
        let at = own.or(self.idle.len().checked_sub(1))?;
        Some(self.idle.swap_remove(at).instance)
    }
}

fn current() -> ThreadId {
    std::thread::current().id()
}

/// A share of the pool's instances, returned when dropped: with its instance only if that is
/// to be kept.
struct Lease<'a> {
    pool: &'a Pool,
    instance: Option<Instance>,
    /// Whether nobody else creates one meanwhile.
    is_creating: bool,
    is_long: bool,
    keep: bool,
}

impl Lease<'_> {
    fn call<T>(
        mut self,
        work: impl FnOnce(&mut Instance) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let instance = self.instance()?;
        let answer = work(instance)?;
        self.keep = !instance.is_spent();
        Ok(answer)
    }

    fn instance(&mut self) -> Result<&mut Instance, CallError> {
        let instance = match self.instance.take() {
            Some(warm) => warm,
            None => {
                let mut new = Instance::new(&self.pool.compiled, &self.pool.limits)?;
                new.load()?;
                self.created();
                new
            }
        };
        Ok(self.instance.insert(instance))
    }

    /// The next may be created. All who wait look: another may have been returned to one of them.
    fn created(&mut self) {
        if std::mem::take(&mut self.is_creating) {
            self.pool.lock().is_creating = false;
            self.pool.returned.notify_all();
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // Also where that failed.
        self.created();
        let kept = self.instance.take().filter(|_| self.keep);
        let thread = current();
        let mut slots = self.pool.lock();
        slots.long -= usize::from(self.is_long);
        match kept {
            Some(instance) => slots.idle.push(Idle { instance, thread }),
            None => slots.alive -= 1,
        }
        let somebody_waits = slots.waiting > 0;
        drop(slots);
        if somebody_waits {
            self.pool.returned.notify_one();
        }
    }
}
