//! What is counted of a group of decisions.

use model_log::Outcome;
use model_log::event::LoanResult;
use serde::Serialize;

/// What became of a group of decisions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// By the model and its rules: approved, referred, declined.
    pub model: [u64; 3],
    /// Of those, by a person: approved.
    pub approved: [u64; 3],
    /// Of those, by a person: declined.
    pub declined: [u64; 3],
    /// Loans that the model approved and no person declined.
    pub by_model: Fared,
    /// Loans that the model declined and a person approved.
    pub low_side_loans: Fared,
    /// Loans that were referred, and that a person approved.
    pub referred_loans: Fared,
}

/// How approved loans fared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Fared {
    /// Approved.
    pub loans: u64,
    /// Of those, repaid.
    pub repaid: u64,
    /// Of those, not repaid.
    pub defaulted: u64,
}

/// Where an outcome stands in the counts; `None` for a refused request.
fn at(outcome: Outcome) -> Option<usize> {
    match outcome {
        Outcome::Approve => Some(0),
        Outcome::Refer => Some(1),
        Outcome::Decline => Some(2),
        Outcome::None => None,
    }
}

/// Places in the counts.
const APPROVED: usize = 0;
const REFERRED: usize = 1;
const DECLINED: usize = 2;

impl Counts {
    /// Counts one decision: what the model said, what a person said, and how the loan went.
    pub(crate) fn add(
        &mut self,
        model: Outcome,
        person: Option<Outcome>,
        result: Option<LoanResult>,
    ) {
        let Some(place) = at(model) else { return };
        self.model[place] += 1;
        match person {
            Some(Outcome::Approve) => self.approved[place] += 1,
            Some(Outcome::Decline) => self.declined[place] += 1,
            _ => {}
        }
        let loans = match (model, person) {
            (Outcome::Approve, None | Some(Outcome::Approve)) => &mut self.by_model,
            (Outcome::Decline, Some(Outcome::Approve)) => &mut self.low_side_loans,
            (Outcome::Refer, Some(Outcome::Approve)) => &mut self.referred_loans,
            _ => return,
        };
        loans.loans += 1;
        match result {
            Some(LoanResult::Repaid) => loans.repaid += 1,
            Some(LoanResult::Defaulted) => loans.defaulted += 1,
            None => {}
        }
    }

    /// All decisions.
    #[must_use]
    pub fn decisions(&self) -> u64 {
        self.model.iter().sum()
    }

    /// Decisions of people, whether they agree with the model or not.
    #[must_use]
    pub fn by_people(&self) -> u64 {
        self.approved.iter().chain(&self.declined).sum()
    }

    /// Low-side overrides, and what the model and its rules declined.
    #[must_use]
    pub fn low_side(&self) -> (u64, u64) {
        (self.approved[DECLINED], self.model[DECLINED])
    }

    /// High-side overrides, and what the model and its rules approved.
    #[must_use]
    pub fn high_side(&self) -> (u64, u64) {
        (self.declined[APPROVED], self.model[APPROVED])
    }

    /// Referrals that a person approved, and those that a person decided.
    #[must_use]
    pub fn referrals(&self) -> (u64, u64) {
        let approved = self.approved[REFERRED];
        (approved, approved + self.declined[REFERRED])
    }

    /// Referrals.
    #[must_use]
    pub fn referred(&self) -> u64 {
        self.model[REFERRED]
    }
}

impl Fared {
    /// Loans that defaulted, and those of which it is known how they went.
    #[must_use]
    pub fn defaults(&self) -> (u64, u64) {
        (self.defaulted, self.repaid + self.defaulted)
    }
}
