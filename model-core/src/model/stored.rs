//! A model as an artifact stores it: its form, which every format has, and beside it what only
//! format 3 has fields for: the linear part of an ensemble, and the indicators.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::{Condition, Ensemble, Indicator, Linear, Model, ModelKind, Term, TermValue};
use crate::wire::{Reader, Stored, stored};

stored!(
    ModelKind: Ridge,
    LogisticRegression,
    DecisionTree,
    RandomForest,
    GradientBoosting,
    BoostingAndLinear
);
stored!(LinearPart {
    forest_weight,
    linear_weight,
    linear
});
stored!(Term {
    feature,
    value,
    mean,
    scale,
    weight
});
stored!(Indicator {
    feature,
    condition,
    weight
});

/// The linear part of an ensemble, without indicators.
#[derive(Debug)]
pub(crate) struct LinearPart {
    forest_weight: f64,
    linear_weight: f64,
    linear: Linear,
}

impl Model {
    /// What is stored beside the trees of an ensemble.
    pub(crate) fn linear_part(&self) -> Option<LinearPart> {
        let Self::Ensemble(ensemble) = self else {
            return None;
        };
        Some(LinearPart {
            forest_weight: ensemble.forest_weight,
            linear_weight: ensemble.linear_weight,
            linear: ensemble.linear.clone(),
        })
    }

    /// Puts it back; `None` where the model has no trees.
    pub(crate) fn with_linear_part(self, part: LinearPart) -> Option<Self> {
        let Self::Forest(forest) = self else {
            return None;
        };
        Some(Self::Ensemble(Box::new(Ensemble {
            forest,
            forest_weight: part.forest_weight,
            linear: part.linear,
            linear_weight: part.linear_weight,
        })))
    }

    /// What the linear model, or the linear part, adds where conditions hold.
    pub(crate) fn indicators(&self) -> &[Indicator] {
        match self {
            Self::Linear(linear) => &linear.indicators,
            Self::Ensemble(ensemble) => &ensemble.linear.indicators,
            Self::Forest(_) => &[],
        }
    }

    /// Puts them back; `None` where no part is linear.
    pub(crate) fn set_indicators(&mut self, indicators: Vec<Indicator>) -> Option<()> {
        match self {
            Self::Linear(linear) => linear.indicators = indicators,
            Self::Ensemble(ensemble) => ensemble.linear.indicators = indicators,
            Self::Forest(_) => return None,
        }
        Some(())
    }
}

/// The form: 0 and a weighted sum, or 1 and trees.
impl Encode for Model {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let forest = match self {
            Self::Linear(linear) => {
                0u32.encode(encoder)?;
                return linear.encode(encoder);
            }
            Self::Forest(forest) => forest,
            Self::Ensemble(ensemble) => &ensemble.forest,
        };
        1u32.encode(encoder)?;
        forest.encode(encoder)
    }
}

impl Stored for Model {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(2) {
            0 => Self::Linear(reader.read()),
            _ => Self::Forest(reader.read()),
        }
    }
}

/// Without the indicators, which have a field of their own.
impl Encode for Linear {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.terms.encode(encoder)?;
        self.intercept.encode(encoder)?;
        self.link.encode(encoder)
    }
}

impl Stored for Linear {
    #[inline(never)]
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            terms: reader.read(),
            intercept: reader.read(),
            link: reader.read(),
            indicators: Vec::new(),
        }
    }
}

impl Encode for LinearPart {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.forest_weight.encode(encoder)?;
        self.linear_weight.encode(encoder)?;
        self.linear.encode(encoder)
    }
}

impl Stored for TermValue {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(2) {
            0 => Self::Itself,
            _ => Self::IsCategory(reader.read()),
        }
    }
}

impl Stored for Condition {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(2) {
            0 => Self::Missing,
            _ => Self::Above(reader.read()),
        }
    }
}
