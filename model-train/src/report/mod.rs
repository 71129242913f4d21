//! `reports/evaluation.html`: an [`Evaluation`] for people.

mod audit;
mod quality;
mod search;

use model_core::details::ThresholdRule;
use model_report::chart::ChartError;
use model_report::number::{count, fixed, percent, short};
use model_report::{Fact, Page, Section, Table, Tone};

use crate::evaluate::{Estimate, Evaluation, Interval};

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A chart.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// The page.
    #[error("the report could not be written: {0}")]
    Page(String),
}

/// The report as one self-contained HTML page.
///
/// # Errors
/// When the libraries that draw cannot draw; no data leads to that.
pub fn evaluation_html(evaluation: &Evaluation) -> Result<String, ReportError> {
    let model = &evaluation.model;
    let mut page =
        Page::new(format!("Evaluation of {}", model.title)).subtitle(subtitle(evaluation));
    for fact in facts(evaluation) {
        page = page.fact(fact);
    }
    for (tone, text) in notices(evaluation) {
        page = page.notice(tone, text);
    }
    page = page
        .section(figures(evaluation))
        .section(quality::discrimination(evaluation)?)
        .section(quality::probabilities(evaluation)?)
        .section(quality::decisions(evaluation)?)
        .section(quality::importance(evaluation)?)
        .section(audit::protected(evaluation)?)
        .section(audit::inputs(evaluation))
        .section(quality::learning(evaluation)?);
    if let Some(found) = &evaluation.search {
        page = page
            .section(search::frontier(found)?)
            .section(search::trials(found));
    }
    for (name, value) in provenance(evaluation) {
        page = page.provenance(name, value);
    }
    page.html()
        .map_err(|error| ReportError::Page(error.to_string()))
}

/// A kind of model as people write it.
pub(crate) fn kind_in_words(kind: &str) -> String {
    kind.replace('_', " ")
}

/// How a threshold was chosen, as people write it.
#[must_use]
pub fn threshold_in_words(rule: ThresholdRule) -> String {
    match rule {
        ThresholdRule::Half => "as likely as not".to_owned(),
        ThresholdRule::BestF1 => "for the best F1".to_owned(),
        ThresholdRule::Cost {
            false_positive,
            false_negative,
        } => format!(
            "for the least cost: {} a wrong yes, {} a wrong no",
            short(false_positive),
            short(false_negative)
        ),
        ThresholdRule::ApprovalRate(rate) => format!("to approve {}", percent(rate)),
    }
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

/// What a figure is called, and how to read it.
pub(crate) fn described(name: &str) -> (&'static str, &'static str) {
    match name {
        "roc_auc" => (
            "ROC AUC",
            "the chance that a yes gets a higher probability than a no; 0.5 is a coin",
        ),
        "average_precision" => (
            "Average precision",
            "the area under the precision-recall curve; a coin gets the share of yes",
        ),
        "log_loss" => (
            "Log loss",
            "how surprised the probabilities are by what happened; lower is better",
        ),
        "brier" => (
            "Brier score",
            "the mean squared error of the probabilities; lower is better",
        ),
        "accuracy" => ("Accuracy", "the share decided rightly"),
        "balanced_accuracy" => (
            "Balanced accuracy",
            "the mean of the shares decided rightly of yes and of no",
        ),
        "f1" => ("F1", "the harmonic mean of precision and recall"),
        "f1_weighted" => ("F1, weighted", "F1 of both classes, weighted by their rows"),
        "precision" => ("Precision", "the share of yes among those approved"),
        "recall" => ("Recall", "the share of yes that is approved"),
        "matthews_corrcoef" => (
            "Matthews correlation",
            "between decision and truth, from -1 to 1",
        ),
        "approval_rate" => ("Approval rate", "the share that is approved"),
        "expected_calibration_error" => (
            "Calibration error",
            "how far probabilities are from what comes true, on average; resampling adds to it",
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

/// Without folders: a report is shown to others.
pub(crate) fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

fn facts(evaluation: &Evaluation) -> Vec<Fact> {
    let mut facts: Vec<Fact> = [
        "roc_auc",
        "log_loss",
        "accuracy",
        "f1_weighted",
        "approval_rate",
    ]
    .iter()
    .filter_map(|name| evaluation.metric(name))
    .map(|metric| {
        let (label, _) = described(&metric.name);
        Fact::new(label, fixed(metric.value.unwrap_or(f64::NAN), 4))
            .remark(between(metric.interval, 4))
    })
    .collect();
    let threshold = &evaluation.model.threshold;
    facts.push(
        Fact::new("Threshold", fixed(*threshold, 4))
            .remark(format!("{} from here on", evaluation.model.positive_label)),
    );
    facts
}

fn notices(evaluation: &Evaluation) -> Vec<(Tone, String)> {
    let mut notices = Vec::new();
    if evaluation.data.seen_in_training {
        let text = "Some of these rows are of the file that the model was trained on: the figures \
                    are too good. Name the rows that it has not seen with --test-rows.";
        notices.push((Tone::Bad, text.to_owned()));
    }
    let protected = &evaluation.model.protected_inputs;
    if !protected.is_empty() {
        let text = format!(
            "The model uses protected columns to decide: {}.",
            protected.join(", ")
        );
        notices.push((Tone::Bad, text));
    }
    notices.extend(audit::warnings(evaluation).map(|text| (Tone::Warning, text)));
    notices
}

fn figures(evaluation: &Evaluation) -> Section {
    let table = Table::new(format!(
        "On {} rows, {} of them {}. Intervals hold 95% of {} bootstrap resamples.",
        count(evaluation.data.rows),
        percent(evaluation.data.positive as f64 / evaluation.data.rows as f64),
        evaluation.model.positive_label,
        count(evaluation.options.resamples)
    ))
    .text("Figure")
    .number("Value")
    .number("95% interval")
    .text("What it is")
    .rows(evaluation.metrics.iter().map(|metric| {
        let (label, explanation) = described(&metric.name);
        vec![
            label.into(),
            fixed(value(metric), 4).into(),
            between(metric.interval, 4).into(),
            explanation.into(),
        ]
    }));
    Section::new("figures", "Figures").table(table)
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
                "by underwrite {} on {} rows, seed {}",
                model.underwrite_version, model.rows_train, model.seed
            ),
        ),
        ("Calibration", model.calibration.clone()),
        ("Training data", format!("sha256:{}", model.data_sha256)),
        ("Measured on", format!("sha256:{}", data.sha256)),
        (
            "Method",
            format!(
                "{} bootstrap resamples, {} shuffles a feature, seed {}",
                evaluation.options.resamples, evaluation.options.repeats, evaluation.options.seed
            ),
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
