//! Text to a program: a recursive descent that emits operations in postfix order.

mod sets;
mod words;

use super::error::ExpressionError;
use super::lex::{Token, tokens};
use super::{Arithmetic, Comparison, Expression, MAX_NESTING, MAX_OPS, Meaning, Op, Vocabulary};
use words::{absent, unexpected, what};

/// An expression with where each of its operations stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed {
    /// The program.
    pub expression: Expression,
    /// For each operation, the byte of the text that it comes from.
    pub positions: Vec<usize>,
}

impl Expression {
    /// Reads a condition.
    ///
    /// # Errors
    /// When the text is no condition over the names; the error says where and why.
    ///
    /// ```
    /// use model_core::expression::Expression;
    /// use model_core::schema::{Names, Purpose, Schema};
    ///
    /// let schema = Schema::from_toml(
    ///     r#"
    ///     name = "loans"
    ///     version = "1.0.0"
    ///     [[feature]]
    ///     name = "income"
    ///     type = "number"
    ///     [[feature]]
    ///     name = "paid"
    ///     type = "boolean"
    ///     role = "target"
    ///     "#,
    /// )
    /// .unwrap();
    /// let names = Names::new(&schema, Purpose::Rule { after_model: false, allow_protected: false });
    ///
    /// let rule = Expression::condition("income < 12000", &names).unwrap();
    /// let mut stack = Vec::new();
    /// assert_eq!(rule.expression.evaluate(&[9000.0], &mut stack), 1.0);
    /// assert!(rule.expression.evaluate(&[f64::NAN], &mut stack).is_nan());
    ///
    /// let error = Expression::condition("incone < 12000", &names).unwrap_err();
    /// assert_eq!(error.to_string(), "unknown name 'incone': did you mean 'income'?");
    /// ```
    pub fn condition(text: &str, names: &dyn Vocabulary) -> Result<Parsed, ExpressionError> {
        let (kind, parsed) = parse(text, names)?;
        match kind {
            Part::Condition | Part::Flag(_) => Ok(parsed),
            other => Err(ExpressionError::new(
                0,
                format!("expected a condition such as a < 1, got {}", other.what()),
            )),
        }
    }

    /// Reads a formula: an expression whose value is a number.
    ///
    /// # Errors
    /// As [`Expression::condition`].
    pub fn formula(text: &str, names: &dyn Vocabulary) -> Result<Parsed, ExpressionError> {
        let (kind, parsed) = parse(text, names)?;
        match kind {
            Part::Number => Ok(parsed),
            other => Err(ExpressionError::new(
                0,
                format!("expected a number such as a / b, got {}", other.what()),
            )),
        }
    }
}

fn parse(text: &str, names: &dyn Vocabulary) -> Result<(Part, Parsed), ExpressionError> {
    let mut parser = Parser {
        tokens: tokens(text)?,
        next: 0,
        names,
        ops: Vec::new(),
        positions: Vec::new(),
        nesting: 0,
    };
    let part = parser.or()?;
    let (at, token) = parser.peek();
    if *token != Token::End {
        let message = parser.split_number().unwrap_or_else(|| unexpected(token));
        return Err(ExpressionError::new(at, message));
    }
    let expression = Expression::new(parser.ops);
    if part.kind.is_value() && expression.fields().is_empty() {
        return Err(ExpressionError::new(
            0,
            "expected a condition or formula that names at least one field",
        ));
    }
    let positions = parser.positions;
    Ok((
        part.kind,
        Parsed {
            expression,
            positions,
        },
    ))
}

/// A part of an expression that was read: what it is, where it begins, and where its
/// operations begin.
struct Read {
    kind: Part,
    at: usize,
    ops: usize,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Number,
    Condition,
    /// A yes/no field of this name: a condition by itself.
    Flag(String),
    /// A category field; it has no operation until it is compared.
    Category(u16, Vec<String>),
    Text(String),
    Truth(bool),
}

impl Part {
    fn what(&self) -> String {
        match self {
            Self::Number => "a number".into(),
            Self::Condition => "a condition".into(),
            Self::Flag(name) => format!("the yes/no field '{name}'"),
            Self::Category(..) => "a category: compare it, as in field in [\"A\", \"B\"]".into(),
            Self::Text(text) => format!("the text '{text}'"),
            Self::Truth(truth) => format!("{truth}"),
        }
    }

    fn is_value(&self) -> bool {
        matches!(self, Self::Number | Self::Condition | Self::Flag(_))
    }
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    next: usize,
    names: &'a dyn Vocabulary,
    ops: Vec<Op>,
    positions: Vec<usize>,
    nesting: usize,
}

type Result<T, E = ExpressionError> = std::result::Result<T, E>;

impl Parser<'_> {
    fn peek(&self) -> (usize, &Token) {
        // The last token is the end, which is never passed.
        let (at, token) = &self.tokens[self.next.min(self.tokens.len() - 1)];
        (*at, token)
    }

    /// Passes the next token if it is `wanted`.
    fn take(&mut self, wanted: &Token) -> Option<usize> {
        let (at, token) = self.peek();
        (token == wanted).then(|| {
            self.next += 1;
            at
        })
    }

    fn expect(&mut self, wanted: &Token, text: &str) -> Result<()> {
        let (at, token) = self.peek();
        match token == wanted {
            true => {
                self.next += 1;
                Ok(())
            }
            false => {
                let message = self
                    .split_number()
                    .unwrap_or_else(|| format!("expected {text}, got {}", what(token)));
                Err(ExpressionError::new(at, message))
            }
        }
    }

    /// What to do about a number that is written with a comma or a space in it.
    fn split_number(&self) -> Option<String> {
        let before = self.next.checked_sub(1).and_then(|at| self.tokens.get(at));
        let after = &self.tokens[self.next..];
        match (&before?.1, after) {
            (Token::Number(_), [(_, Token::Comma), (_, Token::Number(_)), ..]) => {
                Some("unexpected ',': write numbers without commas, such as 12000 or 0.5".into())
            }
            (Token::Number(_), [(_, Token::Number(_)), ..]) => Some(
                "expected one number, got two: write numbers without spaces, such as 12000".into(),
            ),
            _ => None,
        }
    }

    fn emit(&mut self, op: Op, at: usize) -> Result<()> {
        if self.ops.len() == MAX_OPS {
            let message = format!("at most {MAX_OPS} operations fit in one expression: split it");
            return Err(ExpressionError::new(at, message));
        }
        self.ops.push(op);
        self.positions.push(at);
        Ok(())
    }

    /// Takes back the operations from `start`, to put others in their place.
    fn undo(&mut self, start: usize) {
        self.ops.truncate(start);
        self.positions.truncate(start);
    }

    fn nested<T>(&mut self, at: usize, read: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        if self.nesting == MAX_NESTING {
            let message = format!(
                "brackets, 'not' and minus signs may be nested {MAX_NESTING} deep: split the expression"
            );
            return Err(ExpressionError::new(at, message));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    fn or(&mut self) -> Result<Read> {
        self.conditions(&Token::Or, Op::Or, Self::and)
    }

    fn and(&mut self) -> Result<Read> {
        self.conditions(&Token::And, Op::And, Self::not)
    }

    fn conditions(
        &mut self,
        word: &Token,
        op: Op,
        side: fn(&mut Self) -> Result<Read>,
    ) -> Result<Read> {
        let mut left = side(self)?;
        while let Some(at) = self.take(word) {
            condition(&left)?;
            let right = side(self)?;
            condition(&right)?;
            self.emit(op, at)?;
            left.kind = Part::Condition;
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Read> {
        let Some(at) = self.take(&Token::Not) else {
            return self.comparison();
        };
        let inner = self.nested(at, Self::not)?;
        condition(&inner)?;
        self.emit(Op::Not, at)?;
        Ok(Read {
            kind: Part::Condition,
            at,
            ..inner
        })
    }

    fn comparison(&mut self) -> Result<Read> {
        let left = self.sum()?;
        let (at, token) = self.peek();
        match token.clone() {
            Token::Compare(comparison) => {
                self.next += 1;
                if let Part::Category(_, values) = &left.kind {
                    self.category_in_quotes(values)?;
                }
                let right = self.sum()?;
                let read = self.compare(left, comparison, at, right)?;
                match self.peek() {
                    (at, Token::Compare(_)) => Err(ExpressionError::new(
                        at,
                        "a comparison has two sides: write a < b and b < c",
                    )),
                    _ => Ok(read),
                }
            }
            Token::In => {
                self.next += 1;
                self.membership(&left, at, false)
            }
            Token::Not => {
                self.next += 1;
                self.expect(&Token::In, "'in' after 'not', or 'and' before it")?;
                self.membership(&left, at, true)
            }
            _ => Ok(left),
        }
    }

    fn compare(
        &mut self,
        left: Read,
        comparison: Comparison,
        at: usize,
        right: Read,
    ) -> Result<Read> {
        let equality = matches!(comparison, Comparison::Equal | Comparison::NotEqual);
        let negated = comparison == Comparison::NotEqual;
        match (&left.kind, &right.kind) {
            (Part::Number, Part::Number) => self.compare_numbers(&left, comparison, at, &right)?,
            (Part::Category(field, values), Part::Text(text)) if equality => {
                self.emit_set(*field, values, &[(right.at, text.clone())], at)?;
                if negated {
                    self.emit(Op::Not, at)?;
                }
            }
            (Part::Text(_), Part::Category(..))
            | (Part::Truth(_), Part::Condition | Part::Flag(_)) => {
                return self.compare(right, comparison.flipped(), at, left);
            }
            (Part::Condition | Part::Flag(_), Part::Truth(truth)) if equality => {
                if *truth == negated {
                    self.emit(Op::Not, at)?;
                }
            }
            (left, right) => {
                let message = match (left, right) {
                    (Part::Category(..), Part::Text(_)) => {
                        "categories have no order here: use ==, != or in".into()
                    }
                    (Part::Condition | Part::Flag(_), Part::Condition | Part::Flag(_)) => {
                        "two conditions cannot be compared: combine them with and, or, not".into()
                    }
                    (Part::Flag(name), _) | (_, Part::Flag(name)) => format!(
                        "{} cannot be compared with {}: write {name} or {name} == false",
                        left.what(),
                        right.what()
                    ),
                    _ => format!("{} cannot be compared with {}", left.what(), right.what()),
                };
                return Err(ExpressionError::new(at, message));
            }
        }
        Ok(Read {
            kind: Part::Condition,
            ..left
        })
    }

    /// A field and a number become one operation, the field on the left.
    fn compare_numbers(
        &mut self,
        left: &Read,
        comparison: Comparison,
        at: usize,
        right: &Read,
    ) -> Result<()> {
        let bound = match self.ops[left.ops..] {
            [Op::Field(field), Op::Number(number)] => Some((field, comparison, number)),
            [Op::Number(number), Op::Field(field)] => Some((field, comparison.flipped(), number)),
            _ => None,
        };
        let Some((field, comparison, number)) = bound else {
            return self.emit(Op::Compare(comparison), at);
        };
        self.undo(left.ops);
        let bound = Op::Bound {
            field,
            comparison,
            number,
        };
        self.emit(bound, left.at.min(right.at))
    }

    fn sum(&mut self) -> Result<Read> {
        let signs = [
            (Token::Plus, Arithmetic::Add),
            (Token::Minus, Arithmetic::Subtract),
        ];
        self.arithmetic(&signs, Self::product)
    }

    fn product(&mut self) -> Result<Read> {
        let signs = [
            (Token::Times, Arithmetic::Multiply),
            (Token::Divide, Arithmetic::Divide),
        ];
        self.arithmetic(&signs, Self::signed)
    }

    fn arithmetic(
        &mut self,
        signs: &[(Token, Arithmetic); 2],
        side: fn(&mut Self) -> Result<Read>,
    ) -> Result<Read> {
        let left = side(self)?;
        loop {
            let (at, token) = self.peek();
            let Some((_, arithmetic)) = signs.iter().find(|(sign, _)| sign == token) else {
                return Ok(left);
            };
            self.next += 1;
            let right = side(self)?;
            number(&left)?;
            number(&right)?;
            self.emit_arithmetic(*arithmetic, at, left.ops)?;
        }
    }

    fn signed(&mut self) -> Result<Read> {
        let Some(at) = self.take(&Token::Minus) else {
            return self.primary();
        };
        let inner = self.nested(at, Self::signed)?;
        number(&inner)?;
        self.emit_arithmetic(Arithmetic::Negate, at, inner.ops)?;
        Ok(Read { at, ..inner })
    }

    /// An operation whose operands begin at `start`; of constants alone, its result.
    fn emit_arithmetic(&mut self, arithmetic: Arithmetic, at: usize, start: usize) -> Result<()> {
        self.emit(Op::Arithmetic(arithmetic), at)?;
        let is_constant = |op: &Op| matches!(op, Op::Number(_) | Op::Arithmetic(_));
        if !self.ops[start..].iter().all(is_constant) {
            return Ok(());
        }
        let ops = self.ops[start..].to_vec();
        let number = Expression::new(ops).evaluate(&[], &mut Vec::new());
        if number.is_nan() {
            return Err(ExpressionError::new(at, "this has no finite result"));
        }
        let first = self.positions[start];
        self.undo(start);
        self.emit(Op::Number(number), first)
    }

    fn primary(&mut self) -> Result<Read> {
        let ops = self.ops.len();
        let (at, token) = self.peek();
        let token = token.clone();
        if token != Token::End {
            self.next += 1;
        }
        let kind = match token {
            Token::Number(number) => {
                self.emit(Op::Number(number), at)?;
                Part::Number
            }
            Token::Text(text) => Part::Text(text),
            Token::True => Part::Truth(true),
            Token::False => Part::Truth(false),
            Token::Open => {
                let inner = self.nested(at, Self::or)?;
                self.expect(&Token::Close, "')'")?;
                inner.kind
            }
            Token::Name {
                name,
                quoted: false,
            } if *self.peek().1 == Token::Open => self.call(&name, at)?,
            Token::Name { name, quoted } => self.name(&name, quoted, at)?,
            token => {
                let message = format!("expected a field, a number or '(', got {}", what(&token));
                return Err(ExpressionError::new(at, message));
            }
        };
        Ok(Read { kind, at, ops })
    }

    fn name(&mut self, name: &str, quoted: bool, at: usize) -> Result<Part> {
        let meaning = self.names.find(name, quoted).map_err(|message| {
            let message = absent(name).map_or(message, str::to_owned);
            ExpressionError::new(at, message)
        })?;
        match meaning {
            Meaning::Number(field) => {
                self.emit(Op::Field(field), at)?;
                Ok(Part::Number)
            }
            Meaning::Boolean(field) => {
                self.emit(Op::Field(field), at)?;
                Ok(Part::Flag(name.to_owned()))
            }
            Meaning::Category(field, values) => Ok(Part::Category(field, values.to_vec())),
        }
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Part> {
        let function = match name {
            "min" => (Arithmetic::Minimum, 2),
            "max" => (Arithmetic::Maximum, 2),
            "log" => (Arithmetic::Logarithm, 1),
            _ => {
                let message = format!("unknown function '{name}': there are min, max and log");
                return Err(ExpressionError::new(at, message));
            }
        };
        if !self.names.allows_functions() {
            let message = format!(
                "'{name}' is for derived fields only: derive a field in the schema and compare that"
            );
            return Err(ExpressionError::new(at, message));
        }
        let (arithmetic, count) = function;
        let start = self.ops.len();
        self.expect(&Token::Open, "'('")?;
        self.nested(at, |parser| {
            for argument in 0..count {
                if argument > 0 {
                    parser.expect(&Token::Comma, "',' and a second number")?;
                }
                number(&parser.sum()?)?;
            }
            parser.expect(&Token::Close, "')'")
        })?;
        self.emit_arithmetic(arithmetic, at, start)?;
        Ok(Part::Number)
    }
}

fn condition(read: &Read) -> Result<()> {
    match read.kind {
        Part::Condition | Part::Flag(_) => Ok(()),
        ref other => Err(ExpressionError::new(
            read.at,
            format!(
                "'and', 'or' and 'not' combine conditions such as a < 1, got {}",
                other.what()
            ),
        )),
    }
}

fn number(read: &Read) -> Result<()> {
    match read.kind {
        Part::Number => Ok(()),
        ref other => Err(ExpressionError::new(
            read.at,
            format!("arithmetic expects numbers, got {}", other.what()),
        )),
    }
}
