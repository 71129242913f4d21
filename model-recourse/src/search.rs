//! Best-first branch and bound over boxes of candidates.
//!
//! The cheapest box comes first. One whose greatest margin is below what approves, or that a
//! rule blocks, holds no option. Else its cheapest application is decided: approved, it is the
//! cheapest option there is. Else the box is split. An empty queue proves that there is no
//! (other) option.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::axis::{Axis, Range};
use crate::dive::dive;
use crate::margin::Margin;
use crate::reach::Inputs;
use crate::rules::{Verdict, verdict};
use crate::standings::{Standing, Standings};
use crate::threshold::{margin_threshold, probability};
use crate::{Answer, Budget, Change, Plan};
use model_core::decide::{Application, Decider, Judgement};
use model_core::policy::Outcome;

/// What rounding may cost a bound, relative to the numbers in it.
const SLACK: f64 = 1e-9;

/// A box that waits.
struct Waiting {
    cost: f64,
    /// In the order in which they were made.
    id: u32,
    /// The box that it is a part of.
    parent: Option<u32>,
    /// Whether its cheapest application is that of the box it is a part of.
    is_decided: bool,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        // A heap gives the greatest first.
        let by_cost = other.cost.total_cmp(&self.cost);
        by_cost.then(other.id.cmp(&self.id))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

/// A search that is under way.
pub(super) struct Search<'d> {
    pub(super) decider: &'d mut Decider,
    pub(super) application: &'d Application,
    pub(super) axes: Vec<Axis>,
    pub(super) inputs: Inputs,
    margin: Margin,
    needed: f64,
    max_changes: usize,
    budget: Budget,
    pub(super) spent: u32,
    queue: BinaryHeap<Waiting>,
    /// The ranges of every box that was made, one after another.
    ranges: Vec<Range>,
    standings: Standings,
    pub(super) plans: Vec<Plan>,
}

impl<'d> Search<'d> {
    pub(super) fn new(
        decider: &'d mut Decider,
        application: &'d Application,
        axes: Vec<Axis>,
        max_changes: usize,
        budget: Budget,
    ) -> Self {
        Self {
            inputs: Inputs::new(decider, application, &axes),
            margin: Margin::default(),
            needed: f64::NEG_INFINITY,
            decider,
            application,
            axes,
            max_changes,
            budget,
            spent: 0,
            queue: BinaryHeap::new(),
            ranges: Vec::new(),
            standings: Standings::default(),
            plans: Vec::new(),
        }
    }

    /// Looks for so many options; none where the application is approved as it is.
    pub(super) fn run(mut self, options: usize) -> Answer {
        let own: Vec<u32> = self.axes.iter().map(|axis| axis.at).collect();
        let today = self.judge(&own);
        if options == 0 || today.is_none_or(|judgement| judgement.outcome == Outcome::Approve) {
            return self.answer(false, None);
        }
        self.margin = Margin::new(self.decider, self.application, &self.axes, &self.inputs);
        self.needed = margin_threshold(self.decider.artifact());
        let whole: Vec<Range> = self.axes.iter().map(Axis::whole).collect();
        self.push(&whole, None, true);
        // A part of the budget is kept for what is good enough where nothing is proved.
        let exact = self.budget.evaluations - self.budget.evaluations / 4;
        let mut is_done = self.plans.len() >= options;
        while !is_done && self.spent < exact {
            let Some(waiting) = self.queue.pop() else {
                break;
            };
            self.look_at(&waiting);
            is_done = self.plans.len() >= options;
        }
        // What is dearer than the cheapest that waits may not be the best.
        let lower_bound = self.queue.peek().map(|waiting| waiting.cost);
        let proven = is_done || lower_bound.is_none();
        if !proven {
            dive(&mut self, options);
        }
        self.plans.truncate(options);
        let impossible = proven && self.plans.is_empty();
        self.answer(impossible, lower_bound.filter(|_| !proven))
    }

    fn answer(self, impossible: bool, lower_bound: Option<f64>) -> Answer {
        Answer {
            options: self.plans,
            impossible,
            lower_bound,
            unstated: Vec::new(),
            evaluations: self.spent,
        }
    }

    /// The ranges of a box.
    fn ranges_of(&self, id: u32) -> Vec<Range> {
        let from = id as usize * self.axes.len();
        self.ranges[from..from + self.axes.len()].to_vec()
    }

    /// Adds a box. `is_decided` says that its cheapest application is known not to be approved.
    fn push(&mut self, ranges: &[Range], parent: Option<u32>, is_decided: bool) {
        let mut cost = 0.0;
        let mut changed = 0;
        for (axis, range) in self.axes.iter().zip(ranges) {
            cost += axis.cost(axis.nearest(*range));
            changed += usize::from(!range.contains(axis.at));
        }
        if changed > self.max_changes {
            return;
        }
        let id = self.standings.add_box(parent);
        for (axis, range) in self.axes.iter().zip(ranges) {
            let is_full = changed == self.max_changes && range.contains(axis.at);
            self.ranges.push(if is_full { axis.own() } else { *range });
        }
        self.queue.push(Waiting {
            cost,
            id,
            parent,
            is_decided,
        });
    }

    fn look_at(&mut self, waiting: &Waiting) {
        let mut standing = self.standings.taken_from(waiting.parent);
        let ranges = self.ranges_of(waiting.id);
        if self.is_covered(&ranges) {
            return;
        }
        self.spent += 1;
        if !self.inputs.set(&self.axes, &ranges) || !self.may_hold(&mut standing) {
            return;
        }
        if !waiting.is_decided {
            let nearest = self.axes.iter().zip(&ranges);
            let chosen: Vec<u32> = nearest.map(|(axis, range)| axis.nearest(*range)).collect();
            if let Some(plan) = self.try_out(&chosen, true) {
                self.plans.push(plan);
                return;
            }
        }
        let cut = self.cut(&ranges, &mut standing);
        self.standings.keep(waiting.id, standing);
        if let Some((nth, middle)) = cut {
            self.split(waiting.id, ranges, nth, middle);
        }
        self.standings.drop_unless_needed(waiting.id);
    }

    /// Whether every application of a box changes all that an option found before changes.
    fn is_covered(&self, ranges: &[Range]) -> bool {
        let is_changed = |input: usize| {
            let mut pairs = self.axes.iter().zip(ranges);
            pairs.any(|(axis, range)| axis.input == input && !range.contains(axis.at))
        };
        self.plans
            .iter()
            .any(|plan| plan.changes.iter().all(|change| is_changed(change.input)))
    }

    /// Whether the score and the rules may approve something in the box that the inputs were
    /// set to.
    fn may_hold(&mut self, standing: &mut Standing) -> bool {
        let greatest = self.margin.greatest(&self.inputs.reach, standing);
        let greatest = greatest + SLACK * (1.0 + greatest.abs());
        let most = probability(self.decider.artifact(), greatest);
        match verdict(self.decider, &self.axes, &self.inputs, most) {
            Verdict::Blocked => false,
            Verdict::MayOverrule => true,
            Verdict::Open => greatest >= self.needed,
        }
    }

    /// The axis to split a box along, and the last candidate before the cut; `None` where the box
    /// holds one application.
    ///
    /// The axis is the one on which most of the bound hangs: along another one both parts are
    /// bounded as the whole is. Among equals it is the one whose candidates differ most in cost.
    fn cut(&self, ranges: &[Range], standing: &mut Standing) -> Option<(usize, u32)> {
        let weights = self.margin.weigh(&self.inputs.reach, standing);
        let mut best: Option<(usize, f64, f64)> = None;
        for (nth, (axis, range)) in self.axes.iter().zip(ranges).enumerate() {
            if range.low == range.high {
                continue;
            }
            let mut weight = weights[axis.input];
            for (input, _) in self.inputs.follow(nth) {
                weight += weights[input];
            }
            let spread = axis.spread(*range);
            let is_better =
                |(_, most, widest)| weight > most || (weight == most && spread > widest);
            if best.is_none_or(is_better) {
                best = Some((nth, weight, spread));
            }
        }
        let (nth, ..) = best?;
        let (axis, range) = (&self.axes[nth], ranges[nth]);
        let middle = match self.margin.median_cut(standing, axis.input) {
            Some(cut) => {
                (axis.values.partition_point(|value| *value <= cut) as u32).saturating_sub(1)
            }
            None => range.low + (range.high - range.low) / 2,
        };
        Some((nth, middle.clamp(range.low, range.high - 1)))
    }

    /// Splits a box along an axis: into the application's own and what is on its sides, or into
    /// what is up to the middle and what is beyond it.
    fn split(&mut self, id: u32, mut ranges: Vec<Range>, nth: usize, middle: u32) {
        let (at, range) = (self.axes[nth].at, ranges[nth]);
        let mut part = |search: &mut Self, low: u32, high: u32, is_decided: bool| {
            ranges[nth] = Range { low, high };
            search.push(&ranges, Some(id), is_decided);
        };
        if range.contains(at) {
            part(self, at, at, true);
            if range.low < at {
                part(self, range.low, at - 1, false);
            }
            if range.high > at {
                part(self, at + 1, range.high, false);
            }
            return;
        }
        let is_nearer = self.axes[nth].nearest(range) == range.low;
        part(self, range.low, middle, is_nearer);
        part(self, middle + 1, range.high, !is_nearer);
    }

    /// Most changes of an option.
    pub(super) fn max_changes(&self) -> usize {
        self.max_changes
    }

    /// Whether another evaluation is allowed.
    pub(super) fn has_budget(&self) -> bool {
        self.spent < self.budget.evaluations
    }

    /// Decides an application with the given candidates.
    pub(super) fn judge(&mut self, chosen: &[u32]) -> Option<Judgement> {
        self.spent += 1;
        let codes = self.codes(chosen);
        let mut judgement = None;
        let judged = self
            .decider
            .judge_rows(&codes, 1, |_, judged, _| judgement = judged);
        judged.ok().and(judgement)
    }

    /// The plan of the given candidates, where they are approved.
    pub(super) fn try_out(&mut self, chosen: &[u32], proven: bool) -> Option<Plan> {
        let judgement = self.judge(chosen)?;
        (judgement.outcome == Outcome::Approve).then(|| self.plan(chosen, judgement, proven))
    }

    fn plan(&self, chosen: &[u32], judgement: Judgement, proven: bool) -> Plan {
        let mut plan = Plan {
            changes: Vec::new(),
            cost: 0.0,
            probability: judgement.probability,
            proven,
        };
        for (axis, index) in self.axes.iter().zip(chosen) {
            if *index != axis.at {
                plan.cost += axis.cost(*index);
                plan.changes.push(Change {
                    input: axis.input,
                    from: axis.value(axis.at),
                    to: axis.value(*index),
                });
            }
        }
        plan
    }

    /// The row with the given candidates; what follows from a change is computed anew.
    fn codes(&self, chosen: &[u32]) -> Vec<f64> {
        let mut codes = self.application.codes.clone();
        for (axis, index) in self.axes.iter().zip(chosen) {
            if *index != axis.at {
                codes[axis.input] = axis.value(*index);
            }
        }
        let changed = |nth: usize| chosen[nth] != self.axes[nth].at;
        for input in self.inputs.recomputed(changed) {
            codes[input] = f64::NAN;
        }
        codes
    }
}
