//! `underwrite serve`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use common::{Folder, points_model};

/// Ends the server however the test ends.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn prints_its_address_and_decides() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm", "--port", "0"]);
    let mut serving = Serving(
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    BufReader::new(serving.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line
        .strip_prefix("Serving on http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();

    let body =
        r#"{"income":50000,"credit_score":700,"loan_amount":1000,"years_employed":3,"points":50}"#;
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"probability\":0."), "{answer}");
}
