//! How the model was found.

use model_report::chart::Axis;
use model_report::number::{count, fixed, short};
use model_report::{Cell, Chart, Figure, Section, Table, Tone};

use super::{ReportError, kind_in_words};
use crate::evaluate::{Candidate, Search};

pub(super) fn frontier(search: &Search) -> Result<Section, ReportError> {
    let section = Section::new("frontier", "Quality, size and speed");
    if search.frontier.is_empty() {
        return Ok(section);
    }
    let points = |taken: bool| -> Vec<(f64, f64)> {
        let some = search.frontier.iter().filter(|c| c.chosen == taken);
        some.map(|candidate| (kilobytes(candidate), candidate.score))
            .collect()
    };
    let chart = Chart::new(
        "Quality by size",
        format!("{} of each candidate by its size.", search.metric),
        Axis::new("Size, packed and gzipped (KB)").from_zero(),
        Axis::new(format!("{}, cross-validated", search.metric)),
    )
    .points("candidate", points(false))
    .points("taken", points(true))
    .svg()?;
    let table = Table::new("Candidates, the smallest first.")
        .text("Candidate")
        .number(format!("{}, cross-validated", search.metric))
        .number("KB, gzipped")
        .number("µs a row")
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
        .figure(Figure::new(
            chart,
            "Up and to the left is better: as good with less to load.",
        ))
        .table(table))
}

fn sorted(search: &Search) -> Vec<&Candidate> {
    let mut candidates: Vec<&Candidate> = search.frontier.iter().collect();
    candidates.sort_by_key(|candidate| candidate.bytes);
    candidates
}

fn kilobytes(candidate: &Candidate) -> f64 {
    candidate.bytes as f64 / 1000.0
}

pub(super) fn trials(search: &Search) -> Section {
    let section = Section::new("trials", "Trials");
    if search.trials.is_empty() {
        return section;
    }
    let complete = search
        .trials
        .iter()
        .filter(|t| t.state == "complete")
        .count();
    let seconds: f64 = search.trials.iter().map(|trial| trial.seconds).sum();
    let table = Table::new("Every trial, in the order they began.")
        .number("Trial")
        .text("Model")
        .number(search.metric.clone())
        .number("Deviation")
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
            "{} trials, {} of them complete, in {} seconds of fitting; each scored by {} in \
             {}-fold cross-validation on the training rows. The test rows took no part in it.",
            count(search.trials.len()),
            count(complete),
            short(seconds),
            search.metric,
            search.folds
        ))
        .details("All trials", Section::new("trials-table", "").table(table))
}
