//! `underwrite inspect`: shows what is in a model file, as text or as JSON.

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::schema::{Feature, FeatureKind, Range, Role, SampleRole};
use model_drift::sketch::{Column, Sketch};
use model_files::sha256_hex;
use model_import::Record;
use model_train::report::threshold_in_words;
use serde_json::{Value, json};

use crate::{files, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite inspect model.wasm
  underwrite inspect model.wasm --json | jq .training.metrics
  underwrite inspect model.wasm --json | jq -r .details.config

The details describe how the model was trained: the threshold rule, proved monotonic
features, protected inputs that were allowed, the configuration as TOML, and a sketch of
the training rows to measure drift against. Of an imported model they say the library, its
version, the SHA-256 of its file, and on how many rows it was proved.";

/// Show what is in a model.wasm: the model, its schema, metrics, digests and training details.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to inspect.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Print JSON: the module's description of itself, and the file.
    #[arg(long)]
    json: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let wasm = files::read(&self.model)?;
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let decider = Decider::load(artifact).with_context(|| self.model.display().to_string())?;
        let file = File {
            path: self.model.display().to_string(),
            bytes: wasm.len(),
            sha256: sha256_hex(&wasm),
            artifact_bytes: artifact.len(),
        };
        let mut stdout = terminal::stdout();
        if self.json {
            serde_json::to_writer_pretty(&mut stdout, &json(&decider, &file)?)?;
            writeln!(stdout)?;
            return Ok(());
        }
        write_text(&mut stdout, &decider, &file)
    }
}

/// The file itself.
struct File {
    path: String,
    bytes: usize,
    sha256: String,
    artifact_bytes: usize,
}

fn json(decider: &Decider, file: &File) -> Result<Value> {
    let mut description = Vec::new();
    decider.describe(&mut description);
    let mut description: Value = serde_json::from_slice(&description)?;
    let artifact = decider.artifact();
    description["file"] = json!({
        "path": file.path,
        "bytes": file.bytes,
        "sha256": file.sha256,
        "artifact_bytes": file.artifact_bytes,
        "engine_sha256": artifact.engine_sha256,
        "golden_rows": artifact.golden_rows.len(),
    });
    description["details"] = details_json(&Details::from_artifact(artifact)?)?;
    let weight = artifact.schema.sample_column(SampleRole::Weight);
    description["details"]["weight"] = weight.map(|feature| feature.name.as_str()).into();
    Ok(description)
}

fn details_json(details: &Details) -> Result<Value> {
    let monotonic = details.monotonic.iter();
    let proved = monotonic.map(|(name, direction)| (name.clone(), direction.word().into()));
    let sketch = sketch(details)?;
    let columns = sketch.iter().flat_map(|sketch| &sketch.columns);
    let columns = columns.map(|column| {
        json!({
            "name": column.spec.name,
            "role": column.spec.role,
            "kind": column.spec.kind.word(),
            "rows": column.rows(),
            "valid": column.valid(),
            "missing": column.missing,
        })
    });
    Ok(json!({
        "threshold_rule": details.threshold_rule,
        "monotonic": proved.collect::<serde_json::Map<_, Value>>(),
        "protected_inputs": details.protected_inputs,
        "config": details.config,
        "import": Record::read(&details.config),
        "sketch": sketch.is_some().then(|| columns.collect::<Vec<_>>()),
    }))
}

/// The sketch of the training rows; older models have none.
fn sketch(details: &Details) -> Result<Option<Sketch>> {
    let bytes = &details.reference;
    let sketch = (!bytes.is_empty()).then(|| Sketch::decode(bytes));
    Ok(sketch.transpose()?)
}

fn write_text(out: &mut impl Write, decider: &Decider, file: &File) -> Result<()> {
    let artifact = decider.artifact();
    let (schema, training) = (&artifact.schema, &artifact.training);
    let title = schema.title.as_ref().map(|title| format!(" · {title}"));
    let mut line = |name: &str, text: String| writeln!(out, "{name:<11} {text}");
    line(
        "model",
        format!(
            "{} {}{}",
            schema.name,
            schema.version,
            title.unwrap_or_default()
        ),
    )?;
    line("kind", artifact.kind.word().to_owned())?;
    line("digest", decider.digest().to_owned())?;
    line("file", format!("{}, {} bytes", file.path, file.bytes))?;
    line("sha256", file.sha256.clone())?;
    line("engine", format!("sha256 {}", artifact.engine_sha256))?;
    let details = Details::from_artifact(artifact)?;
    let imported = Record::read(&details.config);
    match &imported {
        Some(record) => {
            let version = &training.underwrite_version;
            line("imported", record.import.in_words(version))?;
            line("source", format!("sha256 {}", record.import.file_sha256))?;
            line("proved", record.check.in_words())?;
        }
        None => line(
            "trained",
            format!(
                "by underwrite {} on {} rows, measured on {} others, random seed {}",
                training.underwrite_version, training.rows_train, training.rows_test, training.seed
            ),
        )?,
    }
    line("data", format!("sha256 {}", training.data_sha256))?;
    if let Some(feature) = schema.sample_column(SampleRole::Weight) {
        let text = "the model and its metrics are weighted by column";
        line("weights", format!("{text} '{}'", feature.name))?;
    }
    line("answer", answer(artifact))?;
    if imported.is_none() {
        line("threshold", threshold_in_words(details.threshold_rule))?;
    }
    line("calibration", artifact.calibration.word().to_owned())?;
    line("monotonic", monotonic(&details))?;
    if !details.protected_inputs.is_empty() {
        let names = details.protected_inputs.join(", ");
        line("protected", format!("{names} (allowed as inputs)"))?;
    }
    for (name, text) in policy(decider) {
        line(name, text)?;
    }
    let rows = match imported {
        Some(_) => "check",
        None => "training",
    };
    line("sketch", sketch_in_words(&details, rows)?)?;
    if imported.is_none() {
        let metrics = training.metrics.iter();
        let metrics = metrics.map(|(name, value)| format!("{name} {value:.4}"));
        line("metrics", metrics.collect::<Vec<_>>().join(", "))?;
    }
    if !details.config.is_empty() {
        writeln!(out)?;
        writeln!(out, "configuration")?;
        for text in details.config.lines().filter(|text| !text.is_empty()) {
            writeln!(out, "  {text}")?;
        }
    }
    writeln!(out)?;
    write_features(out, &schema.features)
}

/// The lines about the lending rules.
fn policy(decider: &Decider) -> Vec<(&'static str, String)> {
    let Some(policy) = &decider.artifact().policy else {
        return vec![("policy", "none: the threshold decides".to_owned())];
    };
    let digest = decider.digests().policy.as_deref().unwrap_or_default();
    let mut lines = vec![("policy", format!("{}, {digest}", policy.version))];
    lines.extend(policy.refer.map(|band| {
        let text = format!(
            "probabilities from {} to below {} refer",
            band.from, band.to
        );
        ("band", text)
    }));
    if policy.allow_protected {
        lines.push(("protected", "rules may name protected columns".to_owned()));
    }
    lines.extend(policy.rules.iter().map(|rule| {
        let (code, then, when) = (&rule.code, rule.then.word(), &rule.source);
        ("rule", format!("{code} {}: {then} if {when}", rule.id))
    }));
    lines
}

fn monotonic(details: &Details) -> String {
    let proved = details.monotonic.iter();
    let words: Vec<String> = proved
        .map(|(name, direction)| format!("{name} {}", direction.word()))
        .collect();
    if words.is_empty() {
        "not required".to_owned()
    } else {
        format!(
            "{} (proved for the finished model: within each range, derived fields held fixed)",
            words.join(", ")
        )
    }
}

fn sketch_in_words(details: &Details, of: &str) -> Result<String> {
    let Some(sketch) = sketch(details)? else {
        return Ok("none, so drift has nothing to compare with".to_owned());
    };
    let rows = sketch.columns.iter().map(Column::rows).max();
    Ok(format!(
        "{} columns of {} {of} rows, {} bytes, for drift",
        sketch.columns.len(),
        rows.unwrap_or(0),
        details.reference.len()
    ))
}

fn answer(artifact: &Artifact) -> String {
    let target = &artifact.schema.target;
    format!(
        "{}: {} when the probability of {} is at least {}, else {}",
        target.name,
        target.decision_label(true),
        target.outcome_label(true),
        artifact.threshold,
        target.decision_label(false)
    )
}

fn write_features(out: &mut impl Write, features: &[Feature]) -> Result<()> {
    let mut rows = vec![["feature", "type", "role", "values", "policies"].map(str::to_owned)];
    rows.extend(features.iter().map(|feature| {
        [
            feature.name.clone(),
            feature.kind.word().to_owned(),
            role(feature).to_owned(),
            values(feature),
            policies(feature),
        ]
    }));
    let widths: Vec<usize> = (0..5)
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in rows {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn role(feature: &Feature) -> &'static str {
    if let Some(sample) = feature.sample {
        return sample.word();
    }
    match feature.role {
        Role::Input => "input",
        Role::Protected => "protected",
        Role::Ignored => "ignored",
    }
}

fn values(feature: &Feature) -> String {
    let unit = feature
        .unit
        .as_ref()
        .map_or(String::new(), |unit| format!(" {unit}"));
    match &feature.kind {
        FeatureKind::Boolean => String::new(),
        FeatureKind::Number(range) | FeatureKind::Integer(range) => {
            format!("{}{unit}", interval(range))
        }
        FeatureKind::Category(categories) => {
            let list = categories.values.join(" | ");
            match list.char_indices().nth(60) {
                Some((end, _)) => format!("{}… ({})", &list[..end], categories.values.len()),
                None => list,
            }
        }
    }
}

/// `0 to 10`; `above 0`; `any`.
fn interval(range: &Range) -> String {
    match (range.lower, range.upper) {
        (None, None) => "any".to_owned(),
        (Some(lower), None) if lower.exclusive => format!("above {}", lower.value),
        (Some(lower), None) => format!("from {}", lower.value),
        (None, Some(upper)) if upper.exclusive => format!("below {}", upper.value),
        (None, Some(upper)) => format!("up to {}", upper.value),
        (Some(lower), Some(upper)) => {
            let lower = format!(
                "{}{}",
                if lower.exclusive { "above " } else { "" },
                lower.value
            );
            format!(
                "{lower} to {}{}",
                if upper.exclusive { "below " } else { "" },
                upper.value
            )
        }
    }
}

fn policies(feature: &Feature) -> String {
    let mut policies = vec![format!("missing: {}", feature.missing.word())];
    if let Some(derived) = &feature.derived {
        let rounded = derived
            .decimals
            .map(|decimals| format!(", round {decimals}"));
        let rounded = rounded.unwrap_or_default();
        policies.insert(0, format!("derived: {}{rounded}", derived.source));
        policies.push(format!("mismatch: {}", derived.mismatch.word()));
    }
    if let Some(categories) = feature.categories() {
        policies.push(format!("unknown: {}", categories.unknown.word()));
    }
    if let Some(range) = feature
        .range()
        .filter(|r| r.lower.is_some() || r.upper.is_some())
    {
        policies.push(format!("out of range: {}", range.policy.word()));
    }
    policies.join(", ")
}
