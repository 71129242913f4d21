//! Some rows of a batch, evenly spaced, coded as numbers: what the domain classifier sees.

/// Every `stride`-th row, with `stride` doubled whenever there are more than the most.
///
/// Which rows are kept depends on their index alone, so parts of a file can be read on
/// several threads.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RowSample {
    most: usize,
    stride: u64,
    /// Index of the row, and its cells: a number, a hash of a text, NaN for missing.
    rows: Vec<(u64, Vec<f64>)>,
}

impl RowSample {
    /// Keeps between half of `most` rows and `most`.
    #[must_use]
    pub fn new(most: usize) -> Self {
        Self {
            most,
            stride: 1,
            rows: Vec::new(),
        }
    }

    /// Whether the row of an index is one of them, as far as is known.
    #[must_use]
    pub fn wants(&self, index: u64) -> bool {
        self.most > 0 && index.is_multiple_of(self.stride)
    }

    /// Keeps a row that is wanted.
    pub fn push(&mut self, index: u64, cells: Vec<f64>) {
        if self.wants(index) {
            self.rows.push((index, cells));
            self.thin();
        }
    }

    /// Adds the rows of another part of the file.
    pub fn merge(&mut self, other: Self) {
        self.stride = self.stride.max(other.stride);
        self.rows.extend(other.rows);
        self.rows.sort_by_key(|row| row.0);
        let stride = self.stride;
        self.rows.retain(|row| row.0.is_multiple_of(stride));
        self.thin();
    }

    /// Makes the cells of a column missing in every row.
    pub fn forget(&mut self, column: usize) {
        for (_, cells) in &mut self.rows {
            if let Some(cell) = cells.get_mut(column) {
                *cell = f64::NAN;
            }
        }
    }

    /// The rows' cells, in the order of the file.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.rows.iter().map(|row| row.1.as_slice())
    }

    fn thin(&mut self) {
        while self.rows.len() > self.most {
            self.stride *= 2;
            let stride = self.stride;
            self.rows.retain(|row| row.0.is_multiple_of(stride));
        }
    }
}
