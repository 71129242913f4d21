//! Measures what it costs to watch live traffic for drift:
//! `watching model.wasm requests.ndjson`.
#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use anyhow::{Context, Result};
use host_server::{DriftOptions, Limits, ModelHost, time_counting};

fn main() -> Result<()> {
    let mut names = std::env::args().skip(1);
    let mut next = || {
        names
            .next()
            .context("usage: watching model.wasm requests.ndjson")
    };
    let host = ModelHost::open(next()?, Limits::default())?;
    let requests: Vec<Vec<u8>> = std::fs::read_to_string(next()?)?
        .lines()
        .map(|line| line.as_bytes().to_vec())
        .collect();
    let mut times = Vec::new();
    for _ in 0..9 {
        let cost = time_counting(&host, DriftOptions::default(), &requests, 20)
            .context("the model carries no sketch of its training rows")?;
        times.push(cost);
    }
    times.sort_by_key(|cost| cost.request);
    let cost = times[times.len() / 2];
    println!("a request:    {} ns", cost.request.as_nanos());
    println!("a comparison: {} µs", cost.comparison.as_micros());
    println!("counts:       {} bytes", cost.bytes);
    Ok(())
}
