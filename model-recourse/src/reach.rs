//! What the inputs of a box of candidates can be, what is derived from them among them.

use crate::axis::{Axis, Range};
use model_core::decide::{Application, Decider};
use model_core::expression::{Expression, Span, round, span};
use model_core::preprocess::Preprocessing;
use model_core::schema::{Feature, Missing, OutOfRange, Schema};

/// What an input can be in a box.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Numbers from `low` to `high`, and missing to the model.
    pub(super) span: Span,
    /// Of a category, a bit for each code; 0 for a number.
    pub(super) codes: u64,
}

impl Reach {
    fn one(feature: &Feature, value: f64) -> Self {
        let codes = match feature.categories() {
            Some(_) if !value.is_nan() => bit(value),
            _ => 0,
        };
        Self {
            span: point(value),
            codes,
        }
    }
}

fn bit(code: f64) -> u64 {
    1u64.checked_shl(code as u32).unwrap_or_default()
}

/// One value; NaN is missing.
pub(super) fn point(value: f64) -> Span {
    match value.is_nan() {
        true => Span {
            missing: true,
            ..Span::NEVER
        },
        false => Span::new(value, value),
    }
}

/// The inputs of a box, computed again for each.
#[derive(Debug)]
pub(super) struct Inputs {
    /// What each input can be.
    pub(super) reach: Vec<Reach>,
    /// What rules can see of each feature of the schema.
    pub(super) seen: Vec<Span>,
    /// For each feature of the schema its number among the inputs.
    input_of: Vec<Option<usize>>,
    /// Derived fields that follow from something that may change, in order.
    steps: Vec<Step>,
}

/// A derived field.
#[derive(Debug)]
struct Step {
    input: usize,
    feature: usize,
    formula: Expression,
    decimals: Option<u8>,
    missing: Missing,
    policy: Option<OutOfRange>,
    /// What it can be after its policies.
    allowed: Span,
    imputed: f64,
    /// The axes that it follows from.
    axes: Vec<usize>,
    /// What it came to where the application states it.
    stated: Option<f64>,
    /// Whether a given value counts even though others change: something that it is computed
    /// from is missing.
    stays: bool,
    /// Whether rules take it for missing whatever it comes to.
    unseen: bool,
    /// Whether it is computed from a derived field that changes too.
    is_nested: bool,
}

impl Inputs {
    pub(super) fn new(decider: &Decider, application: &Application, axes: &[Axis]) -> Self {
        let artifact = decider.artifact();
        let schema = &artifact.schema;
        let mut inputs = 0..;
        let input_of = schema.features.iter().map(|feature| {
            let is_input = feature.role == model_core::schema::Role::Input;
            is_input.then(|| inputs.next()).flatten()
        });
        let described = schema.inputs().zip(&application.row);
        let mut built = Self {
            reach: described.map(|(f, value)| Reach::one(f, *value)).collect(),
            seen: application.seen.iter().map(|value| point(*value)).collect(),
            input_of: input_of.collect(),
            steps: Vec::new(),
        };
        for feature in schema.derivation_order() {
            built.add_step(schema, &artifact.preprocessing, application, axes, feature);
        }
        built
    }

    fn add_step(
        &mut self,
        schema: &Schema,
        preprocessing: &Preprocessing,
        application: &Application,
        axes: &[Axis],
        feature: usize,
    ) {
        let described = &schema.features[feature];
        let (Some(derived), Some(Some(input))) =
            (described.derived.as_deref(), self.input_of.get(feature))
        else {
            return;
        };
        let needs: Vec<usize> = derived
            .formula
            .fields()
            .iter()
            .map(|f| usize::from(*f))
            .collect();
        let mut from: Vec<usize> = (0..axes.len())
            .filter(|axis| needs.contains(&axes[*axis].feature))
            .collect();
        let mut is_nested = false;
        for step in self
            .steps
            .iter()
            .filter(|step| needs.contains(&step.feature))
        {
            is_nested = true;
            from.extend(&step.axes);
        }
        if from.is_empty() {
            return;
        }
        let code = application.codes.get(*input).copied().unwrap_or(f64::NAN);
        let needs_missing = needs.iter().any(|need| {
            let seen = application.seen.get(*need);
            seen.is_some_and(|value| value.is_nan())
        });
        self.steps.push(Step {
            input: *input,
            feature,
            formula: derived.formula.clone(),
            decimals: derived.decimals,
            missing: described.missing,
            policy: described.range().map(|range| range.policy),
            allowed: described.span(),
            imputed: preprocessing
                .imputed
                .get(*input)
                .copied()
                .unwrap_or_default(),
            axes: from,
            stated: (!code.is_nan()).then(|| application.row[*input]),
            stays: needs_missing && !code.is_nan(),
            unseen: needs_missing && code.is_nan(),
            is_nested,
        });
    }

    /// The inputs that are derived from an axis that changed and are to be computed anew.
    pub(super) fn recomputed(
        &self,
        changed: impl Fn(usize) -> bool,
    ) -> impl Iterator<Item = usize> {
        let steps = self.steps.iter().filter(move |step| {
            let follows = step.axes.iter().any(|axis| changed(*axis));
            follows && (step.is_nested || !step.stays)
        });
        steps.map(|step| step.input)
    }

    /// The inputs that follow from an axis, with their features.
    pub(super) fn follow(&self, axis: usize) -> impl Iterator<Item = (usize, usize)> {
        let steps = self
            .steps
            .iter()
            .filter(move |step| step.axes.contains(&axis));
        steps.map(|step| (step.input, step.feature))
    }

    /// Whether an input is the same in every box.
    pub(super) fn is_fixed(&self, axes: &[Axis], input: usize) -> bool {
        axes.iter().all(|axis| axis.input != input)
            && self.steps.iter().all(|step| step.input != input)
    }

    /// Whether an input may be missing to the model in one box and not in another.
    pub(super) fn may_go_missing(&self, input: usize) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| step.input == input && step.missing == Missing::Native)
    }

    /// Sets what the inputs of a box can be; false where every application in it is refused.
    pub(super) fn set(&mut self, axes: &[Axis], ranges: &[Range]) -> bool {
        for (axis, range) in axes.iter().zip(ranges) {
            let reach = &mut self.reach[axis.input];
            if axis.is_category {
                // Not in the order of their codes.
                (reach.codes, reach.span) = (0, Span::NEVER);
                for code in axis.settled_values(*range) {
                    reach.codes |= bit(code);
                    reach.span = reach.span.or(point(code));
                }
            } else {
                reach.span = axis.span(*range);
            }
            self.seen[axis.feature] = reach.span;
        }
        for nth in 0..self.steps.len() {
            let Some((reach, seen)) = self.derive(&self.steps[nth], axes, ranges) else {
                return false;
            };
            let step = &self.steps[nth];
            self.reach[step.input].span = reach;
            self.seen[step.feature] = seen;
        }
        true
    }

    /// What a derived field can be to the model and to rules; `None` where it is refused.
    fn derive(&self, step: &Step, axes: &[Axis], ranges: &[Range]) -> Option<(Span, Span)> {
        if step.is_nested && step.stated.is_some() {
            // Whether the given value counts depends on whether the other is missing.
            let anything = Span {
                missing: true,
                ..step.allowed
            };
            return Some((anything, anything));
        }
        if let (true, Some(stated)) = (step.stays, step.stated) {
            return Some((point(stated), point(stated)));
        }
        let of_field = |place: u16| {
            let input = self.input_of.get(usize::from(place)).copied().flatten();
            input.map_or(Span::NEVER, |input| self.reach[input].span)
        };
        let mut computed = span(step.formula.ops(), of_field, |_, _| {});
        if let Some(decimals) = step.decimals.filter(|_| !computed.is_empty()) {
            let (low, high) = (
                round(computed.low, decimals),
                round(computed.high, decimals),
            );
            computed.missing |= low.is_nan() || high.is_nan();
            computed.low = if low.is_nan() { computed.low } else { low };
            computed.high = if high.is_nan() { computed.high } else { high };
        }
        let mut reach = step.settled(computed);
        let is_own = |axis: &usize| ranges[*axis].contains(axes[*axis].at);
        if let (Some(stated), true) = (step.stated, step.axes.iter().all(is_own)) {
            reach = reach.or(point(stated));
        }
        if reach.is_empty() && !reach.missing {
            return None;
        }
        let seen = Span {
            missing: computed.missing,
            ..reach
        };
        let never = Span {
            missing: true,
            ..Span::NEVER
        };
        Some((reach, if step.unseen { never } else { seen }))
    }
}

impl Step {
    /// What its policies make of what is computed.
    fn settled(&self, computed: Span) -> Span {
        let missing = match self.missing {
            Missing::Native => point(f64::NAN),
            Missing::Zero => point(0.0),
            Missing::Impute | Missing::MostFrequent => point(self.imputed),
            Missing::Error | Missing::Other => Span::NEVER,
        };
        let allowed = self.allowed;
        let mut settled = computed.and(allowed);
        settled.missing = false;
        if settled.is_empty() {
            settled = Span::NEVER;
        }
        for (is_outside, end) in [
            (computed.low < allowed.low, allowed.low),
            (computed.high > allowed.high, allowed.high),
        ] {
            if is_outside && !computed.is_empty() {
                settled = settled.or(match self.policy {
                    Some(OutOfRange::Clamp) => point(end),
                    Some(OutOfRange::Impute) => point(self.imputed),
                    Some(OutOfRange::Error) | None => Span::NEVER,
                });
            }
        }
        if computed.missing {
            settled = settled.or(missing);
        }
        settled
    }
}
