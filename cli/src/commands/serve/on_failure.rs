//! What to do when the decision log cannot be written.

use std::fmt::{Display, Formatter};
use std::str::FromStr;

use host_server::OnFailure;

/// `refuse` or `serve`.
#[derive(Debug, Clone, Copy)]
pub(super) struct WhenItFails(pub(super) OnFailure);

impl FromStr for WhenItFails {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "refuse" => Ok(Self(OnFailure::Refuse)),
            "serve" => Ok(Self(OnFailure::Serve)),
            _ => Err("expected `refuse` or `serve`".to_owned()),
        }
    }
}

impl Display for WhenItFails {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self.0 {
            OnFailure::Refuse => "refuse",
            OnFailure::Serve => "serve",
        })
    }
}
