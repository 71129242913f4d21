//! The trees of a scikit-learn model.

use super::file::{CompareName, LinkName, SumName, TreePart, TreesPart};
use crate::error::{ImportError, broken};
use crate::source::{Compare, Cut, Missing, Node, Set, Test, Tree, Trees};

pub(super) fn read(part: &TreesPart) -> Result<Trees, ImportError> {
    let compare = match part.compare {
        CompareName::F32 => Compare::SingleAtMost,
        CompareName::F64 => Compare::AtMost,
    };
    let trees = part.trees.iter().enumerate().map(|(index, part)| {
        tree(part, compare).map_err(|problem| broken(format!("tree {index}: {problem}")))
    });
    Ok(Trees {
        trees: trees.collect::<Result<_, _>>()?,
        mean: part.sum == SumName::Mean,
        single: false,
        base: part.base,
        weight: 1.0,
        logistic: part.link == LinkName::Logistic,
        takes_missing: part.trees.iter().all(|tree| tree.missing_left.is_some()),
    })
}

fn tree(part: &TreePart, compare: Compare) -> Result<Tree, String> {
    let nodes = part.feature.len();
    for (key, length) in [
        ("cut", part.cut.len()),
        ("left", part.left.len()),
        ("right", part.right.len()),
        (
            "missing_left",
            part.missing_left.as_ref().map_or(nodes, Vec::len),
        ),
        ("value", part.value.len()),
    ] {
        if length != nodes {
            return Err(format!("{key} has {length} entries for {nodes} nodes"));
        }
    }
    let nodes = (0..nodes).map(|node| read_node(part, node, compare));
    Ok(Tree {
        nodes: nodes.collect::<Result<_, _>>()?,
    })
}

fn read_node(part: &TreePart, node: usize, compare: Compare) -> Result<Node, String> {
    let count = part.count.get(node).copied().unwrap_or_default();
    let count = count.clamp(0.0, f64::from(u32::MAX)) as u32;
    let Ok(column) = usize::try_from(part.feature[node]) else {
        return Ok(Node::Leaf {
            value: part.value[node],
            id: u32::try_from(node).unwrap_or(u32::MAX),
            count,
        });
    };
    let child = |number: i64| {
        let place = usize::try_from(number);
        place.map_err(|_| format!("node {node} has a child {number} that does not exist"))
    };
    let missing_left = part.missing_left.as_ref().is_some_and(|left| left[node]);
    let test = match part.sets.get(node) {
        Some(Some(codes)) => {
            let mut codes = codes.clone();
            codes.sort_unstable();
            Test::Set(Set {
                codes,
                members_left: true,
                missing_left,
            })
        }
        _ => Test::Cut(Cut {
            at: part.cut[node],
            compare,
            missing: Missing::Goes {
                left: missing_left,
                band: None,
            },
        }),
    };
    Ok(Node::Split {
        column,
        test,
        left: child(part.left[node])?,
        right: child(part.right[node])?,
        count,
    })
}
