//! The probabilities of many rows, on several threads.

use std::ops::Range;

use model_core::artifact::{Artifact, ArtifactError};
use model_core::decide::Decider;
use model_core::schema::MissingValues;

use super::EvaluateError;
use crate::parallel::parallel;
use crate::values::Values;

/// Rows whose columns are copied at once; a multiple of the rows that a decider works on.
pub(super) const TOGETHER: usize = 8192;

/// The artifact of a decider that measures a row however much has to be filled in, even where a
/// request would be refused.
pub(super) fn lenient(artifact: &[u8]) -> Result<Artifact, ArtifactError> {
    let mut artifact = Artifact::decode(artifact)?;
    artifact.schema.max_adjustments = None;
    Ok(artifact)
}

/// The same for shuffled columns: a derived one is not computed from the others, so that it
/// has an importance of its own.
pub(super) fn independent(artifact: &[u8]) -> Result<Decider, ArtifactError> {
    let mut artifact = lenient(artifact)?;
    for feature in &mut artifact.schema.features {
        feature.derived = None;
    }
    // What was computed is never missing, whatever number it is; what was read is known to be.
    artifact.schema.missing_values = MissingValues::default();
    Decider::load(&artifact.encode()?)
}

/// Column after column.
pub(super) fn taken(columns: &[Values], rows: &[usize]) -> Vec<f64> {
    let mut values = Vec::with_capacity(columns.len() * rows.len());
    for column in columns {
        column.append_rows(rows, &mut values);
    }
    values
}

pub(super) fn predict(
    decider: &mut Decider,
    columns: &[f64],
    out: &mut [f64],
) -> Result<(), EvaluateError> {
    match decider
        .batch(columns, out)
        .map_err(EvaluateError::Columns)?
    {
        0 => Ok(()),
        refused => Err(EvaluateError::Refused {
            refused,
            rows: out.len(),
        }),
    }
}

/// The same on several threads, each with a decider of its own, for `rows` rows.
pub(super) fn predict_on(
    jobs: usize,
    artifact: &[u8],
    columns: &[f64],
    rows: usize,
) -> Result<Vec<f64>, EvaluateError> {
    let parts = parallel(jobs, &shared_out(rows, jobs), |part| {
        let mut decider = Decider::load(artifact)?;
        let (mut out, mut refused) = (vec![0.0; part.len()], 0);
        let mut together = Vec::new();
        for piece in pieces(part) {
            together.clear();
            for column in columns.chunks_exact(rows) {
                together.extend_from_slice(&column[piece.clone()]);
            }
            let out = &mut out[piece.start - part.start..piece.end - part.start];
            let batch = decider.batch(&together, out);
            refused += batch.map_err(EvaluateError::Columns)?;
        }
        Ok::<_, EvaluateError>((out, refused))
    });
    let parts = parts.into_iter().collect::<Result<Vec<_>, _>>()?;
    match parts.iter().map(|(_, refused)| refused).sum() {
        0 => Ok(parts.into_iter().flat_map(|(out, _)| out).collect()),
        refused => Err(EvaluateError::Refused { refused, rows }),
    }
}

/// Cuts rows into a part for each thread.
pub(super) fn shared_out(rows: usize, jobs: usize) -> Vec<Range<usize>> {
    let each = (rows.div_ceil(jobs.max(1)).next_multiple_of(TOGETHER)).max(TOGETHER);
    (0..rows)
        .step_by(each)
        .map(|start| start..rows.min(start + each))
        .collect()
}

/// Cuts a part into what is worked on together.
pub(super) fn pieces(part: &Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
    let end = part.end;
    (part.clone())
        .step_by(TOGETHER)
        .map(move |start| start..end.min(start + TOGETHER))
}
