//! The figures period by period.

use model_report::chart::{Axis, Chart};
use model_report::number::{count, fixed, percent};
use model_report::{Figure, Section, Table};

use super::words::{self, Rates};
use super::{ReportError, between};
use crate::evaluate::{self, Evaluation, Interval, Period};

/// Nothing without a column of times.
pub(super) fn section(evaluation: &Evaluation) -> Result<Option<Section>, ReportError> {
    let periods = &evaluation.periods;
    if periods.is_empty() {
        return Ok(None);
    }
    let bad = words::bad(&evaluation.model);
    let text = format!(
        "Each row is counted in the period that the column with role = \"time\" puts it in. Where \
         a period's interval lies beyond that of all rows, the model separates {bad} better or \
         worse there than chance explains; where its expected rate lies outside the interval of \
         the rate, its probabilities no longer fit."
    );
    let mut section = Section::new("periods", "Periods").paragraph(text);
    if periods.len() > 1 {
        section = section.figure(figure(evaluation, periods, bad)?);
    }
    Ok(Some(section.table(table(evaluation, periods, bad))))
}

fn figure(evaluation: &Evaluation, periods: &[Period], bad: &str) -> Result<Figure, ReportError> {
    let x = || Axis::new("Period").range(0.5, periods.len() as f64 + 0.5);
    let numbered = || (1u32..).map(f64::from).zip(periods);
    let gini = |period: &Period| period.gini;
    let points = numbered().filter_map(|(x, period)| Some((x, gini(period)?.value)));
    let whiskers = numbered().filter_map(|(x, period)| {
        let interval = gini(period)?.interval?;
        Some((x, interval.low, interval.high))
    });
    let mut discrimination = Chart::new(
        "Gini by period",
        "The Gini coefficient of each period with its 95% interval, the earliest first.",
        x(),
        Axis::new("Gini"),
    )
    .estimates("Gini", points.collect(), whiskers.collect());
    if let Some(all) = evaluation.credit.gini {
        let ends = vec![(0.5, all.value), (periods.len() as f64 + 0.5, all.value)];
        discrimination = discrimination.reference("all rows", ends);
    }
    let rates = numbered().map(|(x, period)| (x, period.bad_rate));
    let intervals = numbered().map(|(x, period)| {
        let Interval { low, high } = period.bad_rate_interval;
        (x, low, high)
    });
    let expected = numbered().map(|(x, period)| (x, period.expected_bad_rate));
    let calibration = Chart::new(
        format!("Share of {bad} by period"),
        "The observed rate of each period with its 95% interval, and the rate that the model expects.",
        x(),
        Axis::share(format!("Share of {bad}")).fitted(),
    )
    .estimates("observed", rates.collect(), intervals.collect())
    .line("expected", expected.collect());
    let caption = format!(
        "Periods are numbered as in the table: 1 is {}, {} is {}.",
        periods[0].name,
        periods.len(),
        periods[periods.len() - 1].name
    );
    Ok(Figure::new(discrimination.svg()?, caption.clone()).below(calibration.svg()?, caption))
}

fn table(evaluation: &Evaluation, periods: &[Period], bad: &str) -> Table {
    let rates = Rates::new((evaluation.credit.cut_off).map_or(0.5, |cut_off| cut_off.bad_rate_all));
    let figure = |figure: Option<evaluate::Figure>, digits: usize| {
        figure.map_or_else(
            || "–".to_owned(),
            |figure| {
                let value = fixed(figure.value, digits);
                match figure.interval {
                    Some(interval) => format!("{value} ({})", between(Some(interval), digits)),
                    None => value,
                }
            },
        )
    };
    Table::new(format!(
        "The 95% intervals are Wilson's of rates and the bootstrap's of Gini, KS and log loss. \
         Expected is the mean probability of {bad}."
    ))
    .text("Period")
    .number("Rows")
    .number(format!("Share of {bad}"))
    .number("Expected")
    .number("Approval rate")
    .number(format!("{bad}, of the approved"))
    .number("Gini")
    .number("KS")
    .number("Log loss")
    .rows(periods.iter().enumerate().map(|(index, period)| {
        let approved = period.approved_bad_rate.map_or_else(
            || "–".to_owned(),
            |rate| {
                let interval = rates.between(period.approved_bad_rate_interval);
                format!("{} ({interval})", rates.text(rate))
            },
        );
        vec![
            format!("{}: {}", index + 1, period.name).into(),
            count(period.rows).into(),
            format!(
                "{} ({})",
                rates.text(period.bad_rate),
                rates.between(Some(period.bad_rate_interval))
            )
            .into(),
            rates.text(period.expected_bad_rate).into(),
            percent(period.approval_rate).into(),
            approved.into(),
            figure(period.gini, 3).into(),
            figure(period.ks, 3).into(),
            figure(period.log_loss, 4).into(),
        ]
    }))
}
