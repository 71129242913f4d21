//! Drift of a model's requests and answers: each served version counts its requests in the
//! bins of its training rows, and compares the window with them on demand. No request is kept.

mod derived;
mod gauges;
mod reader;
mod snapshot;
mod state;

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
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

/// Requests that come or go between two releases of a window's counts: each bin's difference
/// is then of at least so many together, and no applicant can be told from it.
const RELEASE_STEP: u64 = 100;

/// How live traffic is watched.
#[derive(Debug, Clone)]
pub struct DriftOptions {
    /// What the comparison covers. Default: the last 24 hours, forgotten hour by hour.
    pub window: Window,
    /// The folder that keeps windows between starts. Default: none.
    pub state: Option<PathBuf>,
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

/// The window of one version of a model.
pub(crate) struct Monitor {
    /// `loan-approval 1.0.0`
    title: String,
    reader: Reader,
    window: Mutex<Counted>,
    shown: Mutex<Shown>,
    /// Held while something is given away, and while files are written.
    keeping: Mutex<()>,
    unread: AtomicU64,
    gauges: Gauges,
    state: Option<StateFile>,
}

struct Counted {
    live: Live,
    /// All requests that were ever counted.
    seen: u64,
}

/// What was last said of a window, and of which requests.
#[derive(Default)]
struct Shown {
    /// The last comparison, whose counts were given away.
    released: Option<(Stamp, Arc<Snapshot>)>,
    /// What there was to say while there were too few requests.
    waiting: Option<(Stamp, Arc<Snapshot>)>,
}

/// What a look at a window finds.
enum Look {
    /// What there is to show.
    Shown(Arc<Snapshot>),
    /// Enough has come and gone since this was given away, or nothing was yet.
    Due(Option<Arc<Snapshot>>),
}

/// Changes whenever a comparison would.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    seen: u64,
    rows: u64,
    since: u64,
    unread: u64,
}

impl Stamp {
    fn of(live: &Live, seen: u64, unread: u64) -> Self {
        Self {
            seen,
            rows: live.rows(),
            since: live.since(),
            unread,
        }
    }

    /// Whether what was released at this one is still all that there is to see at a `later`
    /// one: two releases whose difference is a few requests would tell what those were.
    fn hides(&self, later: &Self) -> bool {
        let come = later.seen - self.seen;
        let gone = (self.rows + come).saturating_sub(later.rows);
        come + gone < RELEASE_STEP
    }

    /// Whether counts of so few requests would show who asked.
    fn is_too_few(&self) -> bool {
        self.rows < LEAST_ROWS
    }
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
        let mut live = Live::new(&reference, options.window, now());
        let digest = &host.description().model.digest;
        let state = options.state.as_ref().map(|folder| {
            let file = StateFile::new(folder, (name, version), watched, digest);
            file.restore(&mut live);
            file
        });
        let title = format!("{name} {version}");
        let reader = Reader::new(&artifact, &reference, live.shape());
        // What an earlier start has given away cannot be taken back.
        let released = state.as_ref().and_then(StateFile::released);
        let released =
            released.and_then(|stored| Snapshot::decode(&stored, &live, &title, reader.columns()));
        let (released, seen) = match released {
            None => (None, 0),
            Some((snapshot, come)) => {
                let stamp = Stamp {
                    seen: 0,
                    rows: snapshot.rows(),
                    ..Stamp::of(&live, come, 0)
                };
                (Some((stamp, Arc::new(snapshot))), come)
            }
        };
        let shown = Shown {
            released,
            waiting: None,
        };
        Ok(Arc::new(Monitor {
            title,
            reader,
            window: Mutex::new(Counted { live, seen }),
            shown: Mutex::new(shown),
            keeping: Mutex::default(),
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
    /// Counts a request with its answer, the score of which was read before: what came, before any policy; a derived
    /// field that was left out as it was computed. A request
    /// that the model refused counts too, without a score; one that is no JSON object does not.
    pub(crate) fn seen(&self, request: &[u8], answer: Answer<'_>, score: Option<Score>) {
        let Some(bins) = self.reader.bins(request, answer, score) else {
            self.unread.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let now = now();
        let mut window = self.window();
        window.live.count(&bins, now);
        window.seen += 1;
    }

    /// The window compared with the training rows; computed anew only when it has changed, and
    /// by enough requests. Where windows are kept, what is given away is on the disk before; who
    /// looks meanwhile gets what was given away before. It may wait for the disk.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        let before = match self.look() {
            Look::Shown(snapshot) => return snapshot,
            Look::Due(before) => before,
        };
        let _one = match (self.keeping.try_lock(), before) {
            (Ok(one), _) => one,
            (Err(TryLockError::WouldBlock), Some(before)) => return before,
            // The first time there is nothing else to give.
            (Err(_), _) => self.keeping(),
        };
        // Somebody else may have come first.
        let before = match self.look() {
            Look::Shown(snapshot) => return snapshot,
            Look::Due(before) => before,
        };
        let (stamp, snapshot) = self.compare();
        let is_kept = self.keep(Some((&stamp, &snapshot)));
        match before.filter(|_| !is_kept) {
            // The next start would not know of it.
            Some(before) => before,
            None => {
                self.shown().released = Some((stamp, Arc::clone(&snapshot)));
                snapshot
            }
        }
    }

    /// What there is to show, unless a comparison is due.
    fn look(&self) -> Look {
        let mut shown = self.shown();
        let stamp = self.stamp(&mut self.window());
        // A window that had too few for a while still hides what came and went meanwhile.
        let last = match stamp.is_too_few() {
            true => &shown.waiting,
            false => &shown.released,
        };
        match last {
            Some((of, last)) if *of == stamp || (!stamp.is_too_few() && of.hides(&stamp)) => {
                Look::Shown(Arc::clone(last))
            }
            last if !stamp.is_too_few() => {
                Look::Due(last.as_ref().map(|(_, last)| Arc::clone(last)))
            }
            _ => {
                let (stamp, waiting) = self.compare();
                shown.waiting = Some((stamp, Arc::clone(&waiting)));
                Look::Shown(waiting)
            }
        }
    }

    /// The window as it is now, compared.
    fn compare(&self) -> (Stamp, Arc<Snapshot>) {
        let mut window = self.window();
        let stamp = self.stamp(&mut window);
        // Requests wait for this lock only while the counts are copied, not while they are
        // compared.
        let counted = Snapshot::count(&window.live, stamp.unread);
        drop(window);
        let snapshot = counted.compare(&self.title, self.reader.columns());
        (stamp, Arc::new(snapshot))
    }

    fn stamp(&self, window: &mut Counted) -> Stamp {
        window.live.turn(now());
        let unread = self.unread.load(Ordering::Relaxed);
        Stamp::of(&window.live, window.seen, unread)
    }

    /// Updates the gauges.
    pub(crate) fn measure(&self) {
        let unread = self.unread.load(Ordering::Relaxed);
        self.gauges.set(&self.snapshot(), unread);
    }

    /// Shows no gauges until it is measured again.
    pub(crate) fn hide(&self) {
        self.gauges.clear();
    }

    /// Writes the window to the disk, where there is a folder for it.
    pub(crate) fn save(&self) {
        let _one = self.keeping();
        let released = self.shown().released.clone();
        self.keep(released.as_ref().map(|(of, snapshot)| (of, snapshot)));
    }

    /// Writes the window, and what is given away of it; says whether it is there, or need not be.
    fn keep(&self, released: Option<(&Stamp, &Arc<Snapshot>)>) -> bool {
        let Some(state) = &self.state else {
            return true;
        };
        let (window, seen) = {
            let window = self.window();
            (window.live.encode(), window.seen)
        };
        let released = released.and_then(|(of, snapshot)| snapshot.encode(seen - of.seen));
        state.write(&window, released.as_deref())
    }

    /// One release or write of files at a time.
    fn keeping(&self) -> MutexGuard<'_, ()> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        // Replaced as a whole.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn window(&self) -> MutexGuard<'_, Counted> {
        // A panic cannot leave the counts inconsistent: they are only ever added to.
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
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
    let bytes = monitor.window().live.bytes();
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
