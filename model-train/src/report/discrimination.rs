//! How well the scores separate the outcomes: ROC, KS and precision-recall curves.

use model_report::chart::Axis;
use model_report::number::{fixed, percent};
use model_report::{Chart, Figure, Section};

use super::words::{bad, good};
use super::{ReportError, between, value};
use crate::evaluate::Evaluation;

pub(super) fn section(evaluation: &Evaluation) -> Result<Section, ReportError> {
    let mut section = Section::new("discrimination", "Discrimination").figure(roc(evaluation)?);
    if let Some(figure) = ks(evaluation)? {
        section = section.figure(figure);
    }
    section = section
        .figure(precision_recall(evaluation)?)
        .figure(scores(evaluation)?);
    Ok(section)
}

fn roc(evaluation: &Evaluation) -> Result<Figure, ReportError> {
    let auc = evaluation.metric("roc_auc");
    let curve = Chart::new(
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
    .reference("random model", vec![(0.0, 0.0), (1.0, 1.0)])
    .svg()?;
    Ok(Figure::new(
        curve,
        format!(
            "ROC AUC {}, 95% interval {}.",
            fixed(auc.map_or(f64::NAN, value), 4),
            between(auc.and_then(|auc| auc.interval), 4)
        ),
    ))
}

fn ks(evaluation: &Evaluation) -> Result<Option<Figure>, ReportError> {
    let Some(ks) = evaluation.credit.ks else {
        return Ok(None);
    };
    let points = |of: fn(&crate::evaluate::GainsPoint) -> f64| {
        let points = evaluation.credit.gains.iter();
        points.map(|point| (point.rows, of(point))).collect()
    };
    let model = &evaluation.model;
    let chart = Chart::new(
        "KS curve",
        format!("The largest gap is {}.", fixed(ks.value, 4)),
        Axis::share("Share of rows, riskiest first"),
        Axis::share("Cumulative share of its outcome"),
    )
    .line(bad(model), points(|point| point.bads))
    .line(good(model), points(|point| point.goods))
    .upright("largest gap", ks.share_below)
    .svg()?;
    Ok(Some(Figure::new(
        chart,
        format!(
            "KS {}, 95% interval {}: at the probability {}, with {} of the rows below it.",
            fixed(ks.value, 4),
            between(ks.interval, 4),
            fixed(ks.probability, 4),
            percent(ks.share_below)
        ),
    )))
}

fn precision_recall(evaluation: &Evaluation) -> Result<Figure, ReportError> {
    let precision = evaluation
        .metric("average_precision")
        .map_or(f64::NAN, value);
    let base = 1.0 - evaluation.bad_rate();
    let outcome = good(&evaluation.model);
    let curve = Chart::new(
        "Precision-recall curve",
        format!("The average precision is {}.", fixed(precision, 4)),
        Axis::share("Recall"),
        Axis::share("Precision").fitted(),
    )
    .line(
        "model",
        evaluation
            .precision_recall
            .iter()
            .map(|point| (point.recall, point.precision))
            .collect(),
    )
    .reference("random model", vec![(0.0, base), (1.0, base)])
    .svg()?;
    let mut text = format!(
        "Average precision of {outcome} {}; a random model gets {}.",
        fixed(precision, 4),
        fixed(base, 4),
    );
    if let Some(rarer) = evaluation
        .credit
        .average_precision_rarer
        .as_ref()
        .filter(|rarer| !rarer.positive)
    {
        text.push_str(&format!(
            " The rarer outcome is {}: its average precision is {} ({}), that of a random model {}.",
            bad(&evaluation.model),
            fixed(rarer.value, 4),
            between(rarer.interval, 4),
            fixed(rarer.share, 4)
        ));
    }
    Ok(Figure::new(curve, text))
}

fn scores(evaluation: &Evaluation) -> Result<Figure, ReportError> {
    let model = &evaluation.model;
    let positive = evaluation.data.positive as f64;
    let negative = evaluation.data.rows as f64 - positive;
    // Evaluations of older versions have the whole range only.
    let bins = match evaluation.credit.score_histogram.as_slice() {
        [] => &evaluation.score_distribution,
        bins => bins,
    };
    let bars = |rows: &dyn Fn(&crate::evaluate::ScoreBin) -> f64| {
        let bars = bins.iter().map(|bin| (bin.low, bin.high, rows(bin)));
        bars.collect::<Vec<_>>()
    };
    let mut chart = Chart::new(
        "Score distribution",
        "The distribution of predicted probabilities by outcome.",
        Axis::share(format!("Predicted probability of {}", good(model))).fitted(),
        Axis::share("Share of its outcome").fitted().from_zero(),
    )
    .histogram(bad(model), bars(&|bin| bin.negative as f64 / negative))
    .histogram(good(model), bars(&|bin| bin.positive as f64 / positive));
    let mut ends = bins.first().zip(bins.last()).into_iter();
    if ends.any(|(first, last)| (first.low..=last.high).contains(&model.threshold)) {
        chart = chart.upright("threshold", model.threshold);
    }
    Ok(Figure::new(
        chart.svg()?,
        "Over the range that the scores fill; the outermost bars hold everything beyond. The less \
         the two overlap, the better the model separates the outcomes.",
    ))
}
