//! The commands, each in a file or folder of its own.

mod card;
mod compile_module;
pub(crate) mod drift;
mod eda;
mod evaluate;
mod explain;
mod export;
mod health;
mod import;
mod inspect;
mod keygen;
pub(crate) mod log;
pub(crate) mod policy;
mod publish;
mod pull;
pub(crate) mod reproduce;
mod schema;
mod score;
mod serve;
mod shadow;
mod sign;
mod track;
mod train;
mod verify;

use anyhow::Result;
use clap::{Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  underwrite schema infer applicants.csv --out applicants.toml
  underwrite train --data applicants.csv --schema applicants.toml --out model.wasm
  underwrite serve --model model.wasm
  underwrite score --model model.wasm --input new.csv --output scored.csv";

/// Train a yes/no classifier from a CSV file and pack it into one model.wasm that decides the
/// same everywhere.
#[derive(Debug, Parser)]
#[command(name = "underwrite", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Import(import::Args),
    Serve(Box<serve::Args>),
    CompileModule(compile_module::Args),
    Health(health::Args),
    Score(score::Args),
    Explain(explain::Args),
    Export(export::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Reproduce(reproduce::Args),
    Keygen(keygen::Args),
    Sign(sign::Args),
    Schema(schema::Args),
    Eda(eda::Args),
    Evaluate(evaluate::Args),
    Card(card::Args),
    Shadow(shadow::Args),
    Policy(policy::Args),
    Track(track::Args),
    Publish(publish::Args),
    Pull(pull::Args),
    Drift(Box<drift::Args>),
    Log(log::Args),
}

impl Cli {
    /// Runs the command that was given.
    pub(crate) fn run(self) -> Result<()> {
        match self.command {
            Command::Train(args) => args.run(),
            Command::Import(args) => args.run(),
            Command::Serve(args) => args.run(),
            Command::CompileModule(args) => args.run(),
            Command::Health(args) => args.run(),
            Command::Score(args) => args.run(),
            Command::Explain(args) => args.run(),
            Command::Export(args) => args.run(),
            Command::Inspect(args) => args.run(),
            Command::Verify(args) => args.run(),
            Command::Reproduce(args) => args.run(),
            Command::Keygen(args) => args.run(),
            Command::Sign(args) => args.run(),
            Command::Schema(args) => args.run(),
            Command::Eda(args) => args.run(),
            Command::Evaluate(args) => args.run(),
            Command::Card(args) => args.run(),
            Command::Shadow(args) => args.run(),
            Command::Policy(args) => args.run(),
            Command::Track(args) => args.run(),
            Command::Publish(args) => args.run(),
            Command::Pull(args) => args.run(),
            Command::Drift(args) => args.run(),
            Command::Log(args) => args.run(),
        }
    }
}
