//! Fisher's exact test of a 2 × 2 table: the sum of the hypergeometric probabilities of all
//! tables with the same margins that are no likelier than the one seen.
//!
//! Source: R. A. Fisher, "On the interpretation of χ² from contingency tables, and the
//! calculation of P", Journal of the Royal Statistical Society 85(1), 1922.

use statrs::function::gamma::ln_gamma;

/// Tables whose probability is larger by no more than this count as equally likely.
const TIE: f64 = 1e-7;

/// `ones` of `total` in the reference and in the current batch: the two-sided p-value.
#[must_use]
pub fn p_value(ones: [u64; 2], total: [u64; 2]) -> f64 {
    let successes = ones[0] + ones[1];
    let lowest = successes.saturating_sub(total[1]);
    let highest = successes.min(total[0]);
    let choose = |n: u64, k: u64| {
        let factorial = |x: u64| ln_gamma(x as f64 + 1.0);
        factorial(n) - factorial(k) - factorial(n - k)
    };
    let all = choose(total[0] + total[1], successes);
    let log_of = |x: u64| choose(total[0], x) + choose(total[1], successes - x) - all;
    let seen = log_of(ones[0]) + TIE;
    let likelier = (lowest..=highest).map(log_of).filter(|log| *log <= seen);
    likelier.map(f64::exp).sum::<f64>().min(1.0)
}
