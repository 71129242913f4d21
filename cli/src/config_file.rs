//! `underwrite.toml`: one file for all commands; each command reads its own tables.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::files;

/// The file that is read by default, if it exists.
pub(crate) const DEFAULT: &str = "underwrite.toml";

/// A file whose tables are all known to some command.
#[derive(Clone)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    text: String,
    was_found: bool,
}

/// Every table; the command that reads a table checks its content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "there to tell known tables from unknown ones")]
struct Tables {
    // `underwrite train`
    train: Option<Table>,
    tune: Option<Table>,
    calibration: Option<Table>,
    threshold: Option<Table>,
    space: Option<Table>,
    // `underwrite train` and `underwrite track`
    tracking: Option<Table>,
    // `underwrite serve`
    serve: Option<Table>,
    decision_log: Option<Table>,
    api_key: Option<Vec<Table>>,
}

impl ConfigFile {
    /// Opens the named file, or the default one if it exists.
    pub(crate) fn open(path: Option<&Path>) -> Result<Option<Self>> {
        let was_found = path.is_none();
        let path = match path {
            Some(path) => path,
            None if Path::new(DEFAULT).is_file() => Path::new(DEFAULT),
            None => return Ok(None),
        };
        let text = String::from_utf8(files::read_settings(path)?).map_err(|_| {
            let name = path.display();
            anyhow!("{name}: the text is not UTF-8: save the file as UTF-8")
        })?;
        let file = Self {
            path: path.to_owned(),
            text,
            was_found,
        };
        let _: Tables = file.parse()?;
        Ok(Some(file))
    }

    /// Reads the tables that `T` has; other tables are ignored.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let line = self.line_at(error.span().map_or(0, |span| span.start));
            anyhow!("{line}: {}", error.message())
        })
    }

    /// The file's name and the line of a byte offset, as errors give them.
    pub(crate) fn line_at(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        format!("{}, line {line}", self.path.display())
    }

    /// Whether nobody named the file: it was there in the current folder.
    pub(crate) fn was_found(&self) -> bool {
        self.was_found
    }

    /// The file itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of the file, which paths in it are relative to.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}
