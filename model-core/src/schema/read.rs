//! The TOML form of the schema; every error names its line.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::languages::{self, FeatureTexts, default_languages};
use super::{
    Bound, Categories, Derived, Encoding, Example, Feature, FeatureKind, MAX_CATEGORIES, Mismatch,
    Missing, Monotonic, Names, OutOfRange, Purpose, Range, Role, Schema, SchemaProblem, Target,
    TargetKind, Unknown,
};
use crate::expression::{Expression, ExpressionError, Span, span};
use crate::literal::number_text;
use crate::position::{Lines, within_string};
use crate::texts::{RawTexts, Texts};
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
    /// What is not wrong but incomplete: texts that a language lacks.
    pub warnings: Vec<SchemaError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSchema {
    name: String,
    version: String,
    title: Option<String>,
    description: Option<String>,
    max_adjustments: Option<u32>,
    #[serde(default)]
    missing_values: Vec<String>,
    #[serde(default = "default_languages")]
    languages: Vec<String>,
    feature: Vec<RawFeature>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFeature {
    name: String,
    r#type: RawType,
    #[serde(default)]
    role: RawRole,
    label: Option<RawTexts>,
    help: Option<RawTexts>,
    unit: Option<String>,
    example: Option<RawExample>,
    minimum: Option<f64>,
    exclusive_minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_maximum: Option<f64>,
    categories: Option<Vec<String>>,
    category_labels: Option<BTreeMap<String, RawTexts>>,
    encoding: Option<Encoding>,
    missing: Option<Missing>,
    monotonic: Option<Monotonic>,
    unknown: Option<Unknown>,
    out_of_range: Option<OutOfRange>,
    derived: Option<String>,
    round: Option<u8>,
    mismatch: Option<Mismatch>,
    positive: Option<RawPositive>,
    positive_label: Option<String>,
    negative_label: Option<String>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
enum RawType {
    Number,
    Integer,
    Boolean,
    Category,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Default)]
#[serde(rename_all = "snake_case")]
enum RawRole {
    #[default]
    Input,
    Protected,
    Ignored,
    Target,
}

#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected a boolean, a number or a text")]
enum RawExample {
    Boolean(bool),
    Number(f64),
    Text(String),
}

#[derive(Deserialize, Clone)]
#[serde(untagged, expecting = "expected true, false or a category in quotes")]
enum RawPositive {
    Boolean(bool),
    Text(String),
}

/// A problem before the schema is whole.
struct Problem {
    /// The index of the entry.
    feature: usize,
    key: &'static str,
    /// The byte of the key's text, where it is about a part of it.
    inside: Option<usize>,
    message: String,
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
            let offset = match (inside, document.as_ref()) {
                (Some(inside), Some(document)) => value_offset(document.get_ref(), feature, key)
                    .map_or(0, |start| within_string(text, start, inside)),
                _ => offset_of(Some(feature), key),
            };
            let message = match names.get(feature) {
                Some(name) => format!("feature '{name}', {key}: {message}"),
                None => message,
            };
            at(offset, message)
        };
        let mut warnings = Vec::new();
        let schema = convert(raw, &mut warnings).map_err(place)?;
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

fn convert(raw: RawSchema, warnings: &mut Vec<Problem>) -> Result<Schema, Problem> {
    let mut features = Vec::with_capacity(raw.feature.len());
    let mut target = None;
    let mut derived = Vec::new();
    let count = raw.feature.len();
    for (index, feature) in raw.feature.into_iter().enumerate() {
        let here = |(key, message): (&'static str, String)| Problem {
            feature: index,
            key,
            inside: None,
            message,
        };
        if feature.role == RawRole::Target {
            if target.is_some() {
                return Err(here((
                    "role",
                    "another feature is the target already".into(),
                )));
            }
            target = Some(convert_target(feature).map_err(here)?);
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
            let mut absent = Vec::new();
            let feature = convert_feature(feature, &raw.languages, &mut absent).map_err(here)?;
            features.push(feature);
            warnings.extend(absent.into_iter().map(here));
        }
    }
    let target = target.ok_or_else(|| Problem {
        feature: count,
        key: "feature",
        inside: None,
        message: "no feature has role = \"target\": the model must learn one column".into(),
    })?;
    let mut schema = Schema {
        name: raw.name,
        version: raw.version,
        title: raw.title,
        description: raw.description,
        max_adjustments: raw.max_adjustments,
        missing_values: raw.missing_values,
        features,
        target,
        languages: raw.languages,
    };
    for raw in derived {
        let (index, feature) = (raw.index, raw.feature);
        let derived = convert_derived(raw, &schema).map_err(|error| Problem {
            feature: index,
            key: "derived",
            inside: Some(error.at),
            message: error.message,
        })?;
        schema.features[feature].derived = Some(Box::new(derived));
    }
    Ok(schema)
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

type Converted<T> = Result<T, (&'static str, String)>;

/// What is incomplete about a feature: the key, a sentence.
type Absent = Vec<(&'static str, String)>;

fn convert_feature(
    raw: RawFeature,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<Feature> {
    refuse_keys(
        &raw,
        "only the target takes it",
        &["positive", "positive_label", "negative_label"],
    )?;
    if raw.role == RawRole::Ignored {
        let unused = ["missing", "unknown", "out_of_range", "encoding"];
        refuse_keys(&raw, "an ignored feature has no policy", &unused)?;
    }
    if raw.derived.is_none() {
        refuse_keys(
            &raw,
            "only a derived field takes it",
            &["round", "mismatch"],
        )?;
    }
    if raw.role != RawRole::Input {
        refuse_keys(&raw, "only an input takes it", &["monotonic"])?;
    }
    if raw.encoding != Some(Encoding::Ordinal) && raw.r#type == RawType::Category {
        let why = "categories have an order only with encoding = \"ordinal\"";
        refuse_keys(&raw, why, &["monotonic"])?;
    }
    let texts = convert_texts(&raw, languages, absent)?;
    Ok(Feature {
        kind: convert_kind(&raw, &texts)?,
        translations: texts.translations(languages.len()),
        role: match raw.role {
            RawRole::Protected => Role::Protected,
            RawRole::Ignored => Role::Ignored,
            RawRole::Input | RawRole::Target => Role::Input,
        },
        missing: raw.missing.unwrap_or_default(),
        monotonic: raw.monotonic,
        derived: None,
        example: raw.example.map(|example| match example {
            RawExample::Boolean(value) => Example::Boolean(value),
            RawExample::Number(value) => Example::Number(value),
            RawExample::Text(value) => Example::Text(value),
        }),
        name: raw.name,
        label: texts.label.map(|texts| texts.first().to_owned()),
        help: texts.help.map(|texts| texts.first().to_owned()),
        unit: raw.unit,
    })
}

/// Every text in every language.
fn convert_texts(
    raw: &RawFeature,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<FeatureTexts> {
    let mut resolve = |key: &'static str, prefix: &str, text: &RawTexts| {
        let (texts, lacking) =
            (text.resolve(languages)).map_err(|message| (key, format!("{prefix}{message}")))?;
        absent.extend(lacking.iter().map(|language| {
            let message = "the first language is used";
            (
                key,
                format!("{prefix}there is no text in '{language}': {message}"),
            )
        }));
        Ok(texts)
    };
    let mut one = |key: &'static str, text: &Option<RawTexts>| {
        text.as_ref().map(|text| resolve(key, "", text)).transpose()
    };
    let (label, help) = (one("label", &raw.label)?, one("help", &raw.help)?);
    let labels = raw.category_labels.as_ref();
    let categories = raw.categories.iter().flatten().map(|value| {
        match labels.and_then(|labels| labels.get(value)) {
            Some(text) => resolve("category_labels", &format!("'{value}': "), text),
            None => Ok(Texts(vec![value.clone(); languages.len()])),
        }
    });
    Ok(FeatureTexts {
        label,
        help,
        categories: categories.collect::<Converted<_>>()?,
    })
}

fn convert_kind(raw: &RawFeature, texts: &FeatureTexts) -> Converted<FeatureKind> {
    let numeric = matches!(raw.r#type, RawType::Number | RawType::Integer);
    if !numeric {
        let keys = [
            "minimum",
            "exclusive_minimum",
            "maximum",
            "exclusive_maximum",
            "out_of_range",
            "unit",
        ];
        refuse_keys(raw, "only a number or integer takes it", &keys)?;
    }
    if raw.r#type != RawType::Category {
        let keys = ["categories", "category_labels", "encoding", "unknown"];
        refuse_keys(raw, "only a category takes it", &keys)?;
    }
    match raw.r#type {
        RawType::Number => Ok(FeatureKind::Number(convert_range(raw)?)),
        RawType::Integer => Ok(FeatureKind::Integer(convert_range(raw)?)),
        RawType::Boolean => Ok(FeatureKind::Boolean),
        // An ignored column needs no list: it is never read.
        RawType::Category if raw.role == RawRole::Ignored && raw.categories.is_none() => {
            Ok(FeatureKind::Category(Categories {
                values: Vec::new(),
                labels: Vec::new(),
                encoding: Encoding::OneHot,
                unknown: Unknown::Error,
            }))
        }
        RawType::Category => convert_categories(raw, texts).map(FeatureKind::Category),
    }
}

fn convert_range(raw: &RawFeature) -> Converted<Range> {
    let bound = |inclusive: Option<f64>, exclusive: Option<f64>, key: &'static str| match (
        inclusive, exclusive,
    ) {
        (Some(_), Some(_)) => Err((
            key,
            "give the inclusive or the exclusive one, not both".into(),
        )),
        (Some(value), None) => Ok(Some(Bound {
            value,
            exclusive: false,
        })),
        (None, Some(value)) => Ok(Some(Bound {
            value,
            exclusive: true,
        })),
        (None, None) => Ok(None),
    };
    Ok(Range {
        lower: bound(raw.minimum, raw.exclusive_minimum, "exclusive_minimum")?,
        upper: bound(raw.maximum, raw.exclusive_maximum, "exclusive_maximum")?,
        policy: raw.out_of_range.unwrap_or_default(),
    })
}

fn convert_categories(raw: &RawFeature, texts: &FeatureTexts) -> Converted<Categories> {
    let values = raw.categories.clone().ok_or((
        "type",
        "a category needs its list: categories = [\"…\", \"…\"]".to_owned(),
    ))?;
    if values.len() > MAX_CATEGORIES {
        let got = values.len();
        let why = format!(
            "at most {MAX_CATEGORIES} categories, got {got}: merge the rare ones, or give the feature role = \"ignored\" if it only names the row"
        );
        return Err(("categories", why));
    }
    let mut labels = raw.category_labels.iter().flat_map(BTreeMap::keys);
    if let Some(stray) = labels.find(|key| !values.contains(key)) {
        return Err((
            "category_labels",
            format!("'{stray}' is not one of the categories"),
        ));
    }
    Ok(Categories {
        labels: texts.category_labels(),
        values,
        encoding: raw.encoding.unwrap_or_default(),
        unknown: raw.unknown.unwrap_or_default(),
    })
}

fn convert_target(raw: RawFeature) -> Converted<Target> {
    let unused = [
        "missing",
        "monotonic",
        "unknown",
        "out_of_range",
        "encoding",
        "example",
        "derived",
        "round",
        "mismatch",
        "minimum",
        "maximum",
        "exclusive_minimum",
        "exclusive_maximum",
    ];
    refuse_keys(&raw, "the target does not take it", &unused)?;
    let kind = match raw.r#type {
        RawType::Boolean => {
            refuse_keys(&raw, "a boolean target does not take it", &["categories"])?;
            true_or_false(&raw)?
        }
        RawType::Category => two_categories(&raw)?,
        RawType::Number | RawType::Integer => {
            let message = "a target is boolean, or a category with two categories";
            return Err(("type", message.into()));
        }
    };
    Ok(Target {
        name: raw.name,
        kind,
        positive_label: raw.positive_label.unwrap_or_else(|| "Approved".into()),
        negative_label: raw.negative_label.unwrap_or_else(|| "Rejected".into()),
    })
}

fn true_or_false(raw: &RawFeature) -> Converted<TargetKind> {
    match &raw.positive {
        Some(RawPositive::Text(text)) => Err((
            "positive",
            format!("expected true or false without quotes for a boolean, got '{text}'"),
        )),
        Some(RawPositive::Boolean(positive)) => Ok(TargetKind::Boolean {
            positive: *positive,
        }),
        None => Ok(TargetKind::Boolean { positive: true }),
    }
}

fn two_categories(raw: &RawFeature) -> Converted<TargetKind> {
    let Some([first, second]) = raw.categories.as_deref() else {
        return Err(("categories", "expected a list of two categories".into()));
    };
    match &raw.positive {
        Some(RawPositive::Text(positive)) if positive == first => Ok((first, second)),
        Some(RawPositive::Text(positive)) if positive == second => Ok((second, first)),
        Some(RawPositive::Text(other)) => Err((
            "positive",
            format!("'{other}' is not one of the categories"),
        )),
        Some(RawPositive::Boolean(value)) => Err((
            "positive",
            format!("expected one of the categories in quotes, got {value}"),
        )),
        None => Err(("categories", "which one means yes? positive = \"…\"".into())),
    }
    .map(|(positive, negative)| TargetKind::Category {
        positive: positive.clone(),
        negative: negative.clone(),
    })
}

fn refuse_keys(raw: &RawFeature, why: &str, keys: &[&'static str]) -> Converted<()> {
    let given = |key: &str| match key {
        "minimum" => raw.minimum.is_some(),
        "exclusive_minimum" => raw.exclusive_minimum.is_some(),
        "maximum" => raw.maximum.is_some(),
        "exclusive_maximum" => raw.exclusive_maximum.is_some(),
        "categories" => raw.categories.is_some(),
        "category_labels" => raw.category_labels.is_some(),
        "encoding" => raw.encoding.is_some(),
        "missing" => raw.missing.is_some(),
        "monotonic" => raw.monotonic.is_some(),
        "unknown" => raw.unknown.is_some(),
        "out_of_range" => raw.out_of_range.is_some(),
        "unit" => raw.unit.is_some(),
        "example" => raw.example.is_some(),
        "derived" => raw.derived.is_some(),
        "round" => raw.round.is_some(),
        "mismatch" => raw.mismatch.is_some(),
        "positive" => raw.positive.is_some(),
        "positive_label" => raw.positive_label.is_some(),
        "negative_label" => raw.negative_label.is_some(),
        _ => false,
    };
    match keys.iter().find(|key| given(key)) {
        Some(key) => Err((key, format!("{why}: remove it"))),
        None => Ok(()),
    }
}

/// The byte of a key: of the given feature, or of the schema itself. Where the key is not
/// written, that of what should hold it.
fn offset_within(text: &str, table: &DeTable<'_>, feature: Option<usize>, key: &str) -> usize {
    let Some(index) = feature else {
        return key_offset(table, key).unwrap_or(0);
    };
    let Some(entry) = entry(table, index) else {
        return text.trim_end().len();
    };
    let within = match entry.get_ref() {
        DeValue::Table(table) => key_offset(table, key),
        _ => None,
    };
    within.unwrap_or(entry.span().start)
}

fn entry<'t, 'v>(table: &'t DeTable<'v>, index: usize) -> Option<&'t Spanned<DeValue<'v>>> {
    match table.get("feature").map(|value| value.get_ref()) {
        Some(DeValue::Array(features)) => features.get(index),
        _ => None,
    }
}

/// The byte where the value of a feature's key begins.
fn value_offset(table: &DeTable<'_>, index: usize, key: &str) -> Option<usize> {
    match entry(table, index)?.get_ref() {
        DeValue::Table(table) => Some(table.get(key)?.span().start),
        _ => None,
    }
}

fn key_offset(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (key, _) = table.iter().find(|(name, _)| name.get_ref() == key)?;
    Some(key.span().start)
}
