//! Text to tokens, each with the byte where it begins.

use super::Comparison;
use super::error::ExpressionError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    /// A name; quoted in backticks it is always a field.
    Name {
        name: String,
        quoted: bool,
    },
    Text(String),
    Compare(Comparison),
    And,
    Or,
    Not,
    In,
    True,
    False,
    Plus,
    Minus,
    Times,
    Divide,
    Open,
    Close,
    OpenList,
    CloseList,
    Comma,
    End,
}

/// The tokens of `text`, the last of them [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(usize, Token)>, ExpressionError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        let (at, token) = lexer.next()?;
        let is_last = token == Token::End;
        tokens.push((at, token));
        if is_last {
            return Ok(tokens);
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn next(&mut self) -> Result<(usize, Token), ExpressionError> {
        self.take_while(char::is_whitespace);
        let at = self.at;
        let Some(first) = self.peek() else {
            return Ok((at, Token::End));
        };
        let token = match first {
            '0'..='9' | '.' => self.number()?,
            '"' | '\'' => self.quoted(first).map(Token::Text)?,
            '`' => Token::Name {
                name: self.quoted(first)?,
                quoted: true,
            },
            c if c.is_alphabetic() || c == '_' => self.word(),
            _ => self.symbol(first)?,
        };
        Ok((at, token))
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &str {
        let rest = &self.text[self.at..];
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        self.take_while(|c| c.is_ascii_digit() || c == '.');
        let rest = &self.text.as_bytes()[self.at..];
        if let [b'e' | b'E', after @ ..] = rest {
            let sign = usize::from(matches!(after, [b'+' | b'-', ..]));
            if after.get(sign).is_some_and(u8::is_ascii_digit) {
                self.at += 1 + sign;
                self.take_while(|c| c.is_ascii_digit());
            }
        }
        // `12abc` is a slip, not a number and a name.
        self.take_while(|c| c.is_alphanumeric() || c == '_');
        let text = &self.text[start..self.at];
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Token::Number(number)),
            _ => Err(ExpressionError::new(
                start,
                format!("'{text}' is not a number: write it as 12000, 0.5 or 1e6"),
            )),
        }
    }

    /// A quoted text; a backslash before the quote or a backslash makes it a part of it.
    fn quoted(&mut self, quote: char) -> Result<String, ExpressionError> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.text[start + 1..].char_indices();
        while let Some((at, c)) = characters.next() {
            if c == quote {
                self.at = start + 1 + at + c.len_utf8();
                return Ok(text);
            }
            let escaped = match c {
                '\\' => characters.clone().next().map(|(_, next)| next),
                _ => None,
            };
            match escaped {
                Some(next) if next == quote || next == '\\' => {
                    text.push(next);
                    characters.next();
                }
                _ => text.push(c),
            }
        }
        Err(ExpressionError::new(
            start,
            format!("the text that begins here has no closing {quote}"),
        ))
    }

    fn word(&mut self) -> Token {
        let word = self.take_while(|c| c.is_alphanumeric() || c == '_');
        match word {
            "and" => Token::And,
            "or" => Token::Or,
            "not" => Token::Not,
            "in" => Token::In,
            "true" => Token::True,
            "false" => Token::False,
            name => Token::Name {
                name: name.to_owned(),
                quoted: false,
            },
        }
    }

    fn symbol(&mut self, first: char) -> Result<Token, ExpressionError> {
        let rest = &self.text[self.at..];
        let (length, token) = match rest.as_bytes() {
            [b'<', b'>', ..] => return Err(self.instead("<>", "!=")),
            [b'=', b'<', ..] => return Err(self.instead("=<", "<=")),
            [b'=', b'>', ..] => return Err(self.instead("=>", ">=")),
            [b'<', b'=', ..] => (2, Token::Compare(Comparison::LessOrEqual)),
            [b'>', b'=', ..] => (2, Token::Compare(Comparison::GreaterOrEqual)),
            [b'=', b'=', ..] => (2, Token::Compare(Comparison::Equal)),
            [b'!', b'=', ..] => (2, Token::Compare(Comparison::NotEqual)),
            [b'<', ..] => (1, Token::Compare(Comparison::Less)),
            [b'>', ..] => (1, Token::Compare(Comparison::Greater)),
            [b'+', ..] => (1, Token::Plus),
            [b'-', ..] => (1, Token::Minus),
            [b'*', ..] => (1, Token::Times),
            [b'/', ..] => (1, Token::Divide),
            [b'(', ..] => (1, Token::Open),
            [b')', ..] => (1, Token::Close),
            [b'[', ..] => (1, Token::OpenList),
            [b']', ..] => (1, Token::CloseList),
            [b',', ..] => (1, Token::Comma),
            _ => {
                let hint = match first {
                    '=' => "write == to compare",
                    '&' => "write and",
                    '|' => "write or",
                    '!' => "write not",
                    '≤' => "write <=",
                    '≥' => "write >=",
                    '≠' => "write !=",
                    '×' | '·' => "write *",
                    '÷' => "write /",
                    '−' | '–' => "write -",
                    '%' => "write a share as a number, such as 0.4 for 40 %",
                    _ => "expressions have no such character",
                };
                let message = format!("unexpected '{first}': {hint}");
                return Err(ExpressionError::new(self.at, message));
            }
        };
        self.at += length;
        Ok(token)
    }

    fn instead(&self, found: &str, write: &str) -> ExpressionError {
        ExpressionError::new(self.at, format!("unexpected '{found}': write {write}"))
    }
}
