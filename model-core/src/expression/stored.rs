//! An expression as the artifact stores it: the count of its operations, then each as a
//! number and what belongs to it.
//!
//! | number | operation |
//! |---|---|
//! | 0 | a number: f64 |
//! | 1 | a field: place |
//! | 2 | set membership: place, word, mask (u64) |
//! | 3, 4, 5 | `not`, `and`, `or` |
//! | 8 to 15 | `-a`, `+`, `-`, `*`, `/`, `min`, `max`, `log` |
//! | 16 to 21 | `<`, `<=`, `>`, `>=`, `==`, `!=` of two results |
//! | 24 to 29 | the same of a field and a number: place, f64 |

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::{Arithmetic, Comparison, Expression, MAX_OPS, Op};
use crate::wire::number;

const ARITHMETIC: [Arithmetic; 8] = [
    Arithmetic::Negate,
    Arithmetic::Add,
    Arithmetic::Subtract,
    Arithmetic::Multiply,
    Arithmetic::Divide,
    Arithmetic::Minimum,
    Arithmetic::Maximum,
    Arithmetic::Logarithm,
];
const COMPARISONS: [Comparison; 6] = [
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::Equal,
    Comparison::NotEqual,
];

impl Encode for Expression {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        (self.ops.len() as u32).encode(encoder)?;
        self.ops.iter().try_for_each(|op| encode(op, encoder))
    }
}

fn encode<E: Encoder>(op: &Op, encoder: &mut E) -> Result<(), EncodeError> {
    let code: u32 = match op {
        Op::Number(_) => 0,
        Op::Field(_) => 1,
        Op::In { .. } => 2,
        Op::Not => 3,
        Op::And => 4,
        Op::Or => 5,
        // The discriminants are the places in the tables above.
        Op::Arithmetic(arithmetic) => 8 + *arithmetic as u32,
        Op::Compare(comparison) => 16 + *comparison as u32,
        Op::Bound { comparison, .. } => 24 + *comparison as u32,
    };
    code.encode(encoder)?;
    match op {
        Op::Number(value) => value.encode(encoder),
        Op::Field(field) => u32::from(*field).encode(encoder),
        Op::In { field, word, mask } => {
            u32::from(*field).encode(encoder)?;
            u32::from(*word).encode(encoder)?;
            mask.encode(encoder)
        }
        Op::Bound { field, number, .. } => {
            u32::from(*field).encode(encoder)?;
            number.encode(encoder)
        }
        _ => Ok(()),
    }
}

impl<Context> Decode<Context> for Expression {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let count = number(decoder)? as usize;
        if count > MAX_OPS {
            return Err(DecodeError::Other("too many operations"));
        }
        let ops = (0..count)
            .map(|_| decode(decoder))
            .collect::<Result<_, _>>()?;
        Ok(Self { ops })
    }
}

fn decode<D: Decoder>(decoder: &mut D) -> Result<Op, DecodeError> {
    let code = number(decoder)?;
    let of = code as usize % 8;
    Ok(match code {
        0 => Op::Number(Decode::decode(decoder)?),
        1 => Op::Field(place(decoder)?),
        2 => Op::In {
            field: place(decoder)?,
            word: place(decoder)?,
            mask: Decode::decode(decoder)?,
        },
        3 => Op::Not,
        4 => Op::And,
        5 => Op::Or,
        8..=15 => Op::Arithmetic(ARITHMETIC[of]),
        16..=21 => Op::Compare(COMPARISONS[of]),
        24..=29 => Op::Bound {
            comparison: COMPARISONS[of],
            field: place(decoder)?,
            number: Decode::decode(decoder)?,
        },
        _ => return Err(DecodeError::Other("no such operation")),
    })
}

/// Beyond a u16 there is no field either.
fn place<D: Decoder>(decoder: &mut D) -> Result<u16, DecodeError> {
    number(decoder).map(|place| place.min(u16::MAX.into()) as u16)
}

bincode::impl_borrow_decode!(Expression);
