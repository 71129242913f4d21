//! What becomes of the values of a request, as `docs/reference/decision-contract.md` and
//! `docs/reference/schema.md` promise it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
mod common;

use common::{EVERYTHING, decide, decider, forest, linear, natively, request};
use serde_json::Value;
use serde_json::value::RawValue;

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
