//! What requests hold while they are worked on, and give back when they are not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Write;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use common::running::{GOOD, Running, read, until};
use common::{Answer, limits, send, stand_in, stand_in_app};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::future::select_all;
use host_server::{HttpLimits, ModelSource, ServeOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const STREAM: &[u8] = b"POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n";

fn four() -> HttpLimits {
    HttpLimits {
        requests: NonZeroUsize::new(4).unwrap(),
        ..HttpLimits::default()
    }
}

#[tokio::test]
async fn a_stream_on_which_nothing_comes_keeps_nobody_out() {
    let server = Running::start(four()).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut stream = server.send(STREAM).await;
        until(&mut stream, "prediction").await;
        open.push(stream);
    }
    for _ in 0..20 {
        assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
    }
    // There is an end to streams, too.
    let mut fifth = server.send(STREAM).await;
    until(&mut fifth, "HTTP/1.1 503").await;
    for mut stream in open {
        stream.write_all(b"3\r\n{}\n\r\n0\r\n\r\n").await.unwrap();
        until(&mut stream, "0\r\n\r\n").await;
    }
    server.end().await;
}

#[tokio::test]
async fn a_stream_that_trickles_ends() {
    let server = Running::start(HttpLimits {
        body: Duration::from_millis(300),
        least_rate: 1_000,
        ..HttpLimits::default()
    })
    .await;
    let mut stream = server.send(STREAM).await;
    let start = Instant::now();
    // Each byte comes in time; all of them are too few.
    while stream.write_all(b"1\r\n \r\n").await.is_ok() && start.elapsed() < Duration::from_secs(5)
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = read(stream).await;
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(answer.contains("\"status\":408"), "{answer}");
    server.end().await;
}

#[tokio::test]
async fn bodies_share_their_memory_and_long_ones_leave_room() {
    let server = Running::start(HttpLimits {
        body_memory: 8 << 20,
        ..HttpLimits::default()
    })
    .await;
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3000000\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..4 {
        let mut stream = server.send(head.as_bytes()).await;
        let _ = stream.write_all(&vec![b' '; 2_999_999]).await;
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    // One or two of them found room. The others hear so at their end.
    let mut refused = 0;
    for stream in &mut held {
        let _ = stream.write_all(b"[").await;
    }
    for mut stream in held {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        refused += usize::from(answer.starts_with(b"HTTP/1.1 503"));
    }
    assert!((2..4).contains(&refused), "{refused}");
    server.end().await;
}

/// Each connection that waits for a body holds the buffers of its head.
#[tokio::test]
async fn heads_whose_bodies_do_not_come_are_counted() {
    let server = Running::start(HttpLimits {
        body_memory: 1 << 20,
        ..HttpLimits::default()
    })
    .await;
    for path in ["/predict", "/predict/batch"] {
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 60000\r\n\r\n");
        let mut held = Vec::new();
        // There is room for 14 of them.
        for _ in 0..15 {
            held.push(server.send(head.as_bytes()).await);
        }
        let refused = held
            .iter_mut()
            .map(|one| Box::pin(until(one, "HTTP/1.1 503")));
        select_all(refused).await;
        assert!(server.ask(GOOD).await.starts_with("HTTP/1.1 200"));
        drop(held);
    }
    server.end().await;
}

#[tokio::test]
async fn short_requests_are_answered_while_long_ones_hold_all() {
    let server = Running::start(HttpLimits {
        body_memory: 4 << 20,
        ..HttpLimits::default()
    })
    .await;
    let head = "POST /predict/batch HTTP/1.1\r\nhost: x\r\ncontent-length: 9000000\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut stream = server.send(head.as_bytes()).await;
        let _ = stream.write_all(&vec![b' '; 2_000_000]).await;
        held.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..10 {
        // In two pieces, so that it is no longer the connection's own buffer.
        let mut stream = server.send(&GOOD[..GOOD.len() - 1]).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        stream.write_all(b"}").await.unwrap();
        assert!(read(stream).await.starts_with("HTTP/1.1 200"));
    }
    drop(held);
    server.end().await;
}

/// A challenger that hangs once kept the memory of a thousand requests from those that came.
#[tokio::test]
async fn what_waits_for_a_challenger_holds_nothing_that_requests_share() {
    let hangs = stand_in(&[(
        "(local.set $first (i32.load8_u (local.get $pointer)))",
        "(loop $for_ever (br $for_ever)) (local.set $first (i32.load8_u (local.get $pointer)))",
    )]);
    let folder = tempfile::tempdir().unwrap();
    for (version, file) in [("1", stand_in(&[])), ("2", hangs)] {
        let version = folder.path().join("cars").join(version);
        std::fs::create_dir_all(&version).unwrap();
        std::fs::write(version.join("model.wasm"), file).unwrap();
    }
    let deployment = "version = \"1\"\n[challenger]\nversion = \"2\"";
    std::fs::write(folder.path().join("cars/deployment.toml"), deployment).unwrap();
    let options = ServeOptions {
        port: 0,
        limits: limits(),
        allow_mismatch: true,
        http: HttpLimits {
            body_memory: 1 << 20,
            ..HttpLimits::default()
        },
        ..ServeOptions::new(ModelSource::Folder(folder.path().to_owned()))
    };
    let server = Running::serve(options, folder).await;
    let head =
        "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 60000\r\n\r\n{}";
    for _ in 0..20 {
        // In two pieces, so that it is no longer the connection's own buffer.
        let mut stream = server.send(head.as_bytes()).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        stream.write_all(&vec![b' '; 59_998]).await.unwrap();
        let answer = read(stream).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_long_answer_comes_whole_and_in_order() {
    let app = stand_in_app();
    let rows: Vec<&str> = (0..2_000)
        .map(|row| if row % 7 == 3 { "5" } else { "{}" })
        .collect();
    let json = ("content-type", "application/json");
    let body = format!("[{}]", rows.join(","));
    let answer = send(&app, "POST", "/predict/batch", &[json], body).await;
    assert_eq!(answer.status, 200);
    let answers: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answers.len(), 2_000);
    for (row, answer) in answers.iter().enumerate() {
        match row % 7 {
            3 => assert_eq!(
                (&answer["row"], &answer["status"]),
                (&row.into(), &422.into())
            ),
            _ => assert_eq!(answer["prediction"], 1),
        }
    }
    let lines = send(
        &app,
        "POST",
        "/predict/batch",
        &[("content-type", "application/x-ndjson")],
        rows.join("\n"),
    )
    .await;
    let lines: Vec<serde_json::Value> = lines
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines, answers);
}

fn pack(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn packed_bodies_are_taken_whole_or_refused() {
    let app = stand_in_app();
    let post = async |path: &str, content_type: &str, encoding: &str, body: Vec<u8>| -> Answer {
        let headers = [
            ("content-type", content_type),
            ("content-encoding", encoding),
        ];
        send(&app, "POST", path, &headers, body).await
    };
    let json = "application/json";
    let twice = [pack(b"[1,"), pack(b"2]")].concat();
    let garbage = [pack(b"[1]"), b"garbage".to_vec()].concat();
    for (path, content_type, encoding, body, status) in [
        ("/predict/batch", json, "gzip", pack(b"[1,2]"), 200),
        ("/predict/batch", json, "GZIP", pack(b"[1,2]"), 200),
        ("/predict/batch", json, "identity", b"[1,2]".to_vec(), 200),
        ("/predict/batch", json, "gzip", twice, 200),
        ("/predict/batch", json, "gzip", garbage, 400),
        ("/predict/batch", json, "gzip", b"[1,2]".to_vec(), 400),
        ("/predict/batch", json, "br", b"[1,2]".to_vec(), 415),
        (
            "/predict/batch",
            "application/x-ndjson",
            "gzip",
            pack(b"1\n"),
            415,
        ),
        ("/predict", json, "gzip", pack(b"{}"), 415),
        ("/predict", json, "identity", b"{}".to_vec(), 200),
    ] {
        let answer = post(path, content_type, encoding, body).await;
        assert_eq!(answer.status, status, "{path} {content_type} {encoding}");
    }
    // 200 MB of blanks in 200 KB.
    let bomb = pack(&vec![b' '; 200 << 20]);
    let answer = post("/predict/batch", json, "gzip", bomb).await;
    assert_eq!(answer.status, 413);
}
