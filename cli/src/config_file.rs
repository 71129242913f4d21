//! `underwrite.toml`: one file for all commands, each of which reads its tables.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Table;

use crate::files;

/// The file that is read where no other is named, if it is there.
pub(crate) const DEFAULT: &str = "underwrite.toml";

/// A file that has no table which no command knows.
pub(crate) struct ConfigFile {
    path: PathBuf,
    text: String,
}

/// All of the file: what is inside of a table is checked by the command that reads it.
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
}

impl ConfigFile {
    /// The named file; where none is named, the default one if it is there.
    pub(crate) fn open(path: Option<&Path>) -> Result<Option<Self>> {
        let path = match path {
            Some(path) => path,
            None if Path::new(DEFAULT).is_file() => Path::new(DEFAULT),
            None => return Ok(None),
        };
        let text = String::from_utf8(files::read(path)?).map_err(|_| {
            let name = path.display();
            anyhow!("{name}: the text is not UTF-8: save the file as UTF-8")
        })?;
        let file = Self {
            path: path.to_owned(),
            text,
        };
        let _: Tables = file.parse()?;
        Ok(Some(file))
    }

    /// The tables that `T` has; the file's others are not looked at.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        toml::from_str(&self.text).map_err(|error| {
            let place = self.place(error.span().map_or(0, |span| span.start));
            anyhow!("{place}: {}", error.message())
        })
    }

    /// Name and line, as errors call what is `offset` bytes into the file.
    pub(crate) fn place(&self, offset: usize) -> String {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        format!("{}, line {line}", self.path.display())
    }

    /// Where the file is: paths in it are relative to that.
    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }
}
