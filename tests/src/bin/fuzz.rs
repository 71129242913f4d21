//! Fuzzes every reader of bytes from outside for a while: `cargo run --release -p acceptance --bin fuzz`.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acceptance::fuzz::{Crash, TARGETS, Target, run};
use anyhow::{Context, Result, anyhow, bail};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};

/// Mutated requests, schemas, artifacts and model files: none may panic or hang.
#[derive(Parser)]
struct Options {
    /// How long each target is driven, in seconds
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only this target: request, schema, artifact or model_file
    #[arg(long)]
    target: Option<String>,
    /// What the mutations follow from; the time when it is not given
    #[arg(long)]
    seed: Option<u64>,
    /// Write the inputs that each target begins with into folders here, and stop
    #[arg(long, value_name = "FOLDER")]
    write_seeds: Option<PathBuf>,
    /// Only try this input, such as one of an earlier crash
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let chosen = |target: &&Target| {
        options
            .target
            .as_deref()
            .is_none_or(|name| name == target.name)
    };
    let targets: Vec<&Target> = TARGETS.iter().filter(chosen).collect();
    if targets.is_empty() {
        let names = TARGETS.map(|target| target.name).join(", ");
        bail!("there is no such target, expected one of {names}");
    }
    if let Some(folder) = &options.write_seeds {
        return targets
            .iter()
            .try_for_each(|target| write_seeds(target, folder));
    }
    // A panic is told once, with the input that made it.
    std::panic::set_hook(Box::new(|_| {}));
    let seed = options.seed.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |time| time.as_micros() as u64)
    });
    for target in targets {
        match &options.input {
            Some(file) => retry(target, file)?,
            None => drive(target, seed, Duration::from_secs(options.seconds))?,
        }
    }
    Ok(())
}

fn write_seeds(target: &Target, folder: &Path) -> Result<()> {
    let folder = folder.join(target.name);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    for (index, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{index}")), seed)?;
    }
    println!("{}", folder.display());
    Ok(())
}

fn retry(target: &Target, file: &Path) -> Result<()> {
    let input = std::fs::read(file).with_context(|| file.display().to_string())?;
    let outcome = target
        .try_input(&input)
        .map_err(|crash| anyhow!("{}: {}", target.name, crash.reason))?;
    println!("{}: stands it: {outcome}", target.name);
    Ok(())
}

fn drive(target: &Target, seed: u64, time: Duration) -> Result<()> {
    // Draws on a terminal only.
    let bar = ProgressBar::new(time.as_secs());
    bar.set_style(ProgressStyle::with_template(
        "{prefix:>10} {bar:30} {elapsed} {msg}",
    )?);
    bar.set_prefix(target.name);
    let name = target.name;
    let report = run(
        target,
        seed,
        time,
        |executions| {
            bar.set_position(bar.elapsed().as_secs());
            bar.set_message(format!("{executions} inputs"));
        },
        move |crash| {
            println!("{:#}", kept(name, &crash));
            std::process::exit(1);
        },
    )
    .map_err(|crash| kept(name, &crash))?;
    bar.finish_and_clear();
    println!(
        "{name}: {} inputs, {} kinds of outcome, slowest {:.1} ms, seed {seed}",
        report.executions,
        report.outcomes,
        report.slowest.as_secs_f64() * 1e3
    );
    Ok(())
}

/// Writes the input aside; the error says how to try it again.
fn kept(target: &str, crash: &Crash) -> anyhow::Error {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(1);
    let folder = root.unwrap_or(Path::new(".")).join("target/fuzz");
    let file = folder.join(format!("{target}-{}", crash.fingerprint));
    let written =
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &crash.input));
    match written {
        Ok(()) => anyhow!(
            "{target}: {}\nagain: cargo run --release -p acceptance --bin fuzz -- --target {target} --input {}",
            crash.reason,
            file.display()
        ),
        Err(error) => anyhow!(
            "{target}: {}\nthe input could not be kept: {error}",
            crash.reason
        ),
    }
}
