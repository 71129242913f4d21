//! What the model learns and answers: the outcomes that the data know, and the decisions that
//! the model takes, each with names of their own.

use std::borrow::Cow;

use bincode::Encode;

use super::{Target, TargetKind};

/// What the two outcomes of a target are called: what became of an application, whatever was
/// decided about it.
#[derive(Debug, Clone, PartialEq, Eq, Encode)]
pub struct Outcomes {
    /// The outcome that the model's probability is of, such as "good".
    pub positive: String,
    /// The other outcome, the event of credit risk, such as "bad".
    pub negative: String,
}

impl Target {
    /// The name of an outcome: `true` asks for the positive one, whose probability the model
    /// gives and which it learns to approve. The schema's own name, else the category, else
    /// column and value such as `default = false`.
    ///
    /// Names what became of applications (`good`, `bad`), never what was decided; that is
    /// [`Target::decision_label`].
    #[must_use]
    pub fn outcome_label(&self, positive: bool) -> Cow<'_, str> {
        match (&self.outcomes, positive) {
            (Some(outcomes), true) => Cow::Borrowed(&outcomes.positive),
            (Some(outcomes), false) => Cow::Borrowed(&outcomes.negative),
            (None, _) => Cow::Owned(self.kind.outcome_name(&self.name, positive)),
        }
    }

    /// The name of a decision: `true` asks for that of an approved application.
    #[must_use]
    pub fn decision_label(&self, approve: bool) -> &str {
        if approve {
            &self.positive_label
        } else {
            &self.negative_label
        }
    }

    /// The name of the event in the sense of credit risk: the outcome that is not approved. Its
    /// share of the rows is the bad rate; its probability is 1 minus the model's. It need not
    /// be the rarer outcome, which only the rows tell.
    #[must_use]
    pub fn event_label(&self) -> Cow<'_, str> {
        self.outcome_label(false)
    }
}

impl TargetKind {
    /// What an outcome is called where the schema does not say it; `target` is the column.
    pub(super) fn outcome_name(&self, target: &str, positive: bool) -> String {
        let text = self.texts()[usize::from(positive)];
        match self {
            Self::Boolean { .. } => [target, " = ", text].concat(),
            Self::Category { .. } => text.to_owned(),
        }
    }
}
