//! What the name of an outcome says: whether a lender wants it or not.

/// Whether a lender wants an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Such as approved or repaid.
    Good,
    /// Such as denied or in default.
    Bad,
}

/// Words and phrases for outcomes that a lender wants.
const GOOD: &str = "accept, accepted, admit, admitted, approval, approve, approved, clean, \
    creditworthy, eligible, funded, good, grant, granted, honored, honoured, legit, legitimate, \
    low risk, paid, pass, passed, paying, payoff, performing, positive, qualified, renewed, \
    repaid, repay, repayment, retained, safe, solvent, success, successful";

/// Words and phrases for outcomes that a lender does not want. `risk` alone is not among them:
/// in well-known files a 1 in such a column is the good outcome.
const BAD: &str = "arrear, arrears, attrited, attrition, bad, bankrupt, bankruptcy, charge off, \
    charged off, chargedoff, chargeoff, churn, churned, decline, declined, default, defaulted, \
    defaulter, defaults, delinq, delinquency, delinquent, denial, denied, deny, derog, \
    derogatory, disapproved, dlq, dlqin2yrs, dq, exited, fail, failed, failure, foreclosed, \
    foreclosure, fraud, fraudulent, high risk, impaired, ineligible, insolvency, insolvent, \
    late, loss, missed, negative, nonperforming, npl, overdue, past due, refusal, refuse, \
    refused, reject, rejected, rejection, repossessed, repossession, risk flag, \
    seriousdlqin2yrs, unpaid, unqualified, unsuccessful, write off, writeoff, written off";

/// Words that negate the rest of the name.
const NEGATIONS: &str = "free, never, no, non, not, without";

impl Outcome {
    /// What a name says; `None` when it says nothing, or both.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let words = words(name);
        let has = |list: &str| {
            list.split(", ")
                .any(|word| words.contains(&format!(" {word} ")))
        };
        let negated = has(NEGATIONS);
        match (has(GOOD), has(BAD)) {
            (true, false) if negated => Some(Self::Bad),
            (true, false) => Some(Self::Good),
            (false, true) if negated => Some(Self::Good),
            (false, true) => Some(Self::Bad),
            (true, true) | (false, false) => None,
        }
    }
}

/// Whether a column's name says that yes is the outcome that a lender does not want.
pub(crate) fn names_a_bad_event(column: &str) -> bool {
    Outcome::from_name(column) == Some(Outcome::Bad)
}

/// Which of two outcomes a lender wants, by their names: it is enough that one of them says
/// so, but not that both say the same.
pub(crate) fn positive_of_two(texts: [&str; 2]) -> Option<usize> {
    match texts.map(Outcome::from_name) {
        [Some(Outcome::Good), Some(Outcome::Bad) | None] | [None, Some(Outcome::Bad)] => Some(0),
        [Some(Outcome::Bad) | None, Some(Outcome::Good)] | [Some(Outcome::Bad), None] => Some(1),
        [Some(Outcome::Good), Some(Outcome::Good)]
        | [Some(Outcome::Bad), Some(Outcome::Bad)]
        | [None, None] => None,
    }
}

/// The words of a name in lower case, each between two spaces: `ChargedOff`, `charged_off`
/// and `Charged Off` are ` charged off `.
pub(super) fn words(name: &str) -> String {
    let mut words = String::from(" ");
    let mut before = ' ';
    for letter in name.chars() {
        let starts_word = letter.is_uppercase() && before.is_lowercase();
        if (starts_word || !letter.is_alphanumeric()) && !words.ends_with(' ') {
            words.push(' ');
        }
        if letter.is_alphanumeric() {
            words.extend(letter.to_lowercase());
        }
        before = letter;
    }
    if !words.ends_with(' ') {
        words.push(' ');
    }
    words
}
