//! [`ModelHost`]: one `model.wasm`, loaded and called.

use std::path::Path;

use bytes::Bytes;
use model_core::describe::ABI_VERSION;
use model_core::model_file::{GLUE_SECTION, ModelFile, TYPES_SECTION};
use tempfile::TempDir;

use super::answer::{Answer, Batch, Decision};
use super::compiled::Compiled;
use super::description::Description;
use super::engine::{Clock, engine};
use super::error::{CallError, LoadError, LoadErrorKind};
use super::instance::Instance;
use super::limits::Limits;
use super::module_cache::{Filled, ModuleCache};
use super::pool::{InstanceTimes, Pool};

/// Room for what the host adds to an answer.
const ENVELOPE: usize = 160;

/// A `model.wasm`, compiled and loaded. Threads can share it: each call borrows an instance of
/// its own.
pub struct ModelHost {
    pool: Pool,
    description: Description,
    description_json: Bytes,
    wasm: Bytes,
    glue: Bytes,
    types: Option<Bytes>,
    explains: bool,
    // Fields drop in order: the instances above must be gone before their clock stops.
    _clock: Clock,
}

impl ModelHost {
    /// Reads and loads a `model.wasm`.
    ///
    /// # Errors
    /// As [`ModelHost::load`], and when the file cannot be read; the error names the file.
    pub fn open(path: impl AsRef<Path>, limits: Limits) -> Result<Self, LoadError> {
        let path = path.as_ref();
        std::fs::read(path)
            .map_err(|error| LoadErrorKind::Read(error).into())
            .and_then(|bytes| Self::load(bytes, limits))
            .map_err(|error| error.in_file(path))
    }

    /// Checks the seal, compiles the module, loads its model into a first instance.
    ///
    /// # Errors
    /// When the bytes are truncated, altered or not a model, when the module needs more than
    /// `limits` allow, or when it refuses its artifact.
    pub fn load(wasm: impl Into<Bytes>, limits: Limits) -> Result<Self, LoadError> {
        let wasm = wasm.into();
        let file = ModelFile::open(&wasm).map_err(LoadErrorKind::File)?;
        let glue = file
            .custom_section(GLUE_SECTION)
            .ok_or(LoadErrorKind::NoGlue)?;
        let types = file.custom_section(TYPES_SECTION);
        let cache = cache(&limits, &wasm)?;
        let engine = engine(&limits, cache.as_ref().map(|folder| folder.cache.cache()))
            .map_err(|error| cannot_start(&error))?;
        let clock = Clock::start(&engine).map_err(|error| cannot_start(&error))?;
        let compiled = Compiled::new(&engine, &wasm, &limits)?;
        if let Some(Err(error)) = cache.map(|folder| folder.cache.keep()) {
            tracing::warn!(%error, "compiled module not cached: the next start takes longer");
        }
        check_version(&compiled, &limits)?;
        let pool = Pool::new(compiled, limits);
        let description_json = pool.with(Instance::describe).map_err(LoadErrorKind::from)?;
        let explains = pool
            .with(|instance| Ok(instance.explains()))
            .map_err(LoadErrorKind::from)?;
        Ok(Self {
            pool,
            explains,
            description: serde_json::from_slice(&description_json)
                .map_err(LoadErrorKind::Description)?,
            description_json: description_json.into(),
            glue: wasm.slice_ref(glue),
            types: types.map(|types| wasm.slice_ref(types)),
            wasm,
            _clock: clock,
        })
    }

    /// One decision. `body` is the request's JSON, whatever it holds. A refusal by the module
    /// is an answer too, with its own status.
    ///
    /// Runs on the calling thread, in microseconds, at most [`Limits::decide`].
    ///
    /// # Errors
    /// When the module failed and there is no answer.
    pub fn decide(&self, body: &[u8]) -> Result<Decision, CallError> {
        self.pool.with(|instance| decide(instance, body))
    }

    /// The same for a request for which no instance was idle: waits for one rather than for one
    /// more, if there is any.
    pub(crate) fn decide_with_returned(&self, body: &[u8]) -> Result<Decision, CallError> {
        self.pool.with_returned(|instance| decide(instance, body))
    }

    /// Whether there are fewer instances than processors beside those that are lent for long, and
    /// nobody creates one.
    pub(crate) fn lacks_instance(&self) -> bool {
        self.pool.lacks_instance()
    }

    /// Creates another instance, if there are too few. Takes as long as the model is large.
    ///
    /// # Errors
    /// When that fails.
    pub(crate) fn add_instance(&self) -> Result<(), CallError> {
        self.pool.add()
    }

    /// The same, if an instance is idle: the model is loaded into none, which takes as long as the
    /// model is large, and none is waited for.
    pub(crate) fn decide_if_idle(&self, body: &[u8]) -> Option<Result<Decision, CallError>> {
        self.pool.with_idle(|instance| decide(instance, body))
    }

    /// One decision for each of `rows`, in order, with one instance; `each` is called with
    /// every row's answer. A row on which the module fails costs its instance, not the rows
    /// after it.
    ///
    /// Runs on the calling thread, at most [`Limits::decide`] for each row.
    pub fn decide_each<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a [u8]>,
        mut each: impl FnMut(Result<Answer<'_>, CallError>),
    ) {
        let mut rows = rows.into_iter();
        loop {
            let done = self.pool.with(|instance| {
                for row in rows.by_ref() {
                    each(Ok(instance.decide(row)?));
                    if instance.is_spent() {
                        return Ok(false);
                    }
                }
                Ok(true)
            });
            match done {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => each(Err(error)),
            }
        }
    }

    /// Whether the module can explain: one that was packed by an earlier version cannot.
    #[must_use]
    pub fn explains(&self) -> bool {
        self.explains
    }

    /// Why a decision came out as it did. `body` is the request's JSON, whatever it holds. A
    /// refusal by the module is an answer too, with its own status.
    ///
    /// Runs on the calling thread, at most [`Limits::explain`]; the first call on an instance
    /// builds tables, which takes some milliseconds.
    ///
    /// # Errors
    /// When the module failed, or cannot explain.
    pub fn explain(&self, body: &[u8]) -> Result<Decision, CallError> {
        self.pool.with(|instance| {
            let answer = instance.explain(body)?;
            Ok(Decision {
                status: answer.status,
                body: answer.body.to_vec(),
            })
        })
    }

    /// How many instances exist now.
    #[must_use]
    pub fn instances(&self) -> usize {
        self.pool.alive()
    }

    /// Many rows at once: `columns[i * rows + r]` is input `i` of row `r`, the inputs in
    /// the order of [`Description::inputs`]; NaN is a missing value, 0 or 1 a boolean, an
    /// index a category.
    ///
    /// Runs on the calling thread, at most [`Limits::load`]: keep it under a million rows.
    ///
    /// # Errors
    /// When `columns` has another length than inputs times rows, or the module failed.
    pub fn batch(&self, columns: &[f64], rows: usize) -> Result<Batch, CallError> {
        let inputs = self.description.inputs().count();
        let expected = inputs.saturating_mul(rows);
        let found = columns.len();
        if expected != found {
            return Err(CallError::BatchLength {
                rows,
                inputs,
                expected,
                found,
            });
        }
        let mut probabilities = vec![0.0; rows];
        let refused = match rows {
            0 => 0,
            _ => self
                .pool
                .with(|instance| instance.batch(columns, &mut probabilities))?,
        };
        Ok(Batch {
            probabilities,
            refused,
        })
    }

    /// Measures, for benchmarks, what it costs to create an instance and load its model.
    ///
    /// # Errors
    /// When the module failed.
    pub fn time_new_instance(&self) -> Result<InstanceTimes, CallError> {
        self.pool.time_new_instance()
    }

    /// The model's description.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The description as JSON, as the module wrote it.
    #[must_use]
    pub fn description_json(&self) -> &Bytes {
        &self.description_json
    }

    /// The file itself.
    #[must_use]
    pub fn wasm(&self) -> &Bytes {
        &self.wasm
    }

    /// `model.js`, the JavaScript that fits the module, from the file.
    #[must_use]
    pub fn glue(&self) -> &Bytes {
        &self.glue
    }

    /// `model.d.ts`, the types of that JavaScript, from the file; files of earlier releases
    /// carry none.
    #[must_use]
    pub fn types(&self) -> Option<&Bytes> {
        self.types.as_ref()
    }
}

impl std::fmt::Debug for ModelHost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ModelHost")
            .field("model", &self.description.model)
            .finish_non_exhaustive()
    }
}

fn decide(instance: &mut Instance, body: &[u8]) -> Result<Decision, CallError> {
    let answer = instance.decide(body)?;
    let mut body = Vec::with_capacity(answer.body.len() + ENVELOPE);
    body.extend_from_slice(answer.body);
    Ok(Decision {
        status: answer.status,
        body,
    })
}

/// A cache for the compiled module, and the temporary folder it is in, if any.
struct CodeFolder {
    cache: ModuleCache,
    _temporary: Option<TempDir>,
}

/// The cache for the compiled module, filled by the process that compiles. Without a folder that
/// can be used, and where a process compiles, it is a temporary one; `None` where this process
/// has to compile.
///
/// # Errors
/// When the process that compiles refused the module, or was stopped: the module would take as
/// much here.
fn cache(limits: &Limits, wasm: &[u8]) -> Result<Option<CodeFolder>, LoadErrorKind> {
    let kept = limits.cache.as_deref().and_then(|folder| {
        ModuleCache::open(folder, wasm)
            .inspect_err(|error| {
                tracing::warn!(folder = %folder.display(), %error, "compiled module not cached: the next start takes longer");
            })
            .ok()
    });
    let folder = match (kept, &limits.compiler) {
        (Some(cache), _) => CodeFolder {
            cache,
            _temporary: None,
        },
        (None, None) => return Ok(None),
        (None, Some(_)) => match temporary(wasm) {
            Ok(folder) => folder,
            Err(error) => {
                tracing::warn!(%error, "no temporary folder: compiling in this process, which uses more memory");
                return Ok(None);
            }
        },
    };
    if let Some(compiler) = &limits.compiler {
        match folder.cache.fill(compiler, wasm, limits) {
            Ok(Filled::Done) => {}
            Ok(Filled::Refused(sentence)) => return Err(LoadErrorKind::Refused(sentence)),
            Ok(Filled::Stopped) => return Err(LoadErrorKind::CompileLimit),
            Err(error) => {
                tracing::warn!(compiler = %compiler.display(), %error, "compiler process failed: compiling in this process, which uses more memory");
            }
        }
    }
    Ok(Some(folder))
}

/// A folder for a module's code until it is loaded; nobody else can read it.
fn temporary(wasm: &[u8]) -> Result<CodeFolder, LoadErrorKind> {
    let folder = tempfile::tempdir().map_err(|error| cannot_start(&error))?;
    let cache = ModuleCache::open_in(folder.path(), wasm);
    let cache = cache.map_err(|error| cannot_start(&error))?;
    Ok(CodeFolder {
        cache,
        _temporary: Some(folder),
    })
}

/// Compiles `wasm` into the folder [`Limits::cache`]. This is what the program
/// [`Limits::compiler`] does.
///
/// # Errors
/// When it is not such a module, or the folder cannot be used.
pub fn compile(wasm: &[u8], limits: &Limits) -> Result<(), LoadError> {
    let Some(folder) = &limits.cache else {
        return Err(cannot_start(&"no cache folder is named").into());
    };
    // Whoever asks has looked at what the folder is in, or made it.
    let cache = ModuleCache::open_in(folder, wasm).map_err(|error| cannot_start(&error))?;
    let engine = engine(limits, Some(cache.cache())).map_err(|error| cannot_start(&error))?;
    Compiled::new(&engine, wasm, limits)?;
    cache.keep().map_err(|error| cannot_start(&error).into())
}

/// Checked before anything else, in an instance that is then dropped: in another version the
/// other exports may mean something else.
fn check_version(compiled: &Compiled, limits: &Limits) -> Result<(), LoadError> {
    let found = Instance::new(compiled, limits)
        .and_then(|mut instance| instance.abi_version())
        .map_err(LoadErrorKind::from)?;
    if found != ABI_VERSION {
        return Err(LoadErrorKind::AbiVersion { found }.into());
    }
    Ok(())
}

fn cannot_start(error: &dyn std::fmt::Display) -> LoadErrorKind {
    LoadErrorKind::Engine(format!("{error:#}"))
}
