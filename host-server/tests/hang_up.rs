//! SIGHUP, which every server of a process hears: so this is a process of its own.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::process::Command;
use std::time::Duration;

use common::limits;
use common::models::{folder, numbered, write};
use common::running::{GOOD, Running};
use host_server::{Key, ModelSource, Role, ServeOptions};

const METRICS: &[u8] = b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
const SOON: Duration = Duration::from_millis(50);

fn order(what: &str) -> Vec<u8> {
    format!(
        "POST /models/cars/{what} HTTP/1.1\r\nhost: x\r\nx-api-key: chief\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Who took a leaked key away once brought the version back that had been rolled back.
#[tokio::test]
async fn a_rollback_that_is_not_written_down_outlives_a_signal() {
    let folder = folder(&[("cars", "1", numbered(1))]);
    let path = folder.path().to_owned();
    let options = ServeOptions {
        port: 0,
        limits: limits(),
        keys: vec![Key::new("chief", Role::Admin)],
        // The stand-in's name and version are always the same.
        allow_mismatch: true,
        ..ServeOptions::new(ModelSource::Folder(path.clone()))
    };
    let server = Running::serve(options, folder).await;
    let ask = async |what: &str| server.ask(&order(what)).await;
    write(&path, "cars", "2", &numbered(2));
    assert!(ask("reload").await.contains("\"serving\":\"2\""));
    // Nobody can write a file where a folder is.
    std::fs::create_dir(path.join("cars/deployment.toml")).unwrap();
    let back = ask("rollback").await;
    assert!(back.contains("\"lasting\":false"), "{back}");
    // What is read again shows that the signal was heard.
    write(&path, "cars", "3", b"no model");
    let refused = async || {
        let sample = "underwrite_model_reloads_total{model=\"cars\",result=\"refused\"} ";
        let metrics = server.ask(METRICS).await;
        let count = metrics.lines().find_map(|line| line.strip_prefix(sample));
        count.unwrap_or("0").parse::<u64>().unwrap()
    };
    while refused().await == 0 {
        tokio::time::sleep(SOON).await;
    }
    let before = refused().await;
    let process = std::process::id().to_string();
    let asked = Command::new("kill").args(["-HUP", &process]).status();
    assert!(asked.unwrap().success());
    while refused().await == before {
        tokio::time::sleep(SOON).await;
    }
    for _ in 0..3 {
        let answer = server.ask(GOOD).await;
        assert!(answer.contains("\"prediction\":1"), "{answer}");
        tokio::time::sleep(4 * SOON).await;
    }
    std::fs::remove_dir(path.join("cars/deployment.toml")).unwrap();
    let reloaded = ask("reload").await;
    assert!(reloaded.contains("\"serving\":\"2\""), "{reloaded}");
    server.end().await;
}
