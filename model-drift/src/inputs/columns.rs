//! Which columns are compared.

use model_core::schema::{self, Schema};

use crate::read::Batch;
use crate::sketch::Role;

/// Removes the labels and the model's scores from the reference where the current batch has
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
            _ => return true,
        };
        notes.push(format!(
            "The current batch has no {what}: '{name}' was not compared."
        ));
        false
    });
    notes
}

/// Removes the columns that the schema has and the model does not use from the new ones: the
/// reference does not count them. Returns a note if there are any.
pub(super) fn remove_unused(schema: &Schema, current: &mut Batch) -> Option<String> {
    let role = |name: &String| {
        let feature = schema.features.iter().find(|one| one.name == *name)?;
        match feature.role {
            schema::Role::Input => None,
            schema::Role::Protected => Some("protected"),
            schema::Role::Ignored => Some("ignored"),
        }
    };
    let unused = current.extra.iter();
    let unused = unused.filter_map(|name| Some(format!("{name} ({})", role(name)?)));
    let unused: Vec<String> = unused.collect();
    current.extra.retain(|name| role(name).is_none());
    (!unused.is_empty()).then(|| {
        format!(
            "Not compared, because the model does not use them and the reference has no counts of them: {}.",
            unused.join(", ")
        )
    })
}
