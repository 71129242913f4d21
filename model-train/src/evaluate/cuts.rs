//! Every column that figures are cut by, with its groups.

use model_core::artifact::Artifact;
use model_core::schema::{Feature, FeatureKind, Role};

use super::parts::Parts;
use super::ranked::Ranked;
use super::slices::{Slices, slices_of};
use super::subject::Subject;
use crate::dataset::Dataset;
use crate::parallel::parallel;
use crate::values::Values;

/// A column and its groups.
pub(super) struct Cut<'a> {
    pub(super) feature: &'a Feature,
    /// `input` or `protected`.
    pub(super) role: Role,
    pub(super) parts: Parts,
}

/// The protected columns, then the inputs.
pub(super) fn cuts<'a>(
    artifact: &'a Artifact,
    dataset: &'a Dataset,
    rows: &[usize],
    jobs: usize,
) -> Vec<Cut<'a>> {
    let protected = dataset.protected.iter();
    let protected = protected.map(|column| (&column.feature, &column.values, Role::Protected));
    let inputs = artifact.schema.inputs().zip(&dataset.columns);
    let inputs = inputs.map(|(feature, values)| (feature, values, Role::Input));
    let columns: Vec<(&Feature, &Values, Role)> = protected.chain(inputs).collect();
    parallel(jobs, &columns, |&(feature, values, role)| Cut {
        feature,
        role,
        parts: Parts::new(feature, values, rows),
    })
}

/// The figures of each group: protected columns first, then categories, in which people think,
/// then numbers.
pub(super) fn all_slices(
    cuts: &[Cut<'_>],
    model: &Subject,
    ranked: &Ranked,
    jobs: usize,
) -> Vec<Slices> {
    let mut order: Vec<&Cut<'_>> = cuts.iter().collect();
    order.sort_by_key(|cut| match (cut.role, &cut.feature.kind) {
        (Role::Protected, _) => 0,
        (_, FeatureKind::Category(_) | FeatureKind::Boolean) => 1,
        _ => 2,
    });
    parallel(jobs, &order, |cut| {
        let is_protected = model.protected_inputs.contains(&cut.feature.name);
        let role = if is_protected {
            Role::Protected
        } else {
            cut.feature.role
        };
        slices_of(cut.feature, role, &cut.parts, ranked)
    })
}
