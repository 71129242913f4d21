//! Measures what the documents claim, and prints it as tables. Figures of one row of a
//! table come from one run, measured in turn.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::bench::{
    Applications, Module, Stopwatch, Subject, gzipped, interleaved, lowest, run_to_end,
};
use anyhow::{Context, Result, ensure};
use host_server::{InstanceTimes, Limits, ModelHost};
use model_core::decide::Decider;
use model_core::forest::NaiveForest;
use model_train::fit::{GradientBoosting, Params, RandomForest};
use model_train::pack::pack;

/// Rows of a batch.
const ROWS: usize = 10_000;
/// About so many bytes has the artifact whose loading is timed.
const ARTIFACT: usize = 300_000;
/// Rules of a policy whose cost is timed.
const RULES: usize = 50;
/// Rounds of [`RULES_DECISIONS`] decisions whose lowest time counts: a difference of a tenth
/// is lost in the spread of medians.
const RULES_ROUNDS: usize = 2_000;
const RULES_DECISIONS: usize = 100;
/// Applications for which recourse is looked for.
const DECLINED: usize = 100;

fn main() -> Result<()> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let engine = read(&target.join("engine/engine.wasm"))?;
    let glue = read(&target.join("engine/model.js"))?;
    let applications = Applications::read()?;
    if std::env::args().nth(1).as_deref() == Some("rules") {
        return only_rules(&applications, &engine, &glue);
    }
    if std::env::args().nth(1).as_deref() == Some("explain") {
        return explanations(&applications, &engine, &glue);
    }
    if std::env::args().nth(1).as_deref() == Some("columns") {
        return columns(&applications, &engine, &glue);
    }
    forests(&applications, &engine, &glue)?;
    calls(&applications, &engine, &glue)?;
    explanations(&applications, &engine, &glue)?;
    columns(&applications, &engine, &glue)?;
    sizes(&target, &engine, &glue)?;
    worker()?;
    score(&target)
}

/// The rows on lending rules alone: `bench rules`.
fn only_rules(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    let subject = Subject::new(applications, &boosted(200, 32, 12), engine, glue)?;
    let requests: Vec<_> = (0..1_000).map(|row| applications.request(row)).collect();
    rules(&subject, engine, glue, &requests)
}

/// What explanations cost: alone with `bench explain`.
fn explanations(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Explanations in wasmtime, one core\n");
    println!(
        "| model | profiles | an explanation less its decision | at most | the first, with its tables |"
    );
    println!("|---|---:|---:|---:|---:|");
    let requests: Vec<_> = (40..240).map(|row| applications.request(row)).collect();
    for (trees, leaves, profiles, most) in [
        (200, 31, 1, "25 µs"),
        (200, 31, 32, "150 µs"),
        (1_148, 48, 32, "1.8 ms"),
    ] {
        let subject = Subject::new(applications, &boosted(trees, leaves, 12), engine, glue)?;
        let wasm = pack(engine, glue, &subject.with_profiles(profiles)?)?;
        let (mut deciding, mut explaining) = (Module::new(&wasm)?, Module::new(&wasm)?);
        let blocks = [deciding.alloc(4096)?, explaining.alloc(4096)?];
        let first = Instant::now();
        explaining.explain(blocks[1], &requests[0])?;
        let first = first.elapsed();
        let times = lowest(
            &mut [
                Box::new(|| decisions(&mut deciding, blocks[0], &requests)),
                Box::new(|| {
                    for request in &requests {
                        let _ = black_box(explaining.explain(blocks[1], request));
                    }
                    requests.len()
                }),
            ],
            30,
        );
        println!(
            "| {trees} boosted trees of {leaves} leaves | {profiles} | {:.1} µs | {most} | {:.1} ms |",
            (times[1] - times[0]) / 1e3,
            first.as_secs_f64() * 1e3
        );
    }
    recourse(applications, engine, glue)
}

/// What recourse and the flip points of the page cost.
fn recourse(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Recourse in wasmtime, one core: {DECLINED} declined applications\n");
    println!("| model | asked | p50 | p95 | p99 | at most | proven |");
    println!("|---|---|---:|---:|---:|---:|---:|");
    for (name, params, most) in [
        (
            "200 boosted trees of 31 leaves",
            boosted(200, 31, 12),
            "p99 50 ms",
        ),
        (
            "1148 boosted trees of 48 leaves",
            boosted(1_148, 48, 12),
            "p95 300 ms",
        ),
        (
            "forest of 100, depth 15",
            Params::RandomForest(RandomForest::default()),
            "p95 500 ms",
        ),
    ] {
        let subject = Subject::new(applications, &params, engine, glue)?;
        let mut module = Module::new(&pack(engine, glue, &subject.with_profiles(32)?)?)?;
        let block = module.alloc(4096)?;
        let declined = declined(&mut module, block, applications)?;
        for (asked, question, most) in [
            ("bars, reasons and flip points", "{\"options\":0}", "16 ms"),
            ("three options of three changes", "true", most),
        ] {
            let (mut times, mut proven, mut options) = (Vec::new(), 0, 0);
            for application in &declined {
                let application = std::str::from_utf8(application)?;
                let request = format!("{{\"application\":{application},\"recourse\":{question}}}");
                let start = Instant::now();
                let answer = module.explain(block, request.as_bytes())?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
                let answer = std::str::from_utf8(answer)?;
                options += answer.matches("\"proven\":").count();
                proven += answer.matches("\"proven\":true").count();
            }
            times.sort_by(f64::total_cmp);
            let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
            println!(
                "| {name} | {asked} | {:.2} ms | {:.2} ms | {:.2} ms | {most} | {proven} of {options} |",
                at(50),
                at(95),
                at(99)
            );
        }
    }
    Ok(())
}

/// Applications that the model declines.
fn declined(module: &mut Module, block: u32, applications: &Applications) -> Result<Vec<Vec<u8>>> {
    let mut declined = Vec::new();
    for row in 0..ROWS {
        let application = applications.request(row);
        let answer = std::str::from_utf8(module.decide(block, &application)?)?;
        if answer.contains("\"approve\":false") {
            declined.push(application);
        }
        if declined.len() == DECLINED {
            break;
        }
    }
    ensure!(!declined.is_empty(), "the model declines nobody");
    Ok(declined)
}

/// Boosted trees of at most so many leaves and splits from the root, columns cut into 255 bins
/// as most libraries do.
fn boosted(trees: usize, max_leaves: usize, max_depth: usize) -> Params {
    Params::GradientBoosting(GradientBoosting {
        trees,
        max_leaves,
        max_depth,
        max_bins: 255,
        ..GradientBoosting::default()
    })
}

fn forests(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!(
        "\n## Forests, ns a row, {ROWS} varied rows of {} features, one core\n",
        applications.features()
    );
    println!(
        "Fitted on {}, asked about rows they were not fitted on first.\n",
        applications.source
    );
    println!(
        "| trees | | naive walk, native | tables, native | tables, wasmtime | wasmtime / native | at most |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, params, one, many) in [
        ("200 boosted", boosted(200, 32, 12), 450, 300),
        ("200 boosted, depth 6", boosted(200, 64, 6), 900, 600),
        (
            "forest of 100, depth 15",
            Params::RandomForest(RandomForest::default()),
            1_800,
            1_600,
        ),
    ] {
        let subject = Subject::new(applications, &params, engine, glue)?;
        let rows = Rows::new(applications);
        for (way, limit, times) in [
            ("one row", one, rows_alone(&subject, &rows)?),
            ("batch", many, rows_together(&subject, &rows)?),
        ] {
            let [naive, native, wasm] = times[..] else {
                continue;
            };
            println!(
                "| {name}, at most {} leaves | {way} | {naive:.0} | {native:.0} | {wasm:.0} | {:.2} | {limit} |",
                subject.most_leaves(),
                wasm / native
            );
        }
    }
    Ok(())
}

/// [`ROWS`] rows, in both orders.
struct Rows {
    features: usize,
    /// Row after row.
    rows: Vec<f64>,
    /// Feature after feature.
    columns: Vec<f64>,
}

impl Rows {
    fn new(applications: &Applications) -> Self {
        let features = applications.features();
        let rows: Vec<f64> = (0..ROWS).flat_map(|row| applications.row(row)).collect();
        let columns = (0..features)
            .flat_map(|feature| rows.iter().skip(feature).step_by(features).copied())
            .collect();
        Self {
            features,
            rows,
            columns,
        }
    }
}

/// Each row by a call of its own: the naive walk, native, wasmtime.
fn rows_alone(subject: &Subject<'_>, rows: &Rows) -> Result<Vec<f64>> {
    let naive = NaiveForest::new(&subject.forest)?;
    let mut decider = Decider::load(&subject.artifact)?;
    let mut module = Module::new(&subject.wasm)?;
    let block = module.alloc(rows.rows.len() * 8)?;
    let out = module.alloc(8)?;
    module.write(block, &bytes_of(&rows.rows))?;
    let mut subjects: [Stopwatch<'_>; 3] = [
        Box::new(|| naive_rows(&naive, rows)),
        Box::new(|| {
            let mut probability = [0.0];
            for row in rows.rows.chunks(rows.features) {
                let _ = black_box(decider.batch(row, &mut probability));
            }
            ROWS
        }),
        Box::new(|| {
            for row in 0..ROWS as u32 {
                let address = block + row * 8 * rows.features as u32;
                let _ = black_box(module.batch(address, 1, out));
            }
            ROWS
        }),
    ];
    Ok(interleaved(&mut subjects))
}

/// All rows by one call: the naive walk, native, wasmtime.
fn rows_together(subject: &Subject<'_>, rows: &Rows) -> Result<Vec<f64>> {
    let naive = NaiveForest::new(&subject.forest)?;
    let mut decider = Decider::load(&subject.artifact)?;
    let mut module = Module::new(&subject.wasm)?;
    let block = module.alloc(rows.columns.len() * 8)?;
    let out = module.alloc(ROWS * 8)?;
    module.write(block, &bytes_of(&rows.columns))?;
    let mut native = vec![0.0; ROWS];
    let times = interleaved(&mut [
        Box::new(|| naive_rows(&naive, rows)),
        Box::new(|| {
            let _ = black_box(decider.batch(&rows.columns, &mut native));
            ROWS
        }),
        Box::new(|| {
            let _ = black_box(module.batch(block, ROWS as u32, out));
            ROWS
        }),
    ]);
    ensure!(
        module.read(out, ROWS * 8) == bytes_of(&native),
        "native and wasmtime do not agree"
    );
    Ok(times)
}

/// What Arrow's columns of `f64` cost beside `abi_batch`, both in wasmtime: alone with `bench
/// columns`.
fn columns(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    let subject = Subject::new(applications, &boosted(200, 32, 12), engine, glue)?;
    let rows = Rows::new(applications);
    let [mut batch, mut arrow] = [Module::new(&subject.wasm)?, Module::new(&subject.wasm)?];
    let block = batch.alloc(rows.columns.len() * 8)?;
    let probabilities = batch.alloc(ROWS * 8)?;
    batch.write(block, &bytes_of(&rows.columns))?;
    // Categories and booleans are texts and bits to Arrow: here every column is one of numbers
    // that the batch call takes, and the other kinds are left out.
    let values = arrow.alloc(rows.columns.len() * 8)?;
    arrow.write(values, &bytes_of(&rows.columns))?;
    let descriptors = arrow.alloc(32 * rows.features)?;
    let out = arrow.alloc(13 * ROWS)?;
    for feature in 0..rows.features as u32 {
        let at = values + feature * 8 * ROWS as u32;
        let is_number = applications.is_number(feature as usize);
        let (kind, at) = if is_number { (3, at) } else { (0, 0) };
        let words = [kind, ROWS as u32, 0, 0, at, 0, 0, 0];
        let bytes: Vec<u8> = words
            .iter()
            .flat_map(|word: &u32| word.to_le_bytes())
            .collect();
        arrow.write(descriptors + 32 * feature, &bytes)?;
        if !is_number {
            batch.write(
                block + feature * 8 * ROWS as u32,
                &bytes_of(&vec![f64::NAN; ROWS]),
            )?;
        }
    }
    let features = rows.features as u32;
    let times = interleaved(&mut [
        Box::new(|| {
            let _ = black_box(batch.batch(block, ROWS as u32, probabilities));
            ROWS
        }),
        Box::new(|| {
            let _ = black_box(arrow.columns(descriptors, features, ROWS as u32, out));
            ROWS
        }),
    ]);
    ensure!(
        batch.read(probabilities, ROWS * 8) == arrow.read(out, ROWS * 8),
        "abi_batch and abi_columns do not agree"
    );
    let [batch, arrow] = times[..] else {
        return Ok(());
    };
    println!("\n| ns a row, wasmtime | abi_batch | abi_columns, f64 | ratio | at most |");
    println!("|---|---|---|---|---|");
    println!(
        "| 200 boosted | {batch:.0} | {arrow:.0} | {:.2} | 1.15 |",
        arrow / batch
    );
    Ok(())
}

fn naive_rows(naive: &NaiveForest, rows: &Rows) -> usize {
    for row in rows.rows.chunks(rows.features) {
        black_box(naive.predict(row));
    }
    ROWS
}

fn calls(applications: &Applications, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Calls in wasmtime, one core\n");
    println!("| what | measured | at most |");
    println!("|---|---|---|");
    let subject = Subject::new(applications, &boosted(200, 32, 12), engine, glue)?;
    let requests: Vec<_> = (0..1_000).map(|row| applications.request(row)).collect();
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
        "| a decision, JSON in, JSON out ({} bytes in), 200 boosted trees | {:.2} µs (native {:.2}) | 5 µs |",
        requests[0].len(),
        decided[1] / 1e3,
        decided[0] / 1e3
    );
    rules(&subject, engine, glue, &requests)?;
    let trees = 200 * ARTIFACT / subject.artifact.len();
    let subject = Subject::new(applications, &boosted(trees, 32, 12), engine, glue)?;
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

/// What lending rules cost a decision in wasmtime: the same model without a policy, with one
/// without rules, and with one of [`RULES`] rules, in turn in one run.
fn rules(subject: &Subject<'_>, engine: &[u8], glue: &[u8], requests: &[Vec<u8>]) -> Result<()> {
    let mut modules = Vec::new();
    for artifact in [
        subject.artifact.clone(),
        subject.with_rules(0)?,
        subject.with_rules(RULES)?,
    ] {
        let mut module = Module::new(&pack(engine, glue, &artifact)?)?;
        let block = module.alloc(4096)?;
        modules.push((module, block));
    }
    let mut subjects: Vec<Stopwatch<'_>> = Vec::new();
    for (module, block) in &mut modules {
        subjects.push(Box::new(|| {
            decisions(module, *block, &requests[..RULES_DECISIONS])
        }));
    }
    let times: Vec<f64> = lowest(&mut subjects, RULES_ROUNDS)
        .iter()
        .map(|nanoseconds| nanoseconds / 1e3)
        .collect();
    let [plain, empty, ruled] = times[..] else {
        return Ok(());
    };
    println!(
        "| {RULES} rules: a decision with them, less one with a policy without rules | {:.2} µs ({ruled:.2} less {empty:.2}) | 0.5 µs |",
        ruled - empty,
    );
    println!(
        "| what a policy adds to an answer: a decision with one without rules, less one without a policy | {:.2} µs ({empty:.2} less {plain:.2}) | |",
        empty - plain,
    );
    Ok(())
}

fn decisions(module: &mut Module, block: u32, requests: &[Vec<u8>]) -> usize {
    for request in requests {
        let _ = black_box(module.decide(block, request));
    }
    requests.len()
}

fn sizes(target: &Path, engine: &[u8], glue: &[u8]) -> Result<()> {
    println!("\n## Sizes\n");
    println!("| what | bytes | at most |");
    println!("|---|---|---|");
    println!("| `engine.wasm` | {} | 296,000 |", engine.len());
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
        let mut command = Command::new(if pinned {
            "taskset".as_ref()
        } else {
            &*program
        });
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
