//! The cut-off: who is approved, how many of those turn bad, and what other cut-offs would do.

use model_report::chart::Axis;
use model_report::number::{count, fixed, percent};
use model_report::{Cell, Chart, Figure, Section, Table, Tone};

use super::ReportError;
use super::words::{Rates, amount, bad, good, score, which_is_bad};
use crate::evaluate::{Evaluation, StrategyPoint};

/// Approval rates of the table; the last approves everyone.
const RATES: [f64; 17] = [
    0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.99, 1.0,
];

pub(super) fn section(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let mut section = Section::new("decisions", "Cut-off").table(confusion(evaluation));
    if let Some(figure) = chart(evaluation)? {
        section = section.figure(figure).table(table(evaluation));
    }
    Ok(section.details(
        "Metrics at evenly spaced thresholds",
        Section::new("thresholds", "").table(thresholds(evaluation)),
    ))
}

fn chart(evaluation: &Evaluation) -> Result<Option<Figure>, ReportError> {
    let Some(cut_off) = evaluation.credit.cut_off else {
        return Ok(None);
    };
    let points = &evaluation.credit.strategy;
    let chart = Chart::new(
        "Bad rate by approval rate",
        "The bad rate of those approved at each approval rate.",
        Axis::share("Approval rate"),
        Axis::share("Bad rate of those approved")
            .fitted()
            .from_zero(),
    )
    .line_in_band(
        "model with 95% band",
        points
            .iter()
            .map(|p| (p.approval_rate, p.bad_rate))
            .collect(),
        points
            .iter()
            // A handful of approvals has an interval that would flatten the rest.
            .filter(|p| p.approval_rate >= 0.02)
            .map(|p| {
                let interval = p.bad_rate_interval;
                (p.approval_rate, interval.low, interval.high)
            })
            .collect(),
    )
    .reference(
        "approve at random",
        vec![(0.0, cut_off.bad_rate_all), (1.0, cut_off.bad_rate_all)],
    )
    .upright("the model's cut-off", cut_off.approval_rate)
    .wide()
    .svg()?;
    Ok(Some(
        Figure::new(
            chart,
            "Each point is a cut-off that could be chosen: the further right, the more are \
             approved.",
        )
        .wide(),
    ))
}

fn table(evaluation: &Evaluation) -> Table {
    let credit = &evaluation.credit;
    let rates = Rates::new(credit.cut_off.map_or(1.0, |cut_off| cut_off.bad_rate_all));
    let mut table = Table::new(format!(
        "Cut-offs by approval rate; the model's own is marked. A threshold is the lowest score \
         that is approved.{}",
        which_is_bad(&evaluation.model)
    ))
    .number("Approval rate")
    .number("Threshold")
    .number("Bad rate of approved")
    .number("95% interval")
    .number("Bads declined")
    .number("Goods declined");
    if credit.cost.is_some() {
        table = table.number("Cost");
    }
    table.rows(shown(&credit.strategy).into_iter().map(|point| {
        let mark = if point.chosen { "▸ " } else { "" };
        let rate = Cell::new(format!("{mark}{}", percent(point.approval_rate)));
        let mut cells = vec![
            if point.chosen {
                rate.tone(Tone::Good)
            } else {
                rate
            },
            score(point.threshold).into(),
            rates.text(point.bad_rate).into(),
            rates.between(Some(point.bad_rate_interval)).into(),
            Cell::new(percent(point.bads_declined)).share(point.bads_declined),
            Cell::new(percent(point.goods_declined)).share(point.goods_declined),
        ];
        cells.extend(point.cost.map(|cost| Cell::new(amount(cost))));
        cells
    }))
}

/// The points nearest to the table's rates, and the model's own.
fn shown(points: &[StrategyPoint]) -> Vec<&StrategyPoint> {
    let nearest = |rate: &f64| {
        let distance = |point: &StrategyPoint| (point.approval_rate - rate).abs();
        points
            .iter()
            .enumerate()
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))
            .map(|(index, _)| index)
    };
    let own = points.iter().position(|point| point.chosen);
    let mut indexes: Vec<usize> = RATES.iter().filter_map(nearest).chain(own).collect();
    indexes.sort_unstable();
    indexes.dedup();
    indexes.into_iter().map(|index| &points[index]).collect()
}

fn thresholds(evaluation: &Evaluation) -> Table {
    Table::new("Metrics by threshold; the model's own threshold is marked.")
        .number("Threshold")
        .number("Approval rate")
        .number("Precision")
        .number("Recall")
        .number("Specificity")
        .number("F1")
        .number("Accuracy")
        .rows(evaluation.thresholds.iter().map(|row| {
            let mark = if row.chosen { "▸ " } else { "" };
            let threshold = Cell::new(format!("{mark}{}", short_threshold(row.threshold)));
            let mut cells = vec![if row.chosen {
                threshold.tone(Tone::Good)
            } else {
                threshold
            }];
            cells.push(Cell::new(percent(row.approval_rate)).share(row.approval_rate));
            let others = [
                row.precision,
                row.recall,
                row.specificity,
                row.f1,
                row.accuracy,
            ];
            cells.extend(others.map(|share| Cell::new(fixed(share, 4))));
            cells
        }))
}

fn short_threshold(threshold: f64) -> String {
    let text = fixed(threshold, 4);
    text.strip_suffix("00").unwrap_or(&text).to_owned()
}

fn confusion(evaluation: &Evaluation) -> Table {
    let (model, counts) = (&evaluation.model, evaluation.confusion);
    let weighted = (evaluation.credit.cut_off).filter(|_| evaluation.data.weighted);
    let row = |name: &str, approved: usize, declined: usize, is_good: bool| {
        let all = approved + declined;
        let cell = |rows: usize, share: f64| {
            Cell::new(format!("{} ({})", count(rows), percent(share))).share(share)
        };
        let shares = match weighted {
            None => [approved, declined].map(|rows| rows as f64 / all.max(1) as f64),
            Some(cut_off) if is_good => [1.0 - cut_off.goods_declined, cut_off.goods_declined],
            Some(cut_off) => [1.0 - cut_off.bads_declined, cut_off.bads_declined],
        };
        let correct = if is_good { shares[0] } else { shares[1] };
        vec![
            name.into(),
            cell(approved, shares[0]),
            cell(declined, shares[1]),
            count(all).into(),
            percent(correct).into(),
        ]
    };
    Table::new(format!(
        "Confusion matrix at the threshold {}: outcome by row, decision by column.{}",
        short_threshold(model.threshold),
        if weighted.is_some() {
            " Numbers are of rows, shares are weighted."
        } else {
            ""
        }
    ))
    .text("Outcome")
    .number(format!("Decided {}", model.positive_label))
    .number(format!("Decided {}", model.negative_label))
    .number("Rows")
    .number("Recall of the outcome")
    .rows([
        row(
            good(model),
            counts.true_positive,
            counts.false_negative,
            true,
        ),
        row(
            bad(model),
            counts.false_positive,
            counts.true_negative,
            false,
        ),
    ])
}
