//! The log, on standard error.

use std::fmt::{Display, Formatter};
use std::io::{IsTerminal, stderr};
use std::str::FromStr;

use clap::ValueEnum;

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

/// Starts the log: text on a terminal, else JSON, unless a format is set.
pub(super) fn start(log: Option<Log>) {
    let terminal = stderr().is_terminal();
    let log = log.unwrap_or(if terminal { Log::Text } else { Log::Json });
    let subscriber = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(terminal);
    match log {
        Log::Text => subscriber.init(),
        Log::Json => subscriber.json().flatten_event(true).init(),
    }
}
