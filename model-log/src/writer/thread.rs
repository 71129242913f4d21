//! The thread that writes: it takes what has arrived, syncs it once, and acknowledges.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Appended;
use super::change::{Change, Changed, What};
use super::core::{Core, Lock};
use super::links::Links;
use super::prepared::Prepared;
use super::start::{Cut, Opening};
use crate::error::{AppendError, LogError};
use crate::options::{Event, Status};
use crate::pending::{Promise, send_all};

/// At most so many records, or bytes, go into one sync.
const BATCH_RECORDS: usize = 8192;
const BATCH_BYTES: usize = 64 << 20;
/// The pauses between attempts to open a log again that has stopped.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Something to do.
pub(crate) enum Job {
    Append(Vec<Prepared>, Promise<Appended>),
    Change(What, Change, String, Promise<Result<Changed, LogError>>),
}

/// What waits, and how the log is.
#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) records: usize,
    /// The thread waits for work: only then does it have to be notified, by a system call.
    pub(crate) is_idle: bool,
    pub(crate) closing: bool,
    pub(crate) status: Status,
    pub(crate) note: String,
    /// How the thread ended.
    pub(crate) ended: Option<Result<(), LogError>>,
}

/// What the handles and the thread share.
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    pub(crate) arrived: Condvar,
    pub(crate) opening: Opening,
}

impl Shared {
    pub(crate) fn new(opening: Opening, core: &Core) -> Self {
        let queue = Queue {
            note: core.checkpoint.1.clone(),
            status: Status {
                records: core.size,
                checkpoint: core.checkpoint.0,
                ..Status::default()
            },
            ..Queue::default()
        };
        Self {
            queue: Mutex::new(queue),
            arrived: Condvar::new(),
            opening,
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics with the lock held; if it happened, the queue is still whole.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tell(&self, event: &Event) {
        if let Some(observer) = &self.opening.options.observer {
            observer(event);
        }
    }
}

/// Groups of records that go to the disk together, with who waits for them.
type Batch = Vec<(Vec<Prepared>, Promise<Appended>)>;

enum Work {
    Batch(Batch),
    Change(What, Change, String, Promise<Result<Changed, LogError>>),
    Idle,
    Close,
}

/// Works until the log is closed.
pub(crate) fn run(shared: &Arc<Shared>, core: Core) {
    let mut state = Ok(core);
    let mut signed_at = Instant::now();
    loop {
        let mut core = match state {
            Ok(core) => core,
            Err(stopped) => {
                state = start_again(shared, stopped);
                match state {
                    Err(_) => return end(shared, Err(AppendError::Closed.into())),
                    Ok(_) => continue,
                }
            }
        };
        let done = match next(shared, &core, signed_at) {
            Work::Batch(batch) => write(shared, &mut core, batch),
            Work::Change(what, change, by, promise) => {
                apply(shared, &mut core, (what, &change, &by), promise)
            }
            Work::Idle => Ok(()),
            Work::Close => return end(shared, close(shared, core)),
        };
        let done = done.map(|()| sign(shared, &mut core, &mut signed_at));
        state = match done {
            Ok(()) => Ok(core),
            Err(error) => Err(stop(shared, core, &error)),
        };
    }
}

/// Waits for work, or until a checkpoint is due.
fn next(shared: &Shared, core: &Core, signed_at: Instant) -> Work {
    let every = shared.opening.options.checkpoint_every;
    let mut queue = shared.lock();
    loop {
        match queue.jobs.front() {
            Some(Job::Append(..)) => return Work::Batch(take(&mut queue)),
            Some(Job::Change(..)) => {
                if let Some(Job::Change(what, change, by, promise)) = queue.jobs.pop_front() {
                    return Work::Change(what, change, by, promise);
                }
            }
            None if queue.closing => return Work::Close,
            None => {}
        }
        let unsigned = core.size > core.checkpoint.0;
        let left = every.saturating_sub(signed_at.elapsed());
        if unsigned && left.is_zero() {
            return Work::Idle;
        }
        queue.is_idle = true;
        queue = if unsigned {
            let waited = shared.arrived.wait_timeout(queue, left);
            waited.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let waited = shared.arrived.wait(queue);
            waited.unwrap_or_else(PoisonError::into_inner)
        };
        queue.is_idle = false;
    }
}

fn take(queue: &mut Queue) -> Batch {
    let mut batch = Batch::new();
    let (mut count, mut bytes) = (0, 0);
    while let Some(Job::Append(records, _)) = queue.jobs.front() {
        let more: usize = records.iter().map(Prepared::size).sum();
        let full = count + records.len() > BATCH_RECORDS || bytes + more > BATCH_BYTES;
        if full && !batch.is_empty() {
            break;
        }
        if let Some(Job::Append(records, promise)) = queue.jobs.pop_front() {
            count += records.len();
            bytes += more;
            batch.push((records, promise));
        }
    }
    queue.records -= count;
    batch
}

/// The records that may be appended, one group after the other, with who waits for how many. The
/// others are refused at once.
fn admit(core: &Core, batch: Batch) -> (Vec<Prepared>, Vec<(usize, Promise<Appended>)>) {
    let mut links = Links::new(core);
    let mut records = Vec::with_capacity(batch.iter().map(|(group, _)| group.len()).sum());
    let mut waiting = Vec::with_capacity(batch.len());
    for (group, promise) in batch {
        match links.check(&group, core.size + records.len() as u64) {
            Ok(()) => {
                waiting.push((group.len(), promise));
                records.extend(group);
            }
            Err(error) => promise.send(Err(error)),
        }
    }
    (records, waiting)
}

fn write(shared: &Shared, core: &mut Core, batch: Batch) -> Result<(), LogError> {
    let began = Instant::now();
    let (mut records, waiting) = admit(core, batch);
    if records.is_empty() {
        return Ok(());
    }
    match core.append(&mut records) {
        Ok(receipts) => {
            {
                let mut queue = shared.lock();
                queue.status.records = core.size;
                queue.status.syncs += 1;
                queue.status.sync_micros += began.elapsed().as_micros() as u64;
            }
            let mut receipts = receipts.into_iter();
            let mut next = |count| Ok(receipts.by_ref().take(count).collect());
            let waiting = waiting.into_iter();
            send_all(waiting.map(|(count, promise)| (promise, next(count))));
            Ok(())
        }
        Err(error) => {
            // Said before it is answered, so that who asks again is refused at once.
            let because = mark_stopped(shared, &error);
            let stopped = || Err(AppendError::Stopped(Arc::clone(&because)));
            let waiting = waiting.into_iter();
            send_all(waiting.map(|(_, promise)| (promise, stopped())));
            Err(error)
        }
    }
}

fn apply(
    shared: &Shared,
    core: &mut Core,
    (what, change, by): (What, &Change, &str),
    promise: Promise<Result<Changed, LogError>>,
) -> Result<(), LogError> {
    let months = shared.opening.options.retention_months;
    let before = core.size;
    match core.change(what, change, by, months) {
        Err(error @ LogError::Io { .. }) => {
            let because = mark_stopped(shared, &error);
            promise.send(Err(AppendError::Stopped(because).into()));
            Err(error)
        }
        result => {
            shared.lock().status.records = core.size;
            let failed = match &result {
                // The record is there, what it says is not done: the start does it.
                Err(error) if core.size > before => Err(LogError::Argument(error.to_string())),
                _ => Ok(()),
            };
            promise.send(result);
            failed
        }
    }
}

/// Signs a checkpoint when it is due. A failure is reported and tried again later: the records
/// themselves are on the disk.
fn sign(shared: &Shared, core: &mut Core, signed_at: &mut Instant) {
    let options = &shared.opening.options;
    let unsigned = core.size.saturating_sub(core.checkpoint.0);
    let due =
        unsigned >= options.checkpoint_records || signed_at.elapsed() >= options.checkpoint_every;
    if unsigned == 0 {
        publish(shared, core);
        return;
    }
    if !due {
        return;
    }
    *signed_at = Instant::now();
    match core.sign_checkpoint(false) {
        Ok(_) => publish(shared, core),
        Err(error) => shared.tell(&Event::CheckpointFailed(error.to_string())),
    }
}

/// Tells of a checkpoint that is new.
fn publish(shared: &Shared, core: &Core) {
    {
        let mut queue = shared.lock();
        if queue.note == core.checkpoint.1 {
            return;
        }
        queue.note.clone_from(&core.checkpoint.1);
        queue.status.checkpoint = core.checkpoint.0;
    }
    shared.tell(&Event::Checkpoint(core.checkpoint.1.clone()));
}

/// A log that stopped: its lock, and where its last segment is cut.
struct Stopped {
    lock: Lock,
    cut: Cut,
}

fn mark_stopped(shared: &Shared, error: &LogError) -> Arc<str> {
    let because: Arc<str> = error.to_string().into();
    shared.lock().status.stopped = Some(because.to_string());
    because
}

fn stop(shared: &Shared, core: Core, error: &LogError) -> Stopped {
    let because = mark_stopped(shared, error);
    refuse_waiting(shared, &because);
    shared.tell(&Event::Stopped(because.to_string()));
    Stopped {
        cut: Cut {
            epoch: core.current.epoch,
            len: core.current.synced,
        },
        lock: core.lock,
    }
}

fn refuse_waiting(shared: &Shared, because: &Arc<str>) {
    let jobs = {
        let mut queue = shared.lock();
        queue.records = 0;
        std::mem::take(&mut queue.jobs)
    };
    for job in jobs {
        let error = AppendError::Stopped(Arc::clone(because));
        match job {
            Job::Append(_, promise) => promise.send(Err(error)),
            Job::Change(_, _, _, promise) => promise.send(Err(error.into())),
        }
    }
}

/// Opens the log again from the disk, as often as needed; an error when it is being closed.
fn start_again(shared: &Shared, mut stopped: Stopped) -> Result<Core, Stopped> {
    let mut pause = FIRST_PAUSE;
    loop {
        let queue = shared.lock();
        let waited = shared
            .arrived
            .wait_timeout_while(queue, pause, |queue| !queue.closing);
        let closing = waited.unwrap_or_else(PoisonError::into_inner).0.closing;
        if closing {
            refuse_waiting(shared, &"the log is closed".into());
            return Err(stopped);
        }
        let mut events = Vec::new();
        match shared
            .opening
            .open(stopped.lock, Some(stopped.cut), &mut events)
        {
            Ok(core) => {
                {
                    let mut queue = shared.lock();
                    queue.status.stopped = None;
                    queue.status.records = core.size;
                    queue.status.restarts += 1;
                }
                events.iter().for_each(|event| shared.tell(event));
                shared.tell(&Event::Restarted);
                publish(shared, &core);
                return Ok(core);
            }
            Err((lock, error)) => {
                let because = mark_stopped(shared, &error);
                refuse_waiting(shared, &because);
                stopped.lock = lock;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

fn close(shared: &Shared, core: Core) -> Result<(), LogError> {
    if let Some(note) = core.close()? {
        shared.lock().note.clone_from(&note);
        shared.tell(&Event::Checkpoint(note));
    }
    Ok(())
}

fn end(shared: &Shared, how: Result<(), LogError>) {
    shared.lock().ended = Some(how);
    shared.arrived.notify_all();
}
