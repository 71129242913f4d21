//! Runs the same cases in six hosts and prints how many bytes of the answers differ.
//!
//! Without `--data`: rows of all three data sets and hostile cases, on the test models, and the
//! golden cases of format 3, on its model with rules and derived fields.
//! With it: rows of that file, on a model that is trained on it first.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::conformance::{
    Answer, HOSTS, applications, difference, hostile, questions, ruled, write_cases,
};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_core::schema::Schema;

/// Rows of each data set in a run without `--data`.
const GOLDEN: [(&str, &str, usize); 3] = [
    ("loan", "loan_sample", 1_000),
    ("points", "points_sample", 600),
    ("german_credit", "german_credit", 600),
];

/// Rows of each data set that are explained too, and how many of them with recourse; many times
/// as many of a file that is given.
const EXPLAINED: usize = 500;
const WITH_RECOURSE: usize = 50;

#[derive(Parser)]
struct Options {
    /// The rows, as CSV
    #[arg(long, value_name = "FILE", requires = "schema")]
    data: Option<PathBuf>,
    /// The schema of the rows
    #[arg(long, value_name = "FILE", requires = "data")]
    schema: Option<PathBuf>,
    /// Only this many rows, spread over the file
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    rows: usize,
    /// All rows
    #[arg(long)]
    all: bool,
}

/// A model and what it is asked.
struct Run {
    name: String,
    model: PathBuf,
    rows: usize,
    names: Vec<String>,
    cases: Vec<Vec<u8>>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let runs = match (&options.data, &options.schema) {
        (Some(data), Some(schema)) => {
            let most = if options.all {
                usize::MAX
            } else {
                options.rows
            };
            vec![rows_of(data, schema, most)?]
        }
        _ => golden()?,
    };
    let mut bytes = 0;
    let mut rows = 0;
    for run in &runs {
        bytes += compare(run)?;
        rows += run.cases.len();
    }
    println!(
        "{bytes} bytes differ over {rows} rows in {} hosts",
        HOSTS.len()
    );
    ensure!(bytes == 0, "the hosts do not agree");
    Ok(())
}

/// The test models on rows of their data, and on hostile cases; last the model with rules.
fn golden() -> Result<Vec<Run>> {
    let models = PathBuf::from(environment("UNDERWRITE_TEST_MODELS_DIR")?);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    let run = |(name, csv, rows): (&str, &str, usize)| {
        let schema = read_schema(&data.join(name).with_extension("toml"))?;
        let mut cases = applications(&data.join(csv).with_extension("csv"), &schema, rows)?;
        let mut names: Vec<_> = (0..cases.len()).map(|n| format!("row {n}")).collect();
        let asked = questions(&cases, &schema, EXPLAINED, WITH_RECOURSE);
        add_questions(asked, &mut names, &mut cases);
        for (what, case) in hostile(&schema, &cases[0]) {
            names.push(what);
            cases.push(case);
        }
        Ok(Run {
            name: name.into(),
            model: models.join(name).with_extension("wasm"),
            rows,
            names,
            cases,
        })
    };
    let mut runs = GOLDEN.into_iter().map(run).collect::<Result<Vec<_>>>()?;
    runs.push(with_rules()?);
    Ok(runs)
}

fn add_questions(asked: Vec<Vec<u8>>, names: &mut Vec<String>, cases: &mut Vec<Vec<u8>>) {
    names.extend((0..asked.len()).map(|n| format!("row {n} explained")));
    cases.extend(asked);
}

/// The golden model of format 3 on its cases, and on hostile ones.
fn with_rules() -> Result<Run> {
    let engine = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let (module, mut cases) = ruled(&engine)?;
    let schema = ModelFile::open(&module)
        .map_err(anyhow::Error::from)
        .and_then(|file| Ok(Artifact::decode(file.artifact())?.schema))?;
    let model = folder("ruled")?.join("model.wasm");
    fs::write(&model, &module).with_context(|| model.display().to_string())?;
    let rows = cases.len();
    let mut names: Vec<_> = (0..rows).map(|n| format!("case {n}")).collect();
    for (what, case) in hostile(&schema, &cases[0]) {
        names.push(what);
        cases.push(case);
    }
    Ok(Run {
        name: "ruled".into(),
        model,
        rows,
        names,
        cases,
    })
}

/// A model trained on `data`, on its rows.
fn rows_of(data: &Path, schema: &Path, most: usize) -> Result<Run> {
    let folder = folder("data")?;
    let model = folder.join("model.wasm");
    println!("training on {}", data.display());
    let status = Command::new(environment("UNDERWRITE_BIN")?)
        .arg("train")
        .arg("--data")
        .arg(data)
        .arg("--schema")
        .arg(schema)
        .arg("--out")
        .arg(&model)
        .status()
        .context("underwrite cannot be started")?;
    ensure!(status.success(), "training ended with {status}");
    let schema = read_schema(schema)?;
    let mut cases = applications(data, &schema, most)?;
    let mut names: Vec<_> = (0..cases.len()).map(|n| format!("row {n}")).collect();
    // The first of the spread rows are spread as well.
    let asked = questions(&cases, &schema, 20 * EXPLAINED, 10 * WITH_RECOURSE);
    add_questions(asked, &mut names, &mut cases);
    Ok(Run {
        name: "data".into(),
        model,
        rows: cases.len(),
        names,
        cases,
    })
}

/// Runs every host and returns how many bytes differ from the first one's.
fn compare(run: &Run) -> Result<usize> {
    let folder = folder(&run.name)?;
    write_cases(&folder.join("cases"), &run.cases)?;
    let hostile = run.cases.len() - run.rows;
    println!("{}: {} rows, {hostile} hostile cases", run.name, run.rows);
    let mut reference: Option<Vec<Answer>> = None;
    let mut bytes = 0;
    for host in HOSTS {
        let answers = host.answers(&run.model, &run.cases, &folder)?;
        let reference = reference.get_or_insert_with(|| answers.clone());
        let difference = difference(reference, &answers);
        println!(
            "  {:<9} {} {} bytes differ",
            host.name(),
            summary(&answers),
            difference.bytes
        );
        if let Some(case) = difference.first {
            println!("    first in case {case}: {}", run.names[case]);
            println!("      {}", shown(&reference[case]));
            println!("      {}", shown(&answers[case]));
        }
        bytes += difference.bytes;
    }
    Ok(bytes)
}

/// How often each status was given.
fn summary(answers: &[Answer]) -> String {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_insert(0) += 1;
    }
    let words: Vec<_> = counts
        .iter()
        .map(|(status, count)| format!("{status}: {count},"))
        .collect();
    words.join(" ")
}

fn shown(answer: &Answer) -> String {
    let body: String = String::from_utf8_lossy(&answer.body)
        .chars()
        .take(300)
        .collect();
    format!("{} {body}", answer.status)
}

fn read_schema(path: &Path) -> Result<Schema> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Schema::from_toml(&text).with_context(|| path.display().to_string())
}

/// `target/conformance/NAME`, made when it is not there.
fn folder(name: &str) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../target/conformance")
        .join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

fn environment(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: use cargo xtask conformance"))
}
