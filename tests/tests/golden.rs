//! `tests/golden/format-1`: an artifact and a `model.wasm` of format 1, kept for ever. Every
//! later version reads them and gives the same answers, to the byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use host_server::{Limits, ModelHost};
use model_core::artifact::{Artifact, hex};
use model_core::decide::Decider;
use model_core::model_file::ModelFile;
use model_train::pack::pack;
use sha2::{Digest, Sha256};

#[path = "../../model-core/tests/common/mod.rs"]
mod common;

const FORMAT_1: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/format-1");

fn read(name: &str) -> Vec<u8> {
    let path = Path::new(FORMAT_1).join(name);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn lines(name: &str) -> Vec<String> {
    let text = String::from_utf8(read(name)).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Each line of `cases.ndjson` is a request, the same line of `answers` its answer.
fn check(answers: &str, mut decide: impl FnMut(&str) -> (u16, Vec<u8>)) {
    let (cases, answers) = (lines("cases.ndjson"), lines(answers));
    assert_eq!(cases.len(), answers.len());
    for (case, expected) in cases.iter().zip(answers) {
        let (status, answer) = decide(case);
        assert_eq!(String::from_utf8(answer).unwrap(), expected, "{case}");
        let refused = expected.starts_with("{\"detail\":");
        assert_eq!(status, if refused { 422 } else { 200 }, "{case}");
    }
}

fn native(artifact: &[u8]) -> impl FnMut(&str) -> (u16, Vec<u8>) {
    let mut model = Decider::load(artifact).unwrap();
    move |case| {
        let mut answer = Vec::new();
        let status = model.decide(case.as_bytes(), &mut answer);
        (status, answer)
    }
}

#[test]
fn a_forest_of_format_1_answers_as_ever() {
    check("answers.ndjson", native(&read("artifact.bin")));
}

#[test]
fn a_linear_model_of_format_1_answers_as_ever() {
    check(
        "answers-linear.ndjson",
        native(&read("artifact-linear.bin")),
    );
}

#[test]
fn a_module_of_format_1_answers_as_ever() {
    let host = ModelHost::load(read("model.wasm"), Limits::default()).unwrap();
    check("answers.ndjson", |case| {
        let decision = host.decide(case.as_bytes()).unwrap();
        (decision.status, decision.body)
    });
}

#[test]
fn the_module_holds_the_artifact() {
    let module = read("model.wasm");
    assert_eq!(
        ModelFile::open(&module).unwrap().artifact(),
        read("artifact.bin")
    );
}

/// What is read is written as it was: until there is a format 2.
#[test]
fn an_artifact_of_format_1_is_written_as_ever() {
    for name in ["artifact.bin", "artifact-linear.bin"] {
        let bytes = read(name);
        assert_eq!(
            Artifact::decode(&bytes).unwrap().encode().unwrap(),
            bytes,
            "{name}"
        );
    }
}

/// The files are as they were made.
#[test]
fn nobody_changed_them() {
    let sums: Vec<String> = lines("SHA256SUMS");
    assert_eq!(sums.len(), FILES.len());
    for (line, name) in sums.iter().zip(FILES) {
        assert_eq!(
            *line,
            format!("{}  {name}", hex(&Sha256::digest(read(name))))
        );
    }
}

const FILES: [&str; 6] = [
    "answers-linear.ndjson",
    "answers.ndjson",
    "artifact-linear.bin",
    "artifact.bin",
    "cases.ndjson",
    "model.wasm",
];

/// Made these files once, of the engine in `target/engine`. It does not overwrite them:
/// a later format gets a folder and a generator of its own.
#[test]
#[ignore = "writes the golden files of format 1; they are kept for ever"]
fn write_golden_files() {
    let folder = PathBuf::from(FORMAT_1);
    assert!(
        !folder.join("model.wasm").exists(),
        "the golden files are there already"
    );
    let engine_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| fs::read(engine_folder.join(name)).unwrap();
    let (engine, glue) = (part("engine.wasm"), part("model.js"));
    let limited =
        common::EVERYTHING.replace("missing_values", "max_adjustments = 6\nmissing_values");
    let made = |mut artifact: Artifact| {
        artifact.engine_sha256 = hex(&Sha256::digest(&engine));
        artifact.encode().unwrap()
    };
    let (forest, linear) = (
        made(common::forest(&limited)),
        made(common::linear(&limited)),
    );
    let cases = cases();
    let answers = |artifact: &[u8]| -> String {
        let mut decide = native(artifact);
        let answers = cases
            .iter()
            .map(|case| String::from_utf8(decide(case).1).unwrap() + "\n");
        answers.collect()
    };
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    write("cases.ndjson", (cases.join("\n") + "\n").as_bytes());
    write("answers.ndjson", answers(&forest).as_bytes());
    write("answers-linear.ndjson", answers(&linear).as_bytes());
    write("model.wasm", &pack(&engine, &glue, &forest).unwrap());
    write("artifact.bin", &forest);
    write("artifact-linear.bin", &linear);
    let sums = FILES.map(|name| format!("{}  {name}\n", hex(&Sha256::digest(read(name)))));
    write("SHA256SUMS", sums.concat().as_bytes());
}

/// Every value in every field, two by two in some; texts that are no request.
fn cases() -> Vec<String> {
    const VALUES: [&str; 24] = [
        "",
        "null",
        "\"NA\"",
        "true",
        "0",
        "-0",
        "2",
        "0.5",
        "30.0",
        "17",
        "851",
        "1e5",
        "1e999",
        "9007199254740992",
        "9007199254740993",
        "\" 12 \"",
        "\"no\"",
        "\"A\"",
        "\"C\"",
        "\"CAR\"",
        "\"Gr\\u00f6\\u00dfe\"",
        "\"А\"",
        "\"\\ud800\"",
        "[{}]",
    ];
    const NO_REQUESTS: [&str; 16] = [
        "",
        "{}",
        "{",
        "[]",
        "null",
        "1",
        "{\"income\":}",
        "{\"income\":01}",
        "{\"income\":1}x",
        "{'income':1}",
        "{\"incom\":1}",
        "{\"approved\":true}",
        "{\"income\":1,\"income\":2}",
        "{\"іncome\":1}",
        "{\"a\":\"\u{1}\"}",
        "NaN",
    ];
    let fields = common::PLAIN.map(|(name, _)| name);
    let singles = fields
        .iter()
        .chain(&["gender", "note"])
        .flat_map(|field| VALUES.map(|value| common::request(&[(*field, value)])));
    let pairs = (0..100).map(|n| {
        let at = |step: usize| {
            (
                fields[(n * step) % fields.len()],
                VALUES[(n * step + n / 7) % VALUES.len()],
            )
        };
        common::request(&[at(1), at(5), at(11)])
    });
    let deep = format!("{}{}", "[".repeat(129), "]".repeat(129));
    singles
        .chain(pairs)
        .chain(NO_REQUESTS.map(str::to_owned))
        .chain([common::request(&[]), deep])
        .collect()
}
