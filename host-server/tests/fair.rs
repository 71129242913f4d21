//! What one caller may take of the server: others are answered as before, whatever it asks for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use common::running::{Running, options, read};
use common::{Answer, limits, send, stand_in};
use host_server::{App, HttpLimits, Key, Limits, Role, ServeOptions, app};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

/// What one search for recourse takes here.
const SEARCH: Duration = Duration::from_millis(200);

/// What others wait at most: far less than the work that is asked for, and far more than a busy
/// machine needs.
const SOON: Duration = Duration::from_secs(5);

const RECOURSE: &str = r#"{"application":{},"recourse":true}"#;

/// Explains; what is longer than a bare application takes for ever.
const EXPLAINS: &str = r#"(func (export "abi_free") (param i32 i32))
  (func (export "abi_explain") (param $pointer i32) (param $length i32) (result i64)
    (global.set $status (i32.const 200))
    (if (i32.gt_u (local.get $length) (i32.const 20))
      (then (loop $for_ever (br $for_ever))))
    (call $packed (i32.const 1024) (i32.const 31)))"#;

/// A server for the holders of three keys, whose model is the stand-in with these changes.
fn settings(changes: &[(&str, &str)], http: HttpLimits) -> (ServeOptions, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let usual = options(&folder);
    std::fs::write(folder.path().join("model.wasm"), stand_in(changes)).unwrap();
    let options = ServeOptions {
        keys: vec![
            Key::named("many", "many", Role::Predict),
            Key::named("more", "more", Role::Predict),
            Key::named("one", "one", Role::Predict),
        ],
        limits: Limits {
            explain: SEARCH,
            ..limits()
        },
        http,
        ..usual
    };
    (options, folder)
}

fn serve(changes: &[(&str, &str)], http: HttpLimits) -> (Router, TempDir) {
    let (options, folder) = settings(changes, http);
    (app(App::open(options).unwrap()), folder)
}

fn explaining(http: HttpLimits) -> (Router, TempDir) {
    let free = r#"(func (export "abi_free") (param i32 i32))"#;
    serve(&[(free, EXPLAINS)], http)
}

async fn post(app: &Router, key: &str, path: &str, body: String) -> Answer {
    send(app, "POST", path, &[("x-api-key", key)], body).await
}

/// Asks for so many things at once, for as long as the test runs.
fn ask_for_much(app: &Router, times: usize, body: &str) {
    for _ in 0..times {
        let (app, body) = (app.clone(), body.to_owned());
        tokio::spawn(async move { post(&app, "many", "/explain", body).await });
    }
}

/// The other key's request is answered soon.
async fn check_soon(app: &Router, path: &str, body: &str) {
    let start = Instant::now();
    let answer = post(app, "one", path, body.to_owned()).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    assert!(start.elapsed() < SOON, "{path}: {:?}", start.elapsed());
}

/// One key with 12 KB of requests once took batches and explanations from everybody, for as long
/// as its explanations took: here 80 s.
#[tokio::test]
async fn searches_for_recourse_delay_nobody_elses_work() {
    let (app, _folder) = explaining(HttpLimits::default());
    let array = format!("[{}]", [RECOURSE; 20].join(","));
    ask_for_much(&app, 20, &array);
    tokio::time::sleep(SEARCH * 2).await;
    for _ in 0..3 {
        check_soon(&app, "/predict/batch", "[{},{}]").await;
        check_soon(&app, "/explain", "{}").await;
        check_soon(&app, "/explain", "[{},{}]").await;
    }
    // Even a search of its own does not wait for the other's queue; here it is stopped.
    let start = Instant::now();
    let answer = post(&app, "one", "/explain", RECOURSE.to_owned()).await;
    assert_eq!(answer.status, 500);
    assert!(start.elapsed() < SOON + SEARCH, "{:?}", start.elapsed());
}

/// What waited for its turn once held the permits that decisions need.
#[tokio::test]
async fn who_waits_for_turns_keeps_no_decision_out() {
    let http = HttpLimits {
        requests: NonZeroUsize::new(16).unwrap(),
        ..HttpLimits::default()
    };
    let (app, _folder) = explaining(http);
    ask_for_much(&app, 40, RECOURSE);
    tokio::time::sleep(SEARCH / 2).await;
    for _ in 0..3 {
        check_soon(&app, "/predict", "{}").await;
        check_soon(&app, "/predict/batch", "[{},{}]").await;
    }
}

#[tokio::test]
async fn a_batch_asks_for_no_endless_recourse() {
    let http = HttpLimits {
        recourse_rows: 2,
        ..HttpLimits::default()
    };
    let (app, _folder) = explaining(http);
    let without = r#"{"application":{},"recourse":false}"#;
    let rows = [RECOURSE, without, "{}", RECOURSE, RECOURSE];
    let answer = post(&app, "one", "/explain", format!("[{}]", rows.join(","))).await;
    assert_eq!(answer.status, 413);
    assert!(
        answer
            .text()
            .contains("More than 2 rows of the batch ask for recourse"),
        "{}",
        answer.text()
    );
    let rows = ["{}", RECOURSE, "{}", "{}", RECOURSE, "{}"];
    let answer = post(&app, "one", "/explain", format!("[{}]", rows.join(","))).await;
    let rows: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
    let statuses: Vec<u64> = rows
        .iter()
        .map(|row| row["status"].as_u64().unwrap_or(200))
        .collect();
    assert_eq!(statuses, [200, 500, 200, 200, 500, 200]);
}

/// A stream on which one line has come.
async fn stream(server: &Running, key: &str) -> TcpStream {
    let head = format!(
        "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: {key}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{{}}\n\r\n"
    );
    server.send(head.as_bytes()).await
}

async fn status(stream: &mut TcpStream) -> String {
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    String::from_utf8(head.to_vec()).unwrap()
}

/// A thousand connections with a line each once closed streams to everybody.
#[tokio::test]
async fn one_keys_streams_leave_some_for_others() {
    let http = HttpLimits {
        requests: NonZeroUsize::new(16).unwrap(),
        ..HttpLimits::default()
    };
    let (options, folder) = settings(&[], http);
    let server = Running::serve(options, folder).await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..20 {
        let mut stream = stream(&server, "many").await;
        refused += usize::from(status(&mut stream).await.ends_with("503"));
        open.push(stream);
    }
    assert_eq!(refused, 6);
    for _ in 0..2 {
        let mut stream = stream(&server, "one").await;
        assert_eq!(status(&mut stream).await, "HTTP/1.1 200");
        stream.write_all(b"0\r\n\r\n").await.unwrap();
        assert!(read(stream).await.contains("prediction"));
    }
    drop(open);
    server.end().await;
}

/// An answer of 20 KB to each row, where 2 KB are usual.
fn long_answers() -> [(&'static str, String); 2] {
    let data = format!(
        r#"(data (i32.const 16384) "{{\"prediction\":1,\"text\":\"{}\"}}")"#,
        "x".repeat(20_000 - 26)
    );
    [
        (
            r#"(data (i32.const 1024) "{\"prediction\":1,\"approve\":true}")"#,
            data,
        ),
        (
            "(call $packed (i32.const 1024) (i32.const 31))",
            "(call $packed (i32.const 16384) (i32.const 20000))".to_owned(),
        ),
    ]
}

/// Answers once were counted by what they usually take, however long they were: clients that
/// read none of them had the server hold many times its budget.
#[tokio::test]
async fn long_answers_are_held_within_the_budget() {
    const BUDGET: usize = 4 << 20;
    let changes = long_answers();
    let changes = changes.each_ref().map(|(from, to)| (*from, to.as_str()));
    let http = HttpLimits {
        body_memory: BUDGET,
        ..HttpLimits::default()
    };
    let (app, _folder) = serve(&changes, http);
    for content_type in ["application/json", "application/x-ndjson"] {
        let body = match content_type {
            "application/json" => format!("[{}]", ["{}"; 512].join(",")),
            _ => ["{}"; 512].join("\n"),
        };
        let mut held = Vec::new();
        let mut bodies = Vec::new();
        for _ in 0..4 {
            let request = Request::post("/predict/batch")
                .header("x-api-key", "one")
                .header("content-type", content_type)
                .body(Body::from(body.clone()));
            let response = app.clone().oneshot(request.unwrap()).await.unwrap();
            let is_full = response.status() == StatusCode::SERVICE_UNAVAILABLE;
            assert!(is_full || response.status() == 200);
            let mut body = response.into_body();
            // As a connection does that cannot send: it has taken one piece, and waits.
            let first = tokio::time::timeout(Duration::from_secs(2), body.frame()).await;
            if let Ok(Some(Ok(frame))) = first {
                held.push(frame.into_data().unwrap());
            }
            bodies.push(body);
        }
        let bytes: usize = held.iter().map(|piece| piece.len()).sum();
        assert!(bytes <= BUDGET, "{content_type}: {bytes}");
        assert!(bytes > BUDGET / 4, "{content_type}: {bytes}");
        drop((held, bodies));
        // Nobody else holds any: a whole answer comes, in pieces.
        let answer = post(&app, "one", "/predict/batch", "[{},{},{}]".to_owned()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.len() > 60_000);
    }
}

/// The other key's decision, whose body comes in two pieces.
async fn check_two_pieces(server: &Running) {
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: one\r\ncontent-length: 20002\r\n\r\n{";
    let mut stream = server.send(head.as_bytes()).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let rest = [&[b' '; 20_000][..], b"}"].concat();
    stream.write_all(&rest).await.unwrap();
    let answer = read(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Bodies of one key that stop before their end once took the memory of everybody's first bytes.
#[tokio::test]
async fn one_keys_bodies_leave_memory_for_others() {
    let http = HttpLimits {
        body_memory: 2 << 20,
        ..HttpLimits::default()
    };
    let (options, folder) = settings(&[], http);
    let server = Running::serve(options, folder).await;
    let head =
        "POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: many\r\ncontent-length: 62000\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..20 {
        let mut stream = server.send(head.as_bytes()).await;
        // Those for which there is no room are closed.
        let _ = stream.write_all(&[b' '; 61_000]).await;
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..3 {
        check_two_pieces(&server).await;
    }
    drop(held);
    server.end().await;
}

/// Each of two keys once had seven eighths of the memory: together they had all of it.
#[tokio::test]
async fn two_keys_bodies_leave_memory_for_a_third() {
    let http = HttpLimits {
        body_memory: 8 << 20,
        ..HttpLimits::default()
    };
    let (options, folder) = settings(&[], http);
    let server = Running::serve(options, folder).await;
    let mut held = Vec::new();
    for key in ["many", "more"] {
        for _ in 0..30 {
            let head = format!(
                "POST /predict/batch HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-length: 300000\r\n\r\n"
            );
            let mut stream = server.send(head.as_bytes()).await;
            // Those for which there is no room are read on, and refused at their end.
            let _ = stream.write_all(&[b' '; 290_000]).await;
            held.push(stream);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: one\r\ncontent-length: 90004\r\n\r\n";
    let body = [&b"[{}"[..], &vec![b' '; 90_000], b"]"].concat();
    for _ in 0..3 {
        let answer = server.ask(&[head.as_bytes(), &body].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        check_two_pieces(&server).await;
    }
    drop(held);
    server.end().await;
}

/// Answers that one key does not take once left no memory for anybody else's.
#[tokio::test]
async fn one_keys_answers_leave_memory_for_others() {
    let changes = long_answers();
    let changes = changes.each_ref().map(|(from, to)| (*from, to.as_str()));
    let http = HttpLimits {
        body_memory: 4 << 20,
        ..HttpLimits::default()
    };
    let (app, _folder) = serve(&changes, http);
    let mut held = Vec::new();
    for _ in 0..40 {
        let request = Request::post("/predict/batch")
            .header("x-api-key", "many")
            .body(Body::from(format!("[{}]", ["{}"; 10].join(","))));
        let response = app.clone().oneshot(request.unwrap()).await.unwrap();
        held.push((response.status(), response.into_body()));
    }
    let refused = held.iter().filter(|(status, _)| *status == 503).count();
    assert!((1..40).contains(&refused), "{refused}");
    check_soon(&app, "/predict/batch", "[{},{}]").await;
    check_soon(&app, "/predict/batch", "[{},{},{},{},{}]").await;
    drop(held);
}

/// Streams whose long lines were answered once kept the memory of those for as long as they were
/// open, from everybody.
#[tokio::test]
async fn an_idle_stream_keeps_nothing_of_its_long_lines() {
    let http = HttpLimits {
        body_memory: 4 << 20,
        ..HttpLimits::default()
    };
    let (options, folder) = settings(&[], http);
    let server = Running::serve(options, folder).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\nx-api-key: many\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut stream = server.send(head.as_bytes()).await;
        let line = [&b"c3502\r\n"[..], &vec![b' '; 800_000], b"\n\n\r\n"].concat();
        let line = [&line[..], b"3\r\n{}\n\r\n"].concat();
        stream.write_all(&line).await.unwrap();
        assert_eq!(status(&mut stream).await, "HTTP/1.1 200");
        open.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: many\r\ncontent-length: 700004\r\n\r\n";
    let body = [&b"[{}"[..], &vec![b' '; 700_000], b"]"].concat();
    let answer = server.ask(&[head.as_bytes(), &body].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(open);
    server.end().await;
}

/// What came before once earned a line a quarter of an hour to be whole.
#[tokio::test]
async fn a_long_line_is_whole_in_the_time_of_a_body() {
    let http = HttpLimits {
        body: Duration::from_secs(1),
        ..HttpLimits::default()
    };
    let (options, folder) = settings(&[], http);
    let server = Running::serve(options, folder).await;
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-api-key: one\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = server.send(head.as_bytes()).await;
    let begun = [&b"30d40\r\n"[..], &vec![b' '; 200_000], b"\r\n"].concat();
    stream.write_all(&begun).await.unwrap();
    let start = Instant::now();
    while stream.write_all(b"1\r\n \r\n").await.is_ok() && start.elapsed() < SOON * 6 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(start.elapsed() < SOON * 5, "{:?}", start.elapsed());
    server.end().await;
}

/// Who may not ask was once told to go on with its body first.
#[tokio::test]
async fn who_waits_to_go_on_hears_a_refusal_at_once() {
    let (options, folder) = settings(&[], HttpLimits::default());
    let server = Running::serve(options, folder).await;
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: nobody\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let answer = server.ask(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    server.end().await;
}
