//! Whether some application gives a number of conditions certain truths.
//!
//! Branch and prune: a region of applications in which some condition cannot have its
//! truth is left; one in which all certainly have theirs gives an example; any other is
//! split where a condition turns. Comparisons of one field with a number turn at that
//! number, so that the search ends with an exact answer. What is computed of several
//! fields is first treated as a variable of its own, which can only rule regions out;
//! what is left is tried at its corners and halved, up to a limit.

use std::collections::BTreeMap;

use crate::condition::{Atom, Condition, Term};
use crate::domain::Domain;
use crate::truth::Truths;

/// Regions that are looked at before a question is given up as not decided.
const MAX_REGIONS: usize = 20_000;
/// How often halving may go on in a region where no condition turns any more.
const MAX_HALVINGS: usize = 24;
/// Fields whose corners are tried together.
const MAX_CORNERS: usize = 6;

/// What applications can be.
#[derive(Debug)]
pub(crate) struct Space {
    /// Of the fields and the probability, then of the terms.
    domains: Vec<Domain>,
    /// How many come before the terms.
    fields: usize,
    terms: Vec<Term>,
    /// What people would enter, where the schema says it.
    examples: Vec<Option<f64>>,
    /// An application that people would enter.
    usual: Vec<f64>,
}

/// A condition and the truths that are asked for.
pub(crate) type Wanted<'a> = (&'a Condition, Truths);

/// What the search says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// No application.
    Nothing,
    /// This one: a value for each field and the probability, NaN for missing.
    Example(Vec<f64>),
    /// The limit was reached.
    NotDecided,
}

#[derive(Clone, Default)]
struct Region {
    /// The variables whose domains are narrower than in general.
    narrowed: BTreeMap<usize, Domain>,
    halvings: usize,
}

/// What is known about the conditions in a region.
enum State<'a> {
    Impossible,
    Certain,
    /// A part of a condition that is not decided, with its domain.
    Split(&'a Atom, Domain),
    /// Every part is decided if the terms are taken for variables; these are the terms.
    Loose(Vec<usize>),
}

impl Space {
    pub(crate) fn new(domains: Vec<Domain>, examples: Vec<Option<f64>>, terms: Vec<Term>) -> Self {
        let usual = domains.iter().zip(&examples);
        let usual = usual
            .map(|(domain, example)| domain.pick(*example))
            .collect();
        let fields = domains.len();
        let mut all = domains;
        let of_terms: Vec<Domain> = terms
            .iter()
            .map(|term| term.domain(|at| &all[at]))
            .collect();
        all.extend(of_terms);
        Self {
            domains: all,
            fields,
            terms,
            examples,
            usual,
        }
    }

    /// The general domain of a variable.
    pub(crate) fn domain(&self, variable: usize) -> &Domain {
        &self.domains[variable]
    }

    /// Searches for an application of which every condition has one of its wanted truths.
    pub(crate) fn search(&self, wanted: &[Wanted<'_>]) -> Found {
        self.search_within(BTreeMap::new(), wanted)
    }

    /// The same among applications where some variables have narrower domains.
    pub(crate) fn search_within(
        &self,
        narrowed: BTreeMap<usize, Domain>,
        wanted: &[Wanted<'_>],
    ) -> Found {
        let mut regions = vec![Region {
            narrowed,
            halvings: 0,
        }];
        let mut looked_at = 0;
        let mut is_complete = true;
        while let Some(region) = regions.pop() {
            looked_at += 1;
            if looked_at > MAX_REGIONS {
                return Found::NotDecided;
            }
            match self.state(&region, wanted) {
                State::Impossible => {}
                State::Certain => match self.example(&region, wanted) {
                    Some(example) => return Found::Example(example),
                    None => is_complete = false,
                },
                State::Split(atom, domain) => {
                    if let Some(example) = self.example(&region, wanted) {
                        return Found::Example(example);
                    }
                    self.split(&region, atom, &domain, &mut regions);
                }
                State::Loose(terms) => {
                    if let Some(example) = self.corners(&region, &terms, wanted) {
                        return Found::Example(example);
                    }
                    is_complete &= self.halve(&region, &terms, &mut regions);
                }
            }
        }
        match is_complete {
            true => Found::Nothing,
            false => Found::NotDecided,
        }
    }

    fn of<'r>(&'r self, region: &'r Region, variable: usize) -> &'r Domain {
        (region.narrowed.get(&variable)).unwrap_or(&self.domains[variable])
    }

    /// What a variable can be by its fields alone.
    fn by_fields(&self, region: &Region, variable: usize) -> Domain {
        match variable.checked_sub(self.fields) {
            None => self.of(region, variable).clone(),
            Some(term) => self.terms[term].domain(|field| self.of(region, field)),
        }
    }

    /// The same within what the region says of the variable itself.
    fn left(&self, region: &Region, variable: usize) -> Domain {
        let domain = self.by_fields(region, variable);
        match variable < self.fields {
            true => domain,
            false => intersection(&domain, self.of(region, variable)),
        }
    }

    fn state<'a>(&self, region: &Region, wanted: &[Wanted<'a>]) -> State<'a> {
        let mut open = Vec::new();
        for (condition, truths) in wanted {
            let sure = |atom: &Atom| atom.truths(&self.by_fields(region, atom.variable()));
            if condition.truths(sure).is_within(*truths) {
                continue;
            }
            // Of a term of which nothing is left, no truth is.
            let left = |atom: &Atom| atom.truths(&self.left(region, atom.variable()));
            let possible = condition.truths(left);
            if possible.and(*truths).is_empty() {
                return State::Impossible;
            }
            open.push((*condition, possible.is_within(*truths)));
        }
        for (condition, _) in open.iter().filter(|(_, is_within)| !is_within) {
            for atom in condition.atoms() {
                let domain = self.left(region, atom.variable());
                if !atom.truths(&domain).is_decided() {
                    return State::Split(atom, domain);
                }
            }
        }
        if open.is_empty() {
            return State::Certain;
        }
        let atoms = open.iter().flat_map(|(condition, _)| condition.atoms());
        State::Loose(
            atoms
                .filter_map(|a| a.variable().checked_sub(self.fields))
                .collect(),
        )
    }

    /// The region's parts in which the atom is decided; of a term, first by what is missing.
    fn split(&self, region: &Region, atom: &Atom, domain: &Domain, regions: &mut Vec<Region>) {
        let variable = atom.variable();
        let term = variable.checked_sub(self.fields);
        if let Some(field) = term.and_then(|term| self.open_field(region, &[term])) {
            narrow(
                region,
                field,
                self.of(region, field).split_missing(),
                regions,
            );
        } else {
            narrow(region, variable, atom.split(domain), regions);
        }
    }

    /// A field of the terms that may be there or missing.
    fn open_field(&self, region: &Region, terms: &[usize]) -> Option<usize> {
        let mut fields = terms.iter().flat_map(|term| self.terms[*term].fields());
        fields.find(|field| self.of(region, *field).may_go_both_ways())
    }

    /// The two halves of the widest field of the terms; false where there is nothing left
    /// to halve, so that the region stays undecided.
    fn halve(&self, region: &Region, terms: &[usize], regions: &mut Vec<Region>) -> bool {
        if let Some(field) = self.open_field(region, terms) {
            narrow(
                region,
                field,
                self.of(region, field).split_missing(),
                regions,
            );
            return true;
        }
        let width = |field: usize| {
            let numbers = self.of(region, field).numbers;
            numbers.high / 2.0 - numbers.low / 2.0
        };
        let fields = terms.iter().flat_map(|term| self.terms[*term].fields());
        let widest = fields
            .filter(|field| width(*field) > 0.0)
            .max_by(|a, b| width(*a).total_cmp(&width(*b)))
            .filter(|_| region.halvings < MAX_HALVINGS);
        let Some((field, halves)) =
            widest.and_then(|field| Some((field, self.of(region, field).halves()?)))
        else {
            return false;
        };
        let mut region = region.clone();
        region.halvings += 1;
        narrow(&region, field, halves, regions);
        true
    }

    /// A friendly application of the region, if it has the wanted truths.
    fn example(&self, region: &Region, wanted: &[Wanted<'_>]) -> Option<Vec<f64>> {
        let values = self.friendly(region);
        is_wanted(&values, wanted).then_some(values)
    }

    fn friendly(&self, region: &Region) -> Vec<f64> {
        let mut values = self.usual.clone();
        for (variable, domain) in region.narrowed.range(..self.fields) {
            values[*variable] = domain.pick(self.examples[*variable]);
        }
        values
    }

    /// An application at a corner of the terms' fields.
    fn corners(&self, region: &Region, terms: &[usize], wanted: &[Wanted<'_>]) -> Option<Vec<f64>> {
        let mut fields: Vec<usize> = terms.iter().flat_map(|t| self.terms[*t].fields()).collect();
        fields.sort_unstable();
        fields.dedup();
        fields.retain(|field| self.of(region, *field).has_values());
        fields.truncate(MAX_CORNERS);
        let mut values = self.friendly(region);
        if is_wanted(&values, wanted) {
            return Some(values);
        }
        (0..1_usize << fields.len()).find_map(|corner| {
            for (bit, field) in fields.iter().enumerate() {
                let numbers = self.of(region, *field).numbers;
                values[*field] = match corner >> bit & 1 {
                    0 => numbers.low,
                    _ => numbers.high,
                };
            }
            is_wanted(&values, wanted).then(|| self.rounded(region, &fields, &values, wanted))
        })
    }

    /// The application with its fields as round as the wanted truths and the region allow.
    fn rounded(
        &self,
        region: &Region,
        fields: &[usize],
        values: &[f64],
        wanted: &[Wanted<'_>],
    ) -> Vec<f64> {
        let mut rounded = values.to_vec();
        for &field in fields {
            let exact = rounded[field];
            let numbers = self.of(region, field).numbers;
            let candidates = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.01]
                .into_iter()
                .flat_map(|step| {
                    let steps = exact / step;
                    [steps.floor() * step, steps.ceil() * step]
                });
            for candidate in candidates.filter(|number| numbers.contains(*number)) {
                rounded[field] = candidate;
                if is_wanted(&rounded, wanted) {
                    break;
                }
                rounded[field] = exact;
            }
        }
        rounded
    }
}

/// A region for each part of a variable's domain.
fn narrow(
    region: &Region,
    variable: usize,
    parts: impl IntoIterator<Item = Domain>,
    regions: &mut Vec<Region>,
) {
    regions.extend(parts.into_iter().map(|part| {
        let mut region = region.clone();
        region.narrowed.insert(variable, part);
        region
    }));
}

fn is_wanted(values: &[f64], wanted: &[Wanted<'_>]) -> bool {
    let mut stack = Vec::new();
    wanted.iter().all(|(condition, truths)| {
        let value = condition.expression.evaluate(values, &mut stack);
        Truths::of_value(value).is_within(*truths)
    })
}

fn intersection(by_fields: &Domain, left: &Domain) -> Domain {
    let mut domain = by_fields.clone();
    domain.numbers.low = domain.numbers.low.max(left.numbers.low);
    domain.numbers.high = domain.numbers.high.min(left.numbers.high);
    domain.missing &= left.missing;
    domain
}
