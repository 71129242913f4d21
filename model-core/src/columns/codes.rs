//! From a column to the model's terms.

use super::{Cell, Column, ColumnError, NumberType, Values, bit};
use crate::literal::MAX_EXACT;
use crate::schema::{Feature, FeatureKind, MissingValues};
use crate::value::{Value, read};

/// What is written for a value that its feature refuses: every feature that can be refused a
/// value refuses this one.
const REFUSED: f64 = f64::INFINITY;

/// A column that is read for a feature, the entries of its dictionary looked up.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    column: &'a Column<'a>,
    /// What the entries of a dictionary come to.
    entries: Vec<f64>,
}

impl<'a> Reader<'a> {
    /// Checks a column, and reads what its values have in common: each entry of a dictionary
    /// once.
    ///
    /// # Errors
    /// Where the column is too short, of a type that the feature does not take, or has a
    /// dictionary that cannot be read.
    pub(crate) fn new(
        column: &'a Column<'a>,
        feature: &Feature,
        missing_values: &MissingValues,
    ) -> Result<Self, ColumnError> {
        column.check()?;
        column.suits(feature)?;
        let mut entries = Vec::new();
        if let Values::Dictionary { values, .. } = &column.values {
            entries.resize(values.rows, 0.0);
            let reader = Self::new(values, feature, missing_values)?;
            reader.read(feature, missing_values, 0, &mut entries)?;
        }
        Ok(Self { column, entries })
    }

    /// Writes the codes of the rows from `start` on, as
    /// [`Decider::batch`](crate::decide::Decider::batch) takes them.
    ///
    /// # Errors
    /// Names a row whose text or entry cannot be read.
    pub(crate) fn read(
        &self,
        feature: &Feature,
        missing_values: &MissingValues,
        start: usize,
        out: &mut [f64],
    ) -> Result<(), ColumnError> {
        let column = self.column;
        match &column.values {
            Values::Null => out.fill(f64::NAN),
            Values::Booleans(bits) => {
                for (row, out) in (column.offset + start..).zip(out.iter_mut()) {
                    *out = f64::from(u8::from(bit(bits, row)));
                }
            }
            Values::Numbers(number, bytes) => {
                let bytes = &bytes[(column.offset + start) * number.width()..];
                read_numbers(*number, bytes, feature, missing_values, out);
            }
            Values::Text { .. } | Values::TextView { .. } => {
                for (row, out) in (start..).zip(out.iter_mut()) {
                    if column.is_valid(row) {
                        let value = Value::from_text(column.text(row)?);
                        *out = code(feature, value, missing_values);
                    }
                }
            }
            Values::Dictionary { .. } => {
                for (row, out) in (start..).zip(out.iter_mut()) {
                    if column.is_valid(row) {
                        *out = self.entries[column.entry(row, self.entries.len())?];
                    }
                }
            }
        }
        if let Some(validity) = column.validity {
            for (row, out) in (column.offset + start..).zip(out.iter_mut()) {
                if !bit(validity, row) {
                    *out = f64::NAN;
                }
            }
        }
        Ok(())
    }
}

fn code(feature: &Feature, value: Value<'_>, missing: &MissingValues) -> f64 {
    read(feature, value, missing).map_or(REFUSED, |reading| reading.code())
}

fn read_numbers(
    number: NumberType,
    bytes: &[u8],
    feature: &Feature,
    missing: &MissingValues,
    out: &mut [f64],
) {
    if let FeatureKind::Category(_) = feature.kind {
        for (index, out) in out.iter_mut().enumerate() {
            *out = category_code(feature, number.at(bytes, index), missing);
        }
        return;
    }
    copy_numbers(number, bytes, feature, out);
    if missing.are_among(out) {
        for out in out.iter_mut().filter(|out| missing.has_number(**out)) {
            *out = f64::NAN;
        }
    }
}

fn copy_numbers(number: NumberType, bytes: &[u8], feature: &Feature, out: &mut [f64]) {
    match (&feature.kind, number) {
        // Not every such integer is a number of its own.
        (FeatureKind::Integer(_), NumberType::I64 | NumberType::U64) => {
            for (index, out) in out.iter_mut().enumerate() {
                *out = exact(number.at(bytes, index));
            }
        }
        // The types that tables mostly have: nothing to choose in the loop.
        (_, NumberType::F64) => {
            for (eight, out) in bytes.as_chunks().0.iter().zip(out) {
                *out = f64::from_le_bytes(*eight);
            }
        }
        (_, NumberType::I64) => {
            for (eight, out) in bytes.as_chunks().0.iter().zip(out) {
                *out = i64::from_le_bytes(*eight) as f64;
            }
        }
        _ => {
            for (index, out) in out.iter_mut().enumerate() {
                *out = as_float(number.at(bytes, index));
            }
        }
    }
}

/// What a number is rounded to, as when its digits are read.
fn as_float(cell: Cell<'_>) -> f64 {
    match cell {
        Cell::Float(number) => number,
        Cell::Signed(integer) => integer as f64,
        Cell::Unsigned(integer) => integer as f64,
        Cell::Missing | Cell::Boolean(_) | Cell::Text(_) => f64::NAN,
    }
}

fn exact(cell: Cell<'_>) -> f64 {
    let magnitude = match cell {
        Cell::Signed(integer) => integer.unsigned_abs(),
        Cell::Unsigned(integer) => integer,
        _ => 0,
    };
    if magnitude > MAX_EXACT as u64 {
        REFUSED
    } else {
        as_float(cell)
    }
}

/// A number for a category such as "3", as a request has it.
fn category_code(feature: &Feature, cell: Cell<'_>, missing: &MissingValues) -> f64 {
    match cell {
        Cell::Float(number) if number.is_nan() => f64::NAN,
        Cell::Float(number) => {
            let mut buffer = zmij::Buffer::new();
            code(feature, Value::Number(buffer.format(number)), missing)
        }
        _ => {
            let mut buffer = itoa::Buffer::new();
            code(
                feature,
                Value::Number(cell.integer_text(&mut buffer)),
                missing,
            )
        }
    }
}
