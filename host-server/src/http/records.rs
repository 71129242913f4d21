//! What a client may send under TLS that is no data: a handshake, and what the protocol allows at any
//! time after it, such as new keys and empty records. rustls works on all of that for as long as no
//! data comes out of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use super::memory::{Claim, Full, Memory};
use super::watched::Watch;

/// After so many bytes that are there at once other connections have their turn: they may be 150
/// new keys, each of which takes microseconds. rustls reads as much at a time.
const TURN: usize = 4 << 10;

/// How much may come before the next data, once there is a session. The longest record has 16 KiB.
const AHEAD: usize = 32 << 10;

/// How much may come with each byte of data. A record has 22 bytes of its own.
const WITH_DATA: usize = 32;

/// So much without data may be there and not count, in bytes: the beginning of a short record.
const SHORT: usize = 2 << 10;

/// The two sides of a session: what comes below it, and what comes out of it. What waits for the
/// rest of a record, or of the handshake, takes of `memory`.
pub(super) fn sides(handshake: usize, memory: &Memory) -> (Below, Above) {
    let session = Arc::new(Session {
        most: AtomicUsize::new(handshake),
        ahead: AtomicUsize::new(0),
    });
    let below = Below {
        session: Arc::clone(&session),
        read: 0,
        held: memory.claim(),
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
    /// How many have been read since others had their turn.
    read: usize,
    /// The memory of what waits for more.
    held: Claim,
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

impl Watch for Below {
    fn may_read(&mut self, context: &mut Context<'_>) -> bool {
        if self.read < TURN {
            return true;
        }
        self.read = 0;
        context.waker().wake_by_ref();
        false
    }

    fn pause(&mut self) -> io::Result<()> {
        self.read = 0;
        let ahead = self.session.ahead.load(Ordering::Relaxed);
        // Beside what has come rustls has room for the next piece.
        let held = match ahead {
            0..=SHORT => 0,
            _ => ahead + TURN,
        };
        let covered = self.held.cover(held);
        covered.map_err(|Full| io::ErrorKind::OutOfMemory.into())
    }

    fn read(&mut self, bytes: usize) -> io::Result<()> {
        self.read += bytes;
        let ahead = self.session.ahead.load(Ordering::Relaxed) + bytes;
        self.session.ahead.store(ahead, Ordering::Relaxed);
        match ahead <= self.session.most.load(Ordering::Relaxed) {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl Watch for Above {
    fn read(&mut self, bytes: usize) -> io::Result<()> {
        let ahead = self.session.ahead.load(Ordering::Relaxed);
        let ahead = ahead.saturating_sub(bytes * WITH_DATA);
        self.session.ahead.store(ahead, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::task::Poll;

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
        let (below, _above) = sides(HANDSHAKE, &memory());
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
        let (below, mut above) = sides(HANDSHAKE, &memory());
        above.begin();
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&[7; 2 * AHEAD]).await.unwrap();
        for _ in 0..3 {
            ours.read_exact(&mut [0; AHEAD / 3]).await.unwrap();
            // In records that hold a byte each.
            above.read(AHEAD / 3 / 23).unwrap();
        }
        ours.read_exact(&mut [0; AHEAD]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn others_have_their_turn_while_much_is_there() {
        let (ours, mut theirs) = tokio::io::duplex(AHEAD);
        let (below, above) = sides(HANDSHAKE, &memory());
        above.begin();
        let mut ours = Watched::new(ours, below);
        theirs.write_all(&[7; AHEAD]).await.unwrap();
        let (mut piece, mut in_a_row) = ([0; TURN / 2], Vec::new());
        for _ in 0..AHEAD / piece.len() {
            let mut read = std::pin::pin!(ours.read_exact(&mut piece));
            match futures_util::poll!(read.as_mut()) {
                Poll::Ready(_) => in_a_row.push(true),
                Poll::Pending => {
                    in_a_row.push(false);
                    read.await.unwrap();
                }
            }
        }
        let most = in_a_row.split(|ready| !ready).map(<[bool]>::len).max();
        assert!(most < Some(1 + TURN / piece.len()), "{in_a_row:?}");
    }

    /// The beginning of a long record on each of many connections once took memory that nobody
    /// counted.
    #[test]
    fn what_waits_for_the_rest_of_a_record_is_counted() {
        let memory = memory();
        let mut sessions: Vec<(Below, Above)> = Vec::new();
        let mut begin = || {
            let (mut below, above) = sides(HANDSHAKE, &memory);
            above.begin();
            let waits = below.read(16_000).and_then(|()| below.pause());
            sessions.push((below, above));
            waits
        };
        let refused = std::iter::from_fn(|| Some(begin()))
            .take(50)
            .find_map(Result::err);
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::OutOfMemory);
        let (below, above) = &mut sessions[0];
        above.read(16_000).unwrap();
        below.pause().unwrap();
        let (mut next, above) = sides(HANDSHAKE, &memory);
        above.begin();
        next.read(16_000).unwrap();
        next.pause().unwrap();
    }
}
