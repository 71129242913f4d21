//! Fits boosted trees on a CSV file and prints what it took as one line of JSON: our side of
//! `cargo xtask bench train`.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::path::PathBuf;
use std::time::Instant;

use acceptance::bench::peak_bytes;
use anyhow::{Context, Result};
use clap::Parser;
use model_core::schema::Schema;
use model_train::dataset::Dataset;
use model_train::fit::{self, ClassWeight, GradientBoosting, Options, Params};
use model_train::metrics::Metrics;
use model_train::prepare::Prepared;
use model_train::split::Split;

/// One row in so many is measured on.
const TEST_EVERY: usize = 5;

/// What is fitted on which rows.
#[derive(Parser)]
struct Arguments {
    /// CSV file with a header
    data: PathBuf,
    /// Schema in TOML
    schema: PathBuf,
    /// Number of threads
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Hyperparameters in JSON, such as {"trees": 500}
    #[arg(long, default_value = "{}")]
    params: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let toml = std::fs::read_to_string(&arguments.schema)
        .with_context(|| arguments.schema.display().to_string())?;
    let schema = Schema::from_toml(&toml)?;
    let params: GradientBoosting = serde_json::from_str(&arguments.params)?;
    let start = Instant::now();
    let dataset = Dataset::read(&arguments.data, &schema, |_| {})?;
    let is_test = |row: &usize| row % TEST_EVERY == TEST_EVERY - 1;
    let (test, train) = (0..dataset.rows()).partition(is_test);
    let prepared = Prepared::new(dataset, &schema, Split { train, test })?;
    let seconds_read = start.elapsed().as_secs_f64();
    let options = Options {
        seed: 42,
        jobs: arguments.jobs,
        class_weight: ClassWeight::None,
    };
    let Split { train, test } = &prepared.split;
    let start = Instant::now();
    let params = Params::GradientBoosting(params);
    let model = fit::fit(&prepared, train, &schema, &params, &options)?;
    let seconds_fit = start.elapsed().as_secs_f64();
    let probabilities = fit::predict(&model, &prepared, test)?;
    let answers: Vec<bool> = test.iter().map(|&row| prepared.target[row]).collect();
    let metrics = Metrics::new(&answers, &probabilities, 0.5);
    let line = serde_json::json!({
        "rows": train.len(),
        "columns": schema.inputs().count(),
        "seconds_read": seconds_read,
        "seconds_fit": seconds_fit,
        "log_loss": metrics.log_loss,
        "roc_auc": metrics.roc_auc,
        "peak_bytes": peak_bytes("self"),
    });
    println!("{line}");
    Ok(())
}
