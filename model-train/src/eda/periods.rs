//! The first and the last quarter of the rows by time.

use super::column::Column;
use crate::evaluate::bands;
use crate::moment::Moment;

/// Parts of the rows by time.
const QUARTERS: usize = 4;

/// The rows of the first and of the last quarter by a column of times; rows of one moment are
/// never divided. `None` where a cell is no time, or all rows are of one quarter.
pub(super) fn first_and_last(column: &Column) -> Option<[Vec<usize>; 2]> {
    let moment = |value: &f64| -> Option<f64> {
        if column.kind.is_number() {
            return value.is_finite().then_some(*value);
        }
        let text = column.texts.get(*value as usize)?;
        Moment::parse(text.trim()).map(|moment| moment.value as f64)
    };
    let mut rows: Vec<(usize, f64)> = Vec::with_capacity(column.values.len());
    for (row, value) in column.values.iter().enumerate() {
        if value.is_nan() {
            continue;
        }
        rows.push((row, moment(value)?));
    }
    rows.sort_by(|a, b| a.1.total_cmp(&b.1));
    let times: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let parts = bands(&times, QUARTERS);
    let ([(_, first), .., (_, last)], true) = (parts.as_slice(), parts.len() > 1) else {
        return None;
    };
    let numbers = |range: &std::ops::Range<usize>| {
        let rows = rows[range.clone()].iter();
        rows.map(|row| row.0).collect()
    };
    Some([numbers(first), numbers(last)])
}
