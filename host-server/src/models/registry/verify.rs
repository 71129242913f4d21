//! A new file must answer its golden rows as it did when it was made, before it is served.

use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use serde::Deserialize;

use crate::host::{LoadError, LoadErrorKind, ModelHost};

#[derive(Deserialize)]
struct Answer {
    probability: f64,
}

/// Checks that the module answers the artifact's golden rows to the bit. A file without an
/// artifact (an engine that carries no model would not have loaded) has none to check.
pub(super) fn golden_rows(host: &ModelHost) -> Result<(), LoadError> {
    let file = ModelFile::open(host.wasm()).map_err(LoadErrorKind::File)?;
    if file.artifact().is_empty() {
        return Ok(());
    }
    let artifact = Artifact::decode(file.artifact()).map_err(|error| LoadErrorKind::Artifact {
        detail: error.to_string(),
    })?;
    for (index, row) in artifact.golden_rows.iter().enumerate() {
        let decision = host
            .decide(row.request.as_bytes())
            .map_err(LoadErrorKind::from)?;
        let answer = serde_json::from_slice::<Answer>(&decision.body).ok();
        let same =
            answer.is_some_and(|answer| answer.probability.to_bits() == row.probability.to_bits());
        if decision.status != 200 || !same {
            return Err(LoadErrorKind::GoldenRow { row: index + 1 }.into());
        }
    }
    Ok(())
}
