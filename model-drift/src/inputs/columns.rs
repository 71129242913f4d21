//! Which columns are compared.

use model_core::schema::{self, Feature, Schema};

use super::derived;
use crate::read::Batch;
use crate::sketch::Role;

/// Removes the labels and the model's scores and reasons from the reference where the current batch has
/// none: that is not drift. Returns a note for each.
pub(super) fn remove_unlabelled(reference: &mut Batch, current: &Batch) -> Vec<String> {
    let mut notes = Vec::new();
    reference.sketch.columns.retain(|column| {
        let name = &column.spec.name;
        let there = current.sketch.column(name).is_some();
        let what = match column.spec.role {
            _ if there => return true,
            Role::Target => "labels",
            Role::Prediction => "scores of the model",
            Role::Reason => "reasons in answers",
            _ => return true,
        };
        notes.push(format!(
            "The current batch has no {what}: '{name}' was not compared."
        ));
        false
    });
    notes
}

/// Removes the derived fields that a sketch does not have from the reference: whoever counted a
/// file that leaves them out could not compute them. Returns a note about them, if there are any.
pub(super) fn remove_uncomputed(
    schema: Option<&Schema>,
    reference: &mut Batch,
    current: &Batch,
) -> Option<String> {
    let derived = schema.map(derived::names).unwrap_or_default();
    let mut names = Vec::new();
    reference.sketch.columns.retain(|column| {
        let name = &column.spec.name;
        let is_left_out = derived.contains(name) && current.sketch.column(name).is_none();
        if is_left_out {
            names.push(format!("'{name}'"));
        }
        !is_left_out
    });
    (!names.is_empty()).then(|| {
        format!(
            "Derived, and not in the current sketch, so not compared: {}. A sketch that was made with the model has what is derived.",
            names.join(", ")
        )
    })
}

/// Leaves the rows without an outcome out of the labels: that an outcome is not known yet, or
/// never will be, is no drift of it. The labels of such batches are not shown to the domain
/// classifier, and where a batch has none at all they are not compared. Returns a note about each
/// batch that has such rows.
pub(super) fn leave_out_unknown(reference: &mut Batch, current: &mut Batch) -> Vec<String> {
    let mut notes = Vec::new();
    for (batch, which) in [(&mut *reference, "reference"), (&mut *current, "current")] {
        let labels = batch.sketch.columns.iter_mut();
        let mut labels = labels.filter(|column| column.spec.role == Role::Target);
        if let Some(column) = labels.next().filter(|column| column.missing > 0) {
            let rows = std::mem::take(&mut column.missing);
            let has = if rows == 1 { "row has" } else { "rows have" };
            notes.push(format!(
                "{rows} {has} no label in the {which} batch: '{}' was compared among the others.",
                column.spec.name
            ));
        }
    }
    if !notes.is_empty() {
        for batch in [reference, current] {
            let mut columns = batch.sketch.columns.iter();
            if let Some(index) = columns.position(|column| column.spec.role == Role::Target) {
                batch.sample.forget(index);
            }
        }
    }
    notes
}

/// Removes labels of which a batch has a column and no value from the reference. Returns a note.
pub(super) fn remove_empty_labels(reference: &mut Batch, current: &Batch) -> Option<String> {
    let labels = |batch: &Batch| {
        let mut columns = batch.sketch.columns.iter();
        columns
            .find(|column| column.spec.role == Role::Target && column.valid() == 0)
            .map(|column| column.spec.name.clone())
    };
    let (which, name) = match (labels(reference), labels(current)) {
        (_, Some(name)) => ("current", name),
        (Some(name), None) => ("reference", name),
        (None, None) => return None,
    };
    reference
        .sketch
        .columns
        .retain(|column| column.spec.role != Role::Target);
    Some(format!(
        "The {which} batch has no labels: '{name}' was not compared."
    ))
}

/// Removes the columns that the schema, or the sketch itself, says are ignored: no model sees
/// them, so that a change of theirs is no drift. Returns their names.
pub(super) fn remove_ignored(schema: Option<&Schema>, batch: &mut Batch) -> Vec<String> {
    let mut ignored = Vec::new();
    batch.sketch.columns.retain(|column| {
        let name = &column.spec.name;
        let by_schema = schema.and_then(|schema| feature(schema, name));
        let is_ignored = match by_schema {
            Some(feature) => feature.role == schema::Role::Ignored,
            None => column.spec.role == Role::Ignored,
        };
        if is_ignored {
            ignored.push(name.clone());
        }
        !is_ignored
    });
    ignored
}

fn feature<'s>(schema: &'s Schema, name: &str) -> Option<&'s Feature> {
    schema.features.iter().find(|one| one.name == name)
}

/// Removes the columns that the schema has and the reference does not count from the new ones.
/// Returns a note about them and the `ignored` ones, if there are any.
pub(super) fn remove_unused(
    schema: Option<&Schema>,
    current: &mut Batch,
    ignored: Vec<String>,
) -> Option<String> {
    let mut names = ignored;
    let mut unused: Vec<String> = Vec::new();
    current.extra.retain(|name| {
        match schema
            .and_then(|schema| feature(schema, name))
            .map(|one| one.role)
        {
            Some(schema::Role::Ignored) => names.push(name.clone()),
            Some(schema::Role::Protected) => {
                unused.push(format!("{name} (protected, not counted in the reference)"))
            }
            _ => return !names.contains(name),
        }
        false
    });
    names.sort_unstable();
    names.dedup();
    unused.extend(names.into_iter().map(|name| {
        let feature = schema.and_then(|schema| feature(schema, &name));
        let role = feature.map_or(schema::Role::Ignored.word(), Feature::role_word);
        format!("{name} ({role})")
    }));
    (!unused.is_empty()).then(|| {
        format!(
            "Not compared, because the model does not use them: {}.",
            unused.join(", ")
        )
    })
}
