//! Settings from four sources. A flag overrides an environment variable, which overrides
//! `underwrite.toml`, which overrides the default; each setting remembers its source.

use std::collections::BTreeMap;
use std::fmt::{Display, Formatter};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Result, anyhow, bail};
use model_client::shown_url;
use serde_json::Value;
use toml::Spanned;

use crate::config_file::ConfigFile;

const HIDDEN: &str = "(set, hidden)";
/// Settings that may have a login, even where the scheme was forgotten.
const ADDRESSES: [&str; 3] = ["pushgateway", "otlp-endpoint", "hub-endpoint"];

/// Settings of `underwrite serve`, asked for one by one.
pub(crate) struct Settings {
    file: Option<ConfigFile>,
    /// What of the file's table `[serve]` was not asked for yet.
    table: BTreeMap<Spanned<String>, toml::Value>,
    /// Settings that have a table of their own: the line and the value of each.
    elsewhere: BTreeMap<&'static str, (String, String)>,
    shown: Vec<Shown>,
}

struct Shown {
    key: &'static str,
    value: Value,
    origin: Origin,
    /// Whether another setting overrides this one.
    unused: bool,
}

/// Where a value came from; what wins comes first.
#[derive(Debug, Clone)]
enum Origin {
    Flag(&'static str),
    /// The variable.
    Environment(String),
    /// File and line.
    File(String),
    Default,
}

/// What is asked for: its flag's name, which is also its key in the file, and the
/// environment's name for it.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) variable: &'static str,
    pub(crate) secret: bool,
}

impl Key {
    /// The environment's name for it that all settings have.
    pub(crate) fn our_variable(self) -> String {
        format!("UNDERWRITE_{}", self.name.to_uppercase().replace('-', "_"))
    }
}

impl Settings {
    /// Reads the table `[serve]` of the file; without a file everything is unset.
    pub(crate) fn open(file: Option<ConfigFile>) -> Result<Self> {
        #[derive(Default, serde::Deserialize)]
        struct Tables {
            #[serde(default)]
            serve: BTreeMap<Spanned<String>, toml::Value>,
        }
        let tables: Tables = match &file {
            Some(file) => file.parse()?,
            None => Tables::default(),
        };
        Ok(Self {
            file,
            table: tables.serve,
            elsewhere: BTreeMap::new(),
            shown: Vec::new(),
        })
    }

    /// A setting that the file has in another table than `[serve]`, which wins; `line` is the
    /// file and line of the value.
    pub(crate) fn offer(&mut self, key: Key, line: String, value: String) {
        self.elsewhere.insert(key.name, (line, value));
    }

    /// A setting that may be unset.
    pub(crate) fn optional<T>(&mut self, key: Key, flag: Option<T>) -> Result<Option<T>>
    where
        T: FromStr<Err: Display> + Display,
    {
        let (value, origin) = match (flag, self.unflagged(key)?) {
            (Some(value), _) => (Some(value), Origin::Flag(key.name)),
            (None, Some((given, origin))) => (
                Some(parse(key, &given.one(key, &origin)?, &origin)?),
                origin,
            ),
            (None, None) => (None, Origin::Default),
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
        let (values, origin) = match (flags.is_empty(), self.unflagged(key)?) {
            (false, _) => (flags, Origin::Flag(key.name)),
            (true, Some((given, origin))) => (given.all(), origin),
            (true, None) => (Vec::new(), Origin::Default),
        };
        let shown = values.iter().map(|value| show(key, value)).collect();
        self.remember(key, Value::Array(shown), origin);
        Ok(values)
    }

    /// A switch: the flag can only turn it on.
    pub(crate) fn switch(&mut self, key: Key, flag: bool) -> Result<bool> {
        self.or(key, flag.then_some(true), false)
    }

    /// A path; one in the file is relative to the file.
    pub(crate) fn path(&mut self, key: Key, flag: Option<PathBuf>) -> Result<Option<PathBuf>> {
        let flag = flag.map(|path| path.display().to_string());
        let path = self.optional::<String>(key, flag)?.map(PathBuf::from);
        let from_file = matches!(
            self.shown.last().map(|shown| &shown.origin),
            Some(Origin::File(_))
        );
        Ok(match (path, &self.file) {
            (Some(path), Some(file)) if from_file => Some(file.folder().join(path)),
            (path, _) => path,
        })
    }

    /// Paths of which there may be several, as [`path`](Self::path).
    pub(crate) fn paths(&mut self, key: Key, flags: Vec<String>) -> Result<Vec<PathBuf>> {
        let paths = self.list(key, flags)?;
        let last = self.shown.last().map(|shown| &shown.origin);
        let folder = match (last, &self.file) {
            (Some(Origin::File(_)), Some(file)) => file.folder().to_owned(),
            _ => PathBuf::new(),
        };
        Ok(paths.into_iter().map(|path| folder.join(path)).collect())
    }

    /// Which of these settings, asked for already, is used: the one that is set where it wins;
    /// `None` when none is set. Two that are set in the same source are a mistake.
    pub(crate) fn choose(&mut self, names: &[&'static str]) -> Result<Option<&'static str>> {
        let mut set: Vec<&mut Shown> = self
            .shown
            .iter_mut()
            .filter(|shown| names.contains(&shown.key) && !shown.value.is_null())
            .collect();
        set.sort_by_key(|shown| shown.origin.rank());
        if let [first, second, ..] = &set[..]
            && first.origin.rank() == second.origin.rank()
        {
            bail!(
                "both `{}` ({}) and `{}` ({}) are set: unset one",
                first.key,
                first.origin,
                second.key,
                second.origin
            );
        }
        set.iter_mut().skip(1).for_each(|shown| shown.unused = true);
        Ok(set.first().map(|shown| shown.key))
    }

    /// The file that was read, if there is one.
    pub(crate) fn file(&self) -> Option<&ConfigFile> {
        self.file.as_ref()
    }

    /// When all have been asked for, what is left in the file is a mistake.
    pub(crate) fn finish(&self) -> Result<()> {
        let stranger = self.table.keys().min_by_key(|key| key.span().start);
        if let (Some(file), Some(stranger)) = (&self.file, stranger) {
            let known: Vec<&str> = self.shown.iter().map(|shown| shown.key).collect();
            bail!(
                "{}: [serve] has no setting `{}`, expected one of {}",
                file.line_at(stranger.span().start),
                stranger.get_ref(),
                known.join(", ")
            );
        }
        Ok(())
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
                let unused = if shown.unused { ", not used" } else { "" };
                format!(
                    "{:keys$}  {value:values$}  {}{unused}\n",
                    shown.key, shown.origin
                )
            })
            .collect()
    }

    /// From the environment or the file; an empty variable is unset.
    fn unflagged(&mut self, key: Key) -> Result<Option<(Given, Origin)>> {
        let in_file = self.take(key.name);
        let ours = key.our_variable();
        for variable in [key.variable, &ours] {
            match std::env::var(variable) {
                Ok(value) if is_service_link(variable, &value) => {}
                Ok(value) if !value.is_empty() => {
                    let origin = Origin::Environment(variable.to_owned());
                    return Ok(Some((Given::Variable(value), origin)));
                }
                Ok(_) | Err(std::env::VarError::NotPresent) => {}
                // The value may be a key.
                Err(std::env::VarError::NotUnicode(_)) => {
                    bail!("environment, {variable}: the value is not UTF-8")
                }
            }
        }
        Ok(in_file.map(|(line, value)| (Given::File(value), Origin::File(line))))
    }

    /// A setting of the file, with its line.
    fn take(&mut self, name: &str) -> Option<(String, toml::Value)> {
        let Some(key) = self.table.keys().find(|key| key.get_ref() == name) else {
            let (line, value) = self.elsewhere.remove(name)?;
            return Some((line, toml::Value::String(value)));
        };
        let key = key.clone();
        let value = self.table.remove(&key)?;
        Some((self.file.as_ref()?.line_at(key.span().start), value))
    }

    fn remember(&mut self, key: Key, value: Value, origin: Origin) {
        self.shown.push(Shown {
            key: key.name,
            value,
            origin,
            unused: false,
        });
    }
}

/// A value as it was written.
enum Given {
    Variable(String),
    File(toml::Value),
}

impl Given {
    /// Of a setting that has one value, which may have commas.
    fn one(self, key: Key, origin: &Origin) -> Result<String> {
        match self {
            Self::Variable(value) => Ok(value.trim().to_owned()),
            Self::File(toml::Value::Array(_)) => {
                bail!("{origin}: {} is a list, expected one value", key.name)
            }
            Self::File(value) => Ok(text(&value)),
        }
    }

    /// Of a setting that may have several: in a variable, with commas between them.
    fn all(self) -> Vec<String> {
        match self {
            Self::Variable(value) => value.split(',').map(|one| one.trim().to_owned()).collect(),
            Self::File(toml::Value::Array(list)) => list.iter().map(text).collect(),
            Self::File(one) => vec![text(&one)],
        }
    }
}

impl Origin {
    /// Less wins.
    fn rank(&self) -> u8 {
        match self {
            Self::Flag(_) => 0,
            Self::Environment(_) => 1,
            Self::File(_) => 2,
            Self::Default => 3,
        }
    }
}

impl Display for Origin {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Environment(variable) => write!(f, "environment, {variable}"),
            Self::File(line) => f.write_str(line),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Kubernetes and Docker describe other services in variables that are called like ours where the
/// service is called `underwrite`: `UNDERWRITE_PORT=tcp://10.96.12.3:80` says nothing about this
/// server.
fn is_service_link(variable: &str, value: &str) -> bool {
    let protocols = ["tcp://", "udp://", "sctp://"];
    variable.ends_with("_PORT") && protocols.iter().any(|protocol| value.starts_with(protocol))
}

fn text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn parse<T: FromStr<Err: Display>>(key: Key, text: &str, origin: &Origin) -> Result<T> {
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
        // In a path or a name, an `@` is one of its characters.
        Err(_) if value.contains("://") || ADDRESSES.contains(&key.name) => shown_url(value).into(),
        Err(_) => value.into(),
    }
}
