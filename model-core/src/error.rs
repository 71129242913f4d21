//! Why bytes are no artifact.

use crate::format::{FORMAT, HEADER_LEN, MAX_PAYLOAD};

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
    /// The artifact ends within the header.
    #[error("the artifact has {found} bytes, its header alone has {HEADER_LEN}: it is cut off")]
    Header {
        /// Bytes there are.
        found: u64,
    },
    /// The payload is shorter or longer than the header says.
    #[error(
        "the artifact has {found} bytes of payload, its header says {expected}: it is cut off or was added to"
    )]
    Length {
        /// Bytes, as the header says.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The payload is longer than [`MAX_PAYLOAD`].
    #[error(
        "the artifact's payload has {found} bytes, at most {MAX_PAYLOAD} are allowed: train a smaller model"
    )]
    TooLarge {
        /// Bytes of payload.
        found: u64,
    },
    /// The digest in the header is not the payload's.
    #[error("the SHA-256 of the artifact is not the one in its header: it was altered")]
    Digest,
    /// The payload cannot be read.
    #[error("the artifact's payload cannot be read: {0}")]
    Payload(String),
    /// Decisions depend on a part that this program does not know.
    #[error(
        "the artifact holds a part '{tag}' that decisions depend on and that this program does not know: use a newer underwrite"
    )]
    Part {
        /// Its tag.
        tag: String,
    },
    /// The payload contradicts itself.
    #[error("the artifact contradicts itself: {0}")]
    Content(String),
}
