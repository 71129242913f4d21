//! Bodies of requests that no model decides.
mod common;

use common::{EVERYTHING, decide, decider, forest, linear, request};
use model_core::decide::MAX_REQUEST;
use serde_json::Value;

/// Bodies that are no JSON object, for any model.
#[test]
fn bodies_that_are_no_object_are_refused() {
    let check = |body: &[u8], expected: &str| {
        let (status, answer) = decide(&mut decider(&linear(EVERYTHING)), body);
        assert_eq!(
            (status, answer),
            (422, format!("{{\"detail\":[{expected}]}}")),
            "{}",
            body.escape_ascii()
        );
    };
    let invalid = |at: usize, expected: &str| {
        format!(
            r#"{{"type":"json_invalid","loc":["body",{at}],"msg":"JSON decode error: expected {expected}"}}"#
        )
    };
    check(b"", &invalid(0, "a value"));
    check(b" \n", &invalid(2, "a value"));
    check(b"{\"income\":}", &invalid(10, "a value"));
    check(b"{\"income\":NaN}", &invalid(10, "a value"));
    check(
        b"{\"income\":1}x",
        &invalid(12, "the end: something follows the JSON value"),
    );
    check(b"{\"income\":01}", &invalid(11, "',' or '}'"));
    check(b"\xef\xbb\xbf{}", &invalid(0, "a value"));
    check(b"{\"a\":\"\xff\"}", &invalid(6, "UTF-8"));
    check(b"{\"a\":\"\xed\xa0\x80\"}", &invalid(6, "UTF-8"));
    check(b"{\"a\":\"\xc0\xaf\"}", &invalid(6, "UTF-8"));
    check(b"\0", &invalid(0, "a value"));
    check(
        "[".repeat(200).as_bytes(),
        &invalid(128, "at most 128 nested arrays and objects"),
    );
    let dict = r#"{"type":"dict_type","loc":["body"],"msg":"Input should be a JSON object: feature names to values"}"#;
    for body in ["null", "1", "\"{}\"", "[]", "[{}]", " true "] {
        check(body.as_bytes(), dict);
    }
}

#[test]
fn a_body_over_a_mebibyte_is_too_large() {
    let mut model = decider(&linear(EVERYTHING));
    let padded = |length: usize| {
        let request = request(&[]);
        request.clone() + &" ".repeat(length - request.len())
    };
    assert_eq!(decide(&mut model, padded(MAX_REQUEST)).0, 200);
    let too_large = (
        413,
        "{\"detail\":\"The request is too large: at most 1 MiB\"}".to_owned(),
    );
    assert_eq!(decide(&mut model, padded(MAX_REQUEST + 1)), too_large);
    assert_eq!(decide(&mut model, vec![0xff; 10 << 20]), too_large);
}

/// Each fills the mebibyte with what a reader may be slow at; they only have to end.
#[test]
fn hostile_bodies_of_a_mebibyte_end() {
    let fill = |before: &str, unit: &str, after: &str| {
        let count = (MAX_REQUEST - before.len() - after.len()) / unit.len();
        format!("{before}{}{after}", unit.repeat(count))
    };
    let keys: String = (0..60_000).map(|n| format!("\"k{n}\":{n},")).collect();
    let bodies = [
        fill("", "[", ""),
        fill("", "{\"a\":", ""),
        fill("{\"note\":[", "[],", "[]]}"),
        fill("{\"note\":\"", "\\u0041", "\"}"),
        fill("{\"note\":\"", "\\", "\"}"),
        fill("{\"", "\\u0041", "\":1}"),
        fill("{\"", "x", "\":1}"),
        fill("{", "\"income\":1,", "\"income\":1}"),
        fill("{", "\"\":1,", "\"\":1}"),
        fill("{", "\"zzzzzz\":1,", "\"zzzzzz\":1}"),
        fill("{\"income\":", "9", "}"),
        fill("{\"income\":0.", "3", "}"),
        fill("{\"income\":\"0.", "3", "\"}"),
        fill("{\"age\":", "9", "}"),
        fill("{\"owner\":0.", "0", "}"),
        fill("{\"region\":1.", "0", "}"),
        fill("{\"grade\":\"", " ", "A\"}"),
        format!("{{{keys}\"x\":1}}"),
        fill("", " ", ""),
        fill("", "\"", ""),
    ];
    let mut models = [decider(&linear(EVERYTHING)), decider(&forest(EVERYTHING))];
    for body in &bodies {
        for model in &mut models {
            let (status, answer) = decide(model, body);
            assert_eq!(status, 422, "{}", &body[..40]);
            assert!(answer.len() < 100_000 && serde_json::from_str::<Value>(&answer).is_ok());
        }
    }
}
