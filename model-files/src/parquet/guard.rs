//! A damaged file makes the library panic in places: here that is an error as any other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::errors::{ParquetError, Result};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread, now, is turned into an error by this module: a program's hook
/// has nothing to print then.
#[must_use]
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Does what the library does on bytes of a file. What it was working on is not to be used again
/// after an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.unwrap_or_else(|_| {
        let problem = "its pages are not what it says of them".to_owned();
        Err(ParquetError::General(problem))
    })
}
