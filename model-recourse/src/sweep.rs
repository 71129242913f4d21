//! Where the decision flips when one feature alone changes.

use crate::axis::Axis;
use crate::search::Search;
use crate::{Action, Budget};
use model_core::decide::{Application, Decider};
use model_core::policy::Outcome;
use model_core::schema::Direction;

/// The nearest value of a feature at which the outcome is another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flip {
    /// The number of the input, in schema order.
    pub input: usize,
    /// In the model's terms.
    pub value: f64,
    /// What is decided there.
    pub outcome: Outcome,
}

/// For each action the nearest value on each side at which the outcome differs from that of
/// the application, whatever way an applicant may go: what the decision hangs on, not what to
/// do. Categories and booleans: every value at which it differs.
#[must_use]
pub fn flips(
    decider: &mut Decider,
    actions: &[Action],
    application: &Application,
    budget: Budget,
) -> Vec<Flip> {
    let axes = actions
        .iter()
        .filter_map(|action| Axis::new(decider, action, application, Direction::Any))
        .collect();
    let mut search = Search::new(decider, application, axes, 1, budget);
    let own: Vec<u32> = search.axes.iter().map(|axis| axis.at).collect();
    let Some(today) = search.judge(&own) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for nth in 0..search.axes.len() {
        let axis = &search.axes[nth];
        let (at, count) = (axis.at, axis.values.len() as u32);
        let every = axis.is_category;
        let sides = [(0..at).rev().collect(), (at + 1..count).collect()];
        for side in sides {
            let side: Vec<u32> = side;
            for index in side {
                if !search.has_budget() {
                    return found;
                }
                let mut chosen = own.clone();
                chosen[nth] = index;
                let Some(judgement) = search.judge(&chosen) else {
                    continue;
                };
                if judgement.outcome != today.outcome {
                    found.push(Flip {
                        input: search.axes[nth].input,
                        value: search.axes[nth].value(index),
                        outcome: judgement.outcome,
                    });
                    if !every {
                        break;
                    }
                }
            }
        }
    }
    found
}
