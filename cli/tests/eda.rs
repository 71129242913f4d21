//! `underwrite eda`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data};
use serde_json::Value;

/// The kinds of findings, with their columns.
fn findings(folder: &Folder) -> Vec<String> {
    let eda: Value = serde_json::from_slice(&folder.read("eda.json")).unwrap();
    eda["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let column = finding["column"].as_str().unwrap_or("");
            format!("{} {column}", finding["kind"].as_str().unwrap())
        })
        .collect()
}

fn check(csv: &str, expect: &[&str]) -> String {
    let folder = Folder::new(&[("data.csv", csv.as_bytes())]);
    folder.succeed("eda data.csv --json eda.json");
    let html = folder.text("reports/eda.html");
    common::check_page(&html);
    let found = findings(&folder);
    assert_eq!(found, expect, "{csv}");
    html
}

#[test]
fn a_report_has_every_part() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&format!(
        "eda {} --schema {} --out reports/eda.html --json eda.json",
        data("loan_sample.csv"),
        data("loan.toml")
    ));
    assert!(printed.ends_with("reports/eda.html\n"), "{printed}");
    let html = folder.text("reports/eda.html");
    let ids = common::check_page(&html);
    assert_eq!(
        ids,
        [
            "findings",
            "columns",
            "target",
            "characteristics",
            "leakage",
            "numbers",
            "categories",
            "associations"
        ]
    );
    let eda: Value = serde_json::from_slice(&folder.read("eda.json")).unwrap();
    let columns = eda["columns"].as_array().unwrap();
    assert_eq!(columns.len(), 14);
    let column = |name: &str| {
        columns
            .iter()
            .find(|column| column["name"] == name)
            .unwrap()
    };
    assert_eq!(column("person_gender")["role"], "protected");
    assert_eq!(column("person_education")["type"], "category");
    let shares = column("person_education")["shares"].as_array().unwrap();
    assert!(shares.iter().any(|share| share["name"] == "Master"));
    assert!(column("loan_int_rate")["numbers"]["median"].is_f64());
    assert_eq!(column("loan_status")["role"], "target");
    assert_eq!(eda["target"]["positive_label"], "Approved");
    let auc = column("previous_loan_defaults_on_file")["single_column_auc"].as_f64();
    assert!((0.7..0.9).contains(&auc.unwrap()), "{auc:?}");
    assert!(html.contains("Age: distribution") && html.contains("Age: by target"));
}

#[test]
fn a_schema_is_not_needed() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&format!("eda {}", data("german_credit.csv")));
    assert!(printed.starts_with("1000 rows, 21 columns\n"), "{printed}");
    common::check_page(&folder.text("reports/eda.html"));
}

#[test]
fn a_column_that_knows_the_answer_is_found() {
    let rows = |cells: &dyn Fn(usize) -> String| -> String {
        (0..300).map(|row| format!("{}\n", cells(row))).collect()
    };
    // The refund is paid after the approval: it is there for every yes and for few others.
    let leaky = rows(&|row| {
        let yes = row * 7 % 10 < 6;
        let refund = (row * 3 % 17) as f64 + 0.5;
        let refund = if yes || row % 50 == 4 {
            refund.to_string()
        } else {
            String::new()
        };
        format!("{},{refund},{}", row as f64 * 0.37, u8::from(yes))
    });
    check(&format!("x,refund,y\n{leaky}"), &["leakage refund"]);

    // An identifier does not predict itself.
    let random = rows(&|row| format!("id-{row},{}", u8::from(row * row % 11 < 4)));
    check(&format!("id,y\n{random}"), &["identifier id"]);
}

#[test]
fn odd_files_are_described() {
    check("a,b,y\n", &["no_rows ", "no_target "]);
    check("a,b,y\n1,x,1\n", &["one_class y"]);
    check(
        "a,b,c,y\n1,k,,0\n2,k,,1\n2,k,,1\n3,k,NA,0\n",
        &["duplicates ", "constant b", "all_missing c"],
    );
    check("a,y\n1,1\n2,1\n3,1\n", &["one_class y"]);
    check("a,y\n1,u\n2,v\n3,w\n", &["no_target "]);
    check("a,y\n1,yes\n2,no\n3,\n4,yes\n", &["missing_target y"]);
    check("y\n0\n1\n", &[]);
    let html = check("<b>,y\n<i>,0\n&,1\n", &[]);
    assert!(!html.contains("<i>") && !html.contains("<b>"));
    check("a,y\n1e308,0\n-1e308,1\n1e308,1\n", &[]);
}

#[test]
fn what_is_no_csv_is_refused() {
    let folder = Folder::new(&[("bad.csv", b"a,b\n1\n"), ("good.csv", b"a,y\n1,0\n2,1\n")]);
    let check = |args: &str, says: &str| {
        assert_eq!(folder.fail(args), says);
        assert_eq!(folder.names(), ["bad.csv", "good.csv"], "{args}");
    };
    check(
        "eda bad.csv",
        "bad.csv, line 2: expected 2 fields as in the header, got 1",
    );
    check(
        "eda good.csv --target z",
        "good.csv: there is no column 'z' to use as the target, expected one of 'a', 'y'",
    );
    assert!(
        folder
            .fail("eda missing.csv")
            .starts_with("cannot read missing.csv: ")
    );
}
