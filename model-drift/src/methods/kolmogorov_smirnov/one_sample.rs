//! The distribution of the one-sample statistic, by the method that is accurate where it
//! is asked: R. Simard and P. L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov
//! distribution", Journal of Statistical Software 39(11), 2011.

use std::f64::consts::PI;

use statrs::function::gamma::ln_gamma;

/// Above this the sum of [`one_sided_tail`] is long, and its first term is enough.
const LONG: f64 = 1e6;

/// `Pr(D_n ≥ d)` for n rows.
#[must_use]
pub fn one_sample_tail(d: f64, n: f64) -> f64 {
    if n <= 0.0 || d.is_nan() {
        return f64::NAN;
    }
    let nd = n * d;
    if d >= 1.0 {
        return 0.0;
    }
    if nd <= 0.5 {
        return 1.0;
    }
    if nd <= 1.0 {
        let log = ln_gamma(n + 1.0) - n * n.ln() + n * (2.0 * nd - 1.0).ln();
        return 1.0 - log.exp();
    }
    if nd >= n - 1.0 {
        return 2.0 * (1.0 - d).powf(n);
    }
    let nd2 = nd * d;
    if nd2 >= 370.0 {
        return 0.0;
    }
    let both_sides_apart = if n <= 140.0 { 4.0 } else { 2.2 };
    if d >= 0.5 || nd2 >= both_sides_apart {
        return (2.0 * one_sided_tail(d, n)).min(1.0);
    }
    let narrow = n <= 140.0 || (n <= 100_000.0 && n * d.powf(1.5) <= 1.4);
    1.0 - if narrow {
        durbin(d, n)
    } else {
        pelz_good(d, n)
    }
}

/// `Pr(D⁺_n ≥ d)` (Z. W. Birnbaum and F. H. Tingey, Annals of Mathematical Statistics 22(4),
/// 1951): `d Σ C(n, j) (1 - d - j/n)^(n - j) (d + j/n)^(j - 1)`.
fn one_sided_tail(d: f64, n: f64) -> f64 {
    if n > LONG {
        return (-2.0 * n * d * d - 2.0 / 3.0 * d).exp();
    }
    let last = (n * (1.0 - d)).floor() as u64;
    let all = ln_gamma(n + 1.0);
    let mut sum = 0.0;
    for j in 0..=last {
        let j = j as f64;
        let rest = 1.0 - d - j / n;
        let power = if rest > 0.0 {
            (n - j) * (rest).ln()
        } else {
            f64::NEG_INFINITY
        };
        let log = all - ln_gamma(j + 1.0) - ln_gamma(n - j + 1.0) + power;
        sum += (log + (j - 1.0) * (d + j / n).ln()).exp();
    }
    d * sum
}

/// `Pr(D_n < d)`, exactly: J. Durbin's matrix, its power by G. Marsaglia, W. W. Tsang and
/// J. Wang, Journal of Statistical Software 8(18), 2003.
fn durbin(d: f64, n: f64) -> f64 {
    let k = (n * d).ceil();
    let h = k - n * d;
    let size = 2 * k as usize - 1;
    let mut matrix = Scaled::identity(size);
    matrix.fill_durbin(h);
    let mut power = Scaled::identity(size);
    let mut left = n as u64;
    while left > 0 {
        if left % 2 == 1 {
            power = power.times(&matrix);
        }
        matrix = matrix.times(&matrix);
        left /= 2;
    }
    let middle = k as usize - 1;
    let log_factor = ln_gamma(n + 1.0) - n * n.ln();
    power.cells[middle * size + middle] * (log_factor + power.log_scale).exp()
}

/// A square matrix times `exp(log_scale)`.
struct Scaled {
    size: usize,
    cells: Vec<f64>,
    log_scale: f64,
}

impl Scaled {
    fn identity(size: usize) -> Self {
        let mut cells = vec![0.0; size * size];
        cells
            .iter_mut()
            .step_by(size + 1)
            .for_each(|cell| *cell = 1.0);
        Self {
            size,
            cells,
            log_scale: 0.0,
        }
    }

    fn fill_durbin(&mut self, h: f64) {
        let m = self.size;
        let mut inverse_factorial = vec![1.0; m + 1];
        for i in 1..=m {
            inverse_factorial[i] = inverse_factorial[i - 1] / i as f64;
        }
        for row in 0..m {
            for column in 1..m {
                let step = row as i64 - column as i64 + 1;
                let cell = usize::try_from(step).map_or(0.0, |step| inverse_factorial[step]);
                self.cells[row * m + column] = cell;
            }
        }
        for i in 0..m {
            let edge = (1.0 - h.powi(i as i32 + 1)) * inverse_factorial[i + 1];
            self.cells[i * m] = edge;
            self.cells[(m - 1) * m + m - 1 - i] = edge;
        }
        let corner = (2.0 * h - 1.0).max(0.0).powi(m as i32) - 2.0 * h.powi(m as i32);
        self.cells[(m - 1) * m] = (1.0 + corner) * inverse_factorial[m];
    }

    fn times(&self, other: &Self) -> Self {
        let m = self.size;
        let mut cells = vec![0.0; m * m];
        for row in 0..m {
            for inner in 0..m {
                let factor = self.cells[row * m + inner];
                for column in 0..m {
                    cells[row * m + column] += factor * other.cells[inner * m + column];
                }
            }
        }
        let largest = cells
            .iter()
            .fold(f64::MIN_POSITIVE, |a: f64, b| a.max(b.abs()));
        cells.iter_mut().for_each(|cell| *cell /= largest);
        Self {
            size: m,
            cells,
            log_scale: self.log_scale + other.log_scale + largest.ln(),
        }
    }
}

/// `Pr(D_n < d)` for large n: four terms of the expansion by W. Pelz and I. J. Good, Journal
/// of the Royal Statistical Society B 38(2), 1976.
fn pelz_good(d: f64, n: f64) -> f64 {
    let z = n.sqrt() * d;
    let (z2, z4, z6, z8) = (z.powi(2), z.powi(4), z.powi(6), z.powi(8));
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let last = (16.0 * z / PI).ceil() as i32;
    let mut sums = [0.0; 4];
    for k in (1..=last).rev() {
        let half = f64::from(2 * k - 1);
        let (m2, m4, m6) = (half.powi(2), half.powi(4), half.powi(6));
        let weight = (-pi2 * m2 / (8.0 * z2)).exp();
        let k2 = f64::from(k).powi(2);
        let whole = (-pi2 * k2 / (2.0 * z2)).exp();
        sums[0] += weight;
        sums[1] += (pi2 / 4.0 * m2 - z2) * weight;
        sums[2] += (6.0 * z6
            + 2.0 * z4
            + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2
            + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4)
            * weight
            - 2.0 * pi2 * z4 * k2 * whole;
        sums[3] += (-30.0 * z6 - 90.0 * z8
            + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
            + pi4 * (212.0 * z4 - 60.0 * z2) / 16.0 * m4
            + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6)
            * weight
            + 30.0 * z4 * (3.0 * z2 * pi2 * k2 - pi4 * k2 * k2) * whole;
    }
    let scale = [z, 6.0 * z4, 72.0 * z.powi(7), 6480.0 * z.powi(10)];
    let mut sum = 0.0;
    for (power, (term, scale)) in sums.iter().zip(scale).enumerate() {
        sum += term * (2.0 * PI).sqrt() / scale / n.powf(power as f64 / 2.0);
    }
    sum.clamp(0.0, 1.0)
}
