//! Derived fields: what they come to follows from the fields that they need. Only where one
//! of these is missing does an application's own value count.

use model_core::expression::{Span, round, span};
use model_core::preprocess::{Adjustment, Computed, resolve_derived};
use model_core::schema::{Derived, Feature, Missing, OutOfRange, Range, Schema};
use model_core::value::Reading;

use crate::domain::{Domain, Grid};
use crate::listed::Listed;

/// A derived field of the schema.
#[derive(Debug)]
pub(crate) struct Dependent<'a> {
    /// Its place.
    pub(crate) field: usize,
    /// The places of the fields of its formula.
    pub(crate) needs: Vec<usize>,
    feature: &'a Feature,
    derived: &'a Derived,
    /// What a given value can be, where it counts at all.
    pub(crate) given: Domain,
    /// For each need, what it is computed with where the need is missing.
    fills: Vec<Span>,
}

/// What a derived field can be in a region.
#[derive(Debug, Clone)]
pub(crate) struct Possible {
    pub(crate) domain: Domain,
    /// Whether no application of the region is refused for its value.
    pub(crate) is_accepted: bool,
}

/// What one application comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Settled {
    /// This value; NaN is missing to a rule.
    Value(f64),
    /// The same, filled in or changed by a policy.
    Adjusted(f64),
    /// What the model fills in, which no schema tells.
    Unknown,
    /// The application is refused.
    Refused,
}

impl<'a> Dependent<'a> {
    /// The derived fields of a schema, each behind those that it needs.
    pub(crate) fn all(schema: &'a Schema) -> Vec<Self> {
        let order = schema.derivation_order().into_iter();
        let dependents = order.filter_map(|field| {
            let feature = &schema.features[field];
            let derived = feature.derived.as_deref()?;
            let needs = derived.formula.fields().into_iter().map(usize::from);
            let needs: Vec<usize> = needs.collect();
            let fills = needs.iter().map(|need| filled(&schema.features[*need]));
            let mut given = Domain::numbers(feature.span(), Grid::Any);
            given.missing = true;
            // What a model imputes for a number outside may be any that the formula gave.
            let imputes = |range: &Range| range.policy == OutOfRange::Impute;
            let listed = Listed::of(feature, &schema.missing_values);
            let listed = listed.filter(|_| !feature.range().is_some_and(imputes));
            Some(Self {
                field,
                given: given.without(listed),
                feature,
                derived,
                fills: fills.collect(),
                needs,
            })
        });
        dependents.collect()
    }

    pub(crate) fn derived(&self) -> &Derived {
        self.derived
    }

    /// How many operations it takes.
    pub(crate) fn operations(&self) -> usize {
        self.derived.formula.ops().len()
    }

    /// What it can be where its needs have these domains, and a given value, where it
    /// counts, has the domain `given`. `formula` is what else is known of the formula's value.
    pub(crate) fn possible(&self, needs: &[Domain], given: &Domain, formula: Span) -> Possible {
        let follows = needs.iter().all(Domain::has_values);
        let mut possible = Possible {
            domain: Domain::numbers(Span::NEVER, Grid::Any),
            is_accepted: true,
        };
        if follows {
            possible = self.computed(needs, formula);
        }
        if needs.iter().any(|need| need.missing) {
            let domain = &mut possible.domain;
            domain.missing |= given.missing && self.may_be_left_out(needs);
            if domain.numbers.is_empty() {
                domain.listed.clone_from(&given.listed);
            }
            domain.numbers = domain.numbers.or(given.numbers);
            domain.grid = Grid::Any;
        }
        possible
    }

    /// What it comes to where nothing that it needs is missing.
    fn computed(&self, needs: &[Domain], formula: Span) -> Possible {
        let present = |need: usize| Span {
            missing: false,
            ..needs[need].numbers
        };
        let raw = self.rounded(self.span(present), formula);
        let range = self.feature.span();
        let fits = raw.is_empty() || (range.low <= raw.low && raw.high <= range.high);
        let policy = self.feature.range().map(|range| range.policy);
        let refuses = policy.is_none_or(|policy| policy == OutOfRange::Error);
        let grid = self.derived.decimals.map_or(Grid::Any, Grid::Decimals);
        let keeps_grid = match policy {
            _ if fits || refuses => true,
            // What is moved to a bound is as round as the bound.
            Some(OutOfRange::Clamp) => grid.has(range.low) && grid.has(range.high),
            _ => false,
        };
        let grid = if keeps_grid { grid } else { Grid::Any };
        let numbers = match policy {
            _ if fits => raw,
            Some(OutOfRange::Clamp) => {
                let clamp = |number: f64| number.clamp(range.low, range.high);
                Span::new(clamp(raw.low), clamp(raw.high))
            }
            Some(OutOfRange::Impute) => range,
            Some(OutOfRange::Error) | None => raw,
        };
        let mut domain = Domain::numbers(numbers, grid);
        if refuses && !fits {
            domain = domain.within(range.low, range.high);
        }
        let needs_a_result = self.feature.missing == Missing::Error;
        domain.missing = raw.missing && !needs_a_result;
        Possible {
            domain,
            is_accepted: (fits || !refuses) && !(raw.missing && needs_a_result),
        }
    }

    /// Whether it may be left out where a need is missing: what the needs are filled in with
    /// may then be refused.
    fn may_be_left_out(&self, needs: &[Domain]) -> bool {
        let filled = |need: usize| {
            let Domain { numbers, .. } = needs[need];
            let fill = self.fills[need];
            match needs[need].missing {
                true => Span {
                    missing: fill.missing,
                    ..numbers.or(fill)
                },
                false => numbers,
            }
        };
        let everything = Span {
            missing: true,
            ..Span::new(f64::MIN, f64::MAX)
        };
        let raw = self.rounded(self.span(filled), everything);
        let refuses = |policy| policy == OutOfRange::Error;
        let is_refused = self.feature.range().is_none_or(|r| refuses(r.policy));
        let inside = raw.and(self.feature.span());
        (raw.missing && self.feature.missing != Missing::Error)
            || !inside.is_empty()
            || (!raw.is_empty() && !is_refused)
    }

    /// What the formula gives, of the spans of the needs.
    fn span(&self, need: impl Fn(usize) -> Span) -> Span {
        let of_field = |field: u16| {
            let place = self.needs.binary_search(&usize::from(field));
            place.map_or(Span::NEVER, &need)
        };
        span(self.derived.formula.ops(), of_field, |_, _| {})
    }

    /// What is left of the formula's results, as the schema rounds them.
    fn rounded(&self, result: Span, known: Span) -> Span {
        let left = Span {
            missing: result.missing && known.missing,
            ..result.and(known)
        };
        let Some(decimals) = self.derived.decimals.filter(|_| !left.is_empty()) else {
            return left;
        };
        // Rounding keeps the order. What it makes too large for `f64` is missing.
        let (low, high) = (round(left.low, decimals), round(left.high, decimals));
        Span {
            low: if low.is_nan() { left.low } else { low },
            high: if high.is_nan() { left.high } else { high },
            missing: left.missing || low.is_nan() || high.is_nan(),
        }
    }

    /// What it comes to in one application: `values` has what the needs come to, NaN for
    /// missing, and the given value at its own place.
    pub(crate) fn settle(&self, values: &[f64], stack: &mut Vec<f64>) -> Settled {
        if self.needs.iter().any(|need| values[*need].is_nan()) {
            return Settled::Value(self.settle_given(values));
        }
        let computed = Computed {
            value: self.derived.compute(values, stack),
            needs_missing: false,
        };
        let imputed = self.feature.span().low;
        let resolved = resolve_derived(
            self.feature,
            self.derived,
            Reading::Missing,
            computed,
            imputed,
        );
        match resolved {
            Err(_) => Settled::Refused,
            Ok(resolved) => match resolved.adjusted {
                Some(Adjustment::Missing(_)) => Settled::Adjusted(f64::NAN),
                Some(Adjustment::OutOfRange(OutOfRange::Impute)) => Settled::Unknown,
                Some(_) => Settled::Adjusted(resolved.value),
                None => Settled::Value(resolved.value),
            },
        }
    }

    fn settle_given(&self, values: &[f64]) -> f64 {
        let given = values[self.field];
        let points = self.needs.iter().map(|need| point(values[*need]));
        let points: Vec<Domain> = points.collect();
        // One that must be given is.
        match given.is_nan() && !self.may_be_left_out(&points) {
            true => self.given.pick(None),
            false => given,
        }
    }
}

/// One value, or missing.
fn point(value: f64) -> Domain {
    let mut point = Domain::numbers(Span::new(value, value), Grid::Any);
    if value.is_nan() {
        point.numbers = Span::NEVER;
        point.missing = true;
    }
    point
}

/// What a field counts as in a formula where it is missing; a model's own imputation value
/// may be any of the range.
fn filled(feature: &Feature) -> Span {
    match feature.missing {
        _ if feature.derived.is_some() => Span {
            missing: feature.missing == Missing::Native,
            ..feature.span()
        },
        Missing::Zero => Span::new(0.0, 0.0),
        Missing::Native | Missing::Error => Span {
            missing: true,
            ..Span::NEVER
        },
        Missing::Impute | Missing::MostFrequent | Missing::Other => feature.span(),
    }
}
