//! How much two columns say about each other.

use super::column::{Column, Type};

/// A column, and the ranks of its values where each is a number: they are the same beside any
/// other such column.
pub(super) struct Ranked<'c> {
    column: &'c Column,
    ranks: Option<Vec<f64>>,
}

impl<'c> Ranked<'c> {
    pub(super) fn new(column: &'c Column) -> Self {
        let values = &column.values;
        let is_ranked =
            column.kind != Type::Category && values.iter().all(|value| value.is_finite());
        Self {
            column,
            ranks: is_ranked.then(|| ranks(values)),
        }
    }
}

/// Between two columns, over the rows where both have a value: Spearman's rank correlation of
/// two numbers (a boolean counts as 0 and 1), Cramér's V of two categories, the correlation
/// ratio of a category and a number. `None` where it is not defined.
pub(super) fn association(a: &Ranked<'_>, b: &Ranked<'_>) -> Option<f64> {
    if let (Some(a), Some(b)) = (&a.ranks, &b.ranks) {
        return pearson(a, b);
    }
    let (a, b) = (a.column, b.column);
    let group = |column: &Column| column.kind == Type::Category;
    match (group(a), group(b)) {
        (false, false) => spearman(&a.values, &b.values),
        (true, true) => cramers_v(&a.values, &b.values),
        (true, false) => correlation_ratio(&a.values, &b.values),
        (false, true) => correlation_ratio(&b.values, &a.values),
    }
}

/// The correlation of ranks, ties getting the mean of theirs (Spearman, "The proof and
/// measurement of association between two things", American Journal of Psychology 15, 1904;
/// scipy: `spearmanr`).
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let both = |(x, y): &(&f64, &f64)| x.is_finite() && y.is_finite();
    let (x, y): (Vec<f64>, Vec<f64>) = x.iter().zip(y).filter(both).unzip();
    pearson(&ranks(&x), &ranks(&y))
}

fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let count = x.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count;
    let (mx, my) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        xx += (x - mx) * (x - mx);
        yy += (y - my) * (y - my);
        xy += (x - mx) * (y - my);
    }
    (xx > 0.0 && yy > 0.0).then(|| xy / (xx.sqrt() * yy.sqrt()))
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let rank = before as f64 + (tie.len() as f64 + 1.0) / 2.0;
        for &row in tie {
            ranks[row] = rank;
        }
        before += tie.len();
    }
    ranks
}

/// `√(χ² / (n min(r - 1, c - 1)))` of the table of counts, without a correction (Cramér,
/// "Mathematical Methods of Statistics", 1946, page 282; scipy:
/// `contingency.association(method="cramer")`).
#[must_use]
pub fn cramers_v(x: &[f64], y: &[f64]) -> Option<f64> {
    let both = |(x, y): &(&f64, &f64)| x.is_finite() && y.is_finite();
    let code = |(x, y): (&f64, &f64)| (*x as usize, *y as usize);
    let pairs: Vec<(usize, usize)> = x.iter().zip(y).filter(both).map(code).collect();
    let width = pairs.iter().map(|pair| pair.1 + 1).max()?;
    let height = pairs.iter().map(|pair| pair.0 + 1).max()?;
    let mut cells = vec![0.0; width * height];
    let (mut rows, mut columns) = (vec![0.0; height], vec![0.0; width]);
    for (row, column) in pairs {
        cells[row * width + column] += 1.0;
        rows[row] += 1.0;
        columns[column] += 1.0;
    }
    let used = |counts: &[f64]| counts.iter().filter(|count| **count > 0.0).count();
    let least = used(&rows).min(used(&columns));
    if least < 2 {
        return None;
    }
    // χ²/n = Σ n²ᵢⱼ / (nᵢ nⱼ) - 1
    let sum: f64 = cells
        .iter()
        .enumerate()
        .filter(|(_, count)| **count > 0.0)
        .map(|(place, count)| count * count / (rows[place / width] * columns[place % width]))
        .sum();
    Some(((sum - 1.0).max(0.0) / (least - 1) as f64).sqrt())
}

/// η: the root of the share of a number's variance that lies between the categories, from 0
/// to 1 (Pearson, "On the general theory of skew correlation and non-linear regression",
/// 1905).
#[must_use]
pub fn correlation_ratio(category: &[f64], number: &[f64]) -> Option<f64> {
    let both = |(c, n): &(&f64, &f64)| c.is_finite() && n.is_finite();
    let pairs: Vec<(usize, f64)> = category
        .iter()
        .zip(number)
        .filter(both)
        .map(|(category, number)| (*category as usize, *number))
        .collect();
    // A share of the variance is the same in any unit.
    let unit = model_report::span::unit(pairs.iter().map(|pair| pair.1));
    let numbers = pairs.iter().map(|pair| pair.1 / unit);
    let mean = numbers.sum::<f64>() / pairs.len() as f64;
    let groups = pairs.iter().map(|pair| pair.0 + 1).max()?;
    let mut sums = vec![(0.0, 0.0); groups];
    let mut total = 0.0;
    for (group, number) in pairs {
        let number = number / unit;
        sums[group].0 += 1.0;
        sums[group].1 += number - mean;
        total += (number - mean).powi(2);
    }
    let between: f64 = sums
        .iter()
        .filter(|(count, _)| *count > 0.0)
        .map(|(count, sum)| sum * sum / count)
        .sum();
    (total > 0.0).then(|| (between / total).min(1.0).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn close(got: Option<f64>, expect: f64) {
        let got = got.unwrap();
        assert!((got - expect).abs() < 1e-12, "{got}, expected {expect}");
    }

    const X: [f64; 10] = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0];
    const Y: [f64; 10] = [2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0, 2.0, 8.0];
    const A: [f64; 10] = [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0];
    const B: [f64; 10] = [0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0];

    /// By scipy 1.17.1: `spearmanr(x, y).statistic` and `contingency.association(crosstab(a,
    /// b).count, method="cramer")`; the correlation ratio by numpy from its definition.
    #[test]
    fn as_scipy_computes_them() {
        close(spearman(&X, &Y), 0.13471506281091267);
        close(cramers_v(&A, &B), 0.6582805886043833);
        close(correlation_ratio(&A, &X), 0.6632425728061443);
    }

    #[test]
    fn rows_without_both_values_do_not_count() {
        let mut x = X.to_vec();
        let mut y = Y.to_vec();
        x.extend([f64::NAN, 1.0]);
        y.extend([5.0, f64::NAN]);
        close(spearman(&x, &y), 0.13471506281091267);
    }

    #[test]
    fn a_constant_says_nothing() {
        let same = [1.0; 10];
        assert_eq!(spearman(&X, &same), None);
        assert_eq!(cramers_v(&A, &same), None);
        assert_eq!(correlation_ratio(&A, &same), None);
        assert_eq!(correlation_ratio(&[], &[]), None);
    }
}
