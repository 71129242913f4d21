//! Bins of a column by what became of its rows: bad rate, weight of evidence, information value.
//!
//! Numbers are cut at twentieths of the rows (equal values are never divided), neighbours whose
//! bad rates break the column's direction are merged until the rates are monotonic (pool adjacent
//! violators: Ayer and others, Annals of Mathematical Statistics 26, 1955), and then those that
//! lose the least information value, down to [`MOST_BINS`]. Optimal binning (Navas-Palencia,
//! arXiv:2001.08025) solves for the cuts instead: its information value is a little higher.
//! Categories are bins of their own, the rare ones together; missing values are one.

use serde::Serialize;

use super::column::{Column, Type};
use crate::evaluate::{Interval, bands, roc_auc, wilson};

/// Parts of the rows before bins are merged.
const PARTS: usize = 20;
/// Most bins of a number, missing not counted.
const MOST_BINS: usize = 8;
/// Categories with a smaller share of the rows are counted together.
const RARE: f64 = 0.01;
/// Most categories with a bin of their own.
const MOST_CATEGORIES: usize = 30;

/// A column as credit risk looks at it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Characteristic {
    /// `Σ (share of goods - share of bads) · weight of evidence` over the bins.
    pub information_value: f64,
    /// `|2 AUC - 1|`: of numbers and booleans from their ranks, of categories out of fold.
    pub gini: Option<f64>,
    /// Of numbers, what larger values do to the bad rate: `rises` or `falls`.
    pub trend: Option<&'static str>,
    /// In the order of the values, of categories the highest bad rate first; missing is last.
    pub bins: Vec<Bin>,
    /// The population stability index of the bins between the first and the last quarter of the
    /// rows by time; none without a column of times.
    pub stability_index: Option<f64>,
}

/// Rows with values from one range, or of one category.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    /// The range or the category.
    pub name: String,
    /// Of a number, above this; none in the first bin.
    pub above: Option<f64>,
    /// Up to this; none in the last bin.
    pub up_to: Option<f64>,
    /// Whether it holds the rows without a value.
    pub missing: bool,
    /// Rows with a known outcome.
    pub rows: usize,
    /// Those of the bad outcome.
    pub bad: usize,
    /// Their share.
    pub bad_rate: f64,
    /// Wilson's 95% interval of it.
    pub interval: Interval,
    /// `ln(share of all goods / share of all bads)`, above 0 where the bin is better than the
    /// whole. Where a bin has no good or no bad, half a row is added to both first.
    pub weight_of_evidence: f64,
    /// What the bin adds to the information value.
    pub information_value: f64,
}

/// Goods and bads.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    good: usize,
    bad: usize,
}

/// A bin before it is measured.
#[derive(Debug, Clone)]
struct Part {
    name: String,
    above: Option<f64>,
    up_to: Option<f64>,
    missing: bool,
    counts: Counts,
    /// Rows of the data with this bin: for the stability index.
    rows: Vec<usize>,
}

impl Counts {
    fn rows(self) -> usize {
        self.good + self.bad
    }

    fn bad_rate(self) -> f64 {
        self.bad as f64 / self.rows().max(1) as f64
    }

    fn add(&mut self, other: Self) {
        self.good += other.good;
        self.bad += other.bad;
    }

    /// The weight of evidence, and the part of the information value.
    fn evidence(self, all: Self) -> (f64, f64) {
        let half = if self.good == 0 || self.bad == 0 {
            0.5
        } else {
            0.0
        };
        let good = (self.good as f64 + half) / all.good as f64;
        let bad = (self.bad as f64 + half) / all.bad as f64;
        let weight = (good / bad).ln();
        (weight, (good - bad) * weight)
    }
}

/// `None` of a column without bins, or of one outcome. `good` says what became of each row;
/// `periods` are the rows of the first and of the last quarter by time; `out_of_fold_auc` is the
/// area under the ROC curve of the column's target encoding.
pub(super) fn characteristic(
    column: &Column,
    good: &[Option<bool>],
    periods: Option<&[Vec<usize>; 2]>,
    out_of_fold_auc: Option<f64>,
) -> Option<Characteristic> {
    let known: Vec<(usize, f64, bool)> = good
        .iter()
        .enumerate()
        .filter_map(|(row, good)| Some((row, column.values[row], (*good)?)))
        .collect();
    let mut all = Counts::default();
    known.iter().for_each(|(_, _, good)| all.add(of_row(*good)));
    if all.good == 0 || all.bad == 0 {
        return None;
    }
    let ranked = rank_auc(&known);
    let (mut parts, trend) = match column.kind {
        Type::Number | Type::Integer => {
            let rises = ranked.is_some_and(|auc| auc < 0.5);
            let trend = ranked.map(|_| if rises { "rises" } else { "falls" });
            (of_numbers(&known, rises, all), trend)
        }
        Type::Boolean | Type::Category => (of_categories(column, &known), None),
        Type::Text | Type::Empty => return None,
    };
    parts.extend(missing(&known));
    if parts.len() < 2 {
        return None;
    }
    let auc = match column.kind {
        Type::Category => out_of_fold_auc,
        _ => ranked,
    };
    let bins: Vec<Bin> = parts.iter().map(|part| part.measured(all)).collect();
    Some(Characteristic {
        information_value: bins.iter().map(|bin| bin.information_value).sum(),
        gini: auc.map(|auc| (2.0 * auc - 1.0).abs()),
        trend,
        stability_index: periods.and_then(|periods| stability(&parts, periods)),
        bins,
    })
}

fn of_row(good: bool) -> Counts {
    Counts {
        good: usize::from(good),
        bad: usize::from(!good),
    }
}

/// Of the rows with a value: the chance that a good has a larger one than a bad.
fn rank_auc(known: &[(usize, f64, bool)]) -> Option<f64> {
    let there = known.iter().filter(|(_, value, _)| value.is_finite());
    let (answers, values): (Vec<bool>, Vec<f64>) = there.map(|row| (row.2, row.1)).unzip();
    roc_auc(&answers, &values)
}

fn of_numbers(known: &[(usize, f64, bool)], rises: bool, all: Counts) -> Vec<Part> {
    let mut rows: Vec<(usize, f64, bool)> = known
        .iter()
        .copied()
        .filter(|(_, value, _)| value.is_finite())
        .collect();
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let values: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let mut parts: Vec<Part> = Vec::new();
    for (_, range) in bands(&values, PARTS) {
        let rows = &rows[range];
        let mut part = Part {
            name: String::new(),
            above: parts.last().and_then(|last| last.up_to),
            up_to: rows.last().map(|row| row.1),
            missing: false,
            counts: Counts::default(),
            rows: rows.iter().map(|row| row.0).collect(),
        };
        rows.iter().for_each(|row| part.counts.add(of_row(row.2)));
        parts.push(part);
        // Pool while the direction is broken.
        while let [.., before, last] = parts.as_slice() {
            let (before, last) = (before.counts.bad_rate(), last.counts.bad_rate());
            let in_order = if rises { before < last } else { before > last };
            if in_order {
                break;
            }
            let at = parts.len() - 2;
            merge(&mut parts, at);
        }
    }
    while parts.len() > MOST_BINS {
        let loss = |at: &usize| {
            let [a, b] = [parts[*at].counts, parts[*at + 1].counts];
            let mut both = a;
            both.add(b);
            a.evidence(all).1 + b.evidence(all).1 - both.evidence(all).1
        };
        let cheapest = (0..parts.len() - 1).min_by(|a, b| loss(a).total_cmp(&loss(b)));
        merge(&mut parts, cheapest.unwrap_or(0));
    }
    if let Some(last) = parts.last_mut() {
        last.up_to = None;
    }
    for part in &mut parts {
        let short = model_report::number::short;
        part.name = match (part.above, part.up_to) {
            (None, Some(high)) => format!("up to {}", short(high)),
            (Some(low), Some(high)) => format!("above {} to {}", short(low), short(high)),
            (Some(low), None) => format!("above {}", short(low)),
            (None, None) => "every value".to_owned(),
        };
    }
    parts
}

/// Merges a part with the next.
fn merge(parts: &mut Vec<Part>, at: usize) {
    let next = parts.remove(at + 1);
    let part = &mut parts[at];
    part.up_to = next.up_to;
    part.counts.add(next.counts);
    part.rows.extend(next.rows);
}

fn of_categories(column: &Column, known: &[(usize, f64, bool)]) -> Vec<Part> {
    let names = if column.texts.is_empty() {
        vec!["no".to_owned(), "yes".to_owned()]
    } else {
        column.texts.clone()
    };
    let mut parts: Vec<Part> = names.into_iter().map(Part::named).collect();
    for (row, value, good) in known {
        if let Some(part) = (*value >= 0.0)
            .then(|| parts.get_mut(*value as usize))
            .flatten()
        {
            part.counts.add(of_row(*good));
            part.rows.push(*row);
        }
    }
    parts.retain(|part| part.counts.rows() > 0);
    parts.sort_by_key(|part| std::cmp::Reverse(part.counts.rows()));
    let enough = known.len() as f64 * RARE;
    let own = parts.partition_point(|part| part.counts.rows() as f64 >= enough);
    let rare = parts.split_off(own.clamp(1, MOST_CATEGORIES).min(parts.len()));
    if rare.len() == 1 {
        parts.extend(rare);
    } else if !rare.is_empty() {
        let mut others = Part::named(format!("{} rarer values", rare.len()));
        for part in rare {
            others.counts.add(part.counts);
            others.rows.extend(part.rows);
        }
        parts.push(others);
    }
    parts.sort_by(|a, b| b.counts.bad_rate().total_cmp(&a.counts.bad_rate()));
    parts
}

fn missing(known: &[(usize, f64, bool)]) -> Option<Part> {
    let mut part = Part {
        missing: true,
        ..Part::named("missing or invalid".to_owned())
    };
    for (row, _, good) in known.iter().filter(|(_, value, _)| !value.is_finite()) {
        part.counts.add(of_row(*good));
        part.rows.push(*row);
    }
    (!part.rows.is_empty()).then_some(part)
}

impl Part {
    fn named(name: String) -> Self {
        Self {
            name,
            above: None,
            up_to: None,
            missing: false,
            counts: Counts::default(),
            rows: Vec::new(),
        }
    }

    fn measured(&self, all: Counts) -> Bin {
        let (weight_of_evidence, information_value) = self.counts.evidence(all);
        Bin {
            name: self.name.clone(),
            above: self.above,
            up_to: self.up_to,
            missing: self.missing,
            rows: self.counts.rows(),
            bad: self.counts.bad,
            bad_rate: self.counts.bad_rate(),
            interval: wilson(self.counts.bad, self.counts.rows()),
            weight_of_evidence,
            information_value,
        }
    }
}

/// `Σ (p - q) ln(p / q)` over the bins, half a row added to each.
fn stability(parts: &[Part], periods: &[Vec<usize>; 2]) -> Option<f64> {
    let rows = periods.iter().flatten().max()? + 1;
    let mut period_of = vec![None; rows];
    for (period, rows) in periods.iter().enumerate() {
        rows.iter().for_each(|row| period_of[*row] = Some(period));
    }
    let mut counts = vec![[0.5f64; 2]; parts.len()];
    for (part, counts) in parts.iter().zip(&mut counts) {
        for row in &part.rows {
            if let Some(Some(period)) = period_of.get(*row) {
                counts[*period] += 1.0;
            }
        }
    }
    let sums = [0, 1].map(|period| counts.iter().map(|counts| counts[period]).sum::<f64>());
    let term = |counts: &[f64; 2]| {
        let (p, q) = (counts[0] / sums[0], counts[1] / sums[1]);
        (p - q) * (p / q).ln()
    };
    Some(counts.iter().map(term).sum())
}
