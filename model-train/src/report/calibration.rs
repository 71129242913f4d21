//! Whether probabilities come true: by equal-frequency bins, slope and intercept.

use model_report::chart::Axis;
use model_report::number::fixed;
use model_report::{Cell, Chart, Figure, Section, Table};

use super::words::{Rates, good};
use super::{ReportError, between, value};
use crate::evaluate::{CalibrationBin, CalibrationFit, CalibrationState, Coefficient, Evaluation};

pub(super) fn section(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("probabilities", "Calibration");
    let Some(fit) = &evaluation.credit.calibration_fit else {
        return Ok(section);
    };
    Ok(section
        .figure(reliability(evaluation, fit)?)
        .table(table(evaluation, fit))
        .paragraph(
            "Slope and intercept are those of a logistic regression of the outcome on the \
             predicted log odds (Cox 1958). A slope of 1 and an intercept of 0 are ideal; a slope \
             below 1 says that the probabilities are too extreme. Calibration in the large is the \
             intercept with the slope held at 1.",
        ))
}

fn reliability(evaluation: &Evaluation, fit: &CalibrationFit) -> Result<Figure, ReportError> {
    let error = evaluation
        .metric("expected_calibration_error")
        .map_or(f64::NAN, value);
    let points = |bins: &[CalibrationBin]| -> Vec<(f64, f64)> {
        let bins = bins.iter().rev();
        bins.map(|bin| (1.0 - bin.mean_probability, 1.0 - bin.positive_share))
            .collect()
    };
    let intervals = fit.after.bins.iter().rev().map(|bin| {
        let (low, high) = (1.0 - bin.interval.high, 1.0 - bin.interval.low);
        (1.0 - bin.mean_probability, low, high)
    });
    let own = points(&fit.after.bins);
    let (low, high) = own
        .first()
        .zip(own.last())
        .map_or((0.0, 1.0), |(first, last)| (first.0, last.0));
    let name = if fit.before.is_some() {
        "after calibration"
    } else {
        "model"
    };
    let mut chart = Chart::new(
        "Reliability diagram",
        format!("The expected calibration error is {}.", fixed(error, 4)),
        Axis::share("Mean predicted bad rate").fitted(),
        Axis::share("Observed bad rate").fitted().from_zero(),
    )
    .estimates(name, own, intervals.collect());
    if let Some(before) = &fit.before {
        chart = chart.line("before calibration", points(&before.bins));
    }
    let chart = chart
        .reference("perfect calibration", vec![(low, low), (high, high)])
        .wide()
        .svg()?;
    Ok(Figure::new(
        chart,
        format!(
            "Ten bins of about equally many rows; vertical lines are 95% intervals (Wilson). On \
             the diagonal, the predicted rate comes true. Expected calibration error {} over ten \
             bins of equal width.",
            fixed(error, 4)
        ),
    )
    .wide())
}

fn table(evaluation: &Evaluation, fit: &CalibrationFit) -> Table {
    let after = match fit.before {
        Some(_) => format!(
            "After calibration ({})",
            match fit.method.as_str() {
                "platt" => "Platt",
                other => other,
            }
        ),
        None => "Model (not calibrated)".to_owned(),
    };
    let before = fit.before.as_ref();
    let observed = evaluation.bad_rate();
    let caption = format!(
        "Calibration of the probabilities of {}; the observed bad rate is {}.",
        good(&evaluation.model),
        Rates::new(observed).text(observed)
    );
    let before = before.map(|before| ("Before calibration", before));
    let rows = [(after.as_str(), &fit.after)].into_iter().chain(before);
    states(&caption, observed, rows)
}

/// A row for each named calibration; `observed` is the bad rate of the rows.
pub(super) fn states<'a>(
    caption: &str,
    observed: f64,
    states: impl Iterator<Item = (&'a str, &'a CalibrationState)>,
) -> Table {
    let rates = Rates::new(observed);
    Table::new(caption)
        .text("Probabilities")
        .number("Slope")
        .number("95% interval")
        .number("Intercept")
        .number("95% interval")
        .number("In the large")
        .number("95% interval")
        .number("Mean predicted bad rate")
        .number("Log loss")
        .number("Brier score")
        .rows(states.map(|(name, state)| row(name, state, rates)))
}

fn row(name: &str, state: &CalibrationState, rates: Rates) -> Vec<Cell> {
    let mut cells = vec![Cell::new(name)];
    for coefficient in [&state.slope, &state.intercept, &state.in_the_large] {
        let value = |c: &Coefficient| fixed(c.value, 3);
        cells.push(coefficient.as_ref().map_or("–".to_owned(), value).into());
        cells.push(between(coefficient.map(|c| c.interval), 3).into());
    }
    cells.push(rates.text(1.0 - state.mean_probability).into());
    cells.push(fixed(state.log_loss, 4).into());
    cells.push(fixed(state.brier, 4).into());
    cells
}
