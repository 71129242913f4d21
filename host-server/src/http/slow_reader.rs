//! A connection whose client must take what is written: one that stops reading, or trickles,
//! would hold its answer in memory for as long as it likes.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::pace::{LeastPace, Pace};

/// A stream on which writing fails once its reader is too slow.
pub(crate) struct SlowReader<S> {
    stream: S,
    least: LeastPace,
    /// There while the client does not take all that is there for it.
    behind: Option<Behind>,
}

struct Behind {
    pace: Pace,
    timer: Pin<Box<Sleep>>,
}

impl<S> SlowReader<S> {
    pub(crate) fn new(stream: S, least: LeastPace) -> Self {
        Self {
            stream,
            least,
            behind: None,
        }
    }

    fn behind(&mut self) -> &mut Behind {
        let least = self.least;
        self.behind.get_or_insert_with(|| {
            let pace = Pace::begin(least);
            Behind {
                timer: Box::pin(tokio::time::sleep_until(pace.deadline())),
                pace,
            }
        })
    }

    /// Looks at a write of `wanted` bytes.
    fn watch(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        write: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &write {
            Poll::Ready(Ok(written)) if *written >= wanted => self.behind = None,
            Poll::Ready(Ok(written)) => {
                let behind = self.behind();
                behind.pace.add(*written);
                let deadline = behind.pace.deadline();
                behind.timer.as_mut().reset(deadline);
            }
            Poll::Pending => {
                if self.behind().timer.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
                }
            }
            Poll::Ready(Err(_)) => {}
        }
        write
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SlowReader<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let write = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.watch(context, bytes.len(), write)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wanted = slices.iter().map(|slice| slice.len()).sum();
        let write = Pin::new(&mut this.stream).poll_write_vectored(context, slices);
        this.watch(context, wanted, write)
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

impl<S: AsyncRead + Unpin> AsyncRead for SlowReader<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const LEAST: LeastPace = LeastPace {
        pause: Duration::from_millis(200),
        rate: 100_000,
    };

    #[tokio::test]
    async fn a_client_that_stops_reading_is_left() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let mut ours = SlowReader::new(ours, LEAST);
        let error = ours.write_all(&[7; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_pauses_gets_all() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut ours = SlowReader::new(ours, LEAST);
        let reader = tokio::spawn(async move {
            let (mut all, mut piece) = (0, vec![0; 1 << 16]);
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                match theirs.read(&mut piece).await.unwrap() {
                    0 => return all,
                    read => all += read,
                }
            }
        });
        ours.write_all(&vec![7; 1 << 20]).await.unwrap();
        drop(ours);
        assert_eq!(reader.await.unwrap(), 1 << 20);
    }

    #[tokio::test]
    async fn a_client_that_trickles_is_left() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut ours = SlowReader::new(ours, LEAST);
        tokio::spawn(async move {
            while theirs.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let error = ours.write_all(&[7; 100_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
