//! One method for every column that it can compare (`--method`), with a threshold that takes the
//! number of rows into account.
//!
//! Without drift and with k bins, `D n m / (n + m)` is nearly chi-square with k - 1 degrees of
//! freedom for D = PSI, 2 KL, 8 JS² and 8 Hellinger² (S. M. Ali and S. D. Silvey, Journal
//! of the Royal Statistical Society B 28(1), 1966: near 0 all these divergences are one
//! quadratic form). So a distance's threshold is what chance exceeds in [`LEVEL`] of all
//! reports, but at least the customary 0.1.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::methods::{
    Method, anderson_darling, chi_square, cramer_von_mises, fisher_exact, kolmogorov_smirnov,
    z_test,
};
use crate::report::Report;
use crate::sample::{CategoryPair, NumberPair};
use crate::sides::Sides;
use crate::sketch::{Column, Values};
use crate::verdict::{self, LEAST_EFFECT, LEVEL};

/// The customary threshold of a distance.
const LEAST_DISTANCE: f64 = 0.1;
/// Bins of a numeric column.
const BINS: usize = 10;

/// Replaces the verdicts of the columns that `method` can compare.
pub(crate) fn replace(report: &mut Report, sides: &Sides<'_>, method: Method) {
    let pairs: Vec<Option<(&Column, &Column)>> = report
        .columns
        .iter()
        .map(|column| {
            let pair = (
                sides.reference.column(&column.name)?,
                sides.current.column(&column.name)?,
            );
            let usable = pair.0.valid() > 0 && pair.1.valid() > 0 && method.takes(pair.0.spec.kind);
            usable.then_some(pair)
        })
        .collect();
    let count = pairs.iter().flatten().count();
    let tests: Vec<Option<Test>> = pairs
        .iter()
        .map(|pair| pair.and_then(|(r, c)| test(method, r, c)))
        .collect();
    let p_values: Vec<f64> = tests.iter().flatten().map(|test| test.p_value).collect();
    let corrected = verdict::correct(&p_values);
    let mut corrected = corrected.into_iter();
    for ((column, pair), test) in report.columns.iter_mut().zip(pairs).zip(tests) {
        let Some((reference, current)) = pair else {
            continue;
        };
        if method.is_test() {
            let Some(test) = test else { continue };
            column.statistic = test.statistic;
            column.p_value = Some(test.p_value);
            column.score = corrected.next().unwrap_or(1.0);
            column.threshold = LEVEL;
            let effect = column.effect_size.unwrap_or(0.0);
            column.drift = column.score < LEVEL && effect >= LEAST_EFFECT;
        } else {
            (column.statistic, column.p_value) = (None, None);
            column.score = column.distances.get(method.name()).copied().unwrap_or(0.0);
            column.threshold = threshold(method, reference, current, count);
            column.drift = column.score >= column.threshold;
        }
        column.of_missing = false;
        column.score_is_p_value = method.is_test();
        column.method = method.title().to_owned();
    }
    let drifted = report.columns.iter().filter(|column| column.drift).count();
    report.share_drifted = drifted as f64 / report.columns.len().max(1) as f64;
    report.dataset_drift = drifted > 0 || report.classifier.as_ref().is_some_and(|c| c.drift);
    report.finish();
}

/// What a test says of two samples.
struct Test {
    statistic: Option<f64>,
    p_value: f64,
}

impl Test {
    fn new(statistic: f64, p_value: f64) -> Self {
        Self {
            statistic: Some(statistic),
            p_value,
        }
    }
}

fn test(method: Method, reference: &Column, current: &Column) -> Option<Test> {
    if !method.is_test() {
        return None;
    }
    match (&reference.values, &current.values) {
        (Values::Numbers(r), Values::Numbers(c)) => {
            let pair = NumberPair::new(r, c);
            let (r, c) = (&pair.reference, &pair.current);
            match method {
                Method::KolmogorovSmirnov => {
                    let distance = kolmogorov_smirnov::distance(r, c);
                    let p_value =
                        kolmogorov_smirnov::p_value(distance, reference.valid(), current.valid());
                    Some(Test::new(distance, p_value))
                }
                Method::AndersonDarling => {
                    let test = anderson_darling::test(r, c)?;
                    Some(Test::new(test.statistic, test.tail_p_value))
                }
                _ => {
                    let test = cramer_von_mises::test_with_ties(r, c);
                    Some(Test::new(test.statistic, test.p_value))
                }
            }
        }
        (Values::Categories(r), Values::Categories(c)) => {
            let pair = CategoryPair::new(r, c);
            let first = |counts: &[u64]| counts.first().copied().unwrap_or(0);
            let ones = [first(&pair.reference), first(&pair.current)];
            let rows = [reference.valid(), current.valid()];
            Some(match method {
                Method::ZTest => {
                    Test::new(z_test::statistic(ones, rows), z_test::p_value(ones, rows))
                }
                Method::FisherExact => Test {
                    statistic: None,
                    p_value: fisher_exact::p_value(ones, rows),
                },
                _ => {
                    let test = chi_square::homogeneity(&pair.reference, &pair.current);
                    Test::new(test.statistic, test.p_value)
                }
            })
        }
        _ => None,
    }
}

fn threshold(method: Method, reference: &Column, current: &Column, columns: usize) -> f64 {
    let (n, m) = (reference.valid() as f64, current.valid() as f64);
    let bins = match &reference.values {
        Values::Numbers(_) => BINS,
        Values::Categories(categories) => categories.len().max(2),
    };
    let level = 1.0 - LEVEL / columns.max(1) as f64;
    let chance = ChiSquared::new(bins as f64 - 1.0).map_or(0.0, |chi| chi.inverse_cdf(level));
    let chance = chance * (n + m) / (n * m);
    let chance = match method {
        Method::Psi => chance,
        Method::KullbackLeibler => chance / 2.0,
        Method::JensenShannon | Method::Hellinger => (chance / 8.0).sqrt(),
        // Half the sum of k absolute deviations, at most √k times their length.
        Method::TotalVariation => chance.sqrt() / 2.0,
        // In standard deviations: no further than the Kolmogorov-Smirnov limit over ±3.
        _ => 6.0 * verdict::least_visible([reference.valid(), current.valid()], columns) / 2.0,
    };
    chance.max(LEAST_DISTANCE)
}
