//! The reference: a walk to every leaf that mixtures of an application and a profile reach.

use super::codes::goes_left;
use super::shares::Shares;
use crate::forest::{Forest, Node};

/// What a walk over a tree needs and adds to.
pub(super) struct Walk<'a> {
    pub(super) forest: &'a Forest,
    pub(super) shares: &'a Shares,
    pub(super) nodes: &'a [Node],
    /// The index of each split's right child.
    pub(super) right: &'a [u32],
    /// The codes of the application.
    pub(super) row: &'a [u32],
    /// The codes of the profile.
    pub(super) profile: &'a [u32],
    /// Of each feature, whose value the way down needs: [`FREE`] before a walk and after it.
    pub(super) needs: &'a mut [u8],
    /// What a leaf counts.
    pub(super) weight: f64,
    /// What each input has contributed so far.
    pub(super) contributions: &'a mut [f64],
}

/// Neither's, so far: both went the same way.
pub(super) const FREE: u8 = 0;
const OF_ROW: u8 = 1;
const OF_PROFILE: u8 = 2;

impl Walk<'_> {
    /// What the leaves from a node on give to an input of the application's side and to one of
    /// the profile's, where so many inputs of either side are needed on the way.
    pub(super) fn visit(&mut self, mut at: usize, of_row: usize, of_profile: usize) -> [f64; 2] {
        loop {
            let node = &self.nodes[at];
            let feature = match *node {
                Node::Leaf { value, .. } => {
                    let shares = self.shares.pair(of_row, of_profile);
                    return shares.map(|share| value * share);
                }
                Node::Split { feature, .. } => usize::from(feature),
            };
            let needs = self.needs[feature];
            let (row, profile) = (self.row[feature], self.profile[feature]);
            let code = if needs == OF_PROFILE { profile } else { row };
            let left = goes_left(self.forest, node, code);
            // Two in one bin go the same way.
            if needs == FREE && row != profile && goes_left(self.forest, node, profile) != left {
                let children = [at + 1, self.right[at] as usize];
                let [row, profile] = [left, !left].map(|l| children[usize::from(!l)]);
                self.needs[feature] = OF_ROW;
                let with_row = self.visit(row, of_row + 1, of_profile);
                self.needs[feature] = OF_PROFILE;
                let with_profile = self.visit(profile, of_row, of_profile + 1);
                self.needs[feature] = FREE;
                // With the application's value its leaves are reached, without it the others.
                self.contributions[feature] += self.weight * (with_row[0] - with_profile[1]);
                return [with_row[0] + with_profile[0], with_row[1] + with_profile[1]];
            }
            at = if left {
                at + 1
            } else {
                self.right[at] as usize
            };
        }
    }
}
