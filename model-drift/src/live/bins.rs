//! The bins of one column: for categories one each, for numbers those of the ranges.

use std::collections::HashMap;

use rustc_hash::FxBuildHasher;

use super::Cell;
use super::ranges::Ranges;
use crate::sketch::{Capacity, Column, Kind, Values};

/// Named categories, at most.
const MOST: usize = 64;
/// What categories without a bin of their own are called in a sketch, unless one has that name.
const OTHER: &str = "(other)";

/// Bins of values come first, then other categories, missing, invalid, infinite, and out of
/// range, which counts in addition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ColumnBins {
    lower: f64,
    upper: f64,
    kind: Kind,
    ranges: Ranges,
    names: Vec<String>,
    other: String,
    places: HashMap<String, usize, FxBuildHasher>,
}

/// Counts after those of values.
const EXTRA: usize = 4;

impl ColumnBins {
    pub(super) fn new(column: &Column) -> Self {
        let mut bins = Self {
            lower: column.spec.lower.unwrap_or(f64::NEG_INFINITY),
            upper: column.spec.upper.unwrap_or(f64::INFINITY),
            kind: column.spec.kind,
            ranges: Ranges::default(),
            names: Vec::new(),
            other: OTHER.to_owned(),
            places: HashMap::default(),
        };
        match &column.values {
            Values::Numbers(numbers) => bins.ranges = Ranges::new(numbers),
            Values::Categories(categories) => {
                let mut all = categories.sorted();
                all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
                let known = column.spec.known.iter().map(String::as_str);
                let names = all.into_iter().map(|(name, _)| name).chain(known);
                for name in names {
                    if bins.names.len() < MOST && !bins.places.contains_key(name) {
                        bins.places.insert(name.to_owned(), bins.names.len());
                        bins.names.push(name.to_owned());
                    }
                }
                while bins.places.contains_key(&bins.other)
                    || column.spec.known.contains(&bins.other)
                {
                    bins.other.push('*');
                }
            }
        }
        bins
    }

    /// How many counts it needs.
    pub(super) fn len(&self) -> usize {
        self.values() + EXTRA
    }

    fn values(&self) -> usize {
        match self.kind {
            Kind::Number => 2 * self.ranges.len(),
            Kind::Category => self.names.len(),
        }
    }

    /// Where a cell is counted; nowhere when there is none.
    pub(super) fn bin(&self, cell: Cell<'_>) -> Option<usize> {
        let extra = self.values();
        let bin = match (cell, self.kind) {
            (Cell::None, _) => return None,
            (Cell::Missing, _) => extra + 1,
            (Cell::Number(number), _) if number.is_nan() => extra + 1,
            (Cell::Number(number), Kind::Number) if number.is_infinite() => extra + 3,
            (Cell::Number(number), Kind::Number) => self.number(number),
            (Cell::Text(text), Kind::Category) => self.places.get(text).copied().unwrap_or(extra),
            _ => extra + 2,
        };
        Some(bin)
    }

    fn number(&self, number: f64) -> usize {
        let outside = number < self.lower || number > self.upper;
        self.ranges.of(number) + if outside { self.ranges.len() } else { 0 }
    }

    /// A column of the reference, or one that was counted elsewhere, in these bins, which are those of
    /// `reference`.
    pub(super) fn rebinned(&self, column: &Column, reference: &Column) -> Column {
        let mut counts = vec![0u64; self.len()];
        match &column.values {
            Values::Numbers(numbers) => {
                if let Values::Numbers(reference) = &reference.values {
                    Ranges::each(numbers, reference, |number, rows| {
                        counts[self.number(number)] += rows;
                    });
                }
            }
            Values::Categories(categories) => {
                for (name, count) in categories.sorted() {
                    let bin = self.places.get(name).copied();
                    counts[bin.unwrap_or(self.values())] += count;
                }
                counts[self.values()] += categories.rest();
            }
        }
        let mut binned = self.sketch(column, &counts);
        binned.missing = column.missing;
        binned.invalid = column.invalid;
        binned.infinite = column.infinite;
        binned.out_of_range = column.out_of_range;
        binned
    }

    /// Counts as a column.
    pub(super) fn sketch(&self, like: &Column, counts: &[u64]) -> Column {
        let mut column = Column::new(like.spec.clone(), Capacity::default());
        let (values, extra) = counts.split_at(self.values());
        match &mut column.values {
            Values::Numbers(numbers) => {
                let (inside, outside) = values.split_at(self.ranges.len());
                for (bin, (inside, outside)) in inside.iter().zip(outside).enumerate() {
                    let between = self.ranges.stands_between(bin, self.lower, self.upper);
                    numbers.push_many(between, *inside);
                    numbers.push_many(self.ranges.stands_for(bin), *outside);
                }
                column.out_of_range = outside.iter().sum();
            }
            Values::Categories(categories) => {
                for (name, count) in self.names.iter().zip(values) {
                    categories.push_many(name, *count);
                }
                categories.push_many(&self.other, extra[0]);
            }
        }
        column.missing = extra[1];
        column.invalid = extra[2];
        column.infinite = extra[3];
        column
    }
}
