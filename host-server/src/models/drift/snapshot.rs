//! A window at one moment, and its comparison with the training rows.

use std::fmt::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use chrono::DateTime;
use model_drift::compare::{self, CompareError, Sides};
use model_drift::live::{Length, Window};
use model_drift::report::{HtmlError, Report, waiting_html};
use model_drift::sketch::Sketch;
use serde::Serialize;
use serde_json::{Value, json};

use super::window::Counted;

/// Requests before a window is compared, and before its counts are given away: fewer could show
/// only the grossest change, and would show who asked.
pub(super) const LEAST_ROWS: u64 = 100;

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
enum NoReport {
    #[error(
        "Not enough requests to compare yet: the window has {rows}, at least {LEAST_ROWS} are needed. This says nothing about drift."
    )]
    TooFewRequests { rows: u64 },
    #[error(transparent)]
    Comparison(CompareError),
}

/// What was counted.
pub(super) struct Counts {
    facts: Facts,
    sketch: Sketch,
    reference: Sketch,
}

/// The window itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    /// `sliding` or `tumbling`.
    kind: &'static str,
    /// Requests that it covers, where it is measured in requests.
    length_rows: Option<u64>,
    /// Seconds that it covers, where it is measured in time.
    length_seconds: Option<u64>,
    /// The parts that it forgets one after the other.
    panes: usize,
    /// The requests in it.
    pub(super) rows: u64,
    /// Requests before a comparison.
    rows_needed: u64,
    /// When its first request came; seconds since 1970.
    since: u64,
    /// Requests that were no JSON object, or too long: since the start, never counted.
    unread: u64,
    /// Memory of its counts.
    bytes: usize,
}

/// A comparison, or why there is none yet.
pub(crate) struct Snapshot {
    facts: Facts,
    title: String,
    /// The counts; sketches of several servers with the same model merge.
    sketch: Sketch,
    outcome: Result<Report, NoReport>,
    /// The forms in which it is given, each written once: those who are slow to take them hold
    /// the same bytes.
    json: OnceLock<Bytes>,
    html: OnceLock<Bytes>,
    encoded: OnceLock<Bytes>,
}

impl Snapshot {
    /// Copies the counts.
    pub(super) fn count(window: &mut Counted, now: u64, unread: u64) -> Counts {
        let (open_rows, bytes) = (window.open_rows(), window.bytes());
        let live = window.live(now);
        let Window { length, panes } = live.window();
        let all = |one: u64| one.saturating_mul(panes as u64);
        let (length_rows, length_seconds) = match length {
            Length::Rows(rows) => (Some(all(rows)), None),
            Length::Seconds(seconds) => (None, Some(all(seconds))),
        };
        // Before the first block is whole nothing but how far it is.
        let rows = match live.rows() {
            few if few < LEAST_ROWS => (few + open_rows).min(LEAST_ROWS - 1),
            rows => rows,
        };
        Counts {
            facts: Facts {
                kind: if panes == 1 { "tumbling" } else { "sliding" },
                length_rows,
                length_seconds,
                panes,
                rows,
                rows_needed: LEAST_ROWS,
                since: live.since(),
                unread,
                bytes,
            },
            sketch: live.sketch(),
            reference: live.reference().clone(),
        }
    }

    /// The comparison; `None` before there is one.
    pub(super) fn report(&self) -> Option<&Report> {
        self.outcome.as_ref().ok()
    }

    pub(super) fn rows(&self) -> u64 {
        self.facts.rows
    }

    /// The stored form of what came.
    ///
    /// # Errors
    /// A sentence, when that was too little.
    pub(crate) fn sketch(&self) -> Result<Bytes, String> {
        match self.facts.rows < LEAST_ROWS {
            true => Err(format!(
                "The window has {} requests; its counts are given from {LEAST_ROWS} on, since fewer would show who asked",
                self.facts.rows
            )),
            false => Ok(self
                .encoded
                .get_or_init(|| self.sketch.encode().into())
                .clone()),
        }
    }

    /// As `underwrite drift --json` has it, and the window. Without a comparison the verdict
    /// is null.
    pub(crate) fn json(&self) -> Bytes {
        let write = || self.value().to_string().into();
        self.json.get_or_init(write).clone()
    }

    fn value(&self) -> Value {
        let (status, mut json) = match &self.outcome {
            Ok(report) => ("compared", json!(report)),
            Err(detail) => {
                let nothing = json!({
                    "dataset_drift": null, "share_drifted": null, "columns": {}, "detail": detail.to_string(),
                });
                ("waiting", nothing)
            }
        };
        json["status"] = status.into();
        json["model"] = self.title.as_str().into();
        json["window"] = json!(self.facts);
        json
    }

    /// The report as a page.
    pub(crate) fn html(&self) -> Result<Bytes, HtmlError> {
        if let Some(html) = self.html.get() {
            return Ok(html.clone());
        }
        let html = self.page()?;
        Ok(self.html.get_or_init(|| html.into()).clone())
    }

    fn page(&self) -> Result<String, HtmlError> {
        match &self.outcome {
            Ok(report) => report.html(),
            Err(detail) => waiting_html(
                &self.title,
                &detail.to_string(),
                [self.facts.rows, LEAST_ROWS],
            ),
        }
    }
}

impl Counts {
    /// Compares what was counted with the training rows.
    pub(super) fn compare(self, title: &str, columns: usize) -> Snapshot {
        let outcome = if self.facts.rows < LEAST_ROWS {
            Err(NoReport::TooFewRequests {
                rows: self.facts.rows,
            })
        } else {
            let sides = Sides {
                reference: &self.reference,
                current: &self.sketch,
                extra: &[],
                samples: None,
            };
            compare::by_default(&sides, None).map_err(NoReport::Comparison)
        };
        let outcome = outcome.map(|report| Report {
            reference: format!("training rows of {title}"),
            current: self.facts.sentence(),
            notes: vec![format!(
                "Each of the {columns} columns was compared by itself: a window keeps counts, not rows."
            )],
            ..report
        });
        Snapshot {
            facts: self.facts,
            title: title.to_owned(),
            sketch: self.sketch,
            outcome,
            json: OnceLock::new(),
            html: OnceLock::new(),
            encoded: OnceLock::new(),
        }
    }
}

impl Facts {
    /// `requests counted in the last 24 hours, the first at 2026-11-22 10:00 UTC`
    fn sentence(&self) -> String {
        let mut text = match (self.kind, self.length_rows, self.length_seconds) {
            ("tumbling", Some(rows), _) => format!("requests in windows of {rows}"),
            ("tumbling", _, seconds) => {
                format!(
                    "requests in windows of {}",
                    duration(seconds.unwrap_or_default())
                )
            }
            (_, Some(rows), _) => format!("up to {rows} requests"),
            // A request counts when its block is whole, so that it may have come before.
            (_, _, seconds) => format!(
                "requests counted in the last {}",
                duration(seconds.unwrap_or_default())
            ),
        };
        let since = i64::try_from(self.since).unwrap_or_default();
        if let Some(since) = DateTime::from_timestamp(since, 0) {
            // Writing to a string does not fail.
            let _ = write!(
                text,
                ", the first at {} UTC",
                since.format("%Y-%m-%d %H:%M")
            );
        }
        text
    }
}

/// In the largest unit that divides it.
fn duration(seconds: u64) -> String {
    let units = [
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let fits = |unit: &(u64, &'static str)| seconds >= unit.0 && seconds.is_multiple_of(unit.0);
    let (length, name) = units.into_iter().find(fits).unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {name}{}", if count == 1 { "" } else { "s" })
}
