//! Derived fields: numbers that the module computes from other inputs.

use bincode::Encode;
use serde::Deserialize;

use super::{Feature, FeatureKind, Names, Purpose, Role, Schema, SchemaProblem};
use crate::expression::{Expression, round};
use crate::literal::number_text;

/// Decimals that a derived field may be rounded to.
pub(super) const MAX_DECIMALS: u8 = 15;

/// How a field is computed.
#[derive(Debug, Clone, PartialEq, Encode)]
pub struct Derived {
    /// The formula, over the inputs of the schema.
    pub formula: Expression,
    /// The formula as it was written.
    pub source: String,
    /// Decimals that the result is rounded to, at most 15; not rounded where there is none.
    pub decimals: Option<u8>,
    /// What happens to a given value that contradicts the formula.
    pub mismatch: Mismatch,
}

/// What happens to a given value that contradicts the formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mismatch {
    /// The application is refused.
    #[default]
    Error,
    /// The computed value is used.
    Overwrite,
}

impl Mismatch {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Overwrite => "overwrite",
        }
    }
}

impl Derived {
    /// The value that follows from the others: a value for each feature of the schema, NaN for
    /// what is missing. NaN where there is none, such as after a division by 0. `stack` is
    /// scratch memory.
    #[must_use]
    pub fn compute(&self, values: &[f64], stack: &mut Vec<f64>) -> f64 {
        let value = self.formula.evaluate(values, stack);
        self.decimals
            .map_or(value, |decimals| round(value, decimals))
    }

    /// Whether a given value is the computed one, as others may round it: within 1.5 units of
    /// the last decimal, or, where nothing is rounded, within a billionth.
    #[must_use]
    pub fn agrees(&self, given: f64, computed: f64) -> bool {
        let unit = match self.decimals {
            // A power of ten is exact up to 10^22; its inverse is the nearest number.
            Some(decimals) => 1.0 / (0..decimals).fold(1.0, |power, _| power * 10.0),
            None => 1e-9 * computed.abs().max(1e-9),
        };
        // The subtraction rounds as well: half an ulp of the larger one.
        let slack = f64::EPSILON * given.abs().max(computed.abs());
        (given - computed).abs() <= 1.5 * unit + slack
    }
}

impl Schema {
    /// The derived fields with their indices, as the artifact stores them.
    pub(crate) fn derived(&self) -> Vec<(u32, Derived)> {
        let features = self.features.iter().zip(0..);
        features
            .filter_map(|(feature, index)| Some((index, (**feature.derived.as_ref()?).clone())))
            .collect()
    }

    /// What [`Schema::derived`] gave.
    pub(crate) fn set_derived(&mut self, stored: Vec<(u32, Derived)>) -> Result<(), &'static str> {
        for (index, derived) in stored {
            let feature = self.features.get_mut(index as usize);
            feature.ok_or("a derived field is no feature")?.derived = Some(Box::new(derived));
        }
        Ok(())
    }

    /// The derived inputs as indices of features, each behind those that it needs.
    ///
    /// The schema's check refuses circles; what is in one is left out.
    #[must_use]
    pub fn derivation_order(&self) -> Vec<usize> {
        let mut order = Vec::new();
        loop {
            let ready = (0..self.features.len()).filter(|index| {
                let derived = self.features[*index].derived.as_ref();
                !order.contains(index)
                    && derived.is_some_and(|derived| self.is_ready(derived, &order))
            });
            let ready: Vec<usize> = ready.collect();
            if ready.is_empty() {
                return order;
            }
            order.extend(ready);
        }
    }

    fn is_ready(&self, derived: &Derived, computed: &[usize]) -> bool {
        derived.formula.fields().into_iter().all(|need| {
            let need = usize::from(need);
            let is_given = (self.features.get(need)).is_some_and(|field| field.derived.is_none());
            is_given || computed.contains(&need)
        })
    }
}

/// What the derived fields of a schema must satisfy.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaProblem> {
    let types = Names::new(schema, Purpose::Derived).types();
    let order = schema.derivation_order();
    for (index, feature) in schema.features.iter().enumerate() {
        let Some(derived) = &feature.derived else {
            continue;
        };
        check_one(feature, derived)
            .and_then(|()| derived.formula.check(&types, false))
            .and_then(|()| {
                if order.contains(&index) {
                    Ok(())
                } else if derived.formula.fields().contains(&(index as u16)) {
                    Err("the formula names the field itself: name others".to_owned())
                } else {
                    Err(
                        "the formula needs the field itself, by way of others: break the circle"
                            .to_owned(),
                    )
                }
            })
            .map_err(|message| SchemaProblem {
                feature: Some(feature.name.clone()),
                key: "derived",
                message,
            })?;
    }
    Ok(())
}

fn check_one(feature: &Feature, derived: &Derived) -> Result<(), String> {
    if !matches!(feature.kind, FeatureKind::Number(_)) || feature.role != Role::Input {
        return Err("only an input of type number can be derived".into());
    }
    match derived.decimals {
        Some(decimals) if decimals > MAX_DECIMALS => Err(format!(
            "round: expected 0 to {MAX_DECIMALS} decimals, got {decimals}"
        )),
        _ => Ok(()),
    }
}

/// Why a given value is refused.
pub(crate) fn mismatch_message(derived: &Derived, computed: f64) -> String {
    format!(
        "Input should be {}, which is {}: leave the field out and it is computed",
        number_text(computed),
        derived.source
    )
}
