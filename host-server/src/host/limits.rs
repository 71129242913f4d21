//! What a model may use before it is stopped.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

/// What a model may use before it is stopped.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Linear memory of one instance, in bytes. Default: 256 MiB.
    pub memory_bytes: usize,
    /// What one decision may compute, on its thread's clock: time in which the system does not
    /// run the thread does not count. Default: 1 s; a real one takes microseconds, so this
    /// only stops a module that hangs.
    pub decide: Duration,
    /// The same for one explanation, of which the first builds tables. Default: 1 s.
    pub explain: Duration,
    /// The same for loading a model into a new instance, and for one batch. Default: 10 s.
    pub load: Duration,
    /// Added to `load` for each KiB of the file. Default: nothing.
    pub load_per_kib: Duration,
    /// Instances at once, each with its own memory. Default: four for each processor, and three: as
    /// many calls as a server makes at once, on the threads of connections, in pieces of long work,
    /// where long bodies are read and in searches for recourse. A call beyond that waits until one is returned.
    pub instances: NonZeroUsize,
    /// The folder that keeps compiled modules between starts. Only this user may be able to
    /// write to it. Default: none, every start compiles.
    pub cache: Option<PathBuf>,
    /// A program that compiles a module into that folder, or into a temporary one, so that this
    /// process does not grow by the compiler's memory. It is called with
    /// `compile-module --cache-dir FOLDER --module-memory BYTES` and the module on its standard
    /// input, and with `--background` where that is asked for; it ends with 0, with [`NOT_KEPT`](crate::NOT_KEPT) when the folder cannot be
    /// written, or with another number and a sentence on standard error. Default: none.
    pub compiler: Option<PathBuf>,
    /// Whether that program compiles behind everything else: by one thread, which the system
    /// runs after others. Default: no; a server does so once it answers.
    pub background: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 256 << 20,
            decide: Duration::from_secs(1),
            explain: Duration::from_secs(1),
            load: Duration::from_secs(10),
            load_per_kib: Duration::ZERO,
            instances: processors().saturating_mul(FOUR).saturating_add(3),
            cache: None,
            compiler: None,
            background: false,
        }
    }
}

impl Limits {
    /// For a server that takes files while it answers: a module that hangs is stopped
    /// when it has computed for 40 to 60 ms (the limit, and up to two ticks of the clock), and a
    /// file that is not what it says costs no more before it is refused. A decision takes microseconds; loading takes
    /// 12 ms for a file of 530 KiB, so 40 ms and 1 ms a KiB are plenty.
    #[must_use]
    pub fn serving() -> Self {
        Self {
            decide: Duration::from_millis(40),
            load: Duration::from_millis(40),
            load_per_kib: Duration::from_millis(1),
            ..Self::default()
        }
    }

    /// The limits for a file of this length: with the time that it may take to load.
    pub(crate) fn for_file(&self, bytes: usize) -> Self {
        let kib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        Self {
            load: self
                .load
                .saturating_add(self.load_per_kib.saturating_mul(kib)),
            ..self.clone()
        }
    }
}

const FOUR: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);

/// Processors this process may use, at least one: as it was when it was asked first, since the
/// answer takes reading the files of a control group.
pub(crate) fn processors() -> NonZeroUsize {
    static PROCESSORS: LazyLock<NonZeroUsize> =
        LazyLock::new(|| std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN));
    *PROCESSORS
}
