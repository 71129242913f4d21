//! Settings from four places. A flag wins over an environment variable, that over
//! `underwrite.toml`, that over the default; each remembers where it came from.

use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use toml::Table;

/// The file that is read when none is named, if it is there.
pub(crate) const FILE: &str = "underwrite.toml";
const HIDDEN: &str = "(set, hidden)";

/// Settings of one command, asked for one by one.
pub(crate) struct Settings {
    file: String,
    table: Table,
    shown: Vec<Shown>,
}

struct Shown {
    key: &'static str,
    value: Value,
    origin: String,
}

/// What is asked for: its flag's name, which is also its key in the file, and the
/// environment's name for it.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) secret: bool,
}

impl Settings {
    /// Reads the table `command` of the file; without a file everything is unset.
    pub(crate) fn open(path: Option<&Path>, command: &str) -> Result<Self> {
        let (file, required) = match path {
            Some(path) => (path.display().to_string(), true),
            None => (FILE.to_owned(), false),
        };
        let mut table = match std::fs::read_to_string(&file) {
            Ok(text) => text
                .parse::<Table>()
                .with_context(|| format!("{file} cannot be read"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Table::new(),
            Err(error) => return Err(error).with_context(|| format!("{file} cannot be read")),
        };
        let table = match table.remove(command) {
            None => Table::new(),
            Some(toml::Value::Table(table)) => table,
            Some(_) => bail!("{file}: `{command}` is no table, expected `[{command}]`"),
        };
        Ok(Self {
            file,
            table,
            shown: Vec::new(),
        })
    }

    /// A setting that may be unset.
    pub(crate) fn optional<T>(&mut self, key: Key, flag: Option<T>) -> Result<Option<T>>
    where
        T: FromStr<Err: Display> + Display,
    {
        let (value, origin) = match (flag, self.elsewhere(key)?) {
            (Some(value), _) => (Some(value), format!("--{}", key.name)),
            (None, Some((texts, origin))) => {
                let text = texts.into_iter().next_back().unwrap_or_default();
                (Some(parse(key, &text, &origin)?), origin)
            }
            (None, None) => (None, "default".to_owned()),
        };
        let shown = value.as_ref().map(|value| show(key, &value.to_string()));
        self.remember(key, shown.unwrap_or(Value::Null), origin);
        Ok(value)
    }

    /// A setting that has a default.
    pub(crate) fn or<T>(&mut self, key: Key, flag: Option<T>, default: T) -> Result<T>
    where
        T: FromStr<Err: Display> + Display,
    {
        let value = self.optional(key, flag)?;
        if let (None, Some(shown)) = (&value, self.shown.last_mut()) {
            shown.value = show(key, &default.to_string());
        }
        Ok(value.unwrap_or(default))
    }

    /// A setting that can be given more than once; in the environment with commas.
    pub(crate) fn list(&mut self, key: Key, flags: Vec<String>) -> Result<Vec<String>> {
        let (values, origin) = match (flags.is_empty(), self.elsewhere(key)?) {
            (false, _) => (flags, format!("--{}", key.name)),
            (true, Some((texts, origin))) => (texts, origin),
            (true, None) => (Vec::new(), "default".to_owned()),
        };
        let shown = values.iter().map(|value| show(key, value)).collect();
        self.remember(key, Value::Array(shown), origin);
        Ok(values)
    }

    /// A switch: the flag can only turn it on.
    pub(crate) fn switch(&mut self, key: Key, flag: bool) -> Result<bool> {
        self.or(key, flag.then_some(true), false)
    }

    /// When all have been asked for, what is left in the file is a mistake.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.table.keys().next() {
            None => Ok(()),
            Some(unknown) => {
                let known: Vec<&str> = self.shown.iter().map(|shown| shown.key).collect();
                bail!(
                    "{}: [serve] has no setting `{unknown}`, expected one of {}",
                    self.file,
                    known.join(", ")
                )
            }
        }
    }

    /// All of them, with where they came from.
    pub(crate) fn to_text(&self) -> String {
        let width = |text: &dyn Fn(&Shown) -> usize| self.shown.iter().map(text).max().unwrap_or(0);
        let keys = width(&|shown| shown.key.len());
        let values = width(&|shown| shown.value.to_string().len()).min(40);
        self.shown
            .iter()
            .map(|shown| {
                let value = shown.value.to_string();
                format!("{:keys$}  {value:values$}  {}\n", shown.key, shown.origin)
            })
            .collect()
    }

    /// From the environment or the file; an empty variable is unset.
    fn elsewhere(&mut self, key: Key) -> Result<Option<(Vec<String>, String)>> {
        let in_file = self.table.remove(key.name);
        let ours = format!("UNDERWRITE_{}", key.name.to_uppercase().replace('-', "_"));
        for variable in [key.variable, &ours] {
            match std::env::var(variable) {
                Ok(value) if !value.is_empty() => {
                    let values = value.split(',').map(|one| one.trim().to_owned());
                    return Ok(Some((values.collect(), format!("environment, {variable}"))));
                }
                Ok(_) | Err(std::env::VarError::NotPresent) => {}
                Err(error) => return Err(anyhow!("{variable}: {error}")),
            }
        }
        let Some(value) = in_file else {
            return Ok(None);
        };
        let texts = match value {
            toml::Value::Array(list) => list.iter().map(text).collect(),
            one => vec![text(&one)],
        };
        Ok(Some((texts, self.file.clone())))
    }

    fn remember(&mut self, key: Key, value: Value, origin: String) {
        self.shown.push(Shown {
            key: key.name,
            value,
            origin,
        });
    }
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parse<T: FromStr<Err: Display>>(key: Key, text: &str, origin: &str) -> Result<T> {
    text.parse().map_err(|error| {
        let value = if key.secret { HIDDEN } else { text };
        anyhow!("{origin}: {} is `{value}`: {error}", key.name)
    })
}

fn show(key: Key, value: &str) -> Value {
    if key.secret {
        return HIDDEN.into();
    }
    match value.parse::<serde_json::Number>() {
        Ok(number) => Value::Number(number),
        Err(_) if value == "true" || value == "false" => Value::Bool(value == "true"),
        Err(_) => value.into(),
    }
}
