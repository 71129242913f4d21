//! House rules as tests: files that have to agree with each other do.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::build;
use crate::python::WASMTIME;
use crate::steps::output_of;
use crate::system::NODE_AT_LEAST;
use crate::workspace::{self, cargo};

/// Node's major version in the releases of Debian.
const DEBIAN_NODE: [(&str, u32); 3] = [("bullseye", 12), ("bookworm", 18), ("trixie", 20)];

/// What a browser gets of `web/`: the server carries the whole folder.
const PAGE_FILES: [&str; 6] = ["css", "html", "js", "png", "svg", "webmanifest"];

fn read(path: &str) -> String {
    let path = workspace::root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is in a folder.
fn entries(folder: &str) -> Vec<PathBuf> {
    let found = fs::read_dir(workspace::root().join(folder)).unwrap();
    found.map(|entry| entry.unwrap().path()).collect()
}

/// The quoted value of `key = "…"`.
fn value<'a>(toml: &'a str, key: &str) -> &'a str {
    let line = toml.lines().find_map(|line| {
        line.strip_prefix(key)?
            .trim_start()
            .strip_prefix('=')
            .map(str::trim)
    });
    line.unwrap_or_else(|| panic!("no {key}")).trim_matches('"')
}

/// `1.95.0` and `trixie` of `FROM rust:1.95.0-trixie AS build`.
fn rust_image(dockerfile: &str) -> Option<(&str, &str)> {
    let mut images = dockerfile.lines().filter_map(|line| {
        let image = line.strip_prefix("FROM rust:")?;
        image.split(' ').next()?.split_once('-')
    });
    images.next()
}

/// What keeps the image from being built, or nothing.
fn image_problem(dockerfile: &str, toolchain: &str, node_at_least: u32) -> Option<String> {
    let Some((rust, debian)) = rust_image(dockerfile) else {
        return Some("there is no line `FROM rust:VERSION-DEBIAN`".into());
    };
    let channel = value(toolchain, "channel");
    if rust != channel {
        return Some(format!(
            "the image has Rust {rust} and rust-toolchain.toml {channel}: the build would \
             install a second toolchain, without the image's targets"
        ));
    }
    let node = DEBIAN_NODE.iter().find(|(name, _)| *name == debian);
    let Some((_, node)) = node else {
        return Some(format!(
            "the image is Debian {debian}: add its version of Node to DEBIAN_NODE"
        ));
    };
    (*node < node_at_least).then(|| {
        format!(
            "the image installs the Node {node} of Debian {debian}, and cargo xtask needs \
             {node_at_least}"
        )
    })
}

#[test]
fn images_have_the_toolchain_and_the_node_that_xtask_needs() {
    let toolchain = read("rust-toolchain.toml");
    for path in ["deploy/Dockerfile", ".devcontainer/Dockerfile"] {
        let dockerfile = read(path);
        let problem = image_problem(&dockerfile, &toolchain, NODE_AT_LEAST);
        assert_eq!(problem, None, "{path}");
        assert!(dockerfile.contains(" nodejs "), "{path}");
    }
}

#[test]
fn an_image_that_cannot_be_built_is_found() {
    let check = |dockerfile: &str, node_at_least: u32, expect: &str| {
        let found = image_problem(
            dockerfile,
            "[toolchain]\nchannel = \"1.95.0\"\n",
            node_at_least,
        );
        let found = found.unwrap_or_default();
        assert!(found.contains(expect), "{dockerfile}: {found:?}");
    };
    check(
        "FROM rust:1.95.0-bookworm AS build",
        20,
        "Node 18 of Debian bookworm",
    );
    check(
        "FROM rust:1.95.0-trixie AS build",
        22,
        "Node 20 of Debian trixie",
    );
    check(
        "FROM rust:1.95-trixie AS build",
        20,
        "Rust 1.95 and rust-toolchain.toml 1.95.0",
    );
    check("FROM rust:1.95.0-forky", 20, "DEBIAN_NODE");
    check("FROM scratch", 20, "no line");
}

#[test]
fn the_oldest_rust_is_the_toolchain() {
    let toolchain = read("rust-toolchain.toml");
    let channel = value(&toolchain, "channel");
    let manifest = read("Cargo.toml");
    let oldest = value(&manifest, "rust-version");
    assert!(
        channel.starts_with(&format!("{oldest}.")),
        "rust-version {oldest} in Cargo.toml, and {channel} in rust-toolchain.toml"
    );
}

#[test]
fn continuous_integration_has_the_node_that_xtask_needs() {
    for workflow in ["ci", "release", "train"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        let line = format!("node-version: {NODE_AT_LEAST}\n");
        assert!(text.contains(&line), "{workflow}.yml has no `{line}`");
    }
}

/// Every library of the product, with the features that are asked of it.
fn libraries(edges: &str) -> BTreeSet<String> {
    let selection = build::PRODUCT.replace("--release ", "");
    let tree = format!("tree {selection} --edges {edges} --prefix none --no-dedupe --format");
    let printed = output_of(cargo(&tree).arg("{p} {f}")).expect("cargo tree");
    printed.lines().map(str::to_owned).collect()
}

/// Another feature would compile the library again for the tests, and all that uses it.
#[test]
fn tests_ask_the_features_that_the_program_asks() {
    let program = libraries("normal,build");
    let with_tests = libraries("normal,build,dev");
    let twice: Vec<_> = program.difference(&with_tests).collect();
    assert!(
        twice.is_empty(),
        "let the package `acceptance` ask what a dev-dependency asks beyond this: {twice:#?}"
    );
}

/// Both are outside the workspace, and are published under its version.
#[test]
fn packages_have_the_version_of_the_workspace() {
    let workspace = read("Cargo.toml");
    let python = read("python/Cargo.toml");
    for key in ["version", "edition", "rust-version", "license"] {
        assert_eq!(value(&python, key), value(&workspace, key), "{key}");
    }
    let version = value(&workspace, "version");
    let npm = read("npm/package.json");
    assert!(
        npm.contains(&format!("\"version\": \"{version}\"")),
        "{npm}"
    );
}

/// Clippy reads only the nearest clippy.toml, so each pure crate has a copy of the same rules.
#[test]
fn pure_crates_are_under_the_same_lints() {
    let rules = read("model-core/clippy.toml");
    let copies: Vec<PathBuf> = entries("")
        .into_iter()
        .map(|folder| folder.join("clippy.toml"))
        .filter(|path| path.is_file())
        .collect();
    assert!(copies.len() > 1, "{copies:?}");
    for path in copies {
        assert!(
            fs::read_to_string(&path).unwrap() == rules,
            "{} is not a copy of model-core/clippy.toml",
            path.display()
        );
    }
}

#[test]
fn the_page_is_all_that_is_in_its_folder() {
    for path in entries("web") {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        assert!(
            PAGE_FILES.contains(&&*extension),
            "every server would hand out {}: move it out of web/",
            path.display()
        );
    }
}

#[test]
fn the_python_example_is_run_with_the_version_that_it_names() {
    let named = read("examples/python-wasmtime/requirements.txt");
    let named: Vec<&str> = named.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(named, WASMTIME.requirements);
}

/// Where a statistic of drift, not a probability, is compared with its threshold.
const STATISTICS: [&str; 4] = [
    "model-drift/src/one_method.rs",
    "model-drift/src/evidently/mod.rs",
    "model-drift/src/report/sentence.rs",
    // The cuts of trees.
    "model-train/src/fit/export.rs",
];

/// Whether a line of Rust compares something with a threshold.
fn compares_with_threshold(line: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let compares = |side: &str, operators: [&str; 4]| {
        let side = side.trim();
        operators.iter().any(|operator| side.ends_with(operator))
    };
    code.match_indices("threshold").any(|(at, name)| {
        // `self.threshold`, `artifact().threshold`, `*threshold`
        let path = |c: char| c.is_alphanumeric() || "_.()*&".contains(c);
        let before = code[..at].trim_end_matches(path);
        let after = code[at + name.len()..].trim_start();
        compares(before, [">=", "<=", " >", " <"])
            || [">= ", "<= ", "> ", "< "]
                .iter()
                .any(|operator| after.starts_with(operator))
    })
}

#[test]
fn only_the_core_compares_a_probability_with_a_threshold() {
    let mut folders: Vec<_> = fs::read_dir(workspace::root())
        .unwrap()
        .map(|entry| entry.unwrap().path().join("src"))
        .filter(|folder| folder.is_dir() && !folder.ends_with("model-core/src"))
        .filter(|folder| !folder.ends_with("xtask/src"))
        .collect();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_statistic = STATISTICS.iter().any(|allowed| path.ends_with(allowed));
            if path.extension().is_none_or(|extension| extension != "rs") || is_statistic {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().enumerate();
            let lines = lines.filter(|(_, line)| compares_with_threshold(line));
            found.extend(
                lines.map(|(nth, line)| format!("{}:{}: {}", path.display(), nth + 1, line.trim())),
            );
        }
    }
    assert!(
        found.is_empty(),
        "use model_core::decide::reaches, or Decider::judge_rows:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_comparison_with_a_threshold_is_found() {
    let check = |line: &str, expect: bool| {
        assert_eq!(compares_with_threshold(line), expect, "{line}");
    };
    check("let yes = probability >= threshold;", true);
    check(
        "probabilities.iter().filter(|p| **p >= self.threshold)",
        true,
    );
    check("if decider.artifact().threshold <= probability {", true);
    check("let threshold = decider.artifact().threshold;", false);
    check("/// Decided where `p >= threshold`.", false);
    check("Option<Threshold>, threshold: Option<f64>,", false);
}
