//! An import from file to artifact: what it answers, keeps and says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use common::{Given, LIGHTGBM, SKLEARN, TREES, log_odds};
use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::details::Details;
use model_core::schema::SchemaFile;
use model_import::source::{Content, Library};
use model_import::{Options, Record, read};
use serde_json::Value;

fn decide(artifact: &[u8], request: &str) -> Value {
    let mut decider = Decider::load(artifact).unwrap();
    let mut answer = Vec::new();
    let status = decider.decide(request.as_bytes(), &mut answer);
    let text = String::from_utf8(answer).unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn an_imported_model_decides_and_says_where_it_comes_from() {
    let imported = Given::lightgbm().import().unwrap();
    let answer = decide(
        &imported.artifact,
        r#"{"income": 60, "grade": "B", "home": "OWN"}"#,
    );
    let expected = 1.0 / (1.0 + (-log_odds(Some(60.0), "B", "OWN")).exp());
    let probability = answer["probability"].as_f64().unwrap();
    assert!((probability - expected).abs() < 1e-15, "{probability}");
    assert_eq!(answer["approve"], true);
    assert_eq!((imported.proof.rows, imported.proof.allowed), (30, "2 ulp"));

    let artifact = Artifact::decode(&imported.artifact).unwrap();
    assert_eq!(artifact.encode().unwrap(), imported.artifact);
    assert_eq!(artifact.golden_rows.len(), 16);
    let details = Details::from_artifact(&artifact).unwrap();
    assert!(!details.reference.is_empty());
    let record = Record::read(&details.config).unwrap();
    assert_eq!(record.import.library, "LightGBM");
    assert_eq!(record.import.version, "format v4");
    assert_eq!(record.import.file_sha256, "ab".repeat(32));
    assert_eq!(record.check.rows, 30);
    assert!(record.check.largest_difference < 1e-15);
    assert!(
        record
            .import
            .in_words("1.0")
            .contains("from LightGBM format v4 by underwrite 1.0")
    );
    assert!(record.check.in_words().contains("on 30 rows"));
    assert!(Record::read("seed = 42").is_none());
}

#[test]
fn the_same_file_gives_the_same_bytes() {
    let given = Given::lightgbm();
    let [first, second] = [given.import(), given.import()].map(|imported| imported.unwrap());
    assert_eq!(first, second);
}

#[test]
fn golden_rows_are_drawn_and_not_copied() {
    let given = Given::lightgbm();
    let artifact = Artifact::decode(&given.import().unwrap().artifact).unwrap();
    let rows: Vec<&str> = given.rows.lines().collect();
    let copied = artifact.golden_rows.iter().filter(|golden| {
        let request: Value = serde_json::from_str(&golden.request).unwrap();
        let income = request["income"]
            .as_f64()
            .map_or(String::new(), |x| x.to_string());
        !income.is_empty()
            && rows
                .iter()
                .any(|row| row.starts_with(&format!("{income},")))
    });
    assert!(copied.count() < 4);
}

#[test]
fn check_rows_may_have_indicators_in_place_of_a_category() {
    let as_category = Given::lightgbm();
    let mut as_indicator = as_category.clone();
    let mut lines = as_category.rows.lines();
    let mut csv = lines.next().unwrap().replace("home", "home_RENT") + "\n";
    for line in lines {
        csv += &line.replace(",RENT,", ",1,").replace(",OWN,", ",0,");
        csv.push('\n');
    }
    as_indicator.rows = csv;
    assert_eq!(
        as_indicator.import().unwrap(),
        as_category.import().unwrap()
    );
}

#[test]
fn a_category_that_the_model_takes_as_a_number_becomes_one() {
    let codes = "categories = [\"RENT\", \"OWN\"]\ncodes = { RENT = 1, OWN = 0 }";
    let given = Given::lightgbm().file("home_RENT", "home").schema(
        "categories = [\"RENT\", \"OWN\"]\ncolumns = { RENT = \"home_RENT\" }",
        codes,
    );
    let by_name = given.import().unwrap();
    let by_code = given.rows(",RENT,", ",1,").rows(",OWN,", ",0.0,");
    assert_eq!(by_code.import().unwrap().artifact, by_name.artifact);
}

#[test]
fn a_schema_that_approves_the_other_class_turns_the_model_round() {
    let given =
        Given::lightgbm().schema("role = \"target\"", "role = \"target\"\npositive = false");
    let imported = given.import().unwrap();
    let answer = decide(
        &imported.artifact,
        r#"{"income": 60, "grade": "B", "home": "OWN"}"#,
    );
    let expected = 1.0 / (1.0 + log_odds(Some(60.0), "B", "OWN").exp());
    let probability = answer["probability"].as_f64().unwrap();
    assert!((probability - expected).abs() < 1e-16, "{probability}");
    assert_eq!(answer["approve"], false);
}

#[test]
fn a_category_target_approves_the_class_that_its_code_says() {
    let target = |codes: &str| {
        let given = Given::lightgbm().schema(
            "name = \"paid\"\ntype = \"boolean\"",
            &format!("name = \"risk\"\ntype = \"category\"\ncategories = [\"bad\", \"good\"]\npositive = \"good\"\n{codes}"),
        );
        given.import().unwrap()
    };
    let request = r#"{"income": 60, "grade": "B", "home": "OWN"}"#;
    for (codes, approve, approves, said) in [
        (
            "codes = { bad = 0, good = 1 }",
            true,
            "risk = good, class 1 of the model",
            "class_1 = good",
        ),
        (
            "codes = { bad = 1, good = 0 }",
            false,
            "risk = good, class 0 of the model",
            "class_1 = bad",
        ),
    ] {
        let imported = target(codes);
        assert_eq!(decide(&imported.artifact, request)["approve"], approve);
        assert_eq!(
            imported.approves,
            format!("applications likely to be {approves}")
        );
        let artifact = Artifact::decode(&imported.artifact).unwrap();
        let details = Details::from_artifact(&artifact).unwrap();
        let record = Record::read(&details.config).unwrap();
        assert_eq!(record.import.options, [said]);
    }
    assert_eq!(
        Given::lightgbm().import().unwrap().approves,
        "applications likely to be paid = true, class 1 of the model"
    );
}

#[test]
fn what_the_schema_clamps_is_said() {
    let given = Given::lightgbm().schema("minimum = 0", "minimum = 0\nout_of_range = \"clamp\"");
    let notes = given.import().unwrap().notes;
    assert!(
        notes[0].contains("'income': out_of_range = \"clamp\""),
        "{notes:?}"
    );
    assert!(Given::lightgbm().import().unwrap().notes.is_empty());
}

#[test]
fn a_category_that_the_model_does_not_know_is_said() {
    let given = Given::lightgbm().schema("\"C\"]", "\"C\", \"D\"]");
    let notes = given.import().unwrap().notes;
    assert!(
        notes[0].contains("does not know the category 'D'"),
        "{notes:?}"
    );
}

#[test]
fn zero_as_missing_is_one_cut_where_the_range_begins_above_zero() {
    // A missing value and 0 go right, all other incomes up to the cut left: two cuts.
    let given = Given::lightgbm().file("decision_type=10 1", "decision_type=4 1");
    let error = given.import().unwrap_err().to_string();
    assert!(
        error.contains("feature 'income' (column 'income', tree 0, node 0)"),
        "{error}"
    );
    // Beyond 0 it is one.
    let given = given.schema("minimum = 0", "minimum = 1");
    let source = read(Library::LightGbm, &given.file, &Options::default()).unwrap();
    let schema = SchemaFile::from_toml(&given.schema).unwrap();
    assert!(model_import::model(&source, &schema).is_ok());
}

#[test]
fn a_threshold_of_infinity_separates_missing_values_alone() {
    // Every number goes left, a missing one right.
    let mut given = Given::lightgbm()
        .file("threshold=50.5 0", "threshold=inf 0")
        .file("decision_type=10 1", "decision_type=8 1");
    let mut rows = "income,grade,home,expected\n".to_owned();
    for income in ["0", "50.6", "1e300", ""] {
        for (grade, missing) in [("A", 0.25), ("B", 2.0), ("C", 0.25)] {
            let first = if income.is_empty() { missing } else { -1.5 };
            let sum: f64 = first + 0.125;
            rows += &format!("{income},{grade},OWN,{}\n", 1.0 / (1.0 + (-sum).exp()));
        }
    }
    given.rows = rows;
    assert!(given.import().unwrap().proof.largest_difference < 1e-15);
}

#[test]
fn xgboost_says_the_same_as_json_and_as_ubjson() {
    let json = Given::xgboost();
    let mut ubj = json.clone();
    ubj.file = ubjson(&serde_json::from_slice(&json.file).unwrap());
    let imported = json.import().unwrap();
    assert_eq!(imported, ubj.import().unwrap());
    assert!(
        imported.proof.largest_difference < 1e-7,
        "{:?}",
        imported.proof
    );
    let artifact = Artifact::decode(&imported.artifact).unwrap();
    assert_eq!(artifact.encode().unwrap(), imported.artifact);
}

/// UBJSON with counted lists, as XGBoost writes it; lists of numbers as `f32`.
fn ubjson(value: &Value) -> Vec<u8> {
    let text = |text: &str| {
        let length = (text.len() as i64).to_be_bytes();
        [b"L".as_slice(), &length, text.as_bytes()].concat()
    };
    match value {
        Value::String(string) => [b"S".as_slice(), &text(string)].concat(),
        Value::Number(number) => {
            [b"D".as_slice(), &number.as_f64().unwrap().to_be_bytes()].concat()
        }
        Value::Array(list) if !list.is_empty() && list.iter().all(Value::is_f64) => {
            let mut bytes = b"[$d#L".to_vec();
            bytes.extend((list.len() as i64).to_be_bytes());
            let numbers = list.iter().map(|number| number.as_f64().unwrap() as f32);
            bytes.extend(numbers.flat_map(f32::to_be_bytes));
            bytes
        }
        Value::Array(list) => {
            let mut bytes = b"[#L".to_vec();
            bytes.extend((list.len() as i64).to_be_bytes());
            list.iter().for_each(|value| bytes.extend(ubjson(value)));
            bytes
        }
        Value::Object(fields) => {
            let mut bytes = b"{".to_vec();
            for (key, value) in fields {
                bytes.extend(text(key));
                bytes.extend(ubjson(value));
            }
            bytes.push(b'}');
            bytes
        }
        other => panic!("{other}"),
    }
}

#[test]
fn xgboost_s_own_names_of_categories_are_read() {
    let cats = r#""cats":{"enc":[{"offsets":[],"values":[]},{"offsets":[0,3,7],"values":[79,87,78,82,69,78,84]}]},"#;
    let given = Given::xgboost()
        .file("\"float\",\"int\"", "\"float\",\"c\"")
        .file(
            "\"gbtree_model_param\"",
            &format!("{cats}\"gbtree_model_param\""),
        );
    let source = read(Library::XgBoost, &given.file, &Options::default()).unwrap();
    let names = Some(vec!["OWN".to_owned(), "RENT".to_owned()]);
    assert_eq!(source.columns[1].content, Content::Category { names });
}

/// XGBoost 3.2 writes the first byte of "é".
#[test]
fn categories_that_xgboost_cut_are_named() {
    let cats = r#""cats":{"enc":[{"offsets":[],"values":[]},{"offsets":[0,3,4],"values":[79,87,78,195]}]},"#;
    let given = Given::xgboost()
        .file("\"float\",\"int\"", "\"float\",\"c\"")
        .file(
            "\"gbtree_model_param\"",
            &format!("{cats}\"gbtree_model_param\""),
        );
    let error = read(Library::XgBoost, &given.file, &Options::default()).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains("XGBoost cuts letters beyond ASCII") && error.contains("rename"),
        "{error}"
    );
}

#[test]
fn the_best_iteration_decides_unless_all_trees_are_asked_for() {
    let given = Given::xgboost().file(
        "\"attributes\":{}",
        "\"attributes\":{\"best_iteration\":\"0\"}",
    );
    let trees = |trees| {
        let options = Options {
            trees,
            ..Options::default()
        };
        let source = read(Library::XgBoost, &given.file, &options).unwrap();
        let model_import::source::Form::Trees(trees) = source.form else {
            panic!("no trees");
        };
        (trees.trees.len(), source.choices)
    };
    assert_eq!(trees(model_import::TreeRange::Best).0, 1);
    let (count, choices) = trees(model_import::TreeRange::All);
    assert_eq!((count, choices), (2, vec![("trees", "all".to_owned())]));
}

#[test]
fn a_pipeline_of_scikit_learn_becomes_a_weighted_sum_of_the_applicant_s_own_fields() {
    let imported = Given::sklearn().import().unwrap();
    assert!(
        imported.proof.largest_difference < 1e-15,
        "{:?}",
        imported.proof
    );
    // Its imputer is a policy as well: then the answer says what was filled in.
    let imputing = Given::sklearn().schema("missing = \"native\"", "missing = \"impute\"");
    let imputing = imputing.import().unwrap();
    let request = r#"{"grade": "C", "home": "OWN"}"#;
    let answers = [&imported, &imputing].map(|imported| decide(&imported.artifact, request));
    let [native, filled] = [0, 1].map(|nth| answers[nth]["probability"].as_f64().unwrap());
    assert!((native - filled).abs() < 1e-15, "{native} {filled}");
    assert_eq!(answers[1]["adjustments"][0]["to"], 40);
}

#[test]
fn a_category_that_the_encoder_knows_is_not_in_the_group_of_the_infrequent() {
    // BOAT and TENT are rare; a CASTLE, which the encoder has never seen, counts as they do.
    let homes = "[\"RENT\", \"OWN\", \"BOAT\", \"TENT\", \"CASTLE\"]";
    let given = |group: &str, homes_of_rows: &[(&str, f64)]| {
        let mut given = Given::sklearn()
            .file("\"value\": \"RENT\"", group)
            .schema("[\"RENT\", \"OWN\"]", homes);
        let mut rows = "income,grade,home,expected\n".to_owned();
        for (home, is_in_group) in homes_of_rows {
            let sum = 0.1 - 0.75 * is_in_group;
            rows += &format!("50,A,{home},{}\n", 1.0 / (1.0 + (-sum).exp()));
        }
        given.rows = rows;
        given
    };
    let rare = [("BOAT", 1.0), ("TENT", 1.0), ("CASTLE", 1.0)];
    let all = [&rare[..], &[("RENT", 0.0), ("OWN", 0.0)]].concat();
    let group = "\"values\": [\"BOAT\", \"TENT\"], \"other\": true";
    let known = format!("{group}, \"known\": [\"BOAT\", \"OWN\", \"RENT\", \"TENT\"]");
    let imported = given(&known, &all).import().unwrap();
    assert!(imported.proof.largest_difference < 1e-15);
    // Without the list no row of the group tells that the others are not in it.
    let error = given(group, &rare).import().unwrap_err().to_string();
    let expect = "\"other\": true needs the list \"known\"";
    assert!(error.contains(expect), "{error}");
}

#[test]
fn a_scaled_cut_is_where_the_scaled_value_is() {
    let weights = "{\"type\": \"linear\", \"weights\": [0.5, -0.25, -0.75], \"intercept\": 0.1, \"link\": \"logistic\"}";
    let file = SKLEARN
        .replace(weights, TREES)
        .replace("LogisticRegression", "RandomForestClassifier");
    let mut given = Given::sklearn();
    given.file = file.into_bytes();
    // (52 - 50) / 20 is 0.1, which is above 0.1 in single precision by a little.
    let cut = |income: f64| ((income - 50.0) / 20.0) as f32 as f64 <= 0.1;
    let mut rows = "income,grade,home,expected\n".to_owned();
    for income in [0.0, 52f64.next_down(), 52.0, 51.9999, 52.00001, 99.0] {
        rows += &format!("{income},A,OWN,{}\n", if cut(income) { 0.25 } else { 0.75 });
    }
    given.rows = rows;
    assert_eq!(given.import().unwrap().proof.largest_difference, 0.0);
}

#[test]
fn a_thousand_trees_are_read_and_bound_in_under_a_second() {
    let (head, rest) = LIGHTGBM.split_once("Tree=0").unwrap();
    let (tree, rest) = rest.split_once("Tree=1").unwrap();
    let (_, tail) = rest.split_once("end of trees").unwrap();
    let sizes = vec!["300"; 1000].join(" ");
    let mut file = head.replace("300 300", &sizes);
    for number in 0..1000 {
        file += &format!("Tree={number}{tree}");
    }
    file += &format!("end of trees{tail}");
    let start = std::time::Instant::now();
    let source = read(Library::LightGbm, file.as_bytes(), &Options::default()).unwrap();
    let schema = SchemaFile::from_toml(&Given::lightgbm().schema).unwrap();
    assert!(model_import::model(&source, &schema).is_ok());
    assert!(start.elapsed().as_secs_f64() < 1.0, "{:?}", start.elapsed());
}
