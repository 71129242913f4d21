//! What hosts say, word for word, and that their limits are the module's.

use model_http::accept::{members, prefers_html, weighted};
use model_http::summary::{FeatureCounts, ModelId, Root, api_name, healthy, unhealthy};
use model_http::{Refusal, envelope, limits, media, request_id};

const MODEL: ModelId<'_> = ModelId {
    name: "loan-approval",
    version: "1.0.0",
    digest: "sha256:9f",
};

#[test]
fn a_host_hands_over_what_the_module_accepts_and_one_byte_more() {
    assert_eq!(limits::MAX_REQUEST, model_core::decide::MAX_REQUEST);
    assert_eq!(limits::MAX_SKETCH_BATCH, model_sketch::MAX_BATCH);
}

#[test]
fn refusals_are_sentences_in_one_envelope() {
    let check = |refusal: Refusal, status, body: &str| {
        assert_eq!(refusal.status(), status);
        assert_eq!(String::from_utf8_lossy(&refusal.to_json()), body);
    };
    check(Refusal::NotFound, 404, r#"{"detail":"Not Found"}"#);
    check(
        Refusal::MethodNotAllowed,
        405,
        r#"{"detail":"Method Not Allowed"}"#,
    );
    check(
        Refusal::NotJson {
            content_type: "text/\"plain\"".to_owned(),
            expected: media::JSON,
        },
        415,
        r#"{"detail":"The content type is `text/\"plain\"`, expected JSON; send `content-type: application/json` or none"}"#,
    );
    check(
        Refusal::BodyTruncated,
        400,
        r#"{"detail":"The request body was truncated; send it again"}"#,
    );
    check(
        Refusal::Fault {
            request_id: "a-1".to_owned(),
        },
        500,
        r#"{"detail":"The model failed on this request; the server logged the reason under request id a-1"}"#,
    );
}

#[test]
fn the_envelope_is_two_fields_before_the_last_brace() {
    let check = |decision: &str, seconds, expected: &str| {
        let mut bytes = decision.as_bytes().to_vec();
        envelope::add(&mut bytes, seconds, "id");
        assert_eq!(String::from_utf8_lossy(&bytes), expected);
    };
    check(
        r#"{"a":1}"#,
        0.25,
        r#"{"a":1,"latency_seconds":0.25,"request_id":"id"}"#,
    );
    check(
        r#"{"a":1}"#,
        f64::NAN,
        r#"{"a":1,"latency_seconds":0.0,"request_id":"id"}"#,
    );
    check("no object", 0.25, "no object");
}

#[test]
fn request_ids_are_safe_everywhere_or_replaced() {
    for valid in ["1", "order_17.retry-2", &"x".repeat(64)] {
        assert!(request_id::is_valid(valid.as_bytes()), "{valid}");
    }
    for invalid in ["", "a b", "a\"b", "ä", "a/b", &"x".repeat(65)] {
        assert!(!request_id::is_valid(invalid.as_bytes()), "{invalid}");
    }
}

#[test]
fn content_types_are_read_without_parameters_and_case() {
    for json in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "text/json",
        "application/problem+json",
    ] {
        assert!(media::is_json(&media::essence(json)), "{json}");
    }
    for other in ["", "text/plain", "application/jsonl", "json"] {
        assert!(!media::is_json(&media::essence(other)), "{other}");
    }
    assert!(media::is_ndjson(&media::essence("application/JSONL")));
    assert!(!media::is_ndjson(media::JSON));
}

#[test]
fn the_most_specific_range_of_accept_decides() {
    for html in [
        "text/html",
        "TEXT/HTML, application/json;q=0.9",
        "text/*, application/json;q=0.5",
        "*/*;q=0.1, text/html;q=0.2",
    ] {
        assert!(prefers_html([html]), "{html}");
    }
    for json in [
        "",
        "*/*",
        "application/json",
        "text/html;q=0.5, application/*",
        "text/html;q=0, */*",
    ] {
        assert!(!prefers_html([json]), "{json}");
    }
    // Several headers are one list.
    assert!(prefers_html(["application/json;q=0.5", "text/html"]));
    assert_eq!(members(" a , ,b").collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(weighted("gzip; Q=0.5"), ("gzip", 0.5));
    assert_eq!(weighted("gzip;q=much"), ("gzip", 1.0));
}

#[test]
fn root_and_health_have_the_old_services_keys_in_their_order() {
    let root = Root {
        name: &api_name("loan-approval", Some("Loan Approval")),
        description: "Decides.",
        model: MODEL,
        features: FeatureCounts {
            all: 13,
            categorical: 4,
            boolean: 1,
        },
    };
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(
        text(root.to_json()),
        r#"{"status":"ok","name":"Loan Approval API","version":"1.0.0","description":"Decides.","model_loaded":true,"model":{"name":"loan-approval","version":"1.0.0","digest":"sha256:9f"},"features_count":13,"categorical_count":4,"boolean_count":1}"#
    );
    assert_eq!(
        text(Root::without_model(None)),
        r#"{"status":"ok","model_loaded":false}"#
    );
    assert_eq!(
        text(Root::without_model(Some("Loans"))),
        r#"{"status":"ok","name":"Loans","model_loaded":false}"#
    );
    assert_eq!(
        text(healthy(MODEL)),
        r#"{"status":"healthy","model_loaded":true,"version":"1.0.0","model":{"name":"loan-approval","version":"1.0.0","digest":"sha256:9f"}}"#
    );
    assert_eq!(
        text(unhealthy("no \"model\"")),
        r#"{"status":"unhealthy","model_loaded":false,"detail":"no \"model\""}"#
    );
    assert_eq!(api_name("loan-approval", None), "loan-approval API");
    assert_eq!(api_name("loan-approval", Some("")), "loan-approval API");
}
