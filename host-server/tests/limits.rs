//! Clients that ask too much, too slowly, or without a key; modules that mean harm.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use common::running::{GOOD, Running, options};
use common::{get, predict, send, stand_in};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use host_server::{App, HttpLimits, Key, Limits, ModelHost, Public, Role, ServeOptions, app};

fn with(change: impl FnOnce(&mut ServeOptions)) -> Router {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(&folder);
    change(&mut options);
    app(App::open(options).unwrap())
}

#[tokio::test]
async fn keys_have_roles() {
    let app = with(|options| {
        options.keys = vec![
            Key::new("one", Role::Predict),
            Key::new("two", Role::Predict),
            Key::new("eye", Role::Metrics),
            Key::new("chief", Role::Admin),
        ];
    });
    for (key, predict, metrics) in [
        ("one", 200, 403),
        ("two", 200, 403),
        ("eye", 403, 200),
        ("chief", 200, 200),
        ("on", 401, 401),
        ("", 401, 401),
    ] {
        for header in [
            ("x-api-key", key.to_owned()),
            ("authorization", format!("Bearer {key}")),
        ] {
            let header = (header.0, header.1.as_str());
            let answer = send(&app, "POST", "/predict", &[header], "{}").await;
            assert_eq!(answer.status, predict, "{header:?}");
            assert_eq!(
                get(&app, "/metrics", &[header]).await.status,
                metrics,
                "{header:?}"
            );
        }
    }
    assert_eq!(get(&app, "/health", &[]).await.status, 200);
}

#[tokio::test]
async fn a_key_has_a_rate() {
    let app = with(|options| {
        options.keys = vec![
            Key::new("one", Role::Predict),
            Key::new("two", Role::Predict),
        ];
        options.http.rate = NonZeroU32::new(3);
    });
    let ask = async |key: &str| send(&app, "POST", "/predict", &[("x-api-key", key)], "{}").await;
    for _ in 0..3 {
        assert_eq!(ask("one").await.status, 200);
    }
    let refused = ask("one").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("retry-after"), "1");
    // In the forms of other protocols too.
    let one = [("x-api-key", "one")];
    for path in ["/v2/models/m/infer", "/invocations"] {
        let refused = send(&app, "POST", path, &one, "{}").await;
        assert_eq!(refused.status, 429, "{path}");
        assert_eq!(refused.header("retry-after"), "1", "{path}");
    }
    let unknown = send(&app, "POST", "/v2/models/m/infer", &[], "{}").await;
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.header("www-authenticate"), "Bearer");
    assert_eq!(ask("two").await.status, 200);
}

/// Each reader of the metrics who did not read once held 20 KB that nothing counted.
#[tokio::test]
async fn metrics_that_nobody_takes_are_counted() {
    let app = with(|options| options.http.body_memory = 1 << 20);
    let ask = async || {
        let request = Request::get("/metrics").body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap()
    };
    let mut held = Vec::new();
    while held.len() < 1_000 {
        let answer = ask().await;
        if answer.status() == 503 {
            break;
        }
        held.push(answer.into_body());
    }
    assert!((1..1_000).contains(&held.len()), "{}", held.len());
    drop(held);
    assert_eq!(ask().await.status(), 200);
}

#[tokio::test]
async fn a_trace_goes_on() {
    let app = with(|_| {});
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let answer = get(&app, "/health", &[("traceparent", parent)]).await;
    let ours = answer.header("traceparent");
    assert_eq!((&ours[..36], &ours[52..]), (&parent[..36], &parent[52..]));
    assert_ne!(ours, parent);
    for wrong in [
        "",
        "00",
        &parent.replace("4bf", "4BF"),
        &parent.replace("00-4", "ff-4"),
    ] {
        let answer = get(&app, "/health", &[("traceparent", wrong)]).await;
        assert_eq!(answer.header("traceparent"), "");
    }
}

#[tokio::test]
async fn pages_of_listed_origins_may_ask() {
    let app = with(|options| options.cors_origins = vec!["https://bank.example".to_owned()]);
    for (origin, allowed) in [
        ("https://bank.example", "https://bank.example"),
        ("https://other.example", ""),
    ] {
        let preflight = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-api-key"),
        ];
        let answer = send(&app, "OPTIONS", "/predict", &preflight, "").await;
        assert_eq!(answer.header("access-control-allow-origin"), allowed);
    }
}

#[tokio::test]
async fn a_slow_head_is_cut_off_and_a_slow_body_refused() {
    let server = Running::start(HttpLimits {
        head: Duration::from_millis(300),
        body: Duration::from_millis(300),
        ..HttpLimits::default()
    })
    .await;
    for head in ["", "POST /predict HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let start = Instant::now();
        let answer = server.ask(head.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    let answer = server
        .ask(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        .await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
    server.end().await;
}

const KEPT: &[u8] = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";

/// Reads until a text has come, or the end.
async fn read_until(stream: &mut TcpStream, text: &str) -> String {
    let mut all = Vec::new();
    let mut piece = [0; 4096];
    let read = async {
        while !String::from_utf8_lossy(&all).contains(text) {
            match stream.read(&mut piece).await.unwrap() {
                0 => break,
                read => all.extend_from_slice(&piece[..read]),
            }
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), read).await;
    assert!(ended.is_ok(), "{}", String::from_utf8_lossy(&all));
    String::from_utf8(all).unwrap()
}

/// The time of an idle connection is another than that of a head that has begun.
#[tokio::test]
async fn a_later_head_is_cut_off_too() {
    let head = Duration::from_secs(1);
    let server = Running::start(HttpLimits {
        head,
        keep_alive: Duration::from_secs(600),
        ..HttpLimits::default()
    })
    .await;
    let mut stream = server.send(KEPT).await;
    assert!(
        read_until(&mut stream, "approve")
            .await
            .starts_with("HTTP/1.1 200")
    );
    // Idle for longer than a head may take.
    tokio::time::sleep(3 * head).await;
    stream.write_all(KEPT).await.unwrap();
    assert!(
        read_until(&mut stream, "approve")
            .await
            .starts_with("HTTP/1.1 200")
    );
    stream
        .write_all(b"GET /health HTTP/1.1\r\nx-")
        .await
        .unwrap();
    assert_eq!(read_until(&mut stream, "approve").await, "");
    server.end().await;
}

/// Bodies that come line by line are no heads.
#[tokio::test]
async fn a_stream_may_take_longer_than_a_head() {
    let head = Duration::from_secs(1);
    let server = Running::start(HttpLimits {
        head,
        ..HttpLimits::default()
    })
    .await;
    let mut stream = server
        .send(b"POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..8 {
        stream.write_all(b"3\r\n{}\n\r\n").await.unwrap();
        tokio::time::sleep(head / 2).await;
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let answer = read_until(&mut stream, "\r\n0\r\n\r\n").await;
    assert_eq!(answer.matches("approve").count(), 8, "{answer}");
    server.end().await;
}

/// Blank lines behind the last row that is allowed are no rows, and an end.
#[tokio::test]
async fn a_stream_of_as_many_rows_as_are_allowed_ends() {
    let server = Running::start(HttpLimits {
        batch_rows: 2,
        ..HttpLimits::default()
    })
    .await;
    let body = "{}\n{}\n\n\r\n\n";
    let request = format!(
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = tokio::time::timeout(Duration::from_secs(30), server.ask(request.as_bytes()));
    let answer = answer.await.unwrap();
    assert_eq!(answer.matches("approve").count(), 2, "{answer}");
    server.end().await;
}

#[tokio::test]
async fn a_head_is_as_long_as_is_allowed() {
    let long = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-long: {}\r\n\r\n",
        "x".repeat(20_000)
    );
    for (head_bytes, status) in [(16 << 10, "431"), (32 << 10, "200")] {
        let server = Running::start(HttpLimits {
            head_bytes,
            ..HttpLimits::default()
        })
        .await;
        let answer = server.ask(long.as_bytes()).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
        server.end().await;
    }
}

#[tokio::test]
async fn one_connection_too_many_hears_503() {
    let server = Running::start(HttpLimits {
        connections: NonZeroUsize::new(2).unwrap(),
        ..HttpLimits::default()
    })
    .await;
    let first = server.send(b"").await;
    let _second = server.send(b"").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = server.ask(b"").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"));
    drop(first);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
    server.end().await;
}

#[tokio::test]
async fn thousands_of_slow_connections_leave_room_for_others() {
    let server = Running::start(HttpLimits::default()).await;
    let mut slow = Vec::new();
    for _ in 0..400 {
        slow.push(
            server
                .send(b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{")
                .await,
        );
    }
    for _ in 0..50 {
        assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
    }
    drop(slow);
    server.end().await;
}

#[tokio::test]
async fn nonsense_is_a_client_error() {
    let server = Running::start(HttpLimits::default()).await;
    let long = "x".repeat(1 << 20);
    for nonsense in [
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n"
            .to_owned(),
    ] {
        let answer = server.ask(nonsense.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{answer}"
        );
    }
    assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
    server.end().await;
}

#[tokio::test]
async fn three_megabytes_a_byte_a_chunk() {
    let server = Running::start(HttpLimits::default()).await;
    let mut text = b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..3 << 20 {
        text.extend_from_slice(b"1\r\n \r\n");
    }
    text.extend_from_slice(b"0\r\n\r\n");
    let answer = server.ask(&text).await;
    assert!(
        answer.starts_with("HTTP/1.1 413"),
        "{}",
        &answer[..answer.len().min(200)]
    );
    server.end().await;
}

#[test]
fn a_module_that_means_harm_is_stopped_within_its_time() {
    let limits = Limits {
        memory_bytes: 8 << 20,
        ..Limits::serving()
    };
    let host = ModelHost::load(stand_in(&[]), limits.clone()).unwrap();
    let start = Instant::now();
    host.decide(b"l").unwrap_err();
    assert!(start.elapsed() >= limits.decide);
    assert_eq!(host.decide(b"{}").unwrap().status, 200);
    let load = "(export \"abi_load\") (result i64) (i64.const 0)";
    for harm in [
        "(loop $for_ever (br $for_ever)) (i64.const 0)",
        "(drop (memory.grow (i32.const 16384))) (unreachable)",
        "(call $deep)",
    ] {
        let changed = format!("(export \"abi_load\") (result i64) {harm}");
        let deep = "(func $deep (result i64) (call $deep))\n  (func (export \"abi_load\")";
        let file = stand_in(&[(load, &changed), ("(func (export \"abi_load\")", deep)]);
        ModelHost::load(file, limits.clone()).unwrap_err();
    }
    assert_eq!(predictable(&host), 200);
}

fn predictable(host: &ModelHost) -> u16 {
    host.decide(b"{}").unwrap().status
}

#[tokio::test]
async fn a_batch_goes_on_after_a_row_that_kills_an_instance() {
    let app = with(|_| {});
    let lines = "{}\nt\n5\n\n{}\n";
    let ndjson = ("content-type", "application/x-ndjson");
    let answer = send(&app, "POST", "/predict/batch", &[ndjson], lines).await;
    let rows: Vec<serde_json::Value> = answer
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let statuses: Vec<u64> = rows
        .iter()
        .map(|row| row["status"].as_u64().unwrap_or(200))
        .collect();
    assert_eq!(statuses, [200, 500, 422, 200]);
    assert_eq!(
        (rows[1]["row"].as_u64(), rows[2]["row"].as_u64()),
        (Some(1), Some(2))
    );
    assert_eq!(predict(&app, "{}").await.status, 200);
}

#[tokio::test]
async fn a_batch_has_a_limit() {
    let app = with(|options| options.http.batch_rows = 3);
    let json = ("content-type", "application/json");
    assert_eq!(
        send(&app, "POST", "/predict/batch", &[json], "[1,2,3]")
            .await
            .status,
        200
    );
    assert_eq!(
        send(&app, "POST", "/predict/batch", &[json], "[1,2,3,4]")
            .await
            .status,
        413
    );
    let ndjson = ("content-type", "application/x-ndjson");
    let answer = send(
        &app,
        "POST",
        "/predict/batch",
        &[ndjson],
        "1\n2\n\n3\n4\n5\n",
    )
    .await;
    let lines: Vec<&str> = answer.text().lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[3].contains("\"status\":413"), "{}", lines[3]);
    for wrong in ["{}", "1", "[", ""] {
        assert_eq!(
            send(&app, "POST", "/predict/batch", &[json], wrong)
                .await
                .status,
            422
        );
    }
}

/// What the API's description says of keys is what its routes do.
async fn check_described(app: &Router) {
    let document = get(app, "/openapi.json", &[]).await;
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    let mut secured = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let says = operation["security"].as_array();
            let says = says.is_some_and(|all| !all.is_empty());
            let asked = path
                .replace("{name}", "stand-in")
                .replace("{version}", "1.0.0");
            let method = method.to_uppercase();
            let status = send(app, &method, &asked, &[], "").await.status;
            assert_eq!(says, status == 401, "{method} {path}: {status}");
            secured += usize::from(says);
        }
    }
    let schemes = &document["components"]["securitySchemes"];
    assert_eq!(schemes.is_null(), secured == 0);
}

/// Every route that gives something away, and who may have it.
#[tokio::test]
async fn what_is_closed_is_opened_on_purpose() {
    const KEYS: [Option<&str>; 4] = [None, Some("asker"), Some("eye"), Some("chief")];
    let roles = [
        Key::new("asker", Role::Predict),
        Key::new("eye", Role::Metrics),
        Key::new("chief", Role::Admin),
    ];
    let of = |public: &[Public], keys: &[&Key]| {
        let (public, keys) = (public.to_vec(), keys.iter().map(|key| (*key).clone()));
        let keys: Vec<Key> = keys.collect();
        with(move |options| (options.public, options.keys) = (public, keys))
    };
    let [asker, eye, chief] = &roles;
    let (page, metrics) = (Public::Page, Public::Metrics);
    let apps = [
        of(&[], &[]),
        of(&[], &[asker, chief]),
        of(&[], &[asker, eye, chief]),
        of(&[page, metrics], &[asker, chief]),
    ];
    const OPEN: [u16; 4] = [200; 4];
    const ANY: [u16; 4] = [401, 200, 401, 200];
    const ASKER: [u16; 4] = [401, 200, 403, 200];
    const EYE: [u16; 4] = [401, 403, 200, 200];
    // The stand-in carries no sketch: who may ask for drift hears that it is not there.
    const DRIFT_OPEN: [u16; 4] = [404; 4];
    const DRIFT_ANY: [u16; 4] = [401, 404, 401, 404];
    const DRIFT_EYE: [u16; 4] = [401, 403, 404, 404];
    for (path, expected) in [
        ("/health", [OPEN, OPEN, OPEN, OPEN]),
        ("/", [OPEN, OPEN, OPEN, OPEN]),
        ("/openapi.json", [OPEN, OPEN, OPEN, OPEN]),
        ("/models/stand-in/schema", [OPEN, OPEN, OPEN, OPEN]),
        ("/model.wasm", [OPEN, ANY, ASKER, OPEN]),
        ("/model.js", [OPEN, ANY, ASKER, OPEN]),
        ("/model.d.ts", [OPEN, ANY, ASKER, OPEN]),
        ("/index.html", [OPEN, ANY, ASKER, OPEN]),
        ("/app.js", [OPEN, ANY, ASKER, OPEN]),
        ("/officer", [OPEN, OPEN, OPEN, OPEN]),
        ("/officer.js", [OPEN, OPEN, OPEN, OPEN]),
        ("/style.css", [OPEN, OPEN, OPEN, OPEN]),
        ("/metrics", [OPEN, ANY, EYE, OPEN]),
        ("/drift", [DRIFT_OPEN, DRIFT_ANY, DRIFT_EYE, DRIFT_ANY]),
        (
            "/drift/sketch",
            [DRIFT_OPEN, DRIFT_ANY, DRIFT_EYE, DRIFT_ANY],
        ),
    ] {
        for (app, expected) in apps.iter().zip(expected) {
            for (key, expected) in KEYS.iter().zip(expected) {
                let headers: Vec<(&str, &str)> =
                    key.iter().map(|key| ("x-api-key", *key)).collect();
                let status = get(app, path, &headers).await.status;
                assert_eq!(status, expected, "{path} with {key:?}");
            }
        }
    }
    for app in apps.iter().chain([&of(&[], &[eye])]) {
        check_described(app).await;
    }
    let html = [("accept", "text/html")];
    let types: Vec<String> = {
        let mut types = Vec::new();
        for app in &apps {
            let answer = get(app, "/", &html).await;
            types.push(answer.header("content-type").to_owned());
        }
        types
    };
    let (page, json) = ("text/html; charset=utf-8", "application/json");
    assert_eq!(types, [page, json, json, page]);
}
