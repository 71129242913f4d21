//! The folds of a training run: by chance, with groups kept together, or by time.

use super::folds::repeated_folds;
use crate::grouped;
use crate::moment::Moment;
use crate::sample::Sample;
use crate::split::Split;

/// How rows are dealt to folds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FoldsBy {
    /// By chance, each outcome evenly; rows of one group stay together.
    #[default]
    Chance,
    /// By time: a fold is measured by what is learned from all rows before it.
    Time,
}

impl FoldsBy {
    /// The word of the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Chance => "chance",
            Self::Time => "time",
        }
    }
}

/// Why there are no folds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FoldError {
    /// An outcome is too rare.
    #[error(
        "the rarer class has fewer than {folds} training rows, expected at least one for each fold: use fewer --folds"
    )]
    FewRows {
        /// Folds that were asked for.
        folds: usize,
    },
    /// Groups are too few.
    #[error(
        "the training rows have {groups} groups, expected at least one for each of {folds} folds: use fewer --folds"
    )]
    FewGroups {
        /// Groups there are.
        groups: usize,
        /// Folds that were asked for.
        folds: usize,
    },
    /// There is no column of times.
    #[error("folds by time need a column of times: give one role = \"time\" in the schema")]
    NoTime,
    /// Times are too few.
    #[error(
        "the training rows from {first} to {last} cannot be cut into {parts} periods of about as many rows for {folds} folds by time: use fewer --folds, or finer times"
    )]
    FewPeriods {
        /// Periods that are needed: one more than folds.
        parts: usize,
        /// Folds that were asked for.
        folds: usize,
        /// The first time.
        first: String,
        /// The last.
        last: String,
    },
    /// A fold has one outcome.
    #[error(
        "fold {fold} of {folds} {by} would be learned from or measured on rows of one outcome: use fewer --folds{}", if *across_groups { ", or no column of groups: a fold is not learned from rows of groups that it is measured on" } else { "" }
    )]
    OneOutcome {
        /// Which, from 1.
        fold: usize,
        /// Folds that were asked for.
        folds: usize,
        /// `by group` or `by time`.
        by: &'static str,
        /// Whether rows are kept out since their groups are measured on.
        across_groups: bool,
    },
}

/// What is dealt to folds.
#[derive(Debug, Clone, Copy)]
pub struct Dealt<'a> {
    /// For each row of the data whether the outcome is positive.
    pub target: &'a [bool],
    /// When and of whom the rows are.
    pub sample: &'a Sample,
    /// The rows to deal, ascending.
    pub rows: &'a [usize],
    /// Folds, at least 2.
    pub folds: usize,
    /// How.
    pub by: FoldsBy,
    /// Random seed.
    pub seed: u64,
}

impl Dealt<'_> {
    /// The folds, dealt `repeats` times; by time there is one deal.
    ///
    /// # Errors
    /// When a fold would lack an outcome.
    pub fn splits(&self, repeats: usize) -> Result<Vec<Split>, FoldError> {
        let folds = self.folds;
        let splits = match (self.by, &self.sample.groups) {
            (FoldsBy::Time, _) => self.by_time()?,
            (FoldsBy::Chance, Some(groups)) => {
                let count = self.sample.count_groups(self.rows).unwrap_or_default();
                if count < folds {
                    return Err(FoldError::FewGroups {
                        groups: count,
                        folds,
                    });
                }
                let deals = (0..repeats as u64).flat_map(|deal| self.by_group(groups, deal));
                deals.collect()
            }
            (FoldsBy::Chance, None) => {
                return repeated_folds(self.target, self.rows, folds, repeats, self.seed)
                    .ok_or(FoldError::FewRows { folds });
            }
        };
        let has_both = |rows: &Vec<usize>| {
            let mut outcomes = rows.iter().map(|&row| self.target[row]);
            outcomes.clone().any(|yes| yes) && outcomes.any(|yes| !yes)
        };
        let lacks = |split: &Split| !has_both(&split.train) || !has_both(&split.test);
        match splits.iter().position(lacks) {
            Some(fold) => Err(FoldError::OneOutcome {
                fold: fold % folds + 1,
                folds,
                by: match self.by {
                    FoldsBy::Time => "by time",
                    FoldsBy::Chance => "by group",
                },
                across_groups: self.by == FoldsBy::Time && self.sample.groups.is_some(),
            }),
            None => Ok(splits),
        }
    }

    fn by_group(&self, groups: &[u32], deal: u64) -> Vec<Split> {
        let rows = grouped::Rows {
            target: self.target,
            groups,
            rows: self.rows,
        };
        // As `repeated_folds` derives the seed of a deal.
        let seed = self
            .seed
            .wrapping_add(deal.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let parts = grouped::deal(rows, self.folds, seed);
        let fold = |fold: usize| {
            let of = |is_test: bool| {
                let dealt = self.rows.iter().zip(&parts);
                let dealt = dealt.filter(move |(_, part)| (**part == fold) == is_test);
                dealt.map(|(row, _)| *row).collect()
            };
            Split {
                train: of(false),
                test: of(true),
            }
        };
        (0..self.folds).map(fold).collect()
    }

    /// The rows in the order of time are cut into one more part than folds, each of about as
    /// many rows; rows of one time stay together. A fold is measured on a part by what is
    /// learned from the parts before it, without rows of its groups (scikit-learn's
    /// `TimeSeriesSplit`, but for the groups and the times).
    fn by_time(&self) -> Result<Vec<Split>, FoldError> {
        let (Some(times), Some(kind)) = (&self.sample.times, self.sample.time_kind) else {
            return Err(FoldError::NoTime);
        };
        let mut sorted: Vec<i64> = self.rows.iter().map(|&row| times[row]).collect();
        sorted.sort_unstable();
        let parts = self.folds + 1;
        let first = sorted.first().copied().unwrap_or_default();
        let last = sorted.last().copied().unwrap_or_default();
        let starts: Vec<i64> = (1..parts)
            .map(|part| sorted.get(part * sorted.len() / parts).copied())
            .map(|start| start.unwrap_or(last))
            .collect();
        let before = [first].into_iter().chain(starts.iter().copied());
        if before.zip(&starts).any(|(before, start)| before >= *start) {
            let text = |value| Moment::new(kind, value).to_string();
            return Err(FoldError::FewPeriods {
                parts,
                folds: self.folds,
                first: text(first),
                last: text(last),
            });
        }
        let ends = starts.iter().skip(1).copied().map(Some).chain([None]);
        let fold = |(start, end): (&i64, Option<i64>)| {
            let in_part = |row: &&usize| {
                let time = times[**row];
                time >= *start && end.is_none_or(|end| time < end)
            };
            let test: Vec<usize> = self.rows.iter().filter(in_part).copied().collect();
            let mut measured = vec![false; self.sample.groups.as_ref().map_or(0, Vec::len)];
            if let Some(groups) = &self.sample.groups {
                test.iter()
                    .for_each(|&row| measured[groups[row] as usize] = true);
            }
            let is_measured = |row: usize| {
                let groups = self.sample.groups.as_ref();
                groups.is_some_and(|groups| measured[groups[row] as usize])
            };
            let train = self.rows.iter().copied();
            let train = train.filter(|&row| times[row] < *start && !is_measured(row));
            Split {
                train: train.collect(),
                test,
            }
        };
        Ok(starts.iter().zip(ends).map(fold).collect())
    }
}
