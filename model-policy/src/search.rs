//! Whether some application gives a number of conditions certain truths.
//!
//! Branch and prune: a region of applications in which some condition cannot have its
//! truth is left; one in which all certainly have theirs gives an example; any other is
//! split where a condition turns. Comparisons of one field with a number turn at that
//! number, so that the search ends with an exact answer. What is computed of several
//! fields, by a rule or as a derived field, is first treated as a variable of its own within
//! what interval arithmetic allows, which can only rule regions out; what is left is tried at
//! its corners and halved, up to a limit.

use std::cell::Cell;
use std::collections::BTreeMap;

use model_core::expression::Span;

use crate::condition::Atom;
use crate::domain::Domain;
use crate::space::{Region, Space, View, Wanted};

/// Regions that are looked at before a question is given up as not decided.
const MAX_REGIONS: usize = 20_000;
/// Parts of conditions and operations of formulas that are looked at, in all questions of a policy
/// together, before the rest is given up as not decided: about half a minute.
const MAX_LOOKS: u64 = 200_000_000;
/// Operations of a formula that take as long as one part of a condition.
const OPERATIONS: usize = 4;
/// How often halving may go on in a region where no condition turns any more.
const MAX_HALVINGS: usize = 24;
/// Fields whose corners are tried together.
const MAX_CORNERS: usize = 6;

/// What the search says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    /// No application.
    Nothing,
    /// This one: a value for each field and the probability, NaN for missing.
    Example(Vec<f64>),
    /// A limit was reached.
    NotDecided,
}

/// What all searches of a space may do together.
#[derive(Debug)]
pub(crate) struct Looks(Cell<u64>);

impl Looks {
    pub(crate) fn new() -> Self {
        Self::of(MAX_LOOKS)
    }

    pub(crate) fn of(looks: u64) -> Self {
        Self(Cell::new(looks))
    }

    /// Takes some; false where there are not so many left.
    fn take(&self, looks: u64) -> bool {
        let left = self.0.get().checked_sub(looks);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    /// Takes those for so many operations, or what is left.
    pub(crate) fn spend(&self, operations: usize) {
        let looks = operations.div_ceil(OPERATIONS) as u64;
        self.0.set(self.0.get().saturating_sub(looks));
    }

    /// Whether there were not enough of them.
    pub(crate) fn are_used_up(&self) -> bool {
        self.0.get() == 0
    }
}

/// What is known about the conditions in a region.
enum State<'a> {
    Impossible,
    Certain,
    /// A part of a condition that is not decided, with its domain.
    Split(&'a Atom, Domain),
    /// Every part is decided if what follows from other fields is taken for free; these are
    /// the fields by which it is not.
    Loose(Vec<usize>),
}

impl Space<'_> {
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
        let atoms = wanted.iter().flat_map(|(condition, _)| condition.atoms());
        let looks = 1 + atoms.count() as u64;
        while let Some(region) = regions.pop() {
            looked_at += 1;
            if looked_at > MAX_REGIONS || !self.looks.take(looks) {
                return Found::NotDecided;
            }
            let view = self.view(&region);
            match self.state(&region, &view, wanted) {
                State::Impossible => {}
                State::Certain => match self.wanted(&self.friendly(&region), wanted) {
                    Some(example) => return Found::Example(example),
                    None => is_complete = false,
                },
                State::Split(atom, domain) => {
                    if let Some(example) = self.wanted(&self.friendly(&region), wanted) {
                        return Found::Example(example);
                    }
                    self.split(&region, &view, atom, &domain, &mut regions);
                }
                State::Loose(variables) => {
                    let mut fields: Vec<usize> = variables;
                    fields.sort_unstable();
                    fields.dedup();
                    if let Some(example) = self.corners(&region, &view, &fields, wanted) {
                        return Found::Example(example);
                    }
                    is_complete &= self.halve(&region, &view, &fields, &mut regions);
                }
            }
        }
        match is_complete {
            true => Found::Nothing,
            false => Found::NotDecided,
        }
    }

    fn state<'a>(&self, region: &Region, view: &View, wanted: &[Wanted<'a>]) -> State<'a> {
        if self.is_impossible(view) || self.is_refused(region) {
            return State::Impossible;
        }
        let mut open = Vec::new();
        for (condition, truths) in wanted {
            let sure = |atom: &Atom| atom.truths(&self.sure(region, view, atom.variable()));
            if condition.truths(sure).is_within(*truths) {
                continue;
            }
            // Of a variable of which nothing is left, no truth is.
            let left = |atom: &Atom| atom.truths(&self.left(region, view, atom.variable()));
            let possible = condition.truths(left);
            if possible.and(*truths).is_empty() {
                return State::Impossible;
            }
            open.push((*condition, possible.is_within(*truths)));
        }
        for (condition, _) in open.iter().filter(|(_, is_within)| !is_within) {
            for atom in condition.atoms() {
                let domain = self.left(region, view, atom.variable());
                if !atom.truths(&domain).is_decided() {
                    return State::Split(atom, domain);
                }
            }
        }
        let atoms = open.iter().flat_map(|(condition, _)| condition.atoms());
        let variables = atoms.map(Atom::variable).chain(self.refusing(view));
        let fields = variables.flat_map(|variable| self.loose(region, view, variable));
        let fields: Vec<usize> = fields.collect();
        match open.is_empty() && fields.is_empty() {
            true => State::Certain,
            false => State::Loose(fields),
        }
    }

    /// The fields by which what is loose about a variable can be settled.
    fn loose(&self, region: &Region, view: &View, variable: usize) -> Vec<usize> {
        let mut fields = self.fields_of(variable);
        if self.is_derived(variable) && self.is_free(region, view, variable) {
            fields.push(variable);
        }
        fields
    }

    /// The region's parts in which the atom is decided; of what follows from other fields,
    /// first by which of these are missing.
    fn split(
        &self,
        region: &Region,
        view: &View,
        atom: &Atom,
        domain: &Domain,
        regions: &mut Vec<Region>,
    ) {
        let variable = atom.variable();
        let fields = self.fields_of(variable);
        if !self.split_missing(region, view, &fields, regions) {
            narrow(region, variable, atom.split(domain), regions);
        }
    }

    /// The region with the first field that may be there or missing as either; false where
    /// there is none.
    fn split_missing(
        &self,
        region: &Region,
        view: &View,
        fields: &[usize],
        regions: &mut Vec<Region>,
    ) -> bool {
        let of_fields = fields
            .iter()
            .map(|field| (*field, self.left(region, view, *field)));
        let mut open = of_fields.filter(|(_, domain)| domain.may_go_both_ways());
        let Some((field, domain)) = open.next() else {
            return false;
        };
        narrow(region, field, domain.split_missing(), regions);
        true
    }

    /// The two halves of the widest of the fields; false where there is nothing left to
    /// halve, so that the region stays undecided.
    fn halve(
        &self,
        region: &Region,
        view: &View,
        fields: &[usize],
        regions: &mut Vec<Region>,
    ) -> bool {
        if self.split_missing(region, view, fields, regions) {
            return true;
        }
        let width = |field: usize| {
            let numbers = self.of(region, field).numbers;
            numbers.high / 2.0 - numbers.low / 2.0
        };
        let widest = fields
            .iter()
            .copied()
            .filter(|field| self.is_free(region, view, *field) && width(*field) > 0.0)
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

    /// An application at a corner of the fields.
    fn corners(
        &self,
        region: &Region,
        view: &View,
        fields: &[usize],
        wanted: &[Wanted<'_>],
    ) -> Option<Vec<f64>> {
        let mut values = self.friendly(region);
        if let Some(example) = self.wanted(&values, wanted) {
            return Some(example);
        }
        let open = fields.iter().filter_map(|field| {
            let given = self.given(region, *field);
            let is_open = self.is_free(region, view, *field) && given.has_values();
            is_open.then_some((*field, given.numbers))
        });
        let (fields, ends): (Vec<usize>, Vec<Span>) = open.take(MAX_CORNERS).unzip();
        let mut corners = (0..1_usize << fields.len()).take_while(|_| !self.looks.are_used_up());
        corners.find_map(|corner| {
            for (bit, (field, numbers)) in fields.iter().zip(&ends).enumerate() {
                values[*field] = match corner >> bit & 1 {
                    0 => numbers.low,
                    _ => numbers.high,
                };
            }
            let exact = self.wanted(&values, wanted)?;
            Some(self.rounded(region, &fields, exact, wanted))
        })
    }

    /// The application with its fields as round as the wanted truths and the region allow.
    fn rounded(
        &self,
        region: &Region,
        fields: &[usize],
        exact: Vec<f64>,
        wanted: &[Wanted<'_>],
    ) -> Vec<f64> {
        let mut rounded = exact;
        for &field in fields {
            let exact = rounded[field];
            let numbers = self.of(region, field).numbers;
            let candidates = [1000.0, 100.0, 10.0, 1.0, 0.1, 0.01]
                .into_iter()
                .flat_map(|step| {
                    let steps = exact / step;
                    [steps.floor() * step, steps.ceil() * step]
                });
            let mut friendlier = candidates
                .filter(|number| numbers.contains(*number))
                .filter_map(|candidate| {
                    let mut values = rounded.clone();
                    values[field] = candidate;
                    self.wanted(&values, wanted)
                });
            if let Some(values) = friendlier.next() {
                rounded = values;
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
