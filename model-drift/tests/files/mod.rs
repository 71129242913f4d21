//! Model files for tests.

use model_core::artifact::Artifact;
use model_core::model_file::seal;

/// A model file around an artifact; the module in it has no code.
pub(crate) fn sealed(artifact: &Artifact) -> Vec<u8> {
    let artifact = artifact.encode().unwrap();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    let offset = module.len() as u64;
    module.extend_from_slice(&artifact);
    seal(&mut module, offset, artifact.len() as u64);
    module
}
