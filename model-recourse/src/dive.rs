//! What is good enough where the budget ends before a proof: a few greedy steps from the
//! application, then back as far as it stays approved.

use crate::Plan;
use crate::search::Search;
use model_core::policy::Outcome;

/// Candidates of a feature that a greedy step looks at.
const SAMPLES: u32 = 24;

/// Adds the options that are found, up to `options`. Each leaves out a feature of one found before, so that
/// they differ.
pub(super) fn dive(search: &mut Search<'_>, options: usize) {
    let mut left_out: Vec<usize> = Vec::new();
    let mut tries = 0;
    while search.plans.len() < options && tries <= options && search.has_budget() {
        tries += 1;
        let Some(plan) = one(search, &left_out) else {
            return;
        };
        left_out.extend(plan.changes.first().map(|change| change.input));
        let covers = |known: &Plan| {
            let mut changes = known.changes.iter();
            changes.all(|change| plan.changes.iter().any(|other| other.input == change.input))
        };
        if !search.plans.iter().any(covers) {
            search.plans.push(plan);
        }
    }
    // Stable, by the few that there are.
    for end in 1..search.plans.len() {
        let mut at = end;
        while at > 0 && search.plans[at].cost < search.plans[at - 1].cost {
            search.plans.swap(at, at - 1);
            at -= 1;
        }
    }
}

fn one(search: &mut Search<'_>, left_out: &[usize]) -> Option<Plan> {
    let mut chosen: Vec<u32> = search.axes.iter().map(|axis| axis.at).collect();
    for _ in 0..search.max_changes() {
        let (axis, index, approved) = best_step(search, &chosen, left_out)?;
        chosen[axis] = index;
        if approved {
            return shrink(search, chosen);
        }
    }
    None
}

/// The one change that brings the application nearest to a yes: axis, candidate, whether that
/// is approved.
fn best_step(
    search: &mut Search<'_>,
    chosen: &[u32],
    left_out: &[usize],
) -> Option<(usize, u32, bool)> {
    let mut best: Option<(usize, u32, bool)> = None;
    let mut most = f64::NEG_INFINITY;
    for nth in 0..search.axes.len() {
        let axis = &search.axes[nth];
        let (at, count) = (axis.at, axis.values.len() as u32);
        if chosen[nth] != at || left_out.contains(&axis.input) {
            continue;
        }
        let samples = SAMPLES.min(count);
        for sample in 0..samples {
            // Both ends among them.
            let index = sample * (count - 1) / (samples - 1).max(1);
            if index == at || !search.has_budget() {
                continue;
            }
            let mut tried = chosen.to_vec();
            tried[nth] = index;
            let Some(judgement) = search.judge(&tried) else {
                continue;
            };
            let approved = judgement.outcome == Outcome::Approve;
            // An approval counts more than any probability.
            let worth = judgement.probability + if approved { 2.0 } else { 0.0 };
            if worth > most {
                most = worth;
                best = Some((nth, index, approved));
            }
        }
    }
    best
}

/// Takes each change back as far as the application stays approved.
fn shrink(search: &mut Search<'_>, mut chosen: Vec<u32>) -> Option<Plan> {
    for nth in 0..chosen.len() {
        let at = search.axes[nth].at;
        let (mut refused, mut approved) = (at, chosen[nth]);
        // Halving finds a border between the two, whatever lies between.
        while refused.abs_diff(approved) > 1 && search.has_budget() {
            let middle = refused.min(approved) + refused.abs_diff(approved) / 2;
            chosen[nth] = middle;
            let is_approved = search
                .judge(&chosen)
                .is_some_and(|judgement| judgement.outcome == Outcome::Approve);
            if is_approved {
                approved = middle;
            } else {
                refused = middle;
            }
        }
        chosen[nth] = approved;
    }
    search.try_out(&chosen, false)
}
