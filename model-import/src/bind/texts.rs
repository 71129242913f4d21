//! What the categories of a schema are to a model.

use model_core::schema::{Categories, Coding, Feature};
use model_core::value::boolean_word;

use super::Given;
use crate::error::{ImportError, listed, mismatch, short};
use crate::source::Library;

/// Stands for a text that the model refuses; the schema then has to refuse it as well.
const REFUSED: f64 = f64::INFINITY;
/// No code of a category.
const NO_CODE: f64 = -1.0;

/// A category that the model takes as a number, by the schema's own list.
pub(super) fn coded(feature: &Feature, coding: &Coding) -> Result<Given, ImportError> {
    let of = values(feature).iter().map(|category| {
        coding.codes.get(category).copied().ok_or_else(|| {
            mismatch(format!(
                "feature '{}': codes has no number for the category '{}'",
                feature.name,
                short(category)
            ))
        })
    });
    Ok(Given::Texts {
        of: of.collect::<Result<_, _>>()?,
        other: REFUSED,
    })
}

/// The library's own category.
pub(super) fn category(
    feature: &Feature,
    coding: Option<&Coding>,
    names: Option<&[String]>,
    library: Library,
    notes: &mut Vec<String>,
) -> Result<Given, ImportError> {
    let other = match (library, names) {
        // It raises an error since it knows the names.
        (Library::XgBoost, Some(_)) => REFUSED,
        _ => NO_CODE,
    };
    let Some(names) = names else {
        return numbered(feature, coding, other);
    };
    let known = values(feature);
    let strangers = names.iter().filter(|name| !known.contains(name));
    let strangers: Vec<&str> = strangers.map(String::as_str).collect();
    if !strangers.is_empty() {
        return Err(mismatch(format!(
            "feature '{}': the model knows categories that the schema does not: {}; add them",
            feature.name,
            listed(strangers)
        )));
    }
    let mut of = Vec::with_capacity(known.len());
    for category in known {
        match names.iter().position(|name| name == category) {
            Some(code) => of.push(code as f64),
            None if other == REFUSED => {
                return Err(mismatch(format!(
                    "feature '{}': the model does not know the category '{}' and refuses it: remove it from the schema",
                    feature.name,
                    short(category)
                )));
            }
            None => {
                notes.push(format!(
                    "feature '{}': the model does not know the category '{}' and decides as for any unknown one",
                    feature.name,
                    short(category)
                ));
                of.push(other);
            }
        }
    }
    Ok(Given::Texts { of, other })
}

/// A category of which the file has the codes alone: the schema says them, or its texts are
/// the codes.
fn numbered(feature: &Feature, coding: Option<&Coding>, other: f64) -> Result<Given, ImportError> {
    let code = |category: &String| {
        let given = coding
            .and_then(|coding| coding.codes.get(category))
            .copied();
        let code = given.or_else(|| category.parse::<u32>().ok().map(f64::from));
        code.ok_or_else(|| {
            mismatch(format!(
                "feature '{}': the file has the codes of its categories and not their names: say the code of '{}' with codes = {{ \"{}\" = 0 }}",
                feature.name,
                short(category),
                short(category)
            ))
        })
    };
    let of = values(feature).iter().map(code).collect::<Result<_, _>>()?;
    Ok(Given::Texts { of, other })
}

/// A number for each text of a list.
pub(super) fn listed_texts(
    feature: &Feature,
    list: &[(String, f64)],
    other: Option<f64>,
) -> Result<Given, ImportError> {
    if let Some(categories) = feature.categories() {
        return of_categories(feature, categories, list, other);
    }
    // A boolean that was encoded as a category, or a whole number that is 0 or 1.
    let word = |value: bool| {
        let mut words = list.iter();
        let found = words.find(|(name, _)| boolean_word(&name.to_lowercase()) == Some(value));
        found.map(|(_, number)| *number).or(other)
    };
    match (feature.range().is_none(), word(false), word(true)) {
        (true, Some(no), Some(yes)) => Ok(Given::Boolean([no, yes])),
        _ => {
            let example = list.first().map_or("", |(name, _)| name);
            Err(mismatch(format!(
                "feature '{}': the model takes it as a category such as '{}', the schema as a {}: give it type = \"category\" with its categories",
                feature.name,
                short(example),
                feature.kind.word()
            )))
        }
    }
}

fn of_categories(
    feature: &Feature,
    categories: &Categories,
    list: &[(String, f64)],
    other: Option<f64>,
) -> Result<Given, ImportError> {
    let name = &feature.name;
    let strangers = list
        .iter()
        .filter(|(text, _)| !categories.values.contains(text));
    let strangers: Vec<&str> = strangers.map(|(text, _)| text.as_str()).collect();
    if !strangers.is_empty() {
        return Err(mismatch(format!(
            "feature '{name}': the model knows categories that the schema does not: {}; add them",
            listed(strangers)
        )));
    }
    let mut of = Vec::with_capacity(categories.values.len());
    for category in &categories.values {
        let known = list.iter().find(|(text, _)| text == category);
        let number = known.map(|(_, number)| *number).or(other);
        of.push(number.ok_or_else(|| {
            mismatch(format!(
                "feature '{name}': the model does not know the category '{}' and refuses it: remove it from the schema",
                short(category)
            ))
        })?);
    }
    let other = other.unwrap_or(REFUSED);
    Ok(Given::Texts { of, other })
}

fn values(feature: &Feature) -> &[String] {
    feature
        .categories()
        .map_or(&[], |categories| &categories.values)
}
