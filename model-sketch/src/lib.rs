//! Sketches: what is kept of a batch is counts of each column, in fixed memory, never a row.
//!
//! The module carries this crate too, so that a page or a Worker that stores no applications
//! can still say what they were like.
//!
//! # Example
//!
//! Sketch two batches, merge them, and store the result. Merging is exact: the order of
//! values and batches never changes a byte.
//!
//! ```
//! use model_sketch::{Capacity, Kind, Sketch, SketchError, Spec};
//!
//! let batch = |incomes: &[f64]| {
//!     let mut sketch = Sketch::new(vec![Spec::new("income", Kind::Number)], Capacity::CARRIED);
//!     for income in incomes {
//!         sketch.columns[0].push_number(*income);
//!     }
//!     sketch
//! };
//! let mut sketch = batch(&[30_000.0, 65_000.0]);
//! sketch.merge(&batch(&[65_000.0, f64::NAN]))?;
//! assert_eq!(sketch, batch(&[65_000.0, f64::NAN, 65_000.0, 30_000.0]));
//!
//! let stored = sketch.encode();
//! let income = &Sketch::decode(&stored)?.columns[0];
//! assert_eq!((income.rows(), income.valid(), income.missing), (4, 3, 1));
//! # Ok::<(), SketchError>(())
//! ```

mod batch;
mod binary;
mod categories;
mod columns;
mod from_schema;
mod numbers;

pub use batch::{MAX_BATCH, answer_batch};
pub use binary::{FORMAT, SketchError};
pub use categories::{Categories, MAX_TEXT, text_hash};
pub use from_schema::{FIRST_REASON, PREDICTION, boolean_texts, specs_from_schema};
pub use numbers::{Bucket, Numbers};

/// Buckets of a number's sketch unless told otherwise: 64 KiB at most.
pub const NUMBER_BUCKETS: usize = 4096;
/// Texts that are counted by name unless told otherwise.
pub const CATEGORY_NAMES: usize = 1024;
/// The text that stands for every category outside the schema's list.
pub const NOT_LISTED: &str = "(not listed)";
/// Columns that a sketch may have.
pub const MAX_COLUMNS: usize = 4096;

/// How much a sketch may hold of each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Buckets of numbers.
    pub buckets: usize,
    /// Texts counted by name.
    pub names: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            buckets: NUMBER_BUCKETS,
            names: CATEGORY_NAMES,
        }
    }
}

impl Capacity {
    /// Of a sketch that travels with a model or comes from one: about 1 KB for a column of
    /// numbers, and no applicant's exact income where there are many.
    pub const CARRIED: Self = Self {
        buckets: 256,
        names: 256,
    };
    /// Everything is counted exactly; memory grows with the number of different values.
    pub const EXACT: Self = Self {
        buckets: usize::MAX,
        names: usize::MAX,
    };
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Finite numbers.
    Number,
    /// Texts of a list, booleans included.
    Category,
}

impl Kind {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Category => "category",
        }
    }
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// An input of the model, or a column of which nothing is known.
    Input,
    /// Kept for audits, never used to predict.
    Protected,
    /// Not used.
    Ignored,
    /// The outcome that the model learns.
    Target,
    /// The model's probabilities.
    Prediction,
    /// What counted most against those who were not approved.
    Reason,
}

/// What is known of a column before any value is counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
    /// What it is for.
    pub role: Role,
    /// Numbers below are out of range.
    pub lower: Option<f64>,
    /// Numbers above are out of range.
    pub upper: Option<f64>,
    /// The expected texts; empty when any text is accepted.
    pub known: Vec<String>,
}

impl Spec {
    /// A column of which only name and type are known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            role: Role::Input,
            lower: None,
            upper: None,
            known: Vec::new(),
        }
    }
}

/// Counts of one column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What was known before.
    pub spec: Spec,
    /// Values that were absent.
    pub missing: u64,
    /// Values of another type, such as a word among numbers.
    pub invalid: u64,
    /// Numbers that were infinite.
    pub infinite: u64,
    /// Numbers outside the range; they are counted as values too.
    pub out_of_range: u64,
    /// The values.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of numbers.
    Numbers(Numbers),
    /// Of texts.
    Categories(Categories),
}

impl Column {
    /// An empty column.
    #[must_use]
    pub fn new(spec: Spec, capacity: Capacity) -> Self {
        let values = match spec.kind {
            Kind::Number => Values::Numbers(Numbers::new(capacity.buckets)),
            Kind::Category => Values::Categories(Categories::new(capacity.names)),
        };
        Self {
            spec,
            missing: 0,
            invalid: 0,
            infinite: 0,
            out_of_range: 0,
            values,
        }
    }

    /// Counts a number; NaN is missing. In a column of texts it is invalid.
    pub fn push_number(&mut self, number: f64) {
        let Values::Numbers(numbers) = &mut self.values else {
            self.invalid += 1;
            return;
        };
        if number.is_nan() {
            self.missing += 1;
        } else if number.is_infinite() {
            self.infinite += 1;
        } else {
            let below = self.spec.lower.is_some_and(|lower| number < lower);
            let above = self.spec.upper.is_some_and(|upper| number > upper);
            self.out_of_range += u64::from(below || above);
            // Of an ignored column only that something came: it may be an account's number.
            numbers.push(match self.spec.role {
                Role::Ignored => 0.0,
                _ => number,
            });
        }
    }

    /// Counts numbers, as [`Column::push_number`] does one after the other, in less time.
    pub fn push_numbers(&mut self, numbers: &[f64]) {
        let Values::Numbers(values) = &mut self.values else {
            self.invalid += numbers.len() as u64;
            return;
        };
        let lower = self.spec.lower.unwrap_or(f64::MIN);
        let upper = self.spec.upper.unwrap_or(f64::MAX);
        let is_ignored = self.spec.role == Role::Ignored;
        let mut finite = Vec::with_capacity(numbers.len());
        for &number in numbers {
            if number.is_finite() {
                self.out_of_range += u64::from((number < lower) | (number > upper));
                finite.push(if is_ignored { 0.0 } else { number });
            } else if number.is_nan() {
                self.missing += 1;
            } else {
                self.infinite += 1;
            }
        }
        values.push_all(&finite);
    }

    /// Counts a text as it stands. In a column of numbers it is invalid.
    pub fn push_text(&mut self, text: &str) {
        let Values::Categories(categories) = &mut self.values else {
            self.invalid += 1;
            return;
        };
        // Of an ignored column only what the schema itself lists: other texts may be names.
        let is_named =
            self.spec.role != Role::Ignored || self.spec.known.iter().any(|known| known == text);
        categories.push(if is_named { text } else { NOT_LISTED });
    }

    /// Counts a text `count` times; in a column of numbers nothing.
    pub fn push_texts(&mut self, text: &str, count: u64) {
        if let Values::Categories(categories) = &mut self.values {
            let is_named = self.spec.role != Role::Ignored
                || self.spec.known.iter().any(|known| known == text);
            categories.push_many(if is_named { text } else { NOT_LISTED }, count);
        }
    }

    /// Counts an absent value.
    pub fn push_missing(&mut self) {
        self.missing += 1;
    }

    /// Counts a value that cannot be of this column's type.
    pub fn push_invalid(&mut self) {
        self.invalid += 1;
    }

    /// Values that were counted as such: not missing, invalid or infinite.
    #[must_use]
    pub fn valid(&self) -> u64 {
        match &self.values {
            Values::Numbers(numbers) => numbers.total(),
            Values::Categories(categories) => categories.total(),
        }
    }

    /// Texts that are not in the list, those without a name among them; counted as values too.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        let Values::Categories(categories) = &self.values else {
            return 0;
        };
        if self.spec.known.is_empty() {
            return 0;
        }
        let known = self
            .spec
            .known
            .iter()
            .filter_map(|text| categories.count(text));
        categories.total() - known.sum::<u64>()
    }

    /// Everything that came.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.valid() + self.missing + self.invalid + self.infinite
    }

    /// The numbers, where it has some.
    #[must_use]
    pub fn numbers(&self) -> Option<&Numbers> {
        match &self.values {
            Values::Numbers(numbers) => Some(numbers),
            Values::Categories(_) => None,
        }
    }

    /// The texts, where it has some.
    #[must_use]
    pub fn categories(&self) -> Option<&Categories> {
        match &self.values {
            Values::Categories(categories) => Some(categories),
            Values::Numbers(_) => None,
        }
    }

    /// Adds what another has counted.
    ///
    /// # Errors
    /// When the two are not of one name and type.
    pub fn merge(&mut self, other: &Self) -> Result<(), SketchError> {
        let different = |what| {
            Err(SketchError::Mismatch(format!(
                "column '{}': {what} differ, only sketches of the same columns can be merged",
                self.spec.name
            )))
        };
        if self.spec != other.spec {
            return different("name, type, role, range or categories");
        }
        match (&mut self.values, &other.values) {
            (Values::Numbers(mine), Values::Numbers(theirs)) => mine.merge(theirs),
            (Values::Categories(mine), Values::Categories(theirs)) => mine.merge(theirs),
            _ => return different("the types"),
        }
        self.missing += other.missing;
        self.invalid += other.invalid;
        self.infinite += other.infinite;
        self.out_of_range += other.out_of_range;
        Ok(())
    }
}

/// The sketch of a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sketch {
    /// In the order of the file or schema.
    pub columns: Vec<Column>,
}

impl Sketch {
    /// Empty columns.
    #[must_use]
    pub fn new(specs: Vec<Spec>, capacity: Capacity) -> Self {
        let columns = specs.into_iter().map(|spec| Column::new(spec, capacity));
        Self {
            columns: columns.collect(),
        }
    }

    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.spec.name == name)
    }

    /// The rows of the batch; columns that came from elsewhere may have fewer.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.columns.iter().map(Column::rows).max().unwrap_or(0)
    }

    /// Adds what another has counted. Associative and commutative, to the byte.
    ///
    /// # Errors
    /// When the two do not have the same columns; this sketch may then be half merged.
    pub fn merge(&mut self, other: &Self) -> Result<(), SketchError> {
        let names = |sketch: &Self| -> Vec<String> {
            let columns = sketch.columns.iter();
            columns.map(|column| column.spec.name.clone()).collect()
        };
        if names(self) != names(other) {
            return Err(SketchError::Mismatch(format!(
                "the columns differ: {} and {}",
                names(self).join(", "),
                names(other).join(", ")
            )));
        }
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.merge(theirs)?;
        }
        Ok(())
    }

    /// A copy with less capacity, as if it had never had more.
    #[must_use]
    pub fn with_capacity(&self, capacity: Capacity) -> Self {
        let mut smaller = self.clone();
        for column in &mut smaller.columns {
            if let Values::Numbers(numbers) = &mut column.values {
                *numbers = numbers.with_capacity(capacity.buckets);
            }
        }
        smaller
    }
}
