//! What people did with the decisions of a log: how often they decided otherwise than the model
//! and its rules, why, who, and how the loans fared that came of it.
//!
//! ```text
//! model_log::Reader ─ Report::read ─ Report ─ html
//! records in order    one pass       counts   one page
//! ```
//!
//! A **low-side** override approves what the model and its rules declined, a **high-side** one
//! declines what they approved. A referral has no side: a person was asked to decide it.
//!
//! # Example
//!
//! ```
//! use model_log::event::Override;
//! use model_log::{Kind, Options, Outcome, Record, Writer};
//! use model_log_report::{Period, Report};
//!
//! let folder = tempfile::tempdir()?;
//! let log = Writer::open(folder.path(), Options::default())?;
//! let mut decision = Record::new(Kind::Decision);
//! decision.outcome = Outcome::Decline;
//! let decided = log.append(vec![decision])?.wait()?[0].index;
//! let word = Override {
//!     outcome: Outcome::Approve,
//!     reason: "INCOME".to_owned(),
//!     note: String::new(),
//!     by: "Ann Lee".to_owned(),
//!     role: "officer".to_owned(),
//!     seconded_by: None,
//!     seconded_role: String::new(),
//!     seconded_reason: None,
//!     seconded_note: String::new(),
//! };
//! let mut record = Record::about(Kind::Override, decided, &word)?;
//! record.outcome = Outcome::Approve;
//! log.append(vec![record])?.wait()?;
//!
//! let report = Report::read(&log.reader(), Period::default())?;
//! assert_eq!(report.all.low_side(), (1, 1));
//! assert!(report.html("log")?.contains("Ann Lee"));
//! log.close()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod counts;
mod html;
mod interval;
mod scan;

pub use counts::{Counts, Fared};
pub use html::HtmlError;
pub use interval::wilson;

use std::collections::BTreeMap;

use model_log::{LogError, Reader};
use serde::Serialize;

/// Which decisions are looked at, by their time in minutes since 1970 UTC. What people did with
/// them counts whenever they did it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Period {
    /// From this minute on; `None` from the first.
    pub from: Option<u32>,
    /// Before this minute; `None` to the last.
    pub to: Option<u32>,
}

impl Period {
    /// Whether a minute is in the period.
    #[must_use]
    pub fn has(&self, minute: u32) -> bool {
        self.from.is_none_or(|from| minute >= from) && self.to.is_none_or(|to| minute < to)
    }
}

/// What people did with decisions.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// The decisions that were looked at.
    pub period: Period,
    /// All decisions.
    pub all: Counts,
    /// By model, such as `loan-approval 1.0.0`.
    pub models: BTreeMap<String, Counts>,
    /// By the person who decided; with four eyes, by the one who proposed.
    pub people: BTreeMap<String, Counts>,
    /// By the code of the reason.
    pub reasons: BTreeMap<String, Counts>,
    /// Decisions whose content was erased; they are counted all the same.
    pub erased: u64,
    /// People's decisions whose content was erased: neither person nor reason is known.
    pub erased_overrides: u64,
}

impl Report {
    /// Reads a log once, from its first record to its last.
    ///
    /// # Errors
    /// When a record cannot be read, or the keys are missing.
    pub fn read(reader: &Reader, period: Period) -> Result<Self, LogError> {
        scan::read(reader, period)
    }
}
