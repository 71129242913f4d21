//! The index: from a row's values to its bins, one bin for each group of features.

use super::Forest;
use super::groups::Group;
use super::plan::{Questions, Reader};
use super::rows::{column, value_of};

/// Takes a row to its bins: one for each group of features.
#[derive(Debug)]
pub(super) struct Index {
    inputs: Vec<Input>,
    /// Where the bins of each group begin.
    first: Vec<u32>,
}

/// A feature that some split asks about.
#[derive(Debug)]
struct Input {
    feature: usize,
    group: usize,
    /// From one of its bins to the next.
    stride: u32,
    reader: Reader,
}

impl Index {
    /// For these questions of each feature.
    pub(super) fn new(forest: &Forest, questions: &[Questions], groups: &[Group]) -> Self {
        let (mut inputs, mut first, mut next) = (Vec::new(), Vec::new(), 0);
        for (index, group) in groups.iter().enumerate() {
            for &(feature, stride) in &group.members {
                let reader = questions[feature].reader(&forest.features[feature]);
                let stride = stride as u32;
                inputs.push(Input {
                    feature,
                    group: index,
                    stride,
                    reader,
                });
            }
            first.push(next as u32);
            next += group.bins;
        }
        Self { inputs, first }
    }

    /// Bins of a row.
    pub(super) fn groups(&self) -> usize {
        self.first.len()
    }

    /// The bins of `rows` rows, row after row. Feature `f` of row `r` is
    /// `columns[f * stride + r]`, or missing where `columns` ends.
    pub(super) fn read(&self, columns: &[f64], stride: usize, rows: usize, bins: &mut Vec<u32>) {
        let groups = self.groups();
        bins.clear();
        for _ in 0..rows {
            bins.extend_from_slice(&self.first);
        }
        for input in &self.inputs {
            let column = column(columns, stride, input.feature, rows);
            let mut bins = bins[input.group..].iter_mut().step_by(groups);
            match &input.reader {
                Reader::Number(ranker) => {
                    for (&value, bin) in column.iter().zip(bins.by_ref()) {
                        *bin += ranker.rank(value) * input.stride;
                    }
                }
                reader => {
                    for (&value, bin) in column.iter().zip(bins.by_ref()) {
                        *bin += reader.bin(value) * input.stride;
                    }
                }
            }
            for bin in bins {
                *bin += input.reader.bin(f64::NAN) * input.stride;
            }
        }
    }

    /// The same for one row: a value for each feature, missing beyond the end.
    #[inline(always)]
    pub(super) fn read_row(&self, row: &[f64], bins: &mut Vec<u32>) {
        bins.clear();
        bins.extend_from_slice(&self.first);
        for input in &self.inputs {
            bins[input.group] += input.reader.bin(value_of(row, input.feature)) * input.stride;
        }
    }
}
