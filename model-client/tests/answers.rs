//! What a service may do with a response: be too long, lead elsewhere, or repeat secrets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::io::{Write, repeat};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use common::service::serve;
use flate2::Compression;
use flate2::write::GzEncoder;
use model_client::{Body, Client, Credentials, Request, Secret, ServiceError, split_credentials};

fn client(address: &str, credentials: Credentials) -> Client {
    Client::new("the test", address, credentials, "ask", common::impatient())
}

/// A document of so many MiB, as a service with a bad intent packs it.
fn packed(mebibytes: u64) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    let spaces = std::io::Read::take(repeat(b' '), mebibytes << 20);
    let mut spaces = std::io::BufReader::new(spaces);
    std::io::copy(&mut spaces, &mut packer).unwrap();
    packer.write_all(b"{}").unwrap();
    packer.finish().unwrap()
}

#[test]
fn an_answer_is_as_long_as_it_unpacks_to() {
    let check = |mebibytes, expect: Option<&str>| {
        let packed = packed(mebibytes);
        assert!(packed.len() < 1 << 20);
        let answer = move || async move { ([(header::CONTENT_ENCODING, "gzip")], packed) };
        let address = serve(move |_| Router::new().fallback(answer));
        let request = Request::new("GET", format!("{address}/x"), Body::Empty);
        let answer = client(&address, Credentials::None).send(&request);
        match expect {
            None => assert!(answer.unwrap().body.ends_with(b"{}")),
            Some(expect) => {
                let error = answer.unwrap_err().to_string();
                assert!(error.contains(expect), "{error}");
            }
        }
    };
    check(31, None);
    check(64, Some("it is longer than 32 MiB"));
}

/// What a client says that sends `method` to a service which redirects all to the same path
/// below `to`, and how many requests arrive there.
fn redirected(method: &'static str, status: u16, to: &'static str) -> (ServiceError, u32) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&count);
    let other = serve(move |_| {
        Router::new().fallback(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { "{}" }
        })
    });
    let location = to.replace("{}", &other);
    let address = serve(move |_| {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = move || async move { (status, [("location", location)]) };
        Router::new().fallback(answer)
    });
    let credentials = Credentials::Bearer(Secret::new("s3cret"));
    let request = Request::new(method, format!("{address}/api/x"), Body::Bytes(b"a", ""));
    let error = client(&address, credentials).ok(&request).unwrap_err();
    (error, count.load(Ordering::SeqCst))
}

#[test]
fn what_is_sent_is_not_lost_on_a_redirection() {
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for status in [300, 301, 302, 303, 307, 308] {
            let (error, arrived) = redirected(method, status, "{}/api/x");
            assert_eq!(arrived, 0, "{method} {status}");
            assert!(
                matches!(error, ServiceError::Redirected { status: of, .. } if of == status),
                "{method} {status}: {error}"
            );
        }
    }
    // It says where to, and which address to use.
    let (error, _) = redirected("POST", 307, "{}/api/x");
    let ServiceError::Redirected {
        location, advice, ..
    } = &error
    else {
        panic!("{error}");
    };
    let base = location.strip_suffix("/api/x").unwrap();
    assert!(base.starts_with("http://127.0.0.1:"), "{error}");
    assert!(advice.contains(&format!("use {base} as its")), "{error}");
    // A sign-in page is not the service; what is secret of it is not shown.
    let (error, _) = redirected(
        "PUT",
        302,
        "https://me:pa@login.example/in?next=hidden&for=me@corp.example",
    );
    let error = error.to_string();
    assert!(error.contains("https://…@login.example/in?…"), "{error}");
    assert!(error.contains("a sign-in page another"), "{error}");
    assert!(
        !error.contains("hidden") && !error.contains("me:pa"),
        "{error}"
    );
}

#[test]
fn a_service_that_repeats_the_credentials_does_not_get_them_printed() {
    let address = serve(|_| {
        let echo = |headers: HeaderMap| async move {
            let sent = headers.get("authorization").unwrap().to_str().unwrap();
            let text = format!("{{\"message\": \"bad header: {sent} \u{1b}[2J\u{1b}]0;x\u{7}\"}}");
            (StatusCode::BAD_REQUEST, text)
        };
        Router::new().fallback(echo)
    });
    let (base, login) = split_credentials(&address.replace("://", "://me:pa/ss?word@"));
    assert_eq!(base, address);
    let bearer = Credentials::Bearer(Secret::new("tok_S3CRET"));
    for (credentials, expect) in [
        (bearer, "bad header: Bearer …"),
        (login.unwrap(), "bad header: Basic …"),
    ] {
        let request = Request::new("GET", format!("{address}/x"), Body::Empty);
        let client = client(&address, credentials);
        let error = client.ok(&request).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
        assert!(!error.chars().any(char::is_control), "{error:?}");
        let answer = client.send(&request).unwrap();
        let error = client.parse::<u8>(&answer).unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    }
}

#[test]
fn an_address_is_shown_without_its_login() {
    // Whoever forgets to split an address still sees no password.
    let address = "http://me:S3CRET@127.0.0.1:1/?token=S3CRET";
    let client = client(address, Credentials::None);
    let request = Request::new("GET", format!("{address}/x"), Body::Empty);
    let error = client.send(&request).unwrap_err().to_string();
    assert!(error.contains("http://…@127.0.0.1:1"), "{error}");
    assert!(!error.contains("S3CRET"), "{error}");
}
