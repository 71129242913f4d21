//! The project's own commands; `cargo xtask --help` lists them.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line program talks on its standard streams"
)]

mod acceptance;
mod build;
mod data;
mod demo;
mod engine;
mod lint;
mod progress;
mod python;
mod served;
mod steps;
mod suites;
mod system;
mod test;
#[cfg(test)]
mod tidy;
mod tools;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
///
/// They need rustup, Node 20 or newer, a C compiler and git; what else they need they install:
/// the wasm target by rustup, and pinned tools into ~/.cache/underwrite/tools (or
/// $XDG_CACHE_HOME, or $UNDERWRITE_CACHE), where a second clone finds them.
/// The output of every step is kept in target/xtask/.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    max_term_width = 100
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, train on data/loan_sample.csv, serve, and print the page's address and a curl line
    Demo {
        /// Where the server listens, on 127.0.0.1
        #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Run every test: native, wasm in Node and Chromium, the Worker, the page, conformance,
    /// fuzz, trackers, and the server with real clients and Prometheus
    ///
    /// Chromium and chromedriver, Prometheus and its Pushgateway are taken from the machine,
    /// else installed by its package manager where that is allowed. Nothing is skipped: what
    /// cannot run is a failure.
    Test {
        /// Only these (default: all)
        #[arg(value_name = "SUITE", value_parser = clap::builder::PossibleValuesParser::new(test::names()))]
        suites: Vec<String>,
    },
    /// Build target/release/underwrite, and the page's and the Worker's files
    ///
    /// target/engine/ gets engine.wasm, model.js and model.d.ts; target/page/ the page;
    /// target/edge/ the Worker.
    Build {
        /// A trained model to put beside the page and into the Worker, to publish them as they are
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
    },
    /// Build target/engine/ alone, which the underwrite program needs to compile
    Engine,
    /// Check formatting, lint native and wasm code with warnings denied, check the dependencies
    Lint,
    /// Measure how fast the module decides, and print the table of docs/
    Bench,
    /// Compare the answers of five hosts, byte by byte
    ///
    /// Trains a model on FILE and gives its rows to native code, wasmtime, Node, Chromium and
    /// workerd. The last line reads "0 bytes differ over N rows in 5 hosts".
    Conformance(acceptance::Conformance),
    /// Run each fuzz target for a while
    Fuzz {
        /// How long each target runs, in seconds
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Write the generated sample data in data/ again (the same bytes every time)
    Data(data::Options),
    /// Wait for the demo's server, try the curl line, print both
    #[command(hide = true)]
    Announce {
        #[arg(long)]
        port: u16,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo { port } => demo::run(port),
        Command::Announce { port } => demo::announce(port),
        Command::Test { suites } => test::run(&suites),
        Command::Build { model } => build::run(model.as_deref()),
        Command::Engine => {
            steps::Steps::new(1).step("Build target/engine/engine.wasm", engine::build)
        }
        Command::Lint => lint::run(),
        Command::Bench => acceptance::bench(),
        Command::Conformance(options) => acceptance::conformance(&options),
        Command::Fuzz { seconds } => acceptance::fuzz(seconds),
        Command::Data(options) => data::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
