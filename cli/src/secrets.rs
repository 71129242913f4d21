//! Tokens, keys and passwords: from an environment variable or a file, never from a flag, which
//! every user of the machine can read.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use model_client::Secret;

use crate::files;

/// The secret in the file if one is named, otherwise that in the variable, if any.
pub(crate) fn read(file: Option<&Path>, variable: &str) -> Result<Option<Secret>> {
    let Some(path) = file else {
        let value = std::env::var_os(variable).unwrap_or_default();
        let Some(text) = value.to_str() else {
            bail!("environment, {variable}: the value is not UTF-8");
        };
        return Ok(Some(Secret::new(text)).filter(|secret| !secret.is_empty()));
    };
    let bytes = files::read(path)?;
    let secret = Secret::new(&String::from_utf8_lossy(&bytes));
    ensure!(
        !secret.is_empty(),
        "{}: the file is empty, expected the value of {variable}",
        path.display()
    );
    Ok(Some(secret))
}
