//! `underwrite evaluate`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data, points_model};
use serde_json::Value;

fn folder() -> Folder {
    Folder::new(&[("model.wasm", points_model())])
}

#[test]
fn a_report_json_and_card_are_written() {
    let folder = folder();
    let rows: String = (0..2000).step_by(3).map(|row| format!("{row}\n")).collect();
    std::fs::write(folder.path("rows.csv"), format!("row\n{rows}")).unwrap();
    let printed = folder.succeed(&format!(
        "evaluate --model model.wasm --data {} --test-rows rows.csv --report out/evaluation.html \
         --json out/evaluation.json --card out/README.md --license Apache-2.0 --resamples 100",
        data("points_sample.csv")
    ));
    assert!(
        printed.contains("(logistic_regression) on 667 rows:"),
        "{printed}"
    );

    let html = folder.text("out/evaluation.html");
    let ids = common::check_page(&html);
    assert_eq!(
        ids,
        [
            "deciles",
            "figures",
            "discrimination",
            "probabilities",
            "decisions",
            "importance",
            "reasons",
            "audit",
            "slices"
        ]
    );

    let json: Value = serde_json::from_slice(&folder.read("out/evaluation.json")).unwrap();
    assert_eq!(json["data"]["rows"], 667);
    assert_eq!(json["data"]["seen_in_training"], false);
    assert_eq!(json["metrics"][0]["name"], "roc_auc");
    assert!(json["metrics"][0]["value"].as_f64().unwrap() > 0.9);
    let counts = &json["confusion"];
    let sum: u64 = counts
        .as_object()
        .unwrap()
        .values()
        .map(|n| n.as_u64().unwrap())
        .sum();
    assert_eq!(sum, 667);

    let card = folder.text("out/README.md");
    let (_, rest) = card.split_once("---\n").unwrap();
    let (front, body) = rest.split_once("---\n").unwrap();
    let entry = |key: &str| {
        let line = front.lines().find(|line| line.starts_with(key));
        line.unwrap().split_once(": ").unwrap().1.to_owned()
    };
    assert_eq!(entry("license"), "\"apache-2.0\"");
    assert_eq!(entry("pipeline_tag"), "tabular-classification");
    let auc = json["metrics"][0]["value"].as_f64().unwrap();
    let metric = format!("    - type: roc_auc\n      name: \"ROC AUC\"\n      value: {auc}\n");
    assert!(front.contains(&metric), "{front}");
    for part in [
        "# ",
        "## Purpose",
        "## Population",
        "*Not written: `population` in `card.toml`.*",
        "## Development window",
        "## Exclusions",
        "## Target definition",
        "## Benchmark",
        "## Choices and why",
        "## Validation",
        "### Metrics",
        "### Groups",
        "## Limits",
        "## Monitoring plan",
        "## Owner",
        "## Approver",
    ] {
        assert!(body.contains(part), "no {part} in the card");
    }
}

#[test]
fn rows_that_were_learned_from_are_pointed_out() {
    let folder = folder();
    let printed = folder.succeed(&format!(
        "evaluate --model model.wasm --data {} --report e.html --resamples 20",
        data("points_sample.csv")
    ));
    assert!(
        printed.contains("some of which the model was trained on"),
        "{printed}"
    );
    assert!(
        folder
            .text("e.html")
            .contains("the metrics are too optimistic")
    );
}

#[test]
fn the_same_command_gives_the_same_report() {
    let folder = folder();
    let run = |out: &str, seed: u32| {
        folder.succeed(&format!(
            "evaluate --model model.wasm --data {} --report {out} --resamples 20 --seed {seed}",
            data("points_sample.csv")
        ));
        folder.read(out)
    };
    assert_eq!(run("a.html", 1), run("b.html", 1));
    assert_ne!(run("a.html", 1), run("c.html", 2));
}

#[test]
fn protected_columns_are_audited() {
    let folder = Folder::new(&[]);
    folder.succeed(&format!(
        "train --data {0} --schema {1} --out m.wasm --model logistic_regression",
        data("loan_sample.csv"),
        data("loan.toml")
    ));
    folder.succeed(&format!(
        "evaluate --model m.wasm --data {} --report e.html --json e.json --card c.md --resamples 20",
        data("loan_sample.csv")
    ));
    let json: Value = serde_json::from_slice(&folder.read("e.json")).unwrap();
    let slices = &json["slices"][0];
    assert_eq!(slices["feature"], "person_gender");
    assert_eq!(slices["role"], "protected");
    let groups = slices["groups"].as_array().unwrap();
    let reference: Vec<_> = groups.iter().filter(|g| g["reference"] == true).collect();
    assert_eq!(reference.len(), 1);
    let other = groups.iter().find(|g| g["impact"].is_object()).unwrap();
    let ratio =
        other["approval_rate"].as_f64().unwrap() / reference[0]["approval_rate"].as_f64().unwrap();
    assert!((other["impact"]["ratio"].as_f64().unwrap() - ratio).abs() < 1e-12);
    assert!(folder.text("e.html").contains("Approval rate by Gender"));
    assert!(
        folder
            .text("c.md")
            .contains("never used to decide: `person_gender`")
    );

    let policy = "[policy]\nversion = '1'\nallow_protected = true\n\
        [[rule]]\nid = 'g'\nwhen = \"person_gender == 'female'\"\nthen = 'decline'\ncode = 'G'\n\
        text = { en = 'No', de = 'Nein' }\nif_missing = 'skip'\n";
    std::fs::write(folder.path("policy.toml"), policy).unwrap();
    folder.succeed("policy apply m.wasm --policy policy.toml --out ruled.wasm");
    folder.succeed(&format!(
        "evaluate --model ruled.wasm --data {} --card ruled.md --resamples 20",
        data("loan_sample.csv")
    ));
    let card = folder.text("ruled.md");
    assert!(card.contains("rules may decide by them: `person_gender`"));
    assert!(!card.contains("never used to decide"));
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = folder();
    let one_class: String = (0..20)
        .map(|row| format!("{},700,5000,3,40,1\n", 30_000 + row))
        .collect();
    let header = "income,credit_score,loan_amount,years_employed,points,loan_approved\n";
    std::fs::write(folder.path("one.csv"), format!("{header}{one_class}")).unwrap();
    std::fs::write(folder.path("cut.wasm"), &points_model()[..1000]).unwrap();
    let check = |args: &str, says: &str| {
        let error = folder.fail(args);
        assert!(error.contains(says), "{args}: {error}");
        assert!(!folder.path("e.html").exists());
    };
    let points = data("points_sample.csv");
    check(
        &format!("evaluate --model cut.wasm --data {points} --report e.html"),
        "cut.wasm: no underwrite seal at the end",
    );
    check(
        "evaluate --model model.wasm --data one.csv --report e.html",
        "one.csv: every row has the same target value",
    );
    check(
        &format!(
            "evaluate --model model.wasm --data {} --report e.html",
            data("loan_sample.csv")
        ),
        "the schema does not know this column",
    );
    check(
        &format!(
            "evaluate --model model.wasm --data {points} --schema {} --report e.html",
            data("loan.toml")
        ),
        "loan.toml: the schema has another target than the model's",
    );
}

#[test]
fn two_models_are_compared_on_the_same_rows() {
    let folder = folder();
    let points = data("points_sample.csv");
    folder.succeed(&format!(
        "train --data {points} --schema {} --out forest.wasm --model random_forest",
        data("points.toml")
    ));
    let printed = folder.succeed(&format!(
        "evaluate --model model.wasm --model forest.wasm --data {points} --report c.html \
         --json c.json --cost 5:1 --resamples 20"
    ));
    for words in ["gini", "delong_p_value", "swapped_in"] {
        assert!(printed.contains(words), "{printed}");
    }
    common::check_page(&folder.text("c.html"));
    let json: Value = serde_json::from_slice(&folder.read("c.json")).unwrap();
    assert_eq!(json["data"]["rows"], 2000);
    assert_eq!(json["models"][1]["model"]["kind"], "random_forest");
    assert!(json["models"][0]["cost"]["approve_everyone"].as_f64() > Some(0.0));

    folder.succeed(&format!(
        "train --data {} --schema {} --out loan.wasm --model logistic_regression",
        data("loan_sample.csv"),
        data("loan.toml")
    ));
    let check = |args: &str, says: &str| {
        let ended = folder.run(args);
        assert_eq!(ended.status.code(), Some(2), "{args}");
        let error = String::from_utf8(ended.stderr).unwrap();
        assert!(error.contains(says), "{args}: {error}");
        assert!(!folder.path("no.html").exists());
    };
    check(
        &format!("evaluate --model model.wasm --model loan.wasm --data {points} --report no.html"),
        "the models predict different outcomes: the first loan_approved",
    );
    check(
        &format!("evaluate --model model.wasm --model forest.wasm --data {points} --card no.html"),
        "--card takes one model",
    );
    let predictions = "--predictions no.html";
    check(
        &format!("evaluate --model model.wasm --model forest.wasm --data {points} {predictions}"),
        "--predictions takes one model",
    );
    check(
        &format!(
            "evaluate --model model.wasm --data {points} --report no.html --cost 5:1 --exposure home"
        ),
        "'home' is not a column of numbers that the model's schema reads",
    );
}
