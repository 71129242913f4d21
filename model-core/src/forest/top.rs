//! The top of a tree: its most visited splits, and the exits where the branches between them
//! end.

use super::Node;

/// The most visited splits of a tree, and where the branches between them end.
#[derive(Debug)]
pub(super) struct Top {
    /// Each split's index in the tree, and the exits to its left, one bit each.
    pub(super) splits: Vec<(usize, u64)>,
    /// Index in the tree of the leaf or split at each exit, from left to right.
    pub(super) exits: Vec<usize>,
}

impl Top {
    /// At most `most` splits, at most 63, of a whole tree in preorder, of which `right`
    /// are the [`right_children`].
    pub(super) fn new(tree: &[Node], right: &[usize], most: usize) -> Self {
        let is_split = |&at: &usize| matches!(tree.get(at), Some(Node::Split { .. }));
        let (splits, exits) = if tree.len() / 2 <= most {
            (0..tree.len()).partition(is_split)
        } else {
            most_visited(tree, right, most)
        };
        let before = |node: usize| exits.partition_point(|&exit| exit < node);
        // In preorder a left subtree lies between its split and the right child, so its exits
        // are a run of bits: from the first at or after `at + 1` to the last before `right`.
        let left = |at: usize| below(before(right[at])) & !below(before(at + 1));
        Self {
            splits: splits.into_iter().map(|at| (at, left(at))).collect(),
            exits,
        }
    }
}

/// The index of each split's right child; 0 for a leaf.
pub(crate) fn right_children(tree: &[Node]) -> Vec<usize> {
    let mut right = vec![0; tree.len()];
    let mut open = Vec::new();
    for (at, node) in tree.iter().enumerate() {
        if let Node::Split { .. } = node {
            open.push(at);
        } else if let Some(split) = open.pop() {
            right[split] = at + 1;
        }
    }
    right
}

fn most_visited(tree: &[Node], right: &[usize], most: usize) -> (Vec<usize>, Vec<usize>) {
    let mut splits = Vec::new();
    let mut exits = vec![0];
    // Without counts every one is equal: the order of opening then goes level by level.
    let mut opened = vec![0];
    while splits.len() < most {
        let next = exits
            .iter()
            .enumerate()
            .filter_map(|(index, &at)| match tree[at] {
                Node::Split { count, .. } => Some((count, std::cmp::Reverse(opened[index]), index)),
                Node::Leaf { .. } => None,
            })
            .max();
        let Some((_, _, index)) = next else { break };
        let at = exits[index];
        splits.push(at);
        exits[index] = at + 1;
        exits.insert(index + 1, right[at]);
        opened[index] = splits.len();
        opened.insert(index + 1, splits.len());
    }
    (splits, exits)
}

/// The lowest `count` bits, at most 64.
fn below(count: usize) -> u64 {
    // A shift by 64 is not defined.
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}
