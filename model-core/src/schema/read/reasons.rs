//! Reason codes: from their keys in the file to what the schema holds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::{
    Compare, Feature, FeatureKind, Reason, ReasonGroup, Reasons, Schema, Variant, When,
};
use crate::texts::{RawTexts, Texts};

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

/// What is incomplete: sentences.
pub(super) type Lacking = Vec<String>;

/// The reason of a feature.
///
/// # Errors
/// A sentence.
pub(super) fn convert_reason(
    raw: RawReason,
    feature: &Feature,
    languages: &[String],
    lacking: &mut Lacking,
) -> Result<Reason, String> {
    let mut cases = Cases::new(languages, raw.code, lacking);
    cases.add(When::Always, "", RawVariant::Text(raw.text))?;
    cases.add_given(When::Low, "low", raw.low)?;
    cases.add_given(When::High, "high", raw.high)?;
    cases.add_given(When::Missing, "missing", raw.missing)?;
    cases.add_given(When::Clamped, "clamped", raw.clamped)?;
    for (category, variant) in raw.categories.unwrap_or_default() {
        let FeatureKind::Category(known) = &feature.kind else {
            return Err("only a category takes categories: remove it".into());
        };
        let code = known.values.iter().position(|value| *value == category);
        let code = code.ok_or_else(|| format!("'{category}' is not one of the categories"))?;
        cases.add(When::Category(code as u32), &category, variant)?;
    }
    Ok(Reason {
        inquiries: raw.inquiries,
        variants: cases.variants,
    })
}

/// The table `[reasons]` of a schema.
///
/// # Errors
/// A sentence.
pub(super) fn convert_reasons(
    raw: RawReasons,
    schema: &Schema,
    lacking: &mut Lacking,
) -> Result<Reasons, String> {
    let mut groups = Vec::with_capacity(raw.group.len());
    for group in raw.group {
        let mut features = Vec::with_capacity(group.features.len());
        for name in &group.features {
            let index = schema.features.iter().position(|f| f.name == *name);
            let index = index.ok_or_else(|| match schema.nearest_feature(name) {
                Some(nearest) => {
                    format!("a group names '{name}': did you mean '{nearest}'?")
                }
                None => format!("a group names '{name}': the schema has no such feature"),
            })?;
            features.push(index as u32);
        }
        features.sort_unstable();
        let mut cases = Cases::new(&schema.languages, group.code, lacking);
        cases.add(When::Always, "", RawVariant::Text(group.text))?;
        cases.add_given(When::Missing, "missing", group.missing)?;
        cases.add_given(When::Clamped, "clamped", group.clamped)?;
        groups.push(ReasonGroup {
            features,
            reason: Reason {
                inquiries: group.inquiries,
                variants: cases.variants,
            },
        });
    }
    let default = Reasons::default();
    Ok(Reasons {
        compare: raw.compare,
        max: raw.max.unwrap_or(default.max),
        in_answer: raw.in_answer,
        groups,
    })
}

/// The cases of one reason.
struct Cases<'a> {
    languages: &'a [String],
    code: String,
    variants: Vec<Variant>,
    lacking: &'a mut Lacking,
}

impl<'a> Cases<'a> {
    fn new(languages: &'a [String], code: String, lacking: &'a mut Lacking) -> Self {
        Self {
            languages,
            code,
            variants: Vec::new(),
            lacking,
        }
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
        let text = self.texts(&raw, &prefix)?;
        self.variants.push(Variant { when, code, text });
        Ok(())
    }

    fn texts(&mut self, raw: &RawTexts, prefix: &str) -> Result<Texts, String> {
        let (texts, absent) = raw
            .resolve(self.languages)
            .map_err(|message| format!("{prefix}{message}"))?;
        if texts.0.iter().any(|text| text.contains(char::is_control)) {
            return Err(format!(
                "{prefix}a text is one line for people: it holds a control character"
            ));
        }
        self.lacking.extend(absent.iter().map(|language| {
            format!("{prefix}there is no text in '{language}': the first language is used")
        }));
        Ok(texts)
    }
}
