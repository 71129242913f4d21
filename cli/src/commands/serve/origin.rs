//! The name of a decision log.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

/// The name of a log, as a URL without its scheme: it is a line of each checkpoint.
#[derive(Debug, Clone)]
pub(super) struct Origin(pub(super) String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_graphic() && c != '+';
        match (1..=200).contains(&text.len()) && text.chars().all(fits) {
            true => Ok(Self(text.to_owned())),
            false => Err("expected 1 to 200 visible ASCII characters without a space or `+`, such as bank.example/underwrite/eu-1".to_owned()),
        }
    }
}

impl Display for Origin {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
