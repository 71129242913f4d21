//! What requests may use at once: permits to be worked on, turns of threads, and memory. Each is
//! taken when there is work to do, and given back when there is none: a client that is slow, or
//! has gone, holds none. Of what work takes long no caller gets all.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinError;

use super::caller::Caller;
use super::limits::HttpLimits;
use super::memory::{Budget, Memory};
use super::own_task::in_own_task;
use super::shares::{Share, Shares};
use super::turns::{LONGEST_PIECE, LONGEST_WORK, Turns};
use crate::host::processors;
use crate::priority::LONG_WORK;
use crate::threads::Threads;

/// A group of records of a batch is short up to this.
const SHORT_GROUP: usize = 512;

/// Records of batches that may wait for the disk, in long groups and in short ones: three quarters
/// of the decision log's queue together. The rest is for single decisions.
const LONG_GROUPS: usize = 8_192;
const SHORT_GROUPS: usize = 4_096;

/// Records of single decisions that may wait for the disk.
const SINGLE_RECORDS: NonZeroUsize = NonZeroUsize::new(4_096).unwrap();

/// What all requests share.
pub(crate) struct Admission {
    /// Requests that are answered where they were read.
    requests: Arc<Semaphore>,
    /// Requests with long work that is done, or waits for its turn.
    long: Arc<Shares>,
    /// Records of single decisions that wait for the disk.
    records: Arc<Shares>,
    /// Streams that are open.
    streams: Arc<Shares>,
    /// Pieces of long work at the same time, on threads beside those of the connections.
    pieces: Arc<Turns>,
    reads: Arc<Turns>,
    searches_for_recourse: Arc<Turns>,
    loads: Arc<Turns>,
    instances_created: Arc<Turns>,
    looks: Arc<Turns>,
    files_packed: Arc<Turns>,
    looks_at_log: Arc<Turns>,
    searches_of_log: Arc<Turns>,
    changes_of_log: Arc<Turns>,
    records_handed_over: Arc<Turns>,
    /// Room in the decision log's queue for records of batches.
    long_groups: LogRoom,
    short_groups: LogRoom,
    /// As many as there are turns.
    threads: Arc<Threads>,
    /// For reloads, one after the other: each may wait for a network.
    reloads: Threads,
    memory: Budget,
}

/// Long work. Each kind has turns of its own, so that what takes long delays nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A piece of some milliseconds.
    Piece,
    /// Unpacking a body that may be long, or finding the rows in a long one: up to a second.
    Read,
    /// A search for recourse, which nothing can interrupt: up to
    /// [`Limits::explain`](crate::Limits).
    Recourse,
    /// Loading a version of a model.
    Load,
    /// Creating another instance of one that is loaded.
    Instance,
    /// A look at drift windows and metrics: comparing and writing them take milliseconds.
    Look,
    /// Packing a file for clients, which is done once for each.
    Pack,
    /// A look at the decision log: what waits for people, one decision, or what a person says of it.
    LogLook,
    /// A search of the decision log: it may read the whole index, and collects what it finds.
    LogSearch,
    /// A hold, a release or an erasure: it reads the whole index, and waits for the disk.
    LogChange,
    /// Handing records over to the decision log, for which room is held: of a caller it comes after
    /// its other records alone.
    Record,
}

/// A body up to this is read in a piece of work.
const SHORT_BODY: usize = 256 << 10;

/// A packed body up to this is unpacked in some milliseconds: gzip packs a thousand bytes into one
/// at most.
const SHORT_PACKED: usize = 4 << 10;

impl Work {
    /// What it is to find the rows in a body of so many bytes.
    pub(crate) fn reading(bytes: usize) -> Self {
        match bytes <= SHORT_BODY {
            true => Self::Piece,
            false => Self::Read,
        }
    }

    /// What it is to unpack so many bytes.
    pub(crate) fn unpacking(bytes: usize) -> Self {
        match bytes <= SHORT_PACKED {
            true => Self::Piece,
            false => Self::Read,
        }
    }
}

/// At most `most` threads, which come after those with connections.
fn threads(name: &'static str, most: usize) -> Threads {
    Threads::start(name, most, LONG_WORK).unwrap_or_else(|error| {
        tracing::error!(%error, name, "no threads of its own");
        // Those with connections have some beside them.
        Threads::of_caller()
    })
}

/// Too many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Overloaded;

impl Admission {
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        let one = NonZeroUsize::MIN;
        let processors = processors();
        // With a call of each thread with connections, all of these are no more than a pool has
        // instances (see `Limits`), so no such thread waits for one.
        let two = one.saturating_add(1);
        let (pieces, reads, recourse, looks) = (
            processors.saturating_add(1),
            processors.max(two),
            processors.max(two),
            two,
        );
        Self {
            requests: Arc::new(Semaphore::new(limits.requests.get())),
            long: Shares::new(limits.requests),
            records: Shares::new(SINGLE_RECORDS),
            streams: Shares::new(limits.requests),
            pieces: Turns::new(pieces, processors, LONGEST_PIECE),
            reads: Turns::new(reads, less_one(reads), LONGEST_PIECE),
            searches_for_recourse: Turns::new(recourse, less_one(recourse), LONGEST_WORK),
            loads: Turns::new(one, one, LONGEST_WORK),
            instances_created: Turns::new(one, one, LONGEST_WORK),
            looks: Turns::new(looks, less_one(looks), LONGEST_PIECE),
            files_packed: Turns::new(one, one, LONGEST_WORK),
            looks_at_log: Turns::new(looks, less_one(looks), LONGEST_PIECE),
            searches_of_log: Turns::new(one, one, LONGEST_WORK),
            changes_of_log: Turns::new(one, one, LONGEST_WORK),
            records_handed_over: Turns::new(two, one, LONGEST_PIECE),
            long_groups: LogRoom::new(LONG_GROUPS),
            short_groups: LogRoom::new(SHORT_GROUPS),
            reloads: threads("reload", 1),
            threads: Arc::new(threads(
                "long-work",
                pieces.get() + reads.get() + recourse.get() + 2 * looks.get() + two.get() + 5,
            )),
            memory: Budget::new(limits.body_memory),
        }
    }

    /// A reload that an administrator asked for, to its end, whether or not the client stays.
    ///
    /// # Errors
    /// When it panicked.
    pub(crate) async fn reload<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.reloads.run(work).await
    }

    /// The memory of bodies and answers.
    pub(crate) fn budget(&self) -> &Budget {
        &self.memory
    }

    /// What the caller may take of the memory of bodies and answers.
    pub(crate) fn memory(&self, caller: &Caller) -> Memory {
        self.memory.of(caller)
    }

    /// A permit to be answered at once; asked for when a request has been read, so that slow
    /// clients take none.
    pub(crate) fn enter(&self) -> Result<OwnedSemaphorePermit, Overloaded> {
        let permit = Arc::clone(&self.requests).try_acquire_owned();
        permit.map_err(|_| Overloaded)
    }

    /// A permit to wait for turns of long work, and to do it.
    pub(crate) fn enter_long(&self, caller: &Caller) -> Result<Share, Overloaded> {
        self.long.take(caller)
    }

    /// A permit to be an open stream.
    pub(crate) fn enter_stream(&self, caller: &Caller) -> Result<Share, Overloaded> {
        self.streams.take(caller)
    }

    /// Room for the record of a single decision in the decision log's queue.
    pub(crate) fn enter_record(&self, caller: &Caller) -> Result<Share, Overloaded> {
        self.records.take(caller)
    }

    /// Room for so many records of a batch in the decision log's queue, when it is the caller's
    /// turn.
    pub(crate) async fn log_room(
        &self,
        caller: &Caller,
        records: usize,
    ) -> Option<OwnedSemaphorePermit> {
        let room = match records <= SHORT_GROUP {
            true => &self.short_groups,
            false => &self.long_groups,
        };
        room.take(caller, records).await
    }

    /// Does long work on another thread when it is the caller's turn. The turn ends with the
    /// work, even if nobody waits for the result any more.
    ///
    /// # Errors
    /// When the work panicked.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        kind: Work,
        caller: &Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turns = match kind {
            Work::Piece => &self.pieces,
            Work::Read => &self.reads,
            Work::Recourse => &self.searches_for_recourse,
            Work::Load => &self.loads,
            Work::Instance => &self.instances_created,
            Work::Look => &self.looks,
            Work::Pack => &self.files_packed,
            Work::LogLook => &self.looks_at_log,
            Work::LogSearch => &self.searches_of_log,
            Work::LogChange => &self.changes_of_log,
            Work::Record => &self.records_handed_over,
        };
        let (turns, threads) = (Arc::clone(turns), Arc::clone(&self.threads));
        let caller = caller.clone();
        let done = in_own_task(async move {
            let turn = turns.take(&caller).await;
            let work = move || {
                let _turn = turn;
                work()
            };
            threads.run(work).await
        });
        done.await?
    }

    /// [`work`](Self::work) of some milliseconds.
    ///
    /// # Errors
    /// When the work panicked.
    pub(crate) async fn piece<T: Send + 'static>(
        &self,
        caller: &Caller,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        self.work(Work::Piece, caller, work).await
    }
}

/// Room for so many records.
struct LogRoom {
    most: usize,
    records: Arc<Semaphore>,
    /// To be the next who waits for it.
    turns: Arc<Turns>,
}

impl LogRoom {
    fn new(most: usize) -> Self {
        Self {
            most,
            records: Arc::new(Semaphore::new(most)),
            turns: Turns::new(NonZeroUsize::MIN, NonZeroUsize::MIN, LONGEST_PIECE),
        }
    }

    /// More records than there is room for get all of it.
    async fn take(&self, caller: &Caller, records: usize) -> Option<OwnedSemaphorePermit> {
        let _turn = self.turns.take(caller).await;
        let records = u32::try_from(records.min(self.most)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.records).acquire_many_owned(records);
        // Never closed.
        room.await.ok()
    }
}

pub(super) fn less_one(count: NonZeroUsize) -> NonZeroUsize {
    NonZeroUsize::new(count.get() - 1).unwrap_or(count)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    /// Two callers whose long bodies were read once had all turns, for a second each.
    #[tokio::test]
    async fn pieces_do_not_wait_while_bodies_are_read() {
        let admission = Arc::new(Admission::new(&HttpLimits::default()));
        let (end, _) = tokio::sync::broadcast::channel::<()>(1);
        let mut reads = Vec::new();
        for name in ["a", "b", "c"].repeat(processors().get() + 1) {
            let (admission, mut ended) = (Arc::clone(&admission), end.subscribe());
            let caller = Caller::Key(name.into());
            let read = async move {
                let work = move || ended.blocking_recv().is_ok();
                admission.work(Work::Read, &caller, work).await
            };
            reads.push(tokio::spawn(read));
        }
        // Each of them waits for its turn, or has it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let caller = Caller::Key("d".into());
        let piece = tokio::time::timeout(Duration::from_secs(30), admission.piece(&caller, || 7));
        assert!(matches!(piece.await, Ok(Ok(7))));
        assert!(end.send(()).is_ok());
        for read in reads {
            assert!(matches!(read.await, Ok(Ok(true))));
        }
    }

    /// Streams whose clients did not take their answers once kept the turns that they were given.
    #[tokio::test]
    async fn who_does_not_look_keeps_no_turn() {
        let admission = Arc::new(Admission::new(&HttpLimits::default()));
        let (end, _) = tokio::sync::broadcast::channel::<()>(1);
        let [many, more, one] = ["many", "more", "one"].map(|name| Caller::Key(name.into()));
        let mut asleep = Vec::new();
        for caller in [&many, &more].repeat(2 * processors().get() + 2) {
            let mut ended = end.subscribe();
            let work = move || drop(ended.blocking_recv());
            let mut piece = Box::pin(admission.piece(caller, work));
            assert!(futures_util::poll!(piece.as_mut()).is_pending());
            asleep.push(piece);
        }
        // Each of them waits for its turn, or has it.
        tokio::time::sleep(Duration::from_millis(100)).await;
        drop(end);
        let piece = tokio::time::timeout(Duration::from_secs(30), admission.piece(&one, || 7));
        assert!(matches!(piece.await, Ok(Ok(7))));
    }

    /// Records for which room was held once waited behind all else that their caller had asked for,
    /// and those of all others for the room.
    #[tokio::test]
    async fn records_wait_for_no_pieces() {
        let admission = Arc::new(Admission::new(&HttpLimits::default()));
        let (end, _) = tokio::sync::broadcast::channel::<()>(1);
        let caller = Caller::Key("many".into());
        let mut pieces = Vec::new();
        for _ in 0..processors().get() + 20 {
            let mut ended = end.subscribe();
            let work = move || drop(ended.blocking_recv());
            let mut piece = Box::pin(admission.piece(&caller, work));
            assert!(futures_util::poll!(piece.as_mut()).is_pending());
            pieces.push(piece);
        }
        let record = admission.work(Work::Record, &caller, || 7);
        let record = tokio::time::timeout(Duration::from_secs(30), record);
        assert!(matches!(record.await, Ok(Ok(7))));
        drop(end);
    }

    /// A few people who looked at a long log once took the machine from everybody.
    #[tokio::test]
    async fn what_takes_all_of_a_log_or_a_file_is_one_at_a_time() {
        for kind in [Work::LogSearch, Work::LogChange, Work::Pack] {
            one_at_a_time(kind).await;
        }
    }

    /// A person's searches once kept the queue from all others.
    #[tokio::test]
    async fn looks_at_the_log_wait_for_no_search() {
        let admission = Arc::new(Admission::new(&HttpLimits::default()));
        let (end, mut ended) = tokio::sync::broadcast::channel::<()>(1);
        let [one, other] = ["one", "other"].map(|name| Caller::Key(name.into()));
        let searched = Arc::clone(&admission);
        let search = tokio::spawn(async move {
            let work = move || drop(ended.blocking_recv());
            searched.work(Work::LogSearch, &one, work).await
        });
        let look = admission.work(Work::LogLook, &other, || 7);
        let look = tokio::time::timeout(Duration::from_secs(30), look);
        assert!(matches!(look.await, Ok(Ok(7))));
        drop(end);
        assert!(matches!(search.await, Ok(Ok(()))));
    }

    async fn one_at_a_time(kind: Work) {
        let admission = Admission::new(&HttpLimits::default());
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = async |name: &str| {
            let (running, most) = (Arc::clone(&running), Arc::clone(&most));
            let work = move || {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
            };
            let caller = Caller::Key(name.into());
            admission.work(kind, &caller, work).await
        };
        let done = tokio::join!(work("a"), work("a"), work("b"));
        assert!(done.0.is_ok() && done.1.is_ok() && done.2.is_ok());
        assert_eq!(most.load(Ordering::SeqCst), 1, "{kind:?}");
    }
}
