//! Reason codes: what is said to an applicant about what counted against them.

use bincode::Encode;
use serde::Deserialize;

use super::{Schema, SchemaProblem};
use crate::texts::{Texts, is_code};
use crate::wire::{Reader, Stored, stored};

/// Reasons that an answer may give.
pub(super) const MAX_REASONS: u32 = 16;

/// How reasons are chosen and worded.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Reasons {
    /// Whom an application is compared with.
    pub compare: Compare,
    /// The most reasons of one answer, 1 to 16.
    pub max: u32,
    /// Whether a decision that is no approval carries its reasons.
    pub in_answer: bool,
    /// For each feature of the schema the [`Variant::owner`] of its texts: its own index, or
    /// the number of features and more for those that give one reason together. Empty where
    /// every feature speaks for itself.
    pub owners: Vec<u32>,
    /// Owners that may stand beside as many others as an answer has: of the number of recent
    /// credit inquiries, which the US Fair Credit Reporting Act treats so.
    pub inquiries: Vec<u32>,
    /// What is said, by owner and case. An owner without any has its name and label.
    pub variants: Vec<Variant>,
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

/// What is said in one case.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Variant {
    /// Whose text it is: see [`Reasons::owners`].
    pub owner: u32,
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
    owners,
    inquiries,
    variants
});
stored!(Compare: NearThreshold, Approved, All);
stored!(Variant {
    owner,
    when,
    code,
    text
});

impl When {
    /// As it is stored: 0 to 4 in the order above, 5 and the code for a category.
    fn number(self) -> u32 {
        match self {
            Self::Always => 0,
            Self::Low => 1,
            Self::High => 2,
            Self::Missing => 3,
            Self::Clamped => 4,
            Self::Category(code) => 5 + code,
        }
    }
}

impl Encode for When {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.number().encode(encoder)
    }
}

impl Stored for When {
    fn read(reader: &mut Reader<'_>) -> Self {
        const FIRST: [When; 5] = [
            When::Always,
            When::Low,
            When::High,
            When::Missing,
            When::Clamped,
        ];
        let number = reader.number();
        match FIRST.get(number as usize) {
            Some(when) => *when,
            None => Self::Category(number - 5),
        }
    }
}

impl Default for Reasons {
    fn default() -> Self {
        Self {
            compare: Compare::default(),
            max: 4,
            in_answer: false,
            owners: Vec::new(),
            inquiries: Vec::new(),
            variants: Vec::new(),
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

impl Reasons {
    /// The owner of the texts of a feature, by its index among the schema's.
    #[must_use]
    pub fn owner(&self, feature: usize) -> u32 {
        self.owners.get(feature).copied().unwrap_or(feature as u32)
    }

    /// What an owner says in a case.
    #[must_use]
    #[inline(never)]
    pub fn variant(&self, owner: u32, when: When) -> Option<&Variant> {
        let mut variants = self.variants.iter();
        variants.find(|variant| variant.owner == owner && variant.when == when)
    }
}

/// What reasons must satisfy. What a file may get wrong was said with its line before.
pub(super) fn check(schema: &Schema) -> Result<(), SchemaProblem> {
    let reasons = &schema.reasons;
    let texts = |variant: &Variant| {
        variant.text.0.len() == schema.languages.len() && is_code(&variant.code)
    };
    let listed = [0, schema.features.len()].contains(&reasons.owners.len());
    if (1..=MAX_REASONS).contains(&reasons.max) && listed && reasons.variants.iter().all(texts) {
        return Ok(());
    }
    Err(SchemaProblem {
        feature: None,
        key: "reasons",
        message: "what is said does not fit the features and languages".into(),
    })
}
