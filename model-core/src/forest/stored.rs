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

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::Node;
use crate::wire::number;

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

impl<Context> Decode<Context> for Node {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let kind = number(decoder)?;
        match kind {
            0 | 2 => Ok(Self::Leaf {
                value: match kind {
                    0 => f64::decode(decoder)?,
                    _ => f32::decode(decoder)?.into(),
                },
                count: number(decoder)?,
            }),
            1 | 3 | 4 => Ok(Self::Split {
                // Beyond a u16 there is no feature either.
                feature: number(decoder)?.min(u16::MAX.into()) as u16,
                split: number(decoder)?,
                missing_left: match kind {
                    1 => number(decoder)? != 0,
                    _ => kind == 4,
                },
                count: number(decoder)?,
            }),
            _ => Err(DecodeError::Other("no such node")),
        }
    }
}

bincode::impl_borrow_decode!(Node);
