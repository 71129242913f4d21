//! Services that run inside the test, on a port of their own.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};

/// Serves until the test process ends; answers its address.
pub(crate) fn serve(make: impl FnOnce(&str) -> Router + Send + 'static) -> String {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let router = make(&address);
            sender.send(address).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
    });
    receiver.recv().unwrap()
}

/// Answers the same to everything.
pub(crate) fn always(status: u16, body: &'static str) -> String {
    let status = StatusCode::from_u16(status).unwrap();
    let answer = move || async move { (status, [(header::CONTENT_TYPE, "text/html")], body) };
    serve(move |_| Router::new().fallback(answer))
}

/// Takes every call and answers none.
pub(crate) fn silent() -> String {
    let answer = || async { tokio::time::sleep(Duration::from_secs(3600)).await };
    serve(move |_| Router::new().fallback(answer))
}

/// Where nothing listens.
pub(crate) fn nobody() -> String {
    format!("http://127.0.0.1:{}", super::free_port())
}
