//! From two batches to a report.

use std::collections::BTreeMap;

use crate::bins::{self, Distribution};
use crate::evidently::{self, EvidentlyError};
use crate::methods::domain_classifier::{self, DomainClassifier};
use crate::methods::{
    Method, hellinger, jensen_shannon, kullback_leibler, psi, total_variation, wasserstein,
};
use crate::one_method;
use crate::read::RowSample;
use crate::report::{Classifier, ColumnReport, Counts, Preset, Report};
use crate::sample::{CategoryPair, NumberPair, shares};
pub use crate::sides::Sides;
use crate::sketch::{Column, Sketch, Values};
use crate::verdict::{self, Finding, LEAST_EFFECT, LEVEL, Of};

/// The fewest rows of a batch that can be compared.
pub const LEAST_ROWS: u64 = 10;
/// The area under the ROC curve at which a whole table counts as drifted.
pub const LEAST_AUC: f64 = 0.55;
/// Seed of the domain classifier, fixed so that results are reproducible.
const SEED: u64 = 1;

/// Why two batches cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// Too few rows.
    #[error("the {batch} has {rows} {}, at least {least} are needed to compare", if *rows == 1 { "row" } else { "rows" })]
    TooFewRows {
        /// Reference or current batch.
        batch: &'static str,
        /// Its rows.
        rows: u64,
        /// What is needed.
        least: u64,
    },
    /// No column in common.
    #[error(
        "the batches have no column in common: the reference has {reference}, the current batch {current}"
    )]
    NothingInCommon {
        /// Its columns.
        reference: String,
        /// Its columns.
        current: String,
    },
    /// The preset has no score for a column.
    #[error(transparent)]
    Evidently(#[from] EvidentlyError),
}

/// Compares by our own rules ([`crate::verdict`]); `method` replaces the test of every column that
/// it can compare.
///
/// # Errors
/// When there are too few rows, or no column in common.
pub fn by_default(sides: &Sides<'_>, method: Option<Method>) -> Result<Report, CompareError> {
    check(sides, LEAST_ROWS)?;
    let mut report = default_verdicts(sides);
    if let Some(method) = method {
        report.method = Some(method.name());
        one_method::replace(&mut report, sides, method);
    }
    Ok(report)
}

/// Compares as Evidently 0.4.33 does; `method` replaces its test of every column that it can
/// compare.
///
/// # Errors
/// When there are too few rows, or that version has no score for a column.
pub fn by_evidently(sides: &Sides<'_>, method: Option<Method>) -> Result<Report, CompareError> {
    check(sides, 2)?;
    let (reference, current) = (sides.reference, sides.current);
    let mut report = describe(sides, Preset::Evidently);
    report.method = method.map(Method::name);
    let mut columns = Vec::new();
    for name in evidently::columns(reference) {
        let kind = reference.column(name).map(|column| column.spec.kind);
        let method = method.filter(|method| kind.is_some_and(|kind| method.takes(kind)));
        let verdict = evidently::compare_by(name, method, reference, current)?;
        let Some(mut column) = report
            .columns
            .iter()
            .find(|column| column.name == name)
            .cloned()
        else {
            continue;
        };
        column.method = verdict.method.title().to_owned();
        column.score = verdict.score;
        column.threshold = verdict.threshold;
        column.score_is_p_value = verdict.method.is_test();
        column.drift = verdict.drift;
        column.p_value = verdict.method.is_test().then_some(verdict.score);
        columns.push(column);
    }
    report.columns = columns;
    let drifted = report.columns.iter().filter(|column| column.drift).count();
    report.share_drifted = drifted as f64 / report.columns.len().max(1) as f64;
    report.dataset_drift = report.share_drifted >= evidently::DRIFT_SHARE;
    report.finish();
    Ok(report)
}

fn check(sides: &Sides<'_>, least: u64) -> Result<(), CompareError> {
    let common = |column: &Column| sides.current.column(&column.spec.name).is_some();
    if !sides.reference.columns.iter().any(common) {
        return Err(nothing_in_common(sides));
    }
    for (batch, sketch) in [
        ("reference", sides.reference),
        ("current batch", sides.current),
    ] {
        let rows = sketch.rows();
        if rows < least {
            return Err(CompareError::TooFewRows { batch, rows, least });
        }
    }
    Ok(())
}

fn nothing_in_common(sides: &Sides<'_>) -> CompareError {
    let names = |sketch: &Sketch| -> String {
        let names: Vec<&str> = sketch.columns.iter().map(|c| &*c.spec.name).collect();
        names.join(", ")
    };
    let mut current = names(sides.current);
    if current.is_empty() {
        current = sides.extra.join(", ");
    }
    CompareError::NothingInCommon {
        reference: names(sides.reference),
        current,
    }
}

/// Our own verdicts, whatever the number of rows.
#[must_use]
pub fn default_verdicts(sides: &Sides<'_>) -> Report {
    let mut report = describe(sides, Preset::Default);
    let mut found: Vec<(usize, Finding)> = Vec::new();
    for (index, column) in report.columns.iter().enumerate() {
        let pair = (
            sides.reference.column(&column.name),
            sides.current.column(&column.name),
        );
        if let (Some(reference), Some(current)) = pair {
            found.extend(
                verdict::findings(reference, current)
                    .into_iter()
                    .map(|f| (index, f)),
            );
        }
    }
    let classifier = sides.samples.and_then(|[reference, current]| {
        let (reference, current) = codes(reference, current);
        domain_classifier::test(&reference, &current, SEED)
    });
    let mut p_values: Vec<f64> = found.iter().map(|(_, finding)| finding.p_value).collect();
    p_values.extend(classifier.map(|test| test.p_value));
    let corrected = verdict::correct(&p_values);
    for ((_, finding), corrected) in found.iter_mut().zip(&corrected) {
        finding.corrected = *corrected;
    }
    let comparisons = found.len();
    for (index, column) in report.columns.iter_mut().enumerate() {
        let own = found
            .iter()
            .filter(|(of, _)| *of == index)
            .map(|(_, finding)| *finding);
        conclude(column, own.collect(), comparisons);
    }
    report.classifier = classifier.map(|test| {
        let corrected = corrected.last().copied().unwrap_or(1.0);
        classifier_report(test, corrected)
    });
    let drifted = report.columns.iter().filter(|column| column.drift).count();
    report.share_drifted = drifted as f64 / report.columns.len().max(1) as f64;
    report.dataset_drift = drifted > 0 || report.classifier.as_ref().is_some_and(|c| c.drift);
    report.finish();
    report
}

fn classifier_report(test: DomainClassifier, corrected: f64) -> Classifier {
    Classifier {
        auc: test.auc,
        p_value: test.p_value,
        score: corrected,
        rows: test.rows,
        drift: corrected < LEVEL && test.auc >= LEAST_AUC,
    }
}

/// Fills in a column's verdict: its strongest finding.
fn conclude(column: &mut ColumnReport, mut findings: Vec<Finding>, comparisons: usize) {
    column.threshold = LEVEL;
    column.effect_threshold = Some(LEAST_EFFECT);
    column.score_is_p_value = true;
    findings
        .sort_by(|a, b| (b.is_drift().cmp(&a.is_drift())).then(a.p_value.total_cmp(&b.p_value)));
    if column.is_lost() || column.is_emptied() {
        column.method = "presence".to_owned();
        (column.score, column.p_value, column.effect_size) = (0.0, None, Some(1.0));
        column.drift = true;
        return;
    }
    let values = findings.iter().find(|finding| finding.of == Of::Values);
    column.comparable = values.is_some();
    column.least_visible = values.map(|_| {
        verdict::least_visible([column.reference.valid, column.current.valid], comparisons)
    });
    let Some(finding) = findings.first() else {
        column.method = "none".to_owned();
        column.score = 1.0;
        return;
    };
    column.method = match finding.of {
        Of::Values => finding.method.title().to_owned(),
        Of::Missing => format!("{} of the share of missing values", finding.method.title()),
    };
    column.of_missing = finding.of == Of::Missing;
    column.statistic = finding.statistic;
    column.p_value = Some(finding.p_value);
    column.score = finding.corrected;
    column.effect_size = Some(finding.effect);
    column.drift = finding.is_drift();
}

/// Everything but the verdicts.
fn describe(sides: &Sides<'_>, preset: Preset) -> Report {
    let columns = sides.reference.columns.iter();
    let columns = columns.map(|r| describe_column(r, sides.current.column(&r.spec.name)));
    Report {
        preset,
        reference_rows: sides.reference.rows(),
        current_rows: sides.current.rows(),
        columns: columns.collect(),
        new_columns: sides.extra.to_vec(),
        ..Report::default()
    }
}

fn describe_column(reference: &Column, current: Option<&Column>) -> ColumnReport {
    let mut column = ColumnReport {
        name: reference.spec.name.clone(),
        kind: reference.spec.kind,
        role: reference.spec.role,
        reference: reference.into(),
        current: current.map(Counts::from).unwrap_or_default(),
        lost: current.is_none(),
        ..ColumnReport::default()
    };
    let Some(current) = current else {
        return column;
    };
    if reference.valid() == 0 || current.valid() == 0 {
        return column;
    }
    match (&reference.values, &current.values) {
        (Values::Numbers(r), Values::Numbers(c)) => {
            let pair = NumberPair::new(r, c);
            column.distances = number_distances(&pair);
            column.distribution = Distribution::of_numbers(&pair);
            column.means = [&pair.reference, &pair.current]
                .map(|counts| Some(wasserstein::mean(&pair.values, counts)));
            column.medians = [&pair.reference, &pair.current]
                .map(|counts| bins::quantile(&pair.values, counts, 0.5));
            column.deviation = Some(wasserstein::standard_deviation(
                &pair.values,
                &pair.reference,
            ));
        }
        (Values::Categories(r), Values::Categories(c)) => {
            let pair = CategoryPair::new(r, c);
            column.distances = binned_distances(&pair.reference, &pair.current);
            column.distribution = Some(Distribution::of_categories(&pair));
            let never = pair
                .labels
                .iter()
                .zip(&pair.reference)
                .filter(|(_, count)| **count == 0);
            column.new_categories = never.map(|(label, _)| label.clone()).collect();
            let gone = pair
                .labels
                .iter()
                .zip(&pair.current)
                .filter(|(_, count)| **count == 0);
            column.lost_categories = gone.map(|(label, _)| label.clone()).collect();
            let all_new = pair
                .reference
                .iter()
                .zip(&pair.current)
                .all(|(r, c)| *r == 0 || *c == 0);
            let numbers = |list: &[String]| list.iter().all(|text| text.parse::<f64>().is_ok());
            column.became_numbers =
                all_new && numbers(&column.new_categories) && !numbers(&column.lost_categories);
        }
        _ => {}
    }
    column
}

fn number_distances(pair: &NumberPair) -> BTreeMap<&'static str, f64> {
    let (reference, current) = bins::by_quantiles(pair);
    let mut distances = binned_distances(&reference, &current);
    distances.insert(Method::Wasserstein.name(), wasserstein::normed(pair));
    distances
}

/// Distances over bins of the reference. Half a row is added to each bin, so that an empty
/// one does not make a distance infinite.
fn binned_distances(reference: &[u64], current: &[u64]) -> BTreeMap<&'static str, f64> {
    let smoothed = |counts: &[u64]| -> Vec<f64> {
        let sum = counts.iter().sum::<u64>() as f64 + counts.len() as f64 / 2.0;
        counts
            .iter()
            .map(|count| (*count as f64 + 0.5) / sum)
            .collect()
    };
    let (p, q) = (smoothed(reference), smoothed(current));
    let (r, c) = (shares(reference), shares(current));
    BTreeMap::from([
        (Method::Psi.name(), psi::index(&p, &q)),
        (
            Method::KullbackLeibler.name(),
            kullback_leibler::divergence(&p, &q),
        ),
        (
            Method::JensenShannon.name(),
            jensen_shannon::distance(&r, &c),
        ),
        (Method::Hellinger.name(), hellinger::distance(&r, &c)),
        (
            Method::TotalVariation.name(),
            total_variation::distance(reference, current),
        ),
    ])
}

/// The cells of both samples as ranks among at most 255 values of the reference: what trees
/// split on. Missing is 0.
fn codes(reference: &RowSample, current: &RowSample) -> (Vec<Vec<u16>>, Vec<Vec<u16>>) {
    let width = reference.rows().next().map_or(0, <[f64]>::len);
    let mut cuts: Vec<Vec<f64>> = Vec::with_capacity(width);
    for column in 0..width {
        let mut values: Vec<f64> = reference
            .rows()
            .filter_map(|row| row.get(column).copied())
            .collect();
        values.retain(|value| !value.is_nan());
        values.sort_by(f64::total_cmp);
        let step = values.len().div_ceil(254).max(1);
        let mut cut: Vec<f64> = values.into_iter().step_by(step).collect();
        cut.dedup();
        cuts.push(cut);
    }
    let code = |row: &[f64]| -> Vec<u16> {
        let cells = row
            .iter()
            .zip(&cuts)
            .map(|(value, cuts)| match value.is_nan() {
                true => 0,
                false => 1 + cuts.partition_point(|cut| cut <= value) as u16,
            });
        cells.collect()
    };
    let same = |row: &&[f64]| row.len() == width;
    (
        reference.rows().filter(same).map(code).collect(),
        current.rows().filter(same).map(code).collect(),
    )
}
