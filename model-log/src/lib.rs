//! A durable, tamper-evident log of decisions in plain files.
//!
//! [`Writer`] is the only one that appends: a record is acknowledged when it is synced, and
//! records that arrive during a sync go into the next one. [`Reader`] reads beside it. The tree
//! is RFC 6962, tiles and checkpoints are those of C2SP; `docs/reference/decision-log.md` has
//! the files, byte by byte.
//!
//! # Example
//!
//! ```
//! use model_log::{Kind, Options, Outcome, Record, Writer};
//!
//! let folder = tempfile::tempdir()?;
//! let log = Writer::open(folder.path(), Options::default())?;
//! let mut record = Record::new(Kind::Decision);
//! record.outcome = Outcome::Approve;
//! record.request = br#"{"person_income": 65000}"#.to_vec();
//! // Synced when the receipt is there; a server awaits it instead.
//! let receipts = log.append(vec![record])?.wait()?;
//! assert_eq!(receipts[0].index, 0);
//!
//! let opened = log.reader().record(0)?;
//! assert_eq!(opened.outcome, Outcome::Approve);
//! log.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod digest;
pub mod disk;
mod enclosing;
mod error;
pub mod event;
mod frame;
mod index;
mod keys;
mod layout;
mod leaf;
mod note;
mod options;
mod pending;
mod proof;
mod reader;
mod record;
pub mod replay;
pub mod retention;
mod scan;
mod seeds;
mod stored;
mod tiles;
mod tree;
pub mod verify;
mod writer;

pub use body::Body;
pub use digest::{Digest, NotADigest};
pub use enclosing::enclosing_log;
pub use error::{AppendError, LogError};
pub use note::{Checkpoint, NoteError, Verifier};
pub use options::{Event, Observer, Options, Status};
pub use pending::Pending;
pub use proof::{ProofError, check_proof};
pub use reader::{Found, Opened, Opener, Query, Reader};
pub use record::{Details, Kind, Outcome, Receipt, Record, Role};
pub use writer::{Appended, Change, Changed, Writer};
