//! What the analysis reports.

use model_core::value::number_text;

/// What is doubtful about a policy, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// What it is.
    pub concern: Concern,
    /// The rule's place in the policy; `None` where it is about the band.
    pub rule: Option<usize>,
    /// The line of the rule's condition or of the band.
    pub line: usize,
    /// A sentence.
    pub message: String,
    /// An application that shows it, where one can; where the condition never holds, one
    /// for which it is false.
    pub example: Option<Example>,
}

/// Kinds of findings. Rules are named by their places in the policy.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Concern {
    /// Its condition never holds.
    NeverTrue,
    /// Whenever it matches, another rule matches too and is at least as strict.
    Shadowed {
        /// The other rule.
        by: usize,
    },
    /// It approves, but whenever it does another rule refers or declines.
    ApproveNeverActs {
        /// The other rule.
        by: usize,
    },
    /// It approves, and some application that it approves another rule refers or declines.
    Contradicts {
        /// The other rule.
        other: usize,
    },
    /// It compares a field with a number outside the field's range.
    OutsideRange {
        /// The number.
        number: f64,
    },
    /// It matches every application, so that nothing is left to others and the score.
    AlwaysMatches,
    /// No application is ever referred because of the band.
    UnusedBand,
    /// The band refers whatever the model's score is, so that the score never decides.
    BandOfAllScores,
    /// A question that interval arithmetic could not answer.
    NotDecided(Question),
}

/// What could not be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Question {
    /// Whether the rule's condition ever holds.
    EverTrue,
    /// Whether another rule always decides, or always overrules an approval.
    Shadowed {
        /// The other rule.
        by: usize,
    },
    /// Whether both rules ever match one application.
    Overlap {
        /// The other rule.
        other: usize,
    },
    /// Whether the band ever refers.
    BandUsed,
}

/// An application for which rules can be seen at work.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// A request's JSON; fields that are left out are missing.
    pub application: String,
    /// The probability, where a rule looks at it.
    pub probability: Option<f64>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)?;
        match (&self.example, self.concern) {
            (Some(example), Concern::NeverTrue) => write!(f, "\n    it fails for {example}"),
            (Some(example), _) => write!(f, "\n    for example {example}"),
            (None, _) => Ok(()),
        }
    }
}

impl std::fmt::Display for Example {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.application)?;
        match self.probability {
            Some(probability) => {
                write!(f, " with probability {}", number_text(probability))
            }
            None => Ok(()),
        }
    }
}
