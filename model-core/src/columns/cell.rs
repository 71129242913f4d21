//! One value of a column, as a request would say it.

use super::{Column, ColumnError, NumberType, Values, bit};
use crate::json::Writer;

/// A value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// None is there.
    Missing,
    /// A floating-point number; NaN is missing.
    Float(f64),
    /// An integer.
    Signed(i64),
    /// An integer without a sign.
    Unsigned(u64),
    /// A boolean.
    Boolean(bool),
    /// A text.
    Text(&'a str),
}

impl Column<'_> {
    /// The value of a row below [`Column::rows`] of a column that [`Column::check`] accepted.
    ///
    /// # Errors
    /// Where a text or an entry of a dictionary is not there, or a text is not UTF-8.
    pub fn cell(&self, row: usize) -> Result<Cell<'_>, ColumnError> {
        if !self.is_valid(row) {
            return Ok(Cell::Missing);
        }
        match &self.values {
            Values::Null => Ok(Cell::Missing),
            Values::Booleans(bits) => Ok(Cell::Boolean(bit(bits, self.offset + row))),
            Values::Numbers(number, bytes) => Ok(number.at(bytes, self.offset + row)),
            Values::Text { .. } | Values::TextView { .. } => self.text(row).map(Cell::Text),
            Values::Dictionary { values, .. } => {
                let entry = self.entry(row, values.rows)?;
                values.cell(entry).map_err(|error| error.in_row(row))
            }
        }
    }

    /// The index of a row's entry in its dictionary of `count` entries.
    pub(super) fn entry(&self, row: usize, count: usize) -> Result<usize, ColumnError> {
        let Values::Dictionary { keys, indices, .. } = &self.values else {
            return Ok(row);
        };
        let index = keys.at(indices, self.offset + row);
        let entry = match index {
            Cell::Signed(index) => usize::try_from(index).ok(),
            Cell::Unsigned(index) => usize::try_from(index).ok(),
            _ => None,
        };
        entry.filter(|entry| *entry < count).ok_or_else(|| {
            // Not `{index:?}`: with it the module carries 20 KB that print an f64.
            let index = match index {
                Cell::Signed(index) => index.to_string(),
                Cell::Unsigned(index) => index.to_string(),
                _ => "no whole number".to_owned(),
            };
            ColumnError::new(format!(
                "its index is {index}, and its dictionary has {count} entries"
            ))
            .in_row(row)
        })
    }
}

impl NumberType {
    /// The number at an index that is inside.
    pub(super) fn at(self, bytes: &[u8], index: usize) -> Cell<'static> {
        let bytes = &bytes[index * self.width()..];
        // A buffer that is too short was refused.
        let (eight, four, two, one) = (
            bytes.first_chunk().copied().unwrap_or_default(),
            bytes.first_chunk().copied().unwrap_or_default(),
            bytes.first_chunk().copied().unwrap_or_default(),
            bytes.first_chunk().copied().unwrap_or_default(),
        );
        match self {
            Self::F32 => Cell::Float(f32::from_le_bytes(four).into()),
            Self::F64 => Cell::Float(f64::from_le_bytes(eight)),
            Self::I8 => Cell::Signed(i8::from_le_bytes(one).into()),
            Self::I16 => Cell::Signed(i16::from_le_bytes(two).into()),
            Self::I32 => Cell::Signed(i32::from_le_bytes(four).into()),
            Self::I64 => Cell::Signed(i64::from_le_bytes(eight)),
            Self::U8 => Cell::Unsigned(u8::from_le_bytes(one).into()),
            Self::U16 => Cell::Unsigned(u16::from_le_bytes(two).into()),
            Self::U32 => Cell::Unsigned(u32::from_le_bytes(four).into()),
            Self::U64 => Cell::Unsigned(u64::from_le_bytes(eight)),
        }
    }
}

impl Cell<'_> {
    /// Writes the value as a request has it.
    pub fn write(self, json: &mut Writer<'_>) {
        match self {
            Self::Missing => json.raw("null"),
            // JSON has no word for it, and this is read as infinite.
            Self::Float(number) if number.is_infinite() => {
                json.raw(if number > 0.0 { "1e999" } else { "-1e999" });
            }
            Self::Float(number) => json.number(number),
            Self::Signed(_) | Self::Unsigned(_) => {
                let mut buffer = itoa::Buffer::new();
                json.raw(self.integer_text(&mut buffer));
            }
            Self::Boolean(yes) => json.boolean(yes),
            Self::Text(text) => json.text(text),
        }
    }

    /// An integer as it is written.
    pub(super) fn integer_text(self, buffer: &mut itoa::Buffer) -> &str {
        match self {
            Self::Signed(integer) => buffer.format(integer),
            Self::Unsigned(integer) => buffer.format(integer),
            _ => "",
        }
    }
}
