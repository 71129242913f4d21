//! A rule's condition as its parts: comparisons and sets of one variable each, combined by
//! `not`, `and` and `or`. A variable is a field, the probability, or a term: what rules
//! compute from several fields and compare.

use model_core::expression::{Comparison, Expression, Op, Span, span};

use crate::domain::{Domain, Grid};
use crate::truth::Truths;

/// A condition in postfix order.
#[derive(Debug)]
pub(crate) struct Condition {
    pub(crate) expression: Expression,
    pub(crate) nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Atom(Atom),
    Not,
    And,
    Or,
}

/// What looks at one variable; the variables are the fields, the probability, the terms.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Atom {
    Compare {
        variable: usize,
        comparison: Comparison,
        number: f64,
    },
    In {
        variable: usize,
        word: u16,
        mask: u64,
    },
    /// A boolean field.
    Yes { variable: usize },
}

/// What rules compute. Two rules that compute the same share it, which is what makes their
/// comparisons comparable.
#[derive(Debug, PartialEq)]
pub(crate) struct Term {
    left: Vec<Op>,
    /// Compared with this, where that is no number: the term's value is then the sign of
    /// `left - right`.
    right: Vec<Op>,
}

impl Term {
    pub(crate) fn fields(&self) -> impl Iterator<Item = usize> + '_ {
        let ops = self.left.iter().chain(&self.right);
        ops.filter_map(Op::field).map(usize::from)
    }

    /// How many operations it takes.
    pub(crate) fn operations(&self) -> usize {
        self.left.len() + self.right.len()
    }

    /// Whether it is what this formula computes.
    pub(crate) fn is_formula(&self, formula: &Expression) -> bool {
        self.right.is_empty() && self.left == formula.ops()
    }

    /// The values it can have where its fields have these domains.
    pub(crate) fn domain(&self, field: impl Fn(usize) -> Domain) -> Domain {
        let of_field = |place: u16| {
            let domain = field(usize::from(place));
            Span {
                missing: domain.missing,
                ..domain.numbers
            }
        };
        let left = span(&self.left, of_field, |_, _| {});
        if self.right.is_empty() {
            return of_span(left);
        }
        let right = span(&self.right, of_field, |_, _| {});
        let mut sign = Domain::numbers(Span::NEVER, Grid::Whole);
        sign.missing = left.missing || right.missing;
        if !left.is_empty() && !right.is_empty() {
            let below = left.low < right.high;
            let above = left.high > right.low;
            let low = if below { -1.0 } else { 0.0 };
            let high = if above { 1.0 } else { 0.0 };
            // Neither may be equal: then it is one of the others alone.
            let apart = left.high < right.low || left.low > right.high;
            sign.numbers = match (apart, below) {
                (true, true) => Span::new(-1.0, -1.0),
                (true, false) => Span::new(1.0, 1.0),
                (false, _) => Span::new(low, high),
            };
        }
        sign
    }
}

fn of_span(numbers: Span) -> Domain {
    let mut domain = Domain::numbers(numbers, Grid::Any);
    domain.missing = numbers.missing;
    domain
}

/// Reads conditions, and collects the terms that they share.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    pub(crate) terms: Vec<Term>,
    /// For each variable before the terms, whether it is a condition by itself.
    are_boolean: Vec<bool>,
}

impl Terms {
    pub(crate) fn new(are_boolean: Vec<bool>) -> Self {
        Self {
            terms: Vec::new(),
            are_boolean,
        }
    }

    pub(crate) fn condition(&mut self, expression: &Expression) -> Condition {
        let ops = expression.ops();
        let mut nodes = Vec::new();
        // Where the operations of each value on the stack begin.
        let mut starts: Vec<usize> = Vec::new();
        for (at, op) in ops.iter().enumerate() {
            let mut start = at;
            let mut right = at;
            for taken in 0..op.operands() {
                start = starts.pop().unwrap_or(at);
                if taken == 0 {
                    right = start;
                }
            }
            starts.push(start);
            nodes.extend(self.node(op, &ops[start..right], &ops[right..at]));
        }
        Condition {
            expression: expression.clone(),
            nodes,
        }
    }

    /// What an operation is to the condition; nothing where it is a part of a term.
    fn node(&mut self, op: &Op, left: &[Op], right: &[Op]) -> Option<Node> {
        Some(match *op {
            Op::Not => Node::Not,
            Op::And => Node::And,
            Op::Or => Node::Or,
            Op::Bound {
                field,
                comparison,
                number,
            } => Node::Atom(Atom::Compare {
                variable: usize::from(field),
                comparison,
                number,
            }),
            Op::In { field, word, mask } => Node::Atom(Atom::In {
                variable: usize::from(field),
                word,
                mask,
            }),
            Op::Compare(comparison) => Node::Atom(self.compare(left, comparison, right)),
            Op::Field(field) if self.are_boolean.get(usize::from(field)) == Some(&true) => {
                Node::Atom(Atom::Yes {
                    variable: usize::from(field),
                })
            }
            Op::Field(_) | Op::Number(_) | Op::Arithmetic(_) => return None,
        })
    }

    fn compare(&mut self, left: &[Op], comparison: Comparison, right: &[Op]) -> Atom {
        let (left, comparison, right) = match left {
            [Op::Number(_)] => (right, comparison.flipped(), left),
            _ => (left, comparison, right),
        };
        if let [Op::Number(number)] = *right {
            return self.atom(left, &[], comparison, number);
        }
        let is_known = |left: &[Op], right: &[Op]| {
            self.terms
                .iter()
                .any(|t| t.left == left && t.right == right)
        };
        match is_known(right, left) {
            true => self.atom(right, left, comparison.flipped(), 0.0),
            false => self.atom(left, right, comparison, 0.0),
        }
    }

    fn atom(&mut self, left: &[Op], right: &[Op], comparison: Comparison, number: f64) -> Atom {
        let known = |term: &Term| term.left == left && term.right == right;
        let place = self.terms.iter().position(known).unwrap_or_else(|| {
            self.terms.push(Term {
                left: left.to_vec(),
                right: right.to_vec(),
            });
            self.terms.len() - 1
        });
        Atom::Compare {
            variable: self.are_boolean.len() + place,
            comparison,
            number,
        }
    }
}

impl Condition {
    /// The truths that it can have, by those of its parts.
    pub(crate) fn truths(&self, atom: impl Fn(&Atom) -> Truths) -> Truths {
        let mut stack: Vec<Truths> = Vec::new();
        for node in &self.nodes {
            let last = match node {
                Node::Atom(_) => Truths::NONE,
                _ => stack.pop().unwrap_or(Truths::NONE),
            };
            let first = match node {
                Node::And | Node::Or => stack.pop().unwrap_or(Truths::NONE),
                _ => Truths::NONE,
            };
            stack.push(match node {
                Node::Atom(one) => atom(one),
                Node::Not => last.negation(),
                Node::And => first.conjunction(last),
                Node::Or => first.disjunction(last),
            });
        }
        stack.pop().unwrap_or(Truths::NONE)
    }

    pub(crate) fn atoms(&self) -> impl Iterator<Item = &Atom> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Atom(atom) => Some(atom),
            _ => None,
        })
    }
}

impl Atom {
    pub(crate) fn variable(&self) -> usize {
        match self {
            Self::Compare { variable, .. } | Self::In { variable, .. } | Self::Yes { variable } => {
                *variable
            }
        }
    }

    /// Its truths where its variable has this domain.
    pub(crate) fn truths(&self, domain: &Domain) -> Truths {
        match *self {
            Self::Compare {
                comparison, number, ..
            } => domain.compared(comparison, number),
            Self::In { word, mask, .. } => domain.member(word, mask),
            Self::Yes { .. } => domain.compared(Comparison::Equal, 1.0),
        }
    }

    /// The parts of its variable's domain in each of which it is decided.
    pub(crate) fn split(&self, domain: &Domain) -> Vec<Domain> {
        match *self {
            _ if domain.may_go_both_ways() => domain.split_missing().into(),
            Self::Compare {
                comparison, number, ..
            } => domain.split_at(comparison, number),
            Self::In { word, mask, .. } => domain.split_codes(word, mask),
            Self::Yes { .. } => domain.split_at(Comparison::Less, 1.0),
        }
    }
}
