//! What the nodes of a tree must be before anybody walks it.

use model_core::forest::{MAX_DEPTH, MAX_LEAF, MAX_NODES, MAX_TREES};

use super::{Column, Node, Tree, Trees};
use crate::error::{ImportError, broken, unsupported};

impl Trees {
    /// Checks that each tree is one: every child exists and has one parent, columns exist,
    /// leaves are numbers, and nothing is larger than a forest may be.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, columns: &[Column]) -> Result<(), ImportError> {
        if self.trees.is_empty() {
            return Err(broken("the model has no trees: nothing was trained"));
        }
        if self.trees.len() > MAX_TREES {
            let got = self.trees.len();
            return Err(unsupported(format!(
                "the model has {got} trees, at most {MAX_TREES} are supported"
            )));
        }
        let nodes: usize = self.trees.iter().map(|tree| tree.nodes.len()).sum();
        if nodes > MAX_NODES {
            return Err(unsupported(format!(
                "the model has {nodes} nodes, at most {MAX_NODES} are supported"
            )));
        }
        let mut trees = self.trees.iter().enumerate();
        trees.try_for_each(|(index, tree)| tree.check(index, columns.len()))
    }
}

impl Tree {
    fn check(&self, index: usize, columns: usize) -> Result<(), ImportError> {
        let at =
            |node: usize, problem: &str| broken(format!("tree {index}, node {node}: {problem}"));
        let mut visited = vec![false; self.nodes.len()];
        let mut pending = vec![(0usize, 0usize)];
        while let Some((place, depth)) = pending.pop() {
            let (Some(node), Some(visited)) = (self.nodes.get(place), visited.get_mut(place))
            else {
                return Err(at(place, "there is no such node, and a split leads to it"));
            };
            if std::mem::replace(visited, true) {
                return Err(at(place, "two splits lead to it: the nodes are not a tree"));
            }
            match node {
                Node::Leaf { value, .. } if value.abs() <= MAX_LEAF => {}
                Node::Leaf { value, .. } => {
                    let problem = format!("the leaf's value is {value}, expected a number");
                    return Err(at(place, &problem));
                }
                Node::Split { column, .. } if *column >= columns => {
                    let problem = format!("it asks column {column} of {columns}");
                    return Err(at(place, &problem));
                }
                Node::Split { .. } if depth >= MAX_DEPTH => {
                    return Err(unsupported(format!(
                        "tree {index} is more than {MAX_DEPTH} levels deep"
                    )));
                }
                Node::Split { left, right, .. } => {
                    pending.extend([(*right, depth + 1), (*left, depth + 1)]);
                }
            }
        }
        Ok(())
    }
}
