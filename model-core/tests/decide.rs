//! Decisions, as `docs/reference/decision-contract.md` and `docs/reference/schema.md` promise them.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

mod common;

use common::{EVERYTHING, PLAIN, constant, decide, decider, forest, linear, natively, request};
use model_core::artifact::{Artifact, digests, with_policy};
use model_core::calibration::Calibration;
use model_core::decide::{Decider, MAX_REQUEST, write_unavailable};
use model_core::policy::Policy;
use serde_json::Value;
use serde_json::value::RawValue;

#[test]
fn an_answer_has_these_bytes() {
    let mut model = decider(&constant(EVERYTHING, 0.75));
    let digest = model.digest().to_owned();
    assert_eq!(digest.len(), "sha256:".len() + 64);
    let expected = format!(
        r#"{{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.75,"threshold":0.5,"model":{{"name":"everything","version":"1.2.3","digest":"{digest}"}},"features_used":["income","rate","share","wealth","age","score","years","owner","defaulted","member","grade","purpose","region"],"adjustments":[{{"feature":"income","kind":"out_of_range","policy":"clamp","from":1e9,"to":100000}}],"outcome":"approve"}}"#
    );
    let (status, answer) = decide(&mut model, request(&[("income", "1e9")]));
    assert_eq!((status, answer), (200, expected));
}

#[test]
fn the_threshold_itself_is_a_yes() {
    let check = |probability: f64, threshold: f64, expected: &str| {
        let artifact = Artifact {
            threshold,
            ..constant(EVERYTHING, probability)
        };
        let (status, answer) = decide(&mut decider(&artifact), request(&[]));
        assert_eq!(status, 200);
        assert!(answer.starts_with(expected), "{answer}");
    };
    check(
        0.5,
        0.5,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.5,"threshold":0.5,"#,
    );
    check(
        0.49999999999999994,
        0.5,
        r#"{"prediction":0,"prediction_label":"Rejected","approve":false,"probability":0.49999999999999994,"threshold":0.5,"#,
    );
    check(
        0.0,
        0.0,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":0.0,"threshold":0.0,"#,
    );
    check(
        -0.0,
        1.0,
        r#"{"prediction":0,"prediction_label":"Rejected","approve":false,"probability":0.0,"threshold":1.0,"#,
    );
    check(
        7.5,
        1.0,
        r#"{"prediction":1,"prediction_label":"Approved","approve":true,"probability":1.0,"threshold":1.0,"#,
    );
}

/// A linear model is the sum that its documentation gives, to the bit.
#[test]
fn a_linear_model_is_its_formula() {
    let toml = "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"x\"\ntype = \"number\"\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"";
    let mut model = decider(&linear(toml));
    for x in ["0", "-0", "1e-300", "2.5", "-7", "1e3"] {
        let sum = 0.1 + 0.3 * ((x.parse::<f64>().unwrap() - 0.5) / 1.5);
        let expected = match sum >= 0.0 {
            true => 1.0 / (1.0 + libm::exp(-sum)),
            false => libm::exp(sum) / (1.0 + libm::exp(sum)),
        };
        let (_, answer) = decide(&mut model, format!("{{\"x\":{x}}}"));
        assert_eq!(probability(&answer).to_bits(), expected.to_bits(), "{x}");
    }
}

fn probability(answer: &str) -> f64 {
    let value: Value = serde_json::from_str(answer).unwrap();
    value["probability"].to_string().parse().unwrap()
}

/// The `adjustments` of a 200, the `detail` of a refusal, as they are written.
fn essence(status: u16, answer: &str) -> String {
    let key = if status == 200 {
        "adjustments"
    } else {
        "detail"
    };
    let fields: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(answer).unwrap();
    fields[key].get().to_owned()
}

/// What a request of [`EVERYTHING`] comes to, for a linear model and for a forest.
fn check(changes: &[(&str, &str)], status: u16, expected: &str) {
    for artifact in [linear(EVERYTHING), forest(EVERYTHING)] {
        let request = request(changes);
        let (found, answer) = decide(&mut decider(&artifact), &request);
        assert_eq!(
            (found, &*essence(found, &answer)),
            (status, expected),
            "{request}"
        );
    }
}

/// Accepted, with these adjustments.
fn adjusts(changes: &[(&str, &str)], expected: &str) {
    check(changes, 200, &format!("[{expected}]"));
}

/// Refused, with these problems.
fn refuses(changes: &[(&str, &str)], expected: &str) {
    check(changes, 422, &format!("[{expected}]"));
}

#[test]
fn what_fits_is_not_adjusted() {
    adjusts(&[], "");
    for (name, values) in [
        (
            "income",
            &[
                "0",
                "-0",
                "100000",
                "1e5",
                "0.1",
                "\"12\"",
                "\" 12 \"",
                "\"-0\"",
                "\"+1.5e3\"",
                "\".5\"",
                "\"5.\"",
                "\"\\u0031\"",
                "1e-999",
            ][..],
        ),
        ("rate", &["40.499999", "5e-324", "\"11.5\""]),
        ("wealth", &["1e308", "-1e308", "9007199254740993", "0.1e1"]),
        (
            "age",
            &["18", "100", "40.0", "4e1", "\"40\"", "\" 40.0\\n\""],
        ),
        (
            "years",
            &[
                "0",
                "-0",
                "9007199254740992",
                "\"9007199254740992\"",
                "9007199254740992.0",
                "9007199254740992.000e0",
                "\"009.007199254740992E+15\"",
                "1e15",
            ],
        ),
        (
            "owner",
            &[
                "true", "false", "1", "0", "1.0", "0e5", "\"TRUE\"", "\"Yes\"", "\" y \"", "\"t\"",
                "\"1\"", "\"No\"", "\"n\"", "\"F\"", "\"0\"",
            ],
        ),
        ("grade", &["\"A\"", "\" C \"", "\"\\u0041\""]),
        ("purpose", &["\"Größe\"", "\"Gr\\u00f6\\u00dfe\""]),
        ("region", &["\"30\"", "30", "30.0", "3e1", "\" 1 \""]),
    ] {
        for value in values {
            adjusts(&[(name, value)], "");
        }
    }
}

/// Protected and ignored features take anything, and change nothing.
#[test]
fn protected_and_ignored_features_are_not_used() {
    let mut model = decider(&linear(EVERYTHING));
    let (_, plain) = decide(&mut model, request(&[]));
    for anything in [
        "\"female\"",
        "\"martian\"",
        "null",
        "[1,{}]",
        "1e999",
        "\"\\ud800\"",
    ] {
        for name in ["gender", "note"] {
            assert_eq!(decide(&mut model, request(&[(name, anything)])).1, plain);
        }
    }
}

#[test]
fn missing_values_follow_the_policy() {
    for missing in ["", "null", "\"\"", "\"  \\t\"", "\"NA\"", "\" ? \""] {
        let filled = |feature: &str, policy: &str, to: &str| {
            let from = if missing.is_empty() || missing == "null" {
                String::new()
            } else {
                format!("\"from\":{missing},")
            };
            let expected = format!(
                "{{\"feature\":\"{feature}\",\"kind\":\"missing\",\"policy\":\"{policy}\",{from}\"to\":{to}}}"
            );
            adjusts(&[(feature, missing)], &expected);
        };
        filled("income", "impute", "50000");
        filled("share", "zero", "0");
        filled("wealth", "impute", "1");
        filled("age", "impute", "59");
        filled("years", "zero", "0");
        filled("owner", "most_frequent", "true");
        filled("defaulted", "zero", "false");
        filled("grade", "most_frequent", "\"B\"");
        filled("purpose", "other", "null");
        for required in ["rate", "score", "member", "region"] {
            let input = if missing.is_empty() || missing == "null" {
                String::new()
            } else {
                format!(",\"input\":{missing}")
            };
            refuses(
                &[(required, missing)],
                &format!(
                    "{{\"type\":\"missing\",\"loc\":[\"body\",\"{required}\"],\"msg\":\"Field required\"{input}}}"
                ),
            );
        }
    }
}

/// The first few that are unknown are looked for among the features, which costs the most.
#[test]
fn a_refusal_suggests_few_names() {
    let names = ["incom", "rat", "shar", "wealt", "ag", "scor"];
    let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
    let mut model = decider(&linear(EVERYTHING));
    let (status, answer) = decide(&mut model, format!("{{{}}}", fields.join(",")));
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let unknown = answer["detail"].as_array().unwrap().iter();
    let unknown = unknown.filter(|problem| problem["type"] == "extra_forbidden");
    let meant: Vec<&str> = unknown
        .map(|problem| problem["msg"].as_str().unwrap())
        .collect();
    assert_eq!((status, meant.len()), (422, 6), "{answer}");
    let suggests = |of: &&str| of.contains("did you mean '");
    assert!(meant[..4].iter().all(suggests), "{meant:?}");
    assert!(!meant[4..].iter().any(suggests), "{meant:?}");
}

/// -9, 99 and 999 are common codes for what nobody knows.
#[test]
fn a_number_that_means_missing_is_missing_in_every_form() {
    let listed = "missing_values = [\"NA\", \"999\", \"-9.50\"]";
    let toml = EVERYTHING.replace("missing_values = [\"NA\", \"?\"]", listed);
    let mut model = decider(&linear(&toml));
    let mut outcome = |field: &str, json: &str| {
        let request = request(&[(field, json)]);
        let mut codes = Vec::new();
        let seen = model.observe(request.as_bytes(), &mut |_, code| codes.push(code));
        seen.unwrap();
        let input = (model.features()).position(|feature| feature.name == field);
        let (_, answer) = decide(&mut model, &request);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let kind = match answer["adjustments"].get(0) {
            Some(adjusted) => format!("{} {}", adjusted["kind"], adjusted["from"]),
            None => answer["detail"][0]["type"].to_string(),
        };
        (kind, codes[input.unwrap()])
    };
    let mut is_missing = |field: &str, json: &str, kind: &str| {
        let (found, code) = outcome(field, json);
        assert_eq!(found, kind, "{field}: {json}");
        assert!(code.is_some_and(f64::is_nan), "{field}: {json}, {code:?}");
    };
    for json in [
        "999",
        "999.0",
        "9.99e2",
        "\"999\"",
        "\" 999.0 \"",
        "\"+9.99E2\"",
    ] {
        let expected = format!("\"missing\" {}", json.replace("9.99e2", "999.0"));
        is_missing("income", json, &expected);
        is_missing("age", json, &expected);
        is_missing("score", json, "\"missing\"");
    }
    // Also where it would be no integer.
    is_missing("years", "-9.5", "\"missing\" -9.5");
    is_missing("years", "\"-9.5\"", "\"missing\" \"-9.5\"");
    // A number for a boolean or a category, and a text of it as it is listed.
    is_missing("owner", "999", "\"missing\" 999");
    is_missing("owner", "\"999\"", "\"missing\" \"999\"");
    is_missing("purpose", "999.0", "\"missing\" 999.0");
    is_missing("purpose", "\"999\"", "\"missing\" \"999\"");
    is_missing("region", "999", "\"missing\"");

    let mut is_value = |field: &str, json: &str, kind: &str, expected: Option<f64>| {
        assert_eq!(
            outcome(field, json),
            (kind.into(), expected),
            "{field}: {json}"
        );
    };
    is_value("income", "998.9999999", "null", Some(998.9999999));
    is_value("income", "\"9990\"", "null", Some(9990.0));
    is_value("share", "9.5", "\"out_of_range\" 9.5", Some(9.5));
    is_value("owner", "\"999.0\"", "\"bool_parsing\"", None);
    is_value("purpose", "\"999.0\"", "\"unknown\" \"999.0\"", Some(-1.0));
    is_value("purpose", "998", "\"unknown\" 998", Some(-1.0));
}

#[test]
fn unknown_categories_follow_the_policy() {
    adjusts(
        &[("purpose", "\"car\"")],
        r#"{"feature":"purpose","kind":"unknown","policy":"other","from":"car","to":null}"#,
    );
    adjusts(
        &[("purpose", "7")],
        r#"{"feature":"purpose","kind":"unknown","policy":"other","from":7,"to":null}"#,
    );
    adjusts(
        &[("region", "3")],
        r#"{"feature":"region","kind":"unknown","policy":"most_frequent","from":3,"to":"2"}"#,
    );
    adjusts(
        &[("region", "1e400")],
        r#"{"feature":"region","kind":"unknown","policy":"most_frequent","to":"2"}"#,
    );
    adjusts(
        &[("region", "-1")],
        r#"{"feature":"region","kind":"unknown","policy":"most_frequent","from":-1,"to":"2"}"#,
    );
    // 65 bytes of JSON are not repeated, 64 are.
    let long = format!("\"{}\"", "x".repeat(62));
    adjusts(
        &[("purpose", &long)],
        &format!(
            r#"{{"feature":"purpose","kind":"unknown","policy":"other","from":{long},"to":null}}"#
        ),
    );
    let longer = format!("\"{}\"", "x".repeat(63));
    adjusts(
        &[("purpose", &longer)],
        r#"{"feature":"purpose","kind":"unknown","policy":"other","to":null}"#,
    );
    refuses(
        &[("grade", "\"D\"")],
        r#"{"type":"enum","loc":["body","grade"],"msg":"Input should be 'A', 'B' or 'C'","input":"D"}"#,
    );
    // A Cyrillic A.
    refuses(
        &[("grade", "\"А\"")],
        r#"{"type":"enum","loc":["body","grade"],"msg":"Input should be 'A', 'B' or 'C'","input":"А"}"#,
    );
}

#[test]
fn numbers_out_of_range_follow_the_policy() {
    adjusts(
        &[("income", "-1")],
        r#"{"feature":"income","kind":"out_of_range","policy":"clamp","from":-1,"to":0}"#,
    );
    adjusts(
        &[("income", "\"1e6\"")],
        r#"{"feature":"income","kind":"out_of_range","policy":"clamp","from":"1e6","to":100000}"#,
    );
    adjusts(
        &[("age", "17")],
        r#"{"feature":"age","kind":"out_of_range","policy":"clamp","from":17,"to":18}"#,
    );
    adjusts(
        &[("age", "101")],
        r#"{"feature":"age","kind":"out_of_range","policy":"clamp","from":101,"to":100}"#,
    );
    adjusts(
        &[("share", "1.0000001")],
        r#"{"feature":"share","kind":"out_of_range","policy":"impute","from":1.0000001,"to":1}"#,
    );
    adjusts(
        &[("years", "-1")],
        r#"{"feature":"years","kind":"out_of_range","policy":"impute","from":-1,"to":1}"#,
    );
    refuses(
        &[("rate", "0")],
        r#"{"type":"greater_than","loc":["body","rate"],"msg":"Input should be greater than 0","input":0}"#,
    );
    refuses(
        &[("rate", "-0.0")],
        r#"{"type":"greater_than","loc":["body","rate"],"msg":"Input should be greater than 0","input":-0.0}"#,
    );
    refuses(
        &[("rate", "40.5")],
        r#"{"type":"less_than","loc":["body","rate"],"msg":"Input should be less than 40.5","input":40.5}"#,
    );
    refuses(
        &[("score", "299")],
        r#"{"type":"greater_than_equal","loc":["body","score"],"msg":"Input should be greater than or equal to 300","input":299}"#,
    );
    refuses(
        &[("score", "\"851\"")],
        r#"{"type":"less_than_equal","loc":["body","score"],"msg":"Input should be less than or equal to 850","input":"851"}"#,
    );
}

#[test]
fn values_of_another_kind_are_refused() {
    let check = |field: &str, value: &str, kind: &str, msg: &str, echoed: bool| {
        let input = if echoed {
            format!(",\"input\":{value}")
        } else {
            String::new()
        };
        refuses(
            &[(field, value)],
            &format!(
                "{{\"type\":\"{kind}\",\"loc\":[\"body\",\"{field}\"],\"msg\":\"{msg}\"{input}}}"
            ),
        );
    };
    let number = "Input should be a valid number";
    for text in [
        "\"twelve\"",
        "\"1e\"",
        "\"1,5\"",
        "\"0x10\"",
        "\"inf\"",
        "\"NaN\"",
        "\"1_000\"",
        "\"１２\"",
        "\"--1\"",
        "\"1 2\"",
        "\".\"",
    ] {
        check(
            "income",
            text,
            "float_parsing",
            "Input should be a valid number, unable to parse string as a number",
            true,
        );
        check(
            "age",
            text,
            "int_parsing",
            "Input should be a valid integer, unable to parse string as an integer",
            true,
        );
    }
    for other in ["[]", "{}", "[1]", "\"\\ud800\""] {
        check("income", other, "float_type", number, false);
        check(
            "age",
            other,
            "int_type",
            "Input should be a valid integer",
            false,
        );
        check(
            "owner",
            other,
            "bool_type",
            "Input should be a boolean: true, 1, yes, y, t, or false, 0, no, n, f",
            false,
        );
        check(
            "grade",
            other,
            "string_type",
            "Input should be a valid string",
            false,
        );
    }
    check("income", "true", "float_type", number, true);
    check(
        "age",
        "false",
        "int_type",
        "Input should be a valid integer",
        true,
    );
    check(
        "purpose",
        "true",
        "string_type",
        "Input should be a valid string",
        true,
    );
    for value in [
        "2",
        "-1",
        "0.5",
        "\"maybe\"",
        "\"on\"",
        "\"tru\"",
        "\"truе\"",
    ] {
        check(
            "owner",
            value,
            "bool_parsing",
            "Input should be a boolean: true, 1, yes, y, t, or false, 0, no, n, f",
            true,
        );
    }
    for value in ["40.5", "\"40.5\"", "1e-5"] {
        check(
            "age",
            value,
            "int_from_float",
            "Input should be a valid integer, got a number with a fractional part",
            true,
        );
    }
    for value in [
        "9007199254740993",
        "-9007199254740993",
        "9007199254740993.0",
        "9007199254740992.5",
        "9.0071992547409921e15",
        "\"9007199254740993e0\"",
        "1e16",
        "99999999999999999999",
    ] {
        check(
            "years",
            value,
            "int_exact",
            "Input should be an integer between -9007199254740992 and 9007199254740992",
            true,
        );
    }
    for value in ["1e999", "-1e999", "1e309"] {
        check(
            "income",
            value,
            "finite_number",
            "Input should be a finite number",
            false,
        );
        check(
            "age",
            value,
            "finite_number",
            "Input should be a finite number",
            false,
        );
    }
    check(
        "income",
        "\"1e999\"",
        "finite_number",
        "Input should be a finite number",
        true,
    );
}

#[test]
fn fields_that_should_not_be_there_are_refused() {
    refuses(
        &[("incom", "1")],
        r#"{"type":"extra_forbidden","loc":["body","incom"],"msg":"Unknown field: did you mean 'income'?"}"#,
    );
    // A Cyrillic o, and a field of another model.
    refuses(
        &[("incоme", "1")],
        r#"{"type":"extra_forbidden","loc":["body","incоme"],"msg":"Unknown field: did you mean 'income'?"}"#,
    );
    refuses(
        &[("loan_amnt", "1")],
        r#"{"type":"extra_forbidden","loc":["body","loan_amnt"],"msg":"Unknown field: the model has no feature of this name"}"#,
    );
    refuses(
        &[("\\ud800", "1")],
        r#"{"type":"extra_forbidden","loc":["body","\"\\ud800\""],"msg":"Unknown field: the model has no feature of this name"}"#,
    );
    refuses(
        &[("approved", "true")],
        r#"{"type":"extra_forbidden","loc":["body","approved"],"msg":"This is what the model answers: leave it out"}"#,
    );
    refuses(
        &[("inc\\u006fme", "1")],
        r#"{"type":"duplicate_field","loc":["body","income"],"msg":"The field is there more than once"}"#,
    );
    refuses(
        &[("note", "1"), ("not\\u0065", "2")],
        r#"{"type":"duplicate_field","loc":["body","note"],"msg":"The field is there more than once"}"#,
    );
    // A name is repeated up to 128 bytes, cut between characters.
    let long = "é".repeat(100);
    refuses(
        &[(&long, "1")],
        &format!(
            r#"{{"type":"extra_forbidden","loc":["body","{}…"],"msg":"Unknown field: the model has no feature of this name"}}"#,
            "é".repeat(64)
        ),
    );
}

/// Problems of the fields come first, then those of the values in schema order.
#[test]
fn every_problem_is_listed() {
    refuses(
        &[("scor", "1"), ("score", ""), ("rate", "-1"), ("owner", "3")],
        concat!(
            r#"{"type":"extra_forbidden","loc":["body","scor"],"msg":"Unknown field: did you mean 'score'?"},"#,
            r#"{"type":"greater_than","loc":["body","rate"],"msg":"Input should be greater than 0","input":-1},"#,
            r#"{"type":"missing","loc":["body","score"],"msg":"Field required"},"#,
            r#"{"type":"bool_parsing","loc":["body","owner"],"msg":"Input should be a boolean: true, 1, yes, y, t, or false, 0, no, n, f","input":3}"#,
        ),
    );
}

#[test]
fn at_most_a_hundred_problems_are_listed() {
    let mut model = decider(&linear(EVERYTHING));
    for extra in [99, 100, 101, 10_000] {
        let fields: Vec<String> = (0..extra)
            .map(|n| format!("\"unknown field {n}\":1"))
            .collect();
        let (status, answer) = decide(&mut model, format!("{{{}}}", fields.join(",")));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            (status, answer["detail"].as_array().unwrap().len()),
            (422, 100)
        );
    }
}

#[test]
fn only_so_much_may_be_filled_in() {
    let limited = EVERYTHING.replace("missing_values", "max_adjustments = 2\nmissing_values");
    let mut model = decider(&linear(&limited));
    let mut check = |changes: &[(&str, &str)], status: u16, expected: &str| {
        let (found, answer) = decide(&mut model, request(changes));
        assert_eq!((found, &*essence(found, &answer)), (status, expected));
    };
    check(
        &[("income", ""), ("age", "200")],
        200,
        r#"[{"feature":"income","kind":"missing","policy":"impute","to":50000},{"feature":"age","kind":"out_of_range","policy":"clamp","from":200,"to":100}]"#,
    );
    check(
        &[("income", ""), ("age", "200"), ("purpose", "\"x\"")],
        422,
        r#"[{"type":"too_many_adjustments","loc":["body"],"msg":"3 values are missing, unknown or out of range, at most 2 may be filled in: give more of the features"}]"#,
    );
}

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

/// A number beyond all bounds may be answered with any probability, but with one.
#[test]
fn huge_numbers_give_no_nan() {
    let unbounded = "name = \"m\"\nversion = \"1\"\n[[feature]]\nname = \"a\"\ntype = \"number\"\n[[feature]]\nname = \"b\"\ntype = \"number\"\n[[feature]]\nname = \"y\"\ntype = \"boolean\"\nrole = \"target\"";
    let mut artifact = linear(unbounded);
    let model_core::model::Model::Linear(model) = &mut artifact.model else {
        panic!("a linear model")
    };
    for (term, weight) in model.terms.iter_mut().zip([1e100, -1e100]) {
        (term.weight, term.scale, term.mean) = (weight, 1e-300, -1e308);
    }
    for artifact in [artifact, linear(unbounded), forest(unbounded)] {
        let mut model = decider(&artifact);
        for a in ["1.7e308", "-1.7e308", "0", "5e-324"] {
            for b in ["1.7e308", "-1.7e308", "0", "5e-324"] {
                let (status, answer) = decide(&mut model, format!("{{\"a\":{a},\"b\":{b}}}"));
                assert_eq!(status, 200);
                assert!((0.0..=1.0).contains(&probability(&answer)), "{answer}");
            }
        }
    }
}

#[test]
fn the_order_of_fields_does_not_matter() {
    for artifact in [linear(EVERYTHING), forest(EVERYTHING)] {
        let mut model = decider(&artifact);
        let (_, expected) = decide(&mut model, request(&[]));
        let mut fields: Vec<String> = PLAIN
            .iter()
            .map(|(name, json)| format!(" \"{name}\" :\t{json}\n"))
            .collect();
        for _ in 0..fields.len() {
            fields.rotate_left(1);
            assert_eq!(
                decide(&mut model, format!("{{{}}}", fields.join(","))).1,
                expected
            );
            fields.reverse();
            assert_eq!(
                decide(&mut model, format!("{{{}}}", fields.join(","))).1,
                expected
            );
        }
    }
}

/// As many fields as there may be, in no order of their names.
#[test]
fn the_order_of_many_fields_does_not_matter() {
    const FIELDS: usize = 999;
    let names: Vec<String> = (0..FIELDS)
        .map(|n| format!("f{}", n * 7 % FIELDS))
        .collect();
    let features = names
        .iter()
        .map(|name| format!("[[feature]]\nname = \"{name}\"\ntype = \"number\"\n"));
    let toml = format!(
        "name = \"wide\"\nversion = \"1\"\n{}[[feature]]\nname = \"f\"\ntype = \"boolean\"\nrole = \"target\"\n",
        features.collect::<String>()
    );
    let mut model = decider(&linear(&toml));
    let mut fields: Vec<String> = (0..)
        .zip(&names)
        .map(|(n, name)| format!("\"{name}\":{n}"))
        .collect();
    let mut asked = |fields: &[String]| decide(&mut model, format!("{{{}}}", fields.join(",")));
    let (status, expected) = asked(&fields);
    assert_eq!(status, 200);
    for _ in 0..3 {
        fields.reverse();
        assert_eq!(asked(&fields).1, expected);
        fields.sort();
        assert_eq!(asked(&fields).1, expected);
        fields.rotate_left(FIELDS / 3);
        assert_eq!(asked(&fields).1, expected);
    }
    for (stranger, problem) in [
        ("f999", "extra_forbidden"),
        ("", "extra_forbidden"),
        ("f", "This is what the model answers"),
        (names[0].as_str(), "duplicate_field"),
    ] {
        fields[FIELDS / 2] = format!("\"{stranger}\":0");
        let (status, answer) = asked(&fields);
        assert!(status == 422 && answer.contains(problem), "{answer}");
    }
}

#[test]
fn a_module_without_a_model_says_so() {
    let mut out = Vec::new();
    assert_eq!(write_unavailable("no \"model\"", &mut out), 503);
    assert_eq!(out, br#"{"detail":"no \"model\""}"#);
}

const POLICY: &str = r#"
[policy]
version = "2026-11"
refer = [0.4, 0.6]

[[rule]]
id = "minimum-income"
when = "income < 12000"
then = "decline"
code = "K01"
text = "Income is below the minimum"

[[rule]]
id = "owner"
stage = "after"
when = "owner and probability >= 0.45"
then = "approve"
code = "A01"
text = "Owners are approved earlier"
if_missing = "skip"

[[rule]]
id = "low-score"
when = "score < 500 or income < 12000"
then = "refer"
code = "K01"
text = "Somebody looks at low scores"
"#;

fn with_rules(probability: f64) -> Decider {
    let mut artifact = constant(EVERYTHING, probability);
    let file = Policy::from_toml(POLICY, &artifact.schema, &artifact.schema.languages).unwrap();
    artifact.policy = Some(file.policy);
    decider(&artifact)
}

/// From `outcome` on, and what the fields of old say.
fn outcome(probability: f64, changes: &[(&str, &str)]) -> (bool, String) {
    let mut model = with_rules(probability);
    let policy = model.digests().policy.clone().unwrap();
    let (status, answer) = decide(&mut model, request(changes));
    assert_eq!(status, 200, "{answer}");
    let parsed: Value = serde_json::from_str(&answer).unwrap();
    let approve = parsed["approve"].as_bool().unwrap();
    assert_eq!(parsed["prediction"], i32::from(approve));
    let label = if approve { "Approved" } else { "Rejected" };
    assert_eq!(parsed["prediction_label"], label);
    let said = format!(r#""policy":{{"version":"2026-11","digest":"{policy}"}},"#);
    let tail = &answer[answer.find("\"outcome\"").unwrap()..];
    assert!(tail.contains(&said), "{tail}");
    (approve, tail.replace(&said, ""))
}

#[test]
fn rules_decide_beside_the_model() {
    let check = |probability: f64, changes: &[(&str, &str)], approve: bool, expected: &str| {
        let found = outcome(probability, changes);
        assert_eq!(found, (approve, expected.to_owned()), "{changes:?}");
    };
    let nobody = ("owner", "false");
    check(
        0.7,
        &[nobody],
        true,
        r#""outcome":"approve","model_prediction":1,"rules":[]}"#,
    );
    // Between the ends of the band a person decides, whatever the threshold says.
    check(
        0.55,
        &[nobody],
        false,
        r#""outcome":"refer","model_prediction":1,"rules":[]}"#,
    );
    check(
        0.6,
        &[nobody],
        true,
        r#""outcome":"approve","model_prediction":1,"rules":[]}"#,
    );
    check(
        0.4,
        &[nobody],
        false,
        r#""outcome":"refer","model_prediction":0,"rules":[]}"#,
    );
    check(
        0.39,
        &[nobody],
        false,
        r#""outcome":"decline","model_prediction":0,"rules":[]}"#,
    );
    // A rule that approves replaces what the score says, and nothing else.
    let owner = ("owner", "true");
    check(
        0.45,
        &[owner],
        true,
        r#""outcome":"approve","model_prediction":0,"rules":["A01"]}"#,
    );
    let poor = ("income", "11999");
    let strict = r#""outcome":"decline","model_prediction":1,"rules":["K01","A01"]}"#;
    check(0.9, &[owner, poor], false, strict);
    // What was filled in is missing to a rule, which then refers.
    let missing = r#""outcome":"refer","model_prediction":1,"rules":["K01"]}"#;
    check(0.9, &[nobody, ("income", "")], false, missing);
}

#[test]
fn a_policy_can_be_exchanged_without_the_model() {
    let plain = constant(EVERYTHING, 0.7);
    let bytes = plain.encode().unwrap();
    let schema = &plain.schema;
    let policy = Policy::from_toml(POLICY, schema, &schema.languages)
        .unwrap()
        .policy;
    let ruled = with_policy(&bytes, Some(&policy)).unwrap();
    assert_eq!(
        digests(&ruled).unwrap().model,
        digests(&bytes).unwrap().model
    );
    assert_eq!(
        Artifact::decode(&ruled).unwrap().policy,
        Some(policy.clone())
    );
    assert_eq!(with_policy(&ruled, None).unwrap(), bytes);
    assert_eq!(with_policy(&ruled, Some(&policy)).unwrap(), ruled);

    let threshold = Artifact {
        threshold: 0.8,
        ..plain
    };
    let refused = with_policy(&threshold.encode().unwrap(), Some(&policy)).unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("refer = [0.4, 0.6] does not hold the model's threshold, 0.8"),
        "{refused}"
    );
}

/// Missing values that stay missing are reported as any adjustment, and count as one.
#[test]
fn what_stays_missing_is_reported() {
    let mut model = decider(&forest(&natively()));
    let left_out = [
        ("income", ""),
        ("owner", "null"),
        ("grade", "\"NA\""),
        ("purpose", ""),
    ];
    let (status, answer) = decide(&mut model, request(&left_out));
    assert_eq!(status, 200, "{answer}");
    let (_, adjustments) = answer.split_once("\"adjustments\":").unwrap();
    assert_eq!(
        adjustments,
        concat!(
            r#"[{"feature":"income","kind":"missing","policy":"native","to":null},"#,
            r#"{"feature":"owner","kind":"missing","policy":"native","to":null},"#,
            r#"{"feature":"grade","kind":"missing","policy":"native","from":"NA","to":null},"#,
            r#"{"feature":"purpose","kind":"missing","policy":"native","to":null}],"#,
            r#""outcome":"decline"}"#,
        )
    );
    let limited = natively().replace("missing_values", "max_adjustments = 3\nmissing_values");
    let mut model = decider(&forest(&limited));
    assert_eq!(decide(&mut model, request(&left_out)).0, 422);
    assert_eq!(decide(&mut model, request(&left_out[1..])).0, 200);
}

/// The probability of the answer is the calibrated one, and it is what the threshold parts.
#[test]
fn probabilities_are_calibrated() {
    let check = |calibration: Calibration, model_says: f64, expect: f64| {
        let artifact = Artifact {
            calibration,
            threshold: expect,
            ..constant(EVERYTHING, model_says)
        };
        let (_, answer) = decide(&mut decider(&artifact), request(&[]));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["probability"].as_f64(), Some(expect));
        assert_eq!(answer["approve"], true);
    };
    let isotonic = || Calibration::Isotonic {
        from: vec![0.25, 0.5, 0.75],
        to: vec![0.125, 0.375, 0.875],
    };
    check(Calibration::None, 0.3, 0.3);
    check(isotonic(), 0.0, 0.125);
    check(isotonic(), 0.25, 0.125);
    check(isotonic(), 0.375, 0.25);
    check(isotonic(), 0.5, 0.375);
    check(isotonic(), 0.625, 0.625);
    check(isotonic(), 0.75, 0.875);
    check(isotonic(), 1.0, 0.875);
    let one = Calibration::Isotonic {
        from: vec![0.5],
        to: vec![0.25],
    };
    check(one, 0.9, 0.25);
    let platt = |slope, intercept| Calibration::Platt { slope, intercept };
    check(platt(0.0, 0.0), 0.9, 0.5);
    check(platt(2.0, 0.0), 0.5, 0.5);
    // exp(-800) is 0, and so is 1 / (1 + exp(800)).
    check(platt(1.0, -800.0), 0.5, 0.0);
    check(platt(1e6, 0.0), 1.0, 1.0);
}
