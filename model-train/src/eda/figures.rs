//! The charts of one column.

use model_report::chart::{Axis, Bar, Summary};
use model_report::number::{count, percent, short};
use model_report::{BarChart, BoxPlot, Chart, Figure, span};

use super::{Eda, Histogram, Numbers, Profile, Share};
use crate::report::ReportError;

/// Values of a category that a chart shows.
const MOST_VALUES: usize = 20;

pub(super) fn histogram_of(
    eda: &Eda,
    column: &Profile,
    histogram: &Histogram,
) -> Result<Figure, ReportError> {
    let (low, high) = histogram.range;
    let unit = span::unit([low, high]);
    let (low, high) = (low / unit, high / unit);
    let width = (high - low) / histogram.negative.len().max(1) as f64;
    let bars = |rows: &[usize], whole: f64| -> Vec<(f64, f64, f64)> {
        let bar = |(bin, rows): (usize, &usize)| {
            let from = low + bin as f64 * width;
            (
                from * unit,
                ((from + width) * unit).min(f64::MAX),
                *rows as f64 / whole,
            )
        };
        rows.iter().enumerate().map(bar).collect()
    };
    let sum = |rows: &[usize]| rows.iter().sum::<usize>().max(1) as f64;
    let x = Axis::new(&*column.label);
    let description = format!("The distribution of {}.", column.label);
    let title = format!("{}: distribution", column.label);
    let chart = match &eda.target {
        Some(target) => Chart::new(
            title,
            description,
            x,
            Axis::share("Share of its class").fitted().from_zero(),
        )
        .histogram(
            &target.positive_outcome,
            bars(&histogram.positive, sum(&histogram.positive)),
        )
        .histogram(
            &target.negative_outcome,
            bars(&histogram.negative, sum(&histogram.negative)),
        ),
        None => Chart::new(title, description, x, Axis::new("Rows"))
            .histogram("rows", bars(&histogram.negative, 1.0)),
    };
    let outside = match histogram.outside {
        0 => "Every value is shown.".to_owned(),
        1 => "1 distant value is not shown.".to_owned(),
        rows => format!("{} distant values are not shown.", count(rows)),
    };
    Ok(Figure::new(chart.svg()?, outside))
}

pub(super) fn with_boxes(
    eda: &Eda,
    column: &Profile,
    figure: Figure,
) -> Result<Figure, ReportError> {
    let (Some(target), Some((yes, no))) = (&eda.target, column.by_target) else {
        return Ok(figure);
    };
    let is_point = |n: Numbers| n.low_whisker == n.high_whisker;
    if is_point(yes) && is_point(no) {
        return Ok(figure);
    }
    let five = |n: Numbers| Summary {
        low: n.low_whisker,
        first_quartile: n.first_quartile,
        median: n.median,
        third_quartile: n.third_quartile,
        high: n.high_whisker,
    };
    let chart = BoxPlot::new(
        format!("{}: by target", column.label),
        format!(
            "Medians: {} for {}, {} for {}.",
            short(yes.median),
            target.positive_outcome,
            short(no.median),
            target.negative_outcome
        ),
        Axis::new(&*column.label),
        vec![
            (target.positive_outcome.clone(), five(yes)),
            (target.negative_outcome.clone(), five(no)),
        ],
    )
    .svg()?;
    let caption = format!(
        "Medians {} and {}. Boxes span the interquartile range; {} values outside the whiskers of their own outcome are not drawn.",
        short(yes.median),
        short(no.median),
        count(yes.outliers + no.outliers)
    );
    Ok(figure.below(chart, caption))
}

pub(super) fn category(
    eda: &Eda,
    column: &Profile,
    overall: Option<f64>,
) -> Result<Figure, ReportError> {
    let shown = column.shares.iter().take(MOST_VALUES);
    let name = |share: &Share| format!("{} ({})", share.name, count(share.rows));
    let left_out = column.shares.len().saturating_sub(MOST_VALUES);
    let mut caption = match eda.target {
        Some(_) => "With 95% intervals (Wilson) and row counts.".to_owned(),
        None => String::new(),
    };
    if left_out > 0 {
        caption.push_str(&format!(" {left_out} rarer values are not shown."));
    }
    let chart = if let (Some(target), Some(overall)) = (&eda.target, overall) {
        let bars = shown.filter_map(|share| {
            let interval = share.interval?;
            Some(Bar::within(
                name(share),
                share.approval_rate?,
                interval.low,
                interval.high,
            ))
        });
        BarChart::new(
            format!("{}: share of {}", column.label, target.positive_outcome),
            format!("The share of {} for each value.", target.positive_outcome),
            Axis::share(format!("Share of {}", target.positive_outcome)).fitted(),
            bars.collect(),
        )
        .reference(format!("all rows, {}", percent(overall)), overall)
    } else {
        BarChart::new(
            column.label.clone(),
            "Rows of each value.",
            Axis::new("Rows"),
            shown
                .map(|share| Bar::new(&*share.name, share.rows as f64))
                .collect(),
        )
    };
    Ok(Figure::new(chart.svg()?, caption))
}
