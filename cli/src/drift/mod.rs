//! Reading what `underwrite drift` compares.

mod scoring;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use model_core::decide::Decider;
use model_core::schema::{self, Schema};
use model_drift::compare::Sides;
use model_drift::live::in_bins;
use model_drift::performance::Performance;
use model_drift::read::{self, Batch, Plan};
use model_drift::report::Report;
use model_drift::sketch::{Capacity, Role, Sketch, Spec, specs_from_schema};

use crate::files;
use scoring::{Model, Scored};

/// Rows that the domain classifier sees, at most.
const SAMPLE_ROWS: usize = 4000;
/// Of a self-check one row in so many is the current batch.
const SELF_CHECK: u64 = 3;

/// What was named on the command line.
pub(crate) struct Inputs {
    /// File, sketch or model.
    pub(crate) reference: PathBuf,
    /// File or sketch; the reference itself when there is none.
    pub(crate) current: Option<PathBuf>,
    /// Types, where they are given.
    pub(crate) schema: Option<PathBuf>,
    /// What answers both batches.
    pub(crate) model: Option<PathBuf>,
    /// Every value must be counted by itself.
    pub(crate) exact: bool,
}

/// Both batches.
pub(crate) struct Compared {
    names: [String; 2],
    reference: Batch,
    current: Batch,
    sampled: bool,
    performance: Option<Performance>,
    notes: Vec<String>,
}

enum Content {
    Rows,
    Sketch(Sketch),
    Model(Arc<Model>),
}

impl Compared {
    /// What is compared.
    pub(crate) fn sides(&self) -> Sides<'_> {
        let sides = Sides::of_batches(&self.reference, &self.current);
        Sides {
            samples: sides.samples.filter(|_| self.sampled),
            ..sides
        }
    }

    /// Adds what only this side knows.
    pub(crate) fn describe(self, report: &mut Report, self_check: bool) {
        [report.reference, report.current] = self.names;
        report.self_check = self_check;
        report.performance = self.performance;
        report.notes.extend(self.notes);
        if self_check {
            let note = "Self-check: the current batch is a sample of the reference. This shows \
                        that everything works, and says nothing about any other data.";
            report.notes.insert(0, note.to_owned());
        }
    }
}

/// The sketch of a file.
pub(crate) fn sketch(data: &Path, schema: Option<&Path>) -> Result<Sketch> {
    let schema = schema.map(files::read_schema).transpose()?;
    let plan = plan_of(schema.as_ref(), false);
    let batch = read::read(data, &plan)?;
    if let Some(name) = batch.lost.first() {
        bail!(
            "{}, column '{name}': the column is missing, the schema has it",
            data.display()
        );
    }
    Ok(batch.sketch)
}

/// Reads both batches, and asks the model about their rows where there is one.
pub(crate) fn read(inputs: &Inputs) -> Result<Compared> {
    let content = open(&inputs.reference)?;
    let mut model = match &content {
        Content::Model(model) => Some(Arc::clone(model)),
        _ => None,
    };
    if let Some(path) = &inputs.model {
        let Content::Model(other) = open(path)? else {
            bail!("{}: expected a model.wasm after --model", path.display());
        };
        model = Some(other);
    }
    let schema = match (&inputs.schema, &model) {
        // The preset takes types from the data alone.
        _ if inputs.exact => None,
        (Some(path), _) => Some(files::read_schema(path)?),
        (None, Some(model)) => Some(model.schema().clone()),
        (None, None) => None,
    };
    let plan = plan_of(schema.as_ref(), inputs.exact);
    let scored = model.as_ref().filter(|_| !inputs.exact);
    let mut notes = Vec::new();
    let of_rows = matches!(content, Content::Rows);
    let of_model = matches!(content, Content::Model(_));
    let mut reference = match content {
        Content::Rows => read_rows(&inputs.reference, &plan, scored, None)?.0,
        Content::Sketch(sketch) => of_sketch(sketch),
        Content::Model(model) => {
            ensure!(
                !inputs.exact,
                "the evidently preset compares rows, and {} carries a sketch of its training rows: name the CSV or Parquet file, or use the default preset",
                inputs.reference.display()
            );
            of_sketch(
                model
                    .reference()
                    .with_context(|| inputs.reference.display().to_string())?,
            )
        }
    };
    if let Some(name) = reference.lost.first().filter(|_| schema.is_some()) {
        notes.push(format!(
            "The reference does not have the schema's column '{name}'."
        ));
    }
    let wanted = reference
        .sketch
        .columns
        .iter()
        .map(|column| column.spec.clone());
    let wanted: Vec<Spec> = match scored {
        Some(_) => wanted
            .filter(|spec| spec.role != Role::Prediction)
            .collect(),
        None => wanted.collect(),
    };
    let plan = Plan {
        specs: Some(wanted),
        ..plan
    };
    let path = inputs.current.as_ref().unwrap_or(&inputs.reference);
    let (mut current, scores, current_rows) = match open(path)? {
        Content::Rows => {
            let keep = inputs.current.is_none().then_some(SELF_CHECK);
            let (batch, scores) = read_rows(path, &plan, scored, keep)?;
            (batch, scores, true)
        }
        _ if inputs.current.is_none() => {
            bail!(
                "{}: a self-check samples rows, and this file has none",
                path.display()
            )
        }
        Content::Sketch(sketch) => (of_sketch(sketch), None, false),
        Content::Model(_) => bail!(
            "{}: a model is no batch: name data after --current",
            path.display()
        ),
    };
    if of_model && !current_rows {
        // A server counts in these bins.
        [reference.sketch, current.sketch] = in_bins(&reference.sketch, &current.sketch);
    }
    if !inputs.exact {
        notes.extend(unlabelled(&mut reference, &current));
        notes.extend(
            schema
                .iter()
                .filter_map(|schema| set_aside(schema, &mut current)),
        );
    }
    let sketches = [(of_rows, &inputs.reference), (current_rows, path)];
    let sketch = sketches.into_iter().find(|(of_rows, _)| !of_rows);
    if let Some((_, path)) = sketch.filter(|_| !inputs.exact) {
        notes.push(format!(
            "Every column was compared by itself. To compare all of them together takes the rows of both batches, and {} holds counts, not rows.",
            name_of(path)
        ));
    }
    let of_rows = of_rows && current_rows;
    let performance = scores
        .zip(model.as_ref())
        .map(|(scores, model)| scores.performance(model));
    Ok(Compared {
        names: [name_of(&inputs.reference), name_of(path)],
        reference,
        current,
        sampled: of_rows && !inputs.exact,
        performance,
        notes,
    })
}

/// Takes out what only labels or answers could be compared with, where the current batch has
/// none: that is no drift.
fn unlabelled(reference: &mut Batch, current: &Batch) -> Vec<String> {
    let mut notes = Vec::new();
    reference.sketch.columns.retain(|column| {
        let name = &column.spec.name;
        let there = current.sketch.column(name).is_some();
        let what = match column.spec.role {
            _ if there => return true,
            Role::Target => "labels",
            Role::Prediction => "answers of the model",
            _ => return true,
        };
        notes.push(format!(
            "The current batch has no {what}: '{name}' was not compared."
        ));
        false
    });
    notes
}

/// Columns that the schema has and the model does not use are not new: the reference does not
/// count them.
fn set_aside(schema: &Schema, current: &mut Batch) -> Option<String> {
    let role = |name: &String| {
        let feature = schema.features.iter().find(|one| one.name == *name)?;
        match feature.role {
            schema::Role::Input => None,
            schema::Role::Protected => Some("protected"),
            schema::Role::Ignored => Some("ignored"),
        }
    };
    let aside = current.extra.iter();
    let aside = aside.filter_map(|name| Some(format!("{name} ({})", role(name)?)));
    let aside: Vec<String> = aside.collect();
    current.extra.retain(|name| role(name).is_none());
    (!aside.is_empty()).then(|| {
        format!(
            "Not compared, because the model does not use them and the reference has no counts of them: {}.",
            aside.join(", ")
        )
    })
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(
        || path.display().to_string(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// What a file begins with says what it is.
fn open(path: &Path) -> Result<Content> {
    let name = || format!("cannot read {}", path.display());
    let mut start = Vec::new();
    let file = File::open(path).with_context(name)?;
    ensure!(
        !file.metadata().with_context(name)?.is_dir(),
        "{}: it is a folder",
        name()
    );
    file.take(8).read_to_end(&mut start).with_context(name)?;
    if start.starts_with(b"\0asm") {
        return Ok(Content::Model(Arc::new(Model::open(path)?)));
    }
    if Sketch::is_sketch(&start) {
        let bytes = files::read(path)?;
        let sketch = Sketch::decode(&bytes).with_context(|| path.display().to_string())?;
        return Ok(Content::Sketch(sketch));
    }
    Ok(Content::Rows)
}

fn plan_of(schema: Option<&Schema>, exact: bool) -> Plan {
    let capacity = if exact {
        Capacity::EXACT
    } else {
        Capacity::default()
    };
    let mut plan = Plan::infer(capacity);
    plan.as_pandas = exact;
    if !exact {
        plan.sample_rows = SAMPLE_ROWS;
    }
    if let Some(schema) = schema {
        plan.specs = Some(specs_from_schema(schema));
        plan.missing = schema
            .missing_values
            .iter()
            .cloned()
            .chain([String::new()])
            .collect();
    }
    plan
}

fn of_sketch(sketch: Sketch) -> Batch {
    Batch {
        rows: sketch.rows(),
        sketch,
        lost: Vec::new(),
        extra: Vec::new(),
        sample: Default::default(),
    }
}

fn read_rows(
    path: &Path,
    plan: &Plan,
    model: Option<&Arc<Model>>,
    keep_one_in: Option<u64>,
) -> Result<(Batch, Option<Scored>)> {
    let plan = Plan {
        keep_one_in,
        ..plan.clone()
    };
    let Some(model) = model else {
        return Ok((read::read(path, &plan)?, None));
    };
    let scorer = scoring::Scorer::new(model);
    let mut batch = read::read_with(path, &plan, &|shown| scorer.push(shown))?;
    let scored = scorer.finish()?;
    batch.sketch.columns.push(scored.column.clone());
    Ok((batch, Some(scored)))
}

/// The decider of a model's artifact.
fn decider(path: &Path, artifact: &[u8]) -> Result<Decider> {
    Decider::load(artifact).with_context(|| path.display().to_string())
}
