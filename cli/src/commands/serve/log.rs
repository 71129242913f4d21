//! The log, on standard error.

use std::fmt::{Display, Formatter};
use std::io::{IsTerminal, stderr};
use std::panic::catch_unwind;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use tracing::{Level, Metadata};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Log {
    /// Human-readable lines.
    Text,
    /// One JSON object per line.
    Json,
}

impl FromStr for Log {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        ValueEnum::from_str(text, true).map_err(|_| "expected `text` or `json`".to_owned())
    }
}

impl Display for Log {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// How many lines wait for whoever reads them.
const LINES: usize = 4096;

/// How many of those may be lines of the access log, which anybody can cause.
const ACCESS_LINES: usize = 3072;

/// Where the lines of the access log come from.
const ACCESS: &str = "host_server::http::middleware";

/// How often lost lines are told of.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The log. What waits is written when it is dropped, if each queue takes no longer than a second.
pub(super) struct Started(Option<Queues>);

struct Queues {
    _writing: [WorkerGuard; 2],
    /// Lines that found no room: of the access log, and others.
    access_lost: ErrorCounter,
    others_lost: ErrorCounter,
    told: usize,
}

/// Starts the log: text on a terminal, else JSON, unless a format is set. Threads of its own
/// write: no request waits for whoever reads.
pub(super) fn start(log: Option<Log>) -> Started {
    let terminal = stderr().is_terminal();
    let log = log.unwrap_or(if terminal { Log::Text } else { Log::Json });
    let queue = |name: &'static str, lines| {
        let builder = NonBlockingBuilder::default().buffered_lines_limit(lines);
        // It panics where the system refuses the thread.
        catch_unwind(|| builder.thread_name(name).finish(stderr())).ok()
    };
    let others = queue("log", LINES - ACCESS_LINES);
    let access = others.as_ref().and(queue("access-log", ACCESS_LINES));
    let (Some((others, writes)), Some((access, writes_access))) = (others, access) else {
        subscribe(log, terminal, stderr);
        tracing::error!("the log has no thread of its own: requests wait for whoever reads it");
        return Started(None);
    };
    let queues = Queues {
        _writing: [writes, writes_access],
        access_lost: access.error_counter(),
        others_lost: others.error_counter(),
        told: 0,
    };
    subscribe(log, terminal, Writers { access, others });
    Started(Some(queues))
}

fn subscribe<W>(log: Log, terminal: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let subscriber = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(terminal);
    match log {
        Log::Text => subscriber.init(),
        Log::Json => subscriber.json().flatten_event(true).init(),
    }
}

/// Lines of the access log take no room from the others.
struct Writers {
    access: NonBlocking,
    others: NonBlocking,
}

impl<'a> MakeWriter<'a> for Writers {
    type Writer = NonBlocking;

    fn make_writer(&'a self) -> NonBlocking {
        self.others.clone()
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> NonBlocking {
        match event.target() == ACCESS && *event.level() == Level::INFO {
            true => self.access.clone(),
            false => self.others.clone(),
        }
    }
}

impl Started {
    /// Tells of lines that found no room, for ever.
    pub(super) async fn tell_of_lost(&mut self) {
        loop {
            tokio::time::sleep(TOLD_EVERY).await;
            self.tell();
        }
    }

    /// Tells of those of which nobody has been told.
    pub(super) fn tell(&mut self) {
        let Some(queues) = &mut self.0 else { return };
        let others = queues.others_lost.dropped_lines();
        let lost = queues.access_lost.dropped_lines() + others;
        let lines = lost - queues.told;
        if lines == 0 {
            return;
        }
        tracing::warn!(lines, "lines of this log were lost: its reader is too slow");
        // Unless this line was lost, too.
        if queues.others_lost.dropped_lines() == others {
            queues.told = lost;
        }
    }
}
