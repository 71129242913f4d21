//! A server on a real port, and clients that speak plain HTTP to it.

use std::net::SocketAddr;

use host_server::{HttpLimits, ModelSource, ServeOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{limits, stand_in};

/// A whole request that is answered 200.
pub(crate) const GOOD: &[u8] =
    b"POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";

/// Serves the stand-in out of this folder.
pub(crate) fn options(folder: &tempfile::TempDir) -> ServeOptions {
    let model = folder.path().join("model.wasm");
    std::fs::write(&model, stand_in(&[])).unwrap();
    ServeOptions {
        port: 0,
        limits: limits(),
        ..ServeOptions::new(ModelSource::File(model))
    }
}

/// A running server; `end` it.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Running {
    pub(crate) async fn start(http: HttpLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = ServeOptions {
            http,
            ..options(&folder)
        };
        Self::serve(options, folder).await
    }

    /// Serves what the options say; the folder lives as long as this.
    pub(crate) async fn serve(options: ServeOptions, folder: tempfile::TempDir) -> Self {
        let server = Server::bind(options).await.unwrap();
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(async move {
            server
                .run(async {
                    let _ = stopped.await;
                })
                .await
                .unwrap();
        });
        Self {
            address,
            stop,
            done,
            _folder: folder,
        }
    }

    pub(crate) async fn send(&self, text: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The server may hang up in the middle.
        let _ = stream.write_all(text).await;
        stream
    }

    pub(crate) async fn ask(&self, text: &[u8]) -> String {
        read(self.send(text).await).await
    }

    pub(crate) async fn end(self) {
        self.stop.send(()).unwrap();
        self.done.await.unwrap();
    }
}

/// All that comes until the server closes.
pub(crate) async fn read(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

/// Reads until `text` has come.
pub(crate) async fn until(stream: &mut TcpStream, text: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
}

/// A batch of lines that goes on.
pub(crate) struct Lines(TcpStream);

impl Running {
    pub(crate) async fn stream(&self, path: &str, key: &str) -> Lines {
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n"
        );
        Lines(self.send(head.as_bytes()).await)
    }
}

impl Lines {
    /// Sends one more, and reads until this is answered.
    pub(crate) async fn next(&mut self, expect: &str) {
        self.0.write_all(b"3\r\n{}\n\r\n").await.unwrap();
        until(&mut self.0, expect).await;
    }

    /// Whether no more answers follow.
    pub(crate) async fn has_ended(mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).await.is_ok()
            && !rest.windows(10).any(|some| some == b"prediction")
    }
}
