//! Plain records: whole in a buffer and without a quote. They are most records of most files, and
//! what `csv-core` would do byte by byte is done for 64 of them at a time.

use std::ops::Range;

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// Where the first record of `input` is, if it is plain; `ends` becomes where its fields end,
/// counted from its front. What is before it are line endings, and one is behind it.
pub(super) fn plain_record(input: &[u8], ends: &mut Vec<usize>) -> Option<Range<usize>> {
    ends.clear();
    let start = input.iter().position(|byte| !is_line_end(*byte))?;
    let record = &input[start..];
    for (index, block) in record.chunks(BLOCK).enumerate() {
        let mut marks = match block.try_into() {
            Ok(block) => marks(block),
            Err(_) => marks(&padded(block)),
        };
        while marks != 0 {
            let at = BLOCK * index + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            match record[at] {
                b',' => ends.push(at),
                b'"' => return None,
                _ => {
                    ends.push(at);
                    return Some(start..start + at);
                }
            }
        }
    }
    None
}

pub(super) fn is_line_end(byte: u8) -> bool {
    byte == b'\n' || byte == b'\r'
}

fn padded(short: &[u8]) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    block[..short.len()].copy_from_slice(short);
    block
}

/// A bit for each comma, quote and line ending.
fn marks(block: &[u8; BLOCK]) -> u64 {
    let mut is_mark = [0u8; BLOCK];
    for (is_mark, byte) in is_mark.iter_mut().zip(block) {
        *is_mark = u8::from(*byte == b',')
            | u8::from(*byte == b'"')
            | u8::from(*byte == b'\n')
            | u8::from(*byte == b'\r');
    }
    let (eights, _) = is_mark.as_chunks::<8>();
    let eights = eights.iter().enumerate();
    eights.fold(0, |marks, (index, eight)| {
        // Takes the lowest bit of byte `i` to bit `56 + i`; no two summands meet.
        let gathered = u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080);
        marks | (gathered >> 56) << (8 * index)
    })
}
