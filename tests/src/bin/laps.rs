//! Times a packed model in wasmtime, a lap whenever it is asked to: our side of
//! `cargo xtask bench import`, which times other programs between the laps.
//!
//! Each line of standard input, `one` or `batch`, is a lap over all rows, and each line of the
//! output the nanoseconds of a row.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use std::hint::black_box;
use std::io::{BufRead, stdin};
use std::path::PathBuf;
use std::time::Instant;

use acceptance::bench::Module;
use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

/// A model and the rows that it is asked about.
#[derive(Parser)]
struct Arguments {
    /// Packed model
    model: PathBuf,
    /// Rows as little-endian f64, input after input
    columns: PathBuf,
    /// Number of rows
    rows: u32,
    /// Where the probabilities are written, as little-endian f64
    probabilities: PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let columns = std::fs::read(&arguments.columns).context("cannot read the columns")?;
    let rows = arguments.rows as usize;
    ensure!(
        rows > 0 && columns.len() % (8 * rows) == 0,
        "expected columns of {rows} numbers, got {} bytes",
        columns.len()
    );
    let wasm = std::fs::read(&arguments.model).context("cannot read the model")?;
    let mut module = Module::new(&wasm)?;
    let row_bytes = columns.len() / rows;
    let together = module.alloc(columns.len())?;
    let alone = module.alloc(columns.len())?;
    let out = module.alloc(8 * rows)?;
    module.write(together, &columns)?;
    module.write(alone, &row_after_row(&columns, rows))?;
    module.batch(together, arguments.rows, out)?;
    std::fs::write(&arguments.probabilities, module.read(out, 8 * rows))?;
    for line in stdin().lock().lines() {
        let start = Instant::now();
        match line?.as_str() {
            "one" => {
                for row in 0..arguments.rows {
                    black_box(module.batch(alone + row * row_bytes as u32, 1, out)?);
                }
            }
            "batch" => {
                black_box(module.batch(together, arguments.rows, out)?);
            }
            other => bail!("expected one or batch, got {other:?}"),
        }
        println!("{}", start.elapsed().as_nanos() as f64 / rows as f64);
    }
    Ok(())
}

fn row_after_row(columns: &[u8], rows: usize) -> Vec<u8> {
    let column = 8 * rows;
    let value = |row: usize, start: usize| &columns[start + 8 * row..start + 8 * row + 8];
    (0..rows)
        .flat_map(|row| (0..columns.len()).step_by(column).map(move |at| (row, at)))
        .flat_map(|(row, at)| value(row, at).iter().copied())
        .collect()
}
