//! Synthetic requests with the model's answers, kept in the artifact so that any copy of
//! the model, in any host, can be checked.
//!
//! They are drawn, not taken: each value independently, from what the schema allows within
//! the middle nine tenths of the training rows, so that no applicant can be told from them. Where
//! the model refuses such requests, numbers are means of five to eight training rows.

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
/// How often one is drawn that the model refuses.
const ATTEMPTS: usize = 100;
/// A drawn mixture is of at most so many different rows, and a number of no fewer than so many.
const MIXED: usize = 8;
const LEAST_MIXED: usize = 5;

/// Draws requests and lets the model answer them; the same seed gives the same requests. One that
/// the model refuses, as where a derived value of it is one adjustment too many, is drawn again.
/// There are fewer, or none, where the model refuses nearly all: see [`shortfall`].
///
/// # Errors
/// When the model cannot be loaded.
pub fn rows(
    artifact: &Artifact,
    prepared: &Prepared,
    seed: u64,
) -> Result<Vec<GoldenRow>, ArtifactError> {
    let mut decider = Decider::load(&artifact.encode()?)?;
    let mut draws = Draws::new(&artifact.schema, prepared, seed);
    let (mut rows, mut answer) = (Vec::new(), Vec::new());
    for row in 0..ROWS {
        let answered = (0..ATTEMPTS).find_map(|attempt| {
            let leaves_out = row % LEAVE_OUT_EVERY == LEAVE_OUT_EVERY - 1;
            let request = match attempt < ATTEMPTS / 2 {
                true => draws.request(leaves_out),
                false => draws.mixture(),
            };
            answer.clear();
            let status = decider.decide(request.as_bytes(), &mut answer);
            let probability = probability(&answer).filter(|_| status == 200)?;
            Some(GoldenRow {
                request,
                probability,
            })
        });
        rows.extend(answered);
    }
    Ok(rows)
}

/// What the owner of a model with fewer synthetic requests than usual should know.
#[must_use]
pub fn shortfall(rows: usize) -> Option<String> {
    const ADVICE: &str =
        "wider ranges of derived fields, or more max_adjustments, leave room for them";
    match rows {
        0 => Some(format!(
            "the model has no golden rows, since it refused all synthetic requests: nothing checks that a copy decides as it does; {ADVICE}"
        )),
        ROWS.. => None,
        _ => Some(format!(
            "the model has {rows} of {ROWS} golden rows, since it refused most synthetic requests: only these check that a copy decides as it does; {ADVICE}"
        )),
    }
}

/// The probability in the JSON of an answer, to the bit.
#[must_use]
pub fn probability(answer: &[u8]) -> Option<f64> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    answer.get("probability")?.as_f64()
}

/// Requests that are drawn one after the other.
struct Draws<'a> {
    schema: &'a Schema,
    prepared: &'a Prepared,
    /// For each input, the middle of its values, and what a missing one becomes.
    ranges: Vec<(f64, f64)>,
    imputed: &'a [f64],
    rng: ChaCha8Rng,
}

impl<'a> Draws<'a> {
    fn new(schema: &'a Schema, prepared: &'a Prepared, seed: u64) -> Self {
        let columns = prepared.columns.iter();
        let ranges = columns.map(|values| middle(values, &prepared.split.train));
        Self {
            schema,
            prepared,
            ranges: ranges.collect(),
            imputed: &prepared.preprocessing.imputed,
            rng: ChaCha8Rng::seed_from_u64(seed),
        }
    }

    /// The next one; it may leave a field out.
    fn request(&mut self, leaves_out: bool) -> String {
        let rng = &mut self.rng;
        let left_out = leaves_out.then(|| rng.random_range(0..self.ranges.len()));
        let mut fields = Vec::new();
        for (input, feature) in self.schema.inputs().enumerate() {
            let value = draw(feature, self.ranges[input], self.imputed[input], rng);
            let may_miss =
                feature.missing != Missing::Error && self.schema.max_adjustments != Some(0);
            // A derived value that was drawn would contradict the others.
            if feature.derived.is_none() && (left_out != Some(input) || !may_miss) {
                fields.push((feature.name.as_str(), value));
            }
        }
        Object(fields).to_json()
    }

    /// A request whose numbers are those of some training rows, mixed in the same shares: what
    /// holds for sums and differences of these rows holds for it, too. A number that too few of
    /// them have is left out, as they leave it out.
    fn mixture(&mut self) -> String {
        let Prepared { columns, split, .. } = self.prepared;
        let rng = &mut self.rng;
        let mut parts: Vec<(usize, f64)> = Vec::new();
        for _ in 0..MIXED {
            let row = split.train[rng.random_range(0..split.train.len())];
            if parts.iter().all(|(other, _)| *other != row) {
                parts.push((row, rng.random_range(0.5..1.5)));
            }
        }
        let mut fields = Vec::new();
        for (input, feature) in self.schema.inputs().enumerate() {
            let known = parts
                .iter()
                .filter(|(row, _)| !columns[input][*row].is_nan());
            let is_mixed = known.clone().count() >= LEAST_MIXED;
            let (sum, shares) = known.fold((0.0, 0.0), |(sum, shares), (row, share)| {
                (sum + share * columns[input][*row], shares + share)
            });
            let value = match &feature.kind {
                FeatureKind::Number(_) if is_mixed => json_number(six_digits(sum / shares)),
                FeatureKind::Integer(_) if is_mixed => json_number((sum / shares).round()),
                FeatureKind::Number(_) | FeatureKind::Integer(_)
                    if feature.missing == Missing::Native =>
                {
                    continue;
                }
                _ => draw(feature, self.ranges[input], self.imputed[input], rng),
            };
            if feature.derived.is_none() {
                fields.push((feature.name.as_str(), value));
            }
        }
        Object(fields).to_json()
    }
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
    let number = model_report::span::between(low, high, rng.random());
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

fn six_digits(number: f64) -> f64 {
    format!("{number:.5e}").parse().unwrap_or(number)
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
