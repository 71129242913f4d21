//! What the integers of a column stand for.

use std::fmt;

use parquet::basic::{ConvertedType, LogicalType, TimeUnit};
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use crate::block::Texts;
use crate::calendar::date_of;

/// Integers with no more bits than these are exact in an `f64`.
const F64_BITS: u32 = 53;
/// Seconds.
const DAY: i64 = 86_400;

/// What integers stand for, by the logical type of their column, or in older files its
/// converted type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Signed,
    Unsigned,
    /// A number with so many digits behind the point.
    Decimal(u32),
    /// Days since 1970-01-01.
    Date,
    /// Time since midnight, with so many digits of a second's fraction.
    Time(u32),
    /// Time since 1970-01-01T00:00:00, in UTC or wherever the file was written.
    Timestamp {
        digits: u32,
        utc: bool,
    },
}

impl Meaning {
    pub(super) fn of(column: &ColumnDescriptor) -> Self {
        if let Some(logical) = column.logical_type_ref() {
            match logical {
                LogicalType::Integer(integer) if !integer.is_signed => return Self::Unsigned,
                LogicalType::Date => return Self::Date,
                LogicalType::Time(time) => return Self::Time(digits_of(time.unit)),
                LogicalType::Timestamp(time) => {
                    return Self::Timestamp {
                        digits: digits_of(time.unit),
                        utc: time.is_adjusted_to_u_t_c,
                    };
                }
                _ => {}
            }
        }
        match column.converted_type() {
            ConvertedType::UINT_8
            | ConvertedType::UINT_16
            | ConvertedType::UINT_32
            | ConvertedType::UINT_64 => Self::Unsigned,
            ConvertedType::DECIMAL => {
                Self::Decimal(u32::try_from(column.type_scale()).unwrap_or(0))
            }
            ConvertedType::DATE => Self::Date,
            ConvertedType::TIME_MILLIS => Self::Time(3),
            ConvertedType::TIME_MICROS => Self::Time(6),
            // These two are in UTC.
            ConvertedType::TIMESTAMP_MILLIS => Self::Timestamp {
                digits: 3,
                utc: true,
            },
            ConvertedType::TIMESTAMP_MICROS => Self::Timestamp {
                digits: 6,
                utc: true,
            },
            _ => Self::Signed,
        }
    }

    /// Whether every value is a text.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Date | Self::Time(_) | Self::Timestamp { .. })
    }

    /// What an integer is divided by.
    pub(super) fn divisor(self) -> f64 {
        match self {
            Self::Decimal(scale) => 10f64.powi(i32::try_from(scale).unwrap_or(i32::MAX)),
            _ => 1.0,
        }
    }

    /// Whether values are numbers that an `f64` holds; they are then the same with a sign and
    /// without.
    pub(super) fn fit_f64(self, values: &[i64]) -> bool {
        !self.is_text() && self.bits(values) >> F64_BITS == 0
    }

    /// Whether a column chunk says that it has numbers that an `f64` does not hold.
    pub(super) fn exceeds_f64(self, chunk: &Statistics) -> bool {
        let Statistics::Int64(chunk) = chunk else {
            return false;
        };
        let ends = [chunk.min_opt(), chunk.max_opt()];
        ends.into_iter().flatten().any(|end| !self.fit_f64(&[*end]))
    }

    /// The bits that any of the magnitudes has.
    fn bits(self, values: &[i64]) -> u64 {
        match self {
            Self::Unsigned => values.iter().fold(0, |bits, v| bits | *v as u64),
            _ => values.iter().fold(0, |bits, v| bits | v.unsigned_abs()),
        }
    }

    /// Adds a value as CSV would have it.
    pub(super) fn push(self, value: i64, texts: &mut Texts) {
        match self {
            Self::Signed | Self::Decimal(0) => texts.push_formatted(format_args!("{value}")),
            // The same bits, read without a sign.
            Self::Unsigned => texts.push_formatted(format_args!("{}", value as u64)),
            Self::Decimal(scale) => {
                let sign = if value < 0 { "-" } else { "" };
                let magnitude = value.unsigned_abs();
                // An integer has fewer digits than a power that is none.
                let (whole, fraction) = match 10u64.checked_pow(scale) {
                    Some(one) => (magnitude / one, magnitude % one),
                    None => (0, magnitude),
                };
                let digits = scale as usize;
                texts.push_formatted(format_args!("{sign}{whole}.{fraction:0digits$}"));
            }
            Self::Date => {
                let (year, month, day) = date_of(value);
                texts.push_formatted(format_args!("{year:04}-{month:02}-{day:02}"));
            }
            Self::Time(digits) => {
                texts.push_formatted(format_args!("{}", Clock { value, digits }));
            }
            Self::Timestamp { digits, utc } => {
                let one_day = 10i64.pow(digits) * DAY;
                let (year, month, day) = date_of(value.div_euclid(one_day));
                let value = value.rem_euclid(one_day);
                let clock = Clock { value, digits };
                let zone = if utc { "Z" } else { "" };
                texts.push_formatted(format_args!("{year:04}-{month:02}-{day:02}T{clock}{zone}"));
            }
        }
    }
}

/// Digits of a second's fraction.
fn digits_of(unit: TimeUnit) -> u32 {
    match unit {
        TimeUnit::MILLIS => 3,
        TimeUnit::MICROS => 6,
        TimeUnit::NANOS => 9,
    }
}

/// Time since midnight as `12:00:00`, with the fraction of a second where there is one.
struct Clock {
    value: i64,
    digits: u32,
}

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = 10i64.pow(self.digits);
        let (second, fraction) = (self.value.div_euclid(one), self.value.rem_euclid(one));
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{hour:02}:{minute:02}:{second:02}")?;
        match fraction {
            0 => Ok(()),
            _ => write!(f, ".{fraction:0digits$}", digits = self.digits as usize),
        }
    }
}
