//! The model card: the development document of a model, with the sections that a validator
//! looks for, in the form that the Hugging Face Hub reads (front matter with a
//! [model index](https://huggingface.co/docs/hub/model-cards)).

mod committee;
mod document;
mod inputs;
mod markdown;
mod measured;

pub use document::{Document, Known};

use std::fmt::Write;

use model_core::schema::Schema;
use model_report::number::{fixed, percent};
use serde::Serialize;

use crate::evaluate::Evaluation;
use crate::report::{described, file_name, kind_in_words, threshold_in_words};
use document::section;
use inputs::{features, lending_rules, reasons};
use markdown::plain;
use measured::{data, figures, groups, limits};

/// What a card says beyond the schema and the metrics.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The license as an SPDX expression, such as `apache-2.0`; omitted where it is not known.
    pub license: Option<String>,
    /// What a person wrote.
    pub document: Document,
    /// What the training run knows.
    pub known: Known,
}

/// The Hub's word for what the model does.
const TASK: &str = "tabular-classification";

/// Metrics that the Hub shows.
const INDEXED: [&str; 6] = [
    "roc_auc",
    "accuracy",
    "f1_weighted",
    "average_precision",
    "log_loss",
    "brier",
];

/// The card in Markdown.
#[must_use]
pub fn model_card(schema: &Schema, evaluation: &Evaluation, about: &About) -> String {
    let mut card = front_matter(schema, evaluation, about);
    // Writing to a string cannot fail.
    let _ = body(&mut card, schema, evaluation, about);
    card
}

/// YAML; texts are quoted as JSON does, which YAML understands.
fn front_matter(schema: &Schema, evaluation: &Evaluation, about: &About) -> String {
    let written = about.document.license.as_ref();
    let license = about.license.as_ref().or(written);
    let license = license.filter(|license| !license.trim().is_empty());
    let license = license.map_or_else(String::new, |license| {
        format!("license: {}\n", json(&license.to_lowercase()))
    });
    let kind = evaluation.model.kind.replace('_', "-");
    let metrics = INDEXED
        .iter()
        .filter_map(|name| evaluation.metric(name))
        .filter_map(|metric| {
            let name = json(&described(&metric.name).0);
            let (kind, value) = (&metric.name, metric.value?);
            Some(format!(
                "    - type: {kind}\n      name: {name}\n      value: {value}\n"
            ))
        });
    format!(
        "---\n{license}library_name: underwrite\npipeline_tag: {TASK}\ntags:\n- {TASK}\n- \
         underwrite\n- webassembly\n- {kind}\nmodel-index:\n- name: {name}\n  results:\n  - \
         task:\n      type: {TASK}\n      name: Tabular classification\n    dataset:\n      \
         name: {data}\n      type: tabular\n      split: test\n    metrics:\n{metrics}---\n\n",
        name = json(&schema.name),
        data = json(&file_name(&evaluation.data.file)),
        metrics = metrics.collect::<String>()
    )
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn body(
    card: &mut String,
    schema: &Schema,
    evaluation: &Evaluation,
    about: &About,
) -> std::fmt::Result {
    let model = &evaluation.model;
    writeln!(card, "# {}\n", plain(&model.title))?;
    if let Some(description) = &schema.description {
        writeln!(card, "{}\n", plain(description))?;
    }
    writeln!(
        card,
        "Version {}, {}, in one file `model.wasm` that decides the same in a browser, at the \
         edge and in a server.\n",
        model.version,
        kind_in_words(&model.kind)
    )?;
    purpose(card, schema, evaluation, about)?;
    let (document, known) = (&about.document, &about.known);
    let written = document.population.as_ref();
    section(card, "Population", "population", None, written)?;
    let window = known.window.as_deref();
    section(
        card,
        "Development window",
        "window",
        window,
        document.window.as_ref(),
    )?;
    let exclusions = known.exclusions.as_deref();
    let written = document.exclusions.as_ref();
    section(card, "Exclusions", "exclusions", exclusions, written)?;
    target_definition(card, schema, evaluation, about)?;
    features(card, schema, evaluation)?;
    lending_rules(card, evaluation)?;
    reasons(card, evaluation)?;
    let benchmark = benchmark(evaluation);
    let written = document.benchmark.as_ref();
    section(
        card,
        "Benchmark",
        "benchmark",
        benchmark.as_deref(),
        written,
    )?;
    let choices = known.choices.as_deref();
    section(
        card,
        "Choices and why",
        "choices",
        choices,
        document.choices.as_ref(),
    )?;
    let validation = known.validation.as_deref();
    let written = document.validation.as_ref();
    section(card, "Validation", "validation", validation, written)?;
    figures(card, evaluation)?;
    groups(card, evaluation)?;
    limits(card, evaluation, about)?;
    let written = document.monitoring.as_ref();
    section(card, "Monitoring plan", "monitoring", None, written)?;
    section(card, "Owner", "owner", None, document.owner.as_ref())?;
    section(
        card,
        "Approver",
        "approver",
        None,
        document.approver.as_ref(),
    )?;
    data(card, schema, evaluation, about)
}

fn purpose(
    card: &mut String,
    schema: &Schema,
    evaluation: &Evaluation,
    about: &About,
) -> std::fmt::Result {
    let model = &evaluation.model;
    let known = format!(
        "Estimates the probability that the outcome (column `{}`) is {} rather than {}, for \
         applications like those it was trained on, to support a person who decides, or under \
         rules that let people object. It is not intended for other populations, products or \
         columns.",
        schema.target.name,
        plain(&model.positive_outcome),
        plain(&model.negative_outcome)
    );
    let written = about.document.purpose.as_ref();
    section(card, "Purpose", "purpose", Some(&known), written)?;
    writeln!(
        card,
        "{} where the probability of {} is {} or more (threshold: {}), else {}. To serve it:\n\n```sh\nunderwrite serve --model \
         model.wasm\n```\n",
        plain(&model.positive_label),
        plain(&model.positive_outcome),
        fixed(model.threshold, 4),
        threshold_in_words(model.threshold_rule),
        plain(&model.negative_label)
    )
}

fn target_definition(
    card: &mut String,
    schema: &Schema,
    evaluation: &Evaluation,
    about: &About,
) -> std::fmt::Result {
    let model = &evaluation.model;
    let [negative, positive] = schema.target.kind.texts();
    let known = format!(
        "Column `{name}`: {good} where it is `{positive}`, {bad} where it is `{negative}`. The bad \
         rate of the rows measured below{by_weight} is {rate}.",
        name = schema.target.name,
        good = plain(&model.positive_outcome),
        bad = plain(&model.negative_outcome),
        by_weight = evaluation.data.by_weight(),
        rate = percent(evaluation.bad_rate())
    );
    let written = about.document.target_definition.as_ref();
    section(
        card,
        "Target definition",
        "target_definition",
        Some(&known),
        written,
    )
}

/// The benchmark of the search, where there was one.
fn benchmark(evaluation: &Evaluation) -> Option<String> {
    let search = evaluation.search.as_ref()?;
    let benchmark = search.benchmark.as_ref()?;
    let metric = described(&search.metric).0;
    let (Some(score), Some(deviation)) = (benchmark.score, benchmark.deviation) else {
        let reason = benchmark.reason.as_deref().unwrap_or("it was not measured");
        return Some(format!("No logistic regression beside it: {reason}."));
    };
    let mut text = format!(
        "A logistic regression on the same {} folds: {metric} {} ± {} (standard deviation between \
         folds).",
        benchmark.folds,
        fixed(score, 4),
        fixed(deviation, 4)
    );
    for other in &benchmark.others {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            " The best {}: {}, by {} ± {}, better in {} folds.",
            kind_in_words(&other.model),
            fixed(other.score, 4),
            fixed(other.difference, 4),
            fixed(other.difference_deviation, 4),
            other.better_folds
        );
    }
    Some(text)
}
