//! Whether a file is what its folder says, and like what it is to replace.

use crate::host::{Description, Feature, FeatureRole, FeatureType};

/// The name and version that a folder gives a model.
pub(crate) struct FolderName<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}

/// Checks a model's name and version against those of its folder: `v1.2.0`, `1.2.0` and, with
/// a label, `1.2.0-rc.1` or `1.2.0+policy2` hold version `1.2.0`.
///
/// # Errors
/// A sentence.
pub(super) fn check_place(place: &FolderName<'_>, model: &Description) -> Result<(), String> {
    let info = &model.model;
    if info.name != place.name {
        return Err(format!(
            "the model is `{}`, its folder says `{}`: put it into a folder of its name, or allow it with --allow-mismatch",
            info.name, place.name
        ));
    }
    if !is_version(place.version, &info.version) {
        return Err(format!(
            "the model is version {}, its folder says {}: rename the folder, or allow it with --allow-mismatch",
            info.version, place.version
        ));
    }
    Ok(())
}

/// Checks that a model can take the place of another: it has its name, and takes the same inputs,
/// so that no client has to change. Lists and tensors go by the inputs' order, and by that of
/// categories, of protected features too; more categories at the end change nothing for them.
///
/// # Errors
/// A sentence.
pub(super) fn check_successor(before: &Description, after: &Description) -> Result<(), String> {
    if before.model.name != after.model.name {
        return Err(format!(
            "the model is `{}`, the one that answers is `{}`: allow it with --allow-mismatch",
            after.model.name, before.model.name
        ));
    }
    let (new, old) = (&after.model.version, &before.model.version);
    let mismatch = |what: String| {
        Err(format!(
            "version {new} {what}: allow it with --allow-mismatch"
        ))
    };
    let inputs = |model: &Description| -> Vec<(String, FeatureType)> {
        let inputs = model.input_features();
        inputs
            .map(|input| (input.name.clone(), input.r#type))
            .collect()
    };
    let (had, has) = (inputs(before), inputs(after));
    if let Some((name, _)) = had.iter().find(|input| !has.contains(input)) {
        return mismatch(format!("has no input `{name}` as version {old} has"));
    }
    if let Some((name, _)) = has.iter().find(|input| !had.contains(input)) {
        return mismatch(format!(
            "has an input `{name}` that version {old} does not have"
        ));
    }
    if let Some(((name, _), _)) = has.iter().zip(&had).find(|(has, had)| has != had) {
        return mismatch(format!(
            "has the input `{name}` in another place than version {old}, which lists and tensors go by"
        ));
    }
    // Tensors also hold protected features, by their names.
    let counts = |feature: &&Feature| feature.role != FeatureRole::Ignored;
    for had in before.features.iter().filter(counts) {
        let mut same = after.features.iter().filter(counts);
        let Some(has) = same.find(|feature| feature.name == had.name) else {
            continue;
        };
        let name = &had.name;
        if has.r#type != had.r#type {
            return mismatch(format!("has `{name}` of another type than version {old}"));
        }
        let has_category = |value: &str| has.categories.iter().any(|one| one.value == value);
        let mut categories = had.categories.iter().map(|one| one.value.as_str());
        if let Some(gone) = categories.find(|value| !has_category(value)) {
            return mismatch(format!(
                "has no category `{gone}` of `{name}` as version {old} has"
            ));
        }
        let values = |feature: &Feature| -> Vec<String> {
            let categories = feature.categories.iter();
            categories.map(|one| one.value.clone()).collect()
        };
        if !values(has).starts_with(&values(had)) {
            return mismatch(format!(
                "has the categories of `{name}` in another order than version {old}, which lists and tensors go by"
            ));
        }
    }
    Ok(())
}

/// Whether a folder of this name may hold this version.
fn is_version(folder: &str, version: &str) -> bool {
    let bare = |name: &str| name.strip_prefix('v').unwrap_or(name).to_owned();
    let (folder, version) = (bare(folder), bare(version));
    match folder.strip_prefix(&version) {
        Some(label) => label.is_empty() || label.starts_with(['-', '+']),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_the_version_and_may_add_a_label() {
        for (folder, version, expect) in [
            ("1.1.0", "1.1.0", true),
            ("v1.1.0", "1.1.0", true),
            ("1.1.0", "v1.1.0", true),
            ("1.1.0-rc.1", "1.1.0", true),
            ("v1.1.0+policy2", "1.1.0", true),
            ("1.1.0-rc.1", "1.1.0-rc.1", true),
            ("1.1.01", "1.1.0", false),
            ("1.2.0", "1.1.0", false),
            ("1.1", "1.1.0", false),
            ("newest", "1.1.0", false),
        ] {
            assert_eq!(is_version(folder, version), expect, "{folder} {version}");
        }
    }
}
