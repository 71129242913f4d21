//! A model as its library means it, before any schema: what every reader gives.

mod shape;
mod test;

pub use test::{Band, Compare, Cut, Missing, NEAR_ZERO, Set, Test};

use model_core::calibration::Calibration;
use model_core::model::ModelKind;

/// Where a model comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// `model.txt`.
    LightGbm,
    /// JSON or UBJSON.
    XgBoost,
    /// The JSON of `underwrite.export.sklearn`.
    Sklearn,
}

impl Library {
    /// The word used in commands.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::LightGbm => "lightgbm",
            Self::XgBoost => "xgboost",
            Self::Sklearn => "sklearn",
        }
    }

    /// As the library calls itself.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LightGbm => "LightGBM",
            Self::XgBoost => "XGBoost",
            Self::Sklearn => "scikit-learn",
        }
    }
}

/// A model as a file describes it. It says the probability of the class 1, or of the second
/// of [`Source::classes`].
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The library.
    pub library: Library,
    /// The version that the file names: of the library, or of the format where it says no more.
    pub version: String,
    /// How the model was made.
    pub kind: ModelKind,
    /// What the trees and weights see, in the model's own order.
    pub columns: Vec<Column>,
    /// Inputs of which the library refuses a missing value, whatever their columns say.
    pub never_missing: Vec<String>,
    /// Trees or weights.
    pub form: Form,
    /// What probabilities go through last.
    pub calibration: Calibration,
    /// The classes as texts, the one whose probability is given last; `None` where the file
    /// does not say them: 0 and 1.
    pub classes: Option<[String; 2]>,
    /// What was chosen where the file leaves a choice, as `name = value`.
    pub choices: Vec<(&'static str, String)>,
}

/// A column as the model sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The name in the file; of scikit-learn that of the column that it is made from.
    pub name: String,
    /// How it is made from an input.
    pub content: Content,
    /// What is done to the number then, in order.
    pub steps: Vec<Step>,
    /// What stands for a missing number before the steps; `None` where it stays missing.
    pub missing: Option<f64>,
    /// The text that stands for a missing one.
    pub fill: Option<String>,
}

/// How a column is made from an input.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A number. The schema may say that it is an indicator or a code of a category.
    Number,
    /// The library's own category: a code, with the text of each code where the file has them.
    /// An unknown text is no code.
    Category {
        /// By code.
        names: Option<Vec<String>>,
    },
    /// A number for each of these texts, and one for all others; `None` where they are an
    /// error. NaN is missing.
    Texts {
        /// The texts with their numbers.
        of: Vec<(String, f64)>,
        /// The number of the others.
        other: Option<f64>,
        /// The number of a missing value; `None` where it was never missing.
        missing: Option<f64>,
    },
    /// 1 where the input is missing, else 0.
    IsMissing,
}

/// An operation on a number, rounded once. None ever falls as the number rises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step {
    /// `x - c`
    Subtract(f64),
    /// `x + c`
    Add(f64),
    /// `x * c` with `c` above 0
    Multiply(f64),
    /// `x / c` with `c` above 0
    Divide(f64),
}

impl Step {
    /// The result for a number; NaN stays NaN.
    #[must_use]
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Subtract(c) => x - c,
            Self::Add(c) => x + c,
            Self::Multiply(c) => x * c,
            Self::Divide(c) => x / c,
        }
    }
}

impl Column {
    /// A number that is not changed.
    #[must_use]
    pub fn number(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            content: Content::Number,
            steps: Vec::new(),
            missing: None,
            fill: None,
        }
    }
}

/// What the columns go into.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// `link(weight · aggregate + base)`
    Trees(Trees),
    /// `link(intercept + Σ weight · column)`
    Linear(Weights),
}

/// Trees and how their leaves become a probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Trees {
    /// In the order in which they are added.
    pub trees: Vec<Tree>,
    /// Whether their sum is divided by their number.
    pub mean: bool,
    /// Whether every sum is rounded to single precision, from the base on.
    pub single: bool,
    /// Added to that.
    pub base: f64,
    /// What the sum with the base counts before the link, 0 to 100.
    pub weight: f64,
    /// Whether the sum is log odds; else it is the probability itself.
    pub logistic: bool,
    /// Whether the model decides where a value is missing; else it refuses the row, and where its
    /// nodes send one has no meaning.
    pub takes_missing: bool,
}

/// A weighted sum of all columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// One for each column.
    pub weights: Vec<f64>,
    /// What is added.
    pub intercept: f64,
    /// Whether the sum is log odds; else it is the probability itself.
    pub logistic: bool,
}

/// A tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    /// In any order; some may not be used.
    pub nodes: Vec<Node>,
}

/// A node of a tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Node {
    /// Where a row ends.
    Leaf {
        /// What it adds.
        value: f64,
        /// The number that the library knows it by.
        id: u32,
        /// Training rows that reached it; 0 where the file does not say.
        count: u32,
    },
    /// Where a row goes left or right.
    Split {
        /// The column that is asked.
        column: usize,
        /// What goes left.
        test: Test,
        /// The node to the left.
        left: usize,
        /// The node to the right.
        right: usize,
        /// Training rows that reached it; 0 where the file does not say.
        count: u32,
    },
}
