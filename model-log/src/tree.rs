//! The Merkle tree of RFC 6962, section 2.1.

use ring::digest::{Context, SHA256};

use crate::digest::Digest;

/// Hash of a leaf or a node.
pub(crate) type Hash = [u8; 32];

/// `SHA-256(0x00 | entry)`.
pub(crate) fn leaf_hash(entry: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(entry);
    Digest::from_ring(context.finish()).0
}

/// `SHA-256(0x01 | left | right)`.
pub(crate) fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [1; 65];
    bytes[1..33].copy_from_slice(left);
    bytes[33..].copy_from_slice(right);
    Digest::from_content(&bytes).0
}

/// The root of the empty tree: `SHA-256("")`.
pub(crate) fn empty_root() -> Hash {
    Digest::from_content(b"").0
}

/// The perfect subtrees that make up a tree, largest first: enough to go on and to tell the root.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frontier {
    /// Height and hash.
    subtrees: Vec<(u32, Hash)>,
}

impl Frontier {
    /// Adds a perfect subtree of `2^height` leaves; those before it must fill its left exactly.
    pub(crate) fn push(&mut self, mut height: u32, mut hash: Hash) {
        while let Some((top, left)) = self.subtrees.last()
            && *top == height
        {
            hash = node_hash(left, &hash);
            height += 1;
            self.subtrees.pop();
        }
        self.subtrees.push((height, hash));
    }

    /// Adds the subtrees of another tree, which stands to the right of this one.
    pub(crate) fn append(&mut self, other: &Self) {
        for (height, hash) in &other.subtrees {
            self.push(*height, *hash);
        }
    }

    /// The root of the tree.
    pub(crate) fn root(&self) -> Hash {
        let mut hashes = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        let Some(last) = hashes.next() else {
            return empty_root();
        };
        hashes.fold(last, |right, left| node_hash(&left, &right))
    }
}

/// The root over these hashes, which are nodes of one height.
pub(crate) fn root(hashes: impl IntoIterator<Item = Hash>) -> Hash {
    let mut frontier = Frontier::default();
    hashes.into_iter().for_each(|hash| frontier.push(0, hash));
    frontier.root()
}

/// The largest power of two that is less than `n`, as its exponent; `n` is at least 2.
fn split(n: u64) -> u32 {
    (n - 1).ilog2()
}

/// The hash over the leaves `from..to`. `node` gives the node of a height at a position of
/// that height.
pub(crate) fn range_root<E>(
    from: u64,
    to: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Hash, E> {
    let n = to - from;
    if n.is_power_of_two() && from.is_multiple_of(n) {
        return node(n.ilog2(), from / n);
    }
    if n == 0 {
        return Ok(empty_root());
    }
    let middle = from + (1 << split(n));
    let left = range_root(from, middle, node)?;
    let right = range_root(middle, to, node)?;
    Ok(node_hash(&left, &right))
}

/// The inclusion proof of RFC 6962, section 2.1.1, lowest hash first; `index` is below `size`.
pub(crate) fn inclusion_proof<E>(
    index: u64,
    size: u64,
    node: &mut impl FnMut(u32, u64) -> Result<Hash, E>,
) -> Result<Vec<Hash>, E> {
    let (mut from, mut to) = (0, size);
    let mut proof = Vec::new();
    while to - from > 1 {
        let middle = from + (1 << split(to - from));
        if index < middle {
            proof.push(range_root(middle, to, node)?);
            to = middle;
        } else {
            proof.push(range_root(from, middle, node)?);
            from = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The root that a leaf and its proof give; `None` when the proof has the wrong length or the
/// index is outside the tree.
pub(crate) fn root_of_proof(index: u64, size: u64, leaf: Hash, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut from, mut to) = (0, size);
    let mut left = Vec::new();
    while to - from > 1 {
        let middle = from + (1 << split(to - from));
        left.push(index >= middle);
        if index < middle {
            to = middle;
        } else {
            from = middle;
        }
    }
    if left.len() != proof.len() {
        return None;
    }
    let steps = left.iter().rev().zip(proof);
    Some(steps.fold(leaf, |hash, (is_right, other)| {
        if *is_right {
            node_hash(other, &hash)
        } else {
            node_hash(&hash, other)
        }
    }))
}
