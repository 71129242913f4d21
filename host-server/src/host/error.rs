//! What can go wrong with a model: what was expected, what was found, what to do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use model_core::describe::ABI_VERSION;
use model_core::model_file::ModelFileError;

/// Why a file cannot be served: its path, if known, and [`LoadErrorKind`].
#[derive(Debug)]
pub struct LoadError {
    path: Option<PathBuf>,
    kind: LoadErrorKind,
}

impl LoadError {
    /// What is wrong with the file.
    #[must_use]
    pub fn kind(&self) -> &LoadErrorKind {
        &self.kind
    }

    pub(crate) fn in_file(self, path: &Path) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }
}

impl<K: Into<LoadErrorKind>> From<K> for LoadError {
    fn from(kind: K) -> Self {
        Self {
            path: None,
            kind: kind.into(),
        }
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => write!(formatter, "{}: {}", path.display(), self.kind),
            None => self.kind.fmt(formatter),
        }
    }
}

impl std::error::Error for LoadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.kind)
    }
}

/// What is wrong with a file that cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadErrorKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// The file is longer than any model.
    #[error("{length} bytes, a model has at most {limit}: it is not a model.wasm")]
    TooLong {
        /// Its length in bytes.
        length: u64,
        /// The most that is read, in bytes.
        limit: u64,
    },
    /// The model is another than its place says; a sentence.
    #[error("{0}")]
    Mismatch(String),
    /// The seal is missing or does not fit.
    #[error(transparent)]
    File(#[from] ModelFileError),
    /// The bytes are not WebAssembly that this host can run.
    #[error("not a WebAssembly module this host can run: {0}")]
    Compile(String),
    /// The process that compiles refused the bytes; its sentence.
    #[error("{0}")]
    Refused(String),
    /// The process that compiles was stopped by the system.
    #[error(
        "compiling the module takes more time or memory than any model needs; it is not a model"
    )]
    CompileLimit,
    /// The module imports something from its host.
    #[error(
        "the module imports {module}.{name}, expected only wasm-bindgen's functions: it is not a model, or a newer underwrite made it"
    )]
    Import {
        /// The import's module.
        module: String,
        /// The import's name.
        name: String,
    },
    /// The module has code that would run when it is instantiated.
    #[error(
        "the module has a start function, which a model never has: create it again with `underwrite train`"
    )]
    StartFunction,
    /// The module starts with more memory than one instance may use.
    #[error(
        "the module needs {needed} bytes of memory to start, the limit is {limit}: raise the memory limit or use a smaller model"
    )]
    Memory {
        /// Bytes it asks for.
        needed: u64,
        /// Bytes it may use.
        limit: usize,
    },
    /// One of the plain exports is missing or has another type.
    #[error(
        "the module exports {found} as `{name}`, expected {expected}: it is not a model, or a newer underwrite made it"
    )]
    Export {
        /// The export's name.
        name: &'static str,
        /// Its type in `docs/reference/module-abi.md`.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The plain exports have another version.
    #[error(
        "the module has ABI version {found}, this host supports version {ABI_VERSION}: use the underwrite that made the model, or train it again"
    )]
    AbiVersion {
        /// The module's version.
        found: u32,
    },
    /// The module itself refused the artifact it carries.
    #[error("the module refused its artifact: {detail}")]
    Artifact {
        /// The module's own message.
        detail: String,
    },
    /// `abi_describe` returned something other than `docs/reference/module-abi.md` specifies.
    #[error("the module's description cannot be read: {0}")]
    Description(serde_json::Error),
    /// The module does not decide as it did when it was made.
    #[error(
        "golden row {row} got another answer than when the model was made: the file is not what it claims to be; train it again"
    )]
    GoldenRow {
        /// Which of the artifact's golden rows, from 1.
        row: usize,
    },
    /// The section with `model.js` is missing.
    #[error(
        "the file has no `underwrite.glue` section (model.js): create it again with `underwrite train`"
    )]
    NoGlue,
    /// The module failed while it was being loaded.
    #[error("loading failed: {0}")]
    Call(CallError),
    /// The machine lacks what an engine needs.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
}

impl From<CallError> for LoadErrorKind {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Artifact { detail } => Self::Artifact { detail },
            other => Self::Call(other),
        }
    }
}

/// Why a call into the module gave no answer. The instance is discarded; the next call gets a
/// new one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The module trapped: a bug in it.
    #[error("the module trapped in {function}: {reason}")]
    Trap {
        /// The export that was called.
        function: &'static str,
        /// wasmtime's message.
        reason: String,
    },
    /// The call computed for longer than [`Limits`](crate::Limits) allow.
    #[error("{function} was stopped after {limit:?}")]
    Deadline {
        /// The export that was called.
        function: &'static str,
        /// What it might have computed.
        limit: Duration,
    },
    /// The module needed more memory than [`Limits`](crate::Limits) allow.
    #[error("{function} needed more than the {limit} bytes of memory that one instance may use")]
    Memory {
        /// The export that was called.
        function: &'static str,
        /// Bytes it may use.
        limit: usize,
    },
    /// The module broke the contract of its plain exports.
    #[error("{function} returned {found}, expected {expected}")]
    Contract {
        /// The export that was called.
        function: &'static str,
        /// What `docs/reference/module-abi.md` specifies.
        expected: &'static str,
        /// What the module returned.
        found: String,
    },
    /// The module refused the artifact that another instance of it had taken.
    #[error("a new instance refused the artifact: {detail}")]
    Artifact {
        /// The module's own message.
        detail: String,
    },
    /// No instance could be created.
    #[error("cannot create an instance of the module: {0}")]
    Instantiate(String),
    /// The caller's batch does not have the shape that it declares.
    #[error("a batch of {rows} rows with {inputs} inputs needs {expected} numbers, got {found}")]
    BatchLength {
        /// Rows, as the caller declares.
        rows: usize,
        /// Inputs of the model.
        inputs: usize,
        /// `rows * inputs`.
        expected: usize,
        /// Numbers given.
        found: usize,
    },
}
