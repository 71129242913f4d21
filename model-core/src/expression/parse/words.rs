//! What the parser calls things in its errors.

use crate::expression::lex::Token;

pub(super) fn no_category(text: &str, values: &[String]) -> String {
    let quoted: Vec<_> = values.iter().take(20).map(|v| format!("'{v}'")).collect();
    let more = match values.len() > 20 {
        true => format!(" or one of {} others", values.len() - 20),
        false => String::new(),
    };
    format!(
        "'{text}' is not one of the categories: expected {}{more}",
        quoted.join(", ")
    )
}

pub(super) fn unquoted(name: &str) -> String {
    format!("expected a category in quotes, got the name {name}: write '{name}'")
}

/// What to do instead of asking whether something is missing.
pub(super) fn absent(name: &str) -> Option<&'static str> {
    let words = ["null", "none", "nil", "nan", "na", "missing", "undefined"];
    let is_one = words.iter().any(|word| name.eq_ignore_ascii_case(word));
    is_one.then_some(
        "no value is compared with a missing one: what follows where a field is missing is the rule's if_missing, or the schema's missing",
    )
}

pub(super) fn unexpected(token: &Token) -> String {
    match token {
        Token::Close => "unexpected ')': there is no '(' for it".into(),
        Token::Name { name, .. } if name.eq_ignore_ascii_case("and") => {
            "unexpected name: write 'and' in lower case".into()
        }
        Token::Name { name, .. } if name.eq_ignore_ascii_case("or") => {
            "unexpected name: write 'or' in lower case".into()
        }
        Token::Name { name, .. } if name.eq_ignore_ascii_case("is") => {
            "unexpected name: write == to compare".into()
        }
        Token::Name { name, .. } if name.eq_ignore_ascii_case("between") => {
            "unexpected name: write a >= 1 and a <= 2".into()
        }
        token => format!(
            "expected an operator or the end of the expression, got {}",
            what(token)
        ),
    }
}

/// A token as people write it.
pub(super) fn what(token: &Token) -> String {
    match token {
        Token::Number(number) => format!("the number {number}"),
        Token::Name { name, .. } => format!("the name '{name}'"),
        Token::Text(text) => format!("the text '{text}'"),
        Token::Compare(_) => "a comparison".into(),
        Token::And => "'and'".into(),
        Token::Or => "'or'".into(),
        Token::Not => "'not'".into(),
        Token::In => "'in'".into(),
        Token::True => "'true'".into(),
        Token::False => "'false'".into(),
        Token::Plus => "'+'".into(),
        Token::Minus => "'-'".into(),
        Token::Times => "'*'".into(),
        Token::Divide => "'/'".into(),
        Token::Open => "'('".into(),
        Token::Close => "')'".into(),
        Token::OpenList => "'['".into(),
        Token::CloseList => "']'".into(),
        Token::Comma => "','".into(),
        Token::End => "the end of the expression".into(),
    }
}
