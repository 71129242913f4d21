//! API keys: from flags, the environment, key files, and `[[api_key]]` of `underwrite.toml`. What
//! comes from files is read again while the server runs, and so are the people of that file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use host_server::{Credentials, Key as ApiKey, KeySource, Role};
use serde::Deserialize;
use toml::Spanned;

use super::args::Args;
use super::decision_log::people;
use super::digest;
use super::keys::{known, secret};
use crate::config_file::ConfigFile;
use crate::files;
use crate::settings::{Key, Settings};

/// The longest name of a key, in characters.
const LONGEST_NAME: usize = 64;

/// Where keys come from.
struct Sources {
    /// From flags and the environment.
    fixed: Vec<ApiKey>,
    files: Vec<(PathBuf, Role)>,
    config: Option<PathBuf>,
}

/// `[[api_key]]`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    name: Spanned<String>,
    role: RoleName,
    /// Hexadecimal.
    sha256: Spanned<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Predict,
    Metrics,
    Admin,
}

#[derive(Deserialize)]
struct Tables {
    #[serde(default)]
    api_key: Vec<Named>,
}

/// All keys, and how to read them again where some come from files.
pub(super) fn read(args: &Args, from: &mut Settings) -> Result<(Vec<ApiKey>, Option<KeySource>)> {
    let mut sources = Sources {
        fixed: Vec::new(),
        files: Vec::new(),
        config: from.file().map(|file| file.path().to_owned()),
    };
    let all = [
        ("api-key", "API_KEY", &args.api_key, Role::Predict),
        ("admin-key", "ADMIN_KEY", &args.admin_key, Role::Admin),
        (
            "metrics-key",
            "METRICS_KEY",
            &args.metrics_key,
            Role::Metrics,
        ),
    ];
    for (name, variable, flags, role) in all {
        for value in list(from, secret(name, variable), flags)? {
            let key = bare(&value, role).map_err(|reason| anyhow!("{name}: {reason}"))?;
            sources.fixed.push(key);
        }
    }
    let all = [
        (
            "api-key-file",
            "API_KEY_FILE",
            &args.api_key_file,
            Role::Predict,
        ),
        (
            "admin-key-file",
            "ADMIN_KEY_FILE",
            &args.admin_key_file,
            Role::Admin,
        ),
        (
            "metrics-key-file",
            "METRICS_KEY_FILE",
            &args.metrics_key_file,
            Role::Metrics,
        ),
    ];
    for (name, variable, flags, role) in all {
        for path in from.paths(known(name, variable), flags.clone())? {
            sources.files.push((path, role));
        }
        refuse_empty(known(name, variable))?;
    }
    let keys = sources.keys(sources.file()?.as_ref())?;
    let changes = !sources.files.is_empty() || sources.config.is_some();
    let again = move || sources.read().map_err(|error| format!("{error:#}"));
    Ok((keys, changes.then(|| KeySource(Arc::new(again)))))
}

fn list(from: &mut Settings, key: Key, flags: &[String]) -> Result<Vec<String>> {
    let values = from.list(key, flags.to_vec())?;
    if values.is_empty() {
        refuse_empty(key)?;
    }
    Ok(values)
}

/// A key that somebody wanted to set and did not is no reason to let everybody in.
fn refuse_empty(key: Key) -> Result<()> {
    let ours = key.our_variable();
    for variable in [key.variable, &ours] {
        if std::env::var_os(variable).is_some_and(|value| value.is_empty()) {
            bail!(
                "environment, {variable}: {} is set, but empty: set it to a key, or unset it to need none",
                key.name
            );
        }
    }
    Ok(())
}

impl Sources {
    fn file(&self) -> Result<Option<ConfigFile>> {
        ConfigFile::open(self.config.as_deref())
    }

    /// All keys, and the people of the file.
    fn read(&self) -> Result<Credentials> {
        let file = self.file()?;
        Ok(Credentials {
            keys: self.keys(file.as_ref())?,
            people: file.as_ref().map(people).transpose()?.unwrap_or_default(),
        })
    }

    fn keys(&self, file: Option<&ConfigFile>) -> Result<Vec<ApiKey>> {
        let mut keys = self.fixed.clone();
        for (path, role) in &self.files {
            keys.extend(key_file(path, *role)?);
        }
        if let Some(file) = file {
            keys.extend(tables(file)?);
        }
        Ok(keys)
    }
}

/// The keys of `[[api_key]]`.
fn tables(file: &ConfigFile) -> Result<Vec<ApiKey>> {
    let tables: Tables = file.parse()?;
    let key = |named: Named| {
        let at = |offset: usize| file.line_at(offset);
        let name = named.name.get_ref();
        check_name(name).with_context(|| at(named.name.span().start))?;
        let digest = digest::read(named.sha256.get_ref()).map_err(|reason| {
            let line = at(named.sha256.span().start);
            anyhow!("{line}: sha256 of the key `{name}`: {reason}")
        })?;
        Ok(ApiKey::from_digest(name, digest, named.role.into()))
    };
    tables.api_key.into_iter().map(key).collect()
}

/// One key a line, as `NAME KEY` or as `KEY` alone; empty lines and those with `#` are left out.
fn key_file(path: &Path, role: Role) -> Result<Vec<ApiKey>> {
    let bytes = files::read_settings(path)?;
    let name = path.display();
    let text = String::from_utf8(bytes);
    let text =
        text.map_err(|_| anyhow!("{name}: the text is not UTF-8: save the file as UTF-8"))?;
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let key = match words[..] {
            [] => continue,
            [first, ..] if first.starts_with('#') => continue,
            // What made the key failed, and its name would be one.
            [name] if !line.ends_with(name) => Err(
                "a name without a key: expected `NAME KEY`, or `KEY` with nothing behind it"
                    .to_owned(),
            ),
            [key] => bare(key, role),
            [name, key] => check_name(name)
                .map_err(|error| error.to_string())
                .and_then(|()| check_secret(key))
                .map(|()| ApiKey::named(name, key, role)),
            _ => Err(format!(
                "expected `NAME KEY` or `KEY`, and there are {} words",
                words.len()
            )),
        };
        keys.push(key.map_err(|reason| anyhow!("{name}, line {}: {reason}", at + 1))?);
    }
    ensure!(
        !keys.is_empty(),
        "{name}: the file has no key, expected one a line as `NAME KEY`"
    );
    Ok(keys)
}

fn bare(secret: &str, role: Role) -> Result<ApiKey, String> {
    check_secret(secret)?;
    Ok(ApiKey::new(secret, role))
}

/// A key that no header can carry would be refused for ever, and nobody would know why.
fn check_secret(secret: &str) -> Result<(), String> {
    if secret.is_empty() {
        return Err("a key is empty, expected at least one character".to_owned());
    }
    if secret.chars().any(char::is_control) {
        return Err(
            "a key has a line break or another control character, which no header can carry"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let fits = name.chars().all(|c| c.is_ascii_graphic());
    ensure!(
        fits && (1..=LONGEST_NAME).contains(&name.len()),
        "the name of a key is `{}`, expected 1 to {LONGEST_NAME} letters, digits and signs",
        name.escape_debug()
    );
    Ok(())
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Predict => Self::Predict,
            RoleName::Metrics => Self::Metrics,
            RoleName::Admin => Self::Admin,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    fn keys(text: &str) -> Result<Vec<ApiKey>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys");
        std::fs::write(&path, text).unwrap();
        key_file(&path, Role::Predict).map_err(|error| {
            let text = error.to_string();
            text.replace(&format!("{}/", folder.path().display()), "")
        })
    }

    #[test]
    fn a_key_file_is_read_whatever_ends_its_lines() {
        for text in [
            "app swordfish\n",
            "app swordfish",
            "# ours\r\n\r\n  app\tswordfish \r\n",
        ] {
            let read = keys(text).unwrap();
            assert_eq!(read, [ApiKey::named("app", "swordfish", Role::Predict)]);
        }
        let bare = keys("swordfish\n").unwrap();
        assert_eq!(bare, [ApiKey::new("swordfish", Role::Predict)]);
        assert_eq!(bare[0].name(), "sha256:b9f195c5");
    }

    #[test]
    fn what_is_wrong_with_a_key_file_is_said_with_its_line() {
        for (text, expect) in [
            ("", "keys: the file has no key"),
            ("# none\n", "keys: the file has no key"),
            (
                "a b\none two three\n",
                "keys, line 2: expected `NAME KEY` or `KEY`, and there are 3 words",
            ),
            (
                "a\u{1}b c\n",
                "keys, line 1: the name of a key is `a\\u{1}b`",
            ),
            ("a b\u{1}c\n", "keys, line 1: a key has a line break"),
            ("# ours\nops \n", "keys, line 2: a name without a key"),
        ] {
            let error = keys(text).unwrap_err();
            assert!(error.starts_with(expect), "{error}");
        }
    }
}
