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
    /// Another engine, or another JavaScript: nobody here knows what it does.
    Other(Unknown),
}

/// What nobody here knows in a `model.wasm`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// The engine, of this SHA-256, and so the JavaScript that came with it.
    Engine(String),
    /// The JavaScript alone, of this SHA-256, beside a known engine.
    Script {
        digest: String,
        /// The JavaScript that fits the engine, where this program carries it.
        fitting: Option<&'static [u8]>,
    },
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Engine(digest) => write!(
                f,
                "the engine (sha256 {digest}) is neither this program's nor a released one"
            ),
            Self::Script { digest, .. } => write!(
                f,
                "the JavaScript (sha256 {digest}) is not the one of the engine, which is known"
            ),
        }
    }
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
    let ours = carried().ok().filter(|ours| ours.wasm == engine);
    if ours.is_some_and(|ours| ours.glue == glue) {
        return Ok(Origin::Ours);
    }
    let script = sha256_hex(&glue);
    let fitting = ours.map(|ours| ours.glue);
    Ok(match released(RELEASED, &digest, &script) {
        Known::Both(whence) => Origin::Released(whence),
        Known::Nothing if fitting.is_none() => Origin::Other(Unknown::Engine(digest)),
        _ => Origin::Other(Unknown::Script {
            digest: script,
            fitting,
        }),
    })
}

/// What a list knows of an engine and its glue.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// Both, and what it says of them.
    Both(&'static str),
    /// The engine, with another glue.
    Engine,
    Nothing,
}

fn released(list: &'static str, engine: &str, glue: &str) -> Known {
    let mut known = Known::Nothing;
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
            [known_engine, known_glue, whence] if known_engine == engine => {
                if known_glue == glue {
                    return Known::Both(whence);
                }
                known = Known::Engine;
            }
            _ => {}
        }
    }
    known
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
        assert_eq!(released(LIST, "aa", "bb"), Known::Both("0.1.0"));
        assert_eq!(
            released(LIST, "cc", "dd"),
            Known::Both("the golden file of format 1")
        );
        assert_eq!(released(LIST, "aa", "dd"), Known::Engine);
        assert_eq!(released(LIST, "#", "ours"), Known::Nothing);
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
