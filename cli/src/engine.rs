//! The engine that this program carries; `build.rs` says where it was built.

use anyhow::{Result, bail};
use model_files::sha256_hex;

/// The module without a model, and the JavaScript that fits it.
#[derive(Clone, Copy)]
pub(crate) struct Engine {
    /// `engine.wasm`.
    pub(crate) wasm: &'static [u8],
    /// `model.js`.
    pub(crate) glue: &'static [u8],
}

/// The engine to write models with.
///
/// # Errors
/// In a debug build that was compiled before there was an engine.
pub(crate) fn carried() -> Result<Engine> {
    Engine::new(
        include_bytes!(env!("UNDERWRITE_ENGINE_WASM")),
        include_bytes!(env!("UNDERWRITE_MODEL_JS")),
    )
}

impl Engine {
    fn new(wasm: &'static [u8], glue: &'static [u8]) -> Result<Self> {
        if wasm.is_empty() || glue.is_empty() {
            bail!(
                "this debug build was compiled without an engine and cannot write models: run \
                 `cargo xtask build`, then use target/release/underwrite or compile again"
            );
        }
        Ok(Self { wasm, glue })
    }

    /// SHA-256 of the engine, lower-case hexadecimal.
    pub(crate) fn sha256(self) -> String {
        sha256_hex(self.wasm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_is_refused_with_the_command_that_builds_the_engine() {
        for (wasm, glue) in [("", ""), ("\0asm", ""), ("", "export")] {
            let refused = Engine::new(wasm.as_bytes(), glue.as_bytes()).err();
            let message = refused.map(|error| error.to_string()).unwrap_or_default();
            assert!(message.contains("run `cargo xtask build`"), "{message:?}");
        }
    }

    #[test]
    fn an_engine_has_a_digest() {
        let engine = Engine::new(b"\0asm", b"export").unwrap();
        assert_eq!(
            engine.sha256(),
            "cd5d4935a48c0672cb06407bb443bc0087aff947c6b864bac886982c73b3027f"
        );
    }
}
