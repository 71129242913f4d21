//! Reason codes: from their keys in the file to what the schema holds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::reasons::MAX_REASONS;
use super::super::{Compare, Feature, FeatureKind, Reasons, Role, Schema, Variant, When};
use crate::texts::{RawTexts, Texts, check_code, check_line};

/// The table `[reasons]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReasons {
    #[serde(default)]
    compare: Compare,
    max: Option<u32>,
    #[serde(default)]
    in_answer: bool,
    #[serde(default)]
    group: Vec<RawGroup>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGroup {
    features: Vec<String>,
    code: String,
    text: RawTexts,
    missing: Option<RawVariant>,
    clamped: Option<RawVariant>,
    #[serde(default)]
    inquiries: bool,
}

/// The key `reason` of a feature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawReason {
    code: String,
    text: RawTexts,
    low: Option<RawVariant>,
    high: Option<RawVariant>,
    missing: Option<RawVariant>,
    clamped: Option<RawVariant>,
    categories: Option<BTreeMap<String, RawVariant>>,
    #[serde(default)]
    inquiries: bool,
}

/// A text for one case, with a code of its own or that of the reason.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, a table of languages, or { code = \"…\", text = … }"
)]
enum RawVariant {
    Coded(RawCoded),
    Text(RawTexts),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCoded {
    code: String,
    text: RawTexts,
}

/// The key `reason` of a feature, with where it stands.
pub(super) struct RawOwned {
    /// Of the entry in the file.
    pub(super) index: usize,
    /// Of the feature in the schema.
    pub(super) feature: usize,
    pub(super) reason: RawReason,
}

/// What is incomplete: sentences, each with the entry that it is about; `None` for the table.
pub(super) type Lacking = Vec<(Option<usize>, String)>;

/// All that a file says about reasons.
///
/// # Errors
/// A sentence, with the entry that it is about.
pub(super) fn convert_reasons(
    raw: Option<RawReasons>,
    owned: Vec<RawOwned>,
    schema: &Schema,
    lacking: &mut Lacking,
) -> Result<Reasons, (Option<usize>, String)> {
    let mut reasons = Reasons::default();
    for one in owned {
        let RawOwned {
            index,
            feature,
            reason,
        } = one;
        let inquiries = reason.inquiries;
        let mut cases = Cases::new(schema, reason.code.clone(), feature as u32);
        cases
            .add_reason(reason, &schema.features[feature])
            .map_err(|message| (Some(index), message))?;
        reasons
            .inquiries
            .extend(inquiries.then_some(feature as u32));
        reasons.variants.extend(cases.variants);
        lacking.extend(
            cases
                .lacking
                .into_iter()
                .map(|message| (Some(index), message)),
        );
    }
    let Some(raw) = raw else {
        return Ok(reasons);
    };
    reasons.compare = raw.compare;
    reasons.max = raw.max.unwrap_or(reasons.max);
    reasons.in_answer = raw.in_answer;
    if !(1..=MAX_REASONS).contains(&reasons.max) {
        let max = reasons.max;
        let message = format!("max: expected 1 to {MAX_REASONS} reasons, got {max}");
        return Err((None, message));
    }
    for group in raw.group {
        add_group(&mut reasons, group, schema, lacking).map_err(|message| (None, message))?;
    }
    Ok(reasons)
}

fn add_group(
    reasons: &mut Reasons,
    group: RawGroup,
    schema: &Schema,
    lacking: &mut Lacking,
) -> Result<(), String> {
    let count = schema.features.len() as u32;
    if reasons.owners.is_empty() {
        reasons.owners = (0..count).collect();
    }
    let owner = reasons
        .owners
        .iter()
        .max()
        .map_or(count, |most| count.max(most + 1));
    if group.features.len() < 2 {
        return Err("a group has two features at least".into());
    }
    for name in &group.features {
        let index = schema
            .features
            .iter()
            .position(|feature| feature.name == *name);
        let index = index.ok_or_else(|| match schema.nearest_feature(name) {
            Some(nearest) => format!("a group names '{name}': did you mean '{nearest}'?"),
            None => format!("a group names '{name}': the schema has no such feature"),
        })?;
        let speaks = reasons.variant(index as u32, When::Always).is_some();
        let free = reasons.owner(index) == index as u32;
        if schema.features[index].role != Role::Input || speaks || !free {
            return Err(format!(
                "'{name}' is in a group: it must be an input, without a reason of its own and in no other group"
            ));
        }
        reasons.owners[index] = owner;
    }
    let mut cases = Cases::new(schema, group.code, owner);
    cases.add(When::Always, "", RawVariant::Text(group.text))?;
    cases.add_given(When::Missing, "missing", group.missing)?;
    cases.add_given(When::Clamped, "clamped", group.clamped)?;
    reasons.inquiries.extend(group.inquiries.then_some(owner));
    reasons.variants.extend(cases.variants);
    lacking.extend(cases.lacking.into_iter().map(|message| (None, message)));
    Ok(())
}

/// The cases of one owner.
struct Cases<'a> {
    languages: &'a [String],
    code: String,
    owner: u32,
    variants: Vec<Variant>,
    lacking: Vec<String>,
}

impl<'a> Cases<'a> {
    fn new(schema: &'a Schema, code: String, owner: u32) -> Self {
        Self {
            languages: &schema.languages,
            code,
            owner,
            variants: Vec::new(),
            lacking: Vec::new(),
        }
    }

    fn add_reason(&mut self, reason: RawReason, feature: &Feature) -> Result<(), String> {
        self.add(When::Always, "", RawVariant::Text(reason.text))?;
        self.add_given(When::Low, "low", reason.low)?;
        self.add_given(When::High, "high", reason.high)?;
        self.add_given(When::Missing, "missing", reason.missing)?;
        self.add_given(When::Clamped, "clamped", reason.clamped)?;
        for (category, variant) in reason.categories.unwrap_or_default() {
            let FeatureKind::Category(known) = &feature.kind else {
                return Err("only a category takes categories: remove it".into());
            };
            let code = known.values.iter().position(|value| *value == category);
            let code = code.ok_or_else(|| format!("'{category}' is not one of the categories"))?;
            self.add(When::Category(code as u32), &category, variant)?;
        }
        Ok(())
    }
    fn add_given(
        &mut self,
        when: When,
        name: &str,
        variant: Option<RawVariant>,
    ) -> Result<(), String> {
        variant.map_or(Ok(()), |variant| self.add(when, name, variant))
    }

    fn add(&mut self, when: When, name: &str, variant: RawVariant) -> Result<(), String> {
        let (code, raw) = match variant {
            RawVariant::Coded(coded) => (coded.code, coded.text),
            RawVariant::Text(text) => (self.code.clone(), text),
        };
        let prefix = match name {
            "" => format!("'{code}': "),
            _ => format!("'{code}', {name}: "),
        };
        check_code(&code)?;
        let text = self.texts(&raw, &prefix)?;
        self.variants.push(Variant {
            owner: self.owner,
            when,
            code,
            text,
        });
        Ok(())
    }

    fn texts(&mut self, raw: &RawTexts, prefix: &str) -> Result<Texts, String> {
        let (texts, absent) = raw
            .resolve(self.languages)
            .map_err(|message| format!("{prefix}{message}"))?;
        (texts.0.iter().try_for_each(|text| check_line(text)))
            .map_err(|message| format!("{prefix}{message}"))?;
        self.lacking.extend(absent.iter().map(|language| {
            format!("{prefix}there is no text in '{language}': the first language is used")
        }));
        Ok(texts)
    }
}
