//! Why bytes are no artifact.

use crate::wire::{FORMAT, HEADER_LEN, MAX_PAYLOAD};

/// Why bytes are no artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The magic number is not there.
    #[error("not an underwrite artifact: expected it to begin with UWMODEL")]
    Magic,
    /// A format that this program does not know.
    #[error(
        "the artifact is of format {found}, this program reads formats 1 to {FORMAT}: use a newer underwrite"
    )]
    Format {
        /// The format in the file.
        found: u32,
    },
    /// It ends within the header.
    #[error("the artifact has {found} bytes, its header alone has {HEADER_LEN}: it is cut off")]
    Header {
        /// Bytes there are.
        found: u64,
    },
    /// Too short, or too long.
    #[error(
        "the artifact has {found} bytes of payload, its header says {expected}: it is cut off or was added to"
    )]
    Length {
        /// Bytes, as the header says.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Above [`MAX_PAYLOAD`].
    #[error(
        "the artifact's payload has {found} bytes, at most {MAX_PAYLOAD} are allowed: train a smaller model"
    )]
    TooLarge {
        /// Bytes of payload.
        found: u64,
    },
    /// The digest is another.
    #[error("the SHA-256 of the artifact is not the one in its header: it was altered")]
    Digest,
    /// The payload cannot be read.
    #[error("the artifact's payload cannot be read: {0}")]
    Payload(String),
    /// The payload says something impossible.
    #[error("the artifact contradicts itself: {0}")]
    Content(String),
}
