//! Help texts, as people see them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::Folder;

#[test]
fn each_command_explains_itself() {
    let folder = Folder::new(&[]);
    for command in [
        "",
        "train",
        "import",
        "import lightgbm",
        "import xgboost",
        "import sklearn",
        "serve",
        "health",
        "score",
        "explain",
        "export",
        "export js",
        "inspect",
        "verify",
        "reproduce",
        "keygen",
        "sign",
        "schema",
        "schema check",
        "schema infer",
        "eda",
        "evaluate",
        "card",
        "card init",
        "shadow",
        "policy",
        "policy apply",
        "policy check",
        "policy diff",
        "policy remove",
        "policy test",
        "track",
        "track push",
        "track list",
        "publish",
        "pull",
        "drift",
        "drift merge",
        "drift sketch",
        "drift simulate",
        "log",
        "log verify",
        "log replay",
        "log prove",
        "log show",
        "log search",
        "log export",
        "log report",
        "log hold",
        "log release",
        "log erase",
        "log retain",
    ] {
        let help = folder.succeed(&format!("{command} --help"));
        let name = format!("help {command}").trim().replace(' ', "-");
        insta::assert_snapshot!(name, help);
    }
}

#[test]
fn without_a_command_it_fails_with_the_help() {
    let output = Folder::new(&[]).run("");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("Usage: underwrite <COMMAND>")
    );
}
