//! The thread that writes: it takes what has arrived, syncs it once, and acknowledges.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Appended;
use super::change::{Change, Changed};
use super::core::{Core, Lock};
use super::facts::Facts;
use super::links::Links;
use super::prepared::Prepared;
use super::start::{Cut, Opening};
use crate::error::{AppendError, LogError};
use crate::options::{Event, Options, Status};
use crate::pending::{Promise, send_all};

/// At most so many records, or bytes, go into one sync.
const BATCH_RECORDS: usize = 8192;
const BATCH_BYTES: usize = 64 << 20;
/// Longer groups go into one sync up to so many records: who comes meanwhile waits for them.
const LONG_RECORDS: usize = 1024;
/// Groups of at most so many records, and bytes, wait for no queue of longer ones.
const FEW_RECORDS: usize = 8;
const FEW_BYTES: usize = 256 << 10;
/// The pauses between attempts to open a log again that has stopped.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Records that are appended together, and who waits for them.
type Group = (Vec<Prepared>, Promise<Appended>);

/// A hold, a release or an erasure, what is known for it, who asks for it, and who waits for it.
type ChangeJob = (
    Box<Facts>,
    Change,
    String,
    Promise<Result<Changed, LogError>>,
);

/// Something to do.
enum Job {
    Append(Group),
    /// Comes after so many of [`Queue::few`].
    Change(u64, ChangeJob),
}

/// What waits, and how the log is.
#[derive(Default)]
pub(crate) struct Queue {
    /// Single records, and a few together.
    few: VecDeque<Group>,
    /// How many of these were taken.
    few_taken: u64,
    /// Longer groups and changes, in their order.
    jobs: VecDeque<Job>,
    pub(crate) records: usize,
    /// The thread waits for work: only then does it have to be notified, by a system call.
    pub(crate) is_idle: bool,
    pub(crate) closing: bool,
    pub(crate) status: Status,
    pub(crate) note: String,
    /// How the thread ended.
    pub(crate) ended: Option<Result<(), LogError>>,
}

fn bytes(records: &[Prepared]) -> usize {
    records.iter().map(Prepared::size).sum()
}

impl Queue {
    pub(crate) fn append(&mut self, records: Vec<Prepared>, promise: Promise<Appended>) {
        self.records += records.len();
        let are_few = records.len() <= FEW_RECORDS && bytes(&records) <= FEW_BYTES;
        match are_few {
            true => self.few.push_back((records, promise)),
            false => self.jobs.push_back(Job::Append((records, promise))),
        }
    }

    /// What was appended before a change comes before it: an erasure finds what is about a record.
    pub(crate) fn change(&mut self, job: ChangeJob) {
        let after = self.few_taken + self.few.len() as u64;
        self.jobs.push_back(Job::Change(after, job));
    }

    /// What is few, to go to the disk together.
    fn take_few(&mut self) -> Batch {
        let mut batch = Batch::default();
        while let Some(group) = self
            .few
            .pop_front_if(|group| batch.has_room(group, BATCH_RECORDS))
        {
            batch.push(group);
            self.few_taken += 1;
        }
        batch
    }

    /// The same with the next longer group, and those behind it as far as they are short.
    fn take_long(&mut self) -> Batch {
        let mut batch = self.take_few();
        let mut next = self.pop_group(|_| true);
        while let Some(group) = next {
            batch.push(group);
            next = self.pop_group(|group| batch.has_room(group, LONG_RECORDS));
        }
        batch
    }

    fn pop_group(&mut self, is_wanted: impl FnOnce(&Group) -> bool) -> Option<Group> {
        let job = self.jobs.pop_front_if(|job| match job {
            Job::Append(group) => is_wanted(group),
            Job::Change(..) => false,
        });
        match job? {
            Job::Append(group) => Some(group),
            Job::Change(..) => None,
        }
    }
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

/// Groups of records that go to the disk together.
#[derive(Default)]
struct Batch {
    groups: Vec<Group>,
    records: usize,
    bytes: usize,
}

impl Batch {
    /// Whether another group fits; the first one always does.
    fn has_room(&self, (records, _): &Group, most: usize) -> bool {
        let fits = self.records + records.len() <= most;
        self.groups.is_empty() || fits && self.bytes + bytes(records) <= BATCH_BYTES
    }

    fn push(&mut self, group: Group) {
        self.records += group.0.len();
        self.bytes += bytes(&group.0);
        self.groups.push(group);
    }
}

enum Work {
    Batch(Batch),
    Change(ChangeJob),
    /// A step toward the next checkpoint: a few tiles, or at last the checkpoint itself.
    Checkpoint,
    /// A few tiles, while nothing else is to be done.
    Tiles,
    Close,
}

/// Whose turn it is.
struct Turns {
    /// After single records it is everything else's, and the other way round: so a single record
    /// waits for one longer group or a few tiles, and nothing waits for all single records.
    after_few: bool,
    /// After a checkpoint it is a longer group's or a change's, though the next may be due already.
    after_checkpoint: bool,
    /// When a checkpoint was signed last, or could not be.
    signed_at: Instant,
    /// While the tiles of the next are written: how many there were at the last step.
    completed: Option<u64>,
    /// The last checkpoint could not be written: tried again after a while, however many records
    /// there are.
    has_failed: bool,
}

/// Works until the log is closed.
pub(crate) fn run(shared: &Arc<Shared>, core: Core) {
    let mut state = Ok(core);
    let mut turns = Turns {
        after_few: false,
        after_checkpoint: false,
        signed_at: Instant::now(),
        completed: None,
        has_failed: false,
    };
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
        let done = match next(shared, &core, &mut turns) {
            Work::Batch(batch) => write(shared, &mut core, batch),
            Work::Change(change) => apply(shared, &mut core, change),
            Work::Checkpoint => {
                turns.step(shared, &mut core);
                Ok(())
            }
            Work::Tiles => {
                let written = core.write_tiles(0);
                turns.note(shared, written);
                Ok(())
            }
            Work::Close => return end(shared, close(shared, core)),
        };
        state = match done {
            Ok(()) => {
                publish(shared, &core);
                Ok(core)
            }
            Err(error) => Err(stop(shared, core, &error)),
        };
    }
}

/// Waits for work, or until a checkpoint is due.
fn next(shared: &Shared, core: &Core, turns: &mut Turns) -> Work {
    let options = &shared.opening.options;
    let mut queue = shared.lock();
    loop {
        let after_few = std::mem::replace(&mut turns.after_few, false);
        let has_few = !queue.few.is_empty();
        if has_few && (!after_few || !turns.has_other(&queue, core, options)) {
            turns.after_few = true;
            let batch = queue.take_few();
            queue.records -= batch.records;
            return Work::Batch(batch);
        }
        let left = turns.until_due(core, options);
        let is_due = left.is_some_and(|left| left.is_zero());
        let after_checkpoint = std::mem::replace(&mut turns.after_checkpoint, false);
        if is_due && (!after_checkpoint || queue.jobs.is_empty()) {
            return Work::Checkpoint;
        }
        turns.completed = None;
        match queue.jobs.front() {
            Some(Job::Append(_)) => {
                let batch = queue.take_long();
                queue.records -= batch.records;
                return Work::Batch(batch);
            }
            Some(Job::Change(after, _)) if queue.few_taken < *after => {
                turns.after_few = true;
                let batch = queue.take_few();
                queue.records -= batch.records;
                return Work::Batch(batch);
            }
            Some(Job::Change(..)) => {
                if let Some(Job::Change(_, change)) = queue.jobs.pop_front() {
                    return Work::Change(change);
                }
            }
            None if queue.closing => return Work::Close,
            None if core.has_tiles() && !turns.has_failed => return Work::Tiles,
            None => {}
        }
        queue.is_idle = true;
        queue = match left {
            Some(left) => {
                let waited = shared.arrived.wait_timeout(queue, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = shared.arrived.wait(queue);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
        queue.is_idle = false;
    }
}

impl Turns {
    /// Whether there is anything to do but single records.
    fn has_other(&self, queue: &Queue, core: &Core, options: &Options) -> bool {
        !queue.jobs.is_empty()
            || self
                .until_due(core, options)
                .is_some_and(|left| left.is_zero())
    }

    /// The time until the next checkpoint is due; `None` where nothing is unsigned.
    fn until_due(&self, core: &Core, options: &Options) -> Option<Duration> {
        let unsigned = core.size.saturating_sub(core.checkpoint.0);
        if unsigned == 0 {
            return None;
        }
        if unsigned >= options.checkpoint_records && !self.has_failed {
            return Some(Duration::ZERO);
        }
        Some(
            options
                .checkpoint_every
                .saturating_sub(self.signed_at.elapsed()),
        )
    }

    /// Writes a few of the tiles that the checkpoint needs, and signs it where these are all.
    /// Longer groups wait until it is signed, so single records alone bring more tiles meanwhile:
    /// as many more are written and a part of those that wait, or the checkpoint would come late or
    /// never.
    fn step(&mut self, shared: &Shared, core: &mut Core) {
        if core.has_tiles() {
            let completed = core.completed_tiles();
            let before = self.completed.replace(completed);
            let came = completed.saturating_sub(before.unwrap_or(completed));
            let written = core.write_tiles(came + core.waiting_tiles() / 8);
            if written.is_err() || core.has_tiles() {
                return self.note(shared, written);
            }
        }
        self.completed = None;
        self.after_checkpoint = true;
        self.signed_at = Instant::now();
        let signed = core.sign_checkpoint(false);
        self.has_failed = false;
        self.note(shared, signed.map(|_| ()));
    }

    /// A failure is reported and tried again later: the records themselves are on the disk.
    fn note(&mut self, shared: &Shared, written: Result<(), LogError>) {
        if let Err(error) = written {
            self.signed_at = Instant::now();
            self.completed = None;
            self.has_failed = true;
            shared.tell(&Event::CheckpointFailed(error.to_string()));
        }
    }
}

/// The records that may be appended, one group after the other, with who waits for how many. The
/// others are refused at once.
fn admit(core: &Core, batch: Batch) -> (Vec<Prepared>, Vec<(usize, Promise<Appended>)>) {
    let mut links = Links::new(core);
    let mut records = Vec::with_capacity(batch.records);
    let mut waiting = Vec::with_capacity(batch.groups.len());
    for (group, promise) in batch.groups {
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
    (facts, change, by, promise): ChangeJob,
) -> Result<(), LogError> {
    let months = shared.opening.options.retention_months;
    let checked = match core.check(*facts, &change, &by, months) {
        Ok(checked) => checked,
        // Nothing was written, so nothing is uncertain.
        Err(error) => {
            promise.send(Err(error));
            return Ok(());
        }
    };
    let before = core.size;
    match core.change(checked) {
        Err(error @ LogError::Io { .. }) => {
            let because = mark_stopped(shared, &error);
            promise.send(Err(AppendError::Stopped(because).into()));
            Err(error)
        }
        result => {
            let failed = match &result {
                // The record is there, what it says is not done: the start does it.
                Err(error) if core.size > before => Err(LogError::Argument(error.to_string())),
                _ => {
                    shared.lock().status.records = core.size;
                    Ok(())
                }
            };
            promise.send(result);
            failed
        }
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
    let (few, jobs) = {
        let mut queue = shared.lock();
        queue.records = 0;
        (
            std::mem::take(&mut queue.few),
            std::mem::take(&mut queue.jobs),
        )
    };
    for job in few.into_iter().map(Job::Append).chain(jobs) {
        let error = AppendError::Stopped(Arc::clone(because));
        match job {
            Job::Append((_, promise)) => promise.send(Err(error)),
            Job::Change(_, (_, _, _, promise)) => promise.send(Err(error.into())),
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
