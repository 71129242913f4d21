//! What a schema must satisfy beyond its types.

use crate::literal::{MAX_EXACT, joined, number_text, told};

use super::{
    Bound, Categories, Encoding, Example, Feature, FeatureKind, MAX_CATEGORIES, MAX_FEATURES,
    Missing, MissingValues, OutOfRange, Outcomes, Range, Role, Schema, Target, TargetKind, Unknown,
};
use super::{actionable, derived, languages, reasons, sample};

/// What is wrong with a schema, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaProblem {
    /// The feature's (or the target's) name; `None` for a key of the schema itself.
    pub feature: Option<String>,
    /// The TOML key that is to blame.
    pub key: &'static str,
    /// A sentence: what was expected and what came.
    pub message: String,
}

impl std::fmt::Display for SchemaProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.feature {
            Some(feature) => write!(f, "feature '{feature}', {}: {}", self.key, self.message),
            None => write!(f, "{}: {}", self.key, self.message),
        }
    }
}

impl std::error::Error for SchemaProblem {}

/// What is wrong with one key.
struct KeyProblem {
    key: &'static str,
    message: String,
}

type Check = Result<(), KeyProblem>;

/// Labels of a target.
const OUTCOMES: usize = 2;

pub(super) fn check(schema: &Schema) -> Result<(), SchemaProblem> {
    check_head(schema).map_err(|problem| at(None, problem))?;
    languages::check_texts(&schema.translations, OUTCOMES, schema.languages.len()).map_err(
        |message| {
            at(
                None,
                KeyProblem {
                    key: "title",
                    message,
                },
            )
        },
    )?;
    check_names(schema)?;
    check_target(&schema.target).map_err(|problem| at(Some(&schema.target.name), problem))?;
    for feature in &schema.features {
        check_feature(feature, &schema.missing_values)
            .and_then(|()| {
                languages::check_translations(feature, schema.languages.len()).map_err(|message| {
                    KeyProblem {
                        key: "label",
                        message,
                    }
                })
            })
            .map_err(|problem| at(Some(&feature.name), problem))?;
    }
    sample::check(schema)?;
    derived::check(schema)?;
    reasons::check(schema)?;
    actionable::check_all(schema)
}

/// Comes first: a problem is placed by its feature's name.
fn check_names(schema: &Schema) -> Result<(), SchemaProblem> {
    let features = schema.features.iter().map(|feature| &feature.name);
    let mut names: Vec<&str> = Vec::with_capacity(schema.features.len() + 1);
    for name in [&schema.target.name].into_iter().chain(features) {
        check_name(name)
            .and_then(|()| {
                require(!names.contains(&name.as_str()), "name", || {
                    "another feature has this name already".into()
                })
            })
            .map_err(|problem| at(Some(name), problem))?;
        names.push(name);
    }
    Ok(())
}

fn at(feature: Option<&String>, problem: KeyProblem) -> SchemaProblem {
    SchemaProblem {
        feature: feature.cloned(),
        key: problem.key,
        message: problem.message,
    }
}

fn check_head(schema: &Schema) -> Check {
    let name_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    require(
        (1..=64).contains(&schema.name.len()) && schema.name.bytes().all(name_byte),
        "name",
        || {
            format!(
                "expected 1 to 64 lower-case letters, digits and hyphens, got '{}'",
                schema.name
            )
        },
    )?;
    let number = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let mut parts = schema.version.as_bytes().split(|byte| *byte == b'.');
    require(
        schema.version.len() <= 64 && parts.all(number),
        "version",
        || {
            format!(
                "expected digits separated by dots, such as 1.0.0, got '{}'",
                schema.version
            )
        },
    )?;
    require(schema.features.len() < MAX_FEATURES, "feature", || {
        format!(
            "at most {MAX_FEATURES} features, got {}",
            schema.features.len() + 1
        )
    })?;
    require(schema.inputs().next().is_some(), "feature", || {
        "at least one feature with role \"input\" is needed".into()
    })?;
    languages::check(&schema.languages).map_err(|message| KeyProblem {
        key: "languages",
        message,
    })?;
    // A value is compared without the white space around it, and the empty one is missing
    // anyway: such a text would never match.
    let useless =
        (schema.missing_values.texts().iter()).find(|text| text.is_empty() || text.trim() != *text);
    require(useless.is_none(), "missing_values", || {
        let text = useless.map_or("", String::as_str);
        format!("'{text}' is empty or begins or ends with white space: remove that")
    })
}

fn check_name(name: &str) -> Check {
    require(
        (1..=128).contains(&name.len()) && !name.chars().any(char::is_control),
        "name",
        || "expected 1 to 128 bytes without control characters".into(),
    )
}

fn check_target(target: &Target) -> Check {
    if let TargetKind::Category { positive, negative } = &target.kind {
        check_category(positive)?;
        check_category(negative)?;
        require(positive != negative, "categories", || {
            "the two categories must differ".into()
        })?;
    }
    target.outcomes.as_ref().map_or(Ok(()), check_outcomes)
}

fn check_outcomes(outcomes: &Outcomes) -> Check {
    let Outcomes { positive, negative } = outcomes;
    for (key, label) in [
        ("positive_outcome", positive),
        ("negative_outcome", negative),
    ] {
        require(!label.trim().is_empty(), key, || {
            "expected the name of an outcome, such as good or bad, got an empty text".into()
        })?;
    }
    require(positive != negative, "positive_outcome", || {
        "the names of the two outcomes must differ".into()
    })
}

fn check_category(value: &str) -> Check {
    require(
        !value.is_empty() && value.trim() == value,
        "categories",
        || format!("'{value}': a category may not be empty or begin or end with white space"),
    )
}

fn check_feature(feature: &Feature, missing_values: &MissingValues) -> Check {
    check_missing(feature)?;
    match &feature.kind {
        FeatureKind::Number(range) => {
            check_range(range, &ends(range, f64::MAX, f64::next_up, f64::next_down))?;
        }
        FeatureKind::Integer(range) => {
            check_whole(range)?;
            check_range(range, &ends(range, MAX_EXACT, |x| x + 1.0, |x| x - 1.0))?;
        }
        // An ignored column needs no list.
        FeatureKind::Category(c) if feature.role == Role::Ignored && c.values.is_empty() => {
            let fits = matches!(feature.example, None | Some(Example::Text(_)));
            return require(fits, "example", || "expected a text".into());
        }
        FeatureKind::Category(categories) => check_categories(categories, missing_values)?,
        FeatureKind::Boolean => {}
    }
    check_example(feature)
}

/// An integer is clamped to its bounds, so they are integers.
fn check_whole(range: &Range) -> Check {
    for (key, bound) in bounds(range) {
        // One beyond 2^53 is 2^53 again.
        let beyond = bound.exclusive && bound.value.abs() == MAX_EXACT;
        require(is_integer(bound.value) && !beyond, key, || {
            format!(
                "expected a whole number within ±2^53 for an integer, got {}",
                number_text(bound.value)
            )
        })?;
    }
    Ok(())
}

/// The first and the last number inside a range.
struct Ends {
    first: f64,
    last: f64,
}

/// Of the numbers up to ±`most`, where `up` and `down` are a number's neighbours.
fn ends(range: &Range, most: f64, up: fn(f64) -> f64, down: fn(f64) -> f64) -> Ends {
    let inner = |bound: Bound, next: fn(f64) -> f64| {
        if bound.exclusive {
            next(bound.value)
        } else {
            bound.value
        }
    };
    Ends {
        first: range.lower.map_or(-most, |bound| inner(bound, up)),
        last: range.upper.map_or(most, |bound| inner(bound, down)),
    }
}

fn is_integer(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() <= MAX_EXACT
}

/// The bounds there are, by the keys they were given with.
fn bounds(range: &Range) -> impl Iterator<Item = (&'static str, Bound)> {
    let key = |bound: Bound, keys: [&'static str; 2]| (keys[usize::from(bound.exclusive)], bound);
    let lower = range
        .lower
        .map(|b| key(b, ["minimum", "exclusive_minimum"]));
    let upper = range
        .upper
        .map(|b| key(b, ["maximum", "exclusive_maximum"]));
    lower.into_iter().chain(upper)
}

fn check_missing(feature: &Feature) -> Check {
    let allowed: &[Missing] = match &feature.kind {
        FeatureKind::Number(_) | FeatureKind::Integer(_) => &[
            Missing::Error,
            Missing::Impute,
            Missing::Zero,
            Missing::Native,
        ],
        FeatureKind::Boolean => &[
            Missing::Error,
            Missing::Impute,
            Missing::MostFrequent,
            Missing::Zero,
            Missing::Native,
        ],
        FeatureKind::Category(categories) if categories.encoding == Encoding::Ordinal => &[
            Missing::Error,
            Missing::Impute,
            Missing::MostFrequent,
            Missing::Native,
        ],
        FeatureKind::Category(_) => &[
            Missing::Error,
            Missing::Impute,
            Missing::MostFrequent,
            Missing::Other,
            Missing::Native,
        ],
    };
    require(allowed.contains(&feature.missing), "missing", || {
        format!(
            "expected one of {} for this type, got {}",
            joined(&mut allowed.iter().map(|m| m.word())),
            feature.missing.word()
        )
    })?;
    // What is filled in must itself be acceptable.
    if let (Missing::Zero, Some(range)) = (feature.missing, feature.range()) {
        return require(range.contains(0.0), "missing", || {
            "zero is outside the feature's own range".into()
        });
    }
    Ok(())
}

fn check_range(range: &Range, ends: &Ends) -> Check {
    for (key, bound) in bounds(range) {
        require(bound.value.is_finite(), key, || {
            "expected a finite number".into()
        })?;
    }
    if let Some((key, _)) = bounds(range).next() {
        require(ends.first <= ends.last, key, || {
            let text = |bound: Option<Bound>| bound.map_or("any".into(), |b| number_text(b.value));
            let (lower, upper) = (text(range.lower), text(range.upper));
            format!("the range from {lower} to {upper} holds no number")
        })?;
    }
    let exclusive = [range.lower, range.upper]
        .into_iter()
        .flatten()
        .any(|b| b.exclusive);
    require(
        !(range.policy == OutOfRange::Clamp && exclusive),
        "out_of_range",
        || "clamp needs inclusive bounds: use minimum and maximum, not the exclusive ones".into(),
    )
}

fn check_categories(categories: &Categories, missing_values: &MissingValues) -> Check {
    let values = &categories.values;
    require(
        (2..=MAX_CATEGORIES).contains(&values.len()),
        "categories",
        || {
            format!(
                "expected 2 to {MAX_CATEGORIES} categories, got {}",
                values.len()
            )
        },
    )?;
    require(
        categories.labels.len() == values.len(),
        "category_labels",
        || "expected one label for each category".into(),
    )?;
    for (index, value) in values.iter().enumerate() {
        check_category(value)?;
        require(!values[..index].contains(value), "categories", || {
            format!("'{value}' is listed twice")
        })?;
        require(!missing_values.has_text(value), "categories", || {
            format!("'{value}' is one of missing_values, so it would never be read as a category")
        })?;
    }
    let other = categories.unknown == Unknown::Other && categories.encoding == Encoding::Ordinal;
    require(!other, "unknown", || {
        "other has no place in an ordinal order: use error or most_frequent".into()
    })
}

fn check_example(feature: &Feature) -> Check {
    let Some(example) = &feature.example else {
        return Ok(());
    };
    let fits = match (&feature.kind, example) {
        (FeatureKind::Number(range), Example::Number(number)) => {
            number.is_finite() && range.contains(*number)
        }
        (FeatureKind::Integer(range), Example::Number(number)) => {
            is_integer(*number) && range.contains(*number)
        }
        (FeatureKind::Boolean, Example::Boolean(_)) => true,
        (FeatureKind::Category(categories), Example::Text(text)) => {
            categories.values.contains(text)
        }
        _ => false,
    };
    require(fits, "example", || {
        format!(
            "expected {} that the feature itself accepts",
            match feature.kind {
                FeatureKind::Number(_) => "a number",
                FeatureKind::Integer(_) => "an integer",
                FeatureKind::Boolean => "true or false",
                FeatureKind::Category(_) => "one of its categories",
            }
        )
    })
}

fn require(holds: bool, key: &'static str, message: impl FnOnce() -> String) -> Check {
    if holds {
        return Ok(());
    }
    let message = told(message);
    Err(KeyProblem { key, message })
}

impl Range {
    /// Whether `number` is inside.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        let above = self
            .lower
            .is_none_or(|b| number > b.value || (number == b.value && !b.exclusive));
        let below = self
            .upper
            .is_none_or(|b| number < b.value || (number == b.value && !b.exclusive));
        above && below
    }
}
