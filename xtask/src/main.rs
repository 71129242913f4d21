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
mod long;
mod npm;
mod parts;
mod progress;
mod python;
mod served;
mod silence;
mod steps;
mod suites;
mod system;
mod test;
#[cfg(test)]
mod tidy;
mod tools;
mod wasm;
mod wheel;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's own commands.
///
/// They need rustup, Node 20 or newer, a C compiler and git. Everything else they install: the
/// wasm target with rustup, and pinned tools in ~/.cache/underwrite/tools, where other clones
/// find them ($UNDERWRITE_CACHE or $XDG_CACHE_HOME replaces ~/.cache).
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
    /// Build, train on data/loan_sample.csv, serve, and print the page's URL and a curl command
    Demo {
        /// Port of the server, on 127.0.0.1
        #[arg(long, default_value_t = 8080, value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Build everything and run all test suites, or the named ones
    ///
    /// Chromium with chromedriver and Prometheus with its Pushgateway are found on the machine,
    /// or installed with its package manager where that is allowed. Nothing is skipped: a suite
    /// that cannot run fails. $UNDERWRITE_LOAN_DATA names the folder of the large loan data;
    /// without it, acceptance uses the data of this repository.
    Test {
        /// Suites to run [default: all]
        #[arg(value_name = "SUITE", value_parser = clap::builder::PossibleValuesParser::new(test::names()))]
        suites: Vec<String>,
    },
    /// Build target/release/underwrite, and the page's and the Worker's files
    ///
    /// target/engine/ gets engine.wasm, model.js and model.d.ts; target/page/ the page;
    /// target/edge/ the Worker.
    Build {
        /// Trained model to add to the page and the Worker, which are then ready to publish
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
    },
    /// Build target/engine/ alone: the module without a model, which release builds include
    Engine,
    /// Build the Python package: a wheel for this platform in target/python/wheels/
    Python,
    /// Build the npm package: a tarball in target/npm/
    Npm,
    /// Print how many bytes of the engine each part takes
    Parts,
    /// Check formatting, lints of native and wasm code, documentation and dependencies
    Lint,
    /// Measure how fast the module decides, and print the tables of docs/benchmarks.md
    ///
    /// `quality` trains ours and other programs on public data sets instead, and prints how good
    /// the probabilities are. Results of the other programs are kept in target/quality/.
    /// `train` fits a million rows and prints time and memory, ours and LightGBM's.
    /// `import` asks an imported model, and beside it lleaves and LightGBM's C API.
    Bench {
        /// What to measure [default: speed]
        #[arg(value_parser = ["speed", "quality", "train", "import"])]
        what: Option<String>,
    },
    /// Compare the decisions of six hosts, byte by byte
    ///
    /// Trains a model on FILE and gives its rows to native code, wasmtime, Node, Chromium,
    /// workerd and Python. The last line reads "0 bytes differ over N rows in 6 hosts".
    Conformance(acceptance::Conformance),
    /// Run every fuzz target
    Fuzz {
        /// Duration of each target, in seconds
        #[arg(long, default_value_t = 20)]
        seconds: u32,
        /// The same in minutes
        #[arg(long, conflicts_with = "seconds")]
        minutes: Option<u32>,
    },
    /// Run the server under everything at once, and print memory, threads and latency by the minute
    Soak {
        /// How long, in minutes
        #[arg(long, default_value_t = 60)]
        minutes: u32,
    },
    /// Run what takes too long for every test run
    Long {
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(long::names()))]
        suite: String,
    },
    /// Regenerate the sample data in data/ (the same bytes every time)
    Data(data::Options),
    /// Wait for the demo's server, try the curl command, print both
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
        Command::Python => wheel::run(),
        Command::Npm => npm::run(),
        Command::Parts => parts::run(),
        Command::Lint => lint::run(),
        Command::Bench { what } if what.as_deref() == Some("quality") => acceptance::quality(),
        Command::Bench { what } if what.as_deref() == Some("train") => acceptance::bench_train(),
        Command::Bench { what } if what.as_deref() == Some("import") => acceptance::bench_import(),
        Command::Bench { .. } => acceptance::bench(),
        Command::Conformance(options) => acceptance::conformance(&options),
        Command::Fuzz { seconds, minutes } => {
            acceptance::fuzz(minutes.map_or(seconds, |minutes| minutes.saturating_mul(60)))
        }
        Command::Soak { minutes } => acceptance::soak(minutes),
        Command::Long { suite } => long::run(&suite),
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
