//! A connection whose client must take what is written: one that stops reading, or trickles,
//! would hold its answer in memory for as long as it likes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::time::Sleep;

use super::pace::{LeastPace, Pace};
use super::watched::Watch;

/// Makes writing fail once the reader is too slow.
pub(super) struct SlowReader {
    least: LeastPace,
    /// There while the client does not take all that is there for it.
    behind: Option<Behind>,
}

struct Behind {
    pace: Pace,
    timer: Pin<Box<Sleep>>,
}

impl SlowReader {
    pub(super) fn new(least: LeastPace) -> Self {
        Self {
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
}

impl Watch for SlowReader {
    fn written(
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::super::watched::Watched;
    use super::*;

    const LEAST: LeastPace = LeastPace {
        pause: Duration::from_millis(200),
        rate: 100_000,
    };

    #[tokio::test]
    async fn a_client_that_stops_reading_is_left() {
        let (ours, _theirs) = tokio::io::duplex(64);
        let mut ours = Watched::new(ours, SlowReader::new(LEAST));
        let error = ours.write_all(&[7; 1000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_pauses_gets_all() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let mut ours = Watched::new(ours, SlowReader::new(LEAST));
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
        let mut ours = Watched::new(ours, SlowReader::new(LEAST));
        tokio::spawn(async move {
            while theirs.read_u8().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        let error = ours.write_all(&[7; 100_000]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
