//! The languages of a schema, and the texts of its features in those after the first.

use bincode::Encode;

use super::{Feature, Schema};
use crate::texts::Texts;

/// Languages that a schema may have.
const MAX_LANGUAGES: usize = 16;

/// The texts of a feature, or of a schema itself, in one language. A text that was not written
/// in it is there in the first language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode)]
pub struct Translation {
    /// What forms and reports call the feature.
    pub label: Option<String>,
    /// A hint for the person who fills in the form.
    pub help: Option<String>,
    /// What forms show for each category, in the order of the categories.
    pub category_labels: Vec<String>,
}

/// The languages of a schema that names none.
pub(super) fn default_languages() -> Vec<String> {
    vec!["en".into()]
}

/// Checks the list of languages.
///
/// # Errors
/// A sentence.
pub(super) fn check(languages: &[String]) -> Result<(), String> {
    if !(1..=MAX_LANGUAGES).contains(&languages.len()) {
        let got = languages.len();
        return Err(format!(
            "expected 1 to {MAX_LANGUAGES} languages such as [\"en\", \"de\"], got {got}"
        ));
    }
    for (index, language) in languages.iter().enumerate() {
        if !is_language(language) {
            return Err(format!(
                "expected a language such as en or pt-BR, got '{language}'"
            ));
        }
        if languages[..index].contains(language) {
            return Err(format!("'{language}' is listed twice"));
        }
    }
    Ok(())
}

/// The form of BCP 47: two or three lower-case letters, then parts of letters and digits.
fn is_language(text: &str) -> bool {
    // Bytes, not characters: a search for those takes a kilobyte of the module.
    let mut parts = text.as_bytes().split(|byte| *byte == b'-');
    let first = parts.next().unwrap_or_default();
    let is_first = (2..=3).contains(&first.len()) && first.iter().all(u8::is_ascii_lowercase);
    let is_part =
        |part: &[u8]| (1..=8).contains(&part.len()) && part.iter().all(u8::is_ascii_alphanumeric);
    is_first && text.len() <= 32 && parts.all(is_part)
}

/// Checks the texts of a feature: none, or those of each language after the first.
///
/// # Errors
/// A sentence.
pub(super) fn check_translations(feature: &Feature, languages: usize) -> Result<(), String> {
    let labels = feature.categories().map_or(0, |c| c.labels.len());
    check_texts(&feature.translations, labels, languages)
}

/// Checks texts with so many category labels.
///
/// # Errors
/// A sentence.
#[inline(never)]
pub(super) fn check_texts(
    translations: &[Translation],
    labels: usize,
    languages: usize,
) -> Result<(), String> {
    let fits = |translation: &Translation| translation.category_labels.len() == labels;
    if translations.is_empty()
        || (translations.len() + 1 == languages && translations.iter().all(fits))
    {
        Ok(())
    } else {
        Err("expected its texts in each language".into())
    }
}

/// Every text of a feature, or of a schema itself, in every language.
#[derive(Default)]
pub(super) struct FeatureTexts {
    pub(super) label: Option<Texts>,
    pub(super) help: Option<Texts>,
    /// Of each category.
    pub(super) categories: Vec<Texts>,
}

impl FeatureTexts {
    /// What forms show for each category in the first language.
    pub(super) fn category_labels(&self) -> Vec<String> {
        self.categories
            .iter()
            .map(|texts| texts.first().to_owned())
            .collect()
    }

    /// The texts in the languages after the first.
    pub(super) fn translations(&self, languages: usize) -> Vec<Translation> {
        let at = |texts: &Texts, language: usize| texts.0.get(language).cloned();
        let translations = (1..languages).map(|language| Translation {
            label: self.label.as_ref().and_then(|texts| at(texts, language)),
            help: self.help.as_ref().and_then(|texts| at(texts, language)),
            category_labels: (self.categories.iter())
                .filter_map(|texts| at(texts, language))
                .collect(),
        });
        translations.collect()
    }
}

impl FeatureTexts {
    /// Those of a schema itself: none where every text is that of the first language.
    pub(super) fn own_translations(&self, languages: usize) -> Vec<Translation> {
        let texts = [&self.label, &self.help].into_iter().flatten();
        let mut texts = texts.chain(&self.categories);
        if texts.any(|texts| texts.0.iter().any(|text| text != texts.first())) {
            self.translations(languages)
        } else {
            Vec::new()
        }
    }
}

impl Schema {
    /// The texts of each feature in the languages after the first, as the artifact stores
    /// them; `None` where there is one language.
    pub(crate) fn feature_translations(&self) -> Option<Vec<Vec<Translation>>> {
        let of_features = || self.features.iter().map(|f| f.translations.clone());
        (self.languages.len() > 1).then(|| of_features().collect())
    }

    /// What [`Schema::feature_translations`] gave.
    pub(crate) fn set_feature_translations(&mut self, stored: Vec<Vec<Translation>>) {
        for (feature, translations) in self.features.iter_mut().zip(stored) {
            feature.translations = translations;
        }
    }
}
