//! What `/predict` refuses, every other route refuses, in the same words.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use axum::Router;
use common::{Answer, real_app, send};
use host_server::{Description, FeatureType};
use serde_json::{Map, Value, json};

/// An application that the model answers, by its schema's examples.
fn example(model: &Description) -> Map<String, Value> {
    let value = |feature: &host_server::Feature| {
        let example = feature.example.clone();
        let category = || Some(Value::from(feature.categories.first()?.value.as_str()));
        example
            .or_else(category)
            .or_else(|| feature.imputed.clone())
            .unwrap_or(json!(0))
    };
    let inputs = model.input_features();
    inputs
        .map(|input| (input.name.clone(), value(input)))
        .collect()
}

/// The first input that is a number.
fn number(model: &Description) -> String {
    let mut inputs = model.input_features();
    let number = inputs.find(|input| input.r#type == FeatureType::Number);
    number.unwrap().name.clone()
}

/// The JSON of an application with this after its last field.
fn with(application: &Map<String, Value>, more: &str) -> String {
    let text = Value::from(application.clone()).to_string();
    format!("{},{more}}}", text.strip_suffix('}').unwrap())
}

async fn post(app: &Router, path: &str, content_type: &str, body: &str) -> Answer {
    send(
        app,
        "POST",
        path,
        &[("content-type", content_type)],
        body.to_owned(),
    )
    .await
}

/// It is refused with this sentence, and with this status.
fn check(answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(
        answer.text().contains(sentence),
        "got: {}\nexpected: {sentence}",
        answer.text()
    );
}

const TWICE: &str = "The field is there more than once";
const FINITE: &str = "Input should be a finite number";
const JSON: &str = "application/json";

#[tokio::test]
async fn a_field_that_is_there_twice() {
    let (app, host) = real_app();
    let model = host.description();
    let (application, name) = (example(model), number(model));
    let twice = with(&application, &format!("\"{name}\":1"));
    check(&post(&app, "/predict", JSON, &twice).await, 422, TWICE);
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let v1 = format!("/v1/models/{}:predict", model.model.name);
    let rows = format!("{{\"instances\":[{twice}]}}");
    let columns: Vec<String> = application
        .iter()
        .map(|(name, value)| format!("\"{name}\":[{value}]"))
        .chain([format!("\"{name}\":[1]")])
        .collect();
    let columns = format!("{{\"inputs\":{{{}}}}}", columns.join(","));
    let names: Vec<&str> = application
        .keys()
        .map(String::as_str)
        .chain([&*name])
        .collect();
    let values: Vec<&Value> = application.values().chain([&Value::Null]).collect();
    let split = json!({ "dataframe_split": { "columns": names, "data": [values] } }).to_string();
    let tensor = |name: &str, value: &Value| json!({ "name": name, "shape": [1], "datatype": "FP64", "data": [value] });
    let tensors: Vec<Value> = application
        .iter()
        .map(|(name, value)| tensor(name, value))
        .chain([tensor(&name, &json!(1))])
        .collect();
    let tensors = json!({ "inputs": tensors }).to_string();
    let csv = format!("{}\n{}\n", names.join(","), vec![""; names.len()].join(","));
    for (path, content_type, body, status) in [
        ("/invocations", JSON, &rows, 400),
        ("/invocations", JSON, &columns, 400),
        ("/invocations", JSON, &split, 400),
        ("/invocations", "text/csv", &csv, 400),
        ("/predict/batch", "text/csv", &csv, 400),
        (&*v1, JSON, &rows, 400),
        (&*infer, JSON, &tensors, 400),
    ] {
        check(&post(&app, path, content_type, body).await, status, TWICE);
    }
    let batch = post(&app, "/predict/batch", JSON, &format!("[{twice}]")).await;
    check(&batch, 200, TWICE);
}

#[tokio::test]
async fn a_number_beyond_any() {
    let (app, host) = real_app();
    let model = host.description();
    let (mut application, name) = (example(model), number(model));
    application.remove(&name);
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let v1 = format!("/v1/models/{}:predict", model.model.name);
    for number in ["1e999", "-1e999"] {
        let one = with(&application, &format!("\"{name}\":{number}"));
        check(&post(&app, "/predict", JSON, &one).await, 422, FINITE);
        let rows = format!("{{\"instances\":[{one}]}}");
        check(&post(&app, "/invocations", JSON, &rows).await, 400, FINITE);
        check(&post(&app, &v1, JSON, &rows).await, 400, FINITE);
        for (datatype, number) in [("FP64", number), ("FP32", number), ("FP32", "1e300")] {
            let tensor = format!(
                "{{\"inputs\":[{{\"name\":\"{name}\",\"shape\":[1],\"datatype\":\"{datatype}\",\"data\":[{number}]}}]}}"
            );
            check(&post(&app, &infer, JSON, &tensor).await, 400, FINITE);
        }
    }
    for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        let head = json!({ "inputs": [
            { "name": name, "shape": [2], "datatype": "FP64", "parameters": { "binary_data_size": 16 } },
        ] })
        .to_string();
        let mut body = head.clone().into_bytes();
        body.extend(1.0_f64.to_le_bytes());
        body.extend(number.to_le_bytes());
        let length = head.len().to_string();
        let headers = [("inference-header-content-length", length.as_str())];
        let answer = send(&app, "POST", &infer, &headers, body).await;
        check(&answer, 400, &format!("row 1: {name}: {FINITE}"));
    }
    // Values in two places could be two applications.
    let head = json!({ "inputs": [
        { "name": name, "shape": [1], "datatype": "FP64", "data": [1], "parameters": { "binary_data_size": 8 } },
    ] })
    .to_string();
    let mut body = head.clone().into_bytes();
    body.extend(2.0_f64.to_le_bytes());
    let length = head.len().to_string();
    let headers = [("inference-header-content-length", length.as_str())];
    let answer = send(&app, "POST", &infer, &headers, body).await;
    check(&answer, 400, "give its values once");
    for number in ["NaN", "Infinity", "-Infinity"] {
        let one = with(&application, &format!("\"{name}\":{number}"));
        assert_eq!(post(&app, "/predict", JSON, &one).await.status, 422);
        let rows = format!("{{\"instances\":[{one}]}}");
        assert_eq!(post(&app, "/invocations", JSON, &rows).await.status, 400);
    }
}

/// One row by every way that takes one; all answer with the same probability.
#[tokio::test]
async fn every_route_reads_a_row_alike() {
    let (app, host) = real_app();
    let model = host.description();
    let application = example(model);
    let one = Value::from(application.clone()).to_string();
    let alone = post(&app, "/predict", JSON, &one).await;
    assert_eq!(alone.status, 200, "{}", alone.text());
    let alone: Value = serde_json::from_slice(&alone.body).unwrap();
    let expected = &alone["probability"];
    let names: Vec<&str> = application.keys().map(String::as_str).collect();
    let values: Vec<&Value> = application.values().collect();
    // In the order of the inputs, as tools for tensors give them.
    let positional: Vec<Value> = model
        .input_features()
        .map(|input| {
            let value = &application[&input.name];
            let index = input.categories.iter().position(|one| *value == *one.value);
            index.map_or_else(|| value.clone(), |index| json!(index))
        })
        .collect();
    let columns: Map<String, Value> = application
        .iter()
        .map(|(name, value)| (name.clone(), json!([[value]])))
        .collect();
    let params = json!({ "output": "probability" });
    for body in [
        json!({ "instances": [application], "params": params }),
        json!({ "dataframe_records": [application], "params": params }),
        json!({ "dataframe_split": { "data": [values], "columns": names }, "params": params }),
        json!({ "inputs": [positional], "params": params }),
        json!({ "inputs": columns, "params": params }),
    ] {
        let answer = post(&app, "/invocations", JSON, &body.to_string()).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(answer["predictions"][0], *expected, "{body} {answer}");
    }
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let tensors: Vec<Value> = application
        .iter()
        .map(|(name, value)| json!({ "name": name, "shape": [1, 1], "datatype": "BYTES", "data": [[value]] }))
        .collect();
    let matrix = json!([{ "name": "x", "shape": [1, positional.len()], "datatype": "FP64", "data": positional }]);
    for inputs in [json!(tensors), matrix] {
        let body = json!({ "inputs": inputs, "outputs": [{ "name": "probability" }] });
        let answer = post(&app, &infer, JSON, &body.to_string()).await;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            answer["outputs"][0]["data"][0], *expected,
            "{body} {answer}"
        );
    }
    let cells: Vec<String> = application
        .values()
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .collect();
    let csv = format!("{}\n{}\n", names.join(","), cells.join(","));
    let answer = post(&app, "/predict/batch", "text/csv", &csv).await;
    assert!(
        answer.text().contains(&expected.to_string()),
        "{}",
        answer.text()
    );
}

/// Shapes beyond `[rows]`, `[rows, 1]` and, of the only input, `[rows, inputs]`.
#[tokio::test]
async fn a_tensor_has_the_shape_of_rows() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let inputs = model.input_features().count();
    let field = number(model);
    let (shape_of, rows_of) = ("its shape", "its rows have");
    for (name, shape, values, sentence) in [
        ("x", json!([1, 1, inputs]), inputs, shape_of),
        ("x", json!([1, inputs - 1]), inputs - 1, rows_of),
        (&field, json!([1, 2]), 2, rows_of),
        (&field, json!([1, 1, 1]), 1, shape_of),
        (&field, json!([-1]), 1, shape_of),
        (&field, json!([]), 1, shape_of),
        (&field, json!([2]), 1, shape_of),
    ] {
        let data = vec![1.0; values];
        let tensor = json!({ "name": name, "shape": shape, "datatype": "FP64", "data": data });
        let body = json!({ "inputs": [tensor] });
        let answer = post(&app, &infer, JSON, &body.to_string()).await;
        check(&answer, 400, sentence);
    }
}

#[tokio::test]
async fn a_column_that_is_no_field_is_refused_once() {
    let (app, host) = real_app();
    let name = number(host.description());
    let misspelt = format!("{}x", name);
    let csv = format!("{misspelt},{name}\n{}", "1,2\n".repeat(1000));
    let answer = post(&app, "/predict/batch", "text/csv", &csv).await;
    check(
        &answer,
        400,
        &format!("{misspelt}: Unknown field: did you mean '{name}'?"),
    );
    assert_eq!(answer.text().matches("Unknown field").count(), 1);
    let wide: Vec<String> = (0..20_000).map(|column| format!("c{column}")).collect();
    let csv = format!("{}\n", wide.join(","));
    check(
        &post(&app, "/predict/batch", "text/csv", &csv).await,
        400,
        "cells",
    );
}

#[tokio::test]
async fn too_much_is_refused_whatever_it_is() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let name = number(model);
    let objects = format!(
        "{{\"inputs\":[{{\"name\":\"x\",\"shape\":[1,12],\"datatype\":\"FP64\",\"data\":[{}]}}]}}",
        vec!["{\"\":0}"; 100_000].join(",")
    );
    let values = |shape: &str, data: &str| {
        format!(
            "{{\"inputs\":[{{\"name\":\"{name}\",\"shape\":{shape},\"datatype\":\"FP64\",\"data\":{data}}}]}}"
        )
    };
    let rows = "1,".repeat(100_001);
    for (body, status) in [
        (objects, 400),
        (
            values("[100001]", &format!("[{}]", rows.trim_end_matches(','))),
            413,
        ),
        (values("[1]", "[1,2]"), 400),
        (values("[2]", "[1]"), 400),
        (values("[1,2]", "[1,2]"), 400),
        (values("[1,1,1]", "[1]"), 400),
        (values("[18446744073709551615]", "[1]"), 413),
        (values("[-1]", "[1]"), 400),
        (values("[1.5]", "[1]"), 400),
        (values("[1]", "{}"), 400),
        (values("[1]", &"[".repeat(100_000)), 400),
        ("[]".to_owned(), 400),
        ("{}".to_owned(), 400),
    ] {
        let answer = post(&app, &infer, JSON, &body).await;
        assert_eq!(
            answer.status,
            status,
            "{} {}",
            &body[..body.len().min(200)],
            answer.text()
        );
    }
    let csv = format!("{name}\n{}", "1\n".repeat(100_001));
    for path in ["/predict/batch", "/invocations"] {
        assert_eq!(
            post(&app, path, "text/csv", &csv).await.status,
            413,
            "{path}"
        );
    }
    let rows = format!("{{\"instances\":[{}]}}", vec!["{}"; 100_001].join(","));
    assert_eq!(post(&app, "/invocations", JSON, &rows).await.status, 413);
}

/// A batch of no rows is answered with none; a body that is no batch is refused. Both in every
/// form, but for lines, of which no byte at all is none.
#[tokio::test]
async fn a_batch_of_no_rows_is_no_empty_body() {
    let (app, host) = real_app();
    let model = host.description();
    let (v1, infer) = (
        format!("/v1/models/{}:predict", model.model.name),
        format!("/v2/models/{}/infer", model.model.name),
    );
    let names = format!("{}\n", number(model));
    let tensor = format!(
        "{{\"inputs\":[{{\"name\":\"{}\",\"shape\":[0],\"datatype\":\"FP64\",\"data\":[]}}]}}",
        number(model)
    );
    let nothing = r#"{"predictions":[]}"#;
    for (path, content_type, body, expected) in [
        ("/predict/batch", JSON, "[]", "[]"),
        ("/explain", JSON, "[]", "[]"),
        ("/predict/batch", "application/x-ndjson", "", ""),
        ("/predict/batch", "text/csv", &names, "prediction,"),
        ("/invocations", "text/csv", &names, nothing),
        ("/invocations", JSON, "{\"instances\":[]}", nothing),
        (&v1, JSON, "{\"instances\":[]}", nothing),
        (&infer, JSON, &tensor, "\"shape\":[0,1],\"data\":[]"),
    ] {
        check(&post(&app, path, content_type, body).await, 200, expected);
    }
    let no_names = "the body is empty, expected a line with the names of the columns";
    for (path, content_type, body, status, sentence) in [
        ("/predict/batch", JSON, "", 422, "JSON decode error"),
        ("/explain", JSON, "", 422, "JSON decode error"),
        ("/predict/batch", "text/csv", "", 400, no_names),
        ("/predict/batch", "text/csv", "\r\n\n", 400, no_names),
        ("/invocations", "text/csv", "", 400, no_names),
        ("/invocations", JSON, "", 400, "not JSON that is taken"),
        (&v1, JSON, "", 400, "expected {\\\"instances\\\": [...]}"),
        (&infer, JSON, "", 400, "not an inference request"),
    ] {
        let answer = post(&app, path, content_type, body).await;
        check(&answer, status, sentence);
    }
}

/// Where an array stops being JSON is told as of an application.
#[tokio::test]
async fn a_broken_array_is_refused_in_the_modules_words() {
    let (app, _) = real_app();
    for body in [
        &b""[..],
        b"[",
        b"[\n",
        b"\n\n[{\"person_age\": 35},\n}",
        b"[{\n \"a\": 1\n},\n{\"a\":\"\xff\"},5]",
        b"[\"\n\"]",
        b"[\"\\q\"]",
        b"[1,]",
        b"[1] x",
        b"[{\"a\" 1}]",
        b"[01]",
    ] {
        let headers = [("content-type", JSON)];
        let expected = send(&app, "POST", "/predict", &headers, body).await;
        check(&expected, 422, "json_invalid");
        for path in ["/predict/batch", "/explain"] {
            let answer = send(&app, "POST", path, &headers, body).await;
            assert_eq!(answer.text(), expected.text(), "{path}");
        }
    }
}

/// Bytes that no input has taken: another program might take them for one.
#[tokio::test]
async fn nothing_follows_the_last_tensor() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let column = json!([{ "name": number(model), "shape": [1], "datatype": "FP64",
        "parameters": { "binary_data_size": 8 } }]);
    let width = model.input_features().count();
    let matrix = json!([{ "name": "x", "shape": [1, width], "datatype": "FP64",
        "parameters": { "binary_data_size": 8 * width } }]);
    let as_json = json!([{ "name": number(model), "shape": [1], "datatype": "FP64", "data": [1] }]);
    let text = json!([{ "name": number(model), "shape": [1], "datatype": "BYTES",
        "parameters": { "binary_data_size": 5 } }]);
    for (inputs, bytes) in [
        (column, 1.0_f64.to_le_bytes().to_vec()),
        (matrix, 1.0_f64.to_le_bytes().repeat(width)),
        (as_json, Vec::new()),
        (text, b"\x01\0\0\x001".to_vec()),
    ] {
        let head = json!({ "inputs": inputs }).to_string();
        for (more, sentence) in [
            (0, ""),
            (1, "1 byte follows the last input's data, expected none"),
            (9, "9 bytes follow the last input's data, expected none"),
        ] {
            let body = [head.as_bytes(), &bytes[..], &vec![0; more]].concat();
            let length = head.len().to_string();
            let headers = [("inference-header-content-length", length.as_str())];
            let answer = send(&app, "POST", &infer, &headers, body).await;
            if more == 0 {
                assert!(!answer.text().contains("follow"), "{}", answer.text());
            } else {
                check(&answer, 400, sentence);
            }
        }
    }
}

/// A short request for the same long list many times was answered in hundreds of megabytes.
#[tokio::test]
async fn an_output_is_named_once() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let inputs: Vec<Value> = example(model)
        .iter()
        .map(|(name, value)| json!({ "name": name, "shape": [1], "datatype": "BYTES", "data": [value] }))
        .collect();
    let ask = |outputs: Value| json!({ "inputs": inputs, "outputs": outputs }).to_string();
    let twice = ask(json!([{ "name": "label" }, { "name": "probability" }, { "name": "label" }]));
    check(
        &post(&app, &infer, JSON, &twice).await,
        400,
        "the output `label` is asked for twice: name it once",
    );
    let each = ask(json!([
        { "name": "adjustments", "parameters": { "binary_data": true } },
        { "name": "label", "parameters": { "binary_data": true } },
        { "name": "probability" },
    ]));
    let answer = post(&app, &infer, JSON, &each).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    let length: usize = answer
        .header("inference-header-content-length")
        .parse()
        .unwrap();
    let head: Value = serde_json::from_slice(&answer.body[..length]).unwrap();
    let size = |at: usize| head["outputs"][at]["parameters"]["binary_data_size"].as_u64();
    let sizes = size(0).unwrap() + size(1).unwrap();
    assert_eq!(answer.body.len() - length, usize::try_from(sizes).unwrap());
    assert_eq!(size(2), None);
}

/// Several lines of a header say what one line with commas says.
#[tokio::test]
async fn an_encoding_on_two_lines_is_two_encodings() {
    let (app, _) = real_app();
    for second in ["gzip", "br", "identity"] {
        let headers = [("content-encoding", "gzip"), ("content-encoding", second)];
        let answer = send(&app, "POST", "/predict/batch", &headers, "[]").await;
        check(&answer, 415, &format!("`gzip, {second}`"));
    }
}

/// The JSON library's errors repeat a text that is no number, seven bytes for some of its bytes:
/// one small packed request once took a gigabyte.
#[tokio::test]
async fn no_error_repeats_a_long_text() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    let v1 = format!("/v1/models/{}:predict", model.model.name);
    let long = "\u{7f}".repeat(100_000);
    let text = format!("\"{long}\"");
    let tensor = |part: &str| format!("{{\"inputs\":[{{{part}}}]}}");
    let usual = "\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP64\"";
    for (path, body) in [
        (&v1, format!("{{\"instances\":{text}}}")),
        (&v1, format!("{{\"instances\":[],\"parameters\":{text}}}")),
        (
            &v1,
            format!("{{\"instances\":[],\"parameters\":{{\"outcome\":{text}}}}}"),
        ),
        (&infer, format!("{{\"inputs\":{text}}}")),
        (&infer, format!("{{\"inputs\":[],\"parameters\":{text}}}")),
        (
            &infer,
            format!("{{\"inputs\":[],\"parameters\":{{\"binary_data_output\":{text}}}}}"),
        ),
        (&infer, format!("{{\"inputs\":[],\"outputs\":{text}}}")),
        (
            &infer,
            format!("{{\"inputs\":[],\"outputs\":[{{\"name\":\"label\",\"parameters\":{text}}}]}}"),
        ),
        (&infer, tensor(&format!("{usual},\"data\":{text}"))),
        (&infer, tensor(&format!("{usual},\"parameters\":{text}"))),
        (
            &infer,
            tensor(&format!(
                "{usual},\"parameters\":{{\"binary_data_size\":{text}}}"
            )),
        ),
        (
            &infer,
            tensor(&format!(
                "\"name\":{text},\"shape\":[1],\"datatype\":\"FP64\",\"data\":[1]"
            )),
        ),
        (
            &infer,
            tensor(&format!(
                "\"name\":\"x\",\"shape\":{text},\"datatype\":\"FP64\",\"data\":[1]"
            )),
        ),
        (
            &infer,
            tensor(&format!(
                "\"name\":\"x\",\"shape\":[1],\"datatype\":{text},\"parameters\":{{\"binary_data_size\":0}}"
            )),
        ),
        (
            &"/invocations".to_owned(),
            format!("{{\"instances\":[],\"params\":{text}}}"),
        ),
        (
            &"/invocations".to_owned(),
            format!("{{\"instances\":[],\"params\":{{\"outcome\":{text}}}}}"),
        ),
        (
            &"/invocations".to_owned(),
            format!("{{\"instances\":{text}}}"),
        ),
        (
            &"/invocations".to_owned(),
            format!("{{\"inputs\":{{{text}:[1]}}}}"),
        ),
        (
            &"/invocations".to_owned(),
            format!("{{\"dataframe_split\":{{\"columns\":[{text}],\"data\":[[1]]}}}}"),
        ),
        (&"/predict/batch".to_owned(), text.clone()),
    ] {
        let answer = post(&app, path, JSON, &body).await;
        let at = &body[..body.len().min(90)];
        assert!(
            answer.status.is_client_error(),
            "{path} {at}: {}",
            answer.status
        );
        assert!(
            answer.body.len() < 16 << 10,
            "{path} {at}: {} bytes",
            answer.body.len()
        );
    }
}

#[tokio::test]
async fn inputs_of_other_names_are_refused_before_their_values_are_read() {
    let (app, host) = real_app();
    let model = host.description();
    let infer = format!("/v2/models/{}/infer", model.model.name);
    // The second has no data at all, which would be said of it.
    let inputs = r#"{"inputs":[{"name":"person_incom","shape":[1],"datatype":"FP64","data":[1]},{"name":"person_age","shape":[1],"datatype":"FP64"}]}"#;
    let answer = post(&app, &infer, JSON, inputs).await;
    assert_eq!(answer.status, 400);
    let text = answer.text();
    assert!(
        text.contains("row 0: person_incom") && text.contains("person_income"),
        "{text}"
    );
}

/// Of two places for rows one was once decided, and the other not looked at.
#[tokio::test]
async fn invocations_have_their_rows_once() {
    let (app, host) = real_app();
    let row = Value::from(example(host.description()));
    let split = json!({ "columns": [], "data": [] });
    for (body, first, second) in [
        (
            json!({ "instances": [row], "inputs": [row] }),
            "instances",
            "inputs",
        ),
        (
            json!({ "instances": [row], "dataframe_split": split }),
            "dataframe_split",
            "instances",
        ),
        (
            json!({ "dataframe_records": [row], "inputs": [row] }),
            "dataframe_records",
            "inputs",
        ),
    ] {
        let answer = post(&app, "/invocations", JSON, &body.to_string()).await;
        let sentence = format!("the body has rows in `{first}` and in `{second}`: give them once");
        check(&answer, 400, &sentence);
    }
}

/// A quote that is never closed once swallowed the applicants that follow.
#[tokio::test]
async fn a_stray_quote_in_csv_is_refused_with_its_line() {
    let (app, host) = real_app();
    let names: Vec<&str> = host
        .description()
        .input_features()
        .map(|input| input.name.as_str())
        .collect();
    let empty = ",".repeat(names.len() - 1);
    let csv = format!("{}\n{empty}\n{empty}\"open\n{empty}\n", names.join(","));
    for path in ["/predict/batch", "/invocations"] {
        let answer = post(&app, path, "text/csv", &csv).await;
        check(&answer, 400, "line 3: a quote (\\\") is in the wrong place");
    }
}
