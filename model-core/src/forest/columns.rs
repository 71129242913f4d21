//! The columns that the walks compare: each question that a split below the exits asks, but for
//! its cut, becomes a column, so that every split is `column <= cut`.

use super::plan::goes_left;
use super::{Bins, Forest, Node};

/// Bits of a step's ways that name its column.
pub(super) const COLUMN_BITS: u32 = 9;
/// Most columns.
pub(super) const MOST_COLUMNS: usize = 1 << COLUMN_BITS;

/// What a feature's value becomes, so that every split is `column <= cut`.
#[derive(Debug)]
pub(super) enum Column {
    /// A number as it is: NaN is not at most any cut, so a missing value goes right.
    Number { feature: usize },
    /// A number that goes left when it is missing.
    MissingLeft { feature: usize },
    /// As many columns as there are sets to ask for, for each code: 0 goes left, 1 right.
    Category {
        feature: usize,
        categories: u32,
        sides: Vec<f64>,
        width: usize,
    },
}

/// The questions that splits below the exits ask, each of which becomes a column.
pub(super) struct Asked {
    /// Feature, set (0 for a number) and missing direction in one; ascending, distinct.
    pub(super) keys: Vec<u64>,
    /// The columns of each feature that is a number: missing values to the right, to the left.
    numbers: Vec<[u32; 2]>,
}

impl Asked {
    /// None when they are more than [`MOST_COLUMNS`].
    pub(super) fn new(forest: &Forest, below: &[Vec<bool>]) -> Option<Self> {
        const UNASKED: u32 = u32::MAX;
        let mut asked = Self {
            keys: Vec::new(),
            numbers: vec![[UNASKED; 2]; forest.features.len()],
        };
        for (tree, below) in forest.trees.iter().zip(below) {
            let nodes = tree.nodes.iter().zip(below).filter(|&(_, &below)| below);
            for (question, _) in nodes.filter_map(|(node, _)| Question::from_node(forest, node)) {
                if question.is_number {
                    let number =
                        &mut asked.numbers[question.feature][usize::from(question.missing_left)];
                    if *number != UNASKED {
                        continue;
                    }
                    *number = 0;
                }
                let key = question.key();
                let index = asked.index_of(key);
                if asked.keys.get(index) == Some(&key) {
                    continue;
                }
                if asked.keys.len() == MOST_COLUMNS {
                    return None;
                }
                asked.keys.insert(index, key);
            }
        }
        for feature in 0..asked.numbers.len() {
            for missing_left in [false, true] {
                let question = Question {
                    feature,
                    set: 0,
                    missing_left,
                    is_number: true,
                };
                asked.numbers[feature][usize::from(missing_left)] =
                    asked.index_of(question.key()) as u32;
            }
        }
        Some(asked)
    }

    fn index_of(&self, key: u64) -> usize {
        self.keys.partition_point(|&other| other < key)
    }

    /// The column of a question that is asked.
    pub(super) fn column(&self, question: Question) -> u32 {
        if question.is_number {
            self.numbers[question.feature][usize::from(question.missing_left)]
        } else {
            self.index_of(question.key()) as u32
        }
    }

    pub(super) fn columns(&self, forest: &Forest, budget: usize) -> Option<Vec<Column>> {
        let mut columns = Vec::new();
        let mut left = budget / size_of::<f64>();
        // The layout of a key is that of `Question::key`.
        for keys in self.keys.chunk_by(|a, b| a >> 33 == b >> 33) {
            let feature = (keys[0] >> 33) as usize;
            let Bins::Categories(categories) = forest.features[feature] else {
                columns.extend(keys.iter().map(|key| {
                    if key & 1 == 1 {
                        Column::MissingLeft { feature }
                    } else {
                        Column::Number { feature }
                    }
                }));
                continue;
            };
            let missing = categories + 1;
            left = left.checked_sub((missing as usize + 1) * keys.len())?;
            let mut sides = Vec::new();
            for code in 0..=missing {
                sides.extend(keys.iter().map(|key| {
                    let set = &forest.category_sets[(key >> 1) as u32 as usize];
                    let left = goes_left(set, code, missing, key & 1 == 1);
                    if left { 0.0 } else { 1.0 }
                }));
            }
            columns.push(Column::Category {
                feature,
                categories,
                sides,
                width: keys.len(),
            });
        }
        Some(columns)
    }
}

/// What a split asks, but for its cut.
#[derive(Clone, Copy)]
pub(super) struct Question {
    feature: usize,
    /// The index of the category set; 0 for a number.
    set: u32,
    missing_left: bool,
    is_number: bool,
}

impl Question {
    /// The question and the cut of a split; none of a leaf.
    #[inline(always)]
    pub(super) fn from_node(forest: &Forest, node: &Node) -> Option<(Self, f64)> {
        let Node::Split {
            feature,
            split,
            missing_left,
            ..
        } = *node
        else {
            return None;
        };
        let feature = usize::from(feature);
        let (set, cut, is_number) = match &forest.features[feature] {
            Bins::Cuts(cuts) => (0, cuts[split as usize], true),
            Bins::Categories(_) => (split, 0.0, false),
        };
        let question = Self {
            feature,
            set,
            missing_left,
            is_number,
        };
        Some((question, cut))
    }

    /// Bits 33 and up: the feature; 1 to 32: the set; 0: whether missing goes left. The feature
    /// stands highest so that sorted keys keep a feature's questions together.
    fn key(self) -> u64 {
        (self.feature as u64) << 33 | u64::from(self.set) << 1 | u64::from(self.missing_left)
    }
}
