//! The cells of a column of text, one after the other: what [`read`] answers, in a fraction of
//! the time. Columns repeat a few texts, or are short numbers.

use crate::decimal;
use crate::schema::{Feature, FeatureKind, MissingValues};
use crate::value::{Reading, Value, ValueError, read};

/// Texts whose meaning is kept.
const KEPT: usize = 32;

/// Reads the cells of one column.
///
/// ```
/// use model_core::cells::CellReader;
/// use model_core::schema::SchemaFile;
/// use model_core::value::Reading;
///
/// let schema = r#"
/// name = "loans"
/// version = "1"
/// missing_values = ["NA"]
/// [[feature]]
/// name = "paid"
/// type = "boolean"
/// role = "target"
/// [[feature]]
/// name = "home"
/// type = "category"
/// categories = ["OWN", "RENT"]
/// "#;
/// let schema = SchemaFile::from_toml(schema)?.schema;
/// // The target is none of the features.
/// let mut home = CellReader::new(&schema.features[0], &schema.missing_values);
/// assert_eq!(home.read("RENT"), Ok(Reading::Is(1.0)));
/// assert_eq!(home.read(" NA "), Ok(Reading::Missing));
/// assert_eq!(home.read("TENT"), Ok(Reading::Unknown));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CellReader<'f> {
    feature: &'f Feature,
    missing_values: &'f MissingValues,
    is_number: bool,
    /// Whether digits with a point among or around them are a number, and never missing.
    takes_short: bool,
    known: ShortTexts<Reading>,
}

impl<'f> CellReader<'f> {
    /// For the column of a feature, in a file in which these values mean missing.
    #[must_use]
    pub fn new(feature: &'f Feature, missing_values: &'f MissingValues) -> Self {
        let is_number = matches!(
            feature.kind,
            FeatureKind::Number(_) | FeatureKind::Integer(_)
        );
        // -0 is 0.
        let is_short = |number: &f64| *number >= 0.0;
        Self {
            feature,
            missing_values,
            is_number,
            takes_short: is_number && !missing_values.numbers().iter().any(is_short),
            known: ShortTexts::default(),
        }
    }

    /// What [`read`] answers for the [`Value::from_text`] of the cell.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read(&mut self, cell: &str) -> Result<Reading, ValueError> {
        if self.takes_short
            && let Some(number) = decimal::short(cell)
            && (matches!(self.feature.kind, FeatureKind::Number(_)) || number.fract() == 0.0)
        {
            return Ok(Reading::Is(number));
        }
        if let Some(reading) = self.known.get_mut(cell) {
            return Ok(*reading);
        }
        let reading = read(self.feature, Value::from_text(cell), self.missing_values)?;
        // Numbers are rarely the same.
        if !self.is_number || reading == Reading::Missing {
            self.known.insert(cell, reading);
        }
        Ok(reading)
    }
}

/// Something of each of a few short texts, found without hashing.
#[derive(Debug, Clone)]
pub struct ShortTexts<T> {
    known: Vec<(Key, T)>,
}

impl<T> Default for ShortTexts<T> {
    fn default() -> Self {
        Self { known: Vec::new() }
    }
}

impl<T> ShortTexts<T> {
    /// What was inserted for a text.
    pub fn get_mut(&mut self, text: &str) -> Option<&mut T> {
        let key = Key::of(text)?;
        let mut known = self.known.iter_mut();
        known.find(|known| known.0 == key).map(|known| &mut known.1)
    }

    /// Keeps something for a text that has nothing yet; not where the text is long or there are
    /// many.
    pub fn insert(&mut self, text: &str, something: T) -> bool {
        match Key::of(text) {
            Some(key) if self.known.len() < KEPT => {
                self.known.push((key, something));
                true
            }
            _ => false,
        }
    }

    /// What was inserted, in that order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.known.iter().map(|known| &known.1)
    }
}

/// A text of at most 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    front: u64,
    back: u64,
    length: usize,
}

impl Key {
    /// Front and back overlap: with the length they say what every byte is.
    fn of(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let long = bytes.first_chunk().zip(bytes.last_chunk());
        let medium = bytes.first_chunk().zip(bytes.last_chunk());
        let (front, back) = match (bytes, long, medium) {
            (_, Some((front, back)), _) => (u64::from_le_bytes(*front), u64::from_le_bytes(*back)),
            (_, _, Some((front, back))) => (
                u64::from(u32::from_le_bytes(*front)),
                u64::from(u32::from_le_bytes(*back)),
            ),
            ([front, .., back], ..) => (
                u64::from(*front) | u64::from(bytes[1]) << 8,
                u64::from(*back),
            ),
            ([only], ..) => (u64::from(*only), 0),
            ([], ..) => (0, 0),
        };
        (bytes.len() <= 16).then_some(Self {
            front,
            back,
            length: bytes.len(),
        })
    }
}
