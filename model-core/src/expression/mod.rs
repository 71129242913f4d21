//! Expressions over an application's fields: the conditions of lending rules and the
//! formulas of derived fields.
//!
//! An expression is written as text ([`Expression::condition`], native programs only) and
//! travels in the artifact as a checked program in postfix order, which the module
//! evaluates without the text.
//!
//! # Language
//!
//! From what binds most to what binds least:
//!
//! | form | takes | gives |
//! |---|---|---|
//! | `12`, `.5`, `1e3`, field names, `` `a name with spaces` ``, `( … )` | | |
//! | `min(a, b)`, `max(a, b)`, `log(a)`: derived fields only | numbers | number |
//! | `-a` | number | number |
//! | `a * b`, `a / b` | numbers | number |
//! | `a + b`, `a - b` | numbers | number |
//! | `<`, `<=`, `>`, `>=`, `==`, `!=` | numbers; `==`, `!=` also a category and a text, or a yes/no field and `true` or `false` | condition |
//! | `field in ["A", "B"]`, `field not in […]` | category, texts | condition |
//! | `not c` | condition | condition |
//! | `c and d` | conditions | condition |
//! | `c or d` | conditions | condition |
//!
//! `probability` is the model's calibrated probability, where the expression may name it.
//!
//! # Values
//!
//! Numbers are `f64`. A missing field is missing, and so is whatever has no finite
//! result: a division by 0, the logarithm of what is not above 0, an overflow. Arithmetic
//! and comparisons with something missing are missing. `and` and `or` are decided by one
//! side where that suffices (`false and missing` is false, `true or missing` is true),
//! and missing otherwise (Kleene's strong logic). The program keeps all in one `f64`: a
//! condition is 1, 0 or NaN for missing.

mod check;
mod error;
mod evaluate;
mod gate;
mod lex;
mod parse;
mod span;
mod stored;
mod vocabulary;

pub use check::FieldType;
pub use error::ExpressionError;
pub use evaluate::round;
pub use parse::Parsed;
pub use span::{Span, arithmetic_span, span};
pub use vocabulary::{Meaning, Vocabulary};

pub(crate) use gate::{Gate, Gated};

/// Brackets, `not` and minus signs that may stand inside one another.
pub const MAX_NESTING: usize = 64;
/// Operations that one expression may have.
pub const MAX_OPS: usize = 4096;

/// A program in postfix order. It names fields by their place: the features of a schema in
/// order, then the probability.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    ops: Vec<Op>,
}

/// One operation: takes its operands from a stack and leaves its result there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Op {
    /// A finite number.
    Number(f64),
    /// A field's value: a number, or a condition where the field is boolean.
    Field(u16),
    /// A field compared with a number, the most frequent condition, in one operation.
    Bound {
        /// The field, on the left.
        field: u16,
        /// How they are compared.
        comparison: Comparison,
        /// A finite number, on the right.
        number: f64,
    },
    /// Whether a field's category is in a set: the codes `64 * word` to `64 * word + 63`
    /// whose bit is set. A larger set is several of these, combined by [`Op::Or`].
    In {
        /// The field.
        field: u16,
        /// Which 64 codes.
        word: u16,
        /// Bit `i` for the code `64 * word + i`.
        mask: u64,
    },
    /// Numbers to a number.
    Arithmetic(Arithmetic),
    /// Two numbers to a condition.
    Compare(Comparison),
    /// The opposite of a condition.
    Not,
    /// Both of two conditions.
    And,
    /// At least one of two conditions.
    Or,
}

/// What makes a number of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `-a`
    Negate,
    /// `a + b`
    Add,
    /// `a - b`
    Subtract,
    /// `a * b`
    Multiply,
    /// `a / b`
    Divide,
    /// `min(a, b)`
    Minimum,
    /// `max(a, b)`
    Maximum,
    /// `log(a)`, the natural logarithm.
    Logarithm,
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

impl Expression {
    pub(crate) fn new(ops: Vec<Op>) -> Self {
        Self { ops }
    }

    /// The program.
    #[must_use]
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The places of the fields that are named, ascending, each once.
    #[must_use]
    pub fn fields(&self) -> Vec<u16> {
        // Not by sorting, whose code would be the largest part of it in the module.
        let mut fields = Vec::new();
        for field in self.ops.iter().filter_map(Op::field) {
            if let Err(at) = fields.binary_search(&field) {
                fields.insert(at, field);
            }
        }
        fields
    }
}

impl Op {
    /// The field that it reads itself.
    #[must_use]
    pub fn field(&self) -> Option<u16> {
        match *self {
            Self::Field(field) | Self::Bound { field, .. } | Self::In { field, .. } => Some(field),
            _ => None,
        }
    }

    /// How many operands it takes from the stack.
    #[must_use]
    pub fn operands(&self) -> usize {
        match self {
            Self::Number(_) | Self::Field(_) | Self::Bound { .. } | Self::In { .. } => 0,
            Self::Arithmetic(Arithmetic::Negate | Arithmetic::Logarithm) | Self::Not => 1,
            Self::Arithmetic(_) | Self::Compare(_) | Self::And | Self::Or => 2,
        }
    }
}

impl Comparison {
    /// The same comparison with its sides exchanged: `a < b` is `b > a`.
    #[must_use]
    pub fn flipped(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
            Self::Equal | Self::NotEqual => self,
        }
    }

    /// Whether it holds between two numbers; false for NaN, apart from [`Self::NotEqual`].
    #[must_use]
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}
