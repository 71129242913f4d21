//! The sections on feature importance and the learning curve.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, short};
use model_report::{BarChart, Chart, Figure, Section, Table};

use super::{ReportError, between, effects};
use crate::evaluate::Evaluation;

/// Features in the importance chart; the table has all of them.
const MOST_BARS: usize = 20;

pub(super) fn importance(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("importance", "Inputs");
    if evaluation.importance.is_empty() {
        return Ok(section);
    }
    let label = |name: &str| {
        let slices = evaluation.slices.iter().find(|s| s.feature == name);
        slices.map_or_else(|| name.to_owned(), |slices| slices.label.clone())
    };
    let bars = evaluation.importance.iter().take(MOST_BARS).map(|feature| {
        let (mean, spread) = (feature.mean, feature.deviation);
        Bar::within(label(&feature.feature), mean, mean - spread, mean + spread)
    });
    let chart = BarChart::new(
        "Permutation importance",
        "The drop in ROC AUC when one feature is shuffled.",
        Axis::new("Drop in ROC AUC"),
        bars.collect(),
    )
    .svg()?;
    let table = Table::new("The drop in ROC AUC when a feature is shuffled.")
        .text("Feature")
        .number("Mean drop")
        .number("Standard deviation")
        .rows(evaluation.importance.iter().map(|feature| {
            vec![
                label(&feature.feature).into(),
                fixed(feature.mean, 4).into(),
                fixed(feature.deviation, 4).into(),
            ]
        }));
    let repeats = evaluation.options.repeats;
    let section = match monotonic(evaluation) {
        Some(text) => section.paragraph(text),
        None => section,
    };
    let section = section
        .paragraph(
            "Permutation importance: one feature at a time is shuffled among the rows, which \
             removes its information. Correlated features look less important than they are, \
             because one can stand in for the other.",
        )
        .figure(Figure::new(
            chart,
            format!("Mean of {repeats} shuffles; lines show one standard deviation to each side."),
        ));
    let section = coefficients(evaluation, effects::add_to(section, evaluation)?);
    Ok(section.details(
        "Importance as a table",
        Section::new("importance-table", "").table(table),
    ))
}

/// Adds the terms of a linear model.
fn coefficients(evaluation: &Evaluation, section: Section) -> Section {
    let Some(found) = &evaluation.credit.coefficients else {
        return section;
    };
    let odds = found.link == "logistic";
    let optional = |value: Option<f64>, digits| fixed(value.unwrap_or(f64::NAN), digits);
    let mut table = Table::new(match found.rows {
        Some(rows) => format!(
            "Coefficients; errors and variance inflation from the {} training rows.",
            count(rows)
        ),
        None => "Coefficients. Errors and variance inflation are given only by training, without \
                 class weights."
            .to_owned(),
    })
    .text("Term")
    .number("Coefficient")
    .number("Std. error")
    .number("z")
    .number("Per std. deviation");
    if odds {
        table = table.number("Odds ratio per std. deviation");
    }
    let table = table.number("VIF").rows(found.terms.iter().map(|term| {
        let name = match &term.value {
            Some(value) => format!("{}: {value}", term.label),
            None => term.label.clone(),
        };
        let z = term.standard_error.map(|error| term.coefficient / error);
        let mut cells = vec![
            name.into(),
            short(term.coefficient).into(),
            term.standard_error.map_or("–".to_owned(), short).into(),
            optional(z, 2).into(),
            fixed(term.per_deviation, 3).into(),
        ];
        if odds {
            cells.push(fixed(term.per_deviation.exp(), 3).into());
        }
        cells.push(optional(term.variance_inflation, 2).into());
        cells
    }));
    section
        .heading("Coefficients")
        .paragraph(
            "What each term adds towards the good outcome, before calibration. With a penalty, \
             coefficients are drawn towards 0 and the errors are those of the penalised fit. A \
             variance inflation factor (VIF) above 5 or 10 says that other terms nearly determine \
             this one; the most frequent category of each input is left out of it. Per standard \
             deviation of a number or a boolean; of a category, from 0 to 1.",
        )
        .table(table)
}

/// The monotonic relations that were proved.
fn monotonic(evaluation: &Evaluation) -> Option<String> {
    let never = |falls: &str, names: &[String]| {
        let names = names.join(", ");
        (!names.is_empty()).then(|| format!("A larger {names} never {falls} the probability."))
    };
    let sentences = [
        never("lowers", &evaluation.model.increasing),
        never("raises", &evaluation.model.decreasing),
    ];
    let sentences: Vec<String> = sentences.into_iter().flatten().collect();
    let proof = " This is proved for the finished model, for values within their ranges and with \
                 derived fields held fixed.";
    (!sentences.is_empty()).then(|| sentences.join(" ") + proof)
}

pub(super) fn learning(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("learning", "Learning curve");
    let points = &evaluation.learning_curve;
    if points.is_empty() {
        return Ok(section);
    }
    let chart = Chart::new(
        "Learning curve",
        "ROC AUC by the number of training rows.",
        Axis::new("Training rows").from_zero(),
        Axis::new("ROC AUC, held-out rows"),
    )
    .estimates(
        "model",
        points.iter().map(|p| (p.rows as f64, p.roc_auc)).collect(),
        points
            .iter()
            .filter_map(|p| p.interval.map(|i| (p.rows as f64, i.low, i.high)))
            .collect(),
    )
    .svg()?;
    let table = Table::new("The same model, fitted on parts of the training rows, measured on the same rows held out of all of them.")
        .number("Rows")
        .number("ROC AUC")
        .number("95% interval")
        .rows(points.iter().map(|point| {
            vec![
                count(point.rows).into(),
                fixed(point.roc_auc, 4).into(),
                between(point.interval, 4).into(),
            ]
        }));
    Ok(section
        .paragraph(
            "If the curve still rises at its right end, more rows would improve the model; if it \
             is flat, they would not.",
        )
        .figure(Figure::new(chart, "With 95% bootstrap intervals."))
        .table(table))
}
