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
    assert_eq!(crates, ["model-core", "model-recourse", "model-sketch"]);
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

/// The lines of the Rust files below a folder, each with its file.
fn lines_below(folder: &Path, found: &mut Vec<(String, String)>) {
    let entries = fs::read_dir(folder);
    for entry in entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            lines_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let file = path.display().to_string();
            found.extend(text.lines().map(|line| (file.clone(), line.to_owned())));
        }
    }
}

/// Whether a line of code compares something that is called a threshold.
fn compares_a_threshold(line: &str) -> bool {
    let code = line.trim_start();
    let words: Vec<&str> = code.split_whitespace().collect();
    let is_threshold = |word: &&str| word.ends_with("threshold") || word.contains("threshold)");
    let compares = |words: &[&str]| {
        let [left, operator, right] = words else {
            return false;
        };
        matches!(*operator, "<" | "<=" | ">" | ">=") && (is_threshold(left) || is_threshold(right))
    };
    !code.starts_with("//") && words.windows(3).any(compares)
}

/// Only the module decides: whoever else compared a probability with a threshold would leave out
/// the policy.
#[test]
fn no_host_compares_a_probability_with_a_threshold() {
    assert!(compares_a_threshold(
        "let approve = probability >= model.threshold"
    ));
    assert!(!compares_a_threshold("// probability >= threshold"));
    let mut lines = Vec::new();
    for host in ["host-server", "edge-worker", "model-http", "cli"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        lines_below(&root.join(host).join("src"), &mut lines);
    }
    let found: Vec<_> = lines
        .iter()
        .filter(|(_, line)| compares_a_threshold(line))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}
