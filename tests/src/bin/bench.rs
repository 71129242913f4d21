//! Measures what the documents claim, and prints it as tables. Figures of one row of a
//! table come from one run, measured in turn.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use acceptance::bench::{Module, Stopwatch, Subject, gzipped, interleaved, run_to_end};
use acceptance::synthetic::{FEATURES, Shape};
use anyhow::{Context, Result, ensure};
use host_server::{InstanceTimes, Limits, ModelHost};
use model_core::decide::Decider;
use model_core::forest::NaiveForest;

/// Rows of a batch.
const ROWS: usize = 10_000;

fn main() -> Result<()> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let engine = read(&target.join("engine/engine.wasm"))?;
    let glue = read(&target.join("engine/model.js"))?;
    forests(&engine, &glue)?;
    calls(&engine, &glue)?;
    sizes(&target, &engine, &glue)?;
    worker()?;
    score(&target)
}

fn forests(engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Forests, ns a row, {ROWS} varied rows of {FEATURES} features, one core\n");
    println!(
        "| trees | | naive walk, native | tables, native | tables, wasmtime | wasmtime / native | at most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, shape, one, many) in [
        ("200 of at most 32 leaves", Shape::BOOSTED_32, 450, 300),
        ("200 of depth 6", Shape::BOOSTED_DEPTH_6, 900, 600),
        ("100 of depth 15", Shape::FOREST_DEPTH_15, 1_800, 1_600),
    ] {
        let subject = Subject::new(shape, ROWS, engine, glue)?;
        for (way, limit, times) in [
            ("one row", one, rows_alone(&subject)?),
            ("batch", many, rows_together(&subject)?),
        ] {
            let [naive, native, wasm] = times[..] else {
                continue;
            };
            println!(
                "| {name} | {way} | {naive:.0} | {native:.0} | {wasm:.0} | {:.2} | {limit} |",
                wasm / native
            );
        }
    }
    Ok(())
}

/// Each row by a call of its own: the naive walk, native, wasmtime.
fn rows_alone(subject: &Subject) -> Result<Vec<f64>> {
    let naive = NaiveForest::new(&subject.forest)?;
    let rows: Vec<f64> = (0..subject.rows).flat_map(|row| subject.row(row)).collect();
    let mut decider = Decider::load(&subject.artifact)?;
    let mut module = Module::new(&subject.wasm)?;
    let block = module.alloc(rows.len() * 8)?;
    let out = module.alloc(8)?;
    module.write(block, &bytes_of(&rows))?;
    let mut subjects: [Stopwatch<'_>; 3] = [
        Box::new(|| naive_rows(&naive, &rows)),
        Box::new(|| {
            let mut probability = [0.0];
            for row in rows.chunks(FEATURES) {
                let _ = black_box(decider.batch(row, &mut probability));
            }
            subject.rows
        }),
        Box::new(|| {
            for row in 0..subject.rows as u32 {
                let _ = black_box(module.batch(block + row * 8 * FEATURES as u32, 1, out));
            }
            subject.rows
        }),
    ];
    Ok(interleaved(&mut subjects))
}

/// All rows in one call.
fn rows_together(subject: &Subject) -> Result<Vec<f64>> {
    let naive = NaiveForest::new(&subject.forest)?;
    let rows: Vec<f64> = (0..subject.rows).flat_map(|row| subject.row(row)).collect();
    let mut decider = Decider::load(&subject.artifact)?;
    let mut module = Module::new(&subject.wasm)?;
    let block = module.alloc(rows.len() * 8)?;
    let out = module.alloc(subject.rows * 8)?;
    module.write(block, &bytes_of(&subject.columns))?;
    let mut native = vec![0.0; subject.rows];
    let count = u32::try_from(subject.rows)?;
    let times = interleaved(&mut [
        Box::new(|| naive_rows(&naive, &rows)),
        Box::new(|| {
            let _ = black_box(decider.batch(&subject.columns, &mut native));
            subject.rows
        }),
        Box::new(|| {
            let _ = black_box(module.batch(block, count, out));
            subject.rows
        }),
    ]);
    let wasm = module.read(out, subject.rows * 8);
    ensure!(
        wasm == bytes_of(&native),
        "native and wasmtime do not agree"
    );
    Ok(times)
}

fn naive_rows(naive: &NaiveForest, rows: &[f64]) -> usize {
    for row in rows.chunks(FEATURES) {
        black_box(naive.predict(row));
    }
    rows.len() / FEATURES
}

fn calls(engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Calls in wasmtime, one core\n");
    println!("| what | measured | at most |");
    println!("|---|---|---|");
    let subject = Subject::new(Shape::BOOSTED_32, 1_000, engine, glue)?;
    let requests: Vec<_> = (0..subject.rows).map(|row| subject.request(row)).collect();
    let mut module = Module::new(&subject.wasm)?;
    let mut decider = Decider::load(&subject.artifact)?;
    let block = module.alloc(4096)?;
    let mut answer = Vec::new();
    let decided = interleaved(&mut [
        Box::new(|| {
            for request in &requests {
                answer.clear();
                black_box(decider.decide(request, &mut answer));
            }
            requests.len()
        }),
        Box::new(|| {
            for request in &requests {
                let _ = black_box(module.decide(block, request));
            }
            requests.len()
        }),
    ]);
    println!(
        "| a decision, JSON in, JSON out ({} bytes in), 200 trees of at most 32 leaves | {:.2} µs (native {:.2}) | 5 µs |",
        requests[0].len(),
        decided[1] / 1e3,
        decided[0] / 1e3
    );
    let subject = Subject::new(Shape::boosted(560, 32, 12), 1, engine, glue)?;
    let host = ModelHost::load(subject.wasm.clone(), Limits::default())?;
    let times = (0..101)
        .map(|_| host.time_new_instance())
        .collect::<Result<Vec<_>, _>>()?;
    let median = |of: fn(&InstanceTimes) -> Duration| {
        let mut times: Vec<_> = times.iter().map(of).collect();
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    println!(
        "| a new instance, limits included | {:.1} µs | 25 µs |",
        median(|times| times.instantiate) * 1e6
    );
    println!(
        "| the same where an instance with a loaded model has just gone | {:.1} µs | |",
        median(|times| times.after_another) * 1e6
    );
    println!(
        "| loading an artifact of {} KB: digest, checks, tables | {:.2} ms | 5 ms |",
        subject.artifact.len() / 1000,
        median(|times| times.load) * 1e3
    );
    Ok(())
}

fn sizes(target: &Path, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Sizes\n");
    println!("| what | bytes | at most |");
    println!("|---|---|---|");
    println!("| `engine.wasm` | {} | 220,000 |", engine.len());
    let page = target.join("page");
    let mut gzip = gzipped(engine) + gzipped(glue);
    for entry in fs::read_dir(&page).with_context(|| page.display().to_string())? {
        let path = entry?.path();
        let is_model = path
            .file_name()
            .is_some_and(|name| name == "model.wasm" || name == "model.js");
        if path.is_file() && !is_model {
            gzip += gzipped(&read(&path)?);
        }
    }
    println!("| the page with engine and glue, gzipped, model apart | {gzip} | 300,000 |");
    Ok(())
}

fn worker() -> Result<()> {
    println!("\n## The Worker in workerd\n");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("edge/measure.mjs");
    let output = Command::new("node")
        .arg(script)
        .output()
        .context("node cannot be started")?;
    ensure!(
        output.status.success(),
        "measure.mjs: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{}", String::from_utf8_lossy(&output.stdout).trim());
    println!("(at most 1,000,000 bytes gzipped, 50 ms to start)");
    Ok(())
}

fn score(target: &Path) -> Result<()> {
    println!("\n## `underwrite score` on one core\n");
    println!("| rows | seconds | peak memory, MB | at most |");
    println!("|---|---|---|---|");
    let folder = target.join("bench");
    fs::create_dir_all(&folder)?;
    let program = environment("UNDERWRITE_BIN")?;
    let model = environment("UNDERWRITE_TEST_MODEL")?;
    for (times, limit) in [(20, "the same memory"), (200, "10 s")] {
        let input = folder.join("rows.csv");
        let rows = repeated(&input, times)?;
        // Without taskset, as on macOS, it may use more than one core.
        let pinned = Command::new("taskset").arg("-V").output().is_ok();
        let mut command = match pinned {
            true => Command::new("taskset"),
            false => Command::new(&program),
        };
        if pinned {
            command.args(["-c", "0"]).arg(&program);
        }
        command.args(["score", "--model"]).arg(&model);
        command
            .arg("--input")
            .arg(&input)
            .arg("--output")
            .arg(folder.join("scored.csv"));
        let finished = run_to_end(&mut command)?;
        let megabytes = finished
            .peak_bytes
            .map_or("?".into(), |b| format!("{:.0}", b as f64 / 1e6));
        println!(
            "| {rows} | {:.2} | {megabytes} | {limit} |",
            finished.seconds
        );
    }
    Ok(())
}

/// The loan sample, over and over.
fn repeated(path: &Path, times: usize) -> Result<usize> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/loan_sample.csv");
    let text = fs::read_to_string(&sample).with_context(|| sample.display().to_string())?;
    let (header, rows) = text
        .split_once('\n')
        .context("the loan sample has no rows")?;
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "{header}")?;
    for _ in 0..times {
        file.write_all(rows.as_bytes())?;
    }
    file.flush()?;
    Ok(rows.lines().count() * times)
}

fn bytes_of(numbers: &[f64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}: run cargo xtask build", path.display()))
}

fn environment(name: &str) -> Result<PathBuf> {
    let value = std::env::var_os(name)
        .with_context(|| format!("{name} is not set: use cargo xtask bench"))?;
    Ok(value.into())
}
