//! Two models on the same rows.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use model_train::evaluate::{Comparison, SwapCell};
use model_train::pipeline::{ComparisonJob, ComparisonReports, Source, compare_file};

use super::{Args, rows};
use crate::counted::counted;
use crate::{files, progress, terminal};

impl Args {
    pub(super) fn compare(&self, [first, second]: [&PathBuf; 2]) -> Result<()> {
        for (option, path) in [
            ("--schema", &self.schema),
            ("--policy", &self.policy),
            ("--card", &self.card),
            ("--predictions", &self.predictions),
        ] {
            if path.is_some() {
                bail!("{option} takes one model: leave it out to compare two");
            }
        }
        files::keep_apart(
            &[
                ("the first --model", Some(first.as_path())),
                ("the second --model", Some(second.as_path())),
                ("--data", Some(&self.data)),
                ("--test-rows", self.test_rows.as_deref()),
            ],
            &[
                ("--report", self.report.as_deref()),
                ("--json", self.json.as_deref()),
            ],
        )?;
        for path in [&self.report, &self.json].into_iter().flatten() {
            files::check_writable(path)?;
        }
        let wasm = [files::read(first)?, files::read(second)?];
        let artifacts = [
            files::open_model(first, &wasm[0])?.artifact(),
            files::open_model(second, &wasm[1])?.artifact(),
        ];
        // The inputs of the second have to be the same.
        let schema = files::schema_of(first, artifacts[0])?;
        let data = files::Source::open_for(&self.data, &[&schema])?;
        let bar = progress::bytes(data.len, "Comparing");
        let test_rows = self.test_rows.as_deref().map(files::Source::open);
        let job = ComparisonJob {
            artifacts,
            data: Source::new(data.name, data.bytes),
            test_rows: test_rows
                .transpose()?
                .map(|rows| Source::new(rows.name, rows.bytes)),
            options: self.options(),
        };
        let compared = compare_file(job, |read| bar.set_position(read));
        bar.finish_and_clear();
        let comparison = compared.map_err(|error| self.in_file(first, error))?;
        let reports = ComparisonReports::new(&comparison)?;
        if let Some(path) = &self.report {
            files::write(path, reports.html.as_bytes())?;
        }
        if let Some(path) = &self.json {
            files::write(path, &reports.json)?;
        }
        print([first, second], &comparison)
    }
}

fn print(paths: [&Path; 2], comparison: &Comparison) -> Result<()> {
    let mut out = terminal::stdout();
    let [first, second] = &comparison.models;
    writeln!(
        out,
        "{} and {} on {}:",
        paths[0].display(),
        paths[1].display(),
        rows(&comparison.data, "a model")
    )?;
    for difference in &comparison.differences {
        let name = &difference.name;
        let values = [first, second].map(|model| model.metric(name).and_then(|m| m.value));
        let ([Some(a), Some(b)], Some(value)) = (values, difference.value) else {
            continue;
        };
        write!(out, "  {name:<26} {a:.4}  {b:.4}  {value:+.4}")?;
        if let Some(interval) = difference.interval {
            write!(out, "  ({:+.4} to {:+.4})", interval.low, interval.high)?;
        }
        writeln!(out)?;
    }
    if let (Some(a), Some(b), Some(more)) = (&first.cost, &second.cost, comparison.cost) {
        let (a, b) = (a.at_threshold, b.at_threshold);
        write!(
            out,
            "  {:<26} {a:.2}  {b:.2}  {:+.2}",
            "cost_at_cut_off", more.value
        )?;
        if let Some(interval) = more.interval {
            write!(out, "  ({:+.2} to {:+.2})", interval.low, interval.high)?;
        }
        writeln!(out)?;
    }
    if let Some(delong) = &comparison.delong {
        writeln!(out, "  {:<26} {:.4}", "delong_p_value", delong.p_value)?;
    }
    let mut swapped = |name: &str, cell: &SwapCell| -> Result<()> {
        let rate = cell.bad_rate.map_or_else(String::new, |rate| {
            format!(", bad rate {:.2}%", 100.0 * rate)
        });
        let rows = counted(cell.rows, "row");
        Ok(writeln!(out, "  {name:<26} {rows}{rate}")?)
    };
    swapped("swapped_in", &comparison.swap_set.only_second)?;
    swapped("swapped_out", &comparison.swap_set.only_first)
}
