//! A feature: from the keys of its entry to its kind, policies and texts.

use std::collections::BTreeMap;

use super::super::languages::FeatureTexts;
use super::super::{
    Bound, Categories, Encoding, Example, Feature, FeatureKind, MAX_CATEGORIES, OutOfRange, Range,
    Role, Unknown,
};
use super::actionable;
use super::raw::{Converted, RawExample, RawFeature, RawRole, RawType, refuse_keys};
use crate::texts::{RawTexts, Texts, check_line};

const NO_ORDER: &str = "out_of_range = \"impute\" gives a number outside the range the place of \
    the median, which keeps no order: use \"clamp\" or \"error\", or remove monotonic";

/// What is incomplete about a feature: the key, a sentence.
pub(super) type Absent = Vec<(&'static str, String)>;

pub(super) fn convert_feature(
    raw: RawFeature,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<Feature> {
    refuse_keys(
        &raw,
        "only the target takes it",
        &[
            "positive",
            "positive_label",
            "negative_label",
            "positive_outcome",
            "negative_outcome",
        ],
    )?;
    let policies = ["missing", "unknown", "out_of_range", "encoding"];
    if raw.role == RawRole::Ignored {
        refuse_keys(&raw, "an ignored feature has no policy", &policies)?;
    } else if raw.role.sample().is_some() {
        refuse_keys(&raw, "no model sees such a column", &policies)?;
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
    if raw.monotonic.is_some() && raw.out_of_range == Some(OutOfRange::Impute) {
        return Err(("monotonic", NO_ORDER.into()));
    }
    if let Some(unit) = &raw.unit {
        check_line(unit).map_err(|message| ("unit", message))?;
    }
    let texts = convert_texts(&raw, languages, absent)?;
    let actions = actionable::take(&raw)?;
    let (kind, sample) = (convert_kind(&raw, &texts)?, raw.role.sample());
    if let Some(why) = sample.and_then(|role| role.refuses(&kind)) {
        return Err(("type", why.into()));
    }
    let mut feature = Feature {
        kind,
        sample,
        translations: texts.translations(languages.len()),
        role: match raw.role {
            RawRole::Protected => Role::Protected,
            RawRole::Ignored | RawRole::Time | RawRole::Group | RawRole::Weight => Role::Ignored,
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
        actionable: None,
    };
    feature.actionable = actionable::convert(actions, &feature)?;
    Ok(feature)
}

/// Every text in every language.
fn convert_texts(
    raw: &RawFeature,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<FeatureTexts> {
    let label = resolve_optional("label", raw.label.as_ref(), languages, absent)?;
    let help = resolve_optional("help", raw.help.as_ref(), languages, absent)?;
    let labels = raw.category_labels.as_ref();
    let categories = raw.categories.iter().flatten().map(|value| {
        match labels.and_then(|labels| labels.get(value)) {
            Some(text) => {
                let prefix = format!("'{value}': ");
                resolve("category_labels", &prefix, text, languages, absent)
            }
            None => Ok(Texts(vec![value.clone(); languages.len()])),
        }
    });
    Ok(FeatureTexts {
        label,
        help,
        categories: categories.collect::<Converted<_>>()?,
    })
}

/// A text in every language; `absent` receives the languages in which there is none.
pub(super) fn resolve(
    key: &'static str,
    prefix: &str,
    text: &RawTexts,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<Texts> {
    let (texts, lacking) =
        (text.resolve(languages)).map_err(|message| (key, format!("{prefix}{message}")))?;
    let check = |text: &String| match key {
        // These two may have several lines.
        "description" | "help" => text.lines().try_for_each(check_line),
        _ => check_line(text),
    };
    (texts.0.iter().try_for_each(check)).map_err(|message| (key, format!("{prefix}{message}")))?;
    absent.extend(lacking.iter().map(|language| {
        let message =
            format!("{prefix}there is no text in '{language}': the first language is used");
        (key, message)
    }));
    Ok(texts)
}

/// The same of a text that need not be there.
pub(super) fn resolve_optional(
    key: &'static str,
    text: Option<&RawTexts>,
    languages: &[String],
    absent: &mut Absent,
) -> Converted<Option<Texts>> {
    text.map(|text| resolve(key, "", text, languages, absent))
        .transpose()
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
        RawType::Category if is_unread(raw.role) && raw.categories.is_none() => {
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

/// Whether no model ever reads such a column.
fn is_unread(role: RawRole) -> bool {
    role == RawRole::Ignored || role.sample().is_some()
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
