//! From a library's trees to our forest.

use std::collections::HashMap;

use model_core::forest::Node as Stored;
use model_core::forest::{Aggregation, Bins, CategorySet, Forest, Link, MAX_CUTS, Tree};
use model_core::model::{Ensemble, Linear, Model};
use model_core::schema::{Feature, Schema};

use crate::bind::Bound;
use crate::error::{ImportError, short, unsupported};
use crate::sides::{Question, question};
use crate::source::{Column, Node, Tree as Theirs, Trees};

/// Which leaf value becomes which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The model's class 1 is the schema's positive outcome.
    Positive,
    /// It is the negative one: log odds change their sign, shares are taken from 1.
    Negative,
}

/// What a forest is built from.
pub(crate) struct Parts<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) columns: &'a [Column],
    pub(crate) bound: &'a [Bound],
    pub(crate) outcome: Outcome,
}

/// Builds the forest; each row reaches in each tree the leaf that it reaches in the library.
///
/// # Errors
/// Names the column of a split that one cut or one set of categories cannot say, or an input that
/// may be missing where the library would have refused it.
pub(crate) fn build(trees: &Trees, parts: &Parts<'_>) -> Result<Model, ImportError> {
    let inputs: Vec<&Feature> = parts.schema.inputs().collect();
    if !trees.takes_missing {
        let mut bound = parts.bound.iter();
        bound.try_for_each(|bound| bound.refuse_missing(inputs[bound.input]))?;
    }
    let asked = ask(trees, parts, &inputs)?;
    let cuts = cuts(&asked, inputs.len());
    let count: usize = cuts.iter().map(Vec::len).sum();
    if count > MAX_CUTS {
        return Err(unsupported(format!(
            "the model has {count} different cuts, at most {MAX_CUTS} are supported"
        )));
    }
    let sign = match parts.outcome {
        Outcome::Positive => 1.0,
        Outcome::Negative => -1.0,
    };
    let mut writer = Writer {
        cuts: &cuts,
        sets: Vec::new(),
        numbers: HashMap::new(),
        sign,
    };
    let written = trees.trees.iter().zip(&asked);
    let written: Vec<Tree> = written
        .map(|(tree, asked)| writer.write(tree, asked))
        .collect();
    let bins = |(feature, cuts): (&&Feature, &Vec<f64>)| match feature.categories() {
        Some(categories) => {
            Bins::Categories(u32::try_from(categories.values.len()).unwrap_or(u32::MAX))
        }
        None => Bins::Cuts(cuts.clone()),
    };
    let base = sign * trees.base;
    let forest = Forest {
        features: inputs.iter().zip(&cuts).map(bins).collect(),
        category_sets: writer.sets,
        trees: written,
        // The library's own order of additions.
        aggregation: match (trees.single, trees.mean) {
            (true, _) => Aggregation::SingleSum,
            (false, true) => Aggregation::Mean,
            (false, false) => Aggregation::Sum,
        },
        base: match (trees.logistic, parts.outcome) {
            (true, _) | (false, Outcome::Positive) => base,
            (false, Outcome::Negative) => 1.0 + base,
        },
        link: if trees.logistic {
            Link::Sigmoid
        } else {
            Link::Identity
        },
    };
    Ok(weighted(forest, trees.weight))
}

/// Log odds that are multiplied before the link are those of an ensemble whose other part is
/// nothing: one rounded product, as the libraries have it.
fn weighted(forest: Forest, weight: f64) -> Model {
    if weight == 1.0 {
        return Model::Forest(forest);
    }
    Model::Ensemble(Box::new(Ensemble {
        forest,
        forest_weight: weight,
        linear: Linear {
            terms: Vec::new(),
            intercept: 0.0,
            link: Link::Logistic,
            indicators: Vec::new(),
        },
        linear_weight: 0.0,
    }))
}

/// A question and the number of its input.
struct Asked {
    input: usize,
    question: Question,
}

/// For each node of each tree what it asks; of leaves nothing.
type AllAsked = Vec<Vec<Option<Asked>>>;

fn ask(trees: &Trees, parts: &Parts<'_>, inputs: &[&Feature]) -> Result<AllAsked, ImportError> {
    let of_node = |tree: usize, place: usize, node: &Node| {
        let Node::Split { column, test, .. } = node else {
            return Ok(None);
        };
        let bound = &parts.bound[*column];
        let feature = inputs[bound.input];
        match question(feature, bound, test) {
            Ok(question) => Ok(Some(Asked {
                input: bound.input,
                question,
            })),
            Err(problem) => Err(unsupported(format!(
                "feature '{}' (column '{}', tree {tree}, node {place}): {problem}",
                feature.name,
                short(&parts.columns[*column].name)
            ))),
        }
    };
    let trees = trees.trees.iter().enumerate();
    trees
        .map(|(index, tree)| {
            let nodes = tree.nodes.iter().enumerate();
            let asked = nodes.map(|(place, node)| of_node(index, place, node));
            asked.collect()
        })
        .collect()
}

/// The cuts of each input, ascending.
fn cuts(asked: &AllAsked, inputs: usize) -> Vec<Vec<f64>> {
    let mut cuts = vec![Vec::new(); inputs];
    for Asked { input, question } in asked.iter().flatten().flatten() {
        if let Question::Cut { at, .. } = question {
            // 0 and -0 are one cut.
            cuts[*input].push(at + 0.0);
        }
    }
    for cuts in &mut cuts {
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
    }
    cuts
}

struct Writer<'a> {
    cuts: &'a [Vec<f64>],
    sets: Vec<CategorySet>,
    /// The number of a set, by its words.
    numbers: HashMap<Vec<u64>, u32>,
    /// 1, or -1 where leaves change their sign.
    sign: f64,
}

impl Writer<'_> {
    /// In preorder. A split with one answer is left out.
    fn write(&mut self, tree: &Theirs, asked: &[Option<Asked>]) -> Tree {
        let mut nodes = Vec::with_capacity(tree.nodes.len());
        let mut pending = vec![0usize];
        while let Some(place) = pending.pop() {
            match (&tree.nodes[place], &asked[place]) {
                (Node::Leaf { value, count, .. }, _) => nodes.push(Stored::Leaf {
                    value: self.sign * value,
                    count: *count,
                }),
                (
                    Node::Split {
                        left, right, count, ..
                    },
                    Some(asked),
                ) => {
                    if let Question::Settled { left: is_left } = asked.question {
                        pending.push(if is_left { *left } else { *right });
                        continue;
                    }
                    let (split, missing_left, swapped) = self.split(asked);
                    let [first, second] = if swapped {
                        [right, left]
                    } else {
                        [left, right]
                    };
                    pending.extend([*second, *first]);
                    nodes.push(Stored::Split {
                        feature: asked.input as u16,
                        split,
                        missing_left,
                        count: *count,
                    });
                }
                // Every split was asked.
                (Node::Split { .. }, None) => {}
            }
        }
        Tree { nodes }
    }

    /// The number of the cut or set, whether a missing value goes to its left, and whether its
    /// left is the library's right.
    fn split(&mut self, asked: &Asked) -> (u32, bool, bool) {
        match &asked.question {
            Question::Cut {
                at,
                swapped,
                missing_below,
            } => {
                let cuts = &self.cuts[asked.input];
                let number = cuts.partition_point(|cut| cut < at);
                (number as u32, *missing_below, *swapped)
            }
            Question::Set { left, missing_left } => (self.set(left), *missing_left, false),
            Question::Settled { .. } => (0, false, false),
        }
    }

    fn set(&mut self, left: &[bool]) -> u32 {
        let members = left.iter().zip(0u32..).filter(|(is_left, _)| **is_left);
        let categories = left.len().saturating_sub(1) as u32;
        let set = CategorySet::new(categories, members.map(|(_, code)| code));
        let next = self.sets.len() as u32;
        let number = *self.numbers.entry(set.words.clone()).or_insert(next);
        if number == next {
            self.sets.push(set);
        }
        number
    }
}
