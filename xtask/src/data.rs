//! `cargo xtask data`: makes the files of `data/` again. `data/DATASET.md` describes them.

mod german_credit;
mod loan_sample;
mod points_sample;
mod random;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::workspace;

const LOAN_ROWS: usize = 5_000;
const POINTS_ROWS: usize = 2_000;

/// What `cargo xtask data` takes.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Also make data/german_credit.csv, from this copy of UCI's german.data
    #[arg(long, value_name = "FILE")]
    german_credit: Option<PathBuf>,
}

/// Writes `loan_sample.csv` and `points_sample.csv`, the same bytes on every machine, and
/// `german_credit.csv` where its source is given.
///
/// # Errors
/// Names the file that cannot be read or written, or the line that does not belong in it.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    for (name, make) in SYNTHETIC {
        write(name, &make())?;
    }
    if let Some(path) = &options.german_credit {
        let text = german_credit(path).with_context(|| path.display().to_string())?;
        write("german_credit.csv", &text)?;
    }
    Ok(())
}

/// A file's name, and what makes its text.
type Sample = (&'static str, fn() -> String);

/// The files that are made from nothing but a seed.
const SYNTHETIC: [Sample; 2] = [
    ("loan_sample.csv", || loan_sample::csv(LOAN_ROWS)),
    ("points_sample.csv", || points_sample::csv(POINTS_ROWS)),
];

/// As many invented applicants as wanted, as CSV.
pub(crate) fn loan_sample(rows: usize) -> String {
    loan_sample::csv(rows)
}

fn german_credit(path: &Path) -> anyhow::Result<String> {
    german_credit::csv(&fs::read_to_string(path)?)
}

fn write(name: &str, text: &str) -> anyhow::Result<()> {
    let path = folder().join(name);
    fs::write(&path, text).with_context(|| path.display().to_string())?;
    println!("data/{name}: {} rows", text.lines().count() - 1);
    Ok(())
}

fn folder() -> PathBuf {
    workspace::root().join("data")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_files_are_what_the_generator_makes() {
        for (name, make) in SYNTHETIC {
            let committed = fs::read_to_string(folder().join(name)).unwrap();
            let made = make();
            let differing = made
                .lines()
                .zip(committed.lines())
                .position(|(a, b)| a != b);
            assert!(
                made == committed,
                "data/{name} is not what the generator makes (first differing line: {:?}): \
                 run `cargo xtask data` and commit the result",
                differing.map(|index| index + 1)
            );
        }
    }
}
