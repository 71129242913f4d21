//! The id of a request, which is in its answer's headers, in a decision and in the log.

/// The header that carries it, both ways.
pub const HEADER: &str = "x-request-id";

/// The longest id that a client may choose, in characters.
pub const MAX_LENGTH: usize = 64;

/// Whether a client's id can be used: 1 to 64 characters of `A-Z a-z 0-9 . _ -`, which are
/// safe in a header, in JSON and in a log line. A host replaces any other with one of its own.
#[must_use]
pub fn is_valid(id: &[u8]) -> bool {
    let is_safe = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.iter().all(is_safe)
}
