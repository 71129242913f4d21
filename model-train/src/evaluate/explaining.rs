//! Rows explained as a module explains applications.

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{Feature, Schema};

use crate::applications::request;
use crate::dataset::Dataset;
use crate::parallel::parallel;
use crate::values::Values;

/// Most rows that are explained, spread over all.
const EXPLAINED: usize = 4000;

/// The rows that are explained, spread over all.
pub(super) fn spread(rows: &[usize]) -> Vec<usize> {
    let count = rows.len().min(EXPLAINED);
    (0..count)
        .map(|nth| rows[nth * rows.len() / count])
        .collect()
}

/// What explains rows.
pub(super) struct Explaining<'a> {
    pub(super) artifact: &'a [u8],
    pub(super) fields: &'a Fields<'a>,
    pub(super) jobs: usize,
}

impl Explaining<'_> {
    /// Something of each item, in their order.
    pub(super) fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        of: impl Fn(&mut Decider, &T) -> R + Sync,
    ) -> Result<Vec<R>, ArtifactError> {
        let each = items.len().div_ceil(self.jobs.max(1)).max(1);
        let parts: Vec<&[T]> = items.chunks(each).collect();
        let parts = parallel(self.jobs, &parts, |part| {
            let mut decider = Decider::load(self.artifact)?;
            Ok(part.iter().map(|item| of(&mut decider, item)).collect())
        });
        let parts = parts.into_iter().collect::<Result<Vec<Vec<R>>, _>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// A reason that was given.
pub(super) struct Named {
    pub(super) code: String,
    pub(super) text: String,
}

/// The fields of applications, as a request has them.
pub(super) struct Fields<'d> {
    schema: Schema,
    fields: Vec<(Feature, Option<&'d Values>)>,
}

impl<'d> Fields<'d> {
    pub(super) fn new(decider: &Decider, dataset: &'d Dataset) -> Self {
        let schema = &decider.artifact().schema;
        let inputs = schema.inputs().cloned();
        let mut fields: Vec<_> = inputs.zip(dataset.columns.iter().map(Some)).collect();
        for index in decider.rule_columns() {
            let feature = &schema.features[*index];
            fields.push((feature.clone(), dataset.protected_column(feature)));
        }
        Self {
            schema: schema.clone(),
            fields,
        }
    }

    /// The application of a row whose values are changed before.
    pub(super) fn request(
        &self,
        row: usize,
        mut change: impl FnMut(&Feature, f64) -> f64,
    ) -> Vec<u8> {
        let values = self.fields.iter().map(|(feature, column)| {
            let value = column.map_or(f64::NAN, |column| column[row]);
            (feature, change(feature, value))
        });
        request(&self.schema, values)
    }

    /// The reasons of a row whose values are changed before; `None` where it is refused.
    pub(super) fn explain(
        &self,
        decider: &mut Decider,
        row: usize,
        change: impl FnMut(&Feature, f64) -> f64,
    ) -> Option<Vec<Named>> {
        let request = self.request(row, change);
        let mut explanation = Vec::new();
        if decider.explain(&request, &mut explanation) != 200 {
            return None;
        }
        let explanation: serde_json::Value = serde_json::from_slice(&explanation).ok()?;
        let reasons = explanation["reasons"].as_array()?.iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let named = reasons.map(|reason| Named {
            code: text(&reason["code"]),
            text: text(&reason["text"]),
        });
        Some(named.collect())
    }
}
