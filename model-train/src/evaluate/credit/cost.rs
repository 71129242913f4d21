//! What decisions cost: bads that are approved and goods that are declined.

use serde::{Deserialize, Serialize};

use super::separation::Figure;
use crate::evaluate::Ranked;
use crate::evaluate::interval::{Interval, Z};
use crate::evaluate::ranked::RankedRow;

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
    /// That number: where rows have weights, their sum. 0 in evaluations of older versions.
    #[serde(default)]
    pub applications: f64,
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
    /// A cost of all rows, for one.
    #[must_use]
    pub fn for_one(&self, total: f64) -> f64 {
        total / self.applications
    }

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
/// first. Where rows have weights, each costs its weight as often.
#[must_use]
pub fn costs(ranked: &Ranked, stakes: &Stakes) -> (Cost, Vec<f64>) {
    let rows: Vec<RankedRow> = ranked.rows().collect();
    let error = |row: &RankedRow| row.weight * stakes.of_error[row.index];
    let weight = |rows: &[RankedRow]| rows.iter().map(|row| row.weight).sum::<f64>();
    let total = |good: bool| -> f64 {
        let of_class = rows.iter().filter(|row| row.answer == good);
        of_class.map(error).sum()
    };
    let all = weight(&rows);
    let (decline_everyone, approve_everyone) = (total(true), total(false));
    let mut cheapest = Cheapest {
        threshold: None,
        cost: decline_everyone,
        approval_rate: 0.0,
    };
    let (mut cost, mut approved) = (decline_everyone, 0.0);
    let mut by_step = Vec::new();
    for tie in rows.chunk_by(|a, b| a.probability == b.probability) {
        for row in tie {
            cost += if row.answer { -error(row) } else { error(row) };
        }
        approved += weight(tie);
        by_step.push(cost);
        if cost < cheapest.cost {
            cheapest = Cheapest {
                threshold: tie.first().map(|row| row.probability),
                cost,
                approval_rate: approved / all,
            };
        }
    }
    let (sum, half) = saved(&rows, ranked.approved(), error);
    let at_threshold = approve_everyone - sum;
    let cost = Cost {
        terms: stakes.terms.clone(),
        at_threshold,
        per_application: at_threshold / all,
        applications: all,
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

/// What the rows save against approving everyone, and half the width of its interval: the bads
/// that are declined, less the goods.
fn saved(rows: &[RankedRow], approved: usize, error: impl Fn(&RankedRow) -> f64) -> (f64, f64) {
    // In the order of the file: the order of a sum decides its last bits.
    let mut saved = vec![0.0; rows.len()];
    for row in &rows[approved..] {
        saved[row.index] = if row.answer { -error(row) } else { error(row) };
    }
    let rows = saved.len() as f64;
    let sum: f64 = saved.iter().sum();
    let square: f64 = saved.iter().map(|s| (s - sum / rows).powi(2)).sum();
    (sum, Z * (rows * square / (rows - 1.0).max(1.0)).sqrt())
}
