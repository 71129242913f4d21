//! The models that decide, as flat structures of our own: the library that fitted one is not
//! needed to predict.

mod ensemble;
mod linear;
mod parts;
mod stored;

pub use ensemble::Ensemble;
pub(crate) use stored::LinearPart;

pub use linear::{Condition, Indicator, Linear, Term, TermValue};
pub use parts::Parts;

use bincode::Encode;

use crate::calibration::Calibration;
use crate::error::ArtifactError;
use crate::forest::{CompiledForest, Forest, Scratch, TABLE_BUDGET};
use crate::link::Link;
use crate::schema::{FeatureKind, Schema};

/// A model as the artifact stores it. Its inputs are numbered in schema order.
#[derive(Debug, Clone, PartialEq)]
pub enum Model {
    /// A weighted sum.
    Linear(Linear),
    /// One tree or many.
    Forest(Forest),
    /// Boosted trees and a weighted sum, whose log odds are added.
    Ensemble(Box<Ensemble>),
}

/// How a model was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode)]
pub enum ModelKind {
    /// Linear, fitted by least squares on 0 and 1.
    Ridge,
    /// Linear, fitted by maximum likelihood.
    LogisticRegression,
    /// One tree.
    DecisionTree,
    /// The mean of many trees.
    RandomForest,
    /// The sum of many trees.
    GradientBoosting,
    /// The weighted log odds of boosted trees and of a linear model, added.
    BoostingAndLinear,
}

impl ModelKind {
    /// The word used in commands and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ridge => "ridge",
            Self::LogisticRegression => "logistic_regression",
            Self::DecisionTree => "decision_tree",
            Self::RandomForest => "random_forest",
            Self::GradientBoosting => "gradient_boosting",
            Self::BoostingAndLinear => "boosting_and_linear",
        }
    }
}

impl Model {
    /// Encodes the model as an artifact stores it; it is most of an artifact.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ArtifactError> {
        let whole = (self, self.linear_part(), self.indicators());
        bincode::encode_to_vec(whole, bincode::config::standard())
            .map_err(|error| ArtifactError::Payload(error.to_string()))
    }

    /// What makes its margin a probability.
    #[must_use]
    pub fn link(&self) -> Link {
        match self {
            Self::Linear(linear) => linear.link,
            Self::Forest(forest) => forest.link,
            Self::Ensemble(ensemble) => ensemble.forest.link,
        }
    }

    /// How its trees compute, where that is not as usual: bit 0 for [`Link::Sigmoid`], bit 1
    /// for [`Aggregation::SingleSum`](crate::forest::Aggregation::SingleSum).
    pub(crate) fn arithmetic(&self) -> u32 {
        let forest = match self {
            Self::Linear(_) => return 0,
            Self::Forest(forest) => forest,
            Self::Ensemble(ensemble) => &ensemble.forest,
        };
        u32::from(forest.link == Link::Sigmoid) | u32::from(forest.aggregation.is_single()) << 1
    }

    /// Puts it back; `None` where the trees do not compute anything like that.
    pub(crate) fn set_arithmetic(&mut self, bits: u32) -> Option<()> {
        let forest = match self {
            Self::Linear(_) => return None,
            Self::Forest(forest) => forest,
            Self::Ensemble(ensemble) => &mut ensemble.forest,
        };
        if bits & 1 == 1 {
            forest.link = forest.link.is_logistic().then_some(Link::Sigmoid)?;
        }
        if bits & 2 == 2 {
            forest.aggregation = forest.aggregation.single()?;
        }
        (bits <= 3).then_some(())
    }

    /// Checks that the model is sound and fits the schema's inputs.
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        match self {
            Self::Linear(linear) => linear.check(schema),
            Self::Forest(forest) => check_forest(forest, schema),
            Self::Ensemble(ensemble) => ensemble.check(schema),
        }
    }
}

/// Checks the forest, and that a category has as many bins as the schema lists categories, so
/// that every code has one.
fn check_forest(forest: &Forest, schema: &Schema) -> Result<(), String> {
    forest.validate().map_err(|error| error.to_string())?;
    let inputs = schema.inputs().count();
    if forest.features.len() != inputs {
        return Err(format!(
            "the forest has {} features, the schema {inputs} inputs",
            forest.features.len()
        ));
    }
    for (bins, feature) in forest.features.iter().zip(schema.inputs()) {
        let fits = match (bins, &feature.kind) {
            (crate::forest::Bins::Cuts(_), FeatureKind::Category(_)) => false,
            (crate::forest::Bins::Cuts(_), _) => true,
            (crate::forest::Bins::Categories(count), FeatureKind::Category(categories)) => {
                *count as usize == categories.values.len()
            }
            (crate::forest::Bins::Categories(_), _) => false,
        };
        if !fits {
            return Err(format!(
                "feature '{}': the forest's bins are not those of a {}",
                feature.name,
                feature.kind.word()
            ));
        }
    }
    Ok(())
}

/// A model made ready to predict.
#[derive(Debug)]
pub struct Predictor {
    engine: Engine,
    link: Link,
    calibration: Calibration,
    margin: f64,
}

#[derive(Debug)]
enum Engine {
    Linear(Linear),
    /// Tables.
    Forest(Box<CompiledForest>, Scratch),
    /// Tables that give log odds, and what is added to them.
    Ensemble {
        forest: Box<CompiledForest>,
        scratch: Scratch,
        linear: Linear,
        weights: [f64; 2],
    },
}

impl Predictor {
    /// Builds the tables. The model and the calibration were checked before.
    ///
    /// # Errors
    /// A sentence, when the forest cannot be built.
    pub fn new(model: &Model, calibration: &Calibration) -> Result<Self, String> {
        let compiled = |forest| Box::new(CompiledForest::from_valid(forest, TABLE_BUDGET));
        let engine = match model {
            Model::Linear(linear) => Engine::Linear(linear.clone()),
            Model::Forest(forest) => Engine::Forest(compiled(forest), Scratch::default()),
            Model::Ensemble(ensemble) => Engine::Ensemble {
                forest: Box::new(compiled(&ensemble.forest).without_link()),
                scratch: Scratch::default(),
                linear: ensemble.linear.clone(),
                weights: [ensemble.forest_weight, ensemble.linear_weight],
            },
        };
        Ok(Self {
            engine,
            link: model.link(),
            calibration: calibration.clone(),
            margin: f64::NAN,
        })
    }

    /// The probability of one row: a value for each input, in the model's terms.
    pub fn predict_row(&mut self, row: &[f64]) -> f64 {
        self.margin = self.margin_row(row);
        let score = self.link.apply(self.margin);
        self.calibration.apply(probability(score))
    }

    /// The margin of the row that [`Predictor::predict_row`] was asked about last; NaN before
    /// the first.
    #[must_use]
    pub fn last_margin(&self) -> f64 {
        self.margin
    }

    /// The margin of one row: log odds, or what is the probability itself where the link is the
    /// identity, before calibration.
    pub fn margin_row(&mut self, row: &[f64]) -> f64 {
        match &mut self.engine {
            Engine::Linear(linear) => linear.margin(row, 1, 0),
            Engine::Forest(forest, scratch) => forest.margin_row(row, scratch),
            Engine::Ensemble {
                forest,
                scratch,
                linear,
                weights,
            } => {
                let trees = forest.margin_row(row, scratch);
                Ensemble::margin(*weights, trees, linear.margin(row, 1, 0))
            }
        }
    }

    /// The probabilities of `out.len()` rows: input `i` of row `r` is
    /// `columns[i * stride + r]`. The same bits as [`Self::predict_row`].
    pub fn predict_block(&mut self, columns: &[f64], stride: usize, out: &mut [f64]) {
        match &mut self.engine {
            Engine::Linear(linear) => {
                for (row, out) in out.iter_mut().enumerate() {
                    *out = linear.predict(columns, stride, row);
                }
            }
            Engine::Forest(forest, scratch) => forest.predict_block(columns, stride, out, scratch),
            Engine::Ensemble {
                forest,
                scratch,
                linear,
                weights,
            } => {
                forest.predict_block(columns, stride, out, scratch);
                for (row, out) in out.iter_mut().enumerate() {
                    let linear = linear.margin(columns, stride, row);
                    *out = self.link.apply(Ensemble::margin(*weights, *out, linear));
                }
            }
        }
        for out in out {
            *out = self.calibration.apply(probability(*out));
        }
    }
}

/// Clamps a least-squares sum, which may lie outside the unit interval. Adding 0 turns -0
/// into 0.
fn probability(score: f64) -> f64 {
    score.clamp(0.0, 1.0) + 0.0
}
