//! `underwrite schema infer`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::collections::BTreeMap;

use common::{Folder, data};

#[test]
fn the_draft_loads_and_trains() {
    for (name, options) in [
        ("points_sample", ""),
        // `loan_status` does not say what a 1 is.
        ("loan_sample", " --positive yes"),
        ("german_credit", ""),
    ] {
        let folder = Folder::new(&[]);
        let csv = data(&format!("{name}.csv"));
        folder.succeed(&format!("schema infer {csv} --out s.toml{options}"));
        folder.succeed(&format!(
            "train --data {csv} --schema s.toml --out m.wasm --model logistic_regression"
        ));
        folder.succeed("verify m.wasm");
    }
}

#[test]
fn types_ranges_and_categories_are_those_seen() {
    let mut csv = String::from("id,age,rate,home,member,joined,note,answer\n");
    for i in 0..60 {
        let home = ["RENT", "O'WN \\ \"x\""][i % 2].replace('"', "\"\"");
        let member = ["yes", "No", ""][i % 3];
        let joined = if i == 7 {
            "NA".to_owned()
        } else {
            format!("{}", 2000 + i % 23)
        };
        let answer = ["good", "bad"][i % 2];
        csv += &format!(
            "x{i},{},{}.25,\"{home}\",{member},{joined},,{answer}\n",
            20 + i % 41,
            i % 9
        );
    }
    let folder = Folder::new(&[("My Loans.csv", csv.as_bytes())]);
    let output = folder
        .command()
        .args(["schema", "infer", "My Loans.csv"])
        .output()
        .unwrap();
    insta::assert_snapshot!("infer", String::from_utf8(output.stdout).unwrap());
}

#[test]
fn no_code_is_drafted_twice() {
    let folder = Folder::new(&[]);
    let csv = data("german_credit.csv");
    folder.succeed(&format!("schema infer {csv} --out s.toml"));
    let draft = std::fs::read_to_string(folder.path("s.toml")).unwrap();
    let codes: Vec<&str> = (draft.split("code = \"").skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let mut different = codes.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(different.len(), codes.len(), "{codes:?}");
    // Two columns are balances.
    assert!(
        codes.contains(&"C19") && codes.contains(&"C19-2"),
        "{codes:?}"
    );
}

#[test]
fn the_target_must_be_a_yes_or_no() {
    let folder = Folder::new(&[("d.csv", b"a,b,c\n1,x,3\n0,y,4\n1,z,5\n")]);
    assert_eq!(
        folder.fail("schema infer d.csv"),
        "column 'c' cannot be the target: expected two different values, got 3; name the target with --target"
    );
    assert_eq!(
        folder.fail("schema infer d.csv --target d"),
        "there is no column 'd' to be the target, the file has 'a', 'b', 'c'"
    );
    assert!(
        folder
            .succeed("schema infer d.csv --target a --positive yes")
            .contains("name = \"a\"\nrole = \"target\"")
    );
}

/// The draft's lines about the positive outcome of a target.
fn drafted(header: &str, values: [&str; 2], options: &str) -> String {
    let [first, second] = values;
    let csv = format!("x,{header}\n1,{first}\n2,{second}\n3,{first}\n4,{second}\n");
    let folder = Folder::new(&[("d.csv", csv.as_bytes())]);
    let toml = folder.succeed(&format!("schema infer d.csv{options}"));
    let lines = toml.lines().skip_while(|line| *line != "role = \"target\"");
    let lines = lines.filter(|line| line.starts_with("positive ="));
    lines.collect::<Vec<_>>().join("|")
}

#[test]
fn a_boolean_that_names_the_bad_event_is_drafted_to_approve_its_absence() {
    for header in [
        "deny",
        "denied",
        "default",
        "bad",
        "late",
        "arrears",
        "charged_off",
        "Charge Off",
        "delinquent",
        "SeriousDlqin2yrs",
        "default.payment.next.month",
        "is_bad",
        "loan_default",
        "fraud",
        "Churn",
        "isFraud",
        "unpaid",
        "past_due",
        "not_approved",
        "NonPerforming",
        "risk_flag",
        "not.fully.paid",
    ] {
        for values in [["0", "1"], ["yes", "no"], ["True", "False"]] {
            assert_eq!(
                drafted(header, values, ""),
                format!(
                    "positive = false   # check: approves where {header} is false, since the name says that true is the bad outcome"
                )
            );
        }
    }
}

#[test]
fn a_boolean_that_names_the_good_outcome_is_drafted_to_approve_it() {
    for header in [
        "approved",
        "loan_approved",
        "Accepted",
        "good",
        "is_good",
        "repaid",
        "FullyPaid",
        "granted",
        "no_default",
        "never_late",
        "non-default",
        "paid_back",
        "low_risk",
    ] {
        assert_eq!(
            drafted(header, ["0", "1"], ""),
            format!(
                "positive = true   # check: approves where {header} is true, since the name says that true is the good outcome"
            )
        );
    }
}

#[test]
fn of_two_categories_the_good_one_is_drafted() {
    for (values, positive) in [
        (["good", "bad"], "good"),
        (["Fully Paid", "Charged Off"], "Fully Paid"),
        (["Current", "Late"], "Current"),
        (["default", "no default"], "no default"),
        (["DENIED", "APPROVED"], "APPROVED"),
        (
            ["Attrited Customer", "Existing Customer"],
            "Existing Customer",
        ),
        (["bad risk", "good risk"], "good risk"),
    ] {
        assert_eq!(
            drafted("outcome", values, ""),
            format!(
                "positive = \"{positive}\"   # check: approves where outcome is {positive}, since the values say which outcome is good"
            ),
        );
    }
}

#[test]
fn where_the_names_say_nothing_it_asks_and_writes_nothing() {
    let check = |header: &str, [first, second]: [&str; 2], expected: &str| {
        let csv = format!("x,{header}\n1,{first}\n2,{second}\n");
        let folder = Folder::new(&[("d.csv", csv.as_bytes())]);
        let error = folder.fail("schema infer d.csv --out s.toml");
        assert_eq!(error, expected);
        assert_eq!(folder.names(), ["d.csv"]);
    };
    for header in [
        "loan_status",
        "y",
        "target",
        "creditability",
        "risk",
        "repay_fail",
        "deny_paid",
    ] {
        check(
            header,
            ["1", "0"],
            &format!(
                "column '{header}' does not say which of its values is to be approved: pass --positive yes or --positive no"
            ),
        );
    }
    for (values, two) in [
        (["b", "a"], ["a", "b"]),
        (["1", "2"], ["1", "2"]),
        (["paid", "approved"], ["approved", "paid"]),
        (["very late", "late"], ["late", "'very late'"]),
    ] {
        let [first, second] = two;
        check(
            "status",
            values,
            &format!(
                "column 'status' does not say which of its values is to be approved: pass --positive {first} or --positive {second}"
            ),
        );
    }
}

#[test]
fn what_is_asked_for_stands_in_the_draft() {
    let check = |header: &str, values: [&str; 2], asked: &str, expected: &str| {
        let options = format!(" --positive {asked}");
        let value = expected.replace('"', "");
        let expected = format!(
            "positive = {expected}   # check: approves where {header} is {value}, as --positive says"
        );
        assert_eq!(drafted(header, values, &options), expected);
    };
    check("y", ["0", "1"], "no", "false");
    check("y", ["0", "1"], "YES", "true");
    check("y", ["no", "yes"], "0", "false");
    // A name that says otherwise does not win.
    check("deny", ["0", "1"], "yes", "true");
    check("status", ["a", "b"], "a", "\"a\"");
    check("status", ["good", "bad"], "bad", "\"bad\"");

    let refused = |values: &str, asked: &str| {
        let folder = Folder::new(&[("d.csv", values.as_bytes())]);
        let error = folder.fail(&format!(
            "schema infer d.csv --out s.toml --positive {asked}"
        ));
        assert_eq!(folder.names(), ["d.csv"]);
        error
    };
    assert_eq!(
        refused("x,y\n1,0\n2,1\n", "maybe"),
        "--positive: column 'y' has yes and no, got 'maybe'"
    );
    assert_eq!(
        refused("x,y\n1,a\n2,b\n", "A"),
        "--positive: column 'y' has 'a' and 'b', got 'A'"
    );
}

/// 400 applications in which `deny` is the more likely, the higher the debt; group `b` has
/// more debt than group `a`.
fn denials(value_of_denied: [&str; 2]) -> String {
    let mut csv = String::from("debt,group,deny\n");
    for row in 0..400 {
        let (debt, group) = (row % 100, if row % 100 < 60 { "a" } else { "b" });
        // Some rows go the other way, so that no debt decides for sure.
        let denied = (debt >= 50) != (row % 17 == 0);
        let value = value_of_denied[usize::from(denied)];
        csv += &format!("{debt},{group},{value}\n");
    }
    csv
}

/// The worst bug there was: trained and served as drafted, a file whose target is `deny`
/// approved the worst applicant.
#[test]
fn a_model_of_denials_approves_the_best_applicant_and_not_the_worst() {
    for values in [["0", "1"], ["No", "Yes"], ["granted", "denied"]] {
        let folder = Folder::new(&[
            ("d.csv", denials(values).as_bytes()),
            ("new.csv", b"debt\n0\n99\n"),
        ]);
        folder.succeed("schema infer d.csv --out s.toml");
        let audited = folder.text("s.toml").replace(
            "name = \"group\"\n",
            "name = \"group\"\nrole = \"protected\"\n",
        );
        std::fs::write(folder.path("s.toml"), audited).unwrap();
        for model in ["logistic_regression", "decision_tree", "gradient_boosting"] {
            folder.succeed(&format!(
                "train --data d.csv --schema s.toml --out m.wasm --model {model}"
            ));
            folder.succeed("verify m.wasm");
            folder.succeed("score --model m.wasm --input new.csv --output scored.csv");
            let scored = folder.text("scored.csv");
            let [best, worst] = [1, 2].map(|line| {
                let cells: Vec<_> = scored.lines().nth(line).unwrap().split(',').collect();
                (cells[1].parse::<f64>().unwrap(), cells[2].to_owned())
            });
            assert_eq!((&*best.1, &*worst.1), ("1", "0"), "{model}: {scored}");
            assert!(best.0 > 0.8 && worst.0 < 0.2, "{model}: {scored}");

            folder.succeed("evaluate --model m.wasm --data d.csv --json e.json --resamples 20");
            let report: serde_json::Value = serde_json::from_slice(&folder.read("e.json")).unwrap();
            let rates = approval_rates(&report);
            // Of group a 50 in 60 are wanted, of group b none.
            assert!(
                rates["a"].1 > 0.7 && rates["b"].1 < 0.2,
                "{model}: {rates:?}"
            );
            assert!(
                rates["a"].0 > 0.7 && rates["b"].0 < 0.2,
                "{model}: {rates:?}"
            );
        }
    }
}

/// For each protected group, the approval rate and the share of positive outcomes.
fn approval_rates(report: &serde_json::Value) -> BTreeMap<String, (f64, f64)> {
    let slices = report["slices"].as_array().unwrap();
    let group = slices.iter().find(|slices| slices["feature"] == "group");
    let groups = group.unwrap()["groups"].as_array().unwrap();
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let rates = groups.iter().map(|group| {
        let rates = (number(&group["approval_rate"]), number(&group["base_rate"]));
        (group["name"].as_str().unwrap().to_owned(), rates)
    });
    rates.collect()
}
