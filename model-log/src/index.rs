//! The index: an entry of 48 bytes for each record, rebuilt from the records when it is absent.
//!
//! ```text
//! offset 8, length 4, minute 4, kind 1, outcome 1, flags 1, zero 5, link 8, request 8, application 8
//! ```
//!
//! Integers have the highest byte first. `request` and `application` are 8 bytes of a keyed hash
//! of the ids; an erasure sets them to zero.

use crate::record::{Kind, Outcome};

/// Bytes of an entry.
pub(crate) const LEN: usize = 48;
/// Where the flags are in an entry, and where the ids begin.
const FLAGS: usize = 18;
const IDS: usize = 32;
const HAS_LINK: u8 = 1;
const ERASED: u8 = 2;

/// What the index says about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Where the frame begins in its segment.
    pub(crate) offset: u64,
    /// Bytes of the frame.
    pub(crate) length: u32,
    pub(crate) minute: u32,
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    pub(crate) link: Option<u64>,
    pub(crate) erased: bool,
    /// Keyed hash of the request id; 0 for none.
    pub(crate) request: u64,
    /// Keyed hash of the application's id; 0 for none.
    pub(crate) application: u64,
}

impl Entry {
    /// What a record about an applicant is about: it is kept, held and erased with that.
    pub(crate) fn about(&self) -> Option<u64> {
        self.link.filter(|_| self.kind.is_personal())
    }

    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let link = if self.link.is_some() { HAS_LINK } else { 0 };
        let erased = if self.erased { ERASED } else { 0 };
        bytes[..8].copy_from_slice(&self.offset.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.length.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.minute.to_be_bytes());
        bytes[16] = self.kind.number();
        bytes[17] = self.outcome.number();
        bytes[FLAGS] = link | erased;
        bytes[24..32].copy_from_slice(&self.link.unwrap_or(0).to_be_bytes());
        bytes[32..40].copy_from_slice(&self.request.to_be_bytes());
        bytes[40..].copy_from_slice(&self.application.to_be_bytes());
        bytes
    }

    /// Reads an entry; `None` when it is none that [`Entry::to_bytes`] writes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let (numbers, _) = bytes.as_chunks();
        let numbers: &[[u8; 8]; LEN / 8] = numbers.try_into().ok()?;
        let [offset, sizes, head, link, request, application] = numbers.map(u64::from_be_bytes);
        let [kind, outcome, flags, unused @ ..] = head.to_be_bytes();
        let has_link = flags & HAS_LINK != 0;
        if flags & !(HAS_LINK | ERASED) != 0 || unused != [0; 5] || !has_link && link != 0 {
            return None;
        }
        Some(Self {
            offset,
            length: (sizes >> 32) as u32,
            minute: sizes as u32,
            kind: Kind::from_number(kind)?,
            outcome: Outcome::from_number(outcome)?,
            link: has_link.then_some(link),
            erased: flags & ERASED != 0,
            request,
            application,
        })
    }

    /// Where the next frame begins.
    pub(crate) fn end(self) -> u64 {
        self.offset.saturating_add(u64::from(self.length))
    }

    /// The entry after its record was erased.
    pub(crate) fn erase(self) -> Self {
        Self {
            erased: true,
            request: 0,
            application: 0,
            ..self
        }
    }
}

/// Whether an index that is to be `expected` may have `found` at a byte until an erasure is
/// ended: the ids of an erased record, or its flag.
pub(crate) fn is_before_erasure(expected: &[u8], at: usize, found: u8) -> bool {
    let field = at % LEN;
    let flags = expected.get(at - field + FLAGS).copied().unwrap_or(0);
    let erased = flags & ERASED != 0;
    erased && (field >= IDS || (field == FLAGS && found == flags ^ ERASED))
}
