//! A million applications are answered while the threads that serve are kept from running:
//! `cargo xtask long fire`. All threads of the server have one processor, and a real-time thread
//! takes it for 80 ms of every 100. A call that was stopped by the clock on the wall, and not by
//! what it computed, would answer 500.
//!
//! It needs Linux, two processors, `taskset` and `chrt` of util-linux, and the right to real-time
//! priority (root, or `CAP_SYS_NICE`).
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::hint::black_box;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acceptance::fire::{Client, Server};
use anyhow::{Context, Result, anyhow, ensure};
use clap::Parser;

/// What a real-time thread takes of each turn; the limit of a call is 40 ms.
const BURST: Duration = Duration::from_millis(80);
const TURN: Duration = Duration::from_millis(100);

/// The processor of the server and of the bursts.
const SHARED: &str = "0";
/// That of the clients.
const OTHER: &str = "1";

/// Connections that ask at the same time.
const CLIENTS: u64 = 16;

/// Counts the answers of a server whose threads are kept from running.
#[derive(Parser)]
struct Options {
    /// How many applications are answered
    #[arg(long, default_value_t = 1_000_000)]
    answers: u64,
    /// Burst until killed: what the program starts beside the server
    #[arg(long, hide = true)]
    burst: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.burst {
        burst();
    }
    let server = Server::start(&[])?;
    let application = server.application()?;
    pin(OTHER, std::process::id())?;
    pin(SHARED, server.process())?;
    let bursts = Bursts::start()?;
    let answers = ask(&server, &application, options.answers);
    drop(bursts);
    let Answers { slowest, failed } = answers?;
    println!(
        "{failed} of {} answers failed; the slowest took {} ms",
        options.answers,
        slowest.as_millis()
    );
    // Else no thread was ever kept from running, and nothing was tested.
    ensure!(slowest > BURST, "no answer waited for a burst");
    ensure!(failed == 0, "{failed} answers failed");
    Ok(())
}

/// Takes the processor for most of the time.
fn burst() -> ! {
    loop {
        let begun = Instant::now();
        while begun.elapsed() < BURST {
            black_box(0);
        }
        std::thread::sleep(TURN.saturating_sub(BURST));
    }
}

/// The real-time process; it ends when this is dropped.
struct Bursts(Child);

impl Bursts {
    fn start() -> Result<Self> {
        let this = std::env::current_exe()?;
        let mut chrt = Command::new("chrt");
        chrt.args(["--fifo", "10", "taskset", "--cpu-list", SHARED]);
        let mut child = chrt.arg(this).arg("--burst").spawn().context("chrt")?;
        std::thread::sleep(TURN);
        let ended = child.try_wait()?;
        ensure!(ended.is_none(), "no real-time priority: run this as root");
        Ok(Self(child))
    }
}

impl Drop for Bursts {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Gives all threads of a process one processor.
fn pin(processor: &str, process: u32) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["--all-tasks", "--cpu-list", "--pid", processor]);
    let output = taskset.arg(process.to_string()).output();
    let output = output.context("taskset")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "taskset: {said}");
    Ok(())
}

struct Answers {
    slowest: Duration,
    failed: u64,
}

/// Asks on many connections until there are so many answers.
fn ask(server: &Server, application: &[u8], answers: u64) -> Result<Answers> {
    let left = AtomicU64::new(answers);
    let seen = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| scope.spawn(|| ask_on_one(server, application, &left)))
            .collect();
        let ended = clients.into_iter().map(|client| {
            let panicked = |_| anyhow!("a client panicked");
            client.join().map_err(panicked)?
        });
        ended.collect::<Result<Vec<_>>>()
    })?;
    Ok(Answers {
        slowest: seen.iter().map(|one| one.slowest).max().unwrap_or_default(),
        failed: seen.iter().map(|one| one.failed).sum(),
    })
}

fn ask_on_one(server: &Server, application: &[u8], left: &AtomicU64) -> Result<Answers> {
    let mut client = Client::new(server.address())?;
    let (mut slowest, mut failed) = (Duration::ZERO, 0);
    let one_less = |left: u64| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
        .is_ok()
    {
        let begun = Instant::now();
        let status = client.ask("POST", "/predict", application)?;
        slowest = slowest.max(begun.elapsed());
        failed += u64::from(status != 200);
    }
    Ok(Answers { slowest, failed })
}
