//! `tests/golden/format-1` to `format-3`: artifacts and a `model.wasm` of each format, kept
//! for ever. Every later version reads them and gives the same answers, to the byte.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use host_server::{Limits, ModelHost};
use model_core::artifact::{Artifact, hex};
use model_core::decide::Decider;
use model_core::details::{Details, ThresholdRule};
use model_core::forest::{Aggregation, Node};
use model_core::model::Model;
use model_core::model_file::ModelFile;
use model_core::schema::Monotonic;
use model_train::pack::pack;
use sha2::{Digest, Sha256};

#[path = "../../model-core/tests/common/mod.rs"]
mod common;

const FORMATS: [&str; 3] = ["format-1", "format-2", "format-3"];

/// A folder of `tests/golden`.
#[derive(Clone, Copy)]
struct Golden(&'static str);

impl Golden {
    fn path(self) -> PathBuf {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden")).join(self.0)
    }

    fn read(self, name: &str) -> Vec<u8> {
        let path = self.path().join(name);
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn lines(self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.read(name)).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn check_sums(self, files: &[&str]) {
        let sums: Vec<String> = self.lines("SHA256SUMS");
        assert_eq!(sums.len(), files.len());
        for (line, name) in sums.iter().zip(files) {
            let sum = hex(&Sha256::digest(self.read(name)));
            assert_eq!(*line, format!("{sum}  {name}"), "{}", self.0);
        }
    }

    /// Each line of `cases.ndjson` is a request, the same line of `answers` its answer.
    fn check(self, answers: &str, mut decide: impl FnMut(&str) -> (u16, Vec<u8>)) {
        let (cases, answers) = (self.lines("cases.ndjson"), self.lines(answers));
        assert_eq!(cases.len(), answers.len());
        for (case, expected) in cases.iter().zip(answers) {
            let (status, answer) = decide(case);
            assert_eq!(String::from_utf8(answer).unwrap(), expected, "{case}");
            let refused = expected.starts_with("{\"detail\":");
            assert_eq!(status, if refused { 422 } else { 200 }, "{case}");
        }
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
fn forests_answer_as_ever() {
    for golden in FORMATS.map(Golden) {
        golden.check("answers.ndjson", native(&golden.read("artifact.bin")));
    }
}

#[test]
fn linear_models_answer_as_ever() {
    for golden in FORMATS.map(Golden) {
        golden.check(
            "answers-linear.ndjson",
            native(&golden.read("artifact-linear.bin")),
        );
    }
}

#[test]
fn modules_answer_as_ever() {
    for golden in FORMATS.map(Golden) {
        let host = ModelHost::load(golden.read("model.wasm"), Limits::default()).unwrap();
        golden.check("answers.ndjson", |case| {
            let decision = host.decide(case.as_bytes()).unwrap();
            (decision.status, decision.body)
        });
    }
}

#[test]
fn the_modules_hold_the_artifacts() {
    for golden in FORMATS.map(Golden) {
        let module = golden.read("model.wasm");
        let held = ModelFile::open(&module).unwrap().artifact().to_vec();
        assert_eq!(held, golden.read("artifact.bin"), "{}", golden.0);
    }
}

/// What is read is written in the newest format: with format 3 to the byte, with the older
/// ones so that answers have another digest and an outcome, which follows the threshold.
#[test]
fn artifacts_are_written_in_the_newest_format() {
    for (name, answers) in [
        ("artifact.bin", "answers.ndjson"),
        ("artifact-linear.bin", "answers-linear.ndjson"),
    ] {
        let rewritten = |golden: Golden| {
            let bytes = golden.read(name);
            (Artifact::decode(&bytes).unwrap().encode().unwrap(), bytes)
        };
        let (written, read) = rewritten(Golden("format-3"));
        assert_eq!(written, read, "{name}");

        for (format, golden) in [(1, Golden("format-1")), (2, Golden("format-2"))] {
            let (written, read) = rewritten(golden);
            assert_eq!((read[8], written[8]), (format, 3), "{name}");
            let digest = |bytes: &[u8]| Decider::load(bytes).unwrap().digest().to_owned();
            let (old, new) = (digest(&read), digest(&written));
            let mut decide = native(&written);
            golden.check(answers, |case| {
                let (status, answer) = decide(case);
                let answer = String::from_utf8(answer).unwrap().replace(&new, &old);
                (status, without_outcome(&answer).into_bytes())
            });
        }
    }
}

/// The answer as formats 1 and 2 give it.
fn without_outcome(answer: &str) -> String {
    let approved = answer.contains("\"approve\":true");
    let outcome = if approved { "approve" } else { "decline" };
    let end = format!(",\"outcome\":\"{outcome}\"}}");
    match answer.strip_suffix(&end) {
        Some(start) => format!("{start}}}"),
        None => answer.to_owned(),
    }
}

/// Every rule, every outcome of score and rules, and every end of a derived field.
#[test]
fn the_cases_of_format_3_reach_everything() {
    let answers = Golden("format-3").lines("answers.ndjson").join("\n");
    let rules = ["K01", "R01", "R02", "K02", "R03", "A01"];
    for expected in rules.map(|code| format!("\"{code}\"")).into_iter().chain(
        [
            "\"rules\":[]",
            "\"outcome\":\"approve\",\"model_prediction\":0",
            "\"outcome\":\"approve\",\"model_prediction\":1",
            "\"outcome\":\"refer\",\"model_prediction\":0",
            "\"outcome\":\"refer\",\"model_prediction\":1",
            "\"outcome\":\"decline\",\"model_prediction\":0",
            "\"outcome\":\"decline\",\"model_prediction\":1",
            "\"feature\":\"share\",\"kind\":\"mismatch\",\"policy\":\"overwrite\"",
            "\"feature\":\"share\",\"kind\":\"missing\"",
            "\"feature\":\"share\",\"kind\":\"out_of_range\"",
            // A formula that always has a result: it can be contradicted, never missing.
            "\"loc\":[\"body\",\"ratio\"],\"msg\":\"Input should be 6.827755278982137",
            "\"type\":\"derived_mismatch\"",
        ]
        .map(str::to_owned),
    ) {
        assert!(answers.contains(&expected), "no answer with {expected}");
    }
}

/// The files are as they were made.
#[test]
fn nobody_changed_them() {
    for golden in FORMATS.map(Golden) {
        golden.check_sums(&FILES);
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

/// Made the files of format 3 once, of the engine in `target/engine`. It does not overwrite
/// them: a later format gets a folder and a generator of its own.
#[test]
#[ignore = "writes the golden files of format 3; they are kept for ever"]
fn write_golden_files() {
    let golden = Golden("format-3");
    let folder = golden.path();
    assert!(
        !folder.join("model.wasm").exists(),
        "the golden files are there already"
    );
    fs::create_dir_all(&folder).unwrap();
    let engine_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/engine");
    let part = |name: &str| fs::read(engine_folder.join(name)).unwrap();
    let (engine, glue) = (part("engine.wasm"), part("model.js"));
    let made = |mut artifact: Artifact| {
        artifact.engine_sha256 = hex(&Sha256::digest(&engine));
        artifact.details = details().to_bytes().unwrap();
        artifact.encode().unwrap()
    };
    let (forest, linear) = (
        made(common::ruled(common::isotonic(common::forest(
            common::RULED,
        )))),
        made(common::platt(common::linear(common::RULED))),
    );
    let cases: Vec<String> = common::ruled_cases()
        .into_iter()
        .chain(NO_REQUESTS.map(str::to_owned))
        .collect();
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
    let sum = |name| hex(&Sha256::digest(golden.read(name)));
    let sums = FILES.map(|name| format!("{}  {name}\n", sum(name)));
    write("SHA256SUMS", sums.concat().as_bytes());
}

fn details() -> Details {
    Details {
        threshold_rule: ThresholdRule::ApprovalRate(0.25),
        monotonic: vec![("income".into(), Monotonic::Increasing)],
        config: "[train]\nseed = 42\n".into(),
        protected_inputs: vec!["gender".into()],
        reference: (0..=255).collect(),
    }
}

#[test]
fn details_are_read_as_ever() {
    let read = |golden: Golden| {
        Details::from_artifact(&Artifact::decode(&golden.read("artifact.bin")).unwrap())
    };
    assert_eq!(read(Golden("format-1")), Ok(Details::default()));
    assert_eq!(read(Golden("format-2")), Ok(details()));
    assert_eq!(read(Golden("format-3")), Ok(details()));
}

/// Of a forest whose trees are added by groups.
const GROUPED: Golden = Golden("format-2-grouped");
const GROUPED_FILES: [&str; 3] = ["answers.ndjson", "artifact.bin", "cases.ndjson"];

#[test]
fn grouped_forests_answer_as_ever() {
    GROUPED.check("answers.ndjson", native(&GROUPED.read("artifact.bin")));
    GROUPED.check_sums(&GROUPED_FILES);
}

/// Made those files once, as [`write_golden_files`] made the others.
#[test]
#[ignore = "writes golden files; they are kept for ever"]
fn write_grouped_golden_files() {
    let folder = GROUPED.path();
    assert!(
        !folder.join("artifact.bin").exists(),
        "the golden files are there already"
    );
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let artifact = grouped(common::forest(&common::natively()))
        .encode()
        .unwrap();
    let mut decide = native(&artifact);
    let cases = cases();
    let answers = cases
        .iter()
        .map(|case| String::from_utf8(decide(case).1).unwrap() + "\n");
    write("answers.ndjson", answers.collect::<String>().as_bytes());
    write("artifact.bin", &artifact);
    write("cases.ndjson", (cases.join("\n") + "\n").as_bytes());
    let sum = |name| hex(&Sha256::digest(GROUPED.read(name)));
    let sums = GROUPED_FILES.map(|name| format!("{}  {name}\n", sum(name)));
    write("SHA256SUMS", sums.concat().as_bytes());
}

/// The same forest with 41 trees, which is two groups and a part of one, and with leaves
/// whose sums depend on the order.
fn grouped(mut artifact: Artifact) -> Artifact {
    let Model::Forest(forest) = &mut artifact.model else {
        panic!("expected a forest");
    };
    forest.aggregation = Aggregation::GroupedMean;
    forest.trees = forest.trees.iter().cycle().take(41).cloned().collect();
    for (index, tree) in forest.trees.iter_mut().enumerate() {
        for node in &mut tree.nodes {
            if let Node::Leaf { value, .. } = node {
                *value *= 0.7 + index as f64 / 137.0;
            }
        }
    }
    artifact
}

/// Of the kinds that only format 3 stores: an ensemble, and a linear model with indicators.
const KINDS: Golden = Golden("format-3-kinds");
const KINDS_FILES: [&str; 5] = [
    "answers-linear.ndjson",
    "answers.ndjson",
    "artifact-linear.bin",
    "artifact.bin",
    "cases.ndjson",
];

#[test]
fn later_kinds_answer_as_ever() {
    for (artifact, answers) in [
        ("artifact.bin", "answers.ndjson"),
        ("artifact-linear.bin", "answers-linear.ndjson"),
    ] {
        let artifact = KINDS.read(artifact);
        KINDS.check(answers, native(&artifact));
        let written = Artifact::decode(&artifact).unwrap().encode().unwrap();
        assert_eq!(written, artifact);
    }
    KINDS.check_sums(&KINDS_FILES);
}

/// Made those files once, as [`write_golden_files`] made the others.
#[test]
#[ignore = "writes golden files; they are kept for ever"]
fn write_golden_files_of_later_kinds() {
    let folder = KINDS.path();
    assert!(
        !folder.join("artifact.bin").exists(),
        "the golden files are there already"
    );
    fs::create_dir_all(&folder).unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes).unwrap();
    let toml = common::natively();
    let (ensemble, linear) = (
        common::platt(common::ensemble(&toml)).encode().unwrap(),
        common::binned(&toml).encode().unwrap(),
    );
    let cases = cases();
    let answers = |artifact: &[u8]| -> String {
        let mut decide = native(artifact);
        let answers = cases
            .iter()
            .map(|case| String::from_utf8(decide(case).1).unwrap() + "\n");
        answers.collect()
    };
    write("cases.ndjson", (cases.join("\n") + "\n").as_bytes());
    write("answers.ndjson", answers(&ensemble).as_bytes());
    write("answers-linear.ndjson", answers(&linear).as_bytes());
    write("artifact.bin", &ensemble);
    write("artifact-linear.bin", &linear);
    let sum = |name| hex(&Sha256::digest(KINDS.read(name)));
    let sums = KINDS_FILES.map(|name| format!("{}  {name}\n", sum(name)));
    write("SHA256SUMS", sums.concat().as_bytes());
}

/// Texts that are no request.
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
