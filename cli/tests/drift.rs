//! `underwrite drift`: what it writes, how it ends, what it says to bad input.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data, points_model};

/// Rows of a number and a category; the number is shifted, the category is always of three.
fn batch(rows: u64, shift: f64) -> String {
    let mut csv = String::from("income,home,approved\n");
    for row in 0..rows {
        let mixed = row
            .wrapping_add((shift * 1e6) as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let unit = (mixed >> 11) as f64 / (1u64 << 53) as f64;
        let home = ["RENT", "OWN", "MORTGAGE"][(mixed >> 20) as usize % 3];
        let income = ((unit + shift) * 1000.0).round();
        csv.push_str(&format!("{income},{home},{}\n", mixed >> 40 & 1));
    }
    csv
}

fn folder(files: &[(&str, &str)]) -> Folder {
    let files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(n, text)| (*n, text.as_bytes()))
        .collect();
    Folder::new(&files)
}

fn compared(reference: &str, current: &str, args: &str) -> (Folder, serde_json::Value) {
    let folder = folder(&[("r.csv", reference), ("c.csv", current)]);
    folder.succeed(&format!(
        "drift --reference r.csv --current c.csv --json d.json {args}"
    ));
    let json = serde_json::from_slice(&folder.read("d.json")).unwrap();
    (folder, json)
}

#[test]
fn finds_a_shift_and_nothing_else() {
    let (folder, json) = compared(&batch(2000, 0.0), &batch(2000, 0.2), "");
    assert_eq!(json["dataset_drift"], true);
    assert_eq!(json["share_drifted"], 1.0 / 3.0);
    let income = &json["columns"]["income"];
    assert_eq!(income["drift"], true);
    assert_eq!(income["method"], "Cramér-von Mises test");
    assert!(income["score"].as_f64().unwrap() < income["threshold"].as_f64().unwrap());
    assert_eq!(json["columns"]["home"]["drift"], false);
    let html = folder.text("reports/drift_report.html");
    assert!(html.contains("income") && html.contains("<svg"));
    for address in ["http://", "https://", "<script"] {
        let foreign = html.matches(address).count();
        let of_svg = html.matches("http://www.w3.org/2000/svg").count();
        assert_eq!(
            foreign,
            if address == "http://" { of_svg } else { 0 },
            "{address}"
        );
    }
}

#[test]
fn exit_code_is_1_only_when_asked() {
    let folder = folder(&[("r.csv", &batch(500, 0.0)), ("c.csv", &batch(500, 0.5))]);
    let run = |args: &str| {
        folder
            .run(&format!("drift --reference r.csv --current c.csv {args}"))
            .status
            .code()
    };
    assert_eq!(run(""), Some(0));
    assert_eq!(run("--fail-on-drift"), Some(1));
    let same = folder.run("drift --reference r.csv --current r.csv --fail-on-drift");
    assert_eq!(same.status.code(), Some(0));
    assert_eq!(folder.run("drift --reference r.csv").status.code(), Some(2));
}

#[test]
fn the_evidently_preset_chooses_as_that_version_does() {
    let (_, json) = compared(&batch(900, 0.0), &batch(700, 0.1), "--preset evidently");
    assert_eq!(
        json["columns"]["income"]["method"],
        "Kolmogorov-Smirnov test"
    );
    assert_eq!(json["columns"]["home"]["method"], "Chi-square test");
    assert_eq!(
        json["columns"]["approved"]["method"],
        "Z-test for proportions"
    );
    let (_, json) = compared(&batch(1100, 0.0), &batch(700, 0.1), "--preset evidently");
    assert_eq!(
        json["columns"]["income"]["method"],
        "Wasserstein distance (normed)"
    );
    assert_eq!(
        json["columns"]["approved"]["method"],
        "Jensen-Shannon distance"
    );
    assert_eq!(json["columns"]["approved"]["threshold"], 0.1);
}

#[test]
fn a_self_check_says_what_it_is() {
    let folder = folder(&[("r.csv", &batch(3000, 0.0))]);
    let said = folder.succeed("drift --reference r.csv --self-check --json d.json");
    assert!(
        said.contains("Self-check: the current batch is a sample of the reference"),
        "{said}"
    );
    let json: serde_json::Value = serde_json::from_slice(&folder.read("d.json")).unwrap();
    assert_eq!(json["self_check"], true);
    assert_eq!(json["dataset_drift"], false);
    let rows = json["current_rows"].as_u64().unwrap();
    assert!((800..1200).contains(&rows), "{rows}");
    assert!(
        folder
            .text("reports/drift_report.html")
            .contains("Self-check")
    );
}

#[test]
fn sketches_stand_for_files_and_add_up() {
    let whole = batch(1000, 0.0);
    let lines: Vec<&str> = whole.lines().collect();
    let part = |rows: &[&str]| format!("{}\n{}\n", lines[0], rows.join("\n"));
    let folder = folder(&[
        ("w.csv", &whole),
        ("a.csv", &part(&lines[1..400])),
        ("b.csv", &part(&lines[400..])),
        ("c.csv", &batch(1000, 0.4)),
    ]);
    for name in ["w", "a", "b"] {
        folder.succeed(&format!(
            "drift sketch --data {name}.csv --out {name}.sketch"
        ));
    }
    folder.succeed("drift merge b.sketch a.sketch --out ab.sketch");
    assert_eq!(folder.read("ab.sketch"), folder.read("w.sketch"));
    let said = folder.succeed("drift --reference ab.sketch --current c.csv");
    assert!(
        said.contains("1 of 3 columns has drifted: income."),
        "{said}"
    );
    let error = folder.fail("drift --reference w.sketch --self-check");
    assert!(error.contains("a self-check samples rows"), "{error}");
}

#[test]
fn a_model_stands_for_its_training_rows() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let points = data("points_sample.csv");
    let said = folder.succeed(&format!(
        "drift --reference model.wasm --current {points} --json d.json --markdown d.md --junit d.xml"
    ));
    assert!(said.contains("None of the"), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&folder.read("d.json")).unwrap();
    assert_eq!(json["columns"]["prediction"]["role"], "prediction");
    assert_eq!(json["columns"]["prediction"]["drift"], false);
    let (measured, estimated) = (
        &json["performance"]["measured"],
        &json["performance"]["estimated"],
    );
    let apart = measured["accuracy"].as_f64().unwrap() - estimated["accuracy"].as_f64().unwrap();
    assert!(apart.abs() < 0.05, "{measured} {estimated}");
    assert!(folder.text("d.md").starts_with("# No drift found"));
    assert!(folder.text("d.xml").contains("failures=\"0\""));
    let error = folder.fail(&format!(
        "drift --reference model.wasm --current {points} --preset evidently"
    ));
    assert!(
        error.contains("carries a sketch of its training rows"),
        "{error}"
    );
}

fn check(current: &[u8], args: &str, expect: &str) {
    let reference = batch(300, 0.0);
    let folder = Folder::new(&[("r.csv", reference.as_bytes()), ("c.csv", current)]);
    let error = folder.fail(&format!("drift --reference r.csv --current c.csv {args}"));
    assert!(
        error.starts_with(expect),
        "got {error:?}, expected {expect:?}"
    );
    assert_eq!(folder.names(), ["c.csv", "r.csv"]);
}

#[test]
fn bad_files() {
    check(b"", "", "c.csv: the file is empty");
    check(b"income,home,approved\n", "", "c.csv: there are no rows");
    check(
        b"income,home,approved\n1,OWN,1\n",
        "",
        "the current batch has 1 row, at least 10",
    );
    check(
        b"income,home,approved\n1,OWN,1\n",
        "--preset evidently",
        "the current batch has 1 row, at least 2",
    );
    check(
        b"income,home,approved\n1,OWN,1\n2,RE",
        "",
        "c.csv, line 3: expected 3 fields",
    );
    check(
        b"income,home,income\n1,OWN,1\n",
        "",
        "c.csv, line 1, column 'income': the header names this column twice",
    );
    check(
        b"income,home,approved\n1,\xff,1\n",
        "",
        "c.csv, line 2, column 'home': the text is not UTF-8",
    );
    check(
        b"wage,house\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n1,a\n",
        "",
        "the batches have no column in common",
    );
    check(
        b"PAR1 and then nothing of the kind",
        "",
        "c.csv: the Parquet file cannot be read",
    );
    check(b"\0asm\x01\0\0\0", "", "c.csv: ");
    check(b"UWDRIFT\0\x01", "", "c.csv: the sketch has 9 bytes");
}

#[test]
fn bad_arguments() {
    let current = batch(100, 0.0);
    check(
        current.as_bytes(),
        "--method kstest",
        "there is no method 'kstest': choose one of ks, wasserstein",
    );
    let folder = folder(&[("r.csv", &current)]);
    let error = folder.fail("drift --reference r.csv");
    assert!(
        error.starts_with("--current is missing: name the batch"),
        "{error}"
    );
    let error = folder.fail("drift --reference r.csv --current nowhere.csv");
    assert!(
        error.starts_with("cannot read nowhere.csv: No such file"),
        "{error}"
    );
    let error = folder.fail("drift merge r.csv --out s.sketch");
    assert!(error.starts_with("r.csv: not a drift sketch"), "{error}");
}

/// The verdict and sentence of column `income` when the current batch holds these cells.
fn income(cells: &[&str]) -> serde_json::Value {
    let rows: Vec<String> = cells.iter().map(|cell| format!("{cell},OWN,1")).collect();
    let current = format!("income,home,approved\n{}\n", rows.join("\n"));
    compared(&batch(300, 0.0), &current, "").1["columns"]["income"].clone()
}

#[test]
fn strange_columns_are_never_quietly_without_drift() {
    let check = |cell: &str, expect: &str| {
        let column = income(&[cell; 40]);
        assert_eq!(column["drift"], true, "{cell}: {column}");
        let sentence = column["sentence"].as_str().unwrap();
        assert!(sentence.starts_with(expect), "{cell}: {sentence}");
    };
    check("", "Every value is missing");
    check("NaN", "Every value is missing");
    check(
        "much",
        "The type changed: none of the 40 values of the current batch is a number",
    );
    check("inf", "Every value is infinite");
    check("100", "The median fell");
    let half = income(&[["500"; 20], ["word"; 20]].concat());
    assert_eq!(half["drift"], true);
    assert_eq!(half["current"]["invalid"], 20);
}

#[test]
fn lost_new_and_swapped_columns() {
    let rows = |header: &str, row: &str| format!("{header}\n{}", format!("{row}\n").repeat(50));
    let (folder, json) = compared(
        &batch(300, 0.0),
        &rows("home,approved,extra", "CASTLE,1,5"),
        "",
    );
    assert_eq!(
        json["columns"]["income"]["sentence"],
        "The current batch does not have this column."
    );
    assert_eq!(json["columns"]["income"]["drift"], true);
    assert_eq!(json["columns"]["home"]["new_categories"][0], "CASTLE");
    assert_eq!(json["new_columns"][0], "extra");
    assert!(folder.text("reports/drift_report.html").contains("CASTLE"));
    let (_, json) = compared(
        &batch(300, 0.0),
        &rows("home,income,approved", "5,RENT,1"),
        "",
    );
    for name in ["home", "income"] {
        let sentence = json["columns"][name]["sentence"].as_str().unwrap();
        assert!(
            sentence.starts_with("The type changed"),
            "{name}: {sentence}"
        );
        assert_eq!(json["columns"][name]["drift"], true);
    }
}

#[test]
fn values_cannot_break_out_of_a_report() {
    let evil = "<script>alert(1)</script>\u{1b}[2J";
    let reference = batch(300, 0.0);
    let current = batch(300, 0.0).replace("OWN", evil);
    let (folder, json) = compared(&reference, &current, "--junit d.xml --markdown d.md");
    assert_eq!(json["columns"]["home"]["drift"], true);
    for file in ["reports/drift_report.html", "d.xml", "d.md"] {
        assert!(!folder.text(file).contains("<script"), "{file}");
    }
    // These two may go to a terminal.
    for file in ["d.xml", "d.md"] {
        assert!(!folder.text(file).contains('\u{1b}'), "{file}");
    }
    assert!(
        folder.text("d.md").contains(r"\u{1b}"),
        "{}",
        folder.text("d.md")
    );
}

#[test]
fn parquet_and_csv_of_the_same_rows_are_the_same() {
    let file = |name: &str| format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new(&[]);
    folder.succeed(&format!(
        "drift sketch --data {} --out c.sketch",
        file("batch.csv")
    ));
    folder.succeed(&format!(
        "drift sketch --data {} --out p.sketch",
        file("batch.parquet")
    ));
    assert_eq!(folder.read("c.sketch"), folder.read("p.sketch"));
    folder.succeed(&format!(
        "drift sketch --data {} --out z.sketch",
        file("batch_zstd.parquet")
    ));
    assert_eq!(folder.read("c.sketch"), folder.read("z.sketch"));
    let bytes = std::fs::read(file("batch.parquet")).unwrap();
    for len in [10, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(folder.path("cut.parquet"), &bytes[..len]).unwrap();
        let error = folder.fail(&format!(
            "drift --reference {} --current cut.parquet",
            file("batch.csv")
        ));
        assert!(
            error.starts_with("cut.parquet: the Parquet file cannot be read"),
            "{error}"
        );
    }
}

/// A column without a value in either batch is not one that has not drifted.
#[test]
fn what_cannot_be_compared_is_said() {
    let mut empty = String::from("income,home,approved\n");
    let mut nothing = String::from("income\n");
    for line in batch(200, 0.0).lines().skip(1) {
        empty.push_str(&format!(",{}\n", line.split_once(',').unwrap().1));
        nothing.push_str("NA\n");
    }
    let folder = folder(&[("r.csv", &empty), ("n.csv", &nothing)]);
    let said = folder.succeed("drift --reference r.csv --current r.csv");
    assert!(
        said.contains("Not compared, because a batch has no values: income"),
        "{said}"
    );
    let said = folder.succeed("drift --reference n.csv --current n.csv");
    assert!(said.starts_with("Inconclusive"), "{said}");
    let html = folder.text("reports/drift_report.html");
    assert!(html.contains("Inconclusive") && !html.contains("No drift found"));
}

/// What only a model's training can know is no drift of a batch without it.
#[test]
fn labels_that_are_not_there_are_no_drift() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let rows = std::fs::read_to_string(data("points_sample.csv")).unwrap();
    let mut lines = rows.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let target = header.len() - 1;
    let mut csv = header[..target].join(",") + "\n";
    for line in lines {
        csv.push_str(&line.split(',').take(target).collect::<Vec<_>>().join(","));
        csv.push('\n');
    }
    std::fs::write(folder.path("c.csv"), csv).unwrap();
    let said = folder.succeed("drift --reference model.wasm --current c.csv --json d.json");
    assert!(said.contains("has no labels"), "{said}");
    let json: serde_json::Value = serde_json::from_slice(&folder.read("d.json")).unwrap();
    assert!(json["columns"].get(header[target]).is_none(), "{said}");
    assert_eq!(json["new_columns"].as_array().unwrap().len(), 0);
}

/// That an outcome is not known yet is no drift of it.
#[test]
fn rows_without_an_outcome_are_no_drift() {
    let rows = month(1);
    let mut lines = rows.lines();
    let mut recent = format!("{}\n", lines.next().unwrap());
    for (row, line) in lines.enumerate() {
        let (known, _) = line.rsplit_once(',').unwrap();
        // Whether an outcome is known has nothing to do with it.
        let line = if row % 4 < 2 {
            line
        } else {
            &format!("{known},")
        };
        recent += &format!("{line}\n");
    }
    let folder = folder(&[
        ("a.csv", &rows),
        ("b.csv", &recent),
        ("s.toml", ONE_IGNORED),
    ]);
    let said = folder.succeed(
        "drift --reference a.csv --current b.csv --schema s.toml --json d.json --fail-on-drift",
    );
    assert!(
        said.contains("300 rows have no label in the current batch"),
        "{said}"
    );
    let json: serde_json::Value = serde_json::from_slice(&folder.read("d.json")).unwrap();
    assert_eq!(json["columns"]["approved"]["drift"], false, "{said}");
}

const ONE_IGNORED: &str = r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "month"
type = "integer"
role = "ignored"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

/// Incomes of the same distribution, in one month.
fn month(month: u32) -> String {
    let row = |n: u32| format!("{month},{},{}\n", 1000 + n * 7919 % 997, n % 2);
    format!(
        "month,income,approved\n{}",
        (0..600).map(row).collect::<String>()
    )
}

#[test]
fn an_ignored_column_never_makes_a_batch_drift() {
    let (january, march) = (month(1), month(3));
    let folder = folder(&[
        ("a.csv", &january),
        ("b.csv", &march),
        ("s.toml", ONE_IGNORED),
    ]);
    folder.succeed("drift sketch --data a.csv --schema s.toml --out a.sketch");
    folder.succeed("train --data a.csv --schema s.toml --model logistic_regression --out m.wasm");
    for reference in ["a.csv", "a.sketch", "m.wasm"] {
        folder.succeed(&format!(
            "drift --reference {reference} --current b.csv --schema s.toml --json d.json \
             --fail-on-drift"
        ));
        let json: serde_json::Value = serde_json::from_slice(&folder.read("d.json")).unwrap();
        assert_eq!(json["dataset_drift"], false, "{reference}");
        assert!(json["columns"]["month"].is_null(), "{reference}");
        let notes = json["notes"].to_string();
        assert!(notes.contains("month (ignored)"), "{reference}: {notes}");
    }
    // Nor by the preset of another tool.
    let said = folder.succeed(
        "drift --reference a.csv --current b.csv --schema s.toml --preset evidently --fail-on-drift",
    );
    assert!(said.contains("month (ignored)"), "{said}");
    // Without the schema it is a column like any other.
    let ended = folder.run("drift --reference a.csv --current b.csv --fail-on-drift");
    assert_eq!(ended.status.code(), Some(1));
}

/// Applications of which about one in 150 defaults. Those that weigh little default at random.
fn weighed(seed: u64) -> String {
    let mut csv = String::from("x,w,default\n");
    for row in 0..6000u64 {
        let mixed = (seed + row).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let unit = |shift: u32| (mixed >> shift & 0xfff) as f64 / 4096.0;
        let x = (unit(4) * 1000.0).round() / 100.0;
        let (weight, rate) = match unit(20) < 0.5 {
            true => (20, 0.03 * (x / 10.0).powi(6)),
            false => (1, 0.01),
        };
        let default = if unit(40) < rate { "yes" } else { "no" };
        csv += &format!("{x},{weight},{default}\n");
    }
    csv
}

/// What is measured is what `evaluate` measures, of a rare outcome and with weights.
#[test]
fn a_model_is_measured_as_evaluate_measures_it() {
    let schema = |role: &str| {
        format!(
            "name = \"rare\"\nversion = \"1.0.0\"\n\
             [[feature]]\nname = \"x\"\ntype = \"number\"\n\
             [[feature]]\nname = \"w\"\ntype = \"number\"\nrole = \"{role}\"\n\
             [[feature]]\nname = \"default\"\ntype = \"boolean\"\nrole = \"target\"\npositive = false\n"
        )
    };
    for role in ["weight", "ignored"] {
        let folder = folder(&[
            ("a.csv", &weighed(1)),
            ("b.csv", &weighed(1_000_000)),
            ("s.toml", &schema(role)),
        ]);
        let read = |name: &str| -> serde_json::Value {
            serde_json::from_slice(&folder.read(name)).unwrap()
        };
        folder
            .succeed("train --data a.csv --schema s.toml --model logistic_regression --out m.wasm");
        folder.succeed("evaluate --model m.wasm --data b.csv --json e.json --resamples 20");
        let said = folder.succeed("drift --reference m.wasm --current b.csv --json d.json");
        let (evaluated, drift) = (read("e.json"), read("d.json"));
        let measured = &drift["performance"]["measured"];
        for name in [
            "roc_auc",
            "accuracy",
            "precision",
            "recall",
            "f1",
            "log_loss",
            "brier",
        ] {
            let metrics = evaluated["metrics"].as_array().unwrap();
            let metric = metrics.iter().find(|one| one["name"] == name).unwrap();
            let expected = metric["value"].as_f64().unwrap();
            let name = name.trim_start_matches("roc_");
            let got = measured[name].as_f64().unwrap();
            assert!(
                (got - expected).abs() < 1e-9,
                "{role}, {name}: got {got}, evaluate {expected}"
            );
        }
        let is_weighted = role == "weight";
        assert_eq!(drift["performance"]["weighted"], is_weighted);
        assert_eq!(said.contains("with its weight"), is_weighted, "{said}");
        if is_weighted {
            let wrong = weighed(2).replacen(",20,", ",0,", 1);
            std::fs::write(folder.path("b.csv"), wrong).unwrap();
            let expect = "column 'w': expected a weight, a number from 1e-15 to 1e15, got '0'";
            for command in [
                "drift --reference m.wasm --current",
                "evaluate --model m.wasm --data",
            ] {
                let error = folder.fail(&format!("{command} b.csv"));
                assert!(error.ends_with(expect), "{error}");
            }
        }
    }
}

/// It was once always that of the verdict without `--method`.
#[test]
fn a_statistic_is_that_of_the_method() {
    let income = |args: &str| {
        let (_, json) = compared(&batch(2000, 0.0), &batch(2000, 0.2), args);
        json["columns"]["income"].clone()
    };
    let usual = income("");
    let of_ranks = income("--method cramer_von_mises");
    assert_eq!(of_ranks["statistic"], usual["statistic"]);
    // The greatest difference of two distribution functions, which the effect is too.
    let ks = income("--method ks");
    assert_eq!(ks["statistic"], usual["effect_size"]);
    assert_ne!(ks["statistic"], usual["statistic"]);
    assert!(income("--method psi")["statistic"].is_null());
}

#[test]
fn the_text_explains_the_method_that_was_used() {
    let how = |args: &str| {
        let (folder, json) = compared(&batch(2000, 0.0), &batch(2000, 0.2), args);
        let html = folder.text("reports/drift_report.html");
        let (_, how) = html.split_once("id=\"how\"").unwrap();
        (html.clone(), how.to_owned(), json)
    };
    let (html, text, json) = how("--method psi");
    assert!(
        text.contains("population stability index") && !text.contains("Benjamini"),
        "{text}"
    );
    assert!(html.contains(">Distance</th>") && !html.contains(">p-value</th>"));
    assert_eq!(json["method"], "psi");
    let (html, text, json) = how("");
    assert!(
        text.contains("Benjamini") && text.contains("3.0%"),
        "{text}"
    );
    assert!(!html.contains(">Distance</th>") && html.contains(">p-value</th>"));
    // The bands stand beside the test, and are called a custom.
    assert!(html.contains(">PSI / CSI</th>") && text.contains("By custom"));
    let income = &json["columns"]["income"];
    let index = income["stability_index"].as_f64().unwrap();
    assert_eq!(income["distances"]["psi"].as_f64(), Some(index));
    assert!(index > 0.25 && income["stability"] == "large", "{index}");
    assert_eq!(json["columns"]["home"]["stability"], "stable");
    // Both, where the method cannot compare every column.
    let (html, text, _) = how("--method wasserstein");
    assert!(html.contains(">Distance</th>") && html.contains(">p-value</th>"));
    assert!(
        text.contains("Wasserstein") && text.contains("Benjamini"),
        "{text}"
    );
}
