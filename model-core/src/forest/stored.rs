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
        let number = u32::decode(decoder)?;
        if number & !2 == 0 {
            let value = match number {
                0 => f64::decode(decoder)?,
                _ => f32::decode(decoder)?.into(),
            };
            let count = u32::decode(decoder)?;
            return Ok(Self::Leaf { value, count });
        }
        if number > 4 {
            return Err(DecodeError::Other("no such node"));
        }
        Ok(Self::Split {
            feature: Decode::decode(decoder)?,
            split: Decode::decode(decoder)?,
            missing_left: match number {
                1 => Decode::decode(decoder)?,
                _ => number == 4,
            },
            count: Decode::decode(decoder)?,
        })
    }
}

bincode::impl_borrow_decode!(Node);
