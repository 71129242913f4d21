//! `underwrite evaluate`: reads arguments, measures by one call of
//! [`model_train::pipeline::evaluate_and_predict`], writes the reports.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, bail};
use model_core::artifact::Artifact;
use model_core::policy::Policy;
use model_core::schema::Schema;
use model_train::card::{About, Document};
use model_train::evaluate::{
    EvaluateError, Evaluation, Figure, Moved, Options, OutcomeCounts, Outcomes, Rows, RuleEffect,
};
use model_train::pipeline::{
    EvaluationError, EvaluationJob, Reports, Source, evaluate_and_predict,
};
use model_train::predictions;

use crate::counted::counted;
use crate::{files, progress, terminal};

mod compare;
mod cost;

const EXAMPLES: &str = "\
Examples:
  underwrite evaluate --model model.wasm --data new.csv
  underwrite evaluate --model model.wasm --data loans.csv --test-rows rows.csv \\
      --report reports/evaluation.html --json evaluation.json --card README.md
  underwrite evaluate --model model.wasm --data loans.csv --policy policy.toml
  underwrite evaluate --model champion.wasm --model challenger.wasm --data new.csv \\
      --report reports/comparison.html --json comparison.json
  underwrite evaluate --model model.wasm --data new.csv --cost 1:0.05 \\
      --exposure loan_amount --loss-given-default 0.45

The figures are those of the model. Beside them: what is decided before and after the rules
of the policy, and for each rule the bad loans it catches and the good loans it loses,
declined and referred counted separately.
Without --test-rows, every row is measured: use rows that the model was not trained on.";

/// Evaluate a model.wasm on labeled rows and write reports.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to evaluate; given twice, both are compared on the same rows.
    #[arg(long = "model", value_name = "FILE", required = true)]
    models: Vec<PathBuf>,
    /// CSV or Parquet file; it needs a column for the target and every input of the schema that
    /// is not derived.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Schema in TOML with the same inputs and target, to audit other protected columns
    /// [default: the model's own].
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Policy in TOML to decide by [default: the model's own, if it has one].
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// CSV with one column, `row`: the rows to measure on, counted from 0 [default: all].
    #[arg(long, value_name = "FILE")]
    test_rows: Option<PathBuf>,
    /// Write the report to this file, as one HTML page.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write the evaluation to this file, as JSON.
    #[arg(long, value_name = "FILE.json")]
    json: Option<PathBuf>,
    /// Write a model card to this file, as Markdown with front matter for the Hub.
    #[arg(long, value_name = "FILE.md")]
    card: Option<PathBuf>,
    /// Texts for the model card that a person writes, in TOML; `underwrite card init` drafts them.
    #[arg(long, value_name = "FILE.toml", requires = "card")]
    card_texts: Option<PathBuf>,
    /// Write the prediction for each measured row to this CSV file: row, part, outcome,
    /// probability and decision.
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,
    /// License for the model card, as an SPDX expression.
    #[arg(long, value_name = "LICENSE", requires = "card")]
    license: Option<String>,
    #[command(flatten)]
    cost: cost::CostArgs,
    /// Number of bootstrap resamples.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    resamples: u32,
    /// Random seed.
    #[arg(long, default_value_t = 42)]
    seed: u64,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        match self.models.as_slice() {
            [model] => self.evaluate(model),
            [first, second] => self.compare([first, second]),
            models => bail!(
                "--model was given {} times, expected once, or twice to compare two models",
                models.len()
            ),
        }
    }

    fn evaluate(&self, model: &Path) -> Result<()> {
        files::keep_apart(
            &[
                ("--model", Some(model)),
                ("--data", Some(&self.data)),
                ("--schema", self.schema.as_deref()),
                ("--policy", self.policy.as_deref()),
                ("--test-rows", self.test_rows.as_deref()),
                ("--card-texts", self.card_texts.as_deref()),
            ],
            &[
                ("--report", self.report.as_deref()),
                ("--json", self.json.as_deref()),
                ("--card", self.card.as_deref()),
                ("--predictions", self.predictions.as_deref()),
            ],
        )?;
        let outputs = [&self.report, &self.json, &self.card, &self.predictions];
        for path in outputs.into_iter().flatten() {
            files::check_writable(path)?;
        }
        let wasm = files::read(model)?;
        let artifact = files::open_model(model, &wasm)?.artifact();
        let schema = self.schema.as_deref().map(files::read_schema).transpose()?;
        let policy = self.policy(model, artifact)?;
        let texts = self.card_texts.as_deref().map(files::read_document);
        let document = texts.transpose()?.unwrap_or_default();
        let own = || files::schema_of(model, artifact);
        let read_by = schema.clone().map_or_else(own, Ok)?;
        let data = files::Source::open_for(&self.data, &[&read_by])?;
        let bar = progress::bytes(data.len, "Evaluating");
        let test_rows = self.test_rows.as_deref().map(files::Source::open);
        let job = EvaluationJob {
            artifact,
            schema,
            policy,
            data: Source::new(data.name, data.bytes),
            test_rows: test_rows
                .transpose()?
                .map(|rows| Source::new(rows.name, rows.bytes)),
            options: self.options(),
        };
        let evaluated = evaluate_and_predict(job, |read| bar.set_position(read));
        bar.finish_and_clear();
        let (evaluation, schema, rows) = evaluated.map_err(|error| self.in_file(model, error))?;
        self.write(&schema, &evaluation, document)?;
        if let Some(path) = &self.predictions {
            let mut csv = Vec::new();
            predictions::write(&rows, &schema.target, evaluation.model.threshold, &mut csv)?;
            files::write(path, &csv)?;
        }
        print(&evaluation)
    }

    fn options(&self) -> Options {
        Options {
            resamples: self.resamples as usize,
            seed: self.seed,
            cost: self.cost.terms(),
            jobs: std::thread::available_parallelism().map_or(1, usize::from),
            ..Options::default()
        }
    }

    fn policy(&self, model: &Path, artifact: &[u8]) -> Result<Option<Policy>> {
        let Some(path) = &self.policy else {
            return Ok(None);
        };
        let artifact = Artifact::decode(artifact).with_context(|| model.display().to_string())?;
        let file = files::read_policy(path, &artifact.schema)?;
        (file.check_threshold(artifact.threshold))
            .map_err(|problem| anyhow!("{}, {problem}", path.display()))?;
        Ok(Some(file.policy))
    }

    /// Names the file that an error is about, where the error does not do so itself.
    fn in_file(&self, model: &Path, error: EvaluationError) -> Error {
        let path: &Path = match (&error, &self.schema) {
            (EvaluationError::Artifact(_), _) => model,
            (
                EvaluationError::Schema
                | EvaluationError::SchemaInputs { .. }
                | EvaluationError::SchemaMissingValues { .. }
                | EvaluationError::SchemaRule { .. },
                Some(schema),
            ) => schema,
            (EvaluationError::Evaluate(EvaluateError::Cost(_)), _) => &self.data,
            _ => return error.into(),
        };
        Error::new(error).context(path.display().to_string())
    }

    fn write(&self, schema: &Schema, evaluation: &Evaluation, document: Document) -> Result<()> {
        let about = About {
            license: self.license.clone(),
            document,
            ..About::default()
        };
        let reports = Reports::new(evaluation, schema, &about)?;
        let files = [
            (&self.report, reports.html.as_bytes()),
            (&self.json, &reports.json),
            (&self.card, reports.card.as_bytes()),
        ];
        for (path, bytes) in files {
            if let Some(path) = path {
                files::write(path, bytes)?;
            }
        }
        Ok(())
    }
}

fn print(evaluation: &Evaluation) -> Result<()> {
    let mut stdout = terminal::stdout();
    let (model, data) = (&evaluation.model, &evaluation.data);
    writeln!(
        stdout,
        "{} {} ({}) on {}:",
        model.name,
        model.version,
        model.kind,
        rows(data, "the model")
    )?;
    print_credit(&mut stdout, evaluation)?;
    for metric in &evaluation.metrics {
        let Some(value) = metric.value else { continue };
        write!(stdout, "  {:<26} {value:.4}", metric.name)?;
        if let Some(interval) = metric.interval {
            write!(stdout, "  ({:.4} to {:.4})", interval.low, interval.high)?;
        }
        writeln!(stdout)?;
    }
    match &evaluation.outcomes {
        Some(outcomes) if outcomes.policy_version.is_some() => {
            print_outcomes(&mut stdout, outcomes, data)
        }
        _ => Ok(()),
    }
}

/// "9,000 rows, some of which the model was trained on, weighted; 120 rows have no outcome".
fn rows(data: &Rows, trained: &str) -> String {
    let mut text = counted(data.rows, "row");
    if data.seen_in_training {
        text.push_str(&format!(", some of which {trained} was trained on"));
    }
    if data.weighted {
        text.push_str(", weighted");
    }
    match data.without_outcome {
        0 => {}
        1 => text.push_str("; 1 row has no outcome"),
        more => text.push_str(&format!("; {} have no outcome", counted(more, "row"))),
    }
    text
}

/// What a committee asks for first.
fn print_credit(out: &mut impl Write, evaluation: &Evaluation) -> Result<()> {
    let credit = &evaluation.credit;
    let mut line = |name: &str, figure: Figure| -> Result<()> {
        write!(out, "  {name:<26} {:.4}", figure.value)?;
        if let Some(interval) = figure.interval {
            write!(out, "  ({:.4} to {:.4})", interval.low, interval.high)?;
        }
        Ok(writeln!(out)?)
    };
    if let Some(gini) = credit.gini {
        line("gini", gini)?;
    }
    if let Some(ks) = credit.ks {
        let (value, interval) = (ks.value, ks.interval);
        line("ks", Figure { value, interval })?;
    }
    if let Some(cut_off) = credit.cut_off
        && let Some(value) = cut_off.bad_rate
    {
        let interval = cut_off.bad_rate_interval;
        line("bad_rate_at_cut_off", Figure { value, interval })?;
    }
    if let Some(cost) = &credit.cost {
        writeln!(
            out,
            "  {:<26} {:.2}; approving everyone costs {:.2}",
            "cost_at_cut_off", cost.at_threshold, cost.approve_everyone
        )?;
    }
    Ok(())
}

fn print_outcomes(out: &mut impl Write, outcomes: &Outcomes, data: &Rows) -> Result<()> {
    let version = outcomes.policy_version.as_deref().unwrap_or_default();
    let once = if data.weighted {
        ", every row counted once"
    } else {
        ""
    };
    writeln!(out, "policy {version}{once}:")?;
    let mut line = |name: &str, counts: &OutcomeCounts| {
        let rows = counts.rows().max(1) as f64;
        let share = |count: usize| 100.0 * count as f64 / rows;
        writeln!(
            out,
            "  {name:<26} approve {:.1}%, refer {:.1}%, decline {:.1}%",
            share(counts.approve),
            share(counts.refer),
            share(counts.decline)
        )
    };
    line("before the rules", &outcomes.before_rules)?;
    line("after the rules", &outcomes.after_rules)?;
    outcomes
        .rules
        .iter()
        .try_for_each(|rule| print_rule(out, rule))
}

/// What a rule matched, then what that costs: nothing is said about what it never does.
fn print_rule(out: &mut impl Write, rule: &RuleEffect) -> Result<()> {
    let name = format!("{} {}", rule.code, rule.id);
    let loans = |count: usize, quality: &str| counted(count, &format!("{quality} loan"));
    write!(out, "  {name:<26} holds for {}", counted(rule.held, "row"))?;
    for (count, does) in [
        (rule.missing_referred, "referred"),
        (rule.missing_declined, "declined"),
    ] {
        if count > 0 {
            write!(out, ", missing for {count} ({does})")?;
        }
    }
    writeln!(out)?;
    for (moved, does, bad, good) in [
        (rule.declined, "declines", "caught", "lost"),
        (rule.referred, "refers", "caught", "lost"),
        (rule.approved, "approves", "let in", "gained"),
    ] {
        if moved != Moved::default() {
            writeln!(
                out,
                "  {:<26} {does}: {} {bad}, {} {good}",
                "",
                loans(moved.bad, "bad"),
                loans(moved.good, "good")
            )?;
        }
    }
    Ok(())
}
