//! Bytes that grow, and that the system gets back at once when nobody needs them: an allocator
//! keeps what it has for each thread, and a few long bodies would leave it with all of their
//! memory for ever.

use std::io;

use axum::body::Bytes;
use memmap2::MmapMut;
use tokio::runtime::Handle;

use super::memory::{Claim, Full, Memory};
use crate::threads;

/// Longer than this they have pages of their own, in bytes.
const OWN_PAGES: usize = 64 << 10;

/// To copy or to give back so many bytes takes long enough that a thread with connections
/// leaves it to another: a millisecond or more for some megabytes.
const LONG: usize = 256 << 10;

/// A body, in the memory that it has claimed.
pub(crate) struct Buffer {
    short: Vec<u8>,
    pages: Option<MmapMut>,
    length: usize,
    most: usize,
    claim: Claim,
}

impl Buffer {
    /// Empty; it may have `most` bytes.
    pub(crate) fn new(most: usize, memory: &Memory) -> Self {
        Self {
            short: Vec::new(),
            pages: None,
            length: 0,
            most,
            claim: memory.claim(),
        }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds bytes; what they need is claimed first. To make room it copies what is there.
    ///
    /// # Errors
    /// When there is no memory for them; the buffer is as before.
    pub(crate) fn extend(&mut self, data: &[u8]) -> Result<(), Full> {
        self.make_room(data.len())?;
        match &mut self.pages {
            Some(pages) => pages[self.length..self.length + data.len()].copy_from_slice(data),
            None => self.short.extend_from_slice(data),
        }
        self.length += data.len();
        Ok(())
    }

    /// As [`Buffer::extend`], on a thread that serves connections: a long copy is another's.
    pub(crate) async fn extend_beside(mut self, data: &[u8]) -> Result<Self, Full> {
        let more = data.len();
        if self.length > LONG && self.length + more > self.capacity() {
            let memory = self.claim.memory();
            let copied = tokio::task::spawn_blocking(move || {
                let _turn = memory.turn_to_grow();
                match self.make_room(more) {
                    Ok(()) => Ok(self),
                    // Before the turn ends: so the next one has its room.
                    Err(full) => {
                        self.clear();
                        Err(full)
                    }
                }
            });
            self = copied.await.unwrap_or(Err(Full))?;
        }
        self.extend(data)?;
        Ok(self)
    }

    /// The bytes; their memory is claimed for as long as anybody holds them.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }

    /// Gives back all that it has: first the pages, then what is claimed for them.
    fn clear(&mut self) {
        self.short = Vec::new();
        self.pages = None;
        self.length = 0;
        self.claim.take();
    }

    fn capacity(&self) -> usize {
        self.pages.as_ref().map_or(OWN_PAGES, |pages| pages.len())
    }

    /// Claims and makes room for `more` bytes.
    fn make_room(&mut self, more: usize) -> Result<(), Full> {
        let end = self.length + more;
        if end <= OWN_PAGES && self.pages.is_none() {
            return grow(&mut self.short, more, OWN_PAGES, &mut self.claim);
        }
        let capacity = self.pages.as_ref().map_or(0, |pages| pages.len());
        if end > capacity {
            // By halves, not by doubling: what is claimed is nearly what is there.
            let larger = end.max((capacity / 2 * 3).min(self.most));
            self.claim.cover(larger)?;
            // A system that is short of memory refuses this one body.
            let mut pages = MmapMut::map_anon(larger).map_err(|_| Full)?;
            pages[..self.length].copy_from_slice(self.as_ref());
            self.pages = Some(pages);
            self.short = Vec::new();
        }
        Ok(())
    }
}

/// Makes room for `more` bytes: by halves, not by doubling, and what is there is claimed.
pub(crate) fn grow(
    bytes: &mut Vec<u8>,
    more: usize,
    most: usize,
    claim: &mut Claim,
) -> Result<(), Full> {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let capacity = needed.max((bytes.capacity() / 2 * 3).min(most));
        claim.cover(capacity)?;
        bytes.reserve_exact(capacity - bytes.len());
    }
    Ok(())
}

/// What fails is the memory, whatever the error says.
impl io::Write for Buffer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let added = self.extend(data);
        added.map_err(|Full| io::ErrorKind::OutOfMemory)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        match &self.pages {
            Some(pages) => &pages[..self.length],
            None => &self.short,
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let Some(pages) = self.pages.take().filter(|pages| pages.len() > LONG) else {
            return;
        };
        // What is claimed is given back after the pages, not before them.
        let claim = self.claim.take();
        // A thread for long work does that itself. As it hands work over it holds a lock of all such
        // threads, and may be kept from running as soon as one wakes: for so long, at its low
        // priority, those with connections would wait for the lock.
        if threads::is_one() {
            drop(pages);
            drop(claim);
        } else if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || {
                drop(pages);
                drop(claim);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::super::caller::Caller;
    use super::super::memory::Budget;
    use super::*;
    use crate::threads::Threads;

    /// It was once handed over to another thread for long work, under a lock for which those with
    /// connections waited.
    #[tokio::test]
    async fn a_thread_for_long_work_gives_back_by_itself() {
        let threads = Threads::start("test", 1, 0).unwrap();
        let memory = Budget::new(5 << 20).of(&Caller::Unknown);
        let work = move || {
            let mut buffer = Buffer::new(2 << 20, &memory);
            let full = buffer.extend(&vec![7; 2 << 20]).is_ok() && !memory.holds_little();
            drop(buffer);
            full && memory.holds_little()
        };
        assert!(matches!(threads.run(work).await, Ok(true)));
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let memory = Budget::new(5 << 20).of(&Caller::Unknown);
        let mut buffer = Buffer::new(2 << 20, &memory);
        let all: Vec<u8> = (0..1_500_000_u32).map(|byte| byte as u8).collect();
        for (at, piece) in all.chunks(9_999).enumerate() {
            assert_eq!(buffer.len(), at * 9_999);
            assert_eq!(buffer.extend(piece), Ok(()));
        }
        assert_eq!(buffer.as_ref(), all);
        assert_eq!(buffer.extend(&vec![0; 5 << 20]), Err(Full));
        assert_eq!(buffer.as_ref(), all);
        drop(buffer);
        assert_eq!(memory.claim().cover(3 << 20), Ok(()));
    }

    #[tokio::test]
    async fn what_another_thread_copied_is_the_same() {
        let memory = Budget::new(5 << 20).of(&Caller::Unknown);
        let all: Vec<u8> = (0..1_500_000_u32).map(|byte| byte as u8).collect();
        let mut buffer = Buffer::new(2 << 20, &memory);
        for piece in all.chunks(9_999) {
            buffer = buffer
                .extend_beside(piece)
                .await
                .unwrap_or_else(|_| unreachable!());
        }
        let bytes = buffer.into_bytes();
        assert_eq!(bytes, all);
        drop(bytes);
        // The pages are given back by another thread, soon.
        let given_back = async {
            while memory.claim().cover(3 << 20).is_err() {
                tokio::task::yield_now().await;
            }
        };
        let patience = std::time::Duration::from_secs(10);
        assert!(tokio::time::timeout(patience, given_back).await.is_ok());
    }
}
