//! What a client may send before its TLS handshake is done. rustls joins the pieces of a message
//! of up to 64 KiB; a handshake, with the certificates of a client, takes a few.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes of a handshake.
const MOST: usize = 16 << 10;

/// A stream of which no more than a handshake can be read before it is `done`.
pub(super) struct Handshake<S> {
    stream: S,
    /// How much more may come; `None` once it is done.
    left: Option<usize>,
}

impl<S> Handshake<S> {
    pub(super) fn begin(stream: S) -> Self {
        Self {
            stream,
            left: Some(MOST),
        }
    }

    pub(super) fn done(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Handshake<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Some(left) = &mut this.left {
            match left.checked_sub(buffer.filled().len() - before) {
                Some(less) => *left = less,
                None => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Handshake<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn more_than_a_handshake_ends_it() {
        let (ours, mut theirs) = tokio::io::duplex(MOST + 1);
        let mut ours = Handshake::begin(ours);
        theirs.write_all(&[7; MOST]).await.unwrap();
        ours.read_exact(&mut [0; MOST]).await.unwrap();
        theirs.write_all(&[7]).await.unwrap();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn what_comes_afterwards_has_any_length() {
        let (ours, mut theirs) = tokio::io::duplex(2 * MOST);
        let mut ours = Handshake::begin(ours);
        ours.done();
        theirs.write_all(&[7; 2 * MOST]).await.unwrap();
        ours.read_exact(&mut [0; 2 * MOST]).await.unwrap();
    }
}
