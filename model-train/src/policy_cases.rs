//! Cases of a policy: applications with the outcome that its author expects.

use model_core::decide::Decider;
use model_core::policy::Outcome;

use crate::applications::Applications;

/// A case that came out otherwise than expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its line in the file; the first is 1.
    pub line: u64,
    /// What was expected: an outcome, or `refused`.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// What the cases came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cases {
    /// How many there are.
    pub cases: usize,
    /// Those that came out otherwise, in the order of the file.
    pub failures: Vec<Failure>,
}

/// A case whose expectation cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CasesError {
    /// The expected outcome is none.
    #[error("{file}, line {line}: expected approve, refer, decline or refused, got '{found}'")]
    Expectation {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// The cell.
        found: String,
    },
    /// The applications are of another schema than the model.
    #[error("the model cannot decide these cases: {0}")]
    Model(String),
}

const REFUSED: &str = "refused";

/// Decides every case and compares the outcome with the expected one, which is
/// [`Applications::extra`]: `approve`, `refer`, `decline`, or `refused` for an application
/// that the model refuses.
///
/// # Errors
/// Names the line of an expectation that is none of these.
pub fn run(applications: &Applications, decider: &mut Decider) -> Result<Cases, CasesError> {
    let known = [Outcome::Approve, Outcome::Refer, Outcome::Decline].map(Outcome::word);
    let is_known = |text: &String| known.contains(&text.as_str()) || text == REFUSED;
    let mut rows = applications.lines.iter().zip(&applications.extra);
    if let Some((line, found)) = rows.find(|(_, text)| !is_known(text)) {
        return Err(CasesError::Expectation {
            file: applications.name().to_owned(),
            line: *line,
            found: found.clone(),
        });
    }
    let mut found = Vec::with_capacity(applications.rows());
    applications
        .judge(decider, |_, judgement, decider| {
            found.push(judgement.map(|judgement| {
                let codes: Vec<&str> = decider.matched_codes().collect();
                (judgement, codes.join(", "))
            }));
        })
        .map_err(CasesError::Model)?;
    let mut failures = Vec::new();
    for (row, found) in found.into_iter().enumerate() {
        let expected = &applications.extra[row];
        let word = found
            .as_ref()
            .map_or(REFUSED, |(judgement, _)| judgement.outcome.word());
        if word != expected {
            let details = match found {
                Some((judgement, codes)) => {
                    let codes = if codes.is_empty() { "no rule" } else { &codes };
                    format!("{word} (probability {:.4}, {codes})", judgement.probability)
                }
                None => format!("{word} ({})", applications.refusal(decider, row)),
            };
            failures.push(Failure {
                line: applications.lines[row],
                expected: expected.clone(),
                found: details,
            });
        }
    }
    Ok(Cases {
        cases: applications.rows(),
        failures,
    })
}
