//! `underwrite score`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::Read;

use common::{Folder, data, points_model};
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_files::parquet::CsvText;

const HEADER: &str = "name,city,income,credit_score,loan_amount,years_employed,points";

fn folder(input: &str) -> Folder {
    Folder::new(&[("model.wasm", points_model()), ("in.csv", input.as_bytes())])
}

const SCORE: &str = "score --model model.wasm --input in.csv --output out.csv";

/// Probability and prediction of each row; the outcome says the same.
fn added(scored: &str) -> Vec<(f64, u8)> {
    let rows = scored.lines().skip(1).map(|line| {
        let mut fields = line.rsplit(',');
        // What was adjusted, and the version.
        assert_eq!(fields.next(), Some("1.0.0"));
        assert_eq!(fields.next(), Some(""));
        let outcome = fields.next().unwrap();
        let prediction = fields.next().unwrap().parse().unwrap();
        assert_eq!(
            outcome,
            ["decline", "approve"][usize::from(prediction == 1)]
        );
        (fields.next().unwrap().parse().unwrap(), prediction)
    });
    rows.collect()
}

#[test]
fn adds_columns_and_keeps_the_rest_as_it_is() {
    let rows = [
        "Ada,\"Elm, wick\", 106428 ,808,31900.0,2,9.14e1",
        "\"O \"\"B\"\"\",Straße,48853,612,7000,9,26.7",
    ];
    let folder = folder(&format!("{HEADER}\r\n{}\r\n{}\r\n", rows[0], rows[1]));
    assert_eq!(folder.succeed(SCORE), "");
    let scored = folder.text("out.csv");
    let lines: Vec<&str> = scored.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(
        lines[0],
        format!("{HEADER},probability,prediction,outcome,adjustments,model_version")
    );
    for (line, row) in lines[1..].iter().zip(rows) {
        assert!(line.starts_with(&format!("{row},0.")), "{line}");
    }
    for (probability, prediction) in added(&scored) {
        assert_eq!(prediction, u8::from(probability >= 0.5));
    }
}

#[test]
fn the_name_of_the_output_says_whether_it_is_parquet() {
    let rows = [
        "Ada,Elmwick,106428,808,31900.0,2,9.14e1",
        ",Straße,48853,612,7000,9,26.7",
    ];
    let folder = folder(&format!("{HEADER}\n{}\n{}\n", rows[0], rows[1]));
    folder.succeed(SCORE);
    let parquet = "score --model model.wasm --input in.csv --output out.Parquet";
    assert_eq!(folder.succeed(parquet), "");
    let mut text = String::new();
    let mut scored = CsvText::open(&folder.path("out.Parquet"), "out").unwrap();
    scored.read_to_string(&mut text).unwrap();
    let expected = folder.text("out.csv");
    let expected = expected
        .replace("31900.0", "31900")
        .replace("9.14e1", "91.4");
    assert_eq!(text, expected);
    // Parquet is read as Parquet, whatever the file is called.
    std::fs::rename(folder.path("out.Parquet"), folder.path("in.csv")).unwrap();
    let again = "score --model model.wasm --input in.csv --output again.parquet --pass-through";
    let error = folder.fail(again);
    assert!(
        error.contains("in.csv: the file already has a column 'probability'"),
        "{error}"
    );
    assert!(!folder.path("again.parquet").exists());
}

#[test]
fn a_whole_file_with_its_target_is_scored_as_training_measured_it() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let input = data("points_sample.csv");
    folder.succeed(&format!(
        "score --model model.wasm --input {input} --output out.csv"
    ));
    let input = std::fs::read_to_string(input).unwrap();
    let scored = folder.text("out.csv");
    let answers = input
        .lines()
        .skip(1)
        .map(|line| u8::from(line.ends_with("True")));
    let right = answers
        .zip(added(&scored))
        .filter(|(answer, (_, got))| answer == got)
        .count();
    assert_eq!(scored.lines().count(), 2001);
    assert!(right > 1750, "{right} of 2000 right");
}

#[test]
fn probabilities_have_the_digits_of_a_decision() {
    let rows = [
        (20_000, 300, 1, 0.5),
        (106_428, 808, 2, 91.4),
        (50_000, 650, 3, 47.0),
    ];
    let mut input = format!("{HEADER}\n");
    let mut requests = Vec::new();
    for (income, score, years, points) in rows {
        input += &format!(",,{income},{score},9000,{years},{points}\n");
        requests.push(format!(
            r#"{{"income":{income},"credit_score":{score},"loan_amount":9000,"years_employed":{years},"points":{points}}}"#
        ));
    }
    let folder = folder(&input);
    folder.succeed(SCORE);
    let artifact = ModelFile::open(points_model()).unwrap().artifact();
    let mut decider = Decider::load(artifact).unwrap();
    for (line, request) in folder.text("out.csv").lines().skip(1).zip(requests) {
        let mut answer = Vec::new();
        assert_eq!(decider.decide(request.as_bytes(), &mut answer), 200);
        let answer = String::from_utf8(answer).unwrap();
        let probability = line.rsplit(',').nth(4).unwrap();
        let expect = format!("\"probability\":{probability},");
        assert!(answer.contains(&expect), "{answer} should have {expect}");
    }
}

#[test]
fn reads_standard_input_and_writes_standard_output() {
    let folder = folder("");
    let input = format!("{HEADER}\n,,50000,700,1000,3,50\n");
    let output = folder.pipe(
        "score --model model.wasm --input - --output -",
        input.as_bytes(),
    );
    assert!(output.status.success());
    assert_eq!(added(&String::from_utf8(output.stdout).unwrap()).len(), 1);
}

/// Its columns are at its end, which a stream does not have yet.
#[test]
fn parquet_on_standard_input_is_told_apart_from_text() {
    let folder = folder("");
    let command = "score --model model.wasm --input - --output -";
    let output = folder.pipe(command, b"PAR1\x15\x04\xffPAR1");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let expected = "standard input: Parquet is read from a file";
    assert!(error.contains(expected), "{error}");
    // Less than its first bytes is text.
    let output = folder.pipe(command, b"PA");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("standard input") && !error.contains("Parquet"),
        "{error}"
    );
}

#[test]
fn a_refused_row_stops_or_is_left_blank() {
    let rows = ",,50000,700,1000,3,50\n,,50000,950,1000,3,50\n,,60000,700,1000,3,50\n";
    let folder = folder(&format!("{HEADER}\n{rows}"));
    assert_eq!(
        folder.fail(SCORE),
        "in.csv, line 3, column 'credit_score': Input should be less than or equal to 900, got '950'"
    );
    assert_eq!(folder.names(), ["in.csv", "model.wasm"]);

    let output = folder.run(&format!("{SCORE} --on-invalid blank"));
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "1 row was refused and left blank\n"
    );
    let scored = folder.text("out.csv");
    let lines: Vec<&str> = scored.lines().collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[2], ",,50000,950,1000,3,50,,,,,");
    assert!(!lines[3].ends_with(','));
}

#[test]
fn columns_must_fit_the_schema() {
    let check = |header: &str, expect: &str| {
        let error = folder(&format!("{header}\n")).fail(SCORE);
        assert_eq!(error, format!("in.csv, {expect}"));
    };
    check(
        "income,credit_scor,loan_amount,years_employed,points",
        "line 1, column 'credit_scor': the schema does not know this column; did you mean 'credit_score'? \
         Copy it as it is with --pass-through, list it in the schema (role = \"ignored\"), or remove it",
    );
    check(
        "income,loan_amount,years_employed,points",
        "column 'credit_score': the column is missing; the file has 'income', 'loan_amount', 'years_employed', 'points'",
    );
}

#[test]
fn many_blocks_are_scored_in_order() {
    let row = |i: u32| format!("n{i},,{},700,1000,3,50\n", 20_000 + i);
    let rows: String = (0..5000).map(row).collect();
    let folder = folder(&format!("{HEADER}\n{rows}"));
    folder.succeed(SCORE);
    let scored = folder.text("out.csv");
    assert_eq!(scored.lines().count(), 5001);
    for (i, line) in scored.lines().skip(1).enumerate() {
        assert!(line.starts_with(&format!("n{i},,")), "{line}");
    }
    // The weight of income is positive: the probability rises with every row.
    let probabilities: Vec<f64> = added(&scored).into_iter().map(|(p, _)| p).collect();
    assert!(probabilities.is_sorted());
}

#[test]
fn what_was_adjusted_is_listed_with_the_version_that_decided() {
    let schema = r#"
name = "small"
version = "2.3.0"
[[feature]]
name = "id"
type = "category"
role = "ignored"
[[feature]]
name = "age"
type = "integer"
minimum = 18
maximum = 100
out_of_range = "clamp"
[[feature]]
name = "kind"
type = "category"
categories = ["a", "b"]
unknown = "most_frequent"
missing = "impute"
[[feature]]
name = "share"
type = "number"
derived = "age / 10"
round = 1
mismatch = "overwrite"
[[feature]]
name = "good"
type = "boolean"
role = "target"
"#;
    let row = |age: u32| {
        format!(
            "{age},{age},{},,{}\n",
            ["a", "b"][(age % 2) as usize],
            age.is_multiple_of(3)
        )
    };
    let rows: String = (18..100).cycle().take(400).map(row).collect();
    let train = format!("id,age,kind,share,good\n{rows}");
    let input = "id,age,kind,share\nx1,40,a,\nx2,144,a,\nx3,40,,\nx4,40,c,1.5\n";
    let folder = Folder::new(&[
        ("schema.toml", schema.as_bytes()),
        ("train.csv", train.as_bytes()),
        ("in.csv", input.as_bytes()),
    ]);
    folder.succeed(
        "train --data train.csv --schema schema.toml --out model.wasm --model logistic_regression",
    );
    folder.succeed(SCORE);
    let scored = folder.text("out.csv");
    let ends: Vec<(&str, &str)> = scored
        .lines()
        .skip(1)
        .map(|line| {
            let (rest, version) = line.rsplit_once(',').unwrap();
            assert_eq!(version, "2.3.0");
            (&line[..2], rest.rsplit(',').next().unwrap())
        })
        .collect();
    assert_eq!(ends[0], ("x1", ""));
    assert_eq!(ends[1], ("x2", "age:out_of_range:100"));
    assert!(ends[2].1.starts_with("kind:missing:"), "{scored}");
    assert!(ends[3].1.starts_with("kind:unknown:"), "{scored}");
    assert!(ends[3].1.ends_with(";share:mismatch:4"), "{scored}");
}
