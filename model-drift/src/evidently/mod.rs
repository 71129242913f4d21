//! The verdicts of Evidently 0.4.33's `DataDriftPreset` with its defaults: its choice of test by
//! type, number of distinct values and rows of the reference, its thresholds and its bins. Derived
//! from that version's behaviour; `docs/reference/drift.md` lists the rules.

mod binning;

use crate::methods::fisher_exact;
use crate::methods::{
    Method, anderson_darling, chi_square, cramer_von_mises, hellinger, jensen_shannon,
    kolmogorov_smirnov, kullback_leibler, psi, total_variation, wasserstein, z_test,
};
use crate::sample::{CategoryPair, NumberPair, shares};
use crate::sketch::{Column, Kind, Sketch, Values};

/// The share of drifted columns at which the batch has drifted.
pub const DRIFT_SHARE: f64 = 0.5;
/// Rows of the reference up to which tests are chosen, above distances.
const SMALL: u64 = 1000;
/// Different values up to which a number counts as a category.
const FEW_VALUES: usize = 5;

/// One column's verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// The test that was chosen.
    pub method: Method,
    /// A p-value or a distance.
    pub score: f64,
    /// The threshold of the score.
    pub threshold: f64,
    /// That version's verdict.
    pub drift: bool,
}

/// Why that version has no score for a column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidentlyError {
    /// The current batch lacks a column.
    #[error(
        "column '{0}': the current batch does not have it, and the evidently preset compares every column of the reference; use the default preset"
    )]
    Lost(String),
    /// A batch has no value.
    #[error(
        "column '{column}': every value of the {batch} is missing, which the evidently preset cannot compare; use the default preset"
    )]
    Empty {
        /// The column.
        column: String,
        /// Reference or current batch.
        batch: &'static str,
    },
    /// Number here, text there.
    #[error(
        "column '{column}': {reference} in the reference, {current} in the current batch, which the evidently preset cannot compare; use the default preset"
    )]
    Types {
        /// The column.
        column: String,
        /// Its type in the reference.
        reference: &'static str,
        /// Its type in the current batch.
        current: &'static str,
    },
    /// Counts that are not exact.
    #[error(
        "column '{0}': the evidently preset compares every row, and this sketch has rounded them; give it the CSV or Parquet files"
    )]
    Rounded(String),
    /// Infinities.
    #[error(
        "column '{0}' has infinite values, for which the evidently preset has no score; use the default preset"
    )]
    Infinite(String),
    /// A method that does not compare such columns.
    #[error("column '{column}': the method '{method}' cannot compare it: {reason}")]
    Method {
        /// The column.
        column: String,
        /// The method's name.
        method: &'static str,
        /// Why.
        reason: &'static str,
    },
}

/// The columns in that version's order: target, prediction, numbers by name, categories by
/// name. A column called `datetime` is not compared.
#[must_use]
pub fn columns(reference: &Sketch) -> Vec<&str> {
    let kind_of = |column: &Column| is_number(column, reference);
    let mut names: Vec<_> = reference
        .columns
        .iter()
        .filter(|column| column.spec.name != "datetime")
        .map(|column| {
            let name = column.spec.name.as_str();
            let order = match name {
                "target" => 0,
                "prediction" => 1,
                _ if kind_of(column) => 2,
                _ => 3,
            };
            (order, name)
        })
        .collect();
    names.sort_unstable();
    names.into_iter().map(|(_, name)| name).collect()
}

/// Whether that version takes a column for a number.
fn is_number(column: &Column, reference: &Sketch) -> bool {
    let Values::Numbers(numbers) = &column.values else {
        return false;
    };
    let task = reference.column("target").map(|target| {
        let different = target.numbers().map_or(0, |n| n.buckets_used());
        different >= FEW_VALUES
    });
    let regression = task == Some(true);
    match column.spec.name.as_str() {
        "target" => regression,
        "prediction" => {
            let unit = numbers.min() >= Some(0.0) && numbers.max() <= Some(1.0);
            let many = task.is_none() && numbers.buckets_used() > FEW_VALUES;
            regression || many || unit
        }
        _ => true,
    }
}

/// Compares one column with the test that version chooses.
///
/// # Errors
/// When it has none.
pub fn compare(
    name: &str,
    reference: &Sketch,
    current: &Sketch,
) -> Result<Verdict, EvidentlyError> {
    compare_by(name, None, reference, current)
}

/// The same with a test that is forced; its threshold is that version's for it.
///
/// # Errors
/// When the test does not take such a column.
pub fn compare_by(
    name: &str,
    method: Option<Method>,
    reference: &Sketch,
    current: &Sketch,
) -> Result<Verdict, EvidentlyError> {
    let lost = || EvidentlyError::Lost(name.to_owned());
    let ours = reference.column(name).ok_or_else(lost)?;
    let theirs = current.column(name).ok_or_else(lost)?;
    let pair = Pair::new(ours, theirs)?;
    let kind = if is_number(ours, reference) {
        Kind::Number
    } else {
        Kind::Category
    };
    let method = method.unwrap_or_else(|| pair.choice(kind));
    let score = pair
        .score(method, kind)
        .map_err(|reason| EvidentlyError::Method {
            column: name.to_owned(),
            method: method.name(),
            reason,
        })?;
    let threshold = threshold(method);
    Ok(Verdict {
        method,
        score,
        threshold,
        drift: drifted(method, score, threshold),
    })
}

fn threshold(method: Method) -> f64 {
    match method {
        Method::KolmogorovSmirnov | Method::ChiSquare | Method::ZTest => 0.05,
        _ => 0.1,
    }
}

fn drifted(method: Method, score: f64, threshold: f64) -> bool {
    match method {
        Method::KolmogorovSmirnov | Method::CramerVonMises => score <= threshold,
        _ if method.is_test() => score < threshold,
        _ => score >= threshold,
    }
}

/// Both samples of a column, as numbers or as texts.
enum Pair {
    Numbers(NumberPair),
    Categories(CategoryPair),
}

impl Pair {
    fn new(reference: &Column, current: &Column) -> Result<Self, EvidentlyError> {
        let column = reference.spec.name.clone();
        for (batch, side) in [("reference", reference), ("current batch", current)] {
            if side.invalid > 0 && side.valid() > 0 || side.spec.kind != reference.spec.kind {
                return Err(EvidentlyError::Types {
                    column,
                    reference: reference.spec.kind.word(),
                    current: if side.invalid > 0 {
                        "words among numbers"
                    } else {
                        side.spec.kind.word()
                    },
                });
            }
            if side.infinite > 0 && side.missing == 0 {
                return Err(EvidentlyError::Infinite(column));
            }
            if side.valid() == 0 {
                return Err(EvidentlyError::Empty { column, batch });
            }
            let exact = match &side.values {
                Values::Numbers(numbers) => numbers.is_exact(),
                Values::Categories(categories) => categories.rest() == 0,
            };
            if !exact {
                return Err(EvidentlyError::Rounded(column));
            }
        }
        Ok(match (&reference.values, &current.values) {
            (Values::Numbers(r), Values::Numbers(c)) => Self::Numbers(NumberPair::new(r, c)),
            (Values::Categories(r), Values::Categories(c)) => {
                Self::Categories(CategoryPair::new(r, c))
            }
            _ => {
                return Err(EvidentlyError::Empty {
                    column,
                    batch: "reference",
                });
            }
        })
    }

    fn counts(&self) -> (&[u64], &[u64]) {
        match self {
            Self::Numbers(pair) => (&pair.reference, &pair.current),
            Self::Categories(pair) => (&pair.reference, &pair.current),
        }
    }

    fn choice(&self, kind: Kind) -> Method {
        let (reference, _) = self.counts();
        let different = reference.len();
        let small = reference.iter().sum::<u64>() <= SMALL;
        match (small, kind) {
            (true, Kind::Number) if different > FEW_VALUES => Method::KolmogorovSmirnov,
            (true, _) if different > 2 => Method::ChiSquare,
            (true, _) => Method::ZTest,
            (false, Kind::Number) if different > FEW_VALUES => Method::Wasserstein,
            (false, _) => Method::JensenShannon,
        }
    }

    fn score(&self, method: Method, kind: Kind) -> Result<f64, &'static str> {
        let (reference, current) = self.counts();
        let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
        let filled = || binning::shares(self.numbers(kind), reference, current, true);
        Ok(match method {
            Method::ChiSquare => chi_square::goodness_of_fit(reference, current).p_value,
            Method::ZTest => {
                let first = |counts: &[u64]| counts.first().copied().unwrap_or(0);
                z_test::p_value([n - first(reference), m - first(current)], [n, m])
            }
            Method::JensenShannon => {
                let (p, q) = binning::shares(self.numbers(kind), reference, current, false);
                jensen_shannon::distance(&p, &q)
            }
            Method::Psi => {
                let (p, q) = filled();
                psi::index(&p, &q)
            }
            Method::KullbackLeibler => {
                let (p, q) = filled();
                kullback_leibler::divergence(&p, &q)
            }
            Method::Hellinger => match self.numbers(kind) {
                Some(pair) => binning::hellinger(pair),
                None => hellinger::distance(&shares(reference), &shares(current)),
            },
            Method::TotalVariation => total_variation::distance(reference, current),
            Method::FisherExact => return fisher(reference, current),
            _ => return self.score_of_numbers(method),
        })
    }

    fn score_of_numbers(&self, method: Method) -> Result<f64, &'static str> {
        let Self::Numbers(pair) = self else {
            return Err("it compares numbers, and these are texts");
        };
        let (reference, current) = (&pair.reference, &pair.current);
        let (n, m) = (reference.iter().sum::<u64>(), current.iter().sum::<u64>());
        Ok(match method {
            Method::KolmogorovSmirnov => {
                let distance = kolmogorov_smirnov::distance(reference, current);
                kolmogorov_smirnov::p_value(distance, n, m)
            }
            Method::Wasserstein => wasserstein::normed(pair),
            Method::CramerVonMises => cramer_von_mises::test(reference, current).p_value,
            _ => match anderson_darling::test(reference, current) {
                Some(test) => test.p_value,
                None => return Err("it needs four rows and two different values"),
            },
        })
    }

    fn numbers(&self, kind: Kind) -> Option<&NumberPair> {
        match self {
            Self::Numbers(pair) if kind == Kind::Number => Some(pair),
            _ => None,
        }
    }
}

fn fisher(reference: &[u64], current: &[u64]) -> Result<f64, &'static str> {
    let sum = |counts: &[u64]| counts.iter().sum::<u64>();
    if reference.len() > 2 {
        return Err("it compares two categories, and there are more");
    }
    let ones = [reference[0], current[0]];
    Ok(fisher_exact::p_value(ones, [sum(reference), sum(current)]))
}
