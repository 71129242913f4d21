//! The lengths in pages of the encodings `DELTA_LENGTH_BYTE_ARRAY` and `DELTA_BYTE_ARRAY`, looked
//! over before the library believes them: it sets room aside for as many as a page claims, and
//! a text may begin with all of the one before.

use super::thrift::{Malformed, Reader};

/// The beginning of packed integers.
struct Header {
    /// Integers of a miniblock.
    per_miniblock: usize,
    miniblocks: usize,
    count: usize,
    first: i32,
}

impl Header {
    fn read(reader: &mut Reader<'_>, most: usize) -> Result<Self, Malformed> {
        let mut number = || usize::try_from(reader.unsigned()?).map_err(|_| Malformed);
        let (block, miniblocks, count) = (number()?, number()?, number()?);
        let first = reader.i32()?;
        let per_miniblock = block.checked_div(miniblocks).ok_or(Malformed)?;
        if count > most || !per_miniblock.is_multiple_of(32) {
            return Err(Malformed);
        }
        Ok(Self {
            per_miniblock,
            miniblocks,
            count,
            first,
        })
    }
}

/// Checks that a list of lengths has no more than `most`.
pub(super) fn check_lengths(data: &[u8], most: usize) -> Result<(), Malformed> {
    Header::read(&mut Reader::new(data), most).map(|_| ())
}

/// Checks two lists of lengths, of prefixes and of the rest; answers the longest prefix.
pub(super) fn longest_prefix(data: &[u8], most: usize) -> Result<usize, Malformed> {
    let mut reader = Reader::new(data);
    let header = Header::read(&mut reader, most)?;
    let mut length = header.first;
    let mut longest = length;
    let mut left = header.count.saturating_sub(1);
    while left > 0 {
        let step = reader.i32()?;
        for width in reader.take(header.miniblocks)? {
            let count = left.min(header.per_miniblock);
            left -= count;
            // Of miniblocks behind the last integer there are widths alone.
            if count == 0 {
                break;
            }
            let bits = header.per_miniblock.checked_mul(usize::from(*width));
            let packed = reader.take(bits.ok_or(Malformed)? / 8)?;
            // The same length, again and again.
            if *width == 0 && step == 0 {
                continue;
            }
            let mut packed = Packed::new(packed, *width)?;
            for _ in 0..count {
                length = length.wrapping_add(step).wrapping_add(packed.next());
                longest = longest.max(length);
            }
        }
    }
    Header::read(&mut reader, most)?;
    // A negative length is refused by the library.
    Ok(usize::try_from(longest).unwrap_or(0))
}

/// Integers of so many bits each, the lowest first.
struct Packed<'b> {
    bytes: std::slice::Iter<'b, u8>,
    width: u8,
    buffer: u64,
    buffered: u8,
}

impl<'b> Packed<'b> {
    fn new(bytes: &'b [u8], width: u8) -> Result<Self, Malformed> {
        if width > 32 {
            return Err(Malformed);
        }
        Ok(Self {
            bytes: bytes.iter(),
            width,
            buffer: 0,
            buffered: 0,
        })
    }

    /// The next; 0 behind the last.
    fn next(&mut self) -> i32 {
        while self.buffered < self.width {
            let byte = self.bytes.next().copied().unwrap_or(0);
            self.buffer |= u64::from(byte) << self.buffered;
            self.buffered += 8;
        }
        let value = self.buffer & ((1 << self.width) - 1);
        self.buffer >>= self.width;
        self.buffered -= self.width;
        // The same bits, read with a sign.
        value as u32 as i32
    }
}
