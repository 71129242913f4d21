//! Lending rules: what a lender decides beside the model.
//!
//! A policy is written as `policy.toml` (described in `docs/reference/policy.md`), read and checked
//! by native programs ([`Policy::from_toml`]) and carried in the artifact in a section of
//! its own. The module decodes it, checks it again and evaluates it after the model.
//!
//! # How it decides
//!
//! 1. The score decides: below the band it declines, from the band's end it approves,
//!    between it refers to a person; without a band the threshold decides.
//! 2. Every rule is evaluated. A rule whose condition is missing does what its
//!    `if_missing` says; one that refers or declines then counts as matched.
//! 3. A matching rule that approves replaces the score's outcome.
//! 4. The strictest of the score's outcome and those of the other matched rules is the
//!    policy's: decline, then refer, then approve.

mod check;
mod evaluate;
mod gates;
mod read;
mod stored;

pub use evaluate::Evaluator;
pub use read::{PolicyError, PolicyFile, RuleLines};

use crate::expression::Expression;
use crate::texts::Texts;

/// Rules that a policy may have.
pub const MAX_RULES: usize = 5000;

/// A checked policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What its author calls it, such as `2026-11`: 1 to 64 bytes.
    pub version: String,
    /// The scores that go to a person.
    pub refer: Option<Band>,
    /// Whether rules may name protected columns.
    pub allow_protected: bool,
    /// In the order of the file; at most [`MAX_RULES`].
    pub rules: Vec<Rule>,
}

/// The scores from `from`, included, to `to`, excluded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// The lowest score that refers, 0 to 1.
    pub from: f64,
    /// The lowest score that approves, above `from`, at most 1.
    pub to: f64,
}

/// A condition and what follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, each once in a policy: 1 to 64 lower-case letters, digits and hyphens.
    pub id: String,
    /// Whether it may look at the probability.
    pub stage: Stage,
    /// The condition.
    pub when: Expression,
    /// The condition as it was written.
    pub source: String,
    /// What it does when the condition holds.
    pub then: Outcome,
    /// What it does when the condition is missing.
    pub if_missing: IfMissing,
    /// What answers call it: 1 to 32 letters, digits, hyphens, dots and underscores. Rules
    /// that give the same reason may share one.
    pub code: String,
    /// What it says to people.
    pub text: Texts,
}

/// What is decided about an application, from the mildest to the strictest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It is accepted.
    Approve,
    /// A person decides.
    Refer,
    /// It is refused.
    Decline,
}

/// When a rule is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Before the model: it may not name the probability.
    Before,
    /// After the model.
    After,
}

/// What a rule does when its condition is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Nothing: it does not match.
    Skip,
    /// It matches and refers.
    Refer,
    /// It matches and declines.
    Decline,
}

impl Outcome {
    /// The word of the TOML form and of answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refer => "refer",
            Self::Decline => "decline",
        }
    }
}

impl Stage {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

impl IfMissing {
    /// The word of the TOML form.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Refer => "refer",
            Self::Decline => "decline",
        }
    }

    /// The outcome when the condition is missing; `None` where the rule then does nothing.
    #[must_use]
    pub fn outcome(self) -> Option<Outcome> {
        match self {
            Self::Skip => None,
            Self::Refer => Some(Outcome::Refer),
            Self::Decline => Some(Outcome::Decline),
        }
    }
}
