//! What the artifact stores in a form of its own: the schema without what formats 1 and 2 did
//! not have, which has fields of its own in format 3; a feature without its monotonic
//! constraint, which binds training alone (see [`crate::details`]) and is not in format 1,
//! and a target's kind as one number, so that older artifacts mean what they meant.

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{AllowedEnumVariants, DecodeError, EncodeError};

use super::languages::default_languages;
use super::{Feature, Schema, TargetKind};
use crate::wire::{number, optional_text, text};

impl Encode for Schema {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.name.encode(encoder)?;
        self.version.encode(encoder)?;
        self.title.encode(encoder)?;
        self.description.encode(encoder)?;
        self.max_adjustments.encode(encoder)?;
        self.missing_values.encode(encoder)?;
        self.features.encode(encoder)?;
        self.target.encode(encoder)
    }
}

impl<Context> Decode<Context> for Schema {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            name: text(decoder)?,
            version: text(decoder)?,
            title: optional_text(decoder)?,
            description: optional_text(decoder)?,
            max_adjustments: Decode::decode(decoder)?,
            missing_values: Decode::decode(decoder)?,
            features: Decode::decode(decoder)?,
            target: Decode::decode(decoder)?,
            languages: default_languages(),
        })
    }
}

bincode::impl_borrow_decode!(Schema);

impl Encode for Feature {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.name.encode(encoder)?;
        self.label.encode(encoder)?;
        self.help.encode(encoder)?;
        self.unit.encode(encoder)?;
        self.example.encode(encoder)?;
        self.role.encode(encoder)?;
        self.kind.encode(encoder)?;
        self.missing.encode(encoder)
    }
}

impl<Context> Decode<Context> for Feature {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            name: text(decoder)?,
            label: optional_text(decoder)?,
            help: optional_text(decoder)?,
            unit: optional_text(decoder)?,
            example: Decode::decode(decoder)?,
            role: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            missing: Decode::decode(decoder)?,
            monotonic: None,
            derived: None,
            translations: Vec::new(),
        })
    }
}

bincode::impl_borrow_decode!(Feature);

/// A boolean target whose positive outcome is `true`: the only one before `positive = false`
/// was accepted.
const BOOLEAN_TRUE: u32 = 0;
const CATEGORY: u32 = 1;
/// A boolean target whose positive outcome is `false`.
const BOOLEAN_FALSE: u32 = 2;

impl Encode for TargetKind {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match self {
            Self::Boolean { positive: true } => BOOLEAN_TRUE.encode(encoder),
            Self::Boolean { positive: false } => BOOLEAN_FALSE.encode(encoder),
            Self::Category { positive, negative } => {
                CATEGORY.encode(encoder)?;
                positive.encode(encoder)?;
                negative.encode(encoder)
            }
        }
    }
}

impl<Context> Decode<Context> for TargetKind {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        match number(decoder)? {
            kind @ (BOOLEAN_TRUE | BOOLEAN_FALSE) => Ok(Self::Boolean {
                positive: kind == BOOLEAN_TRUE,
            }),
            CATEGORY => Ok(Self::Category {
                positive: text(decoder)?,
                negative: text(decoder)?,
            }),
            found => Err(DecodeError::UnexpectedVariant {
                type_name: "TargetKind",
                allowed: &AllowedEnumVariants::Range {
                    min: BOOLEAN_TRUE,
                    max: BOOLEAN_FALSE,
                },
                found,
            }),
        }
    }
}

bincode::impl_borrow_decode!(TargetKind);
