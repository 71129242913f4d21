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
