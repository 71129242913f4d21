//! What a policy must satisfy: checked when `policy.toml` is read, and again in the module.

use super::{Band, MAX_RULES, Policy, Rule, Stage};
use crate::expression::FieldType;
use crate::literal::{number_text, told};
use crate::schema::{Names, Purpose, Schema};
pub(super) use crate::texts::check_code;

impl Policy {
    /// Checks that it is sound, fits the schema, and has a text in each of so many
    /// languages. That no two rules have one id is checked where `policy.toml` is read.
    ///
    /// # Errors
    /// A sentence that names the rule.
    pub fn check(&self, schema: &Schema, languages: usize) -> Result<(), String> {
        check_version(&self.version)?;
        if let Some(band) = &self.refer {
            band.check()?;
        }
        if self.rules.len() > MAX_RULES {
            return Err(too_many_rules(self.rules.len()));
        }
        let before = self.types(schema, Stage::Before);
        let after = self.types(schema, Stage::After);
        for rule in &self.rules {
            let types = match rule.stage {
                Stage::Before => &before,
                Stage::After => &after,
            };
            (rule.check_texts(languages))
                .and_then(|()| rule.when.check(types, true))
                .map_err(|problem| format!("rule '{}': {problem}", rule.id))?;
        }
        Ok(())
    }

    /// Checks that scores on both sides of the threshold can be decided: the band holds it.
    ///
    /// # Errors
    /// A sentence with both.
    pub fn check_threshold(&self, threshold: f64) -> Result<(), String> {
        match self.refer {
            Some(band) if !(band.from <= threshold && threshold < band.to) => Err(format!(
                "refer = [{}, {}] does not hold the model's threshold, {}: a band begins at or below the threshold and ends above it",
                number_text(band.from),
                number_text(band.to),
                number_text(threshold)
            )),
            _ => Ok(()),
        }
    }

    /// What the conditions of a stage may name.
    #[must_use]
    pub fn purpose(&self, stage: Stage) -> Purpose {
        Purpose::Rule {
            after_model: stage == Stage::After,
            allow_protected: self.allow_protected,
        }
    }

    fn types(&self, schema: &Schema, stage: Stage) -> Vec<Option<FieldType>> {
        Names::new(schema, self.purpose(stage)).types()
    }
}

impl Band {
    pub(super) fn check(&self) -> Result<(), String> {
        match 0.0 <= self.from && self.from < self.to && self.to <= 1.0 {
            true => Ok(()),
            false => Err(format!(
                "refer = [{}, {}] is no band of scores: expected two numbers from 0 to 1, the smaller first",
                number_text(self.from),
                number_text(self.to)
            )),
        }
    }
}

impl Rule {
    fn check_texts(&self, languages: usize) -> Result<(), String> {
        check_id(&self.id)?;
        check_code(&self.code)?;
        match self.text.0.len() == languages {
            true => Ok(()),
            false => Err("expected a text in each language".into()),
        }
    }
}

pub(super) fn too_many_rules(found: usize) -> String {
    format!("a policy may have {MAX_RULES} rules, got {found}: combine conditions with 'or'")
}

pub(super) fn check_version(version: &str) -> Result<(), String> {
    let sound = (1..=64).contains(&version.len()) && !version.chars().any(char::is_control);
    require(sound, || {
        format!("expected a version of 1 to 64 bytes such as 2026-11, got '{version}'")
    })
}

pub(super) fn check_id(id: &str) -> Result<(), String> {
    let byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    require((1..=64).contains(&id.len()) && id.bytes().all(byte), || {
        format!("expected an id of 1 to 64 lower-case letters, digits and hyphens, got '{id}'")
    })
}

fn require(holds: bool, message: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(told(message)) }
}
