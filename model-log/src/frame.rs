//! Frames: how records lie in the segment files.
//!
//! ```text
//! magic "UWR1" 4, length 4, crc32 4, index 8, synced 8, leaf 144, nonce 12, sealed body
//! ```
//!
//! Integers have the highest byte first. The length counts what follows the head of 28 bytes;
//! the CRC covers everything but magic and itself. `synced` is how many records were on the disk
//! for certain when the frame was written.

use std::io;

use crate::disk::DiskFile;
use crate::leaf::{self, Leaf};

pub(crate) const MAGIC: &[u8; 4] = b"UWR1";
pub(crate) const HEAD: usize = 28;
pub(crate) const NONCE: usize = 12;
/// The most bytes of a sealed body.
pub(crate) const MAX_SEALED: usize = 32 << 20;
pub(crate) const FIXED: usize = leaf::LEN + NONCE;
const CHUNK: usize = 1 << 20;

/// A frame, borrowed from a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    pub(crate) index: u64,
    pub(crate) synced: u64,
    pub(crate) leaf: Leaf,
    pub(crate) nonce: [u8; NONCE],
    pub(crate) sealed: &'a [u8],
}

impl Frame<'_> {
    pub(crate) fn len(&self) -> usize {
        HEAD + FIXED + self.sealed.len()
    }

    /// Adds the frame's bytes to `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let length = (FIXED + self.sealed.len()) as u32;
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.synced.to_be_bytes());
        out.extend_from_slice(&self.leaf.to_bytes());
        out.extend_from_slice(&self.nonce);
        out.extend_from_slice(self.sealed);
        let crc = checksum(&out[start..]);
        out[start + 8..start + 12].copy_from_slice(&crc.to_be_bytes());
    }
}

fn checksum(frame: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&frame[4..8]);
    hasher.update(&frame[12..]);
    hasher.finalize()
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// What is at the start of some bytes.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    Frame(Frame<'a>),
    /// So many bytes are needed.
    Short(usize),
    Bad(&'static str),
}

/// Reads the frame at the start of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    if bytes.len() < HEAD {
        return Parsed::Short(HEAD);
    }
    if !bytes.starts_with(MAGIC) {
        return Parsed::Bad("no record begins here");
    }
    let Some(length) = number(bytes, 4).map(u32::from_be_bytes) else {
        return Parsed::Short(HEAD);
    };
    let length = length as usize;
    if !(FIXED..=FIXED + MAX_SEALED).contains(&length) {
        return Parsed::Bad("the length of the record is impossible");
    }
    let Some(frame) = bytes.get(..HEAD + length) else {
        return Parsed::Short(HEAD + length);
    };
    whole(frame).map_or(
        Parsed::Bad("the checksum of the record does not fit its bytes"),
        Parsed::Frame,
    )
}

/// What a head at the start of `bytes` claims, without a look at the checksum: the bytes of the
/// frame, and `synced`.
pub(crate) fn claim(bytes: &[u8]) -> Option<(usize, u64)> {
    let head = bytes.get(..HEAD)?;
    match parse(head) {
        Parsed::Short(len) => Some((len, u64::from_be_bytes(number(head, 20)?))),
        Parsed::Frame(_) | Parsed::Bad(_) => None,
    }
}

fn whole(frame: &[u8]) -> Option<Frame<'_>> {
    if number(frame, 8).map(u32::from_be_bytes) != Some(checksum(frame)) {
        return None;
    }
    fields(frame)
}

fn fields(frame: &[u8]) -> Option<Frame<'_>> {
    let nonce = HEAD + leaf::LEN;
    Some(Frame {
        index: u64::from_be_bytes(number(frame, 12)?),
        synced: u64::from_be_bytes(number(frame, 20)?),
        leaf: Leaf::from_bytes(&frame[HEAD..nonce])?,
        nonce: number(frame, nonce)?,
        sealed: &frame[nonce + NONCE..],
    })
}

/// What was found at a place of a segment.
#[derive(Debug)]
pub(crate) enum Next<'a> {
    /// A frame, and where it begins.
    Frame(u64, Frame<'a>),
    /// The end of the file.
    End,
    /// No frame.
    Bad(Bad),
}

/// A place where no frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) offset: u64,
    pub(crate) problem: &'static str,
}

/// Reads a segment from its start, piece by piece.
#[derive(Debug)]
pub(crate) struct Frames {
    file: Box<dyn DiskFile>,
    /// Not beyond this, whatever the file has.
    end: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    start: u64,
    /// Where the next frame begins in the buffer.
    at: usize,
}

impl Frames {
    pub(crate) fn new(file: Box<dyn DiskFile>) -> io::Result<Self> {
        let end = file.len()?;
        Ok(Self::between(file, 0, end))
    }

    /// The frames from an offset on, where one begins, to `end`.
    pub(crate) fn between(file: Box<dyn DiskFile>, from: u64, end: u64) -> Self {
        Self {
            file,
            end,
            buffer: Vec::new(),
            start: from,
            at: 0,
        }
    }

    /// Where the next frame begins.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.at as u64
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn next(&mut self) -> io::Result<Next<'_>> {
        let offset = self.offset();
        loop {
            let (at, have) = (self.at, self.buffer.len() - self.at);
            match parse(&self.buffer[at..]) {
                Parsed::Frame(frame) => {
                    self.at += frame.len();
                    break;
                }
                Parsed::Bad(problem) => return Ok(Next::Bad(Bad { offset, problem })),
                Parsed::Short(_) if offset + have as u64 >= self.end => {
                    let problem = "the file ends within a record";
                    let bad = Next::Bad(Bad { offset, problem });
                    return Ok(if have == 0 { Next::End } else { bad });
                }
                Parsed::Short(needed) => self.fill(needed)?,
            }
        }
        // Taken apart again, because a frame returned from the loop would borrow the buffer.
        let at = (offset - self.start) as usize;
        match fields(&self.buffer[at..self.at]) {
            Some(frame) => Ok(Next::Frame(offset, frame)),
            None => Ok(Next::End),
        }
    }

    /// Reads on, so that at least `needed` bytes from the next frame on are there, or the end.
    fn fill(&mut self, needed: usize) -> io::Result<()> {
        self.buffer.drain(..self.at);
        self.start += self.at as u64;
        self.at = 0;
        let have = self.buffer.len();
        let from = self.start + have as u64;
        let left = usize::try_from(self.end.saturating_sub(from)).unwrap_or(usize::MAX);
        let more = needed.saturating_sub(have).max(CHUNK).min(left);
        self.buffer.resize(have + more, 0);
        let read = self.file.read_at(from, &mut self.buffer[have..])?;
        self.buffer.truncate(have + read);
        if read < more {
            self.end = from + read as u64;
        }
        Ok(())
    }
}
