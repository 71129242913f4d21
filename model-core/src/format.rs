//! The format of an artifact, and its size.

/// The format this program writes, and the newest it reads.
pub const FORMAT: u32 = 3;
/// The largest payload, in bytes.
pub const MAX_PAYLOAD: usize = 64 << 20;
/// Bytes before the payload.
pub(crate) const HEADER_LEN: usize = 52;
