//! What the artifact stores in a form of its own: the schema without what formats 1 and 2 did
//! not have, which has fields of its own in format 3; a feature without its monotonic
//! constraint, which binds training alone (see [`crate::details`]) and is not in format 1,
//! and a target without the names of its outcomes and its kind as one number, so that older artifacts mean what they meant.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::languages::default_languages;
use super::{
    Bound, Categories, Derived, Encoding, Example, Feature, FeatureKind, Mismatch, Missing,
    OutOfRange, Outcomes, Range, Reasons, Role, Schema, Target, TargetKind, Translation, Unknown,
};
use crate::wire::{Reader, Stored, stored};

stored!(Outcomes { positive, negative });
stored!(Range {
    lower,
    upper,
    policy
});
stored!(Bound { value, exclusive });
stored!(Categories {
    values,
    labels,
    encoding,
    unknown
});
stored!(Role: Input, Protected, Ignored);
stored!(Encoding: OneHot, Ordinal);
stored!(Missing: Error, Impute, Zero, MostFrequent, Other, Native);
stored!(Unknown: Error, MostFrequent, Other);
stored!(OutOfRange: Error, Clamp, Impute);
stored!(Derived {
    formula,
    source,
    decimals,
    mismatch
});
stored!(Mismatch: Error, Overwrite);
stored!(Translation {
    label,
    help,
    category_labels
});

impl Stored for FeatureKind {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(4) {
            0 => Self::Number(reader.read()),
            1 => Self::Integer(reader.read()),
            2 => Self::Boolean,
            _ => Self::Category(reader.read()),
        }
    }
}

impl Stored for Example {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(3) {
            0 => Self::Boolean(reader.read()),
            1 => Self::Number(reader.read()),
            _ => Self::Text(reader.read()),
        }
    }
}

impl Encode for Schema {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.name.encode(encoder)?;
        self.version.encode(encoder)?;
        self.title.encode(encoder)?;
        self.description.encode(encoder)?;
        self.max_adjustments.encode(encoder)?;
        self.missing_values.texts().encode(encoder)?;
        self.features.encode(encoder)?;
        self.target.encode(encoder)
    }
}

impl Stored for Schema {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            name: reader.read(),
            version: reader.read(),
            title: reader.read(),
            description: reader.read(),
            max_adjustments: reader.read(),
            missing_values: reader.read::<Vec<String>>().into(),
            features: reader.read(),
            target: reader.read(),
            languages: default_languages(),
            reasons: Reasons::default(),
            translations: Vec::new(),
        }
    }
}

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

impl Stored for Feature {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            name: reader.read(),
            label: reader.read(),
            help: reader.read(),
            unit: reader.read(),
            example: reader.read(),
            role: reader.read(),
            sample: None,
            kind: reader.read(),
            missing: reader.read(),
            monotonic: None,
            derived: None,
            translations: Vec::new(),
            actionable: None,
        }
    }
}

impl Encode for Target {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.name.encode(encoder)?;
        self.kind.encode(encoder)?;
        self.positive_label.encode(encoder)?;
        self.negative_label.encode(encoder)
    }
}

impl Stored for Target {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            name: reader.read(),
            kind: reader.read(),
            positive_label: reader.read(),
            negative_label: reader.read(),
            outcomes: None,
        }
    }
}

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

impl Stored for TargetKind {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(3) as u32 {
            CATEGORY => Self::Category {
                positive: reader.read(),
                negative: reader.read(),
            },
            kind => Self::Boolean {
                positive: kind == BOOLEAN_TRUE,
            },
        }
    }
}
