//! Categories and the sets that they are looked for in.

use super::words::{no_category, unquoted, what};
use super::{Parser, Part, Read, Result};
use crate::expression::Op;
use crate::expression::error::ExpressionError;
use crate::expression::lex::Token;

impl Parser<'_> {
    pub(super) fn membership(&mut self, left: &Read, at: usize, negated: bool) -> Result<Read> {
        let Part::Category(field, values) = &left.kind else {
            let message = format!(
                "'in' expects a category before it, got {}",
                left.kind.what()
            );
            return Err(ExpressionError::new(left.at, message));
        };
        let texts = self.list()?;
        self.emit_set(*field, values, &texts, at)?;
        if negated {
            self.emit(Op::Not, at)?;
        }
        Ok(Read {
            kind: Part::Condition,
            at: left.at,
            ops: left.ops,
        })
    }

    /// Refuses a category that is written as a name would be.
    pub(super) fn category_in_quotes(&self, values: &[String]) -> Result<()> {
        match self.peek() {
            (
                at,
                Token::Name {
                    name,
                    quoted: false,
                },
            ) if values.contains(name) && self.names.find(name, false).is_err() => {
                Err(ExpressionError::new(at, unquoted(name)))
            }
            _ => Ok(()),
        }
    }

    fn list(&mut self) -> Result<Vec<(usize, String)>> {
        self.expect(&Token::OpenList, "a list such as [\"A\", \"B\"]")?;
        let mut texts: Vec<(usize, String)> = Vec::new();
        loop {
            let (at, token) = self.peek();
            match token.clone() {
                Token::Text(text) => {
                    self.next += 1;
                    if texts.iter().any(|(_, known)| *known == text) {
                        let message = format!("'{text}' is in the list already");
                        return Err(ExpressionError::new(at, message));
                    }
                    texts.push((at, text));
                }
                Token::CloseList if !texts.is_empty() => {}
                Token::Name { name, .. } => {
                    return Err(ExpressionError::new(at, unquoted(&name)));
                }
                token => {
                    let message = format!("expected a category in quotes, got {}", what(&token));
                    return Err(ExpressionError::new(at, message));
                }
            }
            if self.take(&Token::Comma).is_none() {
                self.expect(&Token::CloseList, "',' or ']'")?;
                return Ok(texts);
            }
        }
    }

    pub(super) fn emit_set(
        &mut self,
        field: u16,
        values: &[String],
        texts: &[(usize, String)],
        at: usize,
    ) -> Result<()> {
        let mut words = vec![0u64; values.len().div_ceil(64)];
        for (at, text) in texts {
            let Some(code) = values.iter().position(|value| value == text) else {
                return Err(ExpressionError::new(*at, no_category(text, values)));
            };
            words[code / 64] |= 1 << (code % 64);
        }
        let mut is_first = true;
        for (word, &mask) in words.iter().enumerate().filter(|(_, mask)| **mask != 0) {
            // At most 1,000 categories.
            let word = word as u16;
            self.emit(Op::In { field, word, mask }, at)?;
            if !is_first {
                self.emit(Op::Or, at)?;
            }
            is_first = false;
        }
        Ok(())
    }
}
