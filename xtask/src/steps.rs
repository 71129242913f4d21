//! Steps that are announced, timed and logged.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::workspace;

/// How often a long command says what it is at.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How much of a failed command's output is shown, in lines.
const TAIL_LINES: usize = 60;

/// A numbered run of steps.
pub(crate) struct Steps {
    total: usize,
    started: Instant,
    begun: Cell<usize>,
}

impl Steps {
    /// Starts a run of `total` steps.
    pub(crate) fn new(total: usize) -> Self {
        Self {
            total,
            started: Instant::now(),
            begun: Cell::new(0),
        }
    }

    /// Says what is done now, does it, and says how long it took.
    pub(crate) fn step<T>(&self, what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.begun.set(self.begun.get() + 1);
        println!("[{}/{}] {what}", self.begun.get(), self.total);
        let begun = Instant::now();
        let result = work().with_context(|| format!("{what}: failed"))?;
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

/// Runs a command with its output in `target/xtask/<log>.log`; shows the end of it on failure.
pub(crate) fn quietly(log: &str, command: &mut Command) -> Result<()> {
    let (file, path) = open_log(log)?;
    let child = spawn(command.stdout(file.try_clone()?).stderr(file))?;
    let status = wait(child, &path)?;
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

fn wait(mut child: Child, log: &Path) -> Result<ExitStatus> {
    let begun = Instant::now();
    let mut said = begun;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if said.elapsed() >= HEARTBEAT {
            said = Instant::now();
            let line: String = last_lines(log, 1).trim().chars().take(70).collect();
            let name = log.file_stem().unwrap_or_default().to_string_lossy();
            println!(
                "      {name} {:.0} s: {line}",
                begun.elapsed().as_secs_f64()
            );
        }
        sleep(Duration::from_millis(50));
    }
}

/// The last lines of a file, of its last 64 KiB.
fn last_lines(path: &Path, count: usize) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let length = file.metadata().map_or(0, |data| data.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(64 * 1024)));
        let _ = file.read_to_end(&mut bytes);
    }
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
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
