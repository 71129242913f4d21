//! The TOML form of a policy; every error names its line and column.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::Spanned;

use super::check::{check_code, check_id, check_version, too_many_rules};
use super::{Band, IfMissing, MAX_RULES, Outcome, Policy, Rule, Stage};
use crate::expression::{Expression, Parsed, Span, span};
use crate::position::{Lines, within_string};
use crate::schema::{Feature, Names, Schema};
use crate::texts::{RawTexts, check_line};
use crate::toml_words::for_people;

/// Why a policy could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct PolicyError {
    /// The line of the TOML text, from 1.
    pub line: usize,
    /// The column in that line, from 1, in characters.
    pub column: usize,
    /// What was expected and what came.
    pub message: String,
}

/// A policy with where its parts stand in its file.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyFile {
    /// The policy.
    pub policy: Policy,
    /// The lines of each rule.
    pub lines: Vec<RuleLines>,
    /// Line and column of `refer`, where there is a band.
    pub refer_position: Option<(usize, usize)>,
    /// What is not wrong but incomplete: texts that a language lacks.
    pub warnings: Vec<PolicyError>,
}

/// Where a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleLines {
    /// The line of its id.
    pub id: usize,
    /// The line of its condition.
    pub when: usize,
}

impl PolicyFile {
    /// Checks that the band holds the threshold of the model that the policy is for.
    ///
    /// # Errors
    /// Names the line, the band and the threshold.
    pub fn check_threshold(&self, threshold: f64) -> Result<(), PolicyError> {
        let (line, column) = self.refer_position.unwrap_or((1, 1));
        let checked = self.policy.check_threshold(threshold);
        checked.map_err(|message| PolicyError {
            line,
            column,
            message,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    policy: RawPolicy,
    #[serde(default)]
    rule: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    version: Spanned<String>,
    refer: Option<Spanned<[f64; 2]>>,
    #[serde(default)]
    allow_protected: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: Spanned<String>,
    #[serde(default)]
    stage: RawStage,
    when: Spanned<String>,
    then: RawOutcome,
    code: Spanned<String>,
    text: Spanned<RawTexts>,
    if_missing: Option<RawIfMissing>,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[serde(rename_all = "snake_case")]
enum RawStage {
    #[default]
    Before,
    After,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawOutcome {
    Decline,
    Refer,
    Approve,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawIfMissing {
    Skip,
    Refer,
    Decline,
}

/// A problem at a byte of the file.
type Problem = (usize, String);

impl Policy {
    /// Reads and checks the TOML form. `languages` are those of the schema, the first of
    /// them the one that every text must have.
    ///
    /// # Errors
    /// Names line and column, what was expected and what came.
    pub fn from_toml(
        text: &str,
        schema: &Schema,
        languages: &[String],
    ) -> Result<PolicyFile, PolicyError> {
        let positions = Lines::new(text);
        let place = |(offset, message): Problem| {
            let (line, column) = positions.position(offset);
            PolicyError {
                line,
                column,
                message,
            }
        };
        let raw: RawFile = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            place((offset, for_people(error.message())))
        })?;
        let line = |offset: usize| positions.position(offset).0;
        let refer = raw.policy.refer.as_ref();
        let refer_position = refer.map(|refer| positions.position(refer.span().start));
        let lines = raw.rule.iter().map(|rule| RuleLines {
            id: line(rule.id.span().start),
            when: line(rule.when.span().start),
        });
        let lines = lines.collect();
        let reader = Reader {
            text,
            schema,
            languages,
        };
        let (policy, warnings) = reader.policy(raw).map_err(place)?;
        Ok(PolicyFile {
            policy,
            lines,
            refer_position,
            warnings: warnings.into_iter().map(place).collect(),
        })
    }
}

struct Reader<'a> {
    text: &'a str,
    schema: &'a Schema,
    languages: &'a [String],
}

impl Reader<'_> {
    fn policy(&self, raw: RawFile) -> Result<(Policy, Vec<Problem>), Problem> {
        let head = raw.policy;
        check_version(head.version.get_ref()).map_err(at(&head.version))?;
        let refer = head.refer.map(|refer| band(&refer)).transpose()?;
        if raw.rule.is_empty() && refer.is_none() {
            let message = "a policy needs at least one [[rule]], or refer = [from, to]";
            return Err((head.version.span().start, message.into()));
        }
        if let Some(first) = raw.rule.get(MAX_RULES) {
            return Err((first.id.span().start, too_many_rules(raw.rule.len())));
        }
        let mut policy = Policy {
            version: head.version.into_inner(),
            refer,
            allow_protected: head.allow_protected,
            rules: Vec::with_capacity(raw.rule.len()),
        };
        let mut warnings = Vec::new();
        let mut ids = BTreeSet::new();
        for rule in raw.rule {
            if !ids.insert(rule.id.get_ref().clone()) {
                let message = format!("another rule has the id '{}' already", rule.id.get_ref());
                return Err((rule.id.span().start, message));
            }
            let rule = self.rule(&policy, rule, &mut warnings)?;
            policy.rules.push(rule);
        }
        Ok((policy, warnings))
    }

    fn rule(
        &self,
        policy: &Policy,
        raw: RawRule,
        warnings: &mut Vec<Problem>,
    ) -> Result<Rule, Problem> {
        check_id(raw.id.get_ref()).map_err(at(&raw.id))?;
        check_code(raw.code.get_ref()).map_err(at(&raw.code))?;
        let id = raw.id.into_inner();
        let of_rule = |message: String| format!("rule '{id}': {message}");
        let stage = match raw.stage {
            RawStage::Before => Stage::Before,
            RawStage::After => Stage::After,
        };
        let names = Names::new(self.schema, policy.purpose(stage));
        let start = raw.when.span().start;
        let in_condition = |at: usize| within_string(self.text, start, at);
        let parsed = Expression::condition(raw.when.get_ref(), &names)
            .map_err(|error| (in_condition(error.at), of_rule(error.message)))?;
        if let (None, Some(at)) = (raw.if_missing, self.may_divide_by_zero(&parsed)) {
            let message = "this may divide by 0, which makes the condition missing: say what follows, if_missing = \"skip\", \"refer\" or \"decline\"";
            return Err((in_condition(at), of_rule(message.into())));
        }
        let text_at = raw.text.span().start;
        let (text, absent) = (raw.text.get_ref().resolve(self.languages))
            .map_err(|message| (text_at, of_rule(message)))?;
        (text.0.iter().try_for_each(|text| check_line(text)))
            .map_err(|message| (text_at, of_rule(message)))?;
        warnings.extend(absent.iter().map(|language| {
            let message = format!("there is no text in '{language}': the first language is used");
            (text_at, of_rule(message))
        }));
        Ok(Rule {
            stage,
            when: parsed.expression,
            source: raw.when.into_inner(),
            then: match raw.then {
                RawOutcome::Decline => Outcome::Decline,
                RawOutcome::Refer => Outcome::Refer,
                RawOutcome::Approve => Outcome::Approve,
            },
            if_missing: match raw.if_missing {
                Some(RawIfMissing::Skip) => IfMissing::Skip,
                Some(RawIfMissing::Refer) | None => IfMissing::Refer,
                Some(RawIfMissing::Decline) => IfMissing::Decline,
            },
            code: raw.code.into_inner(),
            text,
            id,
        })
    }

    /// The byte of the condition's first division by what the schema lets be 0.
    fn may_divide_by_zero(&self, parsed: &Parsed) -> Option<usize> {
        let mut first = None;
        let of_field = |place: u16| {
            let feature = self.schema.features.get(usize::from(place));
            // The probability comes after the features.
            feature.map_or(Span::new(0.0, 1.0), Feature::span)
        };
        span(parsed.expression.ops(), of_field, |index, divisor| {
            if divisor.contains(0.0) {
                first = first.or(parsed.positions.get(index).copied());
            }
        });
        first
    }
}

fn band(refer: &Spanned<[f64; 2]>) -> Result<Band, Problem> {
    let [from, to] = *refer.get_ref();
    let band = Band { from, to };
    band.check().map_err(at(refer))?;
    Ok(band)
}

/// A problem of a value of the file.
fn at<T>(value: &Spanned<T>) -> impl FnOnce(String) -> Problem {
    let start = value.span().start;
    move |message| (start, message)
}
