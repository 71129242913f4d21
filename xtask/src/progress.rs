//! What a long step prints while it runs: what it is doing, and about how long is left.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How often a long step prints what it is doing.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// Until this much time has passed, the machine is taken to be as fast as the one the weights
/// were measured on, more than as what it has shown so far. In seconds.
const PRIOR: f64 = 40.0;

/// What a step took where its command was last measured from nothing, alone on two cores.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// Wall-clock seconds.
    pub(crate) seconds: f64,
    /// Crates that cargo compiled in that time; 0 where that tells nothing.
    pub(crate) crates: usize,
}

/// The commands so far.
static COMMANDS: Mutex<Commands> = Mutex::new(Commands {
    running: Vec::new(),
    crates: 0,
});

struct Commands {
    /// The logs of those that run now.
    running: Vec<PathBuf>,
    /// Crates that the others compiled.
    crates: usize,
}

fn commands() -> MutexGuard<'static, Commands> {
    COMMANDS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lists a command's log among the running ones until it is dropped.
pub(crate) struct Running(PathBuf);

impl Running {
    /// For a command that has just been started.
    pub(crate) fn new(log: &Path) -> Self {
        commands().running.push(log.to_owned());
        Self(log.to_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut commands = commands();
        commands.running.retain(|log| *log != self.0);
        commands.crates += compiled(&self.0);
    }
}

/// Does the work; meanwhile, every 20 seconds, prints a line about the commands that run.
pub(crate) fn with_heartbeat<T>(left: impl Fn() -> String + Send, work: impl FnOnce() -> T) -> T {
    thread::scope(|scope| {
        // Dropped when the work is done, or panics: then the other thread ends at once.
        let (_working, ended) = mpsc::channel::<()>();
        scope.spawn(move || {
            while ended.recv_timeout(HEARTBEAT) == Err(RecvTimeoutError::Timeout) {
                if let Some(doing) = doing() {
                    println!("      {}{doing}", left());
                }
            }
        });
        work()
    })
}

/// The last line of each running command, after the command's name.
fn doing() -> Option<String> {
    let logs = commands().running.clone();
    let lines = logs.iter().map(|log| {
        let line: String = last_lines(log, 1).trim().chars().take(60).collect();
        let name = log.file_stem().unwrap_or_default().to_string_lossy();
        format!("{name}: {line}")
    });
    (!logs.is_empty()).then(|| lines.collect::<Vec<_>>().join("; "))
}

/// Crates that all commands so far have begun to compile.
pub(crate) fn crates_begun() -> usize {
    let commands = commands();
    let running = commands.running.iter().map(|log| compiled(log));
    commands.crates + running.sum::<usize>()
}

/// Crates that a command has begun to compile, by its log.
fn compiled(log: &Path) -> usize {
    fs::read_to_string(log).map_or(0, |text| text.matches("   Compiling ").count())
}

/// About how long the steps from `index` on will take: what they weigh, times how slow this
/// machine has been so far.
///
/// `elapsed` is the time since the first step began, `in_step` since this one did; `crates` are
/// those that this step has begun to compile.
pub(crate) fn left(
    weights: &[Weight],
    index: usize,
    elapsed: Duration,
    in_step: Duration,
    crates: usize,
) -> Duration {
    let seconds = |weights: &[Weight]| weights.iter().map(|weight| weight.seconds).sum::<f64>();
    let (total, before) = (
        seconds(weights),
        seconds(&weights[..index.min(weights.len())]),
    );
    let done = before
        + weights.get(index).map_or(0.0, |step| {
            let share = if step.crates > 0 {
                crates as f64 / step.crates as f64
            } else {
                in_step.as_secs_f64() / step.seconds
            };
            step.seconds * share.min(0.95)
        });
    let pace = (elapsed.as_secs_f64() + PRIOR) / (done + PRIOR);
    Duration::from_secs_f64(pace * (total - done).max(0.0))
}

/// `3 min`, or tens of seconds below two minutes.
pub(crate) fn rounded(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 110 {
        format!("{} s", (seconds / 10 + 1) * 10)
    } else {
        format!("{} min", seconds.div_ceil(60))
    }
}

/// The last lines of a file, of its last 64 KiB.
pub(crate) fn last_lines(path: &Path, count: usize) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: [Weight; 3] = [
        Weight {
            seconds: 200.0,
            crates: 300,
        },
        Weight {
            seconds: 80.0,
            crates: 0,
        },
        Weight {
            seconds: 20.0,
            crates: 0,
        },
    ];

    #[track_caller]
    fn check(
        index: usize,
        elapsed: u64,
        in_step: u64,
        crates: usize,
        expect: std::ops::Range<u64>,
    ) {
        let [elapsed, in_step] = [elapsed, in_step].map(Duration::from_secs);
        let left = left(&STEPS, index, elapsed, in_step, crates).as_secs();
        assert!(expect.contains(&left), "{left} s");
    }

    #[test]
    fn the_time_left_follows_the_weights_and_the_speed_of_the_machine() {
        // Nothing known yet.
        check(0, 0, 0, 0, 295..301);
        // As fast as the machine of the weights.
        check(0, 100, 100, 150, 195..205);
        check(1, 240, 40, 0, 58..62);
        // Half as fast, as soon as it shows.
        check(0, 200, 200, 150, 300..400);
        check(1, 480, 80, 0, 30..50);
        // Twice as fast.
        check(1, 100, 0, 0, 50..65);
        // Later than expected, but not without end.
        check(2, 400, 100, 0, 1..10);
        check(3, 400, 0, 0, 0..1);
    }

    #[test]
    fn times_are_rounded_up() {
        for (seconds, expect) in [
            (0, "10 s"),
            (42, "50 s"),
            (109, "110 s"),
            (110, "2 min"),
            (120, "2 min"),
            (121, "3 min"),
        ] {
            assert_eq!(rounded(Duration::from_secs(seconds)), expect);
        }
    }
}
