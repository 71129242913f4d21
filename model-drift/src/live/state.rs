//! The stored form of a window: `UWDLIVE\0`, format (u32), SHA-256 of what follows; then
//! the digest of the reference (64 bytes of hexadecimal), the kind and length of a pane, and
//! of each pane the second in which it began and its counts, and the counts of the open block: rows,
//! the second of the first, and the number in each bin. Integers are little-endian.

use sha2::{Digest, Sha256};

use super::{Block, Length, Live, Pane};

const MAGIC: &[u8; 8] = b"UWDLIVE\0";
const FORMAT: u32 = 5;
const HEADER: usize = 44;

/// Why a stored window cannot be continued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The magic number or the format is another.
    #[error("not the state of a drift window of format {FORMAT}")]
    Form,
    /// The digest is another, or something is missing.
    #[error("the state of the drift window is truncated or was altered")]
    Damaged,
    /// The model's reference, or the window's length, is another now.
    #[error("the state belongs to another model or another window")]
    Other,
}

impl Live {
    /// The stored form. The rows of the block that is not whole yet are in it `with_open`: only
    /// where nothing is shown of this window any more, or the block could become another one's, too.
    #[must_use]
    pub fn encode(&self, with_open: bool) -> Vec<u8> {
        let mut body = self.digest.clone().into_bytes();
        let (kind, length) = kind(self.window.length);
        for number in [kind, length, self.panes.len() as u64, self.current as u64] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        body.push(u8::from(self.complete.is_some()));
        for pane in self.panes.iter().chain(&self.complete) {
            body.extend_from_slice(&pane.began.to_le_bytes());
            write(&pane.all, &mut body);
        }
        let none = self.shape.block();
        write(if with_open { &self.open } else { &none }, &mut body);
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&body));
        bytes.extend_from_slice(&body);
        bytes
    }

    /// Continues a stored window of the same reference and length; on an error nothing changes.
    ///
    /// # Errors
    /// When the bytes are damaged or belong to another model.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(StateError::Damaged)?;
        if header[..8] != MAGIC[..] || header[8..12] != FORMAT.to_le_bytes() {
            return Err(StateError::Form);
        }
        if header[12..] != Sha256::digest(body)[..] {
            return Err(StateError::Damaged);
        }
        let mut reader = Reader(body);
        if reader.take(64)? != self.digest.as_bytes() {
            return Err(StateError::Other);
        }
        let (kind, length) = kind(self.window.length);
        if [reader.number()?, reader.number()?, reader.number()?]
            != [kind, length, self.panes.len() as u64]
        {
            return Err(StateError::Other);
        }
        let current = usize::try_from(reader.number()?).map_err(|_| StateError::Damaged)?;
        let complete = reader.take(1)?[0] == 1;
        let cells = self.open.counts.len();
        let panes = (0..self.panes.len())
            .map(|_| reader.pane(cells))
            .collect::<Result<Vec<_>, _>>()?;
        let complete = complete.then(|| reader.pane(cells)).transpose()?;
        let open = reader.block(cells)?;
        if current >= panes.len() || !reader.0.is_empty() {
            return Err(StateError::Damaged);
        }
        (self.panes, self.current, self.complete) = (panes, current, complete);
        self.open = open;
        self.changes += 1;
        Ok(())
    }
}

fn kind(length: Length) -> (u64, u64) {
    match length {
        Length::Rows(rows) => (0, rows),
        Length::Seconds(seconds) => (1, seconds),
    }
}

fn write(block: &Block, out: &mut Vec<u8>) {
    out.extend_from_slice(&block.rows.to_le_bytes());
    out.extend_from_slice(&block.began.to_le_bytes());
    for count in &block.counts {
        out.extend_from_slice(&count.to_le_bytes());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(StateError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, StateError> {
        let bytes = self.take(8)?.try_into().map_err(|_| StateError::Damaged)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn pane(&mut self, cells: usize) -> Result<Pane, StateError> {
        let began = self.number()?;
        let all = self.block(cells)?;
        Ok(Pane { began, all })
    }

    fn block(&mut self, cells: usize) -> Result<Block, StateError> {
        let (rows, began) = (self.number()?, self.number()?);
        let counts = self.take(cells * 4)?.chunks_exact(4);
        let counts = counts.map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
        Ok(Block {
            rows,
            began,
            counts: counts.collect(),
        })
    }
}
