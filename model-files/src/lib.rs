//! Files: writes that are whole or not at all, appended lines, SHA-256, strict CSV and Parquet.
//!
//! Everything that puts a file on the disk goes through [`WholeFile`] or [`append_line`], so
//! that a crash or a full disk leaves the old content or the new one, never half of it.
//! Everything that reads rows goes through [`csv::Table`], so that training, scoring and
//! drift agree on what a CSV file says.
//!
//! # Example
//!
//! ```
//! use model_files::{csv::Table, sha256_file, write_whole};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("loans.csv");
//! write_whole(&path, b"income,home\n50000,RENT\n72000,OWN\n")?;
//!
//! let mut table = Table::open(std::fs::File::open(&path)?, "loans.csv")?;
//! assert_eq!(table.header(), ["income", "home"]);
//! let row = table.next_row()?.ok_or("a first row")?;
//! assert_eq!((row.line, row.field(1)), (2, "RENT"));
//!
//! // 64 lower-case hexadecimal digits.
//! assert_eq!(sha256_file(&path)?.len(), 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod block;
pub mod calendar;
pub mod csv;
mod lines;
pub mod missing;
pub mod parquet;
mod resolved;
mod sha256;
mod small_file;
mod whole_file;

pub use lines::append_line;
pub use resolved::resolved;
pub use sha256::{Hashing, hex, sha256_file, sha256_hex};
pub use small_file::read_small;
pub use whole_file::{
    ReadyFile, WholeFile, copy_whole, is_aside, is_held, write_whole, write_whole_with_mode,
};
