//! The engine that this program carries; `build.rs` says where it was built.

use anyhow::{Result, bail};
use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_files::sha256_hex;
use model_train::unpack::{Unpacked, unpack};

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

/// Engines of earlier releases, which models still carry. The file says how it grows.
const RELEASED: &str = include_str!("../engines.txt");

/// Which engine a `model.wasm` holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The one that this program carries, byte for byte.
    Ours,
    /// One of `engines.txt`, byte for byte, and what is said there of it.
    Released(&'static str),
    /// Another one, of this SHA-256: nobody here knows what it does.
    Other(String),
}

/// Takes a sealed file apart and compares its engine with known ones: a seal tells that nothing
/// was altered by mistake, not who wrote the code.
///
/// # Errors
/// When the file was not packed, or holds another engine than its artifact says.
pub(crate) fn origin(wasm: &[u8]) -> Result<Origin> {
    let artifact = Artifact::decode(ModelFile::open(wasm)?.artifact())?;
    let Unpacked { engine, glue } = unpack(wasm)?;
    let digest = sha256_hex(&engine);
    if digest != artifact.engine_sha256 {
        bail!(
            "the file says that it holds engine {}, and its code is another ({digest}): it was made to look like a model",
            artifact.engine_sha256
        );
    }
    let is_ours = |ours: Engine| ours.wasm == engine && ours.glue == glue;
    if carried().is_ok_and(is_ours) {
        return Ok(Origin::Ours);
    }
    let glue = sha256_hex(&glue);
    Ok(match released(RELEASED, &digest, &glue) {
        Some(whence) => Origin::Released(whence),
        None => Origin::Other(digest),
    })
}

/// What a list says of an engine and its glue.
fn released(list: &'static str, engine: &str, glue: &str) -> Option<&'static str> {
    let mut lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.find_map(|line| {
        let (known_engine, rest) = line.split_once(' ')?;
        let (known_glue, whence) = rest.split_once(' ')?;
        (known_engine == engine && known_glue == glue).then_some(whence)
    })
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

    #[test]
    fn an_engine_is_known_with_its_glue() {
        const LIST: &str = "# ours\naa bb 0.1.0\ncc dd the golden file of format 1\n";
        assert_eq!(released(LIST, "aa", "bb"), Some("0.1.0"));
        assert_eq!(
            released(LIST, "cc", "dd"),
            Some("the golden file of format 1")
        );
        assert_eq!(released(LIST, "aa", "dd"), None);
        assert_eq!(released(LIST, "#", "ours"), None);
    }

    #[test]
    fn the_list_has_two_digests_in_each_line() {
        for line in RELEASED.lines().filter(|line| !line.starts_with('#')) {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let is_digest = |word: &&&str| {
                word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
            };
            assert_eq!(words.iter().take(2).filter(is_digest).count(), 2, "{line}");
            assert_eq!(words.len(), 3, "{line}");
        }
    }

    #[test]
    fn golden_models_hold_engines_of_the_list() {
        for format in ["format-1", "format-2", "format-3"] {
            let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
            let wasm = std::fs::read(format!("{golden}/{format}/model.wasm")).unwrap();
            let found = origin(&wasm).unwrap();
            assert!(
                matches!(found, Origin::Released(_) | Origin::Ours),
                "{format}: {found:?}"
            );
        }
    }
}
