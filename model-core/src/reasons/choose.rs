//! From contributions to reasons: which, in what order, in which words.

use crate::schema::{Encoding, Feature, FeatureKind, Reason, Schema, Variant, When};

/// Of the points lost, what a reason must count beside others.
const LEAST_SHARE: f64 = 0.02;

/// A reason that the score gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor<'s> {
    /// Of the schema's reason, or the name of the feature.
    pub code: &'s str,
    /// What an applicant is told.
    pub text: &'s str,
    /// The inputs that pulled towards decline, by name, in schema order.
    pub features: Vec<&'s str>,
    /// Of all that pulled towards decline, 0 to 1.
    pub share: f64,
}

/// An input, or those of a group.
#[derive(Debug)]
pub(super) struct Unit {
    inputs: Vec<usize>,
    group: Option<usize>,
}

/// The inputs of a schema as they give reasons, in the order of their first ones.
pub(super) fn units(schema: &Schema) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let indices = (0u32..).zip(&schema.features);
    let inputs = indices.filter(|(_, feature)| feature.role == crate::schema::Role::Input);
    for (input, (index, _)) in inputs.enumerate() {
        let mut groups = schema.reasons.groups.iter();
        let group = groups.position(|group| group.features.contains(&index));
        let known = units
            .iter_mut()
            .find(|unit| group.is_some() && unit.group == group);
        match known {
            Some(unit) => unit.inputs.push(input),
            None => units.push(Unit {
                inputs: vec![input],
                group,
            }),
        }
    }
    units
}

/// What is known about an application.
pub(super) struct Application<'a> {
    pub(super) schema: &'a Schema,
    /// The inputs of the schema.
    pub(super) inputs: &'a [Feature],
    pub(super) units: &'a [Unit],
    pub(super) contributions: &'a [f64],
    /// Of each input, where its value is.
    pub(super) cases: &'a [When],
    /// Of each input, its value in the model's terms.
    pub(super) row: &'a [f64],
}

impl<'a> Application<'a> {
    /// At most `max` reasons, and one more where a further one counts inquiries: those that
    /// pulled towards decline, by what they pulled, ties in the order of the schema. What
    /// counts less than 2 % of all is none, unless it is the only one.
    pub(super) fn choose(&self, max: usize, language: usize) -> Vec<Factor<'a>> {
        let totals: Vec<f64> = (self.units.iter())
            .map(|unit| unit.inputs.iter().map(|i| self.contributions[*i]).sum())
            .collect();
        let lost = totals.iter().fold(0.0, |lost, total| lost + total.min(0.0));
        let mut chosen: Vec<usize> = Vec::new();
        let mut factors = Vec::new();
        while factors.len() <= max {
            let mut next: Option<usize> = None;
            for (nth, &total) in totals.iter().enumerate() {
                let more = factors.len() < max || self.counts_inquiries(nth);
                // Not below an equal one before it.
                let first = next.is_none_or(|best| total < totals[best]);
                if total < 0.0 && more && first && !chosen.contains(&nth) {
                    next = Some(nth);
                }
            }
            let Some(nth) = next else { break };
            let share = totals[nth] / lost;
            if share < LEAST_SHARE && !factors.is_empty() {
                break;
            }
            chosen.push(nth);
            factors.push(self.factor(&self.units[nth], share, language));
        }
        factors
    }

    fn reason(&self, unit: &Unit) -> Option<&'a Reason> {
        match unit.group {
            Some(group) => Some(&self.schema.reasons.groups[group].reason),
            None => self.inputs[unit.inputs[0]].reason.as_deref(),
        }
    }

    fn counts_inquiries(&self, unit: usize) -> bool {
        self.reason(&self.units[unit])
            .is_some_and(|reason| reason.inquiries)
    }

    fn factor(&self, unit: &Unit, share: f64, language: usize) -> Factor<'a> {
        let pulled = || (unit.inputs.iter().copied()).filter(|i| self.contributions[*i] < 0.0);
        // The one that pulled most says in which case they are.
        let worst = pulled().fold(unit.inputs[0], |worst, input| {
            if self.contributions[input] < self.contributions[worst] {
                input
            } else {
                worst
            }
        });
        let inputs = self.inputs;
        let (code, text) = match self
            .reason(unit)
            .and_then(|reason| self.variant(reason, worst))
        {
            Some(variant) => {
                let text = variant.text.0.get(language).map_or("", String::as_str);
                (variant.code.as_str(), text)
            }
            None => (inputs[worst].name.as_str(), label(&inputs[worst], language)),
        };
        Factor {
            code,
            text,
            features: pulled().map(|input| inputs[input].name.as_str()).collect(),
            share,
        }
    }

    fn variant(&self, reason: &'a Reason, input: usize) -> Option<&'a Variant> {
        let case = self.cases[input];
        let category = match &self.inputs[input].kind {
            FeatureKind::Category(_) if !matches!(case, When::Missing | When::Clamped) => {
                reason.variant(When::Category(self.row[input] as u32))
            }
            _ => None,
        };
        category
            .or_else(|| reason.variant(case))
            .or_else(|| reason.variant(When::Always))
    }
}

/// What forms call a feature.
fn label(feature: &Feature, language: usize) -> &str {
    let translated = language.checked_sub(1).and_then(|nth| {
        let translation = feature.translations.get(nth)?;
        translation.label.as_deref()
    });
    translated.unwrap_or_else(|| feature.display_label())
}

/// Whether the values of a feature are more or less of something.
pub(super) fn is_ordered(feature: &Feature) -> bool {
    (feature.categories()).is_none_or(|categories| categories.encoding == Encoding::Ordinal)
}
