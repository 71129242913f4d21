//! A stream, and somebody who looks at what passes through it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Looks at what passes.
pub(super) trait Watch: Unpin {
    /// Whether it is this stream's turn to be read; where it is not, the reader has been woken to ask
    /// again.
    fn may_read(&mut self, _context: &mut Context<'_>) -> bool {
        true
    }

    /// Nothing is there to be read. An error ends the connection.
    fn pause(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// How many bytes may be read at once, at least one.
    fn at_most(&self) -> usize {
        usize::MAX
    }

    /// These bytes were read, at least one. An error ends the connection.
    fn read(&mut self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    /// This became of a write of `wanted` bytes; what it returns is what the writer is told.
    fn written(
        &mut self,
        _context: &mut Context<'_>,
        _wanted: usize,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        write
    }

    /// All that was to be written has been.
    fn flushed(&mut self) {}
}

/// A stream that is watched.
pub(super) struct Watched<S, W> {
    stream: S,
    watch: W,
}

impl<S, W> Watched<S, W> {
    pub(super) fn new(stream: S, watch: W) -> Self {
        Self { stream, watch }
    }
}

impl<S: AsyncRead + Unpin, W: Watch> AsyncRead for Watched<S, W> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.watch.may_read(context) {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let at_most = this.watch.at_most();
        let read = match buffer.remaining() > at_most {
            false => Pin::new(&mut this.stream).poll_read(context, buffer),
            true => {
                let mut part = ReadBuf::new(buffer.initialize_unfilled_to(at_most));
                let read = Pin::new(&mut this.stream).poll_read(context, &mut part);
                let bytes = part.filled().len();
                buffer.advance(bytes);
                read
            }
        };
        let watched = match &buffer.filled()[before..] {
            [] if read.is_pending() => this.watch.pause(),
            [] => Ok(()),
            bytes => this.watch.read(bytes),
        };
        match watched {
            Ok(()) => read,
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: AsyncWrite + Unpin, W: Watch> AsyncWrite for Watched<S, W> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch.written(context, bytes.len(), write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        let write = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch.written(context, wanted, write)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flush = Pin::new(&mut this.stream).poll_flush(context);
        if let Poll::Ready(Ok(())) = flush {
            this.watch.flushed();
        }
        flush
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
