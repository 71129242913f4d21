//! Small schemas as TOML, and what is said of those that are none.

use model_core::schema::{Schema, SchemaError};

pub(crate) const X: &str = "[[feature]]\nname = \"x\"\ntype = \"number\"\n";
pub(crate) const Y: &str = "[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n";

/// A schema whose first feature has these lines; the first of them is line 4.
pub(crate) fn with(feature: &str) -> String {
    let second = X.replace('x', "z");
    format!("name = \"m\"\nversion = \"1\"\n[[feature]]\n{feature}\n{second}{Y}")
}

/// The line and the message; columns have a test of their own.
pub(crate) fn said(error: &SchemaError) -> String {
    format!("line {}: {}", error.line, error.message)
}

pub(crate) fn refuses(toml: &str, expected: &str) {
    let error = said(&Schema::from_toml(toml).unwrap_err());
    assert_eq!(error, expected, "for\n{toml}");
}

/// A number from 0 to 100 with more keys.
pub(crate) fn actionable(keys: &str) -> String {
    format!(
        "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\nminimum = 0\n\
         maximum = 100\n{keys}\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"\n"
    )
}
