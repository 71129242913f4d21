//! Reading the values of rows: what is not there is missing, which is NaN.

/// The values of a feature for at most `rows` rows; fewer where `values` ends.
pub(super) fn column(values: &[f64], stride: usize, feature: usize, rows: usize) -> &[f64] {
    let from = feature.checked_mul(stride);
    let column = from.and_then(|from| values.get(from..)).unwrap_or_default();
    column.get(..rows).unwrap_or(column)
}

/// A value of a row or a column; missing beyond the end.
pub(super) fn value_of(values: &[f64], at: usize) -> f64 {
    values.get(at).copied().unwrap_or(f64::NAN)
}

/// The code of a category value that is not NaN: `categories` ("other") for anything
/// but a whole number below it.
#[inline]
pub(crate) fn category_code(value: f64, categories: u32) -> u32 {
    // A cast saturates, so that it cannot hit a wrong code that converts back.
    let code = value as u32;
    if f64::from(code) == value && code < categories {
        code
    } else {
        categories
    }
}

/// The code of a category value, NaN included.
#[inline(always)]
pub(super) fn code(value: f64, categories: u32) -> usize {
    if value.is_nan() {
        categories as usize + 1
    } else {
        category_code(value, categories) as usize
    }
}
