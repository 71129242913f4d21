//! The sections on quality: discrimination, calibration, decisions, importance, learning
//! curve.

use model_report::chart::{Axis, Bar};
use model_report::number::{count, fixed, percent};
use model_report::{BarChart, Cell, Chart, Figure, Section, Table, Tone};

use super::{ReportError, between, value};
use crate::evaluate::Evaluation;

/// Features in the importance chart; the table has all of them.
const MOST_BARS: usize = 20;

pub(super) fn discrimination(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let auc = evaluation.metric("roc_auc");
    let roc = Chart::new(
        "ROC curve",
        format!(
            "The area under the curve is {}.",
            fixed(auc.map_or(f64::NAN, value), 4)
        ),
        Axis::share("False positive rate"),
        Axis::share("True positive rate"),
    )
    .line_in_band(
        "model with 95% band",
        evaluation
            .roc
            .iter()
            .map(|point| (point.false_positive_rate, point.true_positive_rate))
            .collect(),
        evaluation
            .roc_band
            .iter()
            .map(|band| {
                let rate = band.true_positive_rate;
                (band.false_positive_rate, rate.low, rate.high)
            })
            .collect(),
    )
    .reference("random classifier", vec![(0.0, 0.0), (1.0, 1.0)])
    .svg()?;
    let precision = evaluation
        .metric("average_precision")
        .map_or(f64::NAN, value);
    let base = evaluation.data.positive as f64 / evaluation.data.rows as f64;
    let curve = Chart::new(
        "Precision-recall curve",
        format!("The average precision is {}.", fixed(precision, 4)),
        Axis::share("Recall"),
        Axis::share("Precision"),
    )
    .line(
        "model",
        evaluation
            .precision_recall
            .iter()
            .map(|point| (point.recall, point.precision))
            .collect(),
    )
    .reference("random classifier", vec![(0.0, base), (1.0, base)])
    .svg()?;
    let roc_text = format!(
        "ROC AUC {}, 95% interval {}.",
        fixed(auc.map_or(f64::NAN, value), 4),
        between(auc.and_then(|auc| auc.interval), 4)
    );
    let precision_text = format!(
        "Average precision {}; a random classifier gets {}, the share of {}.",
        fixed(precision, 4),
        fixed(base, 4),
        evaluation.model.positive_label
    );
    Ok(Section::new("discrimination", "Discrimination")
        .paragraph(
            "Each threshold gives one point on each curve. The closer a curve comes to the upper \
             corner, the better the model separates the two classes.",
        )
        .figure(Figure::new(roc, roc_text))
        .figure(Figure::new(curve, precision_text)))
}

pub(super) fn probabilities(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let model = &evaluation.model;
    let points: Vec<_> = evaluation
        .calibration
        .iter()
        .map(|bin| (bin.mean_probability, bin.positive_share))
        .collect();
    let intervals = evaluation
        .calibration
        .iter()
        .map(|bin| (bin.mean_probability, bin.interval.low, bin.interval.high))
        .collect();
    let error = evaluation
        .metric("expected_calibration_error")
        .map_or(f64::NAN, value);
    let calibration = Chart::new(
        "Reliability diagram",
        format!("The expected calibration error is {}.", fixed(error, 4)),
        Axis::share("Mean predicted probability"),
        Axis::share(format!("Share of {}", model.positive_label)),
    )
    .estimates("model", points, intervals)
    .reference("perfect calibration", vec![(0.0, 0.0), (1.0, 1.0)])
    .svg()?;
    let positive = evaluation.data.positive as f64;
    let negative = evaluation.data.rows as f64 - positive;
    let bars = |rows: &dyn Fn(&crate::evaluate::ScoreBin) -> f64| {
        evaluation
            .score_distribution
            .iter()
            .map(|bin| (bin.low, bin.high, rows(bin)))
            .collect::<Vec<_>>()
    };
    let distribution = Chart::new(
        "Score distribution",
        "The distribution of predicted probabilities in each class.",
        Axis::share("Predicted probability"),
        Axis::share("Share of its class").fitted().from_zero(),
    )
    .histogram(
        &model.positive_label,
        bars(&|bin| bin.positive as f64 / positive),
    )
    .histogram(
        &model.negative_label,
        bars(&|bin| bin.negative as f64 / negative),
    )
    .upright("threshold", model.threshold)
    .svg()?;
    Ok(Section::new("probabilities", "Calibration")
        .figure(Figure::new(
            calibration,
            format!(
                "Expected calibration error {} over ten bins. Vertical lines are 95% intervals \
                 (Wilson). On the diagonal, a predicted 80% comes true in eight cases of ten.",
                fixed(error, 4)
            ),
        ))
        .figure(Figure::new(
            distribution,
            "Predicted probabilities by actual class. The less the two distributions overlap, the \
             better the model separates the classes.",
        )))
}

pub(super) fn decisions(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let model = &evaluation.model;
    let rates = |rate: fn(&crate::evaluate::ThresholdRow) -> f64| {
        evaluation
            .thresholds
            .iter()
            .map(|row| (row.threshold, rate(row)))
            .collect::<Vec<_>>()
    };
    let chart = Chart::new(
        "Decisions by threshold",
        "Approval rate, precision and recall at each threshold.",
        Axis::share("Threshold"),
        Axis::share("Share"),
    )
    .line("approval rate", rates(|row| row.approval_rate))
    .line("precision", rates(|row| row.precision))
    .line("recall", rates(|row| row.recall))
    .upright("the model's threshold", model.threshold)
    .svg()?;
    let table = Table::new("Metrics by threshold; the model's own threshold is marked.")
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
        }));
    Ok(Section::new("decisions", "Decisions")
        .table(confusion(evaluation))
        .figure(Figure::new(
            chart,
            "A higher threshold approves fewer applications, and a larger share of those approvals is correct.",
        ))
        .table(table))
}

fn short_threshold(threshold: f64) -> String {
    let text = fixed(threshold, 4);
    text.strip_suffix("00").unwrap_or(&text).to_owned()
}

fn confusion(evaluation: &Evaluation) -> Table {
    let (model, counts) = (&evaluation.model, evaluation.confusion);
    let row = |name: &str, approved: usize, rejected: usize, correct: usize| {
        let all = approved + rejected;
        let cell = |rows: usize| {
            let share = rows as f64 / all.max(1) as f64;
            Cell::new(format!("{} ({})", count(rows), percent(share))).share(share)
        };
        let correct = correct as f64 / all.max(1) as f64;
        vec![
            name.into(),
            cell(approved),
            cell(rejected),
            count(all).into(),
            percent(correct).into(),
        ]
    };
    Table::new(format!(
        "Confusion matrix at the threshold {}: actual class by row, decision by column.",
        short_threshold(model.threshold)
    ))
    .text("Actual")
    .number(format!("Decided {}", model.positive_label))
    .number(format!("Decided {}", model.negative_label))
    .number("Rows")
    .number("Correct")
    .rows([
        row(
            &model.positive_label,
            counts.true_positive,
            counts.false_negative,
            counts.true_positive,
        ),
        row(
            &model.negative_label,
            counts.false_positive,
            counts.true_negative,
            counts.true_negative,
        ),
    ])
}

pub(super) fn importance(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let section = Section::new("importance", "Feature importance");
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
    Ok(section
        .paragraph(
            "Permutation importance: one feature at a time is shuffled among the rows, which \
             removes its information. Correlated features look less important than they are, \
             because one can stand in for the other.",
        )
        .figure(Figure::new(
            chart,
            format!("Mean of {repeats} shuffles; lines show one standard deviation to each side."),
        ))
        .details(
            "As a table",
            Section::new("importance-table", "").table(table),
        ))
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
    let proof = " This is proved for the finished model.";
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
    let table = Table::new("The same model, fitted on parts of the training rows.")
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
