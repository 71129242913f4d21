//! What a program must satisfy before it is evaluated.

use super::{Arithmetic, Expression, MAX_NESTING, MAX_OPS, Op};

/// Most values that wait on the stack: at each level of nesting, one for each of `or`,
/// `and`, a comparison, a sum and a product, and one more at the bottom.
const MAX_DEPTH: usize = 5 * (MAX_NESTING + 2);

/// The type of a field in an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A number.
    Number,
    /// A condition: yes or no.
    Boolean,
    /// A category, with how many there are.
    Category(usize),
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    Number,
    Condition,
}

impl Expression {
    /// A program of operations that were made elsewhere.
    ///
    /// # Errors
    /// When they do not belong to the fields, leave the stack empty or with more than one
    /// value, or are too many. `fields` holds the type of every field by its place, and
    /// `None` for those that may not be named; `is_condition` says what the result must be.
    pub fn from_ops(
        ops: Vec<Op>,
        fields: &[Option<FieldType>],
        is_condition: bool,
    ) -> Result<Self, String> {
        let expression = Self::new(ops);
        expression.check(fields, is_condition)?;
        Ok(expression)
    }

    /// The checks of [`Expression::from_ops`].
    ///
    /// # Errors
    /// A sentence that says what does not fit.
    pub fn check(&self, fields: &[Option<FieldType>], is_condition: bool) -> Result<(), String> {
        if self.ops.len() > MAX_OPS {
            return Err(format!("an expression has more than {MAX_OPS} operations"));
        }
        let mut stack = Vec::new();
        for op in &self.ops {
            step(op, fields, &mut stack).ok_or("an expression does not fit its fields")?;
            if stack.len() > MAX_DEPTH {
                return Err("an expression is nested too deeply".into());
            }
        }
        let wanted = match is_condition {
            true => Type::Condition,
            false => Type::Number,
        };
        match stack[..] == [wanted] {
            true => Ok(()),
            false => Err("an expression has no result of its type".into()),
        }
    }
}

/// What an operation does to the types on the stack; `None` when it does not fit.
fn step(op: &Op, fields: &[Option<FieldType>], stack: &mut Vec<Type>) -> Option<()> {
    let field = |place: u16| *fields.get(usize::from(place))?;
    let gives = match *op {
        Op::Number(number) => number.is_finite().then_some(Type::Number)?,
        Op::Field(place) => match field(place)? {
            FieldType::Number => Type::Number,
            FieldType::Boolean => Type::Condition,
            FieldType::Category(_) => return None,
        },
        Op::Bound {
            field: place,
            number,
            ..
        } => match field(place)? {
            FieldType::Number if number.is_finite() => Type::Condition,
            _ => return None,
        },
        Op::In {
            field: place,
            word,
            mask,
        } => match field(place)? {
            FieldType::Category(count) => {
                // The highest code of the set.
                let highest = usize::from(word) * 64 + mask.checked_ilog2()? as usize;
                (highest < count).then_some(Type::Condition)?
            }
            _ => return None,
        },
        Op::Arithmetic(arithmetic) => {
            take(stack, Type::Number)?;
            if !matches!(arithmetic, Arithmetic::Negate | Arithmetic::Logarithm) {
                take(stack, Type::Number)?;
            }
            Type::Number
        }
        Op::Compare(_) => {
            take(stack, Type::Number)?;
            take(stack, Type::Number)?;
            Type::Condition
        }
        Op::Not => {
            take(stack, Type::Condition)?;
            Type::Condition
        }
        Op::And | Op::Or => {
            take(stack, Type::Condition)?;
            take(stack, Type::Condition)?;
            Type::Condition
        }
    };
    stack.push(gives);
    Some(())
}

fn take(stack: &mut Vec<Type>, wanted: Type) -> Option<()> {
    (stack.pop()? == wanted).then_some(())
}
