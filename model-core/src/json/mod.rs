//! JSON, as far as a decision needs it: a strict reader that keeps values raw, and the one
//! writer of every answer.
//!
//! Our own, because the module carries it: it takes a fraction of the size of a general
//! library, names the byte of an error, and keeps numbers as they were written. The tests
//! compare it with `serde_json`.

mod read;
mod write;

pub use read::{Invalid, JsonKind, MAX_DEPTH, Raw, parse};
pub use write::Writer;
