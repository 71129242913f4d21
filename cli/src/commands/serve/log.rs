//! The log, on standard error.

use std::fmt::{Display, Formatter};
use std::io::{IsTerminal, stderr};
use std::panic::catch_unwind;
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
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

/// How often lost lines are told of.
const TOLD_EVERY: Duration = Duration::from_secs(10);

/// The log. What waits is written when it is dropped, if that takes no longer than a second.
pub(super) struct Started {
    _writing: Option<WorkerGuard>,
    lost: Option<ErrorCounter>,
}

/// Starts the log: text on a terminal, else JSON, unless a format is set. A thread of its own
/// writes: no request waits for whoever reads.
pub(super) fn start(log: Option<Log>) -> Started {
    let terminal = stderr().is_terminal();
    let log = log.unwrap_or(if terminal { Log::Text } else { Log::Json });
    let lossy = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES)
        .thread_name("log");
    // It panics where the system refuses the thread.
    let Ok((writer, writing)) = catch_unwind(|| lossy.finish(stderr())) else {
        subscribe(log, terminal, stderr);
        tracing::error!("the log has no thread of its own: requests wait for whoever reads it");
        return Started {
            _writing: None,
            lost: None,
        };
    };
    let lost = writer.error_counter();
    subscribe(log, terminal, writer);
    Started {
        _writing: Some(writing),
        lost: Some(lost),
    }
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

impl Started {
    /// Tells of lines that found no room, for ever.
    pub(super) async fn tell_of_lost(&self) {
        let mut told = 0;
        loop {
            tokio::time::sleep(TOLD_EVERY).await;
            let lost = self.lost.as_ref().map_or(0, ErrorCounter::dropped_lines);
            if lost > told {
                let lines = lost - told;
                tracing::warn!(lines, "lines of this log were lost: its reader is too slow");
                told = lost;
            }
        }
    }
}
