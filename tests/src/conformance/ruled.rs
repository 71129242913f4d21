//! The golden model of format 3: rules, derived fields and texts in two languages, in the
//! engine that is tested.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use model_train::pack::pack;

/// The packed model, and its golden cases. `engine` holds `engine.wasm` and `model.js`.
///
/// # Errors
/// When a file cannot be read or the engine cannot be packed.
pub fn ruled(engine: &Path) -> Result<(Vec<u8>, Vec<Vec<u8>>)> {
    let read = |path: &Path| fs::read(path).with_context(|| path.display().to_string());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/format-3");
    let artifact = read(&golden.join("artifact.bin"))?;
    let (engine, glue) = (
        read(&engine.join("engine.wasm"))?,
        read(&engine.join("model.js"))?,
    );
    let module = pack(&engine, &glue, &artifact).context("the engine cannot be packed")?;
    let cases = read(&golden.join("cases.ndjson"))?;
    let cases = cases.split(|byte| *byte == b'\n').map(<[u8]>::to_vec);
    Ok((module, cases.collect()))
}
