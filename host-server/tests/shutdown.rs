//! A real port: requests in flight are answered when the server is told to stop.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::SocketAddr;

use common::{limits, stand_in};
use host_server::{ModelSource, ServeError, ServeOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A folder with a `model.wasm`, and options that serve it on a free port.
fn options() -> (tempfile::TempDir, ServeOptions) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.wasm");
    std::fs::write(&model, stand_in(&[])).unwrap();
    let options = ServeOptions {
        port: 0,
        limits: limits(),
        ..ServeOptions::new(ModelSource::File(model))
    };
    (folder, options)
}

/// A running server's address, and what stops it.
async fn start(
    options: ServeOptions,
) -> (
    SocketAddr,
    oneshot::Sender<()>,
    JoinHandle<Result<(), ServeError>>,
) {
    let server = Server::bind(options).await.unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(server.run(async {
        stopped.await.unwrap();
    }));
    (address, stop, running)
}

async fn connect(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_request_in_flight_is_answered() {
    let (_folder, options) = options();
    let (address, stop, running) = start(options).await;

    let head =
        "POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let mut in_flight = connect(address, head).await;
    let mut started = [0; 25];
    in_flight.read_exact(&mut started).await.unwrap();
    assert_eq!(&started, b"HTTP/1.1 100 Continue\r\n\r\n");

    stop.send(()).unwrap();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    in_flight.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    in_flight.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    running.await.unwrap().unwrap();
}

/// What is not finished in time ends: it once went on beside a log that was being closed.
#[tokio::test]
async fn what_takes_too_long_is_cut_off() {
    let (_folder, options) = options();
    let (address, stop, running) = start(options).await;
    let head = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{";
    let mut stopped_body = connect(address, head).await;
    let mut answered = connect(address, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answered.read_exact(&mut [0; 15]).await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    // Nobody answers it any more, also not when the time of its body is over.
    let mut answer = Vec::new();
    let _ = stopped_body.read_to_end(&mut answer).await;
    assert_eq!(String::from_utf8_lossy(&answer), "");
}

/// Asks on one connection after another until nobody listens any more; answers how often it
/// was answered. What is sent on a connection that was answered on before must be answered.
async fn ask_to_the_end(address: SocketAddr) -> u64 {
    let mut answered = 0;
    while let Ok(mut stream) = TcpStream::connect(address).await {
        let request = "POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
        let mut taken = false;
        loop {
            let sent = stream.write_all(request.as_bytes()).await;
            let mut answer = [0; 4096];
            match (sent, stream.read(&mut answer).await) {
                (Ok(()), Ok(read @ 1..)) => {
                    let answer = String::from_utf8_lossy(&answer[..read]);
                    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                    (answered, taken) = (answered + 1, true);
                    if answer.contains("connection: close") {
                        break;
                    }
                }
                // What waits to be taken when nobody listens any more is cut off by the system.
                other => {
                    assert!(!taken, "not answered: {other:?}");
                    break;
                }
            }
        }
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_what_was_asked_is_answered() {
    let (_folder, options) = options();
    let (address, stop, running) = start(options).await;
    let clients: Vec<_> = (0..16)
        .map(|_| tokio::spawn(ask_to_the_end(address)))
        .collect();
    let mut first = connect(address, "GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    first.read_exact(&mut [0; 15]).await.unwrap();
    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    let mut answered = 0;
    for client in clients {
        answered += client.await.unwrap();
    }
    assert!(answered > 0);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (_folder, options) = options();
    let first = Server::bind(options.clone()).await.unwrap();
    let port = first.address().port();
    let error = Server::bind(ServeOptions { port, ..options })
        .await
        .unwrap_err();
    assert!(matches!(error, ServeError::Bind { .. }));
    assert!(
        error
            .to_string()
            .starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_no_model_is_named() {
    let (folder, options) = options();
    let model = folder.path().join("model.wasm");
    std::fs::write(&model, "hello").unwrap();
    let error = Server::bind(options).await.unwrap_err().to_string();
    assert!(error.starts_with(&model.display().to_string()), "{error}");
    assert!(error.ends_with("begin with \\0asm version 1"), "{error}");
}
