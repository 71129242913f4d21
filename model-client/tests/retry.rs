//! What is sent again, and when a client gives up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use common::service::{nobody, serve, silent};
use model_client::{Body, Client, Credentials, Request, RetryPolicy, ServiceError};

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
