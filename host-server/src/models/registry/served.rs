//! One version of a model, ready to answer, with all that is made once for it.

use std::cell::Cell;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::loading::Loading;
use super::verify;
use crate::asset::Asset;
use crate::host::{Answer, CallError, Decision, Description, LoadError, LoadErrorKind, ModelHost};
use crate::models::drift::{NotWatched, Watcher};
use crate::models::metrics::{ModelMetrics, Tally};
use crate::models::score::Score;

/// A loaded, checked model.
pub(crate) struct Served {
    host: ModelHost,
    name: String,
    version: String,
    file_sha256: [u8; 32],
    pub(crate) metrics: ModelMetrics,
    drift: Result<Watcher, NotWatched>,
    files: OnceLock<(Asset, Asset)>,
}

/// A decision, and what was read of it.
pub(crate) struct Scored {
    pub(crate) decision: Decision,
    /// None of a refusal.
    pub(crate) score: Option<Score>,
}

/// The name and version that a folder gives a model.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}

impl Served {
    /// Reads, compiles and checks a file.
    pub(crate) fn open(
        path: &Path,
        place: Option<Place<'_>>,
        loading: &Loading,
    ) -> Result<Arc<Self>, LoadError> {
        let bytes = std::fs::read(path)
            .map_err(|error| LoadError::from(LoadErrorKind::Read(error)).in_file(path))?;
        Self::load(bytes.into(), place, loading).map_err(|error| error.in_file(path))
    }

    /// Compiles and checks a file's bytes.
    pub(crate) fn load(
        bytes: Bytes,
        place: Option<Place<'_>>,
        loading: &Loading,
    ) -> Result<Arc<Self>, LoadError> {
        let limits = loading.limits.for_file(bytes.len());
        let host = ModelHost::load(bytes, limits)?;
        verify::golden_rows(&host)?;
        Ok(Self::new(host, place, loading))
    }

    pub(crate) fn new(host: ModelHost, place: Option<Place<'_>>, loading: &Loading) -> Arc<Self> {
        let info = &host.description().model;
        let (name, version) = match place {
            Some(place) => (place.name.to_owned(), place.version.to_owned()),
            None => (info.name.clone(), info.version.clone()),
        };
        let drift = loading.drift.watch(&host, &name, &version);
        if let Err(NotWatched::Damaged(_)) = &drift {
            tracing::warn!(
                model = name,
                version,
                "no drift is watched: the sketch of the training rows cannot be read"
            );
        }
        Arc::new(Self {
            drift,
            metrics: loading.metrics.of(&name, &version, host.description()),
            file_sha256: Sha256::digest(host.wasm()).into(),
            files: OnceLock::new(),
            name,
            version,
            host,
        })
    }

    /// What it is called in routes.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Which version it is, in routes.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn description(&self) -> &Description {
        self.host.description()
    }

    pub(crate) fn description_json(&self) -> &Bytes {
        self.host.description_json()
    }

    /// The digest of the whole file: what tells one file from another.
    pub(crate) fn file_sha256(&self) -> &[u8; 32] {
        &self.file_sha256
    }

    /// One decision for a client, counted in the metrics and in the drift window.
    pub(crate) fn decide(&self, body: &[u8]) -> Result<Scored, CallError> {
        let scored = self.decide_unanswered(body)?;
        self.metrics.decided(scored.decision.answer(), scored.score);
        Ok(scored)
    }

    /// One decision that no client gets, as of a challenger in the shadow: it is counted in
    /// the drift window, and not among the decisions that were given.
    pub(crate) fn decide_unanswered(&self, body: &[u8]) -> Result<Scored, CallError> {
        let decision = self
            .host
            .decide(body)
            .inspect_err(|error| self.metrics.failed(error))?;
        let score = Score::read(decision.answer());
        self.seen(body, score);
        Ok(Scored { decision, score })
    }

    /// One decision for each row, in order, counted.
    pub(crate) fn decide_each<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a [u8]>,
        mut each: impl FnMut(Result<Answer<'_>, CallError>),
    ) {
        let mut tally = Tally::new(&self.metrics);
        // The row that is being decided, for who watches.
        let asked = Cell::new(&b""[..]);
        let rows = rows.into_iter().inspect(|row| asked.set(row));
        self.host.decide_each(rows, |answer| {
            match &answer {
                Ok(answer) => {
                    let score = Score::read(*answer);
                    tally.decided(*answer, score);
                    self.seen(asked.get(), score);
                }
                Err(error) => self.metrics.failed(error),
            }
            each(answer);
        });
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        self.metrics.set_instances(self.host.instances());
        if let Ok(watcher) = &self.drift {
            watcher.measure();
        }
    }

    /// What watches its requests, or why nothing does.
    pub(crate) fn drift(&self) -> Result<&Watcher, &NotWatched> {
        self.drift.as_ref()
    }

    fn seen(&self, request: &[u8], score: Option<Score>) {
        if let Ok(watcher) = &self.drift {
            watcher.seen(request, score);
        }
    }

    /// `model.wasm`, as a file.
    pub(crate) fn wasm(&self) -> &Asset {
        &self.files().0
    }

    /// `model.js`, as a file.
    pub(crate) fn glue(&self) -> &Asset {
        &self.files().1
    }

    /// Made when the first page asks: most models are never sent.
    fn files(&self) -> &(Asset, Asset) {
        self.files.get_or_init(|| {
            (
                Asset::new("application/wasm", self.host.wasm().clone()),
                Asset::new("text/javascript; charset=utf-8", self.host.glue().clone()),
            )
        })
    }
}
