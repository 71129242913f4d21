//! House rules that no compiler checks.
#![allow(clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The crates of this project that the module links.
fn crates_of_the_module() -> Vec<String> {
    let manifest = read("model-wasm/Cargo.toml");
    let (_, dependencies) = manifest
        .split_once("[dependencies]\n")
        .expect("model-wasm has dependencies");
    let names = dependencies
        .lines()
        .take_while(|line| !line.starts_with('['));
    let names = names.filter_map(|line| line.split(['.', ' ', '=']).next());
    let ours = names.filter(|name| name.starts_with("model-"));
    ours.map(str::to_owned).collect()
}

/// Clippy reads only the nearest clippy.toml, so each crate has a copy.
#[test]
fn every_crate_of_the_module_is_under_the_same_purity_lint() {
    let crates = crates_of_the_module();
    assert_eq!(crates, ["model-core", "model-sketch"]);
    let rules = read("model-core/clippy.toml");
    assert!(rules.contains("disallowed-methods") && rules.contains("disallowed-types"));
    for name in crates {
        assert_eq!(read(&format!("{name}/clippy.toml")), rules, "{name}");
    }
}

#[test]
fn every_crate_of_the_module_is_linted_for_wasm() {
    let lint = read("xtask/src/lint.rs");
    for name in crates_of_the_module() {
        assert!(lint.contains(&format!("--package {name} ")), "{name}");
    }
}
