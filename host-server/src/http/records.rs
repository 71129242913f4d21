//! What a TLS session costs beside its data: a handshake, and what the protocol allows at any time
//! after it, such as new keys and empty records. rustls works on all of that for as long as no data
//! comes out of it, and has buffers that grow.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use super::heads::Heads;
use super::memory::{Claim, Full, Memory};
use super::watched::Watch;

/// After so many bytes, or records, that are there at once other connections have their turn: each
/// record may be a new key, which takes some microseconds, and a request takes a few more.
const TURN: usize = 16 << 10;
const RECORDS_A_TURN: usize = 4;

/// So much is read at once beyond the record that has begun: some 5 records without data.
const BEYOND: usize = 128;

/// Bytes before each record: its type, its version and its length.
const HEAD: usize = 5;

/// What rustls and hyper hold while the client does not take an answer, in bytes: the last record
/// as it came, its data, requests that are there, and records that wait to be sent.
const BLOCKED: usize = 64 << 10;

/// How much may come before the next data, once there is a session. The longest record has 16 KiB.
const AHEAD: usize = 32 << 10;

/// How much may come with each byte of data. A record has 22 bytes of its own, and may be padded
/// to its longest.
const WITH_DATA: usize = 256;

/// What rustls reads at once.
const READ: usize = 4 << 10;

/// So much without data may be there and not count, in bytes: the beginning of a short record.
const SHORT: usize = 2 << 10;

/// The two sides of a session: what comes below it, and what comes out of it. What waits for the
/// rest of a record, or of the handshake, takes of `memory`.
///
/// A record that is not whole begins a head, too.
pub(super) fn sides(handshake: usize, memory: &Memory, heads: &Heads) -> (Below, Above) {
    let session = Arc::new(Session {
        most: AtomicUsize::new(handshake),
        ahead: AtomicUsize::new(0),
    });
    let below = Below {
        session: Arc::clone(&session),
        read: 0,
        records: 0,
        head: [0; HEAD],
        of_head: 0,
        rest: 0,
        is_blocked: false,
        held: memory.claim(),
        heads: heads.clone(),
    };
    (below, Above { session })
}

struct Session {
    /// How many bytes may come before the next data.
    most: AtomicUsize,
    /// How many of those have come.
    ahead: AtomicUsize,
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
    /// The memory of what waits.
    held: Claim,
    heads: Heads,
}

/// The data of a session.
pub(super) struct Above {
    session: Arc<Session>,
}

impl Above {
    /// The handshake is done.
    pub(super) fn begin(&self) {
        self.session.most.store(AHEAD, Ordering::Relaxed);
        self.session.ahead.store(0, Ordering::Relaxed);
    }
}

impl Below {
    fn begin_turn(&mut self) {
        (self.read, self.records) = (0, 0);
    }

    /// Claims the memory of what waits now.
    fn hold(&mut self) -> io::Result<()> {
        let ahead = self.session.ahead.load(Ordering::Relaxed);
        let held = match (self.is_blocked, ahead) {
            (true, _) => BLOCKED,
            (false, 0..=SHORT) => 0,
            // Beside what has come rustls has room for the next piece.
            (false, _) => {
                self.heads.begin();
                ahead + READ
            }
        };
        self.held.shrink(held);
        let grown = self.held.grow(held);
        grown.map_err(|Full| io::ErrorKind::OutOfMemory.into())
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
        self.hold()
    }

    fn written(
        &mut self,
        _context: &mut Context<'_>,
        _wanted: usize,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if write.is_pending() != self.is_blocked {
            self.is_blocked = write.is_pending();
            if let Err(error) = self.hold() {
                return Poll::Ready(Err(error));
            }
        }
        write
    }

    fn read(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.count(bytes);
        self.read += bytes.len();
        let ahead = self.session.ahead.load(Ordering::Relaxed) + bytes.len();
        self.session.ahead.store(ahead, Ordering::Relaxed);
        match ahead <= self.session.most.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
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

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::caller::Caller;
    use super::super::memory::Budget;
    use super::super::watched::Watched;
    use super::*;

    const HANDSHAKE: usize = 4 << 10;

    fn memory() -> Memory {
        Budget::new(1 << 20).of(&Caller::Unknown)
    }

    #[tokio::test]
    async fn more_than_a_handshake_ends_it() {
        let (ours, mut theirs) = tokio::io::duplex(HANDSHAKE + 1);
        let (below, _above) = sides(HANDSHAKE, &memory(), &Heads::new());
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&[7; HANDSHAKE]).await.unwrap();
        ours.read_exact(&mut [0; HANDSHAKE]).await.unwrap();
        theirs.write_all(&[7]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    /// Keys that change without end once kept a thread from all others.
    #[tokio::test]
    async fn much_without_data_ends_a_session() {
        let (ours, mut theirs) = tokio::io::duplex(2 * AHEAD);
        let (below, mut above) = sides(HANDSHAKE, &memory(), &Heads::new());
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

    /// How many of these records are read before others have their turn, at most.
    async fn in_a_row(record: &[u8], records: usize) -> usize {
        let (ours, mut theirs) = tokio::io::duplex(records * record.len());
        let (below, above) = sides(HANDSHAKE, &memory(), &Heads::new());
        above.begin();
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&record.repeat(records)).await.unwrap();
        let (mut most, mut now, mut left) = (0, 0, records * record.len());
        let mut piece = [0; READ];
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

    #[tokio::test]
    async fn who_does_not_take_an_answer_holds_memory() {
        let memory = memory();
        let mut sessions = Vec::new();
        let refused = loop {
            let (ours, theirs) = tokio::io::duplex(8);
            let (below, _above) = sides(HANDSHAKE, &memory, &Heads::new());
            let mut ours = Watched::new(ours, below);
            let written = futures_util::poll!(std::pin::pin!(ours.write_all(&[7; 100])));
            if let Poll::Ready(written) = written {
                break written.unwrap_err();
            }
            sessions.push((ours, theirs));
        };
        assert_eq!(refused.kind(), io::ErrorKind::OutOfMemory);
        // Ten times 64 KiB of what is nobody's first of 1 MiB.
        assert_eq!(sessions.len(), 10);
    }

    /// The beginning of a long record on each of many connections once took memory that nobody
    /// counted.
    #[test]
    fn what_waits_for_the_rest_of_a_record_is_counted() {
        let memory = memory();
        let mut sessions: Vec<(Below, Above)> = Vec::new();
        let mut begin = || {
            let (mut below, above) = sides(HANDSHAKE, &memory, &Heads::new());
            above.begin();
            let waits = below.read(&[7; 16_000]).and_then(|()| below.pause());
            sessions.push((below, above));
            waits
        };
        let refused = std::iter::from_fn(|| Some(begin()))
            .take(50)
            .find_map(Result::err);
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::OutOfMemory);
        let (below, above) = &mut sessions[0];
        above.read(&[7; 16_000]).unwrap();
        below.pause().unwrap();
        let (mut next, above) = sides(HANDSHAKE, &memory, &Heads::new());
        above.begin();
        next.read(&[7; 16_000]).unwrap();
        next.pause().unwrap();
    }
}
