//! What decisions cost: bads that are approved and goods that are declined.

use model_core::decide::reaches;
use serde::{Deserialize, Serialize};

use super::separation::Figure;
use crate::evaluate::interval::{Interval, Z};

/// What errors cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostTerms {
    /// Of approving a bad, above 0.
    pub false_positive: f64,
    /// Of declining a good, above 0.
    pub false_negative: f64,
    /// The column of the exposure at default, by which both are multiplied; none counts every
    /// row as 1.
    #[serde(default)]
    pub exposure: Option<String>,
    /// The share of the exposure that is lost on a bad; none is all of it.
    #[serde(default)]
    pub loss_given_default: Option<LossGivenDefault>,
}

/// The share of an exposure that is lost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossGivenDefault {
    /// The same for every row, 0 to 1.
    Share(f64),
    /// A column.
    Column(String),
}

/// What decisions at the threshold cost, and what others would.
///
/// With exposure `e` and loss given default `l` (both 1 where none is named), an approved bad
/// costs `false_positive · e · l` and a declined good `false_negative · e`; the rest costs
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// What is counted.
    pub terms: CostTerms,
    /// Of all rows, at the model's threshold.
    pub at_threshold: f64,
    /// The same, divided by the number of rows.
    pub per_application: f64,
    /// If every row were approved.
    pub approve_everyone: f64,
    /// If none were.
    pub decline_everyone: f64,
    /// What the model saves against approving everyone; below 0 it costs more. The interval is
    /// `S ± 1.96 √n s` with the sample standard deviation `s` of the rows' savings.
    pub saved: Figure,
    /// The cheapest cut-off on these very rows, for comparison: it was chosen with hindsight.
    pub cheapest: Cheapest,
}

impl Cost {
    /// Whether the model costs more at its threshold than declining everyone would.
    #[must_use]
    pub fn exceeds_declining(&self) -> bool {
        let saved = self.decline_everyone - self.at_threshold;
        saved < 0.0
    }
}

/// A cut-off chosen with hindsight.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cheapest {
    /// Approved from this probability on; none where declining everyone is the cheapest.
    pub threshold: Option<f64>,
    /// What it costs.
    pub cost: f64,
    /// The share of rows that it approves.
    pub approval_rate: f64,
}

/// What each row would cost, decided wrongly.
#[derive(Debug, Clone)]
pub struct Stakes {
    /// What is counted.
    pub terms: CostTerms,
    /// One a row: if it is bad and approved, or good and declined.
    pub of_error: Vec<f64>,
}

/// The figures, and the cost of approving at and above each distinct probability, the highest
/// first.
#[must_use]
pub fn costs(
    answers: &[bool],
    probabilities: &[f64],
    own: f64,
    stakes: &Stakes,
) -> (Cost, Vec<f64>) {
    let rows = answers.len() as f64;
    let mut order: Vec<usize> = (0..answers.len()).collect();
    order.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
    let total = |good: bool| -> f64 {
        let rows = answers.iter().zip(&stakes.of_error);
        rows.filter(|(answer, _)| **answer == good)
            .map(|(_, error)| error)
            .sum()
    };
    let (decline_everyone, approve_everyone) = (total(true), total(false));
    let mut cheapest = Cheapest {
        threshold: None,
        cost: decline_everyone,
        approval_rate: 0.0,
    };
    let (mut cost, mut approved) = (decline_everyone, 0usize);
    let mut by_step = Vec::new();
    for tie in order.chunk_by(|&a, &b| probabilities[a] == probabilities[b]) {
        for &row in tie {
            let error = stakes.of_error[row];
            cost += if answers[row] { -error } else { error };
        }
        approved += tie.len();
        by_step.push(cost);
        if cost < cheapest.cost {
            cheapest = Cheapest {
                threshold: tie.first().map(|&row| probabilities[row]),
                cost,
                approval_rate: approved as f64 / rows,
            };
        }
    }
    // What a row saves against approving everyone: the bads that are declined, less the goods.
    let saved = |row: usize| {
        let error = stakes.of_error[row];
        match (reaches(probabilities[row], own), answers[row]) {
            (true, _) => 0.0,
            (false, false) => error,
            (false, true) => -error,
        }
    };
    let saved: Vec<f64> = (0..answers.len()).map(saved).collect();
    let sum: f64 = saved.iter().sum();
    let square: f64 = saved.iter().map(|s| (s - sum / rows).powi(2)).sum();
    let half = Z * (rows * square / (rows - 1.0).max(1.0)).sqrt();
    let at_threshold = approve_everyone - sum;
    let cost = Cost {
        terms: stakes.terms.clone(),
        at_threshold,
        per_application: at_threshold / rows,
        approve_everyone,
        decline_everyone,
        saved: Figure {
            value: sum,
            interval: Some(Interval {
                low: sum - half,
                high: sum + half,
            }),
        },
        cheapest,
    };
    (cost, by_step)
}
