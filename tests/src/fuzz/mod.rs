//! Fuzzing: random bytes for every reader of bytes from outside.
//!
//! A target is a plain function that takes any bytes, checks what must hold, and panics
//! when it does not. [`run`] drives one with mutated inputs on stable Rust, without a C++
//! compiler; `tests/fuzz` gives the same targets to cargo-fuzz, whose coverage guides
//! longer runs.

mod driver;
mod import;
mod mutate;
mod seeds;
mod targets;

pub use driver::{Crash, Report, run};
pub use import::{lightgbm, sklearn, xgboost};
pub use targets::{artifact, model_file, policy, request, schema, sections};

/// A reader of bytes from outside, and what it is given.
#[derive(Clone, Copy)]
pub struct Target {
    /// As the command line names it.
    pub name: &'static str,
    /// Takes an input, panics when something does not hold, and says in words what the
    /// outcome was like: inputs with a new kind of outcome are mutated further.
    pub check: fn(&[u8]) -> String,
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Pieces that are put into inputs.
    pub words: &'static [&'static [u8]],
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "request",
        check: request,
        seeds: seeds::requests,
        words: seeds::JSON_WORDS,
    },
    Target {
        name: "schema",
        check: schema,
        seeds: seeds::schemas,
        words: seeds::TOML_WORDS,
    },
    Target {
        name: "policy",
        check: policy,
        seeds: seeds::policies,
        words: seeds::POLICY_WORDS,
    },
    Target {
        name: "sections",
        check: sections,
        seeds: seeds::sections,
        words: seeds::BINARY_WORDS,
    },
    Target {
        name: "artifact",
        check: artifact,
        seeds: seeds::artifacts,
        words: seeds::BINARY_WORDS,
    },
    Target {
        name: "model_file",
        check: model_file,
        seeds: seeds::model_files,
        words: seeds::BINARY_WORDS,
    },
    Target {
        name: "lightgbm",
        check: lightgbm,
        seeds: import::lightgbm_seeds,
        words: import::WORDS,
    },
    Target {
        name: "xgboost",
        check: xgboost,
        seeds: import::xgboost_seeds,
        words: import::WORDS,
    },
    Target {
        name: "sklearn",
        check: sklearn,
        seeds: import::sklearn_seeds,
        words: import::WORDS,
    },
];
