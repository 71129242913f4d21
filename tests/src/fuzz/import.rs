//! Models of other libraries: any bytes are refused with a sentence, or become a sound model
//! of ours.
#![allow(clippy::unwrap_used, reason = "a target reports by panicking")]

use model_core::model::Predictor;
use model_core::schema::SchemaFile;
use model_import::source::Library;
use model_import::{Link, Options, given, model, read};

#[path = "../../../model-import/tests/common/mod.rs"]
mod common;

use common::{LIGHTGBM, SCHEMA, SKLEARN, TREES, XGBOOST};

pub(super) const WORDS: &[&[u8]] = &[
    b"-1",
    b"0",
    b"1e308",
    b"4294967296",
    b"nan",
    b"inf",
    b"null",
    b"[]",
    b"{}",
    b"[[",
    b"Tree=1\n",
    b"num_leaves=",
    b"cat_boundaries=0 1\n",
    b"objective=custom",
    b"average_output\n",
    b"decision_type=",
    b"\"split_type\":[1,0,0]",
    b"\"weight_drop\":[0.5,1]",
    b"\"best_iteration\":\"0\"",
    b"binary:hinge",
    b"[$d#L",
    b"[#L",
    b"L\0\0\0\0\0\0\0\x01",
    b"S",
    b"\"type\": \"trees\"",
    b"\"missing\": 0.0",
    b"[\"divide\", 1e-300]",
    b"\"identity\"",
];

/// Any bytes as a `model.txt`.
pub fn lightgbm(data: &[u8]) -> String {
    outcome(Library::LightGbm, data)
}

/// Any bytes as XGBoost's JSON or UBJSON.
pub fn xgboost(data: &[u8]) -> String {
    outcome(Library::XgBoost, data)
}

/// Any bytes as the JSON of the exporter.
pub fn sklearn(data: &[u8]) -> String {
    outcome(Library::Sklearn, data)
}

fn outcome(library: Library, data: &[u8]) -> String {
    let link = data.first().is_some_and(|byte| byte % 2 == 1);
    let options = Options {
        link: link.then_some(Link::Logistic),
        ..Options::default()
    };
    let _ = given(data);
    let source = match read(library, data, &options) {
        Ok(source) => source,
        Err(error) => return plain(&error.to_string()),
    };
    let schema = SchemaFile::from_toml(SCHEMA).unwrap();
    let bound = match model(&source, &schema) {
        Ok(bound) => bound,
        Err(error) => return plain(&error.to_string()),
    };
    // What an artifact refuses, the import refuses as well.
    if bound.model.check(&schema.schema).is_err() {
        return "no sound model".into();
    }
    let mut predictor = Predictor::new(&bound.model, &bound.calibration).unwrap();
    for row in [
        [0.0, 0.0, 0.0],
        [50.5, 1.0, 1.0],
        [f64::NAN, 2.0, 0.0],
        [1e308, 3.0, 2.0],
        [-1e308, f64::NAN, f64::NAN],
    ] {
        let probability = predictor.predict_row(&row);
        assert!((0.0..=1.0).contains(&probability), "{probability}");
    }
    format!("{library:?} {:?}", source.kind)
}

/// Letters only: what is the same but for names and numbers is the same kind.
fn plain(message: &str) -> String {
    let outside_quotes: String = message.split('\'').step_by(2).collect();
    let letter = |c: &char| c.is_ascii_alphabetic() || *c == ' ';
    outside_quotes.chars().filter(letter).collect()
}

pub(super) fn lightgbm_seeds() -> Vec<Vec<u8>> {
    let with = |from: &str, to: &str| LIGHTGBM.replace(from, to).into_bytes();
    vec![
        LIGHTGBM.into(),
        with("decision_type=10 1", "decision_type=4 1"),
        with("binary sigmoid:1", "binary sigmoid:0.5"),
        with("label_index=0\n", "label_index=0\naverage_output\n"),
    ]
}

pub(super) fn xgboost_seeds() -> Vec<Vec<u8>> {
    let categories = XGBOOST.replace("\"float\",\"int\"", "\"float\",\"c\"");
    let key = |name: &str| {
        [
            b"L\0\0\0\0\0\0\0".as_slice(),
            &[name.len() as u8],
            name.as_bytes(),
        ]
        .concat()
    };
    let numbers = [
        b"[$d#L\0\0\0\0\0\0\0\x02".as_slice(),
        &1f32.to_be_bytes(),
        &2f32.to_be_bytes(),
    ]
    .concat();
    let text = [b"S".as_slice(), &key("v")].concat();
    let ubj = [
        b"{".as_slice(),
        &key("learner"),
        b"{",
        &key("a"),
        &numbers,
        &key("b"),
        &text,
        &key("c"),
        b"[#L\0\0\0\0\0\0\0\x01T}}",
    ];
    vec![XGBOOST.into(), categories.into_bytes(), ubj.concat()]
}

pub(super) fn sklearn_seeds() -> Vec<Vec<u8>> {
    let (head, rest) = SKLEARN.split_once("\"model\": ").unwrap();
    let (_, tail) = rest.split_once("},\n").unwrap();
    let trees = format!("{head}\"model\": {TREES},\n{tail}");
    vec![SKLEARN.into(), trees.into_bytes()]
}
