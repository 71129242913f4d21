//! The open log, and what records of it have in common.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model_log::{
    Details, Digest, Event, Kind, LogError, Options, Pending, Reader, Record, Role, Writer, event,
};

use super::call::Call;
use super::kept::{KeptModel, KeptModels};
use super::metrics::LogMetrics;
use super::options::{DecisionLogOptions, OnFailure};
use super::queue::Queue;
use super::recorder::{Recorder, Template, Written};
use super::sink::Sink;
use crate::host::Description;
use crate::http::error::ApiError;
use crate::models::registry::{Loaded, Refused, Registry, Served, Witness};

/// What records say about the program that wrote them.
const PROGRAM: &str = concat!("underwrite ", env!("CARGO_PKG_VERSION"));

/// The open log.
pub(crate) struct DecisionLog {
    sink: Arc<Sink>,
    /// Which log it is.
    id: String,
    options: DecisionLogOptions,
    /// Held while a person's decision is checked and written: one at a time.
    deciding: Mutex<()>,
    queue: Mutex<Queue>,
    /// The files that are kept beside the log already, as far as this process knows.
    kept: Mutex<HashSet<[u8; 32]>>,
    /// Of those files, the one that is loaded for officers.
    models: KeptModels,
}

/// What is known of the record of a challenger's answer before there is one.
pub(crate) struct ShadowRecord {
    sink: Arc<Sink>,
    details: Details,
}

impl ShadowRecord {
    /// Records what a challenger in the shadow answers to a request whose answer is recorded there.
    /// Nobody waits for that. The log refuses it where the answer was erased meanwhile.
    pub(super) fn witness(self, written: &Written) -> Witness {
        let Self { sink, details } = self;
        let link = Some(written.index());
        Box::new(move |served, request, answer| {
            let mut template = template(Kind::Decision, served, details);
            template.link = link;
            let mut recorder = Recorder::new(Arc::clone(&sink), template);
            recorder.add(request, answer);
            if recorder.write().is_lost() {
                sink.metrics().lost_shadow();
            }
        })
    }
}

impl DecisionLog {
    /// Opens the log, or makes a new one; blocks.
    ///
    /// # Errors
    /// When it cannot be used; the sentence names the file.
    pub(crate) fn open(
        options: DecisionLogOptions,
        metrics: Arc<LogMetrics>,
    ) -> Result<Arc<Self>, LogError> {
        if options.four_eyes && options.people.len() == 1 {
            tracing::warn!("four eyes and one person: what is proposed can be confirmed by nobody");
        }
        let usual = Options::default();
        let observed = Arc::clone(&metrics);
        let keys = options.keys.as_ref();
        let keys_apart = keys.is_some_and(|keys| !keys.starts_with(&options.folder));
        let writer = Writer::open(
            &options.folder,
            Options {
                keys: options.keys.clone(),
                origin: options.origin.clone().unwrap_or(usual.origin),
                retention_months: options.retention_months,
                observer: Some(Arc::new(move |event| observe(event, keys_apart, &observed))),
                ..Options::default()
            },
        )?;
        metrics.count_before(&writer.reader())?;
        let log = Self {
            id: writer.reader().verifier()?.id(),
            sink: Arc::new(Sink::new(writer, options.on_failure, metrics)),
            options,
            deciding: Mutex::new(()),
            queue: Mutex::default(),
            kept: Mutex::default(),
            models: KeptModels::default(),
        };
        // Whoever looks later reads only what is new.
        drop(log.queue()?);
        Ok(Arc::new(log))
    }

    pub(crate) fn options(&self) -> &DecisionLogOptions {
        &self.options
    }

    /// Which log it is, by its verifier key: the indexes of several logs are the same.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Checks that a client that names a log means this one.
    ///
    /// # Errors
    /// When it names another log.
    pub(crate) fn check_id(&self, named: Option<&str>) -> Result<(), ApiError> {
        match named.is_none_or(|named| named == self.id) {
            true => Ok(()),
            false => Err(ApiError::Conflict {
                detail: format!(
                    "log names another decision log than that of this server, which is {}: its records have the same indexes, so nothing was done; send this to the server that has the log",
                    self.id
                ),
            }),
        }
    }

    pub(crate) fn writer(&self) -> &Writer {
        self.sink.writer()
    }

    pub(crate) fn reader(&self) -> Reader {
        self.writer().reader()
    }

    pub(crate) fn metrics(&self) -> &LogMetrics {
        self.sink.metrics()
    }

    /// Syncs what waits and signs a last checkpoint; nothing is recorded after that. Blocks.
    pub(crate) fn close(&self) {
        if let Err(error) = self.writer().clone().close() {
            tracing::error!(%error, "decision log not closed: its last checkpoint is missing");
        }
    }

    /// Brings the gauges up to date.
    pub(crate) fn measure(&self) {
        self.metrics().set(&self.writer().status());
    }

    /// Held while a person's decision is checked and written.
    pub(super) fn deciding(&self) -> MutexGuard<'_, ()> {
        self.deciding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits for people and what they said, up to the last acknowledged record. Nothing is
    /// opened while this is held.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub(super) fn queue(&self) -> Result<MutexGuard<'_, Queue>, LogError> {
        let mut queue = self.queue_without_update();
        queue.update(&self.reader(), &self.writer().status())?;
        Ok(queue)
    }

    /// The same as it was read last: nobody waits for the index.
    pub(super) fn queue_without_update(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what a request is answered by this model.
    ///
    /// # Errors
    /// When the client's id of the application cannot be one.
    pub(crate) fn recorder(
        self: &Arc<Self>,
        call: &Call<'_>,
        caller: Option<String>,
        kind: Kind,
        (served, role): (&Served, Role),
    ) -> Result<Recorder, ApiError> {
        let details = Details {
            request_id: call.id.as_str().to_owned(),
            application: call.application()?,
            caller: caller.unwrap_or_default(),
            route: call.route.to_owned(),
            role,
            program: PROGRAM.to_owned(),
            ..Details::default()
        };
        Ok(Recorder::new(
            Arc::clone(&self.sink),
            template(kind, served, details),
        ))
    }

    /// What records a challenger's answer to this request.
    pub(crate) fn shadow(self: &Arc<Self>, call: &Call<'_>) -> ShadowRecord {
        let details = Details {
            request_id: call.id.as_str().to_owned(),
            // It was valid, or there would be no answer.
            application: call.application().unwrap_or_default(),
            route: call.route.to_owned(),
            role: Role::Shadow,
            program: PROGRAM.to_owned(),
            ..Details::default()
        };
        ShadowRecord {
            sink: Arc::clone(&self.sink),
            details,
        }
    }

    /// Keeps a model's file beside the log and records that it was loaded, the first time; blocks.
    ///
    /// # Errors
    /// A sentence, when that failed and nothing is to be answered without a record.
    pub(crate) fn loaded(&self, model: &Loaded<'_>) -> Result<(), String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(model.file_sha256) {
            return Ok(());
        }
        match self.keep(model) {
            Ok(()) => {
                kept.insert(*model.file_sha256);
                Ok(())
            }
            Err(error) => match self.options.on_failure {
                OnFailure::Refuse => Err(format!(
                    "its file was not kept for the decision log: {error}"
                )),
                OnFailure::Serve => {
                    let Loaded { name, version, .. } = model;
                    tracing::error!(model = name, version, %error, "model not kept for the decision log: its decisions cannot be replayed");
                    Ok(())
                }
            },
        }
    }

    /// The model of a file that is kept beside the log, if it is loaded.
    pub(crate) fn kept_model(&self, file: &[u8; 32]) -> Option<Arc<KeptModel>> {
        self.models.loaded(file)
    }

    /// The same, loaded with the registry's limits if it is not; `None` where that cannot be done,
    /// of which the server's log tells. Blocks.
    pub(crate) fn load_kept_model(
        &self,
        file: &[u8; 32],
        registry: &Registry,
    ) -> Option<Arc<KeptModel>> {
        let open = |wasm: Vec<u8>| registry.reopen(wasm.into());
        self.models.load(&self.reader(), file, open)
    }

    /// Records that a file was refused at a reload; blocks. The old model goes on either way.
    pub(crate) fn refused(&self, refused: &Refused<'_>) {
        let mut record = Record::new(Kind::ModelRefused);
        record.details.program = PROGRAM.to_owned();
        let event = event::Model {
            name: refused.name.to_owned(),
            version: refused.version.to_owned(),
            source: refused.path.display().to_string(),
            because: refused.because.to_owned(),
            // Not in the leaf: those are files that are kept beside the log.
            file_sha256: Some(Digest(*refused.file_sha256)),
            ..event::Model::default()
        };
        record.details.event = serde_json::to_value(event).ok();
        let written = self.writer().append(vec![record]);
        if let Err(error) = written.and_then(Pending::wait) {
            let Refused { name, version, .. } = refused;
            tracing::error!(model = name, version, %error, "refused model not recorded in the decision log");
        }
    }

    fn keep(&self, model: &Loaded<'_>) -> Result<(), LogError> {
        self.remove_damaged(Digest(*model.file_sha256))?;
        self.writer().keep_model(model.host.wasm())?;
        let mut record = Record::new(Kind::ModelLoaded);
        record.model = Digest(*model.file_sha256);
        record.policy = policy(model.host.description());
        record.details.program = PROGRAM.to_owned();
        let event = event::Model {
            name: model.name.to_owned(),
            version: model.version.to_owned(),
            signed_by: model.signer.and_then(|signer| signer.key.parse().ok()),
            ..event::Model::default()
        };
        record.details.event = serde_json::to_value(event).ok();
        self.writer().append(vec![record])?.wait()?;
        Ok(())
    }

    /// Removes the kept file of a model that is not what its name says, so that it is written anew:
    /// what this model decided could not be replayed.
    fn remove_damaged(&self, digest: Digest) -> Result<(), LogError> {
        let reader = self.reader();
        let Err(LogError::Damaged { place, problem }) = reader.model(digest) else {
            return Ok(());
        };
        tracing::warn!(
            file = place,
            problem,
            "model kept for the decision log was damaged: it is written anew"
        );
        let path = reader.model_path(digest);
        std::fs::remove_file(&path).map_err(|reason| LogError::Io { path, reason })
    }
}

fn template(kind: Kind, served: &Served, details: Details) -> Template {
    Template {
        kind,
        model: Digest(*served.file_sha256()),
        policy: policy(served.description()),
        link: None,
        details,
    }
}

/// The digest of a model's lending rules.
fn policy(model: &Description) -> Digest {
    let digest = model.policy.as_ref();
    let digest = digest.and_then(|policy| policy.digest.as_deref());
    let hex = digest.and_then(|digest| digest.strip_prefix("sha256:"));
    hex.and_then(|hex| hex.parse().ok()).unwrap_or(Digest::NONE)
}

/// What happens to the log is said in the other log, which is kept elsewhere: a checkpoint there
/// shows later what was cut here. `keys_apart` says that the keys have a folder of their own.
fn observe(event: &Event, keys_apart: bool, metrics: &LogMetrics) {
    match event {
        Event::KeysMade(folder) if keys_apart => {
            tracing::info!(folder = %folder.display(), "keys of the decision log made: without this folder nobody can read the log");
        }
        Event::KeysMade(folder) => {
            tracing::warn!(folder = %folder.display(), "keys of the decision log made: whoever has this folder can read and rewrite the log; keep them elsewhere with --decision-log-keys");
        }
        Event::Checkpoint(note) => {
            metrics.checkpoint();
            tracing::info!(note, "decision log checkpoint");
        }
        Event::Recovered { bytes, records } => {
            metrics.recovered(*bytes);
            tracing::warn!(
                bytes,
                records,
                "decision log recovered: the unfinished end of a crash was cut"
            );
        }
        Event::Stopped(reason) => {
            tracing::error!(
                reason,
                "decision log stopped: nothing is recorded until it has started again from the disk"
            );
        }
        Event::Restarted => tracing::warn!("decision log started again from the disk"),
        Event::KeyLeft { epoch, because } => {
            tracing::error!(
                epoch,
                because,
                "decision log has an old key that could not be destroyed"
            );
        }
        Event::ErasureLeft { erasure, because } => {
            tracing::error!(
                erasure,
                because,
                "decision log has an erasure that could not be ended: erase its records again"
            );
        }
        Event::CheckpointFailed(reason) => {
            tracing::error!(
                reason,
                "decision log checkpoint failed; records are still written"
            );
        }
        other => tracing::info!(event = ?other, "decision log"),
    }
}
