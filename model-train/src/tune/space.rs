//! What a search may try: for each model its hyperparameters and their ranges.

use std::fmt;

use model_core::model::ModelKind;
use serde_json::{Map, Value};

use crate::fit::{GradientBoosting, LARGE, MOST_TREES, Params, SMALL};

/// Better by cross-validation than the defaults on a file of 36,000 training rows, at twice the
/// time.
const FINE: GradientBoosting = GradientBoosting {
    trees: MOST_TREES,
    learning_rate: 0.08,
    max_leaves: 48,
    max_depth: 12,
    l1: 1.0,
    l2: 2.0,
    min_split_gain: 0.0,
    min_leaf_weight: 1.0,
    min_leaf_rows: 1,
    max_category_set: 1,
    row_share: 1.0,
    column_share: 0.5,
    max_bins: 4096,
    bags: 1,
};

/// Hardly more than a sum of one function a column: for few rows, or much noise.
const COARSE: GradientBoosting = GradientBoosting {
    trees: MOST_TREES,
    learning_rate: 0.03,
    max_leaves: 3,
    max_depth: 2,
    l1: 0.0,
    l2: 10.0,
    min_split_gain: 0.0,
    min_leaf_weight: 3.0,
    min_leaf_rows: 1,
    max_category_set: 1,
    row_share: 0.6,
    column_share: 0.4,
    max_bins: 255,
    bags: 1,
};

/// The rows that a space is for until it is told of others.
const TYPICAL_ROWS: usize = 10_000;

/// The hyperparameters of one model that are searched; all others keep what `base` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    base: Params,
    dimensions: Vec<Dimension>,
    origin: Origin,
    /// What was changed by hand, in this order.
    changes: Vec<Change>,
    rows: usize,
}

/// What a space was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Ranges that follow the rows.
    Standard,
    /// Defaults that follow the rows.
    Defaults,
    /// One point, whatever the rows.
    Given,
}

#[derive(Debug, Clone, PartialEq)]
enum Change {
    Fixed(String, f64),
    Varied(String, Scale),
}

/// One hyperparameter and its range.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Its key in [`Params`].
    pub name: String,
    /// How values lie in the range.
    pub scale: Scale,
}

/// How values lie in a range. Bounds are inclusive.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Evenly.
    Linear(f64, f64),
    /// Evenly by their logarithm; bounds are above 0.
    Log(f64, f64),
    /// Whole numbers, evenly.
    Integer(f64, f64),
    /// Whole numbers, evenly by their logarithm; bounds are at least 1.
    LogInteger(f64, f64),
    /// One of these.
    Choice(Vec<f64>),
}

/// A range that cannot be searched.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{model}, {name}: {problem}")]
pub struct RangeError {
    /// The model's word.
    pub model: &'static str,
    /// The hyperparameter.
    pub name: String,
    /// What was expected and what came.
    pub problem: String,
}

impl Space {
    /// The space that is searched unless it is changed; `docs/reference/training.md` lists it.
    /// [`Space::for_rows`] makes it that of a number of training rows.
    #[must_use]
    pub fn standard(kind: ModelKind) -> Self {
        Self::standard_for(kind, TYPICAL_ROWS)
    }

    fn standard_for(kind: ModelKind, rows: usize) -> Self {
        use Scale::{Choice, Integer, Linear, Log, LogInteger};
        let mut base = Params::for_rows(kind, rows);
        let dimensions: Vec<(&str, Scale)> = match &mut base {
            Params::Ridge(_) => vec![("alpha", Log(1e-2, 1e4))],
            Params::LogisticRegression(_) => {
                vec![
                    ("alpha", Log(1e-2, 1e3)),
                    ("bins", Choice(vec![1.0, 4.0, 10.0])),
                ]
            }
            Params::DecisionTree(_) => vec![
                ("max_depth", Integer(2.0, 16.0)),
                ("min_leaf_rows", LogInteger(1.0, 100.0)),
                ("min_split_rows", LogInteger(2.0, 200.0)),
            ],
            Params::RandomForest(_) => vec![
                ("trees", LogInteger(50.0, 200.0)),
                ("max_depth", Integer(4.0, 24.0)),
                ("min_leaf_rows", LogInteger(1.0, 20.0)),
                ("column_share", Linear(0.1, 0.8)),
            ],
            Params::GradientBoosting(boosting) => {
                // Averaged in the end, where the size allows it.
                boosting.bags = 1;
                boosting_dimensions(rows)
            }
            // Made of the others, when the search is done.
            Params::BoostingAndLinear(_) => Vec::new(),
        };
        let dimension = |(name, scale): (&str, Scale)| Dimension {
            name: name.to_owned(),
            scale,
        };
        Self {
            base,
            dimensions: dimensions.into_iter().map(dimension).collect(),
            origin: Origin::Standard,
            changes: Vec::new(),
            rows,
        }
    }

    /// A space of one point.
    #[must_use]
    pub fn fixed(params: Params) -> Self {
        Self {
            base: params,
            dimensions: Vec::new(),
            origin: Origin::Given,
            changes: Vec::new(),
            rows: TYPICAL_ROWS,
        }
    }

    /// The one point of a model's defaults, which [`Space::for_rows`] adapts.
    #[must_use]
    pub fn defaults(kind: ModelKind) -> Self {
        Self {
            origin: Origin::Defaults,
            ..Self::fixed(Params::for_rows(kind, TYPICAL_ROWS))
        }
    }

    /// The same space for so many training rows: ranges and defaults follow them, what was
    /// changed by [`Space::fix`] or [`Space::vary`] stays as it is.
    ///
    /// # Errors
    /// When a change does not go with the rest.
    pub fn for_rows(&self, rows: usize) -> Result<Self, RangeError> {
        let kind = self.kind();
        let mut space = match self.origin {
            Origin::Given => return Ok(self.clone()),
            Origin::Standard => Self::standard_for(kind, rows),
            Origin::Defaults => Self {
                base: Params::for_rows(kind, rows),
                rows,
                ..Self::defaults(kind)
            },
        };
        for change in &self.changes {
            match change {
                Change::Fixed(name, value) => space.fix(name, *value)?,
                Change::Varied(name, scale) => space.vary(name, scale.clone())?,
            }
        }
        Ok(space)
    }

    /// Whether a hyperparameter keeps its default.
    #[must_use]
    pub fn is_default(&self, name: &str) -> bool {
        let changes = |change: &Change| match change {
            Change::Fixed(changed, _) | Change::Varied(changed, _) => changed == name,
        };
        self.origin != Origin::Given && !self.changes.iter().any(changes)
    }

    /// Which model it is for.
    #[must_use]
    pub fn kind(&self) -> ModelKind {
        self.base.kind()
    }

    /// What is searched.
    #[must_use]
    pub fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The hyperparameters where nothing is searched.
    #[must_use]
    pub fn base(&self) -> &Params {
        &self.base
    }

    /// Whether the hyperparameter of that name is a whole number.
    #[must_use]
    pub fn is_whole(&self, name: &str) -> bool {
        fields(&self.base).get(name).is_some_and(Value::is_u64)
    }

    /// Fixes a hyperparameter.
    ///
    /// # Errors
    /// When the model has none of that name, or not with that value.
    pub fn fix(&mut self, name: &str, value: f64) -> Result<(), RangeError> {
        self.base = self.with(&[(name, value)])?;
        self.dimensions.retain(|dimension| dimension.name != name);
        self.changes.push(Change::Fixed(name.to_owned(), value));
        Ok(())
    }

    /// Searches a hyperparameter on a scale, instead of what was searched before.
    ///
    /// # Errors
    /// When the model has none of that name, or the range is empty or outside of what the
    /// model can do.
    pub fn vary(&mut self, name: &str, scale: Scale) -> Result<(), RangeError> {
        let problem = |problem: &str| RangeError {
            model: self.kind().word(),
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        if let Some(text) = scale.problem() {
            return Err(problem(text));
        }
        for value in scale.extremes() {
            self.with(&[(name, value)])?;
        }
        let change = Change::Varied(name.to_owned(), scale.clone());
        self.changes.push(change);
        let found = self.dimensions.iter_mut().find(|found| found.name == name);
        match found {
            Some(dimension) => dimension.scale = scale,
            None => self.dimensions.push(Dimension {
                name: name.to_owned(),
                scale,
            }),
        }
        Ok(())
    }

    /// The whole hyperparameters at a point: one coordinate for each dimension, within
    /// [`Scale::bounds`]. The numbers are rounded to four digits, so that a person can copy
    /// them.
    pub(super) fn params(&self, point: &[f64]) -> Result<Params, RangeError> {
        let values: Vec<(&str, f64)> = self
            .dimensions
            .iter()
            .zip(point)
            .map(|(dimension, &at)| (dimension.name.as_str(), dimension.scale.value(at)))
            .collect();
        self.with(&values)
    }

    /// The point of given hyperparameters; what lies outside a range is moved to its edge.
    pub(super) fn point(&self, params: &Params) -> Vec<f64> {
        let values = fields(params);
        let at = |dimension: &Dimension| {
            let value = values.get(&dimension.name).and_then(Value::as_f64);
            dimension.scale.coordinate(value.unwrap_or(f64::NAN))
        };
        self.dimensions.iter().map(at).collect()
    }

    /// Where a search begins, as far as the space has it: the defaults of the model, and for
    /// boosting a second one: finer on many rows, coarser on few.
    pub(super) fn starts(&self) -> Result<Vec<Params>, RangeError> {
        let mut starts = vec![self.base];
        if self.kind() == ModelKind::GradientBoosting {
            let second = if self.rows > LARGE { FINE } else { COARSE };
            starts.push(Params::GradientBoosting(second));
        }
        let within = |start: &Params| self.params(&self.point(start));
        starts.iter().map(within).collect()
    }

    fn with(&self, values: &[(&str, f64)]) -> Result<Params, RangeError> {
        let model = self.kind().word();
        let error = |name: &str, problem: String| RangeError {
            model,
            name: name.to_owned(),
            problem,
        };
        let mut fields = fields(&self.base);
        for &(name, value) in values {
            let Some(field) = fields.get_mut(name).filter(|field| field.is_number()) else {
                return Err(error(name, "the model has no such hyperparameter".into()));
            };
            *field = if field.is_u64() && value.fract() == 0.0 && value >= 0.0 {
                Value::from(value as u64)
            } else {
                Value::from(value)
            };
        }
        let named = || {
            let names: Vec<&str> = values.iter().map(|(name, _)| *name).collect();
            names.join(", ")
        };
        let params: Params = serde_json::from_value(Value::Object(fields))
            .map_err(|problem| error(&named(), problem.to_string()))?;
        params.check().map_err(|wrong| {
            let problem = format!("expected {}, got {}", wrong.expected, wrong.got);
            error(wrong.name, problem)
        })?;
        Ok(params)
    }
}

impl Scale {
    /// The range of coordinates: start inclusive, end exclusive.
    pub(super) fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Linear(low, high) => (*low, after(*high)),
            Self::Log(low, high) => (low.ln(), after(high.ln())),
            Self::Integer(low, high) => (low - 0.5, high + 0.5),
            Self::LogInteger(low, high) => ((low - 0.5).ln(), (high + 0.5).ln()),
            Self::Choice(choices) => (0.0, choices.len() as f64),
        }
    }

    fn value(&self, at: f64) -> f64 {
        match self {
            Self::Linear(low, high) => four_digits(at).clamp(*low, *high),
            Self::Log(low, high) => four_digits(at.exp()).clamp(*low, *high),
            Self::Integer(low, high) => at.round().clamp(*low, *high),
            Self::LogInteger(low, high) => at.exp().round().clamp(*low, *high),
            Self::Choice(choices) => {
                let index = (at.max(0.0) as usize).min(choices.len().saturating_sub(1));
                choices.get(index).copied().unwrap_or(f64::NAN)
            }
        }
    }

    fn coordinate(&self, value: f64) -> f64 {
        match self {
            Self::Linear(low, high) | Self::Integer(low, high) => value.clamp(*low, *high),
            Self::Log(low, high) | Self::LogInteger(low, high) => value.clamp(*low, *high).ln(),
            Self::Choice(choices) => {
                let far = |choice: &f64| (choice - value).abs();
                let nearest = |a: &(usize, &f64), b: &(usize, &f64)| far(a.1).total_cmp(&far(b.1));
                let found = choices.iter().enumerate().min_by(nearest);
                found.map_or(0.0, |(index, _)| index as f64)
            }
        }
    }

    fn problem(&self) -> Option<&'static str> {
        match self {
            Self::Choice(choices) => (choices.is_empty()).then_some("expected at least one choice"),
            Self::Linear(low, high)
            | Self::Log(low, high)
            | Self::Integer(low, high)
            | Self::LogInteger(low, high)
                if !(low.is_finite() && high.is_finite() && low < high) =>
            {
                Some("expected a minimum below the maximum")
            }
            Self::Log(low, _) if *low <= 0.0 => {
                Some("expected a minimum above 0 on a logarithmic scale")
            }
            Self::LogInteger(low, _) if *low < 1.0 => {
                Some("expected a minimum of at least 1 on a logarithmic scale")
            }
            _ => None,
        }
    }

    fn extremes(&self) -> Vec<f64> {
        match self {
            Self::Linear(low, high)
            | Self::Log(low, high)
            | Self::Integer(low, high)
            | Self::LogInteger(low, high) => vec![*low, *high],
            Self::Choice(choices) => choices.clone(),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Linear(low, high) => write!(f, "{low} to {high}"),
            Self::Integer(low, high) => write!(f, "{low} to {high}, integer"),
            Self::Log(low, high) => write!(f, "{low} to {high}, logarithmic"),
            Self::LogInteger(low, high) => write!(f, "{low} to {high}, integer, logarithmic"),
            Self::Choice(choices) => {
                let choices: Vec<String> = choices.iter().map(f64::to_string).collect();
                write!(f, "one of {}", choices.join(", "))
            }
        }
    }
}

/// On few rows a slow rate and strong penalties pay and cost nothing; on many a rate of 0.01
/// would cost minutes and finer bins pay.
fn boosting_dimensions(rows: usize) -> Vec<(&'static str, Scale)> {
    use Scale::{Choice, Integer, Linear, Log, LogInteger};
    let is_large = rows > LARGE;
    let most_leaves = match rows {
        0..1_500 => 12.0,
        1_500..SMALL => 24.0,
        SMALL..LARGE => 48.0,
        _ => 128.0,
    };
    vec![
        (
            "learning_rate",
            if is_large {
                Log(0.04, 0.2)
            } else {
                Log(0.01, 0.1)
            },
        ),
        ("max_leaves", LogInteger(3.0, most_leaves)),
        ("max_depth", Integer(2.0, if is_large { 16.0 } else { 8.0 })),
        ("l1", Linear(0.0, 3.0)),
        ("l2", Log(0.1, if is_large { 30.0 } else { 100.0 })),
        ("min_leaf_weight", Log(0.3, 20.0)),
        ("row_share", Linear(0.4, 1.0)),
        ("column_share", Linear(0.2, 1.0)),
        ("max_category_set", Choice(vec![1.0, 32.0])),
        (
            "max_bins",
            Choice(if is_large {
                vec![1024.0, 4096.0]
            } else {
                vec![63.0, 255.0]
            }),
        ),
    ]
}

/// The hyperparameters by their keys, the model's word among them.
fn fields(params: &Params) -> Map<String, Value> {
    match serde_json::to_value(params) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

/// A little above, so that a bound belongs to its range.
fn after(bound: f64) -> f64 {
    bound + bound.abs().max(1.0) * 1e-9
}

fn four_digits(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_of_every_space_can_be_fitted() {
        for kind in crate::fit::KINDS {
            let space = Space::standard(kind);
            let ends = |end: usize| -> Vec<f64> {
                let bound = |d: &Dimension| <[f64; 2]>::from(d.scale.bounds())[end];
                space.dimensions.iter().map(bound).collect()
            };
            assert!(space.params(&ends(0)).is_ok());
            assert!(space.params(&ends(1)).is_ok());
            assert_eq!(space.params(&space.point(&space.base)).unwrap(), space.base);
        }
    }

    #[test]
    fn a_range_that_cannot_be_is_refused() {
        let check = |name: &str, scale: Scale, expect: &str| {
            let mut space = Space::standard(ModelKind::GradientBoosting);
            let error = space.vary(name, scale).unwrap_err().to_string();
            assert!(error.contains(expect), "{error}");
        };
        check("depth", Scale::Integer(1.0, 3.0), "no such hyperparameter");
        check("model", Scale::Integer(1.0, 3.0), "no such hyperparameter");
        check("l2", Scale::Linear(3.0, 1.0), "minimum below the maximum");
        check("l2", Scale::Log(0.0, 1.0), "above 0");
        check("learning_rate", Scale::Linear(0.1, 2.0), "at most 1");
        check("max_leaves", Scale::Linear(2.5, 8.0), "max_leaves");
        check("l1", Scale::Choice(vec![]), "at least one choice");
    }
}
