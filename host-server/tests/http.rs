//! What HTTP adds around the module: over the stand-in, whose answers are known.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::task::Poll;

use axum::body::Body;
use common::{ANSWER, get, predict, send, stand_in, stand_in_app};
use futures_util::poll;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; connect-src 'self'; worker-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

#[tokio::test]
async fn a_decision_is_the_modules_with_two_fields_more() {
    let app = stand_in_app();
    let answer = predict(&app, "{}").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/json");
    let start = &ANSWER[..ANSWER.len() - 1];
    assert!(answer.text().starts_with(start), "{}", answer.text());
    let json: Value = serde_json::from_str(answer.text()).unwrap();
    assert!(json["latency_seconds"].is_f64());
    assert_eq!(json["request_id"], answer.header("x-request-id"));
}

#[tokio::test]
async fn a_refusal_is_the_modules_unchanged() {
    let answer = predict(&stand_in_app(), "5").await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.text(), r#"{"detail":[]}"#);
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_by_the_module() {
    let app = stand_in_app();
    assert_eq!(predict(&app, vec![b' '; 1 << 20]).await.status, 200);
    for length in [(1 << 20) + 1, 3 << 20, 70 << 20] {
        let answer = predict(&app, vec![b' '; length]).await;
        assert_eq!(answer.status, 413, "{length}");
        assert_eq!(answer.text(), r#"{"detail":[]}"#);
    }
}

#[tokio::test]
async fn a_request_id_is_kept_when_it_is_sane() {
    let app = stand_in_app();
    let longest = "x".repeat(64);
    for sane in ["a", "A-b_c.9", &longest] {
        let answer = send(&app, "POST", "/predict", &[("x-request-id", sane)], "{}").await;
        assert_eq!(answer.header("x-request-id"), sane);
        assert!(
            answer
                .text()
                .ends_with(&format!("\"request_id\":\"{sane}\"}}"))
        );
    }
    let too_long = "x".repeat(65);
    for insane in ["", "a b", "a\"b", "é", "<script>", &too_long] {
        let answer = send(&app, "POST", "/predict", &[("x-request-id", insane)], "{}").await;
        let id = answer.header("x-request-id");
        assert_ne!(id, insane);
        assert_eq!(id.len(), 36);
    }
}

#[tokio::test]
async fn the_content_type_is_json_or_nothing() {
    let app = stand_in_app();
    assert_eq!(send(&app, "POST", "/predict", &[], "{}").await.status, 200);
    for json in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/problem+json",
        "text/json",
    ] {
        let answer = send(&app, "POST", "/predict", &[("content-type", json)], "{}").await;
        assert_eq!(answer.status, 200, "{json}");
    }
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "json",
        "",
    ] {
        let answer = send(&app, "POST", "/predict", &[("content-type", other)], "{}").await;
        assert_eq!(answer.status, 415, "{other}");
        assert_eq!(
            serde_json::from_slice::<Value>(&answer.body).unwrap(),
            json!({"detail": format!("The content type is `{other}`, expected JSON; send `content-type: application/json` or none")})
        );
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_get_the_envelope() {
    let app = stand_in_app();
    let unknown = get(&app, "/nothing", &[]).await;
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.text(), r#"{"detail":"Not Found"}"#);
    for (method, path, allowed) in [
        ("GET", "/predict", "POST"),
        ("POST", "/", "GET,HEAD"),
        ("DELETE", "/model.wasm", "GET,HEAD"),
        ("POST", "/index.html", "GET,HEAD"),
    ] {
        let answer = send(&app, method, path, &[], Body::empty()).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.text(), r#"{"detail":"Method Not Allowed"}"#);
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn a_path_that_is_no_text_gets_the_envelope() {
    let app = stand_in_app();
    for (path, field) in [
        ("/models/%ff", "detail"),
        ("/models/a%c3/schema", "detail"),
        ("/v1/models/%ff", "error"),
        ("/v2/models/%ff", "error"),
        ("/v2/models/%ed%a0%80/ready", "error"),
    ] {
        let answer = get(&app, path, &[]).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body[field], "The path is not UTF-8", "{path}");
    }
    // What is text, however it is escaped, is a name that nobody has.
    let unknown = get(&app, "/models/%c3%a4%20b", &[]).await;
    assert_eq!(unknown.status, 404);
}

#[tokio::test]
async fn the_root_is_json_for_clients_and_the_page_for_browsers() {
    let app = stand_in_app();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    for (accept, expected) in [
        (browser, "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("TEXT/*", "text/html; charset=utf-8"),
        (
            "application/json;q=0.5, text/html;q=0.6",
            "text/html; charset=utf-8",
        ),
        (
            "text/html;q=0.5, application/json;q=0.6",
            "application/json",
        ),
        ("text/html, application/json", "application/json"),
        ("text/html;q=0, */*", "application/json"),
        ("*/*", "application/json"),
        ("application/json", "application/json"),
        ("image/png", "application/json"),
        ("", "application/json"),
    ] {
        let answer = get(&app, "/", &[("accept", accept)]).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), expected, "{accept}");
        let mut varies = answer.headers.get_all("vary").iter();
        assert!(varies.any(|value| value == "accept"), "{accept}");
    }
    let plain = get(&app, "/", &[]).await;
    assert_eq!(
        serde_json::from_slice::<Value>(&plain.body).unwrap(),
        json!({
            "status": "ok",
            "name": "A stand-in API",
            "version": "1.2.3",
            "description": "Decides nothing.",
            "model_loaded": true,
            "model": {"name": "stand-in", "version": "1.2.3", "digest": "sha256:00"},
            "features_count": 3,
            "categorical_count": 1,
            "boolean_count": 1,
        })
    );
}

#[tokio::test]
async fn health() {
    let answer = get(&stand_in_app(), "/health", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        serde_json::from_slice::<Value>(&answer.body).unwrap(),
        json!({
            "status": "healthy",
            "model_loaded": true,
            "version": "1.2.3",
            "model": {"name": "stand-in", "version": "1.2.3", "digest": "sha256:00"},
        })
    );
}

#[tokio::test]
async fn the_model_is_served_with_the_files_digest_as_its_tag() {
    let app = stand_in_app();
    let file = stand_in(&[]);
    let tag = format!("\"{:x}\"", Sha256::digest(&file));
    let answer = get(&app, "/model.wasm", &[]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body[..], file[..]);
    assert_eq!(answer.header("content-type"), "application/wasm");
    assert_eq!(answer.header("cache-control"), "no-cache");
    assert_eq!(answer.header("etag"), tag);
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        let again = get(&app, "/model.wasm", &[("if-none-match", &known)]).await;
        assert_eq!(again.status, 304, "{known}");
        assert_eq!(again.header("etag"), tag);
        assert!(again.body.is_empty());
    }
    let changed = get(&app, "/model.wasm", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(changed.status, 200);
}

#[tokio::test]
async fn the_glue_is_served_from_the_file() {
    let answer = get(&stand_in_app(), "/model.js", &[]).await;
    assert_eq!(&answer.body[..], common::GLUE);
    assert_eq!(
        answer.header("content-type"),
        "text/javascript; charset=utf-8"
    );
}

/// The first who asked for a file once had all connections of a thread wait until it was packed.
#[tokio::test]
async fn a_file_is_packed_once_and_not_on_the_thread_of_the_connection() {
    let app = stand_in_app();
    for path in ["/model.wasm", "/model.js", "/model.d.ts", "/openapi.json"] {
        let mut first = Box::pin(get(&app, path, &[]));
        assert!(poll!(first.as_mut()).is_pending(), "{path}");
        let first = first.await;
        assert_eq!(first.status, 200, "{path}");
        let mut second = Box::pin(get(&app, path, &[]));
        let Poll::Ready(second) = poll!(second.as_mut()) else {
            panic!("{path} is packed");
        };
        assert_eq!(second.body, first.body, "{path}");
        assert_eq!(second.header("etag"), first.header("etag"), "{path}");
    }
}

#[tokio::test]
async fn files_are_compressed_for_those_who_ask() {
    use std::io::Read;
    let app = stand_in_app();
    for (path, accept) in [("/model.wasm", "gzip"), ("/index.html", "br, GZIP;q=0.5")] {
        let plain = get(&app, path, &[("accept-encoding", "gzip;q=0, br")]).await;
        assert_eq!(plain.header("content-encoding"), "");
        let packed = get(&app, path, &[("accept-encoding", accept)]).await;
        assert_eq!(packed.header("content-encoding"), "gzip");
        assert_eq!(packed.header("vary"), "accept-encoding");
        assert_eq!(packed.header("content-type"), plain.header("content-type"));
        assert_ne!(packed.header("etag"), plain.header("etag"));
        assert!(packed.body.len() < plain.body.len());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..])
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, plain.body);
    }
}

#[tokio::test]
async fn the_pages_files_are_in_the_binary() {
    let app = stand_in_app();
    let page = get(&app, "/", &[("accept", "text/html")]).await;
    assert_eq!(get(&app, "/index.html", &[]).await.body, page.body);
    let html = page.text();
    let linked: Vec<&str> = ["href=\"", "src=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .filter(|address| !address.starts_with('#'))
        .collect();
    assert!(!linked.is_empty());
    for address in linked {
        let answer = get(&app, &format!("/{address}"), &[]).await;
        assert_eq!(answer.status, 200, "{address}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = stand_in_app();
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/index.html"),
        ("GET", "/model.wasm"),
        ("GET", "/nothing"),
        ("GET", "/predict"),
        ("POST", "/predict"),
    ] {
        let answer = send(&app, method, path, &[], Body::empty()).await;
        assert_eq!(answer.header("content-security-policy"), POLICY, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = stand_in_app();
    for path in ["/", "/health", "/model.wasm", "/index.html"] {
        let full = get(&app, path, &[]).await;
        let head = send(&app, "HEAD", path, &[], Body::empty()).await;
        assert_eq!(head.status, 200, "{path}");
        assert_eq!(head.header("content-length"), full.body.len().to_string());
        assert_eq!(head.header("etag"), full.header("etag"));
        assert!(head.body.is_empty());
    }
}
