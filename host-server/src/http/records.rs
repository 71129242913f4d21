//! What a client may send under TLS that is no data: a handshake, and what the protocol allows at any
//! time after it, such as new keys and empty records. rustls works on all of that for as long as no
//! data comes out of it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use super::watched::Watch;

/// After so many bytes that are there at once other connections have their turn: they may be 150
/// new keys, each of which takes microseconds. rustls reads as much at a time.
const TURN: usize = 4 << 10;

/// How much may come before the next data, once there is a session. The longest record has 16 KiB.
const AHEAD: usize = 32 << 10;

/// How much may come with each byte of data. A record has 22 bytes of its own.
const WITH_DATA: usize = 32;

/// The two sides of a session: what comes below it, and what comes out of it.
pub(super) fn sides(handshake: usize) -> (Below, Above) {
    let left = Arc::new(AtomicUsize::new(handshake));
    let below = Below {
        left: Arc::clone(&left),
        read: 0,
    };
    (below, Above { left })
}

/// The records of a session, which end the connection when they are too many for their data.
pub(super) struct Below {
    /// How many bytes may come before the next data.
    left: Arc<AtomicUsize>,
    /// How many have been read since others had their turn.
    read: usize,
}

/// The data of a session.
pub(super) struct Above {
    left: Arc<AtomicUsize>,
}

impl Above {
    /// The handshake is done.
    pub(super) fn begin(&self) {
        self.left.store(AHEAD, Ordering::Relaxed);
    }
}

impl Watch for Below {
    fn may_read(&mut self, context: &mut Context<'_>) -> bool {
        if self.read < TURN {
            return true;
        }
        self.pause();
        context.waker().wake_by_ref();
        false
    }

    fn pause(&mut self) {
        self.read = 0;
    }

    fn read(&mut self, bytes: usize) -> io::Result<()> {
        self.read += bytes;
        let left = self.left.load(Ordering::Relaxed);
        let left = left.checked_sub(bytes).ok_or(io::ErrorKind::InvalidData)?;
        self.left.store(left, Ordering::Relaxed);
        Ok(())
    }
}

impl Watch for Above {
    fn read(&mut self, bytes: usize) -> io::Result<()> {
        let left = self.left.load(Ordering::Relaxed) + bytes * WITH_DATA;
        self.left.store(left.min(AHEAD), Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::task::Poll;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::watched::Watched;
    use super::*;

    const HANDSHAKE: usize = 4 << 10;

    #[tokio::test]
    async fn more_than_a_handshake_ends_it() {
        let (ours, mut theirs) = tokio::io::duplex(HANDSHAKE + 1);
        let (below, _above) = sides(HANDSHAKE);
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
        let (below, mut above) = sides(HANDSHAKE);
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
        let (below, above) = sides(HANDSHAKE);
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
}
