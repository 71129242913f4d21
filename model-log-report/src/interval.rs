//! The interval of a share.

/// 97.5 % of a standard normal distribution are below this.
const Z: f64 = 1.959_963_984_540_054;

/// The Wilson score interval of `count` out of `of`, 95 %: the shares `p` for which
/// `|count/of - p| <= z sqrt(p (1 - p) / of)` (E. B. Wilson, JASA 22, 1927, 209-212). `None`
/// where `of` is 0.
///
/// ```
/// let (low, high) = model_log_report::wilson(3, 100).unwrap_or_default();
/// assert!((low - 0.0103).abs() < 1e-4 && (high - 0.0845).abs() < 1e-4);
/// assert_eq!(model_log_report::wilson(0, 0), None);
/// ```
#[must_use]
pub fn wilson(count: u64, of: u64) -> Option<(f64, f64)> {
    if of == 0 {
        return None;
    }
    let (n, share) = (of as f64, count as f64 / of as f64);
    let square = Z * Z / n;
    let center = (share + square / 2.0) / (1.0 + square);
    let half = (share * (1.0 - share) / n + square / (4.0 * n)).sqrt() * Z / (1.0 + square);
    Some(((center - half).max(0.0), (center + half).min(1.0)))
}
