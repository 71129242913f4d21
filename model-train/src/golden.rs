//! Synthetic requests with the model's answers, kept in the artifact so that any copy of
//! the model, in any host, can be checked.
//!
//! They are drawn, not taken: each value independently, from what the schema allows within
//! the middle nine tenths of the training rows, so that no applicant can be told from them.

use model_core::artifact::{Artifact, ArtifactError, GoldenRow};
use model_core::decide::Decider;
use model_core::schema::{Feature, FeatureKind, Missing, Schema};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::prepare::Prepared;
use crate::values::Values;

/// How many are drawn.
const ROWS: usize = 16;
/// Every so many requests, one leaves a field out, where the schema allows that.
const LEAVE_OUT_EVERY: usize = 4;

/// Why there are none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The model cannot be loaded.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The model does not answer a request that its schema allows.
    #[error("the model does not answer a synthetic request: {answer}")]
    Refused {
        /// What it said.
        answer: String,
    },
}

/// Draws requests and lets the model answer them; the same seed gives the same requests.
///
/// # Errors
/// When the model cannot be loaded or refuses a request.
pub fn rows(
    artifact: &Artifact,
    prepared: &Prepared,
    seed: u64,
) -> Result<Vec<GoldenRow>, GoldenError> {
    let mut decider = Decider::load(&artifact.encode()?)?;
    let mut answer = Vec::new();
    requests(&artifact.schema, prepared, seed)
        .map(|request| {
            answer.clear();
            let status = decider.decide(request.as_bytes(), &mut answer);
            match probability(&answer).filter(|_| status == 200) {
                Some(probability) => Ok(GoldenRow {
                    request,
                    probability,
                }),
                None => Err(GoldenError::Refused {
                    answer: String::from_utf8_lossy(&answer).into_owned(),
                }),
            }
        })
        .collect()
}

/// The probability in the JSON of an answer, to the bit.
#[must_use]
pub fn probability(answer: &[u8]) -> Option<f64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer.get("probability")?.as_f64()
}

fn requests(schema: &Schema, prepared: &Prepared, seed: u64) -> impl Iterator<Item = String> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let ranges: Vec<(f64, f64)> = prepared
        .columns
        .iter()
        .map(|values| middle(values, &prepared.split.train))
        .collect();
    let may_miss: Vec<bool> = schema
        .inputs()
        .map(|feature| feature.missing != Missing::Error && schema.max_adjustments != Some(0))
        .collect();
    (0..ROWS).map(move |row| {
        let left_out = (row % LEAVE_OUT_EVERY == LEAVE_OUT_EVERY - 1)
            .then(|| rng.random_range(0..ranges.len()));
        let mut fields = Vec::new();
        for (input, feature) in schema.inputs().enumerate() {
            let imputed = prepared.preprocessing.imputed[input];
            let value = draw(feature, ranges[input], imputed, &mut rng);
            // A derived value that was drawn would contradict the others.
            if feature.derived.is_none() && (left_out != Some(input) || !may_miss[input]) {
                fields.push((feature.name.as_str(), value));
            }
        }
        Object(fields).to_json()
    })
}

/// The 5th and 95th percentile of the training rows that have a value.
fn middle(values: &Values, rows: &[usize]) -> (f64, f64) {
    let values = rows.iter().map(|&row| values[row]);
    let mut values: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        values
            .get(values.len() * percent / 100)
            .copied()
            .unwrap_or(0.0)
    };
    (at(5), at(95))
}

fn draw(feature: &Feature, (low, high): (f64, f64), imputed: f64, rng: &mut ChaCha8Rng) -> Value {
    let number = low + (high - low) * rng.random::<f64>();
    let fitting = |number: f64| match feature.range() {
        Some(range) if !range.contains(number) => imputed,
        _ => number,
    };
    match &feature.kind {
        FeatureKind::Number(_) => json_number(fitting(three_digits(number))),
        FeatureKind::Integer(_) => json_number(fitting(number.round())),
        FeatureKind::Boolean => Value::from(rng.random_bool(0.5)),
        FeatureKind::Category(categories) => {
            let code = rng.random_range(0..categories.values.len());
            Value::from(categories.values[code].as_str())
        }
    }
}

fn json_number(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// Three significant digits: a drawn number looks like one.
fn three_digits(number: f64) -> f64 {
    format!("{number:.2e}").parse().unwrap_or(number)
}

/// A JSON object that keeps the order of its fields.
struct Object<'a>(Vec<(&'a str, Value)>);

impl Object<'_> {
    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Object<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}
