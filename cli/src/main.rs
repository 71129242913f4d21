//! The `underwrite` command: from a CSV to one `model.wasm`, and what can be done with it.

mod commands;
mod config_file;
mod counted;
mod engine;
mod files;
mod hub;
mod interrupt;
mod progress;
mod secrets;
mod settings;
mod signature;
mod terminal;
mod tracking;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Parser;

/// Whatever the error, the program ends with this.
const FAILED: u8 = 2;
/// What was asked about a batch, a policy, a model or a log has the answer that
/// `--fail-on-drift`, `--strict`, a test, a comparison or a check is there for.
const FOUND: u8 = 1;
const ERROR: Style = AnsiColor::Red.on_default().bold();

fn main() -> ExitCode {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // What a damaged Parquet file does to its library becomes an error, which is printed.
        if !model_files::parquet::is_guarded() {
            usual(panic);
        }
    }));
    match commands::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) if error.is::<commands::drift::Drifted>() => ExitCode::from(FOUND),
        Err(error) if error.is::<commands::policy::Found>() => ExitCode::from(FOUND),
        Err(error) if error.is::<commands::log::Problems>() => ExitCode::from(FOUND),
        Err(error) if error.is::<commands::reproduce::Differs>() => ExitCode::from(FOUND),
        Err(error) => {
            let mut stderr = terminal::stderr();
            let begin = format!("{ERROR}error:{ERROR:#} ");
            // When even standard error is gone, the exit code is all that is left.
            let _ = stderr.write_all(begin.as_bytes());
            let _ = writeln!(stderr, "{}", one_line(&error));
            ExitCode::from(FAILED)
        }
    }
}

/// The reader of a pipe, such as `head`, had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The chain of causes as one sentence.
fn one_line(error: &anyhow::Error) -> String {
    let lines = format!("{error:#}");
    let words: Vec<&str> = lines
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    words.join(" ")
}
