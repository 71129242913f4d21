//! One version of a model, ready to answer, with everything that is created once for it.

use std::borrow::Cow;
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_core::schema::{MissingValues, Schema};
use sha2::{Digest, Sha256};

use super::file::read_model;
use super::loading::{Loaded, Loading, OnLoad};
use super::names::{FolderName, check_place};
use super::source::{Checked, Signer};
use super::verify;
use crate::asset::Asset;
use crate::glue::{MODEL_TYPES, beside_model};
use crate::host::{Answer, CallError, Decision, Description, LoadError, LoadErrorKind, ModelHost};
use crate::models::drift::{CopiedWith, Drift, Monitor, NotMonitored, Watched};
use crate::models::metrics::{ModelMetrics, Tally};
use crate::models::score::Score;

/// A loaded, checked model.
pub(crate) struct Served {
    host: ModelHost,
    name: String,
    version: String,
    file_sha256: [u8; 32],
    signer: Option<Signer>,
    pub(crate) metrics: ModelMetrics,
    drift: Result<Arc<Monitor>, NotMonitored>,
    /// Bytes of a long, but usual application.
    longest_short: usize,
    /// Whether its decisions carry reasons where they are no approval.
    gives_reasons: bool,
    /// The JavaScript that is served with it, if any is.
    script: Option<Bytes>,
    files: Files,
    target: OnceLock<Option<String>>,
    /// Whether somebody has been asked to create another instance.
    is_growing: AtomicBool,
}

/// What pages and other hosts load. Packed when the first client asks: most models are never sent.
#[derive(Default)]
struct Files {
    wasm: OnceLock<Asset>,
    glue: OnceLock<Asset>,
    types: OnceLock<Asset>,
}

/// One of them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ServedFile {
    /// `model.wasm`.
    Wasm,
    /// `model.js`.
    Glue,
    /// `model.d.ts`.
    Types,
}

/// A decision, and what was read of it.
pub(crate) struct ScoredDecision {
    pub(crate) decision: Decision,
    /// None of a refusal.
    pub(crate) score: Option<Score>,
}

/// How a request was counted in the champion's drift window of which a challenger gets a copy.
pub(crate) enum CountedWith {
    /// There is no such window.
    Nothing,
    /// It was not.
    Unread,
    /// With the others of this block.
    Block(CopiedWith),
}

/// The JavaScript as a page loads it, beside `model.wasm`.
fn script(glue: &Bytes) -> Bytes {
    match std::str::from_utf8(glue).map(beside_model) {
        Ok(Cow::Owned(changed)) => changed.into(),
        _ => glue.clone(),
    }
}

/// Bytes of a long, but usual application: twice its names with short values.
fn longest_short(model: &Description) -> usize {
    // With quotes, a colon, a comma and a blank or two.
    const VALUE: usize = 10;
    let fields = model.features.iter();
    let usual: usize = fields.map(|feature| feature.name.len() + VALUE).sum();
    (2 * usual).clamp(1 << 10, 16 << 10)
}

/// What its artifact says of its inputs and answers.
fn schema(host: &ModelHost) -> Option<Schema> {
    let file = ModelFile::open(host.wasm()).ok()?;
    Some(Artifact::decode(file.artifact()).ok()?.schema)
}

impl Served {
    /// Reads, compiles and checks a file.
    pub(crate) fn open(
        path: &Path,
        named: Option<FolderName<'_>>,
        loading: &Loading,
    ) -> Result<Arc<Self>, LoadError> {
        let bytes = read_model(path)?;
        Self::load(path, bytes, named, loading).map_err(|error| error.in_file(path))
    }

    /// Compiles and checks the bytes of the file at this path.
    pub(crate) fn load(
        path: &Path,
        bytes: Bytes,
        named: Option<FolderName<'_>>,
        loading: &Loading,
    ) -> Result<Arc<Self>, LoadError> {
        // The signature first: what nobody vouches for is not taken apart, let alone compiled.
        let sha256 = Sha256::digest(&bytes).into();
        let signer = loading.signer(path, &sha256);
        let signer = signer.map_err(LoadErrorKind::Mismatch)?;
        let checked = loading.check(&bytes)?;
        if let Checked::Doubtful { reason, .. } = &checked {
            tracing::warn!(reason, "model in doubt");
        }
        let host = loading.compile(bytes)?;
        if let Some(named) = &named
            && !loading.allow_mismatch
        {
            check_place(named, host.description()).map_err(LoadErrorKind::Mismatch)?;
        }
        verify::golden_rows(&host)?;
        let script = match checked {
            Checked::Good => Some(host.glue().clone()),
            Checked::Doubtful { script, .. } => script,
        };
        let served = Self::new((host, script), named, signer, loading);
        if let Some(OnLoad(told)) = &loading.on_load {
            told(&served.loaded()).map_err(LoadErrorKind::Mismatch)?;
        }
        Ok(served)
    }

    /// A model, with the JavaScript that is served with it.
    pub(crate) fn new(
        (host, script): (ModelHost, Option<Bytes>),
        named: Option<FolderName<'_>>,
        signer: Option<Signer>,
        loading: &Loading,
    ) -> Arc<Self> {
        let info = &host.description().model;
        let (name, version) = match named {
            Some(named) => (named.name.to_owned(), named.version.to_owned()),
            None => (info.name.clone(), info.version.clone()),
        };
        let drift = loading
            .drift
            .monitor(&host, (&name, &version), Watched::Requests);
        if let Err(NotMonitored::Damaged(_)) = &drift {
            tracing::warn!(
                model = name,
                version,
                "drift not monitored: the sketch of the training rows cannot be read"
            );
        }
        Arc::new(Self {
            drift,
            metrics: loading.metrics.model(
                &name,
                &version,
                host.description(),
                signer.as_ref().map(|signer| signer.name.as_str()),
            ),
            file_sha256: Sha256::digest(host.wasm()).into(),
            longest_short: longest_short(host.description()),
            gives_reasons: schema(&host).is_some_and(|schema| schema.reasons.in_answer),
            script,
            files: Files::default(),
            target: OnceLock::new(),
            is_growing: AtomicBool::new(false),
            signer,
            name,
            version,
            host,
        })
    }

    /// Its name in routes.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Its version in routes.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The name of the column that says what became of applications: no input of the model, and
    /// read only where somebody sends a column that the description does not know.
    pub(crate) fn target(&self) -> Option<&str> {
        let read = || Some(schema(&self.host)?.target.name);
        self.target.get_or_init(read).as_deref()
    }

    /// What means "missing" beside what is not there; nothing where the file does not say.
    pub(crate) fn missing_values(&self) -> MissingValues {
        let schema = schema(&self.host);
        schema
            .map(|schema| schema.missing_values)
            .unwrap_or_default()
    }

    /// Whether a request of so many bytes is decided in some microseconds, as an answer is written:
    /// that is done where the request was read, since handing it to another thread and back would
    /// cost more. One that is much longer than an application of this model may take milliseconds,
    /// and one that may carry reasons a hundred times as long as another: they have their turn on
    /// another thread, so that no other request waits behind them, and so has one for which no
    /// instance [is idle](Self::decide_if_idle). A module that hangs holds its
    /// thread until [`Limits::decide`](crate::Limits) at the latest.
    pub(crate) fn is_short(&self, bytes: usize) -> bool {
        bytes <= self.longest_short && !self.gives_reasons
    }

    pub(crate) fn description(&self) -> &Description {
        self.host.description()
    }

    pub(crate) fn description_json(&self) -> &Bytes {
        self.host.description_json()
    }

    /// The digest of the whole file, which tells one file from another.
    pub(crate) fn file_sha256(&self) -> &[u8; 32] {
        &self.file_sha256
    }

    /// Who signed it, where that is checked.
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.signer.as_ref()
    }

    /// Counts a decision for a client in the metrics and in the drift window.
    pub(crate) fn given(&self, body: &[u8], scored: &ScoredDecision) {
        let (answer, score) = (scored.decision.answer(), scored.score);
        self.seen(body, answer, score);
        self.metrics.decided(answer, score);
    }

    /// The same for a request of which a challenger in the shadow gets a copy: how it was counted.
    pub(crate) fn given_copied(&self, body: &[u8], scored: &ScoredDecision) -> CountedWith {
        let (answer, score) = (scored.decision.answer(), scored.score);
        let counted = match &self.drift {
            Err(_) => CountedWith::Nothing,
            Ok(monitor) => match monitor.seen_copied(body, answer, score) {
                Some(block) => CountedWith::Block(block),
                None => CountedWith::Unread,
            },
        };
        self.metrics.decided(answer, score);
        counted
    }

    /// One decision, which is not yet [`given`](Self::given) to a client: it is counted neither
    /// among those that were nor in the drift window.
    pub(crate) fn decide(&self, body: &[u8]) -> Result<ScoredDecision, CallError> {
        self.scored(self.host.decide(body))
    }

    /// The same for a request for which no instance was idle.
    pub(crate) fn decide_with_returned(&self, body: &[u8]) -> Result<ScoredDecision, CallError> {
        self.scored(self.host.decide_with_returned(body))
    }

    /// Whether another instance is to be created, which nobody has been asked to do yet.
    pub(crate) fn wants_instance(&self) -> bool {
        self.host.lacks_instance() && !self.is_growing.swap(true, Ordering::Relaxed)
    }

    /// Creates it: long work.
    pub(crate) fn add_instance(&self) {
        if let Err(error) = self.host.add_instance() {
            tracing::warn!(model = self.name, version = self.version, %error, "no further instance of the model");
        }
        self.is_growing.store(false, Ordering::Relaxed);
    }

    /// The same, if an instance is idle: nothing is loaded, and nothing waited for.
    pub(crate) fn decide_if_idle(&self, body: &[u8]) -> Option<Result<ScoredDecision, CallError>> {
        Some(self.scored(self.host.decide_if_idle(body)?))
    }

    fn scored(&self, decided: Result<Decision, CallError>) -> Result<ScoredDecision, CallError> {
        let decision = decided.inspect_err(|error| self.metrics.failed(error))?;
        let score = Score::read(decision.answer());
        Ok(ScoredDecision { decision, score })
    }

    /// What the model says about a request that nobody made: it is not counted.
    pub(crate) fn probe(&self, body: &[u8]) -> Result<Decision, CallError> {
        self.host.decide(body)
    }

    /// Whether its module can explain.
    pub(crate) fn explains(&self) -> bool {
        self.host.explains()
    }

    /// Why a decision came out as it did. It is no decision, and counted as none.
    pub(crate) fn explain(&self, body: &[u8]) -> Result<Decision, CallError> {
        let explained = self.host.explain(body);
        explained.inspect_err(|error| self.metrics.failed(error))
    }

    /// One decision for each row, in order, counted; `each` gets the row with its answer.
    pub(crate) fn decide_each<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a [u8]>,
        mut each: impl FnMut(&'a [u8], Result<Answer<'_>, CallError>),
    ) {
        let mut tally = Tally::new(&self.metrics);
        let mut seen = self.drift.as_ref().ok().map(|monitor| monitor.many());
        // `decide_each` hands over answers without their rows: remember the row being decided.
        let asked = Cell::new(&b""[..]);
        let rows = rows.into_iter().inspect(|row| asked.set(row));
        self.host.decide_each(rows, |answer| {
            match &answer {
                Ok(answer) => {
                    let score = Score::read(*answer);
                    tally.decided(*answer, score);
                    if let Some(seen) = &mut seen {
                        seen.seen(asked.get(), *answer, score);
                    }
                }
                Err(error) => self.metrics.failed(error),
            }
            each(asked.get(), answer);
        });
    }

    /// Brings the gauges up to date, but for those of drift.
    pub(crate) fn measure(&self) {
        self.metrics.set_instances(self.host.instances());
    }

    /// The drift window of its requests, or why there is none.
    pub(crate) fn drift(&self) -> Result<&Arc<Monitor>, &NotMonitored> {
        self.drift.as_ref()
    }

    /// A drift window of its answers to copies of another version's requests.
    pub(super) fn watch_copies(&self, drift: &Drift) -> Result<Arc<Monitor>, NotMonitored> {
        drift.monitor(&self.host, (&self.name, &self.version), Watched::Copies)
    }

    fn seen(&self, request: &[u8], answer: Answer<'_>, score: Option<Score>) {
        if let Ok(monitor) = &self.drift {
            monitor.seen(request, answer, score);
        }
    }

    fn loaded(&self) -> Loaded<'_> {
        Loaded {
            host: &self.host,
            name: &self.name,
            version: &self.version,
            file_sha256: &self.file_sha256,
            signer: self.signer(),
        }
    }

    /// Whether it comes with JavaScript that is served.
    pub(crate) fn has_glue(&self) -> bool {
        self.script.is_some()
    }

    /// A file as it is sent, if it is packed already.
    pub(crate) fn packed(&self, file: ServedFile) -> Option<&Asset> {
        self.place(file).get()
    }

    /// Packs a file, once: long work. `None` where it is not served.
    pub(crate) fn pack(&self, file: ServedFile) -> Option<&Asset> {
        let (content_type, bytes) = match file {
            ServedFile::Wasm => ("application/wasm", self.host.wasm().clone()),
            ServedFile::Glue => (
                "text/javascript; charset=utf-8",
                script(self.script.as_ref()?),
            ),
            ServedFile::Types => {
                let types = self.host.types().cloned();
                let types = types.unwrap_or(Bytes::from_static(MODEL_TYPES.as_bytes()));
                ("text/plain; charset=utf-8", types)
            }
        };
        let pack = || Asset::new(content_type, bytes);
        Some(self.place(file).get_or_init(pack))
    }

    fn place(&self, file: ServedFile) -> &OnceLock<Asset> {
        match file {
            ServedFile::Wasm => &self.files.wasm,
            ServedFile::Glue => &self.files.glue,
            ServedFile::Types => &self.files.types,
        }
    }
}
