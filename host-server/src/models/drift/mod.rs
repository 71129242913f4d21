//! Drift of a model's requests and answers: each served version counts its requests in the
//! bins of its training rows, and compares the window with them on demand. No request is kept.

mod derived;
mod gauges;
mod reader;
mod snapshot;
mod state;
mod waiting;
mod window;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use model_core::artifact::Artifact;
use model_core::details::Details;
use model_core::model_file::ModelFile;
use model_drift::live::{Length, Live, Window};
use model_drift::sketch::{Role, Sketch};

use crate::host::{Answer, ModelHost};
use crate::models::score::Score;
pub(crate) use gauges::GaugeSet;
use gauges::Gauges;
use reader::Reader;
use snapshot::LEAST_ROWS;
pub(crate) use snapshot::Snapshot;
use state::StateFile;
pub(crate) use state::{StateLock, check_state_folder};
pub(crate) use waiting::CopiedWith;
use waiting::{Locked, Shared};
use window::Counted;

/// Requests that are counted together: what a window shows, and every difference of what it showed
/// at two times, is a sum of so many, and no applicant can be told from it.
const BLOCK: u64 = LEAST_ROWS;

/// How live traffic is watched.
#[derive(Debug, Clone)]
pub struct DriftOptions {
    /// What the comparison covers. Default: the last 24 hours, forgotten hour by hour.
    pub window: Window,
    /// The folder that keeps windows between starts. Default: none.
    pub state: Option<PathBuf>,
}

impl DriftOptions {
    /// The fewest requests that a window of a number of requests has, and each of its panes.
    pub const LEAST_REQUESTS: u64 = BLOCK;
}

impl Default for DriftOptions {
    fn default() -> Self {
        Self {
            window: Window {
                length: Length::Seconds(3600),
                panes: 24,
            },
            state: None,
        }
    }
}

/// What monitors are made with.
pub(crate) struct Drift {
    options: Option<DriftOptions>,
    gauges: GaugeSet,
}

/// Why drift of a model is not monitored; the text is for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotMonitored {
    #[error("Drift is not monitored: the server was started with --no-drift")]
    SwitchedOff,
    #[error(
        "Drift is not monitored: the model carries no sketch of its training rows to compare requests with; train it again with this version of underwrite"
    )]
    NoReference,
    #[error("Drift is not monitored: the model's sketch of its training rows cannot be read: {0}")]
    Damaged(String),
}

/// What a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    /// Requests and the answers to them.
    Requests,
    /// Answers to copies of another version's requests. The requests are not counted twice: the
    /// difference between the two windows could be one applicant.
    Copies,
}

impl Watched {
    /// The columns of a reference that it counts. What became of an application is not known when
    /// a model decides.
    fn columns(self, reference: &Sketch) -> Sketch {
        let counts = |role| match role {
            Role::Target => false,
            Role::Prediction | Role::Reason => true,
            _ => self == Self::Requests,
        };
        let columns = reference.columns.iter();
        let columns = columns.filter(|column| counts(column.spec.role));
        Sketch {
            columns: columns.cloned().collect(),
        }
    }
}

/// Whether a window goes on after it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It does.
    None,
    /// The server ends.
    OfServer,
}

/// The window of one version of a model.
pub(crate) struct Monitor {
    /// `loan-approval 1.0.0`
    title: String,
    reader: Reader,
    window: Arc<Shared>,
    /// The last comparison, and of what it was.
    last: Mutex<Option<(Stamp, Arc<Snapshot>)>>,
    unread: AtomicU64,
    gauges: Gauges,
    state: Option<StateFile>,
}

/// Changes whenever a comparison would.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    changes: u64,
    unread: u64,
    /// Requests so far, where they are too few.
    waiting: u64,
}

impl Drift {
    pub(crate) fn new(options: Option<DriftOptions>, gauges: GaugeSet) -> Self {
        Self { options, gauges }
    }

    /// Starts monitoring a model. A window that an earlier server stored is continued.
    pub(crate) fn monitor(
        &self,
        host: &ModelHost,
        (name, version): (&str, &str),
        watched: Watched,
    ) -> Result<Arc<Monitor>, NotMonitored> {
        let options = self.options.as_ref().ok_or(NotMonitored::SwitchedOff)?;
        let (artifact, reference) = reference(host)?;
        let reference = watched.columns(&reference);
        let mut live = Live::new(&reference, options.window, now()).in_blocks(BLOCK);
        let digest = &host.description().model.digest;
        let state = options.state.as_ref().map(|folder| {
            let file = StateFile::new(folder, (name, version), watched, digest);
            file.restore(&mut live);
            // A block that goes on now must not go on once more after a crash.
            if !file.write(End::None, || live.encode(false)) {
                live.forget_open();
            }
            file
        });
        Ok(Arc::new(Monitor {
            title: format!("{name} {version}"),
            reader: Reader::new(&artifact, &reference, live.shape()),
            window: Arc::new(Shared::new(Counted::new(live))),
            last: Mutex::default(),
            unread: AtomicU64::new(0),
            gauges: self.gauges.model(name, version),
            state,
        }))
    }
}

/// The artifact of a model, and the sketch of its training rows.
fn reference(host: &ModelHost) -> Result<(Artifact, Sketch), NotMonitored> {
    let damaged = |error: &dyn std::fmt::Display| NotMonitored::Damaged(error.to_string());
    let file = ModelFile::open(host.wasm()).map_err(|error| damaged(&error))?;
    if file.artifact().is_empty() {
        return Err(NotMonitored::NoReference);
    }
    let artifact = Artifact::decode(file.artifact()).map_err(|error| damaged(&error))?;
    let details = Details::from_artifact(&artifact).map_err(|error| damaged(&error))?;
    if details.reference.is_empty() {
        return Err(NotMonitored::NoReference);
    }
    let sketch = Sketch::decode(&details.reference).map_err(|error| damaged(&error))?;
    Ok((artifact, sketch))
}

impl Monitor {
    /// Counts a request with its answer, the score of which was read before: what came, before any
    /// policy; a derived field that was left out as it was computed. A request that the model
    /// refused counts too, without a score; one that is no JSON object does not.
    pub(crate) fn seen(&self, request: &[u8], answer: Answer<'_>, score: Option<Score>) {
        if let Some(bins) = self.bins(request, answer, score) {
            self.window.count(bins, now());
        }
    }

    /// Counts the requests of a batch, together when this is dropped.
    pub(crate) fn many(&self) -> Many<'_> {
        Many {
            monitor: self,
            bins: Vec::new(),
        }
    }

    /// Counts a request of which a challenger gets a copy, with others like it: the block, unless it
    /// does not count.
    pub(crate) fn seen_copied(
        &self,
        request: &[u8],
        answer: Answer<'_>,
        score: Option<Score>,
    ) -> Option<CopiedWith> {
        let bins = self.bins(request, answer, score)?;
        Some(self.window.count_copied(bins, now()))
    }

    /// Counts a challenger's answer to a copy of a request, when all of its block were answered.
    pub(crate) fn seen_copy(
        &self,
        of: &CopiedWith,
        request: &[u8],
        answer: Answer<'_>,
        score: Option<Score>,
    ) {
        if let Some(bins) = self.bins(request, answer, score)
            && let Some(block) = of.block()
        {
            let now = now();
            self.window().count_copy(block, &bins, now);
        }
    }

    fn bins(&self, request: &[u8], answer: Answer<'_>, score: Option<Score>) -> Option<Vec<u32>> {
        let bins = self.reader.bins(request, answer, score);
        if bins.is_none() {
            self.unread.fetch_add(1, Ordering::Relaxed);
        }
        bins
    }

    /// The window compared with the training rows; computed anew only when it has changed.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let mut window = self.window();
        let live = window.live(now());
        let (is_waiting, changes) = (live.rows() < LEAST_ROWS, live.changes());
        let stamp = Stamp {
            changes,
            unread: self.unread.load(Ordering::Relaxed),
            waiting: if is_waiting { window.open_rows() } else { 0 },
        };
        if let Some((of, snapshot)) = &*last
            && *of == stamp
        {
            return Arc::clone(snapshot);
        }
        // Batches wait for this lock only while the counts are copied, not while they are compared.
        let counted = Snapshot::count(&mut window, now(), stamp.unread);
        drop(window);
        let snapshot = Arc::new(counted.compare(&self.title, self.reader.columns()));
        *last = Some((stamp, Arc::clone(&snapshot)));
        snapshot
    }

    /// Updates the gauges. Where that fails there are none of this version: the metrics of all
    /// others are still given.
    pub(crate) fn measure(&self) {
        let unread = self.unread.load(Ordering::Relaxed);
        // What a panic leaves behind locks are counts that are only ever added to, or gauges that
        // are cleared.
        let set = || self.gauges.set(&self.snapshot(), unread);
        if catch_unwind(AssertUnwindSafe(set)).is_err() {
            tracing::error!(model = self.title, "drift comparison failed");
            self.gauges.clear();
        }
    }

    /// Shows no gauges until it is measured again.
    pub(crate) fn hide(&self) {
        self.gauges.clear();
    }

    /// Writes the window to the disk, where there is a folder for it. The requests of the block that
    /// is not whole yet are written at the `end`, when nobody looks any more: a block that went on
    /// here and after a crash would be two that differ by a few requests.
    pub(crate) fn save(&self, end: End) {
        if let Some(state) = &self.state {
            state.write(end, || self.window().encode(end));
        }
    }

    /// Waits for the window's lock: not on a thread with connections.
    fn window(&self) -> Locked<'_> {
        self.window.lock()
    }
}

/// Requests of a batch, which are counted under one lock of the window. Waits for that lock: not on
/// a thread with connections.
pub(crate) struct Many<'a> {
    monitor: &'a Monitor,
    /// Of each request.
    bins: Vec<Vec<u32>>,
}

impl Many<'_> {
    /// The same as [`Monitor::seen`].
    pub(crate) fn seen(&mut self, request: &[u8], answer: Answer<'_>, score: Option<Score>) {
        self.bins.extend(self.monitor.bins(request, answer, score));
    }
}

impl Drop for Many<'_> {
    fn drop(&mut self) {
        if self.bins.is_empty() {
            return;
        }
        let now = now();
        let mut window = self.monitor.window();
        self.bins.iter().for_each(|bins| window.count(bins, now));
    }
}

/// What monitoring a model costs.
#[derive(Debug, Clone, Copy)]
pub struct CountingCost {
    /// Reading a request and counting it.
    pub request: std::time::Duration,
    /// Comparing the window with the training rows.
    pub comparison: std::time::Duration,
    /// Memory of the window's counts, in bytes.
    pub bytes: usize,
}

/// What counting costs, for benchmarks: the model answers each request, then each is counted
/// `times` times. `None` when the model cannot be monitored.
#[must_use]
pub fn time_counting(
    host: &ModelHost,
    options: DriftOptions,
    requests: &[Vec<u8>],
    times: u32,
) -> Option<CountingCost> {
    let gauges = GaugeSet::register(&mut prometheus_client::registry::Registry::default());
    let drift = Drift::new(Some(options), gauges);
    let monitor = drift
        .monitor(host, ("bench", "1"), Watched::Requests)
        .ok()?;
    let answer = |request: &Vec<u8>| Some((request.clone(), host.decide(request).ok()?));
    let answered: Vec<_> = requests.iter().filter_map(answer).collect();
    let start = Instant::now();
    for _ in 0..times {
        for (request, decision) in &answered {
            let answer = decision.answer();
            monitor.seen(request, answer, Score::read(answer));
        }
    }
    let count = times.saturating_mul(u32::try_from(answered.len()).ok()?);
    let request = start.elapsed().checked_div(count)?;
    let start = Instant::now();
    monitor.snapshot();
    let comparison = start.elapsed();
    let bytes = monitor.window().bytes();
    Some(CountingCost {
        request,
        comparison,
        bytes,
    })
}

/// Seconds since 1970: a window outlives the process.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
