//! What a TLS session costs beside its data: a handshake, and what the protocol allows at any time
//! after it, such as new keys and empty records. rustls works on all of that for as long as no data
//! comes out of it, and has buffers that grow.

use std::io;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::caller::Caller;
use super::heads::Heads;
use super::memory::{Budget, Claim, Full, Memory};
use super::shares::{Share, Shares};
use super::watched::Watch;

/// After so many bytes, or records, that are there at once other connections have their turn: each
/// record may be a new key, which takes some microseconds, and a request takes a few more.
const TURN: usize = 16 << 10;
const RECORDS_A_TURN: usize = 4;

/// So much is read at once beyond the record that has begun: some 5 records without data.
const BEYOND: usize = 128;

/// Bytes before each record: its type, its version and its length.
const HEAD: usize = 5;

/// What rustls and hyper hold at most while a long request is there, or while the client does not
/// take an answer, in bytes: the last record as it came, its data, the beginning of a head or
/// requests that wait for their turn, and records that wait to be sent.
const BUSY: usize = 64 << 10;

/// How much may come before the next data, once there is a session. Data are told of at the end of
/// a turn: what has come by then is the beginning of a record, a turn and another record, 16 KiB
/// each.
const AHEAD: usize = 64 << 10;

/// How much may come with each byte of data. A record has 22 bytes of its own, and may be padded
/// to its longest.
const WITH_DATA: usize = 256;

/// A server that asks for another hello writes no more than this before its signature, in bytes: some
/// 105. What resumes a session, without a signature, is longer: 156 bytes with TLS 1.2, 234 with 1.3.
const RETRY: usize = 128;

/// The longest record, in bytes: with the end of a handshake the first one with data may come.
const RECORD: usize = HEAD + (16 << 10) + 256;

/// Who takes an answer no later than this is cut off by no lack of memory, unless it is the same
/// caller that has much of it: every client lets the server wait at times.
const PATIENCE: Duration = Duration::from_secs(1);

/// So many sessions have that time at once: what they hold counts nowhere else.
const PATIENT: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// So much may be there and not count, in bytes: a usual request, and what rustls reads at once.
const SHORT: usize = 4 << 10;

/// What the sessions of a listener may take of memory beside what they usually have, all together.
pub(crate) struct Sessions {
    memory: Budget,
    patient: Arc<Shares>,
}

/// What those of one caller may take of it.
pub(crate) struct Room {
    caller: Caller,
    memory: Memory,
    patient: Arc<Shares>,
}

impl Sessions {
    /// So many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            memory: Budget::new(bytes),
            patient: Shares::new(PATIENT),
        }
    }

    pub(crate) fn of(&self, caller: &Caller) -> Room {
        Room {
            caller: caller.clone(),
            memory: self.memory.of(caller),
            patient: Arc::clone(&self.patient),
        }
    }
}

/// The two sides of a session: what comes below it, and what comes out of it. From more than a
/// little of a handshake or request on, and until it is answered, the session takes of `room`.
///
/// A record that is not whole begins a head, too.
pub(super) fn sides(handshake: usize, room: Room, heads: &Heads) -> (Below, Above) {
    let session = Arc::new(Session {
        // Whoever completes it reads on, until there is data.
        most: AtomicUsize::new(handshake + RECORD),
        ahead: AtomicUsize::new(0),
        brought: AtomicUsize::new(0),
        written: AtomicUsize::new(0),
    });
    let below = Below {
        session: Arc::clone(&session),
        read: 0,
        records: 0,
        head: [0; HEAD],
        of_head: 0,
        rest: 0,
        is_blocked: false,
        cut_off: None,
        held: room.memory.claim(),
        room,
        heads: heads.clone(),
    };
    (below, Above { session })
}

struct Session {
    /// How many bytes may come before the next data.
    most: AtomicUsize,
    /// How many of those have come.
    ahead: AtomicUsize,
    /// How many bytes have come since the handshake, or since the connection was idle.
    brought: AtomicUsize,
    /// How many bytes have gone out.
    written: AtomicUsize,
}

/// The records of a session, which end the connection when they are too many for their data.
pub(super) struct Below {
    session: Arc<Session>,
    /// How many bytes have been read since others had their turn, and how many records begun.
    read: usize,
    records: usize,
    /// The head of a record, of which so many bytes have come.
    head: [u8; HEAD],
    of_head: usize,
    /// How much of the record that has begun is to come.
    rest: usize,
    /// The client does not take what is written.
    is_blocked: bool,
    /// When it will be cut off, since there is no memory for its answer.
    cut_off: Option<CutOff>,
    /// The memory of a session that is busy.
    held: Claim,
    room: Room,
    heads: Heads,
}

/// The end of a session's time to take its answer.
struct CutOff {
    at: Pin<Box<Sleep>>,
    _share: Share,
}

/// The data of a session.
pub(super) struct Above {
    session: Arc<Session>,
}

impl Above {
    /// Tells whether the handshake's signature has gone out: with it comes the certificate, while a
    /// server that asks for another hello says no more than that.
    pub(super) fn signed(&self) -> impl Fn() -> bool + Send + use<> {
        let session = Arc::clone(&self.session);
        move || session.written.load(Ordering::Relaxed) > RETRY
    }

    /// The handshake is done.
    pub(super) fn begin(&self) {
        self.session.most.store(AHEAD, Ordering::Relaxed);
        self.session.ahead.store(0, Ordering::Relaxed);
        self.session.brought.store(0, Ordering::Relaxed);
    }
}

impl Below {
    fn begin_turn(&mut self) {
        (self.read, self.records) = (0, 0);
    }

    fn is_long(&self) -> bool {
        self.session.brought.load(Ordering::Relaxed) > SHORT
    }

    fn hold(&mut self) -> io::Result<()> {
        let grown = self.held.grow(BUSY);
        grown.map_err(|Full| io::ErrorKind::OutOfMemory.into())
    }

    /// Ready when the time of an answer that has no memory is over, or there is none to begin.
    fn is_cut_off(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.cut_off.is_none() && self.room.memory.holds_little() {
            let share = self.room.patient.take(&self.room.caller);
            self.cut_off = share.ok().map(|share| CutOff {
                at: Box::pin(sleep(PATIENCE)),
                _share: share,
            });
        }
        match &mut self.cut_off {
            Some(cut_off) => cut_off.at.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }

    /// Gives the memory back where nothing needs it any more.
    fn let_go(&mut self) {
        if !self.is_blocked && !self.is_long() {
            self.held.shrink(0);
        }
    }

    /// Finds the records in what was read.
    fn count(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let of_record = self.rest.min(bytes.len());
            self.rest -= of_record;
            bytes = &bytes[of_record..];
            let of_head = bytes.len().min(HEAD - self.of_head);
            let (head, after) = bytes.split_at(of_head);
            self.head[self.of_head..self.of_head + of_head].copy_from_slice(head);
            self.of_head += of_head;
            bytes = after;
            if self.of_head == HEAD {
                self.of_head = 0;
                self.rest = usize::from(u16::from_be_bytes([self.head[3], self.head[4]]));
                self.records += 1;
            }
        }
    }
}

impl Watch for Below {
    fn may_read(&mut self, context: &mut Context<'_>) -> bool {
        if self.read < TURN && self.records < RECORDS_A_TURN {
            return true;
        }
        self.begin_turn();
        context.waker().wake_by_ref();
        false
    }

    fn at_most(&self) -> usize {
        self.rest + BEYOND
    }

    fn pause(&mut self) -> io::Result<()> {
        self.begin_turn();
        if self.session.ahead.load(Ordering::Relaxed) > SHORT {
            self.heads.begin();
        }
        // All that came is in the request that is being answered, or has been: but for the
        // beginning of a head that came with the request before it, which is in hyper's buffer.
        if !self.heads.is_begun() {
            self.session.brought.store(0, Ordering::Relaxed);
        }
        self.let_go();
        match self.is_long() {
            true => self.hold(),
            false => Ok(()),
        }
    }

    fn written(
        &mut self,
        context: &mut Context<'_>,
        _wanted: usize,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        self.is_blocked = write.is_pending();
        if let Poll::Ready(Ok(bytes)) = write {
            self.session.written.fetch_add(bytes, Ordering::Relaxed);
        }
        if !self.is_blocked {
            self.let_go();
            return write;
        }
        let Err(error) = self.hold() else {
            self.cut_off = None;
            return write;
        };
        match self.is_cut_off(context) {
            Poll::Ready(()) => Poll::Ready(Err(error)),
            Poll::Pending => write,
        }
    }

    /// rustls has written all that it had: the answer, or a piece of a long one.
    fn flushed(&mut self) {
        self.cut_off = None;
    }

    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes);
        self.read += bytes.len();
        let ahead = self.session.ahead.load(Ordering::Relaxed) + bytes.len();
        self.session.ahead.store(ahead, Ordering::Relaxed);
        if ahead > self.session.most.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let brought = &self.session.brought;
        brought.fetch_add(bytes.len(), Ordering::Relaxed);
        // A body has been counted when its head was there. Whoever holds little may bring a whole
        // request in one piece at any time.
        match self.is_long() && !self.heads.is_asked() {
            true if self.room.memory.holds_little() => self.hold().or(Ok(())),
            true => self.hold(),
            false => Ok(()),
        }
    }
}

impl Watch for Above {
    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        let ahead = self.session.ahead.load(Ordering::Relaxed);
        let ahead = ahead.saturating_sub(bytes.len() * WITH_DATA);
        self.session.ahead.store(ahead, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use axum::response::Response;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::super::watched::Watched;
    use super::*;

    const HANDSHAKE: usize = 4 << 10;

    fn room() -> Room {
        Sessions::new(1 << 20).of(&Caller::Unknown)
    }

    #[tokio::test]
    async fn more_than_a_handshake_ends_it() {
        let most = HANDSHAKE + RECORD;
        let (ours, mut theirs) = tokio::io::duplex(most + 1);
        let (below, _above) = sides(HANDSHAKE, room(), &Heads::new());
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&vec![7; most]).await.unwrap();
        ours.read_exact(&mut vec![0; most]).await.unwrap();
        theirs.write_all(&[7]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    /// Keys that change without end once kept a thread from all others.
    #[tokio::test]
    async fn much_without_data_ends_a_session() {
        let (ours, mut theirs) = tokio::io::duplex(2 * AHEAD);
        let (below, mut above) = sides(HANDSHAKE, room(), &Heads::new());
        above.begin();
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&[7; 2 * AHEAD]).await.unwrap();
        for _ in 0..3 {
            ours.read_exact(&mut [0; AHEAD / 3]).await.unwrap();
            // In records that hold a byte each.
            above.read(&[7; AHEAD / 3 / 23]).unwrap();
        }
        ours.read_exact(&mut [0; AHEAD]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    /// Long uploads once broke off where a record had come in two pieces.
    #[tokio::test]
    async fn long_records_in_a_row_are_not_too_much() {
        let mut record = vec![23, 3, 3, 0x40, 17];
        record.resize(HEAD + 0x4011, 7);
        let all = record.repeat(4);
        let (ours, mut theirs) = tokio::io::duplex(all.len());
        let (below, above) = sides(HANDSHAKE, room(), &Heads::new());
        above.begin();
        let mut ours = Watched::new(ours, below);
        let mut piece = [0; SHORT];
        for part in [&all[..16_400], &all[16_400..]] {
            theirs.write_all(part).await.unwrap();
            // As much as there is before data are told of.
            while let Poll::Ready(read) = futures_util::poll!(std::pin::pin!(ours.read(&mut piece)))
            {
                assert!(read.unwrap() > 0);
            }
        }
    }

    /// How many of these records are read before others have their turn, at most.
    async fn in_a_row(record: &[u8], records: usize) -> usize {
        let (ours, mut theirs) = tokio::io::duplex(records * record.len());
        let (below, above) = sides(HANDSHAKE, room(), &Heads::new());
        above.begin();
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&record.repeat(records)).await.unwrap();
        let (mut most, mut now, mut left) = (0, 0, records * record.len());
        let mut piece = [0; SHORT];
        while left > 0 {
            let read = futures_util::poll!(std::pin::pin!(ours.read(&mut piece)));
            match read {
                Poll::Ready(bytes) => {
                    let bytes = bytes.unwrap();
                    now += bytes;
                    left -= bytes;
                    most = most.max(now);
                }
                Poll::Pending => {
                    now = 0;
                    tokio::task::yield_now().await;
                }
            }
        }
        most / record.len()
    }

    #[tokio::test]
    async fn others_have_their_turn_while_much_is_there() {
        // A new key of TLS 1.3.
        let mut key = vec![23, 3, 3, 0, 22];
        key.resize(27, 7);
        let keys = in_a_row(&key, 1_000).await;
        assert!(keys < 12, "{keys}");
        // Data.
        let mut long = vec![23, 3, 3, 0x20, 0];
        long.resize(5 + 0x2000, 7);
        let long = in_a_row(&long, 3).await;
        assert!((1..=2).contains(&long), "{long}");
    }

    /// A session of this caller, and a client that takes 8 bytes.
    fn session(sessions: &Sessions, caller: &str) -> (Watched<DuplexStream, Below>, DuplexStream) {
        let room = sessions.of(&Caller::Key(caller.into()));
        let (ours, theirs) = tokio::io::duplex(8);
        let (below, _above) = sides(HANDSHAKE, room, &Heads::new());
        (Watched::new(ours, below), theirs)
    }

    /// Each session with an answer that waited for its client once had memory that nobody counted.
    #[tokio::test]
    async fn few_are_waited_for_where_there_is_no_memory() {
        let sessions = Sessions::new(0);
        let mut blocked = Vec::new();
        let mut refused = 0;
        for at in 0..PATIENT.get() + 100 {
            let mut one = session(&sessions, &at.to_string());
            let written = futures_util::poll!(std::pin::pin!(one.0.write_all(&[7; 100])));
            refused += usize::from(written.is_ready());
            blocked.push(one);
        }
        assert_eq!(refused, 100);
        drop(blocked);
        // One caller leaves an eighth of it to others.
        let mut many: Vec<_> = (0..PATIENT.get())
            .map(|_| session(&sessions, "one"))
            .collect();
        let mut waited_for = 0;
        for (ours, _) in &mut many {
            let written = futures_util::poll!(std::pin::pin!(ours.write_all(&[7; 100])));
            waited_for += usize::from(written.is_pending());
        }
        assert_eq!(waited_for, PATIENT.get() / 8 * 7);
    }

    /// Whoever took some of it now and then was once waited for again each time.
    #[tokio::test]
    async fn an_answer_is_taken_whole_in_its_time() {
        let sessions = Sessions::new(0);
        let (mut ours, mut theirs) = session(&sessions, "slow");
        let begun = tokio::time::Instant::now();
        let writing = async { ours.write_all(&[7; 8_000]).await.unwrap_err().kind() };
        let reading = async {
            let mut piece = [0; 8];
            while theirs.read_exact(&mut piece).await.is_ok() {
                tokio::time::sleep(PATIENCE / 50).await;
            }
        };
        let error = tokio::select! {
            error = writing => error,
            () = reading => unreachable!("the server's side is open"),
        };
        assert_eq!(error, io::ErrorKind::OutOfMemory);
        assert!(begun.elapsed() >= PATIENCE);
    }

    /// A server that asks for another hello has not signed.
    #[tokio::test]
    async fn a_signature_is_more_than_a_question() {
        let (ours, _theirs) = tokio::io::duplex(1 << 10);
        let (below, above) = sides(HANDSHAKE, room(), &Heads::new());
        let mut ours = Watched::new(ours, below);
        let has_signed = above.signed();
        ours.write_all(&[7; 105]).await.unwrap();
        assert!(!has_signed());
        ours.write_all(&[7; 500]).await.unwrap();
        assert!(has_signed());
    }

    #[tokio::test]
    async fn who_does_not_take_an_answer_holds_memory() {
        let sessions = Sessions::new(1 << 20);
        let session = |caller: &str| session(&sessions, caller);
        let refused = async |sessions: &mut [(Watched<_, Below>, _)]| {
            let mut refused = 0;
            for (ours, _) in sessions {
                let written = futures_util::poll!(std::pin::pin!(ours.write_all(&[7; 100])));
                if let Poll::Ready(written) = written {
                    assert_eq!(written.unwrap_err().kind(), io::ErrorKind::OutOfMemory);
                    refused += 1;
                }
            }
            refused
        };
        // Ten times 64 KiB are there for one caller, of what is nobody's first of 1 MiB.
        let mut much: Vec<_> = (0..20).map(|_| session("much")).collect();
        assert_eq!(refused(&mut much).await, 10);
        let mut more: Vec<_> = (0..4).map(|at| session(&at.to_string())).collect();
        let _ = refused(&mut more).await;
        // All of it is taken, and whoever holds little has a second.
        let mut one = [session("one")];
        assert_eq!(refused(&mut one).await, 0);
        let end = tokio::time::Instant::now() + 20 * PATIENCE;
        while refused(&mut one).await != 1 {
            assert!(tokio::time::Instant::now() < end);
            tokio::time::sleep(PATIENCE / 10).await;
        }
    }

    /// The beginning of a long record or head on each of many connections, and requests that wait
    /// for their turn, once took memory that nobody counted.
    #[test]
    fn what_is_there_is_counted_until_it_is_answered() {
        let all = Sessions::new(1 << 20);
        let room = || all.of(&Caller::Unknown);
        let mut sessions: Vec<(Below, Above, Heads)> = Vec::new();
        let session = || {
            let heads = Heads::new();
            let (below, above) = sides(HANDSHAKE, room(), &heads);
            above.begin();
            (below, above, heads)
        };
        let refused = loop {
            let (mut below, mut above, heads) = session();
            let read = below.read(&[7; 16_000]);
            above.read(&[7; 15_900]).unwrap();
            if let Err(error) = read.and_then(|()| below.pause()) {
                break error;
            }
            sessions.push((below, above, heads));
        };
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
        assert_eq!(sessions.len(), 10);
        let (below, _above, heads) = &mut sessions[0];
        // What has come is a request, the body of which counts elsewhere.
        heads.asked();
        below.pause().unwrap();
        let (mut next, mut above, next_heads) = session();
        next.read(&[7; 16_000]).unwrap();
        above.read(&[7; 15_900]).unwrap();
        next_heads.asked();
        drop(next_heads.answered(Response::default()));
        next.pause().unwrap();
        let (mut next, ..) = session();
        next.read(&[7; 16_000]).unwrap();
        // A body is counted elsewhere.
        let (mut body, _, heads) = session();
        heads.asked();
        for _ in 0..4 {
            body.read(&[7; 4_000]).unwrap();
        }
        // What is short counts nothing.
        let (mut short, ..) = session();
        short.read(&[7; 1_000]).unwrap();
        short.pause().unwrap();
    }
}
