//! The framing of format 3: a payload is a list of sections, a section a list of fields, and
//! both are parts of the same form: a tag of four letters, the length in eight bytes, the
//! bytes. A tag that begins with a capital letter says that decisions depend on the part.
//! What this program does not know it skips, unless decisions depend on it.

use sha2::{Digest, Sha256};

use crate::digest::sha256;
use crate::error::ArtifactError;

/// Four ASCII letters.
pub(super) type Tag = [u8; 4];

/// Parts that one list may have: far more than any version writes.
const MAX_PARTS: usize = 64;

/// What lies in an artifact under one tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) tag: Tag,
    pub(super) bytes: &'a [u8],
}

/// The parts of a list that nobody has taken yet.
#[derive(Debug)]
pub(super) struct Parts<'a>(Vec<Part<'a>>);

impl<'a> Parts<'a> {
    /// Splits a list.
    ///
    /// # Errors
    /// When a part is truncated or stands twice.
    pub(super) fn read(mut bytes: &'a [u8]) -> Result<Self, ArtifactError> {
        let mut parts: Vec<Part<'a>> = Vec::new();
        while !bytes.is_empty() {
            let (part, rest) = next(bytes).ok_or_else(|| problem("a part of it is truncated"))?;
            if parts.iter().any(|known| known.tag == part.tag) {
                return Err(problem(&format!("part '{}' stands twice", name(part.tag))));
            }
            if parts.len() == MAX_PARTS {
                return Err(problem("a list in it has too many parts"));
            }
            parts.push(part);
            bytes = rest;
        }
        Ok(Self(parts))
    }

    /// Every part that is left, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Part<'a>> {
        self.0.iter()
    }

    /// Takes a part out.
    pub(super) fn take(&mut self, tag: Tag) -> Option<&'a [u8]> {
        let index = self.0.iter().position(|part| part.tag == tag)?;
        Some(self.0.remove(index).bytes)
    }

    /// Takes a part out that has to be there.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn require(&mut self, tag: Tag) -> Result<&'a [u8], ArtifactError> {
        self.take(tag)
            .ok_or_else(|| problem(&format!("part '{}' is missing", name(tag))))
    }

    /// Skips what is left.
    ///
    /// # Errors
    /// When decisions depend on it.
    pub(super) fn finish(self) -> Result<(), ArtifactError> {
        let needed = |part: &&Part<'_>| part.tag[0].is_ascii_uppercase();
        match self.0.iter().find(needed) {
            Some(part) => Err(ArtifactError::Part {
                tag: name(part.tag),
            }),
            None => Ok(()),
        }
    }
}

/// Appends a part.
pub(super) fn write(out: &mut Vec<u8>, tag: Tag, bytes: &[u8]) {
    out.extend_from_slice(&tag);
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// The digest of a list: of each part's tag, length and digest in order, so that every byte is
/// hashed once and the digest of a section comes with it.
pub(super) fn digest(parts: &Parts<'_>, mut each: impl FnMut(Tag, [u8; 32])) -> [u8; 32] {
    let mut list = Sha256::new();
    for part in parts.iter() {
        let digest = sha256(part.bytes);
        list.update(part.tag);
        list.update((part.bytes.len() as u64).to_le_bytes());
        list.update(digest);
        each(part.tag, digest);
    }
    list.finalize().into()
}

fn next(bytes: &[u8]) -> Option<(Part<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first_chunk::<4>()?;
    let (&length, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    Some((Part { tag, bytes }, rest))
}

/// A tag as text. What is no printable ASCII is written as its number, such as `\x00`.
fn name(tag: Tag) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    let mut text = String::new();
    for byte in tag {
        if byte.is_ascii_graphic() || byte == b' ' {
            text.push(char::from(byte));
        } else {
            text.push_str("\\x");
            text.push(digit(byte >> 4));
            text.push(digit(byte & 15));
        }
    }
    text
}

fn problem(message: &str) -> ArtifactError {
    ArtifactError::Payload(message.to_owned())
}
