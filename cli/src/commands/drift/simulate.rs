//! `underwrite drift simulate`

use std::io::Write;

use anyhow::Result;
use model_drift::simulate::simulate;
use model_drift::sketch::Capacity;

use crate::terminal;

/// Measure the rates of false alarms and of detected shifts by simulation.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Comparisons per number of rows.
    #[arg(long, default_value_t = 1000)]
    runs: u64,
    /// Rows per batch in comparisons without drift.
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000,100000")]
    rows: Vec<u64>,
    /// Rows per batch in comparisons with a shift.
    #[arg(long, default_value_t = 2000)]
    shifted_rows: u64,
    /// Size of the shift, in standard deviations.
    #[arg(long, default_value_t = 0.2)]
    shift: f64,
    /// Buckets per numeric column of the reference; a model.wasm carries 256.
    #[arg(long, default_value_t = model_drift::sketch::NUMBER_BUCKETS)]
    buckets: usize,
    /// Random seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Args {
    pub(super) fn run(self) -> Result<()> {
        let mut stdout = terminal::stdout();
        let capacity = Capacity {
            buckets: self.buckets,
            ..Capacity::default()
        };
        writeln!(stdout, "rows     shift  runs   any flagged   shift found")?;
        let without = self.rows.iter().map(|rows| (*rows, 0.0));
        for (rows, shift) in without.chain([(self.shifted_rows, self.shift)]) {
            let outcome = simulate(rows, shift, self.runs, self.seed, capacity);
            let share = |count: u64| count as f64 / outcome.runs.max(1) as f64 * 100.0;
            write!(
                stdout,
                "{rows:<8} {shift:<6} {:<6} {:>5.1}%",
                outcome.runs,
                share(outcome.flagged)
            )?;
            if shift > 0.0 {
                write!(stdout, "            {:>5.1}%", share(outcome.found))?;
            }
            writeln!(stdout)?;
        }
        Ok(())
    }
}
