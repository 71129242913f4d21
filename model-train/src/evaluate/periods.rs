//! The same figures period by period: whether a model holds over time (vintages).

use serde::{Deserialize, Serialize};

use super::bootstrap::{Draws, MOST_ROWS, bootstrap_of};
use super::credit::{Figure, cut_off, gini, ks};
use super::interval::{Interval, wilson_of};
use super::ranked::{Ranked, effective_rows};
use crate::dataset::Dataset;
use crate::moment::{Moment, TimeKind};

/// Most periods that are shown: dates are counted by month, quarter or year, whichever is the
/// first to make no more.
const MOST_PERIODS: usize = 24;
/// Rows of a period that are resampled at least, where it has so many.
const LEAST_RESAMPLED: usize = 5000;

/// The rows of one period.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// `2026-03`, `2026-Q1` or `2026`; a whole number as it is, or a range of them.
    pub name: String,
    /// How many rows.
    pub rows: usize,
    /// Those of the bad outcome.
    pub bad: usize,
    /// Their share, weighted where rows have weights.
    pub bad_rate: f64,
    /// Wilson's 95% interval of it.
    pub bad_rate_interval: Interval,
    /// The mean of `1 - p`: the bad rate that the model expects.
    pub expected_bad_rate: f64,
    /// The share that the model approves.
    pub approval_rate: f64,
    /// The share of bads among those approved; none where nobody is.
    pub approved_bad_rate: Option<f64>,
    /// Wilson's 95% interval of it.
    pub approved_bad_rate_interval: Option<Interval>,
    /// `2 AUC - 1` with its bootstrap interval; none where there is one outcome only.
    pub gini: Option<Figure>,
    /// The KS statistic with its bootstrap interval; none where there is one outcome only.
    pub ks: Option<Figure>,
    /// The mean log loss with its bootstrap interval.
    pub log_loss: Option<Figure>,
}

/// The figures of each period, the earliest first; nothing without a column of times.
pub(super) fn periods(
    dataset: &Dataset,
    rows: &[usize],
    ranked: &Ranked,
    threshold: f64,
    draws: Draws,
) -> Vec<Period> {
    let Some(moments) = moments(dataset, rows) else {
        return Vec::new();
    };
    let named = named(&moments);
    let most = (MOST_ROWS / named.names.len().max(1)).max(LEAST_RESAMPLED);
    let periods = named.names.iter().enumerate().map(|(index, name)| {
        let keep: Vec<bool> = (named.of_row.iter())
            .map(|period| *period == index)
            .collect();
        period(
            name.clone(),
            &ranked.restricted(&keep),
            threshold,
            draws,
            most,
        )
    });
    periods.collect()
}

fn moments(dataset: &Dataset, rows: &[usize]) -> Option<Vec<Moment>> {
    rows.iter().map(|row| dataset.sample.moment(*row)).collect()
}

/// The names of periods, in their order, and the period of each row.
struct Named {
    names: Vec<String>,
    of_row: Vec<usize>,
}

fn named(moments: &[Moment]) -> Named {
    let by = |name: fn(Moment) -> String| {
        let mut firsts: Vec<(Moment, String)> = moments
            .iter()
            .map(|moment| (*moment, name(*moment)))
            .collect();
        firsts.sort_unstable();
        firsts.dedup_by(|later, earlier| later.1 == earlier.1);
        firsts
    };
    let is_whole = (moments.first()).is_some_and(|moment| moment.kind() == TimeKind::Whole);
    let mut starts = by(Moment::month);
    if !is_whole && starts.len() > MOST_PERIODS {
        starts = by(Moment::quarter);
    }
    if !is_whole && starts.len() > MOST_PERIODS {
        starts = by(Moment::year);
    }
    if starts.len() > MOST_PERIODS {
        starts = ranges(&starts);
    }
    let of_row = moments.iter().map(|moment| {
        let after = starts.partition_point(|(start, _)| start <= moment);
        after.saturating_sub(1)
    });
    Named {
        of_row: of_row.collect(),
        names: starts.into_iter().map(|(_, name)| name).collect(),
    }
}

/// Ranges of about equally many of the starts.
fn ranges(starts: &[(Moment, String)]) -> Vec<(Moment, String)> {
    let each = starts.len().div_ceil(MOST_PERIODS);
    let range = |part: &[(Moment, String)]| {
        let (first, last) = (part.first()?, part.last()?);
        let name = match part {
            [only] => only.1.clone(),
            _ => format!("{} to {}", first.1, last.1),
        };
        Some((first.0, name))
    };
    starts.chunks(each).filter_map(range).collect()
}

fn period(name: String, ranked: &Ranked, threshold: f64, draws: Draws, most: usize) -> Period {
    let steps = ranked.steps();
    let (bad, all, effective) = steps.last().map_or((0.0, 0.0, 0.0), |step| {
        (
            step.no,
            step.all(),
            effective_rows(step.all(), step.squares),
        )
    });
    let expected: f64 = (ranked.rows())
        .map(|row| row.weight * (1.0 - row.probability))
        .sum();
    let found = bootstrap_of(ranked, draws, most);
    let estimate = |name: &str| found.estimates.iter().find(|figure| figure.name == name);
    let cut_off = cut_off(ranked, threshold);
    let bad_rate = bad / all;
    Period {
        name,
        rows: ranked.len(),
        bad: ranked.rows().filter(|row| !row.answer).count(),
        bad_rate,
        bad_rate_interval: wilson_of(bad_rate, effective),
        expected_bad_rate: expected / all,
        approval_rate: cut_off.approval_rate,
        approved_bad_rate: cut_off.bad_rate,
        approved_bad_rate_interval: cut_off.bad_rate_interval,
        gini: estimate("roc_auc").and_then(gini),
        ks: ks(ranked).map(|ks| Figure {
            value: ks.value,
            interval: found.ks,
        }),
        log_loss: estimate("log_loss").and_then(|figure| {
            Some(Figure {
                value: figure.value?,
                interval: figure.interval,
            })
        }),
    }
}
