//! Applications column by column, in the layout of Apache Arrow.
//!
//! A [`Column`] borrows the buffers of an Arrow array: little-endian values, a bitmap of what
//! is there, offsets into text, or indices into a dictionary. Who has such buffers hands them
//! over as they are, and [`Decider::judge_columns`](crate::decide::Decider::judge_columns)
//! reads them as a request's values are read, by the same code. The layout is that of
//! <https://arrow.apache.org/docs/format/Columnar.html>.
//!
//! # Example
//!
//! ```
//! use model_core::columns::{Column, NumberType, Values};
//!
//! let incomes: Vec<u8> = [52_000.0, 48_000.0, 0.0].iter().flat_map(|x: &f64| x.to_le_bytes()).collect();
//! let column = Column {
//!     rows: 3,
//!     offset: 0,
//!     // The lowest bit is the first row: the third value is missing.
//!     validity: Some(&[0b011]),
//!     values: Values::Numbers(NumberType::F64, &incomes),
//! };
//! assert_eq!(column.check(), Ok(()));
//! ```

mod cell;
mod codes;
mod error;

pub use cell::Cell;
pub(crate) use codes::Reader;
pub use error::ColumnError;

use crate::schema::{Feature, FeatureKind};

/// One column of a table, borrowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Column<'a> {
    /// Number of rows.
    pub rows: usize,
    /// The first row's index in the buffers: a slice of an array shares them.
    pub offset: usize,
    /// A bit for each row, lowest first: whether a value is there. `None`: all are.
    pub validity: Option<&'a [u8]>,
    /// The values; what stands where none is there has no meaning.
    pub values: Values<'a>,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values<'a> {
    /// None in any row.
    Null,
    /// A bit for each row, lowest first.
    Booleans(&'a [u8]),
    /// Numbers of one type, little-endian.
    Numbers(NumberType, &'a [u8]),
    /// UTF-8.
    Text {
        /// Where each text starts, and last where the last one ends.
        offsets: Offsets<'a>,
        /// The texts, one after the other.
        bytes: &'a [u8],
    },
    /// UTF-8 of at most 12 bytes beside its length, longer texts in buffers.
    TextView {
        /// 16 bytes a row.
        views: &'a [u8],
        /// What the views of longer texts point into.
        buffers: Vec<&'a [u8]>,
    },
    /// Indices into other values, such as a categorical column has.
    Dictionary {
        /// The type of the indices, an integer.
        keys: NumberType,
        /// An index a row.
        indices: &'a [u8],
        /// What the indices stand for; no dictionary itself.
        values: Box<Column<'a>>,
    },
}

/// Offsets of texts, little-endian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Offsets<'a> {
    /// Of 32 bits, as `utf8` has them.
    Short(&'a [u8]),
    /// Of 64 bits, as `large_utf8` has them.
    Long(&'a [u8]),
}

/// The type of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is what its name says")]
pub enum NumberType {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
}

impl NumberType {
    /// The bytes of one number.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }
}

impl Offsets<'_> {
    fn count(self) -> usize {
        match self {
            Self::Short(bytes) => bytes.len() / 4,
            Self::Long(bytes) => bytes.len() / 8,
        }
    }

    /// Where the last text ends, which is how many bytes the texts have.
    #[must_use]
    pub fn end(self) -> usize {
        let last = self.count().checked_sub(1);
        last.map_or(0, |last| self.at(last))
    }

    /// The offset at an index that [`Column::check`] found inside; one that is negative is
    /// beyond every text.
    fn at(self, index: usize) -> usize {
        let offset = match self {
            Self::Short(bytes) => {
                let four = bytes[4 * index..].first_chunk();
                four.map(|four| i64::from(i32::from_le_bytes(*four)))
            }
            Self::Long(bytes) => {
                let eight = bytes[8 * index..].first_chunk();
                eight.map(|eight| i64::from_le_bytes(*eight))
            }
        };
        offset
            .and_then(|offset| usize::try_from(offset).ok())
            .unwrap_or(usize::MAX)
    }
}

impl Column<'_> {
    /// Checks that the buffers hold as many values as there are rows. What the values point to,
    /// texts and entries of a dictionary, is checked when they are read.
    ///
    /// # Errors
    /// Names the buffer that is too short, in bytes.
    pub fn check(&self) -> Result<(), ColumnError> {
        let end = self.offset.checked_add(self.rows);
        let end = end.ok_or_else(|| ColumnError::new("it has more rows than there can be"))?;
        let at_least = |buffer: &str, bytes: &[u8], expected: usize| {
            if bytes.len() < expected {
                let found = bytes.len();
                return Err(ColumnError::new(format!(
                    "its {buffer} has {found} bytes, {end} rows need {expected}"
                )));
            }
            Ok(())
        };
        if let Some(validity) = self.validity {
            at_least("validity bitmap", validity, end.div_ceil(8))?;
        }
        match &self.values {
            Values::Null => Ok(()),
            Values::Booleans(bits) => at_least("buffer of booleans", bits, end.div_ceil(8)),
            Values::Numbers(number, bytes) => at_least(
                "buffer of numbers",
                bytes,
                end.saturating_mul(number.width()),
            ),
            Values::Text { offsets, .. } if self.rows > 0 && offsets.count() <= end => {
                let found = offsets.count();
                Err(ColumnError::new(format!(
                    "it has {found} offsets of texts, {end} rows need {}",
                    end + 1
                )))
            }
            Values::Text { .. } => Ok(()),
            Values::TextView { views, .. } => {
                at_least("buffer of views", views, end.saturating_mul(16))
            }
            Values::Dictionary {
                keys,
                indices,
                values,
            } => {
                if keys.is_float() || matches!(values.values, Values::Dictionary { .. }) {
                    return Err(ColumnError::new(
                        "expected a dictionary of plain values with integers as indices",
                    ));
                }
                at_least(
                    "buffer of indices",
                    indices,
                    end.saturating_mul(keys.width()),
                )?;
                values.check()
            }
        }
    }

    /// Checks that a feature can have values of this type at all.
    ///
    /// # Errors
    /// Says what was expected and what came.
    pub fn suits(&self, feature: &Feature) -> Result<(), ColumnError> {
        match (&self.values, &feature.kind) {
            (Values::Dictionary { values, .. }, _) => values.suits(feature),
            (Values::Booleans(_), FeatureKind::Boolean) => Ok(()),
            (Values::Booleans(_), kind) => Err(ColumnError::new(format!(
                "expected a column of type {}, got booleans",
                kind.word()
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a value is there.
    fn is_valid(&self, row: usize) -> bool {
        self.validity
            .is_none_or(|validity| bit(validity, self.offset + row))
    }

    /// The bytes of a text, as far as they are there.
    fn text_bytes(&self, row: usize) -> Option<&[u8]> {
        let row = self.offset + row;
        match &self.values {
            Values::Text { offsets, bytes } => bytes.get(offsets.at(row)..offsets.at(row + 1)),
            Values::TextView { views, buffers } => {
                let view = views.get(16 * row..)?.first_chunk::<16>()?;
                let word = |at: usize| {
                    let four = view[at..].first_chunk::<4>();
                    four.map_or(0, |four| u32::from_le_bytes(*four) as usize)
                };
                let length = word(0);
                if length <= 12 {
                    return views.get(16 * row + 4..16 * row + 4 + length);
                }
                let start = word(12);
                buffers.get(word(8))?.get(start..start.checked_add(length)?)
            }
            _ => None,
        }
    }

    /// The text of a row that has one.
    fn text(&self, row: usize) -> Result<&str, ColumnError> {
        let bytes = self.text_bytes(row).ok_or_else(|| {
            ColumnError::new("the offsets of its text lie outside its buffer").in_row(row)
        })?;
        std::str::from_utf8(bytes)
            .map_err(|_| ColumnError::new("its text is not UTF-8").in_row(row))
    }
}

/// The bit of a row in a bitmap that is long enough.
fn bit(bits: &[u8], row: usize) -> bool {
    bits[row / 8] >> (row % 8) & 1 == 1
}
