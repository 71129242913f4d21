//! Bytes that grow, and that the system gets back at once when nobody needs them: an allocator
//! keeps what it has for each thread, and a few long bodies would leave it with all of their
//! memory for ever.

use memmap2::MmapMut;

use super::memory::{Claim, Full};

/// Longer than this they have pages of their own, in bytes.
const OWN_PAGES: usize = 64 << 10;

/// A body, in the memory that it has claimed.
pub(crate) struct Buffer {
    short: Vec<u8>,
    pages: Option<MmapMut>,
    length: usize,
    most: usize,
}

impl Buffer {
    /// Empty; it may have `most` bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            short: Vec::new(),
            pages: None,
            length: 0,
            most,
        }
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Adds bytes; what they need is claimed first.
    ///
    /// # Errors
    /// When there is no memory for them; the buffer is as before.
    pub(crate) fn extend(&mut self, data: &[u8], claim: &mut Claim) -> Result<(), Full> {
        let end = self.length + data.len();
        if end <= OWN_PAGES && self.pages.is_none() {
            claim.cover(end)?;
            self.short.extend_from_slice(data);
            self.length = end;
            return Ok(());
        }
        let capacity = self.pages.as_ref().map_or(0, |pages| pages.len());
        if end > capacity {
            // By halves, not by doubling: what is claimed is nearly what is there.
            let larger = end.max((capacity / 2 * 3).min(self.most));
            claim.cover(larger)?;
            // A system that is short of memory refuses this one body.
            let mut pages = MmapMut::map_anon(larger).map_err(|_| Full)?;
            pages[..self.length].copy_from_slice(self.as_ref());
            self.pages = Some(pages);
            self.short = Vec::new();
        }
        if let Some(pages) = &mut self.pages {
            pages[self.length..end].copy_from_slice(data);
        }
        self.length = end;
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

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        let memory = Memory::new(4 << 20);
        let mut claim = memory.claim();
        let mut buffer = Buffer::new(2 << 20);
        let all: Vec<u8> = (0..1_500_000_u32).map(|byte| byte as u8).collect();
        for (at, piece) in all.chunks(9_999).enumerate() {
            assert_eq!(buffer.len(), at * 9_999);
            assert_eq!(buffer.extend(piece, &mut claim), Ok(()));
        }
        assert_eq!(buffer.as_ref(), all);
        assert_eq!(buffer.extend(&vec![0; 4 << 20], &mut claim), Err(Full));
        assert_eq!(buffer.as_ref(), all);
    }
}
