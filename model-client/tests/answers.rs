//! What a service may do with a response: be too long, lead elsewhere, or repeat secrets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;

use std::io::{Write, repeat};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use common::service::serve;
use flate2::Compression;
use flate2::write::GzEncoder;
use model_client::{
    Body, Client, Credentials, FileBody, Request, Secret, ServiceError, split_credentials,
};
use sha2::{Digest, Sha256};

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

/// Requests as they arrived.
type Arrived = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A service that answers `{}` and keeps the heads and bodies of the requests that arrive whole.
fn recording() -> (String, Arrived) {
    let kept = Arrived::default();
    let shared = Arc::clone(&kept);
    let address = serve(move |_| {
        Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
            shared.lock().unwrap().push((headers, body));
            async { "{}" }
        })
    });
    (address, kept)
}

#[test]
fn what_frames_a_request_is_not_for_a_service_to_name() {
    let (address, arrived) = recording();
    let client = client(&address, Credentials::Bearer(Secret::new("s3cret")));
    let put = |name: &str, value: &str| {
        let mut request = Request::new("PUT", format!("{address}/x"), Body::Bytes(b"a", "a/b"));
        request.headers.push((name.to_owned(), value.to_owned()));
        client.ok(&request)
    };
    for (name, value) in [
        ("Transfer-Encoding", "chunked"),
        ("content-length", "0"),
        ("Host", "elsewhere"),
        ("connection", "upgrade"),
        ("Upgrade", "h2c"),
        ("EXPECT", "100-continue"),
        ("TE", "trailers"),
        ("trailer", "x"),
        ("keep-alive", "1"),
        ("Proxy-Connection", "close"),
        ("proxy-authorization", "x"),
    ] {
        let error = put(name, value).unwrap_err();
        assert!(matches!(error, ServiceError::Unexpected { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(arrived.lock().unwrap().is_empty());
    // Others are sent, once each.
    for (name, value) in [
        ("X-Amz-Date", "1"),
        ("Content-Type", "c/d"),
        ("authorization", "e"),
    ] {
        put(name, value).unwrap();
        let (headers, _) = arrived.lock().unwrap().pop().unwrap();
        let found: Vec<_> = headers.get_all(name).iter().collect();
        assert_eq!(found, [value], "{name}");
    }
}

#[test]
fn nothing_goes_in_the_clear_where_the_service_is_encrypted() {
    let (address, arrived) = recording();
    let encrypted = client("HTTPS://hub.test", Credentials::None);
    for method in ["GET", "PUT"] {
        let url = format!("{address}/x?signature=s3cret");
        let request = Request::new(method, url, Body::Bytes(b"a", ""));
        let error = encrypted.ok(&request).unwrap_err();
        assert!(matches!(error, ServiceError::Unencrypted { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(&format!("{address}/x?…")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
    assert!(arrived.lock().unwrap().is_empty());
    let request = Request::new("GET", format!("{address}/x"), Body::Empty);
    client(&address, Credentials::None).ok(&request).unwrap();
}

#[test]
fn a_file_arrives_whole_only_as_it_was_checked() {
    let (address, arrived) = recording();
    let client = client(&address, Credentials::None);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let send = |sha256: &str| {
        let (path, media_type) = (&*path, "a/b");
        let body = Body::File(FileBody {
            path,
            media_type,
            sha256,
        });
        client.ok(&Request::new("PUT", format!("{address}/x"), body))
    };
    let digest = |bytes: &[u8]| -> String {
        let digest = Sha256::digest(bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    };
    for length in [0, 1, 300_000] {
        let bytes = vec![b'a'; length];
        std::fs::write(&path, &bytes).unwrap();
        send(&digest(&bytes)).unwrap();
        let (headers, body) = arrived.lock().unwrap().pop().unwrap();
        assert_eq!(
            (&headers["content-type"], &*body),
            (&"a/b".parse().unwrap(), &*bytes)
        );
        let error = send(&digest(b"other")).unwrap_err();
        assert!(matches!(error, ServiceError::Changed { .. }), "{error}");
        assert!(error.to_string().contains("has changed since"), "{error}");
        assert!(arrived.lock().unwrap().is_empty(), "{length}");
    }
}
