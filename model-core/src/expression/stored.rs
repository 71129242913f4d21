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

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::{Arithmetic, Comparison, Expression, MAX_OPS, Op};
use crate::error::ArtifactError;
use crate::wire::{NO_ARTIFACT, Reader, Stored, read_whole};

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

impl Expression {
    /// Reads the stored form. Whether it fits a schema is not checked.
    ///
    /// # Errors
    /// When the bytes are not of the form, or some are left over.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        read_whole(bytes)
    }
}

impl Stored for Expression {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self::new(reader.short_list(MAX_OPS))
    }
}

impl Stored for Op {
    fn read(reader: &mut Reader<'_>) -> Self {
        let code = reader.number();
        let of = code as usize % 8;
        match code {
            0 => Self::Number(reader.read()),
            1 => Self::Field(field(reader)),
            2 => Self::In {
                field: field(reader),
                word: field(reader),
                mask: reader.read(),
            },
            3 => Self::Not,
            4 => Self::And,
            5 => Self::Or,
            8..=15 => Self::Arithmetic(ARITHMETIC[of]),
            16..=21 => Self::Compare(COMPARISONS[of]),
            24..=29 => Self::Bound {
                comparison: COMPARISONS[of],
                field: field(reader),
                number: reader.read(),
            },
            _ => {
                reader.fail(NO_ARTIFACT);
                Self::Not
            }
        }
    }
}

/// Beyond a u16 there is no field either.
fn field(reader: &mut Reader<'_>) -> u16 {
    reader.number().min(u16::MAX.into()) as u16
}
