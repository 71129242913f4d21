//! The model card: the development document of a model, with the sections that a validator
//! looks for, in the form that the Hugging Face Hub reads (front matter with a
//! [model index](https://huggingface.co/docs/hub/model-cards)).

mod document;

pub use document::{Document, Known};

use std::fmt::Write;

use model_core::schema::{Feature, FeatureKind, Role, Schema};
use model_report::number::{count, fixed, percent};
use serde::Serialize;

use crate::evaluate::{Evaluation, Group, Interval};
use crate::report::{described, file_name, kind_in_words, threshold_in_words};
use document::{section, text};

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
    let license = about.license.as_ref().or(about.document.license.as_ref());
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
    data(card, evaluation, about)
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
    let (model, data) = (&evaluation.model, &evaluation.data);
    let [negative, positive] = schema.target.kind.texts();
    let known = format!(
        "Column `{name}`: {good} where it is `{positive}`, {bad} where it is `{negative}`. The bad \
         rate of the rows measured below is {rate}.",
        name = schema.target.name,
        good = plain(&model.positive_outcome),
        bad = plain(&model.negative_outcome),
        rate = percent(1.0 - data.positive as f64 / data.rows as f64)
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

fn features(card: &mut String, schema: &Schema, evaluation: &Evaluation) -> std::fmt::Result {
    writeln!(card, "## Inputs\n")?;
    writeln!(card, "| field | type | unit | meaning |\n|---|---|---|---|")?;
    for feature in schema.inputs() {
        writeln!(
            card,
            "| `{}` | {} | {} | {} |",
            feature.name,
            kind(feature),
            cell(feature.unit.as_deref().unwrap_or("")),
            cell(&derived_label(feature))
        )?;
    }
    let used = &evaluation.model.protected_inputs;
    let protected: Vec<String> = schema
        .features
        .iter()
        .filter(|feature| feature.role == Role::Protected)
        .map(|feature| format!("`{}`", feature.name))
        .collect();
    if !used.is_empty() {
        writeln!(
            card,
            "\n**Protected columns are inputs of this model**: {}. This was explicitly allowed in \
             training.",
            used.join(", ")
        )?;
    } else if protected.is_empty() {
        writeln!(card, "\nThe schema names no protected column.")?;
    } else {
        writeln!(
            card,
            "\nProtected columns, audited but never used to decide: {}.",
            protected.join(", ")
        )?;
    }
    writeln!(card)
}

/// The policy and what it does to the rows; nothing where there is none.
fn lending_rules(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let Some(policy) = &evaluation.model.policy else {
        return Ok(());
    };
    writeln!(card, "## Lending rules\n")?;
    writeln!(card, "Policy {}.", plain(&policy.version))?;
    if let Some([from, to]) = policy.refer {
        writeln!(
            card,
            "Probabilities from {from} to below {to} go to a person."
        )?;
    }
    if policy.allow_protected {
        writeln!(
            card,
            "**Its rules may name protected columns.** This was allowed explicitly in the policy."
        )?;
    }
    writeln!(card, "\n| code | then | if | what |\n|---|---|---|---|")?;
    for rule in &policy.rules {
        let (when, text) = (cell(&rule.when), cell(&rule.text));
        writeln!(
            card,
            "| {} | {} | `{when}` | {text} |",
            rule.code, rule.then
        )?;
    }
    let Some(outcomes) = &evaluation.outcomes else {
        return writeln!(card);
    };
    writeln!(
        card,
        "\n| outcomes | approve | refer | decline |\n|---|---:|---:|---:|"
    )?;
    for (name, counts) in [
        ("before the rules", &outcomes.before_rules),
        ("after the rules", &outcomes.after_rules),
    ] {
        let share = |part: usize| percent(part as f64 / counts.rows().max(1) as f64);
        let (approve, refer) = (share(counts.approve), share(counts.refer));
        writeln!(
            card,
            "| {name} | {approve} | {refer} | {} |",
            share(counts.decline)
        )?;
    }
    writeln!(card)
}

/// The reasons that applicants are given; nothing for a model without profiles.
fn reasons(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let Some(reasons) = &evaluation.reasons else {
        return Ok(());
    };
    writeln!(card, "## Reasons\n")?;
    writeln!(
        card,
        "An application that is not approved gets reasons: what counted most against it, compared with {} profiles ({}), each of 15 rows or more. They say what counted in this model, not what causes what.\n",
        reasons.profiles,
        reasons.compared_with.replace('_', " ")
    )?;
    writeln!(
        card,
        "| code | such as | first | named |\n|---|---|---:|---:|"
    )?;
    for one in &reasons.codes {
        let share = |part: usize| percent(part as f64 / reasons.rows.max(1) as f64);
        let (first, named) = (share(one.first), share(one.named));
        let (code, text) = (cell(&one.code), cell(&one.text));
        writeln!(card, "| {code} | {text} | {first} | {named} |")?;
    }
    writeln!(card)
}

/// What people call a feature, and how it is computed if it is.
fn derived_label(feature: &Feature) -> String {
    let label = feature.display_label();
    match &feature.derived {
        Some(derived) => format!("{label}: computed as {}", derived.source),
        None => label.to_owned(),
    }
}

fn kind(feature: &Feature) -> String {
    match &feature.kind {
        FeatureKind::Category(categories) => format!("one of {}", categories.values.len()),
        other => other.word().to_owned(),
    }
}

fn figures(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let data = &evaluation.data;
    writeln!(card, "### Metrics\n")?;
    if data.seen_in_training {
        writeln!(
            card,
            "**Some of these rows were used for training: the metrics are too optimistic.**\n"
        )?;
    }
    writeln!(
        card,
        "On {} rows; the outcome of {} of them is {}. Intervals contain 95% of {} bootstrap resamples.\n",
        count(data.rows),
        percent(data.positive as f64 / data.rows as f64),
        plain(&evaluation.model.positive_outcome),
        count(evaluation.options.resamples)
    )?;
    writeln!(card, "| metric | value | 95% interval |\n|---|---:|---:|")?;
    for metric in &evaluation.metrics {
        writeln!(
            card,
            "| {} | {} | {} |",
            described(&metric.name).0,
            fixed(metric.value.unwrap_or(f64::NAN), 4),
            between(metric.interval, 4)
        )?;
    }
    writeln!(card)?;
    writeln!(
        card,
        "Most important features (drop in ROC AUC when shuffled):\n"
    )?;
    writeln!(card, "| feature | drop |\n|---|---:|")?;
    for feature in evaluation.importance.iter().take(10) {
        let spread = fixed(feature.deviation, 4);
        writeln!(
            card,
            "| `{}` | {} ± {spread} |",
            feature.feature,
            fixed(feature.mean, 4)
        )?;
    }
    writeln!(card)
}

fn groups(card: &mut String, evaluation: &Evaluation) -> std::fmt::Result {
    let mut protected = evaluation
        .slices
        .iter()
        .filter(|slices| slices.role == "protected")
        .peekable();
    writeln!(card, "### Groups\n")?;
    if protected.peek().is_none() {
        return writeln!(
            card,
            "The evaluation data has no protected column, so groups of people could not be \
             audited.\n"
        );
    }
    writeln!(
        card,
        "The adverse-impact ratio is a group's approval rate over that of the most approved \
         group with at least 2% of the rows. It is a screening metric: below 0.80 the \
         four-fifths rule asks for a closer look, but no value proves or rules out \
         discrimination.\n"
    )?;
    for slices in protected {
        writeln!(card, "#### {}\n", plain(&slices.label))?;
        writeln!(
            card,
            "| group | rows | approval rate | impact ratio | 95% interval | ROC AUC | accuracy \
             |\n|---|---:|---:|---:|---:|---:|---:|"
        )?;
        for group in &slices.groups {
            group_row(card, group)?;
        }
        writeln!(card)?;
    }
    Ok(())
}

fn group_row(card: &mut String, group: &Group) -> std::fmt::Result {
    let ratio = match group.impact {
        Some(impact) => fixed(impact.ratio, 2),
        None if group.reference => "reference".to_owned(),
        None => "–".to_owned(),
    };
    writeln!(
        card,
        "| {} | {} | {} | {ratio} | {} | {} | {} |",
        cell(&group.name),
        count(group.rows),
        percent(group.approval_rate),
        between(group.impact.map(|impact| impact.interval), 2),
        fixed(group.roc_auc.unwrap_or(f64::NAN), 4),
        fixed(group.accuracy, 4)
    )
}

fn limits(card: &mut String, evaluation: &Evaluation, about: &About) -> std::fmt::Result {
    writeln!(card, "## Limits\n")?;
    let weakest = evaluation
        .slices
        .iter()
        .flat_map(|slices| slices.groups.iter().map(move |group| (slices, group)))
        .filter(|(_, group)| group.rows >= 100)
        .min_by(|a, b| a.1.accuracy.total_cmp(&b.1.accuracy));
    writeln!(
        card,
        "- The metrics come from one test set. They do not apply where or when applications \
         look different: monitor for drift.\n- A probability reflects what happened to similar \
         applications in the training data, including the judgement and the mistakes of those \
         who decided then.\n- Feature importance and differences between groups are not causes."
    )?;
    if let Some((slices, group)) = weakest {
        writeln!(
            card,
            "- Accuracy at the threshold of {} is lowest where {} is {}: {} of {} rows. Another \
             threshold may have its weakest group elsewhere.",
            fixed(evaluation.model.threshold, 4),
            plain(&slices.label),
            plain(&group.name),
            percent(group.accuracy),
            count(group.rows)
        )?;
    }
    writeln!(card)?;
    text(card, "limits", about.document.limits.as_ref())
}

fn data(card: &mut String, evaluation: &Evaluation, about: &About) -> std::fmt::Result {
    let model = &evaluation.model;
    writeln!(card, "## Provenance\n")?;
    text(card, "data", about.document.data.as_ref())?;
    writeln!(card, "| | |\n|---|---|")?;
    writeln!(card, "| artifact | `{}` |", model.digest)?;
    writeln!(card, "| training data | `sha256:{}` |", model.data_sha256)?;
    writeln!(card, "| training rows | {} |", model.rows_train)?;
    writeln!(card, "| test rows | {} |", evaluation.data.rows)?;
    writeln!(card, "| calibration | {} |", model.calibration)?;
    writeln!(card, "| random seed | {} |", model.seed)?;
    writeln!(
        card,
        "| made by | underwrite {} |",
        model.underwrite_version
    )
}

fn between(interval: Option<Interval>, digits: usize) -> String {
    interval.map_or_else(
        || "–".to_owned(),
        |interval| {
            let (low, high) = (fixed(interval.low, digits), fixed(interval.high, digits));
            format!("{low} to {high}")
        },
    )
}

/// Text from a schema, without what Markdown or HTML would act on.
fn plain(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '#' | '\\' => {
                safe.push('\\');
                safe.push(letter);
            }
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

fn cell(text: &str) -> String {
    plain(text).replace('|', "\\|")
}
