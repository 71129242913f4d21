//! Where the decision flips when one feature alone changes.

use crate::axis::{Axis, Cuts, Range};
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
        let mut sweep = Sweep::new(&search, nth, &own, today.outcome);
        for index in (0..at).rev() {
            if sweep.is_over(&mut search, index, &mut found) {
                break;
            }
        }
        let mut sweep = Sweep::new(&search, nth, &own, today.outcome);
        for index in at + 1..count {
            if sweep.is_over(&mut search, index, &mut found) {
                break;
            }
        }
    }
    found
}

/// A walk over the candidates of one feature, away from the application's own.
struct Sweep<'s> {
    nth: usize,
    own: &'s [u32],
    today: Outcome,
    /// What tells candidates apart, by input: the feature and what is derived from it. `None`
    /// where each has to be decided.
    cuts: Option<Vec<(usize, Cuts)>>,
    /// The values of those inputs that were decided last.
    decided: Option<Vec<f64>>,
}

impl<'s> Sweep<'s> {
    fn new(search: &Search<'_>, nth: usize, own: &'s [u32], today: Outcome) -> Self {
        let axis = &search.axes[nth];
        let follow = search.inputs.follow(nth);
        let inputs = std::iter::once((axis.input, axis.feature)).chain(follow);
        let cuts =
            inputs.map(|(input, feature)| Some((input, Cuts::of(search.decider, input, feature)?)));
        Self {
            nth,
            own,
            today,
            cuts: cuts.collect::<Option<_>>().filter(|_| !axis.is_category),
            decided: None,
        }
    }

    /// Looks at a candidate; whether nothing more is to be found on this side.
    fn is_over(&mut self, search: &mut Search<'_>, index: u32, found: &mut Vec<Flip>) -> bool {
        if !search.has_budget() {
            return true;
        }
        let mut chosen = self.own.to_vec();
        chosen[self.nth] = index;
        let values = self.values(search, &chosen);
        if self.is_alike(values.as_deref()) {
            return false;
        }
        self.decided = values;
        let judged = search.judge(&chosen);
        let Some(judgement) = judged.filter(|judgement| judgement.outcome != self.today) else {
            return false;
        };
        let axis = &search.axes[self.nth];
        found.push(Flip {
            input: axis.input,
            value: axis.value(index),
            outcome: judgement.outcome,
        });
        // Of categories each is told.
        !axis.is_category
    }

    /// What the inputs come to that depend on the feature, where that is one value each.
    fn values(&self, search: &mut Search<'_>, chosen: &[u32]) -> Option<Vec<f64>> {
        let cuts = self.cuts.as_ref()?;
        let one = |index: &u32| Range {
            low: *index,
            high: *index,
        };
        let ranges: Vec<Range> = chosen.iter().map(one).collect();
        if !search.inputs.set(&search.axes, &ranges) {
            return None;
        }
        let value = |(input, _): &(usize, Cuts)| {
            let span = search.inputs.reach[*input].span;
            (span.low == span.high && !span.missing).then_some(span.low)
        };
        cuts.iter().map(value).collect()
    }

    fn is_alike(&self, values: Option<&[f64]>) -> bool {
        let (Some(cuts), Some(values), Some(decided)) = (&self.cuts, values, &self.decided) else {
            return false;
        };
        let mut pairs = cuts.iter().zip(values.iter().zip(decided));
        pairs.all(|((_, cuts), (value, decided))| cuts.alike(*value, *decided))
    }
}
