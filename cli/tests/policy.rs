//! `underwrite policy`, and a policy in `train`, `score`, `inspect` and `evaluate`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::sync::OnceLock;

use common::{Folder, check_page, data};

const POLICY: &str = r#"[policy]
version = "1"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "person_income < 30000"
then = "decline"
code = "K01"
text = { en = "Income is below the minimum", de = "Income is below the minimum" }

[[rule]]
id = "large"
when = "loan_amnt > 20000"
then = "refer"
code = "R01"
text = { en = "Large loans are looked at", de = "Large loans are looked at" }
"#;

const DEAD: &str = r#"
[[rule]]
id = "dead"
when = "person_income < 20000"
then = "refer"
code = "R02"
text = { en = "Never decides", de = "Never decides" }
"#;

fn model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = Folder::new(&[]);
        let (data, schema) = (data("loan_sample.csv"), data("loan.toml"));
        folder.succeed(&format!(
            "train --data {data} --schema {schema} --out model.wasm --model logistic_regression"
        ));
        folder.read("model.wasm")
    })
}

fn folder() -> Folder {
    Folder::new(&[("model.wasm", model()), ("policy.toml", POLICY.as_bytes())])
}

#[test]
fn check_names_line_and_application() {
    let folder = folder();
    let schema = data("loan.toml");
    let found = folder.succeed(&format!(
        "policy check policy.toml --schema {schema} --strict"
    ));
    assert_eq!(found, "2 rules: nothing found\n");
    std::fs::write(folder.path("dead.toml"), format!("{POLICY}{DEAD}")).unwrap();
    for (flags, code) in [("", 0), ("--strict", 1)] {
        let output = folder.run(&format!(
            "policy check dead.toml --model model.wasm {flags}"
        ));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("dead.toml, line 21: rule 'dead'"), "{text}");
        assert!(
            text.contains("\n    for example {") && text.ends_with("1 finding\n"),
            "{text}"
        );
    }
    let unknown = POLICY.replace("person_income", "income");
    std::fs::write(folder.path("unknown.toml"), unknown).unwrap();
    let error = folder.fail(&format!("policy check unknown.toml --schema {schema}"));
    assert!(
        error.starts_with("unknown.toml, line 7, column "),
        "{error}"
    );
    std::fs::write(
        folder.path("band.toml"),
        POLICY.replace("0.4, 0.6", "0.6, 0.7"),
    )
    .unwrap();
    let error = folder.fail("policy check band.toml --model model.wasm");
    assert!(
        error.contains("does not hold the model's threshold"),
        "{error}"
    );
    let error = folder.fail("policy check policy.toml");
    assert!(
        error.contains("Give --schema") && error.contains("or --model"),
        "{error}"
    );
    let error = folder.fail("policy check policy.toml --schema model.wasm");
    assert_eq!(
        error,
        "model.wasm is a WebAssembly module: expected a schema in TOML"
    );
}

#[test]
fn a_text_that_a_language_lacks_is_an_error_with_strict() {
    let folder = folder();
    let data = data("loan_sample.csv");
    let schema = std::fs::read_to_string(common::data("loan.toml")).unwrap();
    let schema = schema.replacen("[\"en\", \"de\"]", "[\"en\", \"de\", \"fr\"]", 1);
    std::fs::write(folder.path("two.toml"), schema).unwrap();
    let said = folder.succeed("schema check two.toml");
    let warning = "two.toml, line 16, column 1: title: there is no text in 'fr'";
    assert!(
        said.contains(warning) && said.ends_with(" warnings\n"),
        "{said}"
    );
    let train = format!(
        "train --data {data} --schema two.toml --policy policy.toml --out m.wasm --dry-run"
    );
    for command in [
        "schema check two.toml",
        "policy check policy.toml --schema two.toml",
        &train,
    ] {
        folder.succeed(command);
        let error = folder.fail(&format!("{command} --strict"));
        assert!(error.starts_with(warning), "{command}: {error}");
    }
    let plain = common::data("loan.toml");
    assert_eq!(
        folder.succeed(&format!("schema check {plain} --strict")),
        "loan-approval 1.0.0, 12 inputs: nothing found\n"
    );
}

#[test]
fn a_policy_is_applied_without_training() {
    let folder = folder();
    let said = folder.succeed("policy apply model.wasm --policy policy.toml --out new.wasm");
    let inspected = folder.succeed("inspect model.wasm");
    let digest = inspected
        .lines()
        .find(|line| line.starts_with("digest"))
        .unwrap();
    let digest = digest.split_whitespace().last().unwrap();
    assert!(said.contains(&format!("{digest}, unchanged")), "{said}");
    folder.succeed("verify new.wasm");
    let inspected = folder.succeed("inspect new.wasm");
    for part in [
        digest,
        "probabilities from 0.4 to below 0.6 refer",
        "K01 minimum-income: decline if person_income < 30000",
        "derived: loan_amnt / person_income, round 2",
    ] {
        assert!(inspected.contains(part), "{inspected}");
    }
    let said = folder.succeed("policy remove new.wasm --out deep/er/none.wasm");
    assert!(said.contains(&format!("{digest}, unchanged")), "{said}");
    assert_eq!(folder.read("deep/er/none.wasm"), model());
    let error = folder.fail("policy remove model.wasm --out none.wasm");
    assert_eq!(error, "model.wasm has no policy to remove");
    let band = POLICY.replace("0.4, 0.6", "0.6, 0.7");
    std::fs::write(folder.path("band.toml"), band).unwrap();
    let error = folder.fail("policy apply model.wasm --policy band.toml --out no.wasm");
    assert!(
        error.starts_with("band.toml, line 3, column 9: refer = [0.6, 0.7]"),
        "{error}"
    );
    let data = data("loan_sample.csv");
    let output = folder.run(&format!(
        "policy diff model.wasm new.wasm --data {data} --report out/diff.html"
    ));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("rule minimum-income"), "{text}");
    assert_eq!(
        check_page(&folder.text("out/diff.html")),
        ["answers", "causes", "rows"]
    );
    assert!(text.contains("the refer band"), "{text}");
    let same = folder.succeed(&format!("policy diff new.wasm new.wasm --data {data}"));
    assert!(same.starts_with("0 of "), "{same}");
}

/// A model of an earlier release keeps the engine that it has, and with it its digest.
#[test]
fn a_policy_is_exchanged_within_another_engine() {
    let golden = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/golden/format-3/model.wasm"
    );
    let golden = std::fs::read(golden).unwrap();
    let policy = "[policy]\nversion = \"9\"\n[[rule]]\nid = \"poor\"\nwhen = \"income < 12000\"\n\
                  then = \"decline\"\ncode = \"K09\"\ntext = \"Income is low\"\n";
    let folder = Folder::new(&[("old.wasm", &golden), ("policy.toml", policy.as_bytes())]);
    let said = folder.succeed("policy apply old.wasm --policy policy.toml --out new.wasm");
    assert!(said.contains(", unchanged\n"), "{said}");
    let said = folder.succeed("policy remove new.wasm --out none.wasm");
    assert!(said.contains("version 9 was removed"), "{said}");
}

#[test]
fn cases_are_tested_row_by_row() {
    let folder = folder();
    let sample = std::fs::read_to_string(data("loan_sample.csv")).unwrap();
    let mut lines = sample.lines();
    let header = lines.next().unwrap();
    let row = lines.next().unwrap();
    let poor = row.replace("84460.0", "9000");
    let bad = row.replace("84460.0", "-1");
    let cases = format!("{header},outcome\n{poor},decline\n{poor},approve\n{bad},refused\n");
    std::fs::write(folder.path("cases.csv"), cases).unwrap();
    let output = folder.run("policy test policy.toml cases.csv --model model.wasm");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("cases.csv, line 3: expected approve, got decline"),
        "{text}"
    );
    assert!(
        text.contains("K01") && text.ends_with("2 passed, 1 failed\n"),
        "{text}"
    );
    // A word for a number is refused as in a request.
    let word = row.replace("84460.0", "plenty");
    let cases = format!("{header},outcome\n{word},refused\n{word},approve\n");
    std::fs::write(folder.path("cases.csv"), cases).unwrap();
    let output = folder.run("policy test policy.toml cases.csv --model model.wasm");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains(
            "line 3: expected approve, got refused (person_income: Input should be a valid number"
        ) && text.ends_with("1 passed, 1 failed\n"),
        "{text}"
    );
    let error = folder.fail("policy test policy.toml cases.csv --model model.wasm --expected nope");
    assert!(
        error.contains("column 'nope': the column is missing"),
        "{error}"
    );
    let wrong = format!("{header},outcome\n{poor},no\n");
    std::fs::write(folder.path("cases.csv"), wrong).unwrap();
    let error = folder.fail("policy test policy.toml cases.csv --model model.wasm");
    assert!(
        error.contains("line 2: expected approve, refer, decline or refused"),
        "{error}"
    );
}

#[test]
fn train_score_and_evaluate_use_a_policy() {
    let folder = folder();
    let (data, schema) = (data("loan_sample.csv"), data("loan.toml"));
    folder.succeed(&format!(
        "train --data {data} --schema {schema} --policy policy.toml --out new.wasm --model \
         logistic_regression"
    ));
    folder.succeed(&format!(
        "score --model new.wasm --input {data} --output scored.csv"
    ));
    let scored = folder.text("scored.csv");
    assert!(
        scored
            .lines()
            .next()
            .unwrap()
            .ends_with(",probability,prediction,outcome,rules,adjustments,model_version")
    );
    assert!(
        scored.lines().any(|line| line.contains(",0,decline,K01,")),
        "{scored}"
    );
    assert!(
        scored
            .lines()
            .any(|line| line.contains(",0,decline,K01;R01,"))
    );
    // A column that is derived may be left out, and nothing changes.
    let header: Vec<&str> = scored.lines().next().unwrap().split(',').collect();
    let derived = header
        .iter()
        .position(|name| *name == "loan_percent_income")
        .unwrap();
    let sample = std::fs::read_to_string(&data).unwrap();
    let without = sample.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells.remove(derived);
        cells.join(",") + "\n"
    });
    std::fs::write(folder.path("without.csv"), without.collect::<String>()).unwrap();
    folder.succeed("score --model new.wasm --input without.csv --output again.csv");
    let ends = |text: &str| -> Vec<String> {
        let ends = text
            .lines()
            .map(|line| line.rsplitn(5, ',').take(4).collect());
        ends.collect()
    };
    // Where what the formula needs is missing, a given ratio counts, and none is another case.
    let names: Vec<&str> = sample.lines().next().unwrap().split(',').collect();
    let needs = ["loan_amnt", "person_income"]
        .map(|name| names.iter().position(|column| *column == name).unwrap());
    let follows = sample.lines().map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        needs.iter().all(|&need| !cells[need].is_empty())
    });
    let (again, scored) = (ends(&folder.text("again.csv")), ends(&scored));
    assert_eq!(again.len(), scored.len());
    let differ = follows
        .zip(again.iter().zip(&scored))
        .filter(|(follows, (again, scored))| *follows && again != scored);
    assert_eq!(differ.count(), 0);
    let text = folder.succeed(&format!(
        "evaluate --model model.wasm --data {data} --policy policy.toml --report r.html --card c.md"
    ));
    assert!(
        text.contains("before the rules") && text.contains("K01 minimum-income"),
        "{text}"
    );
    let missing = "missing for ";
    assert!(
        text.contains(missing) && text.contains(" (referred)"),
        "{text}"
    );
    let found = |does: &str| text.lines().any(|line| line.trim_start().starts_with(does));
    assert!(found("declines: ") && found("refers: "), "{text}");
    assert!(folder.text("c.md").contains("## Lending rules"));
    assert!(check_page(&folder.text("r.html")).contains(&"outcomes".to_owned()));
    let error = folder.fail(&format!(
        "train --data {data} --schema {schema} --policy {schema} --out no.wasm"
    ));
    assert!(error.contains("loan.toml, line "), "{error}");
}
