//! The settings of the decision log: four flags, and the table `[decision_log]`.

use anyhow::{Result, anyhow, bail, ensure};
use host_server::{DecisionLogOptions, OnFailure, Person, PersonRole, ReasonCode};
use serde::Deserialize;
use toml::Spanned;

use super::args::Args;
use super::digest;
use super::keys::key;
use super::on_failure::WhenItFails;
use super::origin::Origin;
use crate::config_file::ConfigFile;
use crate::settings::Settings;

const FOLDER: &str = "decision-log";
const KEYS: &str = "decision-log-keys";
const ORIGIN: &str = "decision-log-origin";
const ON_FAILURE: &str = "decision-log-on-failure";

/// A longer name or code is a mistake, in characters.
const LONGEST_NAME: usize = 64;

/// The table `[decision_log]`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    folder: Option<Spanned<String>>,
    keys: Option<Spanned<String>>,
    on_failure: Option<Spanned<String>>,
    origin: Option<Spanned<String>>,
    retention: Option<Spanned<String>>,
    #[serde(default)]
    four_eyes: bool,
    #[serde(default)]
    reason: Vec<Spanned<ReasonTable>>,
    #[serde(default)]
    person: Vec<Spanned<PersonTable>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReasonTable {
    code: String,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PersonTable {
    name: String,
    role: String,
    key_sha256: String,
}

/// Reads the settings; `None` where no folder is set.
pub(super) fn read(
    args: &Args,
    from: &mut Settings,
    file: Option<&ConfigFile>,
) -> Result<Option<DecisionLogOptions>> {
    let table = match file {
        Some(file) => file.parse::<Tables>()?.decision_log.unwrap_or_default(),
        None => Table::default(),
    };
    for (name, value) in [
        (FOLDER, &table.folder),
        (KEYS, &table.keys),
        (ORIGIN, &table.origin),
        (ON_FAILURE, &table.on_failure),
    ] {
        if let Some(value) = value {
            from.offer(key(name), line(value, file), value.get_ref().clone());
        }
    }
    let folder = from.path(key(FOLDER), args.decision_log.clone())?;
    let keys = from.path(key(KEYS), args.decision_log_keys.clone())?;
    let origin = from.optional(key(ORIGIN), args.decision_log_origin.clone())?;
    let usual = WhenItFails(OnFailure::Refuse);
    let given = args.decision_log_on_failure;
    let WhenItFails(on_failure) = from.or(key(ON_FAILURE), given, usual)?;
    let Some(folder) = folder else {
        ensure!(
            keys.is_none() && table.person.is_empty(),
            "the decision log has settings and no folder: set --decision-log FOLDER, or `folder` in the table [decision_log]"
        );
        return Ok(None);
    };
    let mut options = DecisionLogOptions::new(folder);
    options.keys = keys;
    options.on_failure = on_failure;
    options.four_eyes = table.four_eyes;
    options.origin = origin.map(|Origin(name)| name);
    if let Some(text) = &table.retention {
        options.retention_months = months(text, file)?;
    }
    for reason in table.reason {
        options.reasons.push(reason_code(reason, file)?);
    }
    options.people = file.map(people).transpose()?.unwrap_or_default();
    Ok(Some(options))
}

/// `[[decision_log.person]]`
pub(super) fn people(file: &ConfigFile) -> Result<Vec<Person>> {
    let table = file.parse::<Tables>()?.decision_log.unwrap_or_default();
    let people = table.person.into_iter();
    people.map(|one| person(one, Some(file))).collect()
}

#[derive(Deserialize)]
struct Tables {
    decision_log: Option<Table>,
}

/// The file and line of a value.
fn line<T>(of: &Spanned<T>, file: Option<&ConfigFile>) -> String {
    file.map_or_else(String::new, |file| file.line_at(of.span().start))
}

/// `60 months` or `5 years`.
fn months(text: &Spanned<String>, file: Option<&ConfigFile>) -> Result<u32> {
    let given = text.get_ref();
    let mut words = given.split_ascii_whitespace();
    let number: Option<u32> = words.next().and_then(|word| word.parse().ok());
    let unit = match words.next() {
        Some("month" | "months") => Some(1),
        Some("year" | "years") => Some(12),
        _ => None,
    };
    let months = number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit));
    match months.filter(|months| (1..=1200).contains(months) && words.next().is_none()) {
        Some(months) => Ok(months),
        None => bail!(
            "{}: decision_log.retention is `{given}`, expected `60 months` or `5 years`, 1 to 1,200 months",
            line(text, file)
        ),
    }
}

fn reason_code(given: Spanned<ReasonTable>, file: Option<&ConfigFile>) -> Result<ReasonCode> {
    let at = line(&given, file);
    let ReasonTable { code, text } = given.into_inner();
    check_name(&at, "reason.code", &code)?;
    check_name(&at, "reason.text", &text)?;
    Ok(ReasonCode { code, text })
}

fn person(given: Spanned<PersonTable>, file: Option<&ConfigFile>) -> Result<Person> {
    let at = line(&given, file);
    let PersonTable {
        name,
        role,
        key_sha256,
    } = given.into_inner();
    check_name(&at, "person.name", &name)?;
    let role = match role.as_str() {
        "officer" => PersonRole::Officer,
        "reviewer" => PersonRole::Reviewer,
        other => {
            bail!("{at}: decision_log.person.role is `{other}`, expected `officer` or `reviewer`")
        }
    };
    let key_sha256 = digest::read(&key_sha256)
        .map_err(|reason| anyhow!("{at}: decision_log.person.key_sha256 of `{name}`: {reason}"))?;
    Ok(Person {
        name,
        role,
        key_sha256,
    })
}

fn check_name(at: &str, what: &str, text: &str) -> Result<()> {
    let length = text.chars().count();
    ensure!(
        (1..=LONGEST_NAME).contains(&length)
            && text == text.trim()
            && !text.chars().any(char::is_control),
        "{at}: decision_log.{what} is `{text}`, expected 1 to {LONGEST_NAME} characters on one line"
    );
    Ok(())
}
