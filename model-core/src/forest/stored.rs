//! A node as the artifact stores it: a number that says which of these it is, then its
//! fields. Format 1 has 0 and 1 only; 2 to 4 say the same in fewer bytes, and are what is
//! written wherever they lose nothing.
//!
//! | number | node |
//! |---|---|
//! | 0 | leaf: value as `f64`, count |
//! | 1 | split: feature, cut or set, missing goes left, count |
//! | 2 | leaf: value as `f32`, count |
//! | 3, 4 | split where missing goes right, left: feature, cut or set, count |

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::{Aggregation, Bins, CategorySet, Forest, Node, Tree};
use crate::wire::{NO_ARTIFACT, Reader, Stored, stored};

stored!(Forest {
    features,
    category_sets,
    trees,
    aggregation,
    base,
    link
});
stored!(Aggregation: Sum, Mean, GroupedSum, GroupedMean);
stored!(CategorySet { words });
stored!(Tree { nodes });

impl Stored for Bins {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.index(2) {
            0 => Self::Cuts(reader.read()),
            _ => Self::Categories(reader.read()),
        }
    }
}

impl Encode for Node {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        match *self {
            Self::Leaf { value, count } => {
                let short = value as f32;
                if f64::from(short).to_bits() == value.to_bits() {
                    2u32.encode(encoder)?;
                    short.encode(encoder)?;
                } else {
                    0u32.encode(encoder)?;
                    value.encode(encoder)?;
                }
                count.encode(encoder)
            }
            Self::Split {
                feature,
                split,
                missing_left,
                count,
            } => {
                (3 + u32::from(missing_left)).encode(encoder)?;
                feature.encode(encoder)?;
                split.encode(encoder)?;
                count.encode(encoder)
            }
        }
    }
}

impl Stored for Node {
    fn read(reader: &mut Reader<'_>) -> Self {
        let kind = reader.number();
        match kind {
            0 | 2 => Self::Leaf {
                value: match kind {
                    0 => reader.read(),
                    _ => f32::read(reader).into(),
                },
                count: reader.number(),
            },
            1 | 3 | 4 => Self::Split {
                // Beyond a u16 there is no feature either.
                feature: reader.number().min(u16::MAX.into()) as u16,
                split: reader.number(),
                missing_left: match kind {
                    1 => reader.number() != 0,
                    _ => kind == 4,
                },
                count: reader.number(),
            },
            _ => {
                reader.fail(NO_ARTIFACT);
                Self::Leaf {
                    value: 0.0,
                    count: 0,
                }
            }
        }
    }
}
