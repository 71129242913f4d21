//! What the targets begin with: the models and requests of the core's tests, the shipped
//! schemas, and the words of each format.
#![allow(
    clippy::unwrap_used,
    reason = "made of files that the tests load as well"
)]

use model_core::artifact::Artifact;
use model_core::model_file::seal;
use model_core::schema::{Feature, Schema};

#[path = "../../../model-core/tests/common/mod.rs"]
mod common;

pub(super) use common::{EVERYTHING, RULED, forest, linear, ruled, ruled_cases};

/// A model for any schema, with these values to fill in.
pub(super) fn constant(schema: Schema, imputed: impl Fn(&Feature) -> f64) -> Artifact {
    let mut artifact = common::constant(EVERYTHING, 0.5);
    artifact.preprocessing.imputed = schema.inputs().map(imputed).collect();
    artifact.schema = schema;
    artifact
}

pub(super) fn requests() -> Vec<Vec<u8>> {
    let changed = [
        "null",
        "\"\"",
        "\"NA\"",
        "\" 12 \"",
        "1e999",
        "-0",
        "9007199254740993",
        "\"\\ud83d\\ude00\"",
        "[[{}]]",
        "true",
    ];
    let with = |json: &&str| {
        let fields = common::PLAIN.map(|(name, _)| (name, *json));
        common::request(&fields).into_bytes()
    };
    let plain = [
        common::request(&[]),
        common::request(&[("gender", "\"x\""), ("note", "{}"), ("approved", "1")]),
    ];
    let plain = plain
        .into_iter()
        .chain(ruled_cases().into_iter().step_by(40));
    let plain = plain.map(String::into_bytes);
    plain.chain(changed.iter().map(with)).collect()
}

pub(super) fn schemas() -> Vec<Vec<u8>> {
    [
        EVERYTHING,
        RULED,
        include_str!("../../../data/loan.toml"),
        include_str!("../../../data/points.toml"),
        include_str!("../../../data/german_credit.toml"),
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

pub(super) fn artifacts() -> Vec<Vec<u8>> {
    let points = include_str!("../../../data/points.toml");
    [
        linear(EVERYTHING),
        forest(EVERYTHING),
        linear(points),
        forest(points),
        ruled(linear(RULED)),
    ]
    .map(|artifact| artifact.encode().unwrap())
    .into()
}

pub(super) fn policies() -> Vec<Vec<u8>> {
    let band = "[policy]\nversion = \"1\"\nrefer = [0.5, 0.55]\n";
    let divided = common::RULES.replace("share > 0.5", "income / (amount - income) > 0.5");
    [common::RULES, band, &divided]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

/// What `sections` puts into an artifact: a choice, and the content of the part.
pub(super) fn sections() -> Vec<Vec<u8>> {
    let bytes = ruled(linear(RULED)).encode().unwrap();
    let part = |list: &[u8], tag: &[u8; 4]| {
        let start = list.windows(4).position(|window| window == tag).unwrap();
        let length = list[start + 4..start + 12].try_into().unwrap();
        let start = start + 12;
        list[start..start + u64::from_le_bytes(length) as usize].to_vec()
    };
    let policy = part(&bytes, b"POLC");
    let rules = part(&policy, b"RULE");
    let derived = part(&part(&bytes, b"MODL"), b"DRVD");
    [(0, policy), (1, rules), (2, derived)]
        .map(|(choice, content)| [vec![choice], content].concat())
        .into()
}

pub(super) const POLICY_WORDS: &[&[u8]] = &[
    b"\n[[rule]]\n",
    b"[policy]\n",
    b"id = \"x\"\n",
    b"when = \"",
    b"then = \"refer\"\n",
    b"stage = \"after\"\n",
    b"code = \"X\"\n",
    b"text = \"x\"\n",
    b"if_missing = \"skip\"\n",
    b"refer = [0.4, 0.6]\n",
    b"allow_protected = true\n",
    b"probability",
    b"amount",
    b"income",
    b"share",
    b"ratio",
    b"age",
    b"owner",
    b"region",
    b"purpose in [\\\"CAR\\\"]",
    b" and ",
    b" or ",
    b"not ",
    b" in ",
    b" < ",
    b" >= ",
    b" == ",
    b" != ",
    b" / ",
    b" * ",
    b" - ",
    b"(",
    b")",
    b"((((((((((((((((",
    b"1e308",
    b"0",
    b"-",
    b"\\u0000",
    b"'''",
    b"\"\"\"\n",
    b"{ en = \"x\", de = \"y\" }",
    b"\xc3\xb6",
];

/// The smallest module with one custom section around each artifact.
pub(super) fn model_files() -> Vec<Vec<u8>> {
    let sealed = |artifact: Vec<u8>| {
        let mut module = b"\0asm\x01\0\0\0\0\x13\x0funderwrite.glueabc".to_vec();
        let offset = module.len() as u64;
        module.extend_from_slice(&artifact);
        seal(&mut module, offset, artifact.len() as u64);
        module
    };
    artifacts().into_iter().map(sealed).collect()
}

pub(super) const JSON_WORDS: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\\u0041",
    b"\\ud800",
    b"\\udc00",
    b"null",
    b"true",
    b"false",
    b"-",
    b"1e999",
    b"0.5",
    b"-0",
    b"9007199254740993",
    b"1e-999",
    b"\"yes\"",
    b"\"A\"",
    b"\"HOME\"",
    b"\"30\"",
    b" ",
    b"\n",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xed\xa0\x80",
    b"\0",
    b"\"income\":",
    b"\"rate\":",
    b"\"share\":",
    b"\"wealth\":",
    b"\"age\":",
    b"\"score\":",
    b"\"years\":",
    b"\"owner\":",
    b"\"member\":",
    b"\"grade\":",
    b"\"purpose\":",
    b"\"region\":",
    b"\"gender\":",
    b"\"note\":",
    b"\"approved\":",
    b"\"incom\":",
];

pub(super) const TOML_WORDS: &[&[u8]] = &[
    b"\n[[feature]]\n",
    b"\n[feature]\n",
    b"name = ",
    b"type = ",
    b"role = ",
    b"\"number\"",
    b"\"integer\"",
    b"\"boolean\"",
    b"\"category\"",
    b"\"input\"",
    b"\"protected\"",
    b"\"ignored\"",
    b"\"target\"",
    b"minimum = ",
    b"maximum = ",
    b"exclusive_minimum = ",
    b"exclusive_maximum = ",
    b"categories = [\"a\", \"b\"]",
    b"category_labels = { a = \"A\" }",
    b"encoding = \"ordinal\"",
    b"missing = ",
    b"unknown = ",
    b"out_of_range = ",
    b"\"error\"",
    b"\"impute\"",
    b"\"zero\"",
    b"\"most_frequent\"",
    b"\"other\"",
    b"\"clamp\"",
    b"example = ",
    b"positive = ",
    b"positive_label = ",
    b"max_adjustments = ",
    b"missing_values = [\"a\"]",
    b"inf",
    b"nan",
    b"-0.0",
    b"1e308",
    b"5e-324",
    b"9223372036854775807",
    b"0x10",
    b"'''",
    b"\"\"\"",
    b"\\u0000",
    b"\\U0010FFFF",
    b"#",
    b"\n",
    b"\r\n",
    b"=",
    b"{",
    b"}",
    b"[",
    b"]",
    b".",
    b",",
    b"1979-05-27T07:32:00Z",
    b"true",
];

/// Varints of bincode at their edges, numbers that are none, section heads of WebAssembly.
pub(super) const BINARY_WORDS: &[&[u8]] = &[
    b"\0",
    b"\x01",
    b"\x02",
    b"\x7f",
    b"\x80",
    b"\xfa",
    b"\xfb\xff\xff",
    b"\xfc\xff\xff\xff\xff",
    b"\xfd\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xfd\0\0\0\0\0\0\0\x80",
    b"\xfe",
    b"\xff",
    b"\0\0\0\0\0\0\xf0\x7f",
    b"\0\0\0\0\0\0\xf0\xff",
    b"\0\0\0\0\0\0\xf8\x7f",
    b"\0\0\0\0\0\0\0\0",
    b"\xff\xff\xff\xff\xff\xff\xef\x7f",
    b"UWMODEL\0",
    b"\x01\0\0\0",
    b"\x02\0\0\0",
    b"\0asm\x01\0\0\0",
    b"\0\x49\x0funderwrite.seal\x01",
    b"\0\x13\x0funderwrite.glue",
    b"\xff\xff\xff\xff\x0f",
    b"\x80\x80\x80\x80\x80\x80",
];
