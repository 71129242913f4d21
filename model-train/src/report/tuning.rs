//! How the hyperparameters were chosen.

use model_report::chart::Axis;
use model_report::number::{count, fixed, short};
use model_report::{Cell, Chart, Figure, Section, Table, Tone};

use super::{ReportError, kind_in_words};
use crate::evaluate::{FrontierRecord, SearchRecord};

pub(super) fn frontier(search: &SearchRecord) -> Result<Section, ReportError> {
    let section = Section::new("frontier", "Appendix: quality, size and speed");
    if search.frontier.is_empty() {
        return Ok(section);
    }
    let points = |chosen: bool| -> Vec<(f64, f64)> {
        let some = search.frontier.iter().filter(|c| c.chosen == chosen);
        some.map(|candidate| (kilobytes(candidate), candidate.score))
            .collect()
    };
    let chart = Chart::new(
        "Quality by size",
        format!("{} of each model by its size.", search.metric),
        Axis::new("Size, packed and gzipped (KB)").from_zero(),
        Axis::new(format!("{}, cross-validated", search.metric)),
    )
    .points("other models", points(false))
    .points("chosen", points(true))
    .svg()?;
    let table = Table::new("Models on the frontier of quality, size and speed, smallest first.")
        .text("Model")
        .number(format!("{}, cross-validated", search.metric))
        .number("KB, gzipped")
        .number("µs per row")
        .rows(sorted(search).into_iter().map(|candidate| {
            let name = Cell::new(candidate.name.as_str());
            let microseconds = candidate.nanoseconds.map_or(f64::NAN, |ns| ns / 1000.0);
            vec![
                if candidate.chosen {
                    Cell::new(format!("▸ {}", candidate.name)).tone(Tone::Good)
                } else {
                    name
                },
                fixed(candidate.score, 4).into(),
                fixed(kilobytes(candidate), 1).into(),
                fixed(microseconds, 2).into(),
            ]
        }));
    Ok(section
        .figure(Figure::new(chart, better_corner(&search.metric)))
        .table(table))
}

/// Where in the chart the better models are.
fn better_corner(metric: &str) -> &'static str {
    match metric {
        "log_loss" | "brier" => "Down and to the left is better: a smaller loss at a smaller size.",
        _ => "Up and to the left is better: higher quality at a smaller size.",
    }
}

fn sorted(search: &SearchRecord) -> Vec<&FrontierRecord> {
    let mut candidates: Vec<&FrontierRecord> = search.frontier.iter().collect();
    candidates.sort_by_key(|candidate| candidate.bytes);
    candidates
}

fn kilobytes(candidate: &FrontierRecord) -> f64 {
    candidate.bytes as f64 / 1000.0
}

/// What the search buys over a logistic regression, on equal terms.
pub(super) fn benchmark(search: &SearchRecord) -> Section {
    let section = Section::new("benchmark", "Benchmark");
    let Some(benchmark) = &search.benchmark else {
        return section;
    };
    let (Some(score), Some(deviation)) = (benchmark.score, benchmark.deviation) else {
        let reason = benchmark.reason.as_deref().unwrap_or("none was measured");
        return section.paragraph(format!(
            "There is no logistic regression to compare with: {reason}."
        ));
    };
    let mut rows = vec![vec![
        Cell::new("logistic regression (benchmark)"),
        fixed(score, 4).into(),
        fixed(deviation, 4).into(),
    ]];
    rows.extend(benchmark.others.iter().map(|other| {
        vec![
            kind_in_words(&other.model).into(),
            fixed(other.score, 4).into(),
            fixed(other.deviation, 4).into(),
            format!("{:+.4}", other.difference).into(),
            fixed(other.difference_deviation, 4).into(),
            format!("{} of {}", other.better_folds, benchmark.folds).into(),
        ]
    }));
    let table = Table::new(format!(
        "Cross-validated {} of the best trial of each family, on the same {} folds.",
        search.metric, benchmark.folds
    ))
    .text("Model")
    .number("Mean")
    .number("Std. deviation")
    .number("Mean difference from the benchmark")
    .number("Std. deviation of the difference")
    .number("Better folds")
    .rows(rows);
    section
        .paragraph(
            "The search always finishes one logistic regression. It was fitted and measured on \
             the same rows as the others; where a schema gives missing values to the model, an \
             indicator stands for them.",
        )
        .table(table)
}

pub(super) fn trials(search: &SearchRecord) -> Section {
    let section = Section::new("trials", "Appendix: trials");
    if search.trials.is_empty() {
        return section;
    }
    let complete = search
        .trials
        .iter()
        .filter(|t| t.state == "complete")
        .count();
    let seconds: f64 = search.trials.iter().map(|trial| trial.seconds).sum();
    let table = Table::new("Every trial, in starting order.")
        .number("Trial")
        .text("Model")
        .number(search.metric.clone())
        .number("Std. deviation")
        .text("State")
        .number("Seconds")
        .text("Hyperparameters")
        .rows(search.trials.iter().map(|trial| {
            let parameters = trial.parameters.iter();
            let parameters: Vec<String> = parameters
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            vec![
                trial.number.to_string().into(),
                kind_in_words(&trial.model).into(),
                fixed(trial.score.unwrap_or(f64::NAN), 4).into(),
                fixed(trial.deviation.unwrap_or(f64::NAN), 4).into(),
                trial.state.as_str().into(),
                fixed(trial.seconds, 1).into(),
                parameters.join(", ").into(),
            ]
        }));
    section
        .paragraph(format!(
            "{} trials, {} of them complete, took {} seconds of fitting. Each was scored by {} in \
             {}-fold cross-validation on the training rows; the test rows were not used.",
            count(search.trials.len()),
            count(complete),
            short(seconds),
            search.metric,
            search.folds
        ))
        .details("All trials", Section::new("trials-table", "").table(table))
}
