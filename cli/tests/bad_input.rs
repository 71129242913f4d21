//! What `train` says to bad input, and that it leaves alone what is on the disk.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data};

const SCHEMA: &str = r#"
name = "small"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

const TRAIN: &str = "train --data d.csv --schema s.toml --out model.wasm --metrics metrics.json";

fn check(files: &[(&str, &[u8])], args: &str, expect: &str) {
    let old: [(&str, &[u8]); 2] = [
        ("model.wasm", b"old model"),
        ("metrics.json", b"old figures"),
    ];
    let folder = Folder::new(&[&old[..], files].concat());
    let before = folder.names();
    let error = folder.fail(args);
    assert!(
        error.starts_with(expect),
        "got {error:?}, expected {expect:?}"
    );
    assert_eq!(folder.names(), before);
    for (name, bytes) in old {
        assert_eq!(folder.read(name), bytes, "{name}");
    }
}

fn check_data(csv: &[u8], expect: &str) {
    check(
        &[("s.toml", SCHEMA.as_bytes()), ("d.csv", csv)],
        TRAIN,
        expect,
    );
}

#[test]
fn bad_data() {
    check_data(
        b"approved\n1\n0\n",
        "d.csv, column 'income': the column is missing",
    );
    check_data(
        b"income\n1\n0\n",
        "d.csv, column 'approved': the column is missing",
    );
    check_data(
        b"incom,income,approved\n1,1,1\n",
        "d.csv, line 1, column 'incom': the schema does not know this column; did you mean 'income'?",
    );
    check_data(
        b"income,approved\n1,0\n2,\"1\n3,1\n",
        "d.csv, line 3: a quote (\") is in the wrong place or never closed",
    );
    check_data(
        b"income,approved\n1,0\n2,1,3\n",
        "d.csv, line 3: expected 2 fields",
    );
    check_data(
        b"income,approved\n1,0\nmuch,1\n",
        "d.csv, line 3, column 'income': Input should be a valid number",
    );
    check_data(b"income,approved\n", "d.csv: there are no rows");
    check_data(b"", "d.csv: the file is empty");
    check_data(
        b"income,approved\n1,1\n2,1\n",
        "d.csv: every row has the same target value (approved = true)",
    );
    check_data(
        b"income,approved\n1,1\n2,0\n3,0\n",
        "after splitting, the training rows contain only one class",
    );
    check_data(
        b"income,approved\n1,0\n\xff\xfe,1\n",
        "d.csv, line 3, column 'income': the text is not UTF-8",
    );
    check(
        &[("s.toml", SCHEMA.as_bytes())],
        TRAIN,
        "cannot read d.csv: No such file",
    );
}

#[test]
fn bad_schemas() {
    let check = |schema: &[u8], expect: &str| {
        let csv: &[u8] = b"income,approved\n1,0\n";
        check(&[("s.toml", schema), ("d.csv", csv)], TRAIN, expect);
    };
    let replaced = |from: &str, to: &str| SCHEMA.replace(from, to).into_bytes();
    check(
        &replaced("type = \"number\"", "typ = \"number\""),
        "s.toml, line 7, column 1: unknown key `typ`",
    );
    check(
        &replaced("\"number\"", "\"numeral\""),
        "s.toml, line 7, column 8: ",
    );
    check(&replaced("role = \"target\"", ""), "s.toml, line ");
    check(b"name = ", "s.toml, line 1, column ");
    check(b"name = \"\xff\"", "s.toml: the text is not UTF-8");
}

#[test]
fn bad_test_rows() {
    let csv: &[u8] = b"income,approved\n1,0\n2,1\n3,0\n4,1\n5,0\n";
    let check = |rows: &[u8], expect: &str| {
        check(
            &[
                ("s.toml", SCHEMA.as_bytes()),
                ("d.csv", csv),
                ("rows.csv", rows),
            ],
            &format!("{TRAIN} --test-rows rows.csv"),
            expect,
        );
    };
    check(
        b"line\n1\n",
        "rows.csv, column 'row': the column is missing",
    );
    check(
        b"row\n5\n",
        "rows.csv, line 2, column 'row': expected a row number from 0 to 4",
    );
    check(
        b"row\n1\n1\n",
        "rows.csv, line 3, column 'row': expected each row once",
    );
    check(
        b"row\n0\n",
        "after splitting, the test rows contain only one class",
    );
}

#[test]
fn bad_places() {
    let folder = Folder::new(&[]);
    let train = |out: &str| {
        let (data, schema) = (data("points_sample.csv"), data("points.toml"));
        folder.fail(&format!(
            "train --data {data} --schema {schema} --out {out}"
        ))
    };
    let error = train("/proc/nowhere/model.wasm");
    assert!(
        error.starts_with("cannot create the folder /proc/nowhere: "),
        "{error}"
    );
    let error = train("/proc/model.wasm");
    assert!(
        error.starts_with("cannot write /proc/model.wasm: ") && !error.contains(".underwrite"),
        "{error}"
    );
    assert_eq!(train("."), "cannot write .: it is a folder");
}

#[test]
fn bad_arguments_end_with_2_as_well() {
    let output = Folder::new(&[]).run("train --model perceptron");
    assert_eq!(output.status.code(), Some(2));
}

/// A file that is read, or that another flag writes, is not overwritten.
#[test]
fn no_file_is_lost_to_an_output() {
    let files: [(&str, &[u8]); 2] = [
        ("s.toml", SCHEMA.as_bytes()),
        ("d.csv", b"income,approved\n1,0\n2,1\n"),
    ];
    let train = "train --data d.csv --schema s.toml";
    for (args, problem) in [
        (
            format!("{train} --out ./d.csv"),
            "is the file of --data, which would be overwritten",
        ),
        (
            format!("{train} --out s.toml"),
            "is the file of --schema, which would be overwritten",
        ),
        (
            format!("{train} --out m.wasm --report d.csv"),
            "is the file of --data, which would be overwritten",
        ),
        (
            format!("{train} --out m.wasm --metrics m.wasm"),
            "is the file of --out, which would be overwritten",
        ),
        (
            "eda d.csv --out d.csv".to_owned(),
            "is the file of the data, which would be overwritten",
        ),
        (
            "schema infer d.csv --out d.csv".to_owned(),
            "is the file of the data, which would be overwritten",
        ),
        (
            "drift --reference d.csv --current d.csv --json d.csv".to_owned(),
            "is the file of --reference, which would be overwritten",
        ),
        (
            "score --model model.wasm --input d.csv --output model.wasm".to_owned(),
            "is the file of --model, which would be overwritten",
        ),
        (
            format!("{train} --card card.toml --out m.wasm --report card.toml"),
            "is the file of --card, which would be overwritten",
        ),
        (
            format!("{train} --config c.toml --out c.toml"),
            "is the file of --config, which would be overwritten",
        ),
        (
            format!("{train} --mlflow-token-file token --out new/../token"),
            "is the file of --mlflow-token-file, which would be overwritten",
        ),
        (
            "drift --reference d.csv --current d.csv --config c.toml --json c.toml".to_owned(),
            "is the file of --config, which would be overwritten",
        ),
        (
            "pull acme/loans --token-file token --out token".to_owned(),
            "is the file of --token-file, which would be overwritten",
        ),
        (
            "sign . --key model.sig".to_owned(),
            "is the file of --key, which would be overwritten",
        ),
    ] {
        let others: [(&str, &[u8]); 5] = [
            ("model.wasm", b"a model"),
            ("card.toml", b""),
            ("c.toml", b"[train]\nseed = 7\n"),
            ("token", b"secret"),
            ("model.sig", b"a key"),
        ];
        let files = [&files[..], &others].concat();
        let folder = Folder::new(&files);
        let before = folder.names();
        let error = folder.fail(&args);
        assert!(error.contains(problem), "{args}: {error}");
        assert_eq!(folder.names(), before, "{args}");
        for (name, bytes) in files {
            assert_eq!(folder.read(name), bytes, "{args}: {name}");
        }
    }
}

#[test]
fn the_name_of_the_answers_is_no_feature() {
    let schema = SCHEMA.replace("\"income\"", "\"prediction\"");
    check(
        &[
            ("s.toml", schema.as_bytes()),
            ("d.csv", b"prediction,approved\n1,0\n2,1\n"),
        ],
        TRAIN,
        "s.toml: feature 'prediction': drift reports use this name for the model's answers",
    );
}
