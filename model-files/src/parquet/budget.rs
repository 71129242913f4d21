//! The memory that the pages of a row group may take together: all of its columns are read side by
//! side, and each has a page and a dictionary of which a few packed bytes may become 128 MiB.

use std::sync::atomic::{AtomicUsize, Ordering};

use parquet::basic::Encoding;
use parquet::errors::ParquetError as LibraryError;

/// What any file may take, in bytes. Of a wide file it is some hundred kilobytes for each column: a
/// writer may put 100,000 numbers, nearly all zero, into a page of few packed bytes.
const LEAST: usize = 768 << 20;
/// For each byte of a longer file.
const FOR_EACH_BYTE: usize = 32;

/// Pages take more memory than they may, on its way through the library.
#[derive(Debug, thiserror::Error)]
#[error("the pages take too much memory")]
pub(super) struct TooMuchMemory;

impl From<TooMuchMemory> for LibraryError {
    fn from(too_much: TooMuchMemory) -> Self {
        Self::External(Box::new(too_much))
    }
}

/// What the columns of a row group share.
#[derive(Debug)]
pub(super) struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// For a row group of a file of this length.
    pub(super) fn new(file: u64) -> Self {
        let file = usize::try_from(file).unwrap_or(usize::MAX);
        Self {
            left: AtomicUsize::new(file.saturating_mul(FOR_EACH_BYTE).max(LEAST)),
        }
    }

    fn take(&self, bytes: usize) -> Result<(), TooMuchMemory> {
        let order = Ordering::Relaxed;
        let taken = (self.left).fetch_update(order, order, |left| left.checked_sub(bytes));
        taken.map(drop).map_err(|_| TooMuchMemory)
    }

    fn give(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What the pages of one column take. The budget is of one row group and goes with it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The library keeps the last page of each encoding.
    pages: Vec<(Encoding, usize)>,
}

impl Held {
    /// A dictionary stays until the column ends.
    pub(super) fn dictionary(budget: &Budget, bytes: usize) -> Result<(), TooMuchMemory> {
        budget.take(bytes)
    }

    /// A page takes the place of the last one of its encoding.
    pub(super) fn page(
        &mut self,
        budget: &Budget,
        encoding: Encoding,
        bytes: usize,
    ) -> Result<(), TooMuchMemory> {
        match self.pages.iter_mut().find(|(known, _)| *known == encoding) {
            Some((_, held)) => {
                budget.give(*held);
                *held = 0;
                budget.take(bytes)?;
                *held = bytes;
            }
            None => {
                budget.take(bytes)?;
                self.pages.push((encoding, bytes));
            }
        }
        Ok(())
    }
}
