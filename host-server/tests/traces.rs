//! Spans, and collectors that answer, that never answer, and that are not there.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::Uri;
use common::{limits, stand_in};
use host_server::{Key, ModelSource, Role, ServeOptions, Server, TraceOptions};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span, span::SpanKind};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What a collector was sent.
type Received = Arc<Mutex<Vec<ResourceSpans>>>;

/// A collector that takes spans at `/v1/traces` alone.
async fn collector() -> (String, Received) {
    let received = Received::default();
    let take = async |State(received): State<Received>, uri: Uri, body: Bytes| {
        assert_eq!(uri.path(), "/v1/traces");
        let request = ExportTraceServiceRequest::decode(body).unwrap();
        received.lock().unwrap().extend(request.resource_spans);
    };
    let router = Router::new()
        .fallback(take)
        .with_state(Arc::clone(&received));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/"), received)
}

/// Serves the stand-in, exporting to `endpoint`, while `during` runs; ends the server.
async fn serving<T>(endpoint: &str, during: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.wasm");
    std::fs::write(&model, stand_in(&[])).unwrap();
    let server = Server::bind(ServeOptions {
        port: 0,
        limits: limits(),
        keys: vec![Key::new("k", Role::Predict)],
        traces: Some(TraceOptions {
            endpoint: endpoint.to_owned(),
            service: "loans".to_owned(),
        }),
        ..ServeOptions::new(ModelSource::File(model))
    })
    .await
    .unwrap();
    let address = server.address();
    let (stop, stopped) = oneshot::channel::<()>();
    let done = tokio::spawn(server.run(async {
        let _ = stopped.await;
    }));
    let result = during(address).await;
    stop.send(()).unwrap();
    done.await.unwrap().unwrap();
    result
}

/// One request on a connection of its own.
async fn ask(address: SocketAddr, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn header<'a>(answer: &'a str, name: &str) -> &'a str {
    answer
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(key, value)| (key == name).then_some(value))
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
}

/// An attribute as text.
fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let value = &attributes.iter().find(|one| one.key == name)?.value;
    match value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::ArrayValue(list) => match list.values.first()?.value.as_ref()? {
            Value::StringValue(text) => Some(text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_request_is_a_span_under_the_callers() {
    let (endpoint, received) = collector().await;
    let (decided, refused) = serving(&endpoint, async |address| {
        let headers = format!("x-api-key: k\r\nx-request-id: r1\r\ntraceparent: {PARENT}\r\n");
        let headers = format!("{headers}tracestate: bank=confidential,other=confidential\r\n");
        let body = r#"{"income":"confidential"}"#;
        let decided = ask(address, "/predict?name=confidential", &headers, body).await;
        let refused = ask(address, "/models/confidential/predict", "", "{}").await;
        (decided, refused)
    })
    .await;
    let received = received.lock().unwrap();
    assert!(!format!("{received:?}").contains("confidential"));
    let service = &received[0].resource.as_ref().unwrap().attributes;
    assert_eq!(attribute(service, "service.name").unwrap(), "loans");
    let spans: Vec<&Span> = received
        .iter()
        .flat_map(|one| &one.scope_spans)
        .flat_map(|one| &one.spans)
        .collect();
    assert_eq!(spans.len(), 2);

    let span = spans[0];
    assert_eq!(span.name, "POST /predict");
    assert_eq!(span.kind, SpanKind::Server as i32);
    assert_eq!(hex(&span.trace_id), PARENT[3..35]);
    assert_eq!(hex(&span.parent_span_id), PARENT[36..52]);
    assert!(span.start_time_unix_nano < span.end_time_unix_nano);
    let ours = format!("00-{}-{}-01", &PARENT[3..35], hex(&span.span_id));
    assert_eq!(header(&decided, "traceparent"), ours);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/predict"),
        ("http.response.status_code", "200"),
        ("http.response.header.x-request-id", "r1"),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
    ] {
        let found = attribute(&span.attributes, name);
        assert_eq!(found.as_deref(), Some(value), "{name}");
    }
    assert_eq!(attribute(&span.attributes, "error.type"), None);

    let span = spans[1];
    assert_eq!(span.name, "POST /models/{name}/predict");
    assert_eq!(span.parent_span_id, [0_u8; 0]);
    let status = attribute(&span.attributes, "http.response.status_code");
    assert_eq!(status.unwrap(), "401");
    let ours = format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
    assert_eq!(header(&refused, "traceparent"), ours);
}

#[tokio::test]
async fn a_fault_is_an_error_and_no_route_has_no_name() {
    let (endpoint, received) = collector().await;
    serving(&endpoint, async |address| {
        ask(address, "/predict", "x-api-key: k\r\n", "trap").await;
        ask(address, "/confidential", "", "").await;
    })
    .await;
    let received = received.lock().unwrap();
    let spans = &received[0].scope_spans[0].spans;
    let fault = attribute(&spans[0].attributes, "error.type");
    assert_eq!(fault.as_deref(), Some("500"));
    assert_eq!(spans[0].status.as_ref().unwrap().code, 2);
    assert_eq!(spans[1].name, "POST");
    assert_eq!(attribute(&spans[1].attributes, "http.route"), None);
}

async fn ask_many(address: SocketAddr) {
    for _ in 0..300 {
        let answer = ask(address, "/predict", "x-api-key: k\r\n", "{}").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_is_not_noticed() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    serving(&endpoint, ask_many).await;
    // It was called, and took the call.
    silent.accept().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_is_not_noticed() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", gone.local_addr().unwrap());
    drop(gone);
    serving(&endpoint, ask_many).await;
}

#[tokio::test]
async fn an_address_that_is_none_is_named() {
    let options = ServeOptions {
        port: 0,
        traces: Some(TraceOptions {
            endpoint: "not an address".to_owned(),
            service: "loans".to_owned(),
        }),
        ..ServeOptions::new(ModelSource::File("model.wasm".into()))
    };
    let error = Server::bind(options).await.unwrap_err().to_string();
    assert!(
        error.starts_with("otlp-endpoint is `not an address`, expected"),
        "{error}"
    );
}
