//! The reference: a walk to every leaf that mixtures of an application and a profile reach.

use super::codes::goes_left;
use super::shares::Shares;
use crate::forest::{Forest, Node};

/// What a walk over the trees of a forest needs and adds to.
pub(super) struct Walk<'a> {
    pub(super) forest: &'a Forest,
    pub(super) shares: &'a Shares,
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

/// Neither, so far: both went the same way.
pub(super) const FREE: u8 = 0;
/// The application's.
const OF_ROW: u8 = 1;
/// The profile's.
const OF_PROFILE: u8 = 2;

/// Where a walk is.
#[derive(Clone, Copy)]
struct Place {
    node: usize,
    /// Inputs in which only the application comes here.
    from_row: usize,
    /// Inputs in which only the profile does.
    from_profile: usize,
}

impl Walk<'_> {
    /// Adds a tree's part. `right` has the index of each split's right child.
    pub(super) fn tree(&mut self, nodes: &[Node], right: &[usize]) {
        let root = Place {
            node: 0,
            from_row: 0,
            from_profile: 0,
        };
        self.visit(nodes, right, root);
    }

    /// What the leaves below give to an input of either side on the way here.
    fn visit(&mut self, nodes: &[Node], right: &[usize], place: Place) -> [f64; 2] {
        let node = &nodes[place.node];
        let Place {
            from_row,
            from_profile,
            ..
        } = place;
        let feature = match *node {
            Node::Leaf { value, .. } => {
                return [
                    value * self.shares.share(from_row, from_profile),
                    value * self.shares.share(from_profile, from_row),
                ];
            }
            Node::Split { feature, .. } => usize::from(feature),
        };
        let row_left = goes_left(self.forest, node, self.row[feature]);
        let profile_left = goes_left(self.forest, node, self.profile[feature]);
        let child = |left: bool| Place {
            node: if left {
                place.node + 1
            } else {
                right[place.node]
            },
            ..place
        };
        match self.needs[feature] {
            OF_ROW => self.visit(nodes, right, child(row_left)),
            OF_PROFILE => self.visit(nodes, right, child(profile_left)),
            _ if row_left == profile_left => self.visit(nodes, right, child(row_left)),
            _ => {
                self.needs[feature] = OF_ROW;
                let mut to = child(row_left);
                to.from_row += 1;
                let [row_a, profile_a] = self.visit(nodes, right, to);
                self.needs[feature] = OF_PROFILE;
                let mut to = child(profile_left);
                to.from_profile += 1;
                let [row_b, profile_b] = self.visit(nodes, right, to);
                self.needs[feature] = FREE;
                // With the application's value its leaves are reached, without it the others.
                self.contributions[feature] += self.weight * (row_a - profile_b);
                [row_a + row_b, profile_a + profile_b]
            }
        }
    }
}
