//! The TOML form of the schema; every error names its line.

mod actionable;
mod coding;
mod feature;
mod positions;
mod raw;
mod reasons;
mod target;

use toml::de::DeTable;

pub use self::coding::Coding;
use self::coding::take_coding;
use self::feature::{convert_feature, resolve_optional};
use self::positions::{offset_within, value_offset};
use self::raw::{RawRole, RawSchema};
use self::reasons::{RawOwned, convert_reasons};
use self::target::convert_target;
use super::languages::FeatureTexts;
use super::{
    Derived, Feature, Mismatch, Names, Purpose, Reasons, Role, Schema, SchemaProblem, languages,
};
use crate::expression::{Expression, ExpressionError, Span, span};
use crate::literal::number_text;
use crate::position::{Lines, within_string};
use crate::texts::{RawTexts, check_line};
use crate::toml_words::for_people;

/// Why a schema could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SchemaError {
    /// The line of the TOML text, from 1.
    pub line: usize,
    /// The column in that line, from 1, in characters.
    pub column: usize,
    /// What was expected and what came.
    pub message: String,
}

/// A schema with what its file lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct SchemaFile {
    /// The schema.
    pub schema: Schema,
    /// How models from elsewhere take categories, where the file says so. Decisions and
    /// artifacts know nothing of it.
    pub codings: Vec<Coding>,
    /// What is not wrong but incomplete: texts that a language lacks.
    pub warnings: Vec<SchemaError>,
}

/// A problem before the schema is whole.
struct Problem {
    /// The index of the entry; none for a key at the top.
    feature: Option<usize>,
    key: &'static str,
    /// The byte of the key's text, where it is about a part of it.
    inside: Option<usize>,
    message: String,
}

impl Problem {
    /// Of a key, from its sentence.
    fn new(feature: Option<usize>, (key, message): (&'static str, String)) -> Self {
        Self {
            feature,
            key,
            inside: None,
            message,
        }
    }
}

impl SchemaFile {
    /// Reads and checks the TOML form.
    ///
    /// # Errors
    /// Names the line, what was expected and what came.
    pub fn from_toml(text: &str) -> Result<Self, SchemaError> {
        let positions = Lines::new(text);
        let at = |offset: usize, message: String| {
            let (line, column) = positions.position(offset);
            SchemaError {
                line,
                column,
                message,
            }
        };
        let raw: RawSchema = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            at(offset, for_people(error.message()))
        })?;
        let document = DeTable::parse(text).ok();
        let offset_of = |feature: Option<usize>, key: &str| {
            let document = document.as_ref();
            document.map_or(0, |document| {
                offset_within(text, document.get_ref(), feature, key)
            })
        };
        // Comes first: every other text is read by these.
        languages::check(&raw.languages).map_err(|message| {
            let offset = offset_of(None, "languages");
            at(offset, format!("languages: {message}"))
        })?;
        let names: Vec<_> = raw.feature.iter().map(|f| f.name.clone()).collect();
        let place = |problem: Problem| {
            let Problem {
                feature,
                key,
                inside,
                message,
            } = problem;
            let offset = match (inside, document.as_ref(), feature) {
                (Some(inside), Some(document), Some(feature)) => {
                    value_offset(document.get_ref(), feature, key)
                        .map_or(0, |start| within_string(text, start, inside))
                }
                _ => offset_of(feature, key),
            };
            let message = match feature.map(|feature| names.get(feature)) {
                Some(Some(name)) => format!("feature '{name}', {key}: {message}"),
                Some(None) => message,
                None => format!("{key}: {message}"),
            };
            at(offset, message)
        };
        let (mut warnings, mut codings) = (Vec::new(), Vec::new());
        let schema = convert(raw, &mut warnings, &mut codings).map_err(place)?;
        schema.check().map_err(|problem| {
            let offset = offset_of(index_of(&names, &problem), problem.key);
            at(offset, problem.to_string())
        })?;
        results(&schema).map_err(|problem| {
            let offset = offset_of(index_of(&names, &problem), problem.key);
            at(offset, problem.to_string())
        })?;
        Ok(Self {
            schema,
            codings,
            warnings: warnings.into_iter().map(place).collect(),
        })
    }
}

/// Checks that each formula has a result that its field can take: one that never has is a
/// mistake of the formula, not of the data.
fn results(schema: &Schema) -> Result<(), SchemaProblem> {
    let of_field = |place: u16| {
        let feature = schema.features.get(usize::from(place));
        feature.map_or(Span::NEVER, Feature::span)
    };
    for feature in &schema.features {
        let Some(derived) = &feature.derived else {
            continue;
        };
        let result = span(derived.formula.ops(), of_field, |_, _| {});
        let range = feature.span();
        let message = if result.is_empty() {
            "the formula never has a result, whatever its fields are".to_owned()
        } else if result.and(range).is_empty() {
            format!(
                "the formula gives {} to {}, never a value of the field's range",
                number_text(result.low),
                number_text(result.high)
            )
        } else {
            continue;
        };
        return Err(SchemaProblem {
            feature: Some(feature.name.clone()),
            key: "derived",
            message,
        });
    }
    Ok(())
}

/// Which `[[feature]]` a problem is about: the last of that name, since of two with one
/// name the second is to blame.
fn index_of(names: &[String], problem: &SchemaProblem) -> Option<usize> {
    let name = problem.feature.as_ref()?;
    names.iter().rposition(|n| n == name)
}

fn convert(
    raw: RawSchema,
    warnings: &mut Vec<Problem>,
    codings: &mut Vec<Coding>,
) -> Result<Schema, Problem> {
    let mut texts = own_texts(&raw, warnings)?;
    let mut features = Vec::with_capacity(raw.feature.len());
    let mut target = None;
    let mut derived = Vec::new();
    let count = raw.feature.len();
    let mut owned = Vec::new();
    for (index, mut feature) in raw.feature.into_iter().enumerate() {
        let here = |text| Problem::new(Some(index), text);
        check_line(&feature.name).map_err(|message| here(("name", message)))?;
        let mut absent = Vec::new();
        codings.extend(take_coding(&mut feature).map_err(here)?);
        if feature.role == RawRole::Target {
            if target.is_some() {
                return Err(here((
                    "role",
                    "another feature is the target already".into(),
                )));
            }
            let (converted, labels) =
                convert_target(feature, &raw.languages, &mut absent).map_err(here)?;
            texts.categories = labels;
            target = Some(converted);
        } else {
            if let Some(source) = &feature.derived {
                derived.push(RawDerived {
                    index,
                    feature: features.len(),
                    source: source.clone(),
                    decimals: feature.round,
                    mismatch: feature.mismatch.unwrap_or_default(),
                });
            }
            let reason = feature.reason.take();
            let feature = convert_feature(feature, &raw.languages, &mut absent).map_err(here)?;
            if let Some(reason) = reason {
                if feature.role != Role::Input {
                    return Err(here(("reason", "only an input takes it: remove it".into())));
                }
                owned.push(RawOwned {
                    index,
                    feature: features.len(),
                    reason,
                });
            }
            features.push(feature);
        }
        warnings.extend(absent.into_iter().map(here));
    }
    let target = target.ok_or_else(|| Problem {
        feature: Some(count),
        key: "feature",
        inside: None,
        message: "no feature has role = \"target\": the model must learn one column".into(),
    })?;
    let mut schema = Schema {
        name: raw.name,
        version: raw.version,
        translations: texts.own_translations(raw.languages.len()),
        title: texts.label.map(|texts| texts.first().to_owned()),
        description: texts.help.map(|texts| texts.first().to_owned()),
        max_adjustments: raw.max_adjustments,
        missing_values: raw.missing_values.into(),
        features,
        target,
        languages: raw.languages,
        reasons: Reasons::default(),
    };
    for raw in derived {
        let (index, feature) = (raw.index, raw.feature);
        let derived = convert_derived(raw, &schema).map_err(|error| Problem {
            feature: Some(index),
            key: "derived",
            inside: Some(error.at),
            message: error.message,
        })?;
        schema.features[feature].derived = Some(Box::new(derived));
    }
    let about = |(feature, message): (Option<usize>, String)| Problem {
        feature,
        key: if feature.is_some() {
            "reason"
        } else {
            "reasons"
        },
        inside: None,
        message,
    };
    let mut lacking = Vec::new();
    schema.reasons = convert_reasons(raw.reasons, owned, &schema, &mut lacking).map_err(about)?;
    warnings.extend(lacking.into_iter().map(about));
    Ok(schema)
}

/// The title and the description in every language.
fn own_texts(raw: &RawSchema, warnings: &mut Vec<Problem>) -> Result<FeatureTexts, Problem> {
    let here = |text| Problem::new(None, text);
    let mut absent = Vec::new();
    let mut resolve = |key, text: &Option<RawTexts>| {
        resolve_optional(key, text.as_ref(), &raw.languages, &mut absent).map_err(here)
    };
    let label = resolve("title", &raw.title)?;
    let help = resolve("description", &raw.description)?;
    warnings.extend(absent.into_iter().map(here));
    Ok(FeatureTexts {
        label,
        help,
        categories: Vec::new(),
    })
}

/// A derived field before the names of its formula are known.
struct RawDerived {
    /// Of the entry in the file.
    index: usize,
    /// Of the feature in the schema.
    feature: usize,
    source: String,
    decimals: Option<u8>,
    mismatch: Mismatch,
}

fn convert_derived(raw: RawDerived, schema: &Schema) -> Result<Derived, ExpressionError> {
    let names = Names::new(schema, Purpose::Derived);
    let formula = Expression::formula(&raw.source, &names)?;
    Ok(Derived {
        formula: formula.expression,
        source: raw.source,
        decimals: raw.decimals,
        mismatch: raw.mismatch,
    })
}
