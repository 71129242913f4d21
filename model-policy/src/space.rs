//! What applications can be, in general and in a region.

use std::collections::BTreeMap;
use std::rc::Rc;

use model_core::expression::Span;
use model_core::schema::Schema;

use crate::adjustments::Adjustments;
use crate::condition::{Condition, Term};
use crate::derived::{Dependent, Possible, Settled};
use crate::domain::{Domain, domains, example, intersection};
use crate::listed::Listed;
use crate::search::Looks;
use crate::truth::Truths;

/// What applications can be.
#[derive(Debug)]
pub(crate) struct Space<'a> {
    /// Of the fields and the probability, then of the terms.
    domains: Vec<Domain>,
    /// How many come before the terms.
    fields: usize,
    pub(super) terms: Vec<Term>,
    /// The derived fields, each behind those that it needs.
    dependents: Vec<Dependent<'a>>,
    /// The term of each of them that computes the same.
    twins: Vec<Option<usize>>,
    /// For each field, its place among the dependents.
    dependent: Vec<Option<usize>>,
    /// What people would enter, where the schema says it.
    examples: Vec<Option<f64>>,
    /// An application that people would enter.
    usual: Vec<f64>,
    /// The fields for which some numbers mean missing.
    listed: Vec<(usize, Rc<Listed>)>,
    adjustments: Adjustments,
    pub(crate) looks: Looks,
}

/// Some of the applications.
#[derive(Clone, Default)]
pub(crate) struct Region {
    /// The variables whose domains are narrower than in general.
    pub(crate) narrowed: BTreeMap<usize, Domain>,
    pub(crate) halvings: usize,
}

/// What the derived fields can be in a region, as the space lists them.
pub(crate) struct View {
    /// By the fields that they follow from.
    sure: Vec<Possible>,
    /// The same within what the region says of themselves.
    left: Vec<Domain>,
}

/// A condition and the truths that are asked for.
pub(crate) type Wanted<'a> = (&'a Condition, Truths);

impl<'a> Space<'a> {
    pub(crate) fn new(schema: &'a Schema, probability: Span, terms: Vec<Term>) -> Self {
        let mut all = domains(schema, probability);
        let dependents = Dependent::all(schema);
        let mut dependent = vec![None; all.len()];
        for (place, one) in dependents.iter().enumerate() {
            dependent[one.field] = Some(place);
            let needs: Vec<Domain> = one.needs.iter().map(|need| all[*need].clone()).collect();
            all[one.field] = one.possible(&needs, &one.given, EVERYTHING).domain;
        }
        let examples = schema.features.iter().map(example).chain([Some(0.5)]);
        let examples: Vec<Option<f64>> = examples.collect();
        let usual = all.iter().zip(&examples).enumerate();
        let usual = usual.map(|(field, (domain, example))| match dependent[field] {
            // A value of its own is the exception.
            Some(_) if domain.missing => f64::NAN,
            Some(place) => intersection(&dependents[place].given, domain).pick(*example),
            None => domain.pick(*example),
        });
        let usual = usual.collect();
        let listed = schema.features.iter().enumerate().filter_map(|(at, one)| {
            let listed = Listed::of(one, &schema.missing_values)?;
            Some((at, listed))
        });
        let fields = all.len();
        let of_terms = terms.iter().map(|term| term.domain(|at| all[at].clone()));
        let of_terms: Vec<Domain> = of_terms.collect();
        all.extend(of_terms);
        let twin = |one: &Dependent<'_>| {
            let formula = &one.derived().formula;
            terms.iter().position(|term| term.is_formula(formula))
        };
        Self {
            twins: dependents.iter().map(twin).collect(),
            domains: all,
            fields,
            terms,
            dependents,
            dependent,
            examples,
            usual,
            listed: listed.collect(),
            adjustments: Adjustments::new(schema),
            looks: Looks::new(),
        }
    }

    /// The general domain of a variable.
    pub(crate) fn domain(&self, variable: usize) -> &Domain {
        &self.domains[variable]
    }

    /// Adds to a rule's fields those that decide with them what is possible: what a derived
    /// field follows from, and what the schema refuses together with them.
    pub(crate) fn connected(&self, fields: &mut std::collections::BTreeSet<usize>) {
        let view = self.view(&Region::default());
        let mut before = 0;
        while fields.len() > before {
            before = fields.len();
            for (place, one) in self.dependents.iter().enumerate() {
                let refuses = !view.sure[place].is_accepted;
                let is_touched = one.needs.iter().any(|need| fields.contains(need));
                if fields.contains(&one.field) || (refuses && is_touched) {
                    fields.extend(one.needs.iter().chain([&one.field]));
                }
            }
        }
    }

    pub(super) fn is_term(&self, variable: usize) -> bool {
        variable >= self.fields
    }

    pub(super) fn is_derived(&self, variable: usize) -> bool {
        self.place(variable).is_some()
    }

    fn place(&self, variable: usize) -> Option<usize> {
        self.dependent.get(variable).copied().flatten()
    }

    pub(super) fn of<'r>(&'r self, region: &'r Region, variable: usize) -> &'r Domain {
        (region.narrowed.get(&variable)).unwrap_or(&self.domains[variable])
    }

    /// What the derived fields can be in a region.
    pub(super) fn view(&self, region: &Region) -> View {
        let count = self.dependents.len();
        let mut view = View {
            sure: Vec::with_capacity(count),
            left: Vec::with_capacity(count),
        };
        for (one, twin) in self.dependents.iter().zip(&self.twins) {
            // What is sure, and what is left.
            self.looks.spend(2 * one.operations());
            let given = match region.narrowed.get(&one.field) {
                Some(narrowed) => intersection(&one.given, narrowed),
                None => one.given.clone(),
            };
            let needs = one.needs.iter().map(|need| self.sure(region, &view, *need));
            let needs: Vec<Domain> = needs.collect();
            let sure = one.possible(&needs, &given, EVERYTHING);
            let known = twin.map_or(EVERYTHING, |term| {
                let term = self.of(region, self.fields + term);
                Span {
                    missing: term.missing,
                    ..term.numbers
                }
            });
            let needs = one.needs.iter().map(|need| self.left(region, &view, *need));
            let needs: Vec<Domain> = needs.collect();
            let left = one.possible(&needs, &given, known).domain;
            view.left
                .push(intersection(&left, self.of(region, one.field)));
            view.sure.push(sure);
        }
        view
    }

    /// What a variable can be by its fields alone.
    pub(super) fn sure(&self, region: &Region, view: &View, variable: usize) -> Domain {
        if self.is_term(variable) {
            let term = &self.terms[variable - self.fields];
            self.looks.spend(term.operations());
            return term.domain(|field| self.sure(region, view, field));
        }
        match self.place(variable) {
            Some(place) => view.sure[place].domain.clone(),
            None => self.of(region, variable).clone(),
        }
    }

    /// The same within what the region says of the variable itself.
    pub(super) fn left(&self, region: &Region, view: &View, variable: usize) -> Domain {
        if self.is_term(variable) {
            let term = &self.terms[variable - self.fields];
            self.looks.spend(term.operations());
            let domain = term.domain(|field| self.left(region, view, field));
            return intersection(&domain, self.of(region, variable));
        }
        match self.place(variable) {
            Some(place) => view.left[place].clone(),
            None => self.of(region, variable).clone(),
        }
    }

    /// Whether no application of the region has any value that a derived field accepts.
    pub(super) fn is_impossible(&self, view: &View) -> bool {
        view.left.iter().any(|domain| !domain.is_possible())
    }

    /// Whether every application of the region needs more adjustments than are allowed.
    pub(super) fn is_refused(&self, region: &Region) -> bool {
        let narrowed = |field| region.narrowed.get(&field);
        self.adjustments.are_always_too_many(narrowed)
    }

    /// The derived fields for which applications of the region may be refused.
    pub(super) fn refusing(&self, view: &View) -> impl Iterator<Item = usize> {
        let dependents = self.dependents.iter().zip(&view.sure);
        let refusing = dependents.filter(|(_, sure)| !sure.is_accepted);
        refusing.map(|(one, _)| one.field)
    }

    /// The fields that a variable follows from, each behind those that it follows from itself.
    pub(super) fn fields_of(&self, variable: usize) -> Vec<usize> {
        let mut fields = Vec::new();
        match self.place(variable) {
            _ if self.is_term(variable) => {
                let term = &self.terms[variable - self.fields];
                term.fields()
                    .for_each(|field| self.collect(field, &mut fields));
            }
            Some(place) => {
                let needs = self.dependents[place].needs.iter();
                needs.for_each(|need| self.collect(*need, &mut fields));
            }
            None => {}
        }
        fields
    }

    fn collect(&self, field: usize, fields: &mut Vec<usize>) {
        if fields.contains(&field) {
            return;
        }
        if let Some(place) = self.place(field) {
            let needs = self.dependents[place].needs.iter();
            needs.for_each(|need| self.collect(*need, fields));
        }
        fields.push(field);
    }

    /// Whether an application chooses the field's value: a derived one's only where a field
    /// that it needs is missing.
    pub(super) fn is_free(&self, region: &Region, view: &View, field: usize) -> bool {
        self.place(field).is_none_or(|place| {
            let mut needs = self.dependents[place].needs.iter();
            needs.any(|need| self.left(region, view, *need).missing)
        })
    }

    /// What people would enter in a region; what is derived is not settled yet.
    pub(super) fn friendly(&self, region: &Region) -> Vec<f64> {
        let mut values = self.usual.clone();
        for (field, _) in region.narrowed.range(..self.fields) {
            let given = self.given(region, *field);
            values[*field] = given.pick(self.examples[*field]);
        }
        values
    }

    /// What an application may give for a field, where what it gives counts.
    pub(super) fn given(&self, region: &Region, field: usize) -> Domain {
        let domain = self.of(region, field);
        match self.place(field) {
            Some(place) => intersection(&self.dependents[place].given, domain),
            None => domain.clone(),
        }
    }

    /// The application with its derived fields settled, if it has the wanted truths.
    pub(super) fn wanted(&self, values: &[f64], wanted: &[Wanted<'_>]) -> Option<Vec<f64>> {
        let mut values = values.to_vec();
        let mut stack = Vec::new();
        let mut unknown = Vec::new();
        let mut adjusted = 0;
        for one in &self.dependents {
            self.looks.spend(one.operations());
            let settled = one.settle(&values, &mut stack);
            adjusted += usize::from(matches!(settled, Settled::Adjusted(_) | Settled::Unknown));
            match settled {
                Settled::Value(value) | Settled::Adjusted(value) => values[one.field] = value,
                Settled::Refused => return None,
                Settled::Unknown => unknown.push(one.field),
            }
            // What follows from a value that is not known is not known either.
            if one.needs.iter().any(|need| unknown.contains(need)) {
                unknown.push(one.field);
            }
        }
        for (field, listed) in &self.listed {
            // What a formula gives is never missing.
            let needs = |place: usize| self.dependents[place].needs.iter();
            let counts = self
                .place(*field)
                .is_none_or(|place| needs(place).any(|need| values[*need].is_nan()));
            if counts && listed.never(values[*field]) {
                return None;
            }
            adjusted += usize::from(counts && listed.from(values[*field]).is_some());
        }
        if self.adjustments.are_too_many(&values, adjusted) {
            return None;
        }
        let holds = wanted.iter().all(|(condition, truths)| {
            self.looks.spend(condition.expression.ops().len());
            let fields = condition.expression.fields();
            let value = condition.expression.evaluate(&values, &mut stack);
            let is_known = !fields.iter().any(|field| {
                let field = usize::from(*field);
                unknown.contains(&field)
            });
            is_known && Truths::of_value(value).is_within(*truths)
        });
        holds.then_some(values)
    }
}

/// Nothing is known of a formula's value.
const EVERYTHING: Span = Span {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
    missing: true,
};
