//! What everything stored in an artifact shares: its limits, and one copy of the code that
//! reads a number or a text.

use bincode::de::{Decode, Decoder};
use bincode::error::DecodeError;

/// The format this program writes, and the newest it reads.
pub const FORMAT: u32 = 3;
/// The largest payload, in bytes.
pub const MAX_PAYLOAD: usize = 64 << 20;
/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 52;

/// Reads a number of up to 32 bits. Never inlined: the module has a budget, and each kind of
/// thing would otherwise carry a reader of its own.
#[inline(never)]
pub(crate) fn number<D: Decoder>(decoder: &mut D) -> Result<u32, DecodeError> {
    Decode::decode(decoder)
}

/// Reads a text.
#[inline(never)]
pub(crate) fn text<D: Decoder>(decoder: &mut D) -> Result<String, DecodeError> {
    Decode::decode(decoder)
}

/// Reads a text that may not be there.
#[inline(never)]
pub(crate) fn optional_text<D: Decoder>(decoder: &mut D) -> Result<Option<String>, DecodeError> {
    Decode::decode(decoder)
}
