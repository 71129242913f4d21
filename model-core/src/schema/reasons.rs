//! Reason codes: what is said to an applicant about what counted against them.

use bincode::Encode;
use serde::Deserialize;

use super::{Feature, FeatureKind, Role, Schema, SchemaProblem};
use crate::texts::{Texts, check_code};
use crate::wire::{Reader, Stored, stored};

/// Reasons that an answer may give.
const MAX_REASONS: u32 = 16;

/// How reasons are chosen: the table `[reasons]`.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Reasons {
    /// Whom an application is compared with.
    pub compare: Compare,
    /// The most reasons of one answer, 1 to 16.
    pub max: u32,
    /// Whether a decision that is no approval carries its reasons.
    pub in_answer: bool,
    /// Features that give one reason together. An input is in one of them at most.
    pub groups: Vec<ReasonGroup>,
}

/// Whom an application is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compare {
    /// The approved training rows with the lowest margins.
    #[default]
    NearThreshold,
    /// The approved training rows.
    Approved,
    /// The training rows.
    All,
}

/// Features that give one reason together.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct ReasonGroup {
    /// Two inputs at least, as indices of the schema's features, ascending.
    pub features: Vec<u32>,
    /// What is said about them.
    pub reason: Reason,
}

/// What is said about a feature or a group.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Reason {
    /// Whether it may stand beside as many others as an answer has: of the number of recent
    /// credit inquiries, which the US Fair Credit Reporting Act treats so.
    pub inquiries: bool,
    /// For each case its code and text; one is [`When::Always`].
    pub variants: Vec<Variant>,
}

/// What is said in one case.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Variant {
    /// The case.
    pub when: When,
    /// 1 to 32 letters, digits, hyphens, dots and underscores.
    pub code: String,
    /// The sentence, in each language.
    pub text: Texts,
}

/// When a text is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Where no other fits.
    Always,
    /// The value is below that of the comparison.
    Low,
    /// It is above.
    High,
    /// It was not stated.
    Missing,
    /// It was outside the range and moved into it.
    Clamped,
    /// It is the category with this code.
    Category(u32),
}

stored!(Reasons {
    compare,
    max,
    in_answer,
    groups
});
stored!(Compare: NearThreshold, Approved, All);
stored!(ReasonGroup { features, reason });
stored!(Reason {
    inquiries,
    variants
});
stored!(Variant { when, code, text });

/// A number: 0 to 4 in the order above, 5 and the code for a category.
const FIRST_CATEGORY: u32 = 5;

impl Encode for When {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        let number = match self {
            Self::Always => 0,
            Self::Low => 1,
            Self::High => 2,
            Self::Missing => 3,
            Self::Clamped => 4,
            Self::Category(code) => FIRST_CATEGORY + code,
        };
        number.encode(encoder)
    }
}

impl Stored for When {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.number() {
            0 => Self::Always,
            1 => Self::Low,
            2 => Self::High,
            3 => Self::Missing,
            4 => Self::Clamped,
            number => Self::Category(number - FIRST_CATEGORY),
        }
    }
}

impl Default for Reasons {
    fn default() -> Self {
        Self {
            compare: Compare::default(),
            max: 4,
            in_answer: false,
            groups: Vec::new(),
        }
    }
}

impl Compare {
    /// The word of the TOML form and of answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::NearThreshold => "near_threshold",
            Self::Approved => "approved",
            Self::All => "all",
        }
    }
}

impl Reason {
    /// What is said in a case.
    #[must_use]
    pub fn variant(&self, when: When) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.when == when)
    }
}

/// What an artifact stores: how reasons are chosen, and those of features with their indices.
pub(crate) type StoredReasons = (Reasons, Vec<(u32, Reason)>);

impl Schema {
    /// What the artifact stores; `None` where nothing differs from the defaults.
    pub(crate) fn stored_reasons(&self) -> Option<StoredReasons> {
        let features = self.features.iter().zip(0..);
        let codes: Vec<_> = features
            .filter_map(|(feature, index)| Some((index, (**feature.reason.as_ref()?).clone())))
            .collect();
        let plain = codes.is_empty() && self.reasons == Reasons::default();
        (!plain).then(|| (self.reasons.clone(), codes))
    }

    /// What [`Schema::stored_reasons`] gave.
    pub(crate) fn set_reasons(&mut self, stored: StoredReasons) -> Result<(), &'static str> {
        let (reasons, codes) = stored;
        self.reasons = reasons;
        for (index, reason) in codes {
            let feature = self.features.get_mut(index as usize);
            feature.ok_or("a reason is of no feature")?.reason = Some(Box::new(reason));
        }
        Ok(())
    }
}

/// What reasons must satisfy.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaProblem> {
    let languages = schema.languages.len();
    for feature in &schema.features {
        let Some(reason) = &feature.reason else {
            continue;
        };
        let sound = if feature.role == Role::Input {
            check_reason(reason, Some(feature), languages)
        } else {
            Err("only an input can be a reason".into())
        };
        sound.map_err(|message| SchemaProblem {
            feature: Some(feature.name.clone()),
            key: "reason",
            message,
        })?;
    }
    check_groups(schema).map_err(|message| SchemaProblem {
        feature: None,
        key: "reasons",
        message,
    })
}

fn check_groups(schema: &Schema) -> Result<(), String> {
    let max = schema.reasons.max;
    if !(1..=MAX_REASONS).contains(&max) {
        return Err(format!(
            "max: expected 1 to {MAX_REASONS} reasons, got {max}"
        ));
    }
    let mut grouped: Vec<u32> = Vec::new();
    for group in &schema.reasons.groups {
        check_reason(&group.reason, None, schema.languages.len())?;
        if group.features.len() < 2 || !group.features.is_sorted() {
            return Err("a group has two features at least, in the order of the file".into());
        }
        for &index in &group.features {
            let feature = schema.features.get(index as usize);
            let feature = feature.ok_or("a group is of no feature")?;
            if feature.role != Role::Input || feature.reason.is_some() || grouped.contains(&index) {
                return Err(format!(
                    "'{}' is in a group: it must be an input, without a reason of its own and in no other group",
                    feature.name
                ));
            }
            grouped.push(index);
        }
    }
    Ok(())
}

/// `feature` is that of the reason; none for a group.
fn check_reason(
    reason: &Reason,
    feature: Option<&Feature>,
    languages: usize,
) -> Result<(), String> {
    if reason.variant(When::Always).is_none() {
        return Err("expected a text for every case".into());
    }
    for variant in &reason.variants {
        check_code(&variant.code)?;
        if variant.text.0.len() != languages {
            return Err("expected a text in each language".into());
        }
        let fits = match (variant.when, feature.map(|feature| &feature.kind)) {
            (When::Always | When::Missing | When::Clamped, _) => true,
            (When::Category(code), Some(FeatureKind::Category(categories))) => {
                (code as usize) < categories.values.len()
            }
            (When::Low | When::High, Some(_)) => true,
            _ => false,
        };
        if !fits {
            return Err(
                "a text is for a case that cannot be: low and high are of one feature, categories of a category"
                    .into(),
            );
        }
    }
    Ok(())
}
