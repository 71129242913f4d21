//! Policies: a value that cannot be used as it came is filled in, mapped, clamped, or refused.

use bincode::Encode;

use crate::schema::{
    Derived, Feature, FeatureKind, Mismatch, Missing, OutOfRange, Range, Schema, Unknown,
    mismatch_message,
};
use crate::value::{Reading, ValueError, number_text, outside};
use crate::wire::stored;

/// The imputation values, learned from the training rows alone.
#[derive(Debug, Clone, PartialEq, Default, Encode)]
pub struct Preprocessing {
    /// One value for each input, in schema order, in the model's terms: the median of a
    /// number (the lower of two middle ones), the most frequent of a boolean or category
    /// (the first of equals in the list).
    pub imputed: Vec<f64>,
}

stored!(Preprocessing { imputed });

/// A value that the model accepts, and what a policy did to get it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved {
    /// In the model's terms.
    pub value: f64,
    /// `None` when the value is what came.
    pub adjusted: Option<Adjustment>,
}

/// What a policy did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adjustment {
    /// Filled in a missing value.
    Missing(Missing),
    /// Mapped an unknown category.
    Unknown(Unknown),
    /// Moved a number into its range.
    OutOfRange(OutOfRange),
    /// Replaced a given value that contradicts the formula of a derived field.
    Mismatch(Mismatch),
}

impl Adjustment {
    /// The schema key of the policy: `missing`, `unknown`, `out_of_range` or `mismatch`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::Unknown(_) => "unknown",
            Self::OutOfRange(_) => "out_of_range",
            Self::Mismatch(_) => "mismatch",
        }
    }

    /// The policy, as the schema writes it.
    #[must_use]
    pub fn policy(self) -> &'static str {
        match self {
            Self::Missing(policy) => policy.word(),
            Self::Unknown(policy) => policy.word(),
            Self::OutOfRange(policy) => policy.word(),
            Self::Mismatch(policy) => policy.word(),
        }
    }
}

impl Preprocessing {
    /// Checks that it belongs to the schema: one acceptable value for each input.
    ///
    /// # Errors
    /// A sentence that names the feature.
    pub fn check(&self, schema: &Schema) -> Result<(), String> {
        let inputs = schema.inputs().count();
        if self.imputed.len() != inputs {
            return Err(format!(
                "expected {inputs} imputation values, one for each input, got {}",
                self.imputed.len()
            ));
        }
        for (feature, &value) in schema.inputs().zip(&self.imputed) {
            if !acceptable(feature, value) {
                return Err(format!(
                    "feature '{}': {} cannot be filled in, the feature itself refuses it",
                    feature.name,
                    number_text(value)
                ));
            }
        }
        Ok(())
    }
}

/// Whether a value in the model's terms is one that the feature takes as it is.
pub(crate) fn acceptable(feature: &Feature, value: f64) -> bool {
    match &feature.kind {
        FeatureKind::Number(range) => value.is_finite() && range.contains(value),
        FeatureKind::Integer(range) => {
            value.is_finite() && range.contains(value) && value.fract() == 0.0
        }
        FeatureKind::Boolean => value == 0.0 || value == 1.0,
        FeatureKind::Category(c) => {
            value >= 0.0 && value < c.values.len() as f64 && value.fract() == 0.0
        }
    }
}

/// Applies the feature's policies to a reading. `imputed` is the feature's own of
/// [`Preprocessing::imputed`].
///
/// # Errors
/// Where the policy is `error`.
#[inline]
pub fn resolve(feature: &Feature, reading: Reading, imputed: f64) -> Result<Resolved, ValueError> {
    match reading {
        Reading::Missing => resolve_missing(feature, imputed),
        Reading::Unknown => resolve_unknown(feature, imputed),
        Reading::Is(value) => match feature.range() {
            Some(range) if !range.contains(value) => resolve_outside(range, value, imputed),
            _ => Ok(Resolved {
                value,
                adjusted: None,
            }),
        },
    }
}

/// Where a value that a formula needs comes from: the last of these that applies to it, or to what
/// it is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// It was given; a policy may have moved it into its range.
    Given,
    /// A number was given that is out of range, and another one filled in.
    Replaced,
    /// Nobody gave it.
    Missing,
}

impl From<Resolved> for Origin {
    fn from(resolved: Resolved) -> Self {
        match resolved.adjusted {
            Some(Adjustment::Missing(_)) => Self::Missing,
            Some(Adjustment::OutOfRange(OutOfRange::Impute)) => Self::Replaced,
            _ => Self::Given,
        }
    }
}

impl Origin {
    /// Where a derived value comes from; `self` is the last origin of what it is computed from,
    /// and `given` what the application says itself.
    #[must_use]
    pub fn derived(self, given: Reading, resolved: Resolved) -> Self {
        let own = Self::from(resolved);
        match given {
            Reading::Is(_) if self == Self::Missing => own,
            _ => self.max(own),
        }
    }

    /// What a sketch counts of a derived field that was left out; `self` is the last origin of
    /// what it is computed from. That is the `computed` value before the field's policy, as
    /// given values are counted. Only where it follows from what was filled in, or there is none
    /// (NaN), it is what the model uses: the sketch of the training rows, which is begun before
    /// it is known what will be filled in, counts so.
    #[must_use]
    pub fn counted(self, computed: f64, resolved: Resolved) -> f64 {
        match self {
            Self::Given if !computed.is_nan() => computed,
            _ => resolved.value,
        }
    }
}

/// What the other fields say about a derived one.
#[derive(Debug, Clone, Copy)]
pub struct Computed {
    /// The value that follows from the others after their policies; NaN where there is none.
    pub value: f64,
    /// Whether a field that it needs was missing.
    pub needs_missing: bool,
}

/// Settles a derived field: the computed value, unless a field that it needs was missing and
/// the application gives a value. Leaving it out is no adjustment.
///
/// # Errors
/// Where the given value contradicts the formula and the schema's `mismatch` is `error`, and
/// where [`resolve`] refuses the value that counts.
pub fn resolve_derived(
    feature: &Feature,
    derived: &Derived,
    given: Reading,
    computed: Computed,
    imputed: f64,
) -> Result<Resolved, ValueError> {
    let counts = if computed.value.is_nan() {
        Reading::Missing
    } else {
        Reading::Is(computed.value)
    };
    match given {
        Reading::Is(_) if computed.needs_missing => resolve(feature, given, imputed),
        Reading::Is(value)
            if !computed.value.is_nan() && !derived.agrees(value, computed.value) =>
        {
            if derived.mismatch == Mismatch::Error {
                let message = mismatch_message(derived, computed.value);
                return Err(ValueError::new("derived_mismatch", message));
            }
            let resolved = resolve(feature, counts, imputed)?;
            Ok(Resolved {
                adjusted: Some(
                    resolved
                        .adjusted
                        .unwrap_or(Adjustment::Mismatch(derived.mismatch)),
                ),
                ..resolved
            })
        }
        Reading::Is(_) | Reading::Missing | Reading::Unknown => resolve(feature, counts, imputed),
    }
}

fn resolve_missing(feature: &Feature, imputed: f64) -> Result<Resolved, ValueError> {
    let value = match feature.missing {
        Missing::Error => return Err(ValueError::new("missing", "Field required")),
        Missing::Impute | Missing::MostFrequent => imputed,
        Missing::Zero => 0.0,
        Missing::Other => other_code(feature),
        Missing::Native => f64::NAN,
    };
    Ok(Resolved {
        value,
        adjusted: Some(Adjustment::Missing(feature.missing)),
    })
}

fn resolve_unknown(feature: &Feature, imputed: f64) -> Result<Resolved, ValueError> {
    let Some(categories) = feature.categories() else {
        return Err(ValueError::new(
            "enum",
            "Input should be one of the feature's values",
        ));
    };
    let value = match categories.unknown {
        Unknown::Error => {
            return Err(ValueError::new(
                "enum",
                format!("Input should be {}", listed(&categories.values)),
            ));
        }
        Unknown::MostFrequent => imputed,
        Unknown::Other => other_code(feature),
    };
    Ok(Resolved {
        value,
        adjusted: Some(Adjustment::Unknown(categories.unknown)),
    })
}

fn resolve_outside(range: &Range, value: f64, imputed: f64) -> Result<Resolved, ValueError> {
    let to = match range.policy {
        OutOfRange::Error => {
            return Err(outside(range, value).unwrap_or_else(|| {
                ValueError::new("finite_number", "Input should be a finite number")
            }));
        }
        OutOfRange::Impute => imputed,
        OutOfRange::Clamp => clamp(range, value),
    };
    Ok(Resolved {
        value: to,
        adjusted: Some(Adjustment::OutOfRange(range.policy)),
    })
}

/// The nearer bound; the schema's check guarantees that both are inclusive.
fn clamp(range: &Range, value: f64) -> f64 {
    match (range.lower, range.upper) {
        (Some(lower), _) if value < lower.value => lower.value,
        (_, Some(upper)) if value > upper.value => upper.value,
        _ => value,
    }
}

/// The code of "no category": one past the last.
fn other_code(feature: &Feature) -> f64 {
    feature.categories().map_or(0.0, |c| c.values.len() as f64)
}

/// `'a', 'b' or 'c'`; a list is shortened after twenty.
fn listed(values: &[String]) -> String {
    const SHOWN: usize = 20;
    let mut text = String::new();
    for (nth, value) in values.iter().take(SHOWN).enumerate() {
        let is_last = nth > 0 && nth + 1 == values.len();
        text.push_str(match nth {
            0 => "",
            _ if is_last => " or ",
            _ => ", ",
        });
        text.push('\'');
        text.push_str(value);
        text.push('\'');
    }
    if values.len() > SHOWN {
        text.push_str(&format!(" or one of {} others", values.len() - SHOWN));
    }
    text
}
