//! The leaf: what the tree commits to, for ever and without personal data.

use crate::digest::Digest;
use crate::record::{Kind, Outcome};
use crate::tree::{Hash, leaf_hash};

/// Bytes of a leaf.
pub(crate) const LEN: usize = 144;
const VERSION: u8 = 1;
const HAS_LINK: u8 = 1;

/// A leaf. Its bytes, integers with the highest byte first:
///
/// ```text
/// version 1, kind 1, outcome 1, flags 1, minute 4, link 8,
/// model 32, policy 32, commitment 32, sealed 32
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leaf {
    pub(crate) kind: Kind,
    pub(crate) outcome: Outcome,
    /// Minutes since 1970 UTC; never less than that of the leaf before.
    pub(crate) minute: u32,
    pub(crate) link: Option<u64>,
    pub(crate) model: Digest,
    pub(crate) policy: Digest,
    /// SHA-256 over a domain, a salt and the body: says nothing once the salt is destroyed.
    pub(crate) commitment: Digest,
    /// SHA-256 of the sealed body.
    pub(crate) sealed: Digest,
}

impl Leaf {
    pub(crate) fn to_bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        let flags = if self.link.is_some() { HAS_LINK } else { 0 };
        let numbers = [VERSION, self.kind.number(), self.outcome.number(), flags];
        bytes[..4].copy_from_slice(&numbers);
        bytes[4..8].copy_from_slice(&self.minute.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.link.unwrap_or(0).to_be_bytes());
        let digests = [self.model, self.policy, self.commitment, self.sealed];
        for (into, digest) in bytes[16..].chunks_exact_mut(32).zip(digests) {
            into.copy_from_slice(&digest.0);
        }
        bytes
    }

    /// Reads a leaf; `None` when it is none that [`Leaf::to_bytes`] writes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; LEN] = bytes.try_into().ok()?;
        let digest = |at: usize| bytes[at..at + 32].try_into().ok().map(Digest);
        let link = u64::from_be_bytes(bytes[8..16].try_into().ok()?);
        let leaf = Self {
            kind: Kind::from_number(bytes[1])?,
            outcome: Outcome::from_number(bytes[2])?,
            minute: u32::from_be_bytes(bytes[4..8].try_into().ok()?),
            link: (bytes[3] & HAS_LINK != 0).then_some(link),
            model: digest(16)?,
            policy: digest(48)?,
            commitment: digest(80)?,
            sealed: digest(112)?,
        };
        (leaf.to_bytes() == *bytes).then_some(leaf)
    }

    pub(crate) fn hash(self) -> Hash {
        leaf_hash(&self.to_bytes())
    }
}
