//! A durable, tamper-evident log of decisions in plain files.
//!
//! [`Writer`] is the only one that appends: a record is acknowledged when it is synced, and
//! records that arrive during a sync go into the next one. [`Reader`] reads beside it. The tree
//! is RFC 6962, tiles and checkpoints are those of C2SP; `docs/reference/decision-log.md` has
//! the files, byte by byte.

mod digest;
mod error;
pub mod event;
mod options;
mod pending;
mod reader;
mod record;
mod writer;

pub use digest::{Digest, NotADigest};
pub use error::{AppendError, LogError};
pub use options::{Event, Observer, Options, Status};
pub use pending::Pending;
pub use reader::{Body, Found, Opened, Query, Reader};
pub use record::{Details, Kind, Outcome, Receipt, Record, Role};
pub use writer::{Appended, Change, Changed, Writer};
