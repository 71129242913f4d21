//! The one that appends.

mod change;
mod core;
mod facts;
mod links;
mod prepared;
mod recover;
mod start;
mod thread;

use std::path::Path;
use std::sync::{Arc, PoisonError};

pub use self::change::{Change, Changed};
use self::change::{What, check};
use self::facts::Facts;
use self::prepared::Prepared;
use self::start::Opening;
use self::thread::Shared;
use crate::digest::Digest;
use crate::disk::{Disk, How, RealDisk, write_whole};
use crate::error::{AppendError, LogError};
use crate::keys::Keys;
use crate::layout::Layout;
use crate::options::{Options, Status};
use crate::pending::{Pending, promise};
use crate::reader::Reader;
use crate::record::{Receipt, Record};

/// The receipts of records that were appended together, in their order; indexes follow each
/// other without a gap.
pub type Appended = Result<Vec<Receipt>, AppendError>;

/// Appends to a log. Clones share it; the last one dropped closes it, which signs a last
/// checkpoint.
#[derive(Debug, Clone)]
pub struct Writer {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    keys: Keys,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let folder = self.shared.opening.layout.folder();
        f.debug_tuple("Handle").field(&folder).finish()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // Who wants to know whether it went well calls `close`.
        let _ = self.close();
    }
}

impl Handle {
    fn close(&self) -> Result<(), LogError> {
        let mut queue = self.shared.lock();
        let first = !queue.closing;
        queue.closing = true;
        self.shared.arrived.notify_all();
        if !first {
            return Ok(());
        }
        let waited = self
            .shared
            .arrived
            .wait_while(queue, |queue| queue.ended.is_none());
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.ended.replace(Ok(())).unwrap_or(Ok(()))
    }
}

impl Writer {
    /// Opens the log in `folder`, or makes one in an empty or absent folder. Takes the lock,
    /// checks the end of the log, and cuts what a crash has left there.
    ///
    /// # Errors
    /// When another process has the log, when the folder is of another version, when keys are
    /// missing or readable by others, and when what a checkpoint covers is damaged.
    pub fn open(folder: &Path, options: Options) -> Result<Self, LogError> {
        Self::open_on(Arc::new(RealDisk), folder, options)
    }

    /// As [`Writer::open`], of a log that is there: none is made.
    ///
    /// # Errors
    /// As [`Writer::open`], and when there is no log.
    pub fn open_existing(folder: &Path, options: Options) -> Result<Self, LogError> {
        if Layout::new(folder).origin(&RealDisk)?.is_none() {
            return Err(LogError::NoLog(folder.to_owned()));
        }
        Self::open(folder, options)
    }

    /// As [`Writer::open`], on another disk.
    ///
    /// # Errors
    /// As [`Writer::open`].
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path, options: Options) -> Result<Self, LogError> {
        let layout = Layout::new(folder);
        let opening = Opening {
            keys: options.keys.clone().unwrap_or_else(|| layout.keys()),
            disk,
            layout,
            options,
        };
        let (lock, mut events) = opening.lock()?;
        let core = opening.open(lock, None, &mut events);
        let core = core.map_err(|(_, error)| error)?;
        let keys = core.keys.clone();
        let shared = Arc::new(Shared::new(opening, &core));
        events.iter().for_each(|event| shared.tell(event));
        let for_thread = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("decision log".to_owned())
            .spawn(move || thread::run(&for_thread, core))
            .map_err(|error| LogError::io(folder, error))?;
        let handle = Arc::new(Handle { shared, keys });
        Ok(Self { handle })
    }

    /// Appends `records` together, one after the other: one sync, indexes without a gap. What is
    /// appended before an erasure of the record that it is about is erased with that one; what
    /// comes after the erasure is refused.
    ///
    /// # Errors
    /// At once when the queue is full, when a record is too large, or when the log has stopped;
    /// later when writing or syncing fails, or when a record is about one that does not exist or
    /// was erased: then none of them is appended.
    pub fn append(&self, records: Vec<Record>) -> Result<Pending<Appended>, AppendError> {
        let prepared = Prepared::all(records, &self.handle.keys)?;
        let (promise, pending) = promise();
        if prepared.is_empty() {
            promise.send(Ok(Vec::new()));
            return Ok(pending);
        }
        let mut queue = self.handle.shared.lock();
        if let Some(because) = &queue.status.stopped {
            return Err(AppendError::Stopped(because.as_str().into()));
        }
        if queue.closing {
            return Err(AppendError::Closed);
        }
        let limit = self.handle.shared.opening.options.queue;
        // A batch that is larger than the queue is taken by an empty one.
        if queue.records > 0 && queue.records + prepared.len() > limit {
            return Err(AppendError::Full(queue.records));
        }
        queue.append(prepared, promise);
        let is_idle = std::mem::take(&mut queue.is_idle);
        drop(queue);
        if is_idle {
            self.handle.shared.arrived.notify_one();
        }
        Ok(pending)
    }

    /// Keeps a model file beside the log, by content; at once when it is there already. Call it
    /// before the first record that names it. Blocks for a write and a sync.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep_model(&self, wasm: &[u8]) -> Result<Digest, LogError> {
        let digest = Digest::from_content(wasm);
        let opening = &self.handle.shared.opening;
        let path = opening.layout.model(&digest);
        let disk = &*opening.disk;
        let there = disk.open(&path, How::Read).and_then(|file| file.len());
        if there.is_ok_and(|len| len == wasm.len() as u64) {
            return Ok(digest);
        }
        write_whole(disk, &path, wasm, How::New).map_err(|error| LogError::io(&path, error))?;
        Ok(digest)
    }

    /// Puts records on hold: they cannot be erased. Blocks.
    ///
    /// # Errors
    /// When a record does not exist or holds nothing about an applicant.
    pub fn hold(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        self.change(What::Hold, change, by)
    }

    /// Lifts holds. Blocks.
    ///
    /// # Errors
    /// As [`Writer::hold`].
    pub fn release(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        self.change(What::Release, change, by)
    }

    /// Destroys the keys of records and of those that are about them: all of them, or with an
    /// error none. Blocks.
    ///
    /// # Errors
    /// When a record does not exist, is on hold, or is to be kept longer and `before_term` is
    /// not set, and when the keys of one cannot be read. With any of these nothing is recorded.
    pub fn erase(&self, change: &Change, by: &str) -> Result<Changed, LogError> {
        self.change(What::Erase, change, by)
    }

    fn change(&self, what: What, change: &Change, by: &str) -> Result<Changed, LogError> {
        check(change)?;
        let size = self.status().records;
        let facts = Facts::read(&self.reader(), what, &change.indexes, size)?;
        let (promise, pending) = promise();
        {
            let mut queue = self.handle.shared.lock();
            if let Some(because) = &queue.status.stopped {
                return Err(AppendError::Stopped(because.as_str().into()).into());
            }
            if queue.closing {
                return Err(AppendError::Closed.into());
            }
            queue.change((Box::new(facts), change.clone(), by.to_owned(), promise));
        }
        self.handle.shared.arrived.notify_one();
        pending.wait()
    }

    /// The last signed checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> String {
        self.handle.shared.lock().note.clone()
    }

    /// How the log is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let queue = self.handle.shared.lock();
        Status {
            waiting: queue.records,
            ..queue.status.clone()
        }
    }

    /// A reader of this log. Cheap; it sees every acknowledged record.
    #[must_use]
    pub fn reader(&self) -> Reader {
        let opening = &self.handle.shared.opening;
        let keys = Some(self.handle.keys.clone());
        Reader::over(Arc::clone(&opening.disk), opening.layout.clone(), keys)
    }

    /// Syncs what waits, signs a last checkpoint and gives up the lock; other clones then get
    /// [`AppendError::Closed`].
    ///
    /// # Errors
    /// When the last checkpoint cannot be written.
    pub fn close(self) -> Result<(), LogError> {
        self.handle.close()
    }
}
