//! What `underwrite train` prints when the model is trained and saved.

use std::io::Write;

use anyhow::Result;
use model_core::artifact::Artifact;
use model_train::calibrate::Method;
use model_train::metrics::Metrics;
use model_train::pipeline::{Job, Selection, TrainedModel};
use model_train::profiles::ProfileReport;
use model_train::threshold::ThresholdRule;
use model_train::tune::{self, Cost, FoldsBy, FrontierPoint, Metric, Ratio};

use super::settings::Settings;
use crate::terminal;

/// Prints what was learned, how good it is, how it was found, and where it is.
pub(super) fn print(
    settings: &Settings,
    job: &Job,
    trained: &TrainedModel,
    wasm_bytes: usize,
) -> Result<()> {
    let mut out = terminal::stdout();
    let (report, options) = (&trained.report, job.options());
    writeln!(
        out,
        "{} trained on {} rows, measured on {} others:",
        report.model, report.rows_train, report.rows_test
    )?;
    writeln!(out, "  {}", job.inputs().approval_in_words())?;
    if let Some(sentence) = job.inputs().kept_out_in_words() {
        writeln!(out, "  {sentence}")?;
    }
    print_metrics(&mut out, trained)?;
    writeln!(out, "  {:<12} {:.1}", "seconds_fit", report.seconds_fit)?;
    let method = options.calibration_of(&trained.params);
    if method != Method::None || !options.has_fixed_decision() {
        let threshold = Artifact::decode(&trained.artifact)?.threshold;
        let calibration = method.word();
        write!(out, "  {:<12} {threshold:.4}", "threshold")?;
        if let (ThresholdRule::ApprovalRate(_), Some(reached)) =
            (options.threshold, trained.approval_rate)
        {
            let percent = 100.0 * reached;
            write!(out, "   approves {percent:.1}% of the training rows")?;
        }
        writeln!(out)?;
        writeln!(out, "  {:<12} {calibration}", "calibration")?;
    }
    if let Some(selection) = &trained.selection {
        print_selection(&mut out, selection)?;
    }
    print_profiles(&mut out, report.profiles.as_ref())?;
    for warning in &trained.warnings {
        writeln!(terminal::stderr(), "warning: {warning}")?;
    }
    let path = settings.out.display();
    writeln!(out, "{path} ({} KB)", wasm_bytes.div_ceil(1000))?;
    Ok(())
}

/// Each metric on the test rows with its 95% interval, beside its mean over the folds with the
/// deviation between them.
fn print_metrics(out: &mut impl Write, trained: &TrainedModel) -> Result<()> {
    let folds = trained.cross_validated.as_ref();
    let head = folds.map_or_else(String::new, |folds| {
        let by = match folds.by {
            FoldsBy::Chance => "",
            FoldsBy::Time => " by time",
        };
        format!("   {} folds{by}: mean ± deviation", folds.folds)
    });
    let line = format!("  {:<12} {:<6}   {:<16}{head}", "", "test", "95% interval");
    writeln!(out, "{}", line.trim_end())?;
    let named = |metrics: &Metrics| metrics.named().map(|(_, value)| value);
    let folds = folds.map(|folds| (named(&folds.mean), named(&folds.deviation)));
    let report = &trained.report;
    for (index, (name, value)) in report.metrics.named().into_iter().enumerate() {
        let interval = report
            .intervals
            .get(name)
            .map_or_else(String::new, |i| format!("{:.4} to {:.4}", i.low, i.high));
        let folds = folds.map_or_else(String::new, |(mean, deviation)| {
            format!("   {:.4} ± {:.4}", mean[index], deviation[index])
        });
        let line = format!("  {name:<12} {value:.4}   {interval:<16}{folds}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn print_profiles(out: &mut impl Write, made: Option<&ProfileReport>) -> Result<()> {
    let Some(made) = made else {
        let few = "too few approved training rows to compare with, at least 30 are needed";
        return Ok(writeln!(out, "no reasons: {few}")?);
    };
    let ProfileReport {
        group,
        rows,
        profiles,
        smallest_cluster,
        ..
    } = made;
    writeln!(
        out,
        "reasons compare with {profiles} profiles of {rows} training rows ({group}), each of {smallest_cluster} rows or more"
    )?;
    if let Some(agreement) = &made.agreement {
        writeln!(
            out,
            "  first reason as by all of them: {:.2}, first four: {:.2} in common, relative error {:.3} ({} declined rows)",
            agreement.first, agreement.four_overlap, agreement.relative_error, agreement.rows
        )?;
    }
    Ok(())
}

fn print_selection(out: &mut impl Write, selection: &Selection) -> Result<()> {
    let tune::Settings {
        metric,
        budget,
        folds,
        ..
    } = &selection.settings;
    let word = metric.word();
    writeln!(
        out,
        "chosen by {word} {:.4} over {folds} folds: trial {} of {}, in {:.0} s",
        selection.value(),
        selection.best.number,
        selection.trials.len(),
        selection.seconds
    )?;
    let leader = selection.leader();
    if leader.number != selection.best.number {
        let value = leader.value(*metric, budget).unwrap_or(f64::NAN);
        writeln!(
            out,
            "  (trial {} has {value:.4}, within one standard error; the chosen one has the better log loss)",
            leader.number
        )?;
    }
    writeln!(out, "  {}", serde_json::to_string(&selection.params)?)?;
    let Cost {
        gzip_bytes,
        nanoseconds,
        ..
    } = selection.cost;
    let kilobytes = gzip_bytes as f64 / 1000.0;
    write!(
        out,
        "  {kilobytes:.1} KB gzipped, about {nanoseconds:.0} ns a row"
    )?;
    match selection
        .params
        .boosting()
        .map_or(1, |boosting| boosting.bags)
    {
        0 | 1 => writeln!(out)?,
        bags => writeln!(
            out,
            ": {bags} boosted models averaged, each as large as in the table below"
        )?,
    }
    print_frontier(out, &selection.frontier(), *metric)?;
    print_ratios(out, &selection.ratios)
}

/// What to paste into the schema; a search adds nothing to it by itself.
fn print_ratios(out: &mut impl Write, ratios: &[Ratio]) -> Result<()> {
    if ratios.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "ratios that lowered the log loss of boosting in cross-validation, not part of this \
         model; to use one, paste its lines into the schema and train again:"
    )?;
    for ratio in ratios {
        let (gain, error) = (ratio.gain, ratio.standard_error);
        writeln!(out, "# log loss lower by {gain:.4} ± {error:.4}")?;
        out.write_all(ratio.to_toml().as_bytes())?;
        writeln!(out)?;
    }
    Ok(())
}

fn print_frontier(out: &mut impl Write, frontier: &[FrontierPoint], metric: Metric) -> Result<()> {
    let word = metric.word();
    writeln!(out, "{word} by size and time, cross-validated:")?;
    writeln!(out, "  {word:<10} gzipped KB  ns a row  trees  model")?;
    for point in excerpt(frontier, metric) {
        writeln!(
            out,
            "  {:<10.4} {:>10.1} {:>9.0} {:>6}  {}, trial {}",
            point.value,
            point.cost.gzip_bytes as f64 / 1000.0,
            point.cost.nanoseconds,
            point.trees,
            point.model,
            point.trial
        )?;
    }
    Ok(())
}

/// Enough of a long frontier to see its course: each point better than those before it and at
/// least half as large again, and the best.
fn excerpt(frontier: &[FrontierPoint], metric: Metric) -> Vec<&FrontierPoint> {
    let loss = |point: &FrontierPoint| metric.loss(point.value);
    let best = frontier.iter().map(loss).fold(f64::INFINITY, f64::min);
    let mut excerpt: Vec<&FrontierPoint> = Vec::new();
    for point in frontier {
        let bytes = |point: &FrontierPoint| point.cost.gzip_bytes;
        let is_further = |last: &&FrontierPoint| {
            loss(point) < loss(last) && (bytes(point) * 2 >= bytes(last) * 3 || loss(point) == best)
        };
        if excerpt.last().is_none_or(is_further) {
            excerpt.push(point);
        }
    }
    excerpt
}
