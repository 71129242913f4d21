//! What is sent again and to whom, and when a client gives up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use common::service::{nobody, serve, silent};
use model_client::{Body, Client, Credentials, Request, RetryPolicy, Secret, ServiceError};

fn client(address: &str, policy: RetryPolicy) -> Client {
    Client::new("the test", address, Credentials::None, "ask", policy)
}

/// How often a service that always answers `status` is asked.
fn attempts(status: u16, idempotent: bool) -> u32 {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let handler = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { StatusCode::from_u16(status).unwrap() }
    };
    let address = serve(move |_| Router::new().fallback(handler));
    let mut request = Request::new("POST", format!("{address}/x?secret=1"), Body::Empty);
    request.idempotent = idempotent;
    let error = client(&address, common::impatient())
        .ok(&request)
        .unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
    count.load(Ordering::SeqCst)
}

#[test]
fn only_what_is_safe_is_sent_again() {
    assert_eq!(attempts(500, true), 3);
    assert_eq!(attempts(500, false), 1);
    // Refused before anything was done.
    assert_eq!(attempts(503, false), 3);
    assert_eq!(attempts(400, true), 1);
}

#[test]
fn a_silent_service_is_given_up() {
    let policy = RetryPolicy {
        idle: Duration::from_millis(200),
        attempts: 1,
        ..common::impatient()
    };
    for address in [silent(), nobody()] {
        let started = Instant::now();
        let request = Request::new("GET", address.clone(), Body::Empty);
        let error = client(&address, policy).send(&request).unwrap_err();
        assert!(matches!(error, ServiceError::Unreachable { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}

/// A service that answers `GET /first` with a redirection to `to`, and everything else with the
/// credentials that it was sent.
fn redirecting(to: impl Fn(&str) -> String + Send + 'static) -> String {
    serve(move |address| {
        let location = to(address);
        let redirect = get(move || async move { (StatusCode::FOUND, [("location", location)]) });
        let echo = |headers: HeaderMap| async move {
            let sent = headers.get("authorization");
            sent.map_or(String::new(), |sent| sent.to_str().unwrap().to_owned())
        };
        Router::new().route("/first", redirect).fallback(echo)
    })
}

/// What the place that `/first` redirects to sees of the credentials.
fn sent_after_redirection(address: &str) -> String {
    let token = Credentials::Bearer(Secret::new("s3cret"));
    let client = Client::new("the test", address, token, "ask", common::impatient());
    let request = Request::new("GET", format!("{address}/first"), Body::Empty);
    let response = client.ok(&request).unwrap();
    String::from_utf8(response.body).unwrap()
}

#[test]
fn a_redirection_to_another_port_takes_no_credentials_along() {
    let other = redirecting(|_| String::new());
    let to_other = other.clone();
    let address = redirecting(move |_| format!("{to_other}/second"));
    assert_eq!(sent_after_redirection(&address), "");
    let port = other.rsplit(':').next().unwrap().to_owned();
    let address = redirecting(move |_| format!("//127.0.0.1:{port}/second"));
    assert_eq!(sent_after_redirection(&address), "");
}

#[test]
fn a_redirection_to_the_same_place_keeps_the_credentials() {
    for to in ["/second", "{}/second"] {
        let address = redirecting(move |address| to.replace("{}", address));
        assert_eq!(sent_after_redirection(&address), "Bearer s3cret");
    }
}

#[test]
fn redirections_end() {
    let address = redirecting(|_| "/first".to_owned());
    let request = Request::new("GET", format!("{address}/first"), Body::Empty);
    let error = client(&address, common::impatient()).ok(&request);
    assert!(error.is_err());
}
