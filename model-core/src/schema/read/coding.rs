//! How a model from elsewhere takes a category: by indicator columns, or as a number; and which
//! of its classes is which outcome.

use std::collections::BTreeMap;

use super::raw::{Converted, RawFeature, RawRole, RawType};

/// What the columns, or the classes, of a model from elsewhere say about a category of the schema.
/// At most one of the two lists has entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Coding {
    /// The feature's name.
    pub feature: String,
    /// For a category the column that is 1 where it is the value and 0 elsewhere.
    pub columns: BTreeMap<String, String>,
    /// For a category the number that stands for it in the column of the feature's name; of a
    /// target the class.
    pub codes: BTreeMap<String, f64>,
}

/// Takes the keys `columns` and `codes` out of an entry.
pub(super) fn take_coding(raw: &mut RawFeature) -> Converted<Option<Coding>> {
    let (columns, codes) = match (raw.columns.take(), raw.codes.take()) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            let why = "a category is taken by indicator columns or as a number: give one of columns and codes";
            return Err(("codes", why.into()));
        }
        (columns, codes) => (columns.unwrap_or_default(), codes.unwrap_or_default()),
    };
    let key = if codes.is_empty() { "columns" } else { "codes" };
    let is_target = raw.role == RawRole::Target;
    if raw.r#type != RawType::Category || !(is_target || raw.role == RawRole::Input) {
        return Err((
            key,
            "only a category that is an input or the target takes it: remove it".into(),
        ));
    }
    let values = raw.categories.as_deref().unwrap_or_default();
    if is_target && !columns.is_empty() {
        let why = "the target does not take it: give the class of each category with codes";
        return Err((key, why.into()));
    }
    if is_target && !values.iter().all(|value| codes.contains_key(value)) {
        return Err((key, "expected the class of both categories".into()));
    }
    let mut named = columns.keys().chain(codes.keys());
    if let Some(stray) = named.find(|name| !values.contains(name)) {
        return Err((key, format!("'{stray}' is not one of the categories")));
    }
    let mut names: Vec<&String> = columns.values().collect();
    names.sort();
    if names.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err((key, "two categories have the same column".into()));
    }
    let mut numbers: Vec<f64> = codes.values().copied().collect();
    numbers.sort_by(f64::total_cmp);
    let is_wrong = |pair: &[f64]| pair[0] == pair[1];
    if numbers.iter().any(|number| !number.is_finite()) || numbers.windows(2).any(is_wrong) {
        return Err((
            key,
            "expected a finite number for each category, each once".into(),
        ));
    }
    Ok(Some(Coding {
        feature: raw.name.clone(),
        columns,
        codes,
    }))
}
