//! Everything at once, for as long as one likes: `cargo xtask soak --minutes N`. Prints what the
//! server holds and how fast it answers, minute by minute, and how its memory went.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use acceptance::fire::{Probe, Server, Usage, ask, gzip, post};
use anyhow::{Context, Result, ensure};
use clap::Parser;

/// How often the figures are printed.
const TURN: Duration = Duration::from_secs(60);

/// Memory may still grow for so long: pools, caches and the allocator fill up.
const WARM_UP: Duration = Duration::from_secs(5 * 60);

/// The most that memory may grow in an hour once warm, in MB.
const MOST_GROWTH: f64 = 1.0;

/// Predict, batches, streams, reloads, drift reports, slow clients and SIGHUPs together.
#[derive(Parser)]
struct Options {
    /// How long, in minutes
    #[arg(long, default_value_t = 60)]
    minutes: u64,
}

/// What a client does once: it is given the server and an application.
type Client = fn(&Server, &[u8]) -> Result<()>;

/// What the clients saw.
#[derive(Default)]
struct Counts {
    requests: AtomicU64,
    failed: AtomicU64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = std::env::temp_dir().join(format!("underwrite-soak-{}", std::process::id()));
    let done = soak(&options, &folder);
    // Nothing of it is needed any more.
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn soak(options: &Options, folder: &Path) -> Result<()> {
    let model =
        std::env::var("UNDERWRITE_TEST_MODEL").context("UNDERWRITE_TEST_MODEL is not set")?;
    let version = folder.join("loan-approval/1.0.0");
    std::fs::create_dir_all(&version)?;
    std::fs::copy(&model, version.join("model.wasm"))?;
    let models = folder.to_string_lossy().into_owned();
    let flags = [
        "--models",
        &models,
        "--body-timeout",
        "5",
        "--admin-key",
        "soak",
    ];
    let server = Server::serve(&flags, &[])?;
    let application = server.application()?;
    let (stop, counts) = (AtomicBool::new(false), Counts::default());
    std::thread::scope(|scope| {
        let watched = std::thread::Builder::new().spawn_scoped(scope, || {
            let watched = watch(&server, &application, options.minutes, &counts);
            stop.store(true, Ordering::Relaxed);
            watched
        })?;
        let clients: [Client; 7] = [decide, batch, csv, stream, report, slow, hang_up];
        for client in clients {
            let (server, application, stop, counts) = (&server, &application, &stop, &counts);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let failed = client(server, application).is_err();
                    counts.requests.fetch_add(1, Ordering::Relaxed);
                    counts
                        .failed
                        .fetch_add(u64::from(failed), Ordering::Relaxed);
                }
            });
        }
        watched
            .join()
            .map_err(|_| anyhow::anyhow!("the watch panicked"))?
    })
}

/// Prints the figures until the time is over.
fn watch(server: &Server, application: &[u8], minutes: u64, counts: &Counts) -> Result<()> {
    println!("minute  memory MB  own MB  threads  descriptors  p50 ms  p99 ms  answers  failed");
    let start = Instant::now();
    let mut warm: Vec<(f64, f64)> = Vec::new();
    let mut warm_own: Vec<(f64, f64)> = Vec::new();
    for minute in 1..=minutes {
        let probe = Probe::start(server.address(), "POST", "/predict", application);
        std::thread::sleep(TURN);
        let seen = probe.end();
        let Usage {
            memory,
            own,
            threads,
            descriptors,
            ..
        } = server.usage()?;
        let (memory, own) = (memory as f64 / 1e6, own as f64 / 1e6);
        let millis = |share| seen.quantile(share).as_secs_f64() * 1e3;
        let failed = counts.failed.load(Ordering::Relaxed) + seen.failed;
        println!(
            "{minute:6}  {memory:9.1}  {own:6.1}  {threads:7}  {descriptors:11}  {:6.2}  {:6.2}  {:7}  {failed:6}",
            millis(0.5),
            millis(0.99),
            seen.count()
        );
        ensure!(failed == 0, "{failed} requests failed");
        if start.elapsed() > WARM_UP {
            let hours = start.elapsed().as_secs_f64() / 3600.0;
            warm.push((hours, memory));
            warm_own.push((hours, own));
        }
    }
    // The system takes pages of files back as it likes, which hides growth and looks like it: the
    // server's own memory has to hold the bound as well.
    check_growth("memory", &warm)?;
    check_growth("the server's own memory", &warm_own)?;
    println!(
        "{} requests beside those",
        counts.requests.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Prints how something grew once warm.
fn check_growth(what: &str, points: &[(f64, f64)]) -> Result<()> {
    let Some(slope) = slope(points) else {
        return Ok(());
    };
    println!(
        "{what} grew by {slope:.2} MB an hour after {} minutes",
        WARM_UP.as_secs() / 60
    );
    ensure!(
        slope < MOST_GROWTH,
        "expected less than {MOST_GROWTH} MB an hour"
    );
    Ok(())
}

/// The slope of the least-squares line; none through fewer than ten points, which say nothing.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let sum = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>();
    let (x, y) = (sum(&|p| p.0) / n, sum(&|p| p.1) / n);
    let spread = sum(&|p| (p.0 - x).powi(2));
    (points.len() >= 10 && spread > 0.0).then(|| sum(&|p| (p.0 - x) * (p.1 - y)) / spread)
}

fn expect(status: u16, wanted: &[u16]) -> Result<()> {
    ensure!(wanted.contains(&status), "{status}, expected {wanted:?}");
    Ok(())
}

fn decide(server: &Server, application: &[u8]) -> Result<()> {
    let answer = post(server.address(), "/predict", &[], application)?;
    expect(answer.status, &[200])
}

fn batch(server: &Server, application: &[u8]) -> Result<()> {
    let rows = vec![application; 2_000].join(&b',');
    let body = [b"[", &rows[..], b"]"].concat();
    let headers = ["content-encoding: gzip"];
    let answer = post(server.address(), "/predict/batch", &headers, &gzip(&body))?;
    expect(answer.status, &[200, 503])
}

fn csv(server: &Server, _: &[u8]) -> Result<()> {
    let answer = post(
        server.address(),
        "/invocations",
        &["content-type: text/csv"],
        b"nonsense\n1\n",
    )?;
    expect(answer.status, &[400])
}

fn stream(server: &Server, application: &[u8]) -> Result<()> {
    let rows = vec![application; 500].join(&b'\n');
    let answer = post(
        server.address(),
        "/predict/batch",
        &["content-type: application/x-ndjson"],
        &rows,
    )?;
    expect(answer.status, &[200, 503])
}

fn report(server: &Server, _: &[u8]) -> Result<()> {
    for path in [
        "/drift",
        "/drift/report",
        "/drift/sketch",
        "/metrics",
        "/model.wasm",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = ask(server.address(), request.as_bytes())?;
        expect(answer.status, &[200, 404])?;
    }
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}

/// Half a request, and then silence, until the server has had enough.
fn slow(server: &Server, application: &[u8]) -> Result<()> {
    let half = &application[..application.len() / 2];
    let head = format!(
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
        application.len()
    );
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.write_all(head.as_bytes())?;
        stream.write_all(half)?;
        streams.push(stream);
    }
    for mut stream in streams {
        let mut answer = Vec::new();
        // It is closed one way or the other.
        let _ = stream.read_to_end(&mut answer);
        ensure!(
            answer.starts_with(b"HTTP/1.1 408"),
            "a slow body was not refused"
        );
    }
    Ok(())
}

/// A reload by signal, and one by request.
fn hang_up(server: &Server, _: &[u8]) -> Result<()> {
    let process = server.process().to_string();
    let status = Command::new("kill").args(["-HUP", &process]).status()?;
    ensure!(status.success(), "kill: {status}");
    let answer = post(
        server.address(),
        "/models/loan-approval/reload",
        &["x-api-key: soak"],
        b"",
    )?;
    expect(answer.status, &[200])?;
    std::thread::sleep(Duration::from_millis(500));
    Ok(())
}
