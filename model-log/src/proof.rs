//! Proofs that stand for themselves: C2SP tlog-proof.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::Digest;
use crate::leaf::Leaf;
use crate::note::{Checkpoint, Verifier};
use crate::tree::{Hash, leaf_hash, root_of_proof};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A proof that a leaf is in the tree of a checkpoint.
pub(crate) struct Proof<'a> {
    pub(crate) index: u64,
    pub(crate) leaf: Leaf,
    pub(crate) hashes: Vec<Hash>,
    pub(crate) checkpoint: &'a str,
}

impl Proof<'_> {
    pub(crate) fn to_text(&self) -> String {
        let leaf = STANDARD.encode(self.leaf.to_bytes());
        let hashes = self.hashes.iter().map(|hash| STANDARD.encode(hash) + "\n");
        let hashes: String = hashes.collect();
        format!(
            "{FIRST_LINE}\nextra {leaf}\nindex {}\n{hashes}\n{}",
            self.index, self.checkpoint
        )
    }
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the proof does not hold: {0}")]
pub struct ProofError(String);

/// Checks a `.tlog-proof` of this program without the log. Answers the index, the hash of the
/// leaf and the checkpoint.
///
/// # Errors
/// When it is malformed, not signed by the key, or the leaf is not in the tree.
pub fn check_proof(
    proof: &str,
    verifier: &Verifier,
) -> Result<(u64, Digest, Checkpoint), ProofError> {
    let fail = |problem: &str| ProofError(problem.to_owned());
    let (head, note) = proof
        .split_once("\n\n")
        .ok_or_else(|| fail("no blank line before the checkpoint"))?;
    let mut lines = head.split('\n');
    if lines.next() != Some(FIRST_LINE) {
        return Err(ProofError(format!("expected the first line {FIRST_LINE}")));
    }
    let mut named = |name: &str| lines.next().and_then(|line| line.strip_prefix(name));
    let leaf = named("extra ").and_then(|text| STANDARD.decode(text).ok());
    let leaf = leaf.ok_or_else(|| fail("expected the leaf in the line `extra`"))?;
    let index = named("index ").and_then(|text| text.parse().ok());
    let index = index.ok_or_else(|| fail("expected the line `index`"))?;
    let mut hashes: Vec<Hash> = Vec::new();
    for line in lines {
        let hash = STANDARD
            .decode(line)
            .ok()
            .and_then(|hash| hash.try_into().ok());
        hashes.push(hash.ok_or_else(|| fail("a line is not a hash in base64"))?);
    }
    let checkpoint = verifier
        .open(note)
        .map_err(|error| ProofError(error.to_string()))?;
    let leaf = leaf_hash(&leaf);
    match root_of_proof(index, checkpoint.size, leaf, &hashes) {
        Some(root) if root == checkpoint.root.0 => Ok((index, Digest(leaf), checkpoint)),
        Some(_) => Err(fail("the hashes do not lead to the root of the checkpoint")),
        None => Err(fail("the number of hashes does not fit index and size")),
    }
}
