//! `underwrite schema infer`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data};

#[test]
fn the_draft_loads_and_trains() {
    for name in ["points_sample", "loan_sample", "german_credit"] {
        let folder = Folder::new(&[]);
        let csv = data(&format!("{name}.csv"));
        folder.succeed(&format!("schema infer {csv} --out s.toml"));
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
            format!("{}", 2000 + i)
        };
        let answer = ["good", "bad"][i % 2];
        csv += &format!(
            "x{i},{},{}.25,\"{home}\",{member},{joined},,{answer}\n",
            20 + i,
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
            .succeed("schema infer d.csv --target a")
            .contains("name = \"a\"\nrole = \"target\"")
    );
}
