//! The evaluation report: an [`Evaluation`] as one HTML page.

mod audit;
mod calibration;
mod comparison;
mod cut_off;
mod discrimination;
mod effects;
mod gains;
mod outcomes;
mod periods;
mod population;
mod quality;
mod reasons;
mod tuning;
mod words;

pub use comparison::comparison_html;
pub(crate) use gains::{name as decile_name, verdict as cost_verdict};
use model_core::details::ThresholdRule;
use model_report::chart::ChartError;
use model_report::number::{count, fixed, percent, short};
use model_report::{Fact, Page, Section, Table, Tone};

use crate::evaluate::{Estimate, Evaluation, Interval};
use words::Rates;

/// What the reader of weighted figures has to know.
const WEIGHTED: &str = "Rows have weights (the column with role = \"weight\"): every metric, \
    rate, curve and cost of this page is weighted, and an interval takes as many rows as the \
    weights are worth. Numbers of rows are counts, and the histograms of scores, the population, \
    the outcomes of lending rules, reasons and recourse count every row once.";
/// Below this share an outcome is rare.
const RARE: f64 = 0.05;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The page could not be assembled.
    #[error("the report could not be written: {0}")]
    Page(String),
}

/// The report as one self-contained HTML page.
///
/// # Errors
/// When a chart or the page cannot be rendered, which no data should cause.
pub fn evaluation_html(evaluation: &Evaluation) -> Result<String, ReportError> {
    let model = &evaluation.model;
    let mut page =
        Page::new(format!("Evaluation of {}", model.title)).subtitle(subtitle(evaluation));
    for fact in facts(evaluation) {
        page = page.fact(fact);
    }
    for text in problems(evaluation) {
        page = page.notice(Tone::Bad, text);
    }
    if evaluation.data.weighted {
        page = page.notice(Tone::Plain, WEIGHTED);
    }
    page = page
        .section(gains::deciles(evaluation)?)
        .section(gains::cost(evaluation)?)
        .section(alerts(evaluation))
        .section(figures(evaluation))
        .section(discrimination::section(evaluation)?)
        .section(calibration::section(evaluation)?)
        .section(cut_off::section(evaluation)?);
    if let Some(section) = periods::section(evaluation)? {
        page = page.section(section);
    }
    page = page.section(quality::importance(evaluation)?);
    if let Some(section) = outcomes::section(evaluation) {
        page = page.section(section);
    }
    if let Some(section) = population::section(evaluation) {
        page = page.section(section);
    }
    if let Some(section) = reasons::section(evaluation) {
        page = page.section(section);
    }
    page = page
        .section(audit::protected(evaluation)?)
        .section(audit::inputs(evaluation))
        .section(quality::learning(evaluation)?);
    if let Some(found) = &evaluation.search {
        page = page
            .section(tuning::benchmark(found))
            .section(tuning::frontier(found)?)
            .section(tuning::trials(found));
    }
    for (name, value) in provenance(evaluation) {
        page = page.provenance(name, value);
    }
    page.html()
        .map_err(|error| ReportError::Page(error.to_string()))
}

/// A model's word as people write it: "gradient boosting".
pub(crate) fn kind_in_words(kind: &str) -> String {
    kind.replace('_', " ")
}

/// How a threshold was chosen, in words.
#[must_use]
pub fn threshold_in_words(rule: ThresholdRule) -> String {
    match rule {
        ThresholdRule::Half => "fixed at 0.5".to_owned(),
        ThresholdRule::BestF1 => "maximizes F1".to_owned(),
        ThresholdRule::Cost {
            false_positive,
            false_negative,
        } => format!(
            "minimizes cost: {} per approved bad (false positive), {} per declined good (false \
             negative)",
            short(false_positive),
            short(false_negative)
        ),
        ThresholdRule::ApprovalRate(rate) => format!("approves {}", percent(rate)),
    }
}

/// "0.877 to 0.915 (95%)" for a tile, which has no column that says so.
fn with_level(interval: Option<Interval>) -> String {
    format!("{} (95%)", between(interval, 3))
}

/// "0.9771 to 0.9834".
fn between(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |interval| {
            format!(
                "{} to {}",
                fixed(interval.low, digits),
                fixed(interval.high, digits)
            )
        },
    )
}

/// A metric's name and how to read it.
pub(crate) fn described(name: &str) -> (&'static str, &'static str) {
    match name {
        "roc_auc" => (
            "ROC AUC",
            "the probability that a random row of the positive outcome scores higher than one of the negative outcome; 0.5 is a random model",
        ),
        "average_precision" => (
            "Average precision",
            "the area under the precision-recall curve; a random model gets the share of the positive outcome",
        ),
        "log_loss" => (
            "Log loss",
            "the mean negative log-likelihood of the outcomes; lower is better",
        ),
        "brier" => (
            "Brier score",
            "the mean squared error of the probabilities; lower is better",
        ),
        "accuracy" => ("Accuracy", "the share of correct decisions"),
        "balanced_accuracy" => ("Balanced accuracy", "the mean of recall and specificity"),
        "f1" => ("F1", "the harmonic mean of precision and recall"),
        "f1_weighted" => (
            "F1, weighted",
            "the mean F1 of both outcomes, weighted by their rows",
        ),
        "precision" => (
            "Precision",
            "the share of the positive outcome among those approved",
        ),
        "recall" => (
            "Recall",
            "the share of the positive outcome that is approved",
        ),
        "matthews_corrcoef" => (
            "Matthews correlation",
            "the correlation of decision and outcome, from -1 to 1",
        ),
        "approval_rate" => ("Approval rate", "the share of applications approved"),
        "expected_calibration_error" => (
            "Expected calibration error",
            "the mean gap between predicted and observed rates; its interval is without the bias that resampling adds",
        ),
        _ => ("", ""),
    }
}

fn subtitle(evaluation: &Evaluation) -> String {
    let (model, data) = (&evaluation.model, &evaluation.data);
    format!(
        "Version {}, {}, measured on {} rows of {}.",
        model.version,
        kind_in_words(&model.kind),
        count(data.rows),
        file_name(&data.file)
    )
}

/// The name without its folders, which a report that is shared should not reveal.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn facts(evaluation: &Evaluation) -> Vec<Fact> {
    let credit = &evaluation.credit;
    let mut facts = Vec::new();
    if let Some(gini) = credit.gini {
        facts.push(Fact::new("Gini", fixed(gini.value, 3)).remark(with_level(gini.interval)));
    }
    if let Some(ks) = credit.ks {
        facts.push(Fact::new("KS", fixed(ks.value, 3)).remark(with_level(ks.interval)));
    }
    if let Some(auc) = evaluation.metric("roc_auc") {
        facts.push(Fact::new("ROC AUC", fixed(value(auc), 3)).remark(with_level(auc.interval)));
    }
    if let Some(cut_off) = credit.cut_off {
        let rates = Rates::new(cut_off.bad_rate_all);
        facts.push(
            Fact::new(
                "Bad rate at the cut-off",
                rates.text(cut_off.bad_rate.unwrap_or(f64::NAN)),
            )
            .remark(format!(
                "of those approved; {}; all rows {}",
                rates.between(cut_off.bad_rate_interval),
                rates.text(cut_off.bad_rate_all)
            )),
        );
        facts.push(
            Fact::new("Approval rate", percent(cut_off.approval_rate)).remark(format!(
                "{} at or above {}",
                evaluation.model.positive_label,
                fixed(cut_off.threshold, 4)
            )),
        );
    }
    if let Some(rarer) = &credit.average_precision_rarer {
        let outcome = if rarer.positive {
            words::good(&evaluation.model)
        } else {
            words::bad(&evaluation.model)
        };
        facts.push(
            Fact::new(
                format!("Average precision of {outcome}"),
                fixed(rarer.value, 3),
            )
            .remark(format!(
                "{}; random model {}",
                between(rarer.interval, 3),
                fixed(rarer.share, 3)
            )),
        );
    }
    if let Some(cost) = &credit.cost {
        let tone = if cost.saved.value < 0.0 || cost.exceeds_declining() {
            Tone::Bad
        } else {
            Tone::Plain
        };
        facts.push(
            Fact::new("Cost at the cut-off", words::amount(cost.at_threshold))
                .remark(format!(
                    "approving everyone {}",
                    words::amount(cost.approve_everyone)
                ))
                .tone(tone),
        );
    }
    facts
}

/// What makes every figure of the page doubtful; it stands above them.
fn problems(evaluation: &Evaluation) -> Vec<String> {
    let mut problems = Vec::new();
    if evaluation.data.seen_in_training {
        let text = "Some of these rows were used to train the model, so the metrics are too \
                    optimistic. Name rows that the model has not seen with --test-rows.";
        problems.push(text.to_owned());
    }
    let protected = &evaluation.model.protected_inputs;
    if !protected.is_empty() {
        let text = format!(
            "The model uses protected columns as inputs: {}.",
            protected.join(", ")
        );
        problems.push(text);
    }
    problems
}

/// What should be looked at; empty where there is nothing.
fn alerts(evaluation: &Evaluation) -> Section {
    let mut section = Section::new("alerts", "Alerts");
    if let Some(cost) = &evaluation.credit.cost
        && (cost.saved.value < 0.0 || cost.exceeds_declining())
    {
        section = section.notice(Tone::Warning, gains::verdict(cost));
    }
    if let Some((cut_off, rate)) = (evaluation.credit.cut_off.as_ref())
        .and_then(|cut_off| Some((cut_off, cut_off.bad_rate?)))
        .filter(|(cut_off, rate)| *rate > cut_off.bad_rate_all)
    {
        let text = format!(
            "{} of the approved rows are {}, but {} of all rows: at its threshold the model \
             picks the worse ones.",
            percent(rate),
            words::bad(&evaluation.model),
            percent(cut_off.bad_rate_all)
        );
        section = section.notice(Tone::Warning, text);
    }
    for text in audit::warnings(evaluation) {
        section = section.notice(Tone::Warning, text);
    }
    if let Some(text) = rare(evaluation) {
        section = section.notice(Tone::Plain, text);
    }
    section
}

/// Where one outcome is rare, some metrics say little.
fn rare(evaluation: &Evaluation) -> Option<String> {
    let rarer = evaluation.credit.average_precision_rarer.as_ref()?;
    (rarer.share < RARE).then(|| {
        format!(
            "Only {} of the rows are {}: accuracy and F1 mostly count the other outcome. Look at \
             Gini, KS, the deciles and the average precision of the rarer outcome.",
            Rates::new(rarer.share).text(rarer.share),
            if rarer.positive {
                words::good(&evaluation.model)
            } else {
                words::bad(&evaluation.model)
            }
        )
    })
}

fn figures(evaluation: &Evaluation) -> Section {
    let table = Table::new(format!(
        "On {} rows; the outcome of {} of them{} is {}, the positive one. Intervals contain 95% of {} bootstrap resamples.",
        count(evaluation.data.rows),
        percent(1.0 - evaluation.bad_rate()),
        evaluation.data.by_weight(),
        words::good(&evaluation.model),
        count(evaluation.options.resamples)
    ))
    .text("Metric")
    .number("Value")
    .number("95% interval")
    .text("Meaning")
    .rows(evaluation.metrics.iter().map(|metric| {
        let (label, explanation) = described(&metric.name);
        vec![
            label.into(),
            fixed(value(metric), 4).into(),
            between(metric.interval, 4).into(),
            explanation.into(),
        ]
    }));
    Section::new("figures", "Metrics").table(table)
}

fn value(metric: &Estimate) -> f64 {
    metric.value.unwrap_or(f64::NAN)
}

fn provenance(evaluation: &Evaluation) -> Vec<(String, String)> {
    let (model, data) = (&evaluation.model, &evaluation.data);
    [
        ("Model", format!("{} {}", model.name, model.version)),
        ("Artifact", model.digest.clone()),
        (
            "Trained",
            format!(
                "by underwrite {} on {} rows, random seed {}",
                model.underwrite_version, model.rows_train, model.seed
            ),
        ),
        ("Calibration", model.calibration.clone()),
        ("Training data", format!("sha256:{}", model.data_sha256)),
        ("Measured on", format!("sha256:{}", data.sha256)),
        (
            "Method",
            format!(
                "{} bootstrap resamples, {} shuffles per feature, random seed {}",
                evaluation.options.resamples, evaluation.options.repeats, evaluation.options.seed
            ),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
