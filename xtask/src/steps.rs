//! Steps that are announced, timed and logged.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::progress::{self, Running, Weight, last_lines, with_heartbeat};
use crate::workspace;

/// How much of a failed command's output is shown, in lines.
const TAIL_LINES: usize = 60;

/// A numbered run of steps.
pub(crate) struct Steps {
    total: usize,
    started: Instant,
    begun: Cell<usize>,
    weights: &'static [Weight],
}

impl Steps {
    /// Starts a run of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            started: Instant::now(),
            begun: Cell::new(0),
            weights: &[],
        }
    }

    /// Starts a run of steps that prints about how long is left.
    pub(crate) fn weighted(weights: &'static [Weight]) -> Self {
        Self {
            weights,
            ..Self::new(weights.len())
        }
    }

    /// Prints what is done now, does it, and prints how long it took.
    pub(crate) fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let index = self.begun.replace(self.begun.get() + 1);
        println!("[{}/{}] {what}", self.begun.get(), self.total);
        let begun = Instant::now();
        let clock = Clock {
            started: self.started,
            begun,
            crates: progress::crates_begun(),
            index,
            weights: self.weights,
        };
        let result =
            with_heartbeat(|| clock.now(), work).with_context(|| format!("{what}: failed"))?;
        let (step, all) = (
            begun.elapsed().as_secs_f64(),
            self.started.elapsed().as_secs_f64(),
        );
        println!("      done in {step:.1} s ({all:.0} s since the start)");
        Ok(result)
    }

    /// The same for a last step that prints its own end.
    pub(crate) fn last<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("[{0}/{0}] {what}", self.total);
        work().with_context(|| format!("{what}: failed"))
    }

    /// The last line.
    pub(crate) fn finish(&self, what: &str) {
        println!(
            "{what} ({} steps, {:.0} s)",
            self.total,
            self.started.elapsed().as_secs_f64()
        );
    }
}

/// What time it is in a run of steps.
struct Clock {
    /// When the first step began, and this one.
    started: Instant,
    begun: Instant,
    /// Crates compiled before this step.
    crates: usize,
    /// Of this step.
    index: usize,
    weights: &'static [Weight],
}

impl Clock {
    /// The seconds since this step began; where steps have weights, also the time left.
    fn now(&self) -> String {
        let (all, step) = (self.started.elapsed(), self.begun.elapsed());
        let mut text = format!("{:.0} s", step.as_secs_f64());
        if !self.weights.is_empty() {
            let crates = progress::crates_begun() - self.crates;
            let left = progress::left(self.weights, self.index, all, step, crates);
            text += &format!(", about {} left", progress::rounded(left));
        }
        text + ": "
    }
}

/// Runs a command with its output in `target/xtask/<log>.log`; shows the end of it on failure.
pub(crate) fn quietly(log: &str, command: &mut Command) -> Result<()> {
    let (file, path) = open_log(log)?;
    let mut child = spawn(command.stdout(file.try_clone()?).stderr(file))?;
    let running = Running::new(&path);
    let status = child.wait()?;
    drop(running);
    if status.success() {
        return Ok(());
    }
    eprintln!("----- the end of {}", path.display());
    eprintln!("{}", last_lines(&path, TAIL_LINES));
    eprintln!("-----");
    bail!(
        "{} ({status}); the whole output is in {}",
        shown(command),
        path.display()
    )
}

/// Runs a command whose output the reader wants to see, like a test runner's.
pub(crate) fn openly(command: &mut Command) -> Result<()> {
    println!("      $ {}", shown(command));
    let status = spawn(command)?.wait()?;
    if !status.success() {
        bail!("{} ({status})", shown(command));
    }
    Ok(())
}

/// The same for a test runner that is content when it finds no test: then this is not.
pub(crate) fn openly_testing(command: &mut Command) -> Result<()> {
    println!("      $ {}", shown(command));
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let mut passed = 0;
    for line in child
        .stdout
        .take()
        .into_iter()
        .flat_map(|out| BufReader::new(out).lines())
    {
        let line = line?;
        println!("{line}");
        passed += tests_passed(&line).unwrap_or(0);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ({status})", shown(command));
    }
    ensure!(passed > 0, "{}: no test ran", shown(command));
    Ok(())
}

/// The number in `test result: ok. 4 passed; …`.
fn tests_passed(line: &str) -> Option<usize> {
    let (_, result) = line.split_once("test result: ok. ")?;
    result.split_once(" passed")?.0.parse().ok()
}

/// What a command prints, trimmed. `None` when it cannot be started or fails.
pub(crate) fn output_of(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn open_log(name: &str) -> Result<(File, PathBuf)> {
    let folder = workspace::target().join("xtask");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{name}.log"));
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok((file, path))
}

fn spawn(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program
        .file_name()
        .unwrap_or(command.get_program())
        .to_string_lossy();
    let arguments = command.get_args().map(|part| part.to_string_lossy());
    [name]
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
