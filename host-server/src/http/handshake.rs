//! What a client may send before its TLS handshake is done. rustls joins the pieces of a message
//! of up to 64 KiB; a handshake, with the certificates of a client, takes a few.

use std::io;

use super::watched::Watch;

/// Lets no more than a handshake be read before it is `done`.
pub(super) struct Handshake {
    /// How much more may come; `None` once it is done.
    left: Option<usize>,
}

impl Handshake {
    /// A handshake of at most so many bytes.
    pub(super) fn begin(most: usize) -> Self {
        Self { left: Some(most) }
    }

    pub(super) fn done(&mut self) {
        self.left = None;
    }
}

impl Watch for Handshake {
    fn read(&mut self, bytes: usize) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes).ok_or(io::ErrorKind::InvalidData)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::watched::Watched;
    use super::*;

    const MOST: usize = 8 << 10;

    #[tokio::test]
    async fn more_than_a_handshake_ends_it() {
        let (ours, mut theirs) = tokio::io::duplex(MOST + 1);
        let mut ours = Watched::new(ours, Handshake::begin(MOST));
        theirs.write_all(&[7; MOST]).await.unwrap();
        ours.read_exact(&mut [0; MOST]).await.unwrap();
        theirs.write_all(&[7]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn what_comes_afterwards_has_any_length() {
        let (ours, mut theirs) = tokio::io::duplex(2 * MOST);
        let mut ours = Watched::new(ours, Handshake::begin(MOST));
        ours.watch.done();
        theirs.write_all(&[7; 2 * MOST]).await.unwrap();
        ours.read_exact(&mut [0; 2 * MOST]).await.unwrap();
    }
}
