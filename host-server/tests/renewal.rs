//! What changes while the server runs: keys, certificates, models on file systems that report
//! nothing; and what two servers may not share.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::running::{Running, options, read};
use common::stand_in;
use host_server::{
    Credentials, DecisionLogOptions, DriftOptions, HttpLimits, Key, KeySource, Person, PersonRole,
    ReasonCode, Role, ServeOptions, Server, TlsFiles,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, Stream};

const SOON: Duration = Duration::from_millis(50);

fn predict(key: &str) -> Vec<u8> {
    format!("POST /predict HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
}

/// Asks until the answer is as expected.
async fn wait_for(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so().await {
        assert!(Instant::now() < end, "not within the time: {what}");
        tokio::time::sleep(SOON).await;
    }
}

/// Whoever asked most once took the requests of all, where no key is needed.
#[tokio::test]
async fn an_address_has_a_rate() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = ServeOptions {
        host: "0.0.0.0".to_owned(),
        ..options(&folder)
    };
    options.http.rate = NonZeroU32::new(3);
    let server = Running::serve(options, folder).await;
    let port = server.address.port();
    let ask = async |from: [u8; 4]| {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(([127, 0, 0, 1], port).into()).await.unwrap();
        stream.write_all(&predict("")).await.unwrap();
        read(stream).await
    };
    let refused = loop {
        let answer = ask([127, 0, 0, 2]).await;
        if !answer.starts_with("HTTP/1.1 200") {
            break answer;
        }
    };
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("from this address"), "{refused}");
    let other = ask([127, 0, 0, 3]).await;
    assert!(other.starts_with("HTTP/1.1 200"), "{other}");
    server.end().await;
}

/// Somebody who was taken out of the settings once went on deciding until the next start.
#[tokio::test]
async fn people_are_replaced_with_the_keys() {
    let person = |name: &str, role| Person {
        name: name.to_owned(),
        role,
        // Each one's key is the name.
        key_sha256: *Key::new(name, Role::Predict).digest(),
    };
    let of = |people: &[(&str, PersonRole)]| {
        let people = people.iter().map(|(name, role)| person(name, *role));
        Credentials {
            keys: vec![Key::named("app", "program", Role::Predict)],
            people: people.collect(),
        }
    };
    let (officer, reviewer) = (PersonRole::Officer, PersonRole::Reviewer);
    let first = of(&[("ann", officer), ("bo", officer)]);
    let now = Arc::new(Mutex::new(first.clone()));
    let source = Arc::clone(&now);
    let folder = tempfile::tempdir().unwrap();
    let log = DecisionLogOptions {
        four_eyes: true,
        reasons: vec![ReasonCode {
            code: "A".to_owned(),
            text: "a".to_owned(),
        }],
        people: first.people,
        ..DecisionLogOptions::new(folder.path().join("log"))
    };
    let options = ServeOptions {
        keys: first.keys,
        key_source: Some(KeySource(Arc::new(move || {
            Ok(source.lock().unwrap().clone())
        }))),
        decision_log: Some(log),
        watch_interval: SOON,
        ..options(&folder)
    };
    let server = Running::serve(options, folder).await;
    let me = async |key: &str| {
        let request = format!(
            "GET /decisions/me HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n"
        );
        server.ask(request.as_bytes()).await
    };
    let is = async |key: &str, what: &str| me(key).await.contains(what);
    assert!(is("bo", "\"officer\"").await);
    *now.lock().unwrap() = of(&[("ann", reviewer), ("cy", officer)]);
    wait_for("the new officer", async || is("cy", "\"officer\"").await).await;
    assert!(is("bo", "HTTP/1.1 401").await);
    assert!(is("ann", "\"reviewer\"").await);
    // No person has the key of a program.
    let mut program = of(&[("ann", officer), ("cy", officer), ("program", officer)]);
    *now.lock().unwrap() = program.clone();
    tokio::time::sleep(8 * SOON).await;
    assert!(is("ann", "\"reviewer\"").await);
    assert!(is("program", "HTTP/1.1 403").await);
    // Also with four eyes whoever is to go goes.
    *now.lock().unwrap() = of(&[("ann", reviewer)]);
    wait_for("the officer is gone", async || {
        is("cy", "HTTP/1.1 401").await
    })
    .await;
    assert!(is("ann", "\"reviewer\"").await);
    // The next that is right is taken.
    program.people.pop();
    *now.lock().unwrap() = program;
    wait_for("the officer again", async || is("ann", "\"officer\"").await).await;
    server.end().await;
}

#[tokio::test]
async fn keys_are_replaced_and_never_all_taken_away() {
    let key = |secret: &str| Key::named("app", secret, Role::Predict);
    let now = Arc::new(Mutex::new(Ok(vec![key("old")])));
    let source = Arc::clone(&now);
    let folder = tempfile::tempdir().unwrap();
    let options = ServeOptions {
        keys: vec![key("old")],
        key_source: Some(KeySource(Arc::new(move || {
            let keys = source.lock().unwrap().clone()?;
            Ok(Credentials {
                keys,
                ..Credentials::default()
            })
        }))),
        watch_interval: SOON,
        ..options(&folder)
    };
    let server = Running::serve(options, folder).await;
    let status = async |key: &str| {
        let answer = server.ask(&predict(key)).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status("old").await, "200");
    assert_eq!(status("new").await, "401");
    // Both during a rotation, then the new one alone.
    *now.lock().unwrap() = Ok(vec![key("old"), key("new")]);
    wait_for("the new key", async || status("new").await == "200").await;
    assert_eq!(status("old").await, "200");
    let mut old = server.stream("/predict/batch", "old").await;
    let mut new = server.stream("/predict/batch", "new").await;
    old.next("prediction").await;
    new.next("prediction").await;
    *now.lock().unwrap() = Ok(vec![key("new")]);
    wait_for("the old key is gone", async || status("old").await == "401").await;
    // A stream once went on with a key that was taken away.
    new.next("prediction").await;
    old.next("\"row\":1,\"status\":401").await;
    assert!(old.has_ended().await);
    // A file that vanishes, and one that is emptied, open nothing and lock nobody out.
    for refused in [Err("keys.txt: no such file".to_owned()), Ok(Vec::new())] {
        *now.lock().unwrap() = refused;
        tokio::time::sleep(8 * SOON).await;
        assert_eq!(status("new").await, "200");
        assert_eq!(status("old").await, "401");
    }
    server.end().await;
}

/// `/openapi.json` went on saying that no key is needed until the next start.
#[tokio::test]
async fn openapi_says_what_the_new_keys_open() {
    let now = Arc::new(Mutex::new(Credentials::default()));
    let source = Arc::clone(&now);
    let folder = tempfile::tempdir().unwrap();
    let options = ServeOptions {
        key_source: Some(KeySource(Arc::new(move || {
            Ok(source.lock().unwrap().clone())
        }))),
        watch_interval: SOON,
        ..options(&folder)
    };
    let server = Running::serve(options, folder).await;
    let document = async || {
        let request = b"GET /openapi.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        server.ask(request).await
    };
    assert!(!document().await.contains("securitySchemes"));
    now.lock().unwrap().keys = vec![Key::named("app", "new", Role::Predict)];
    wait_for("the key", async || {
        document().await.contains("securitySchemes")
    })
    .await;
    assert!(server.ask(&predict("")).await.contains("HTTP/1.1 401"));
    server.end().await;
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(name)
}

fn certificates(name: &str) -> Vec<CertificateDer<'static>> {
    let pem = CertificateDer::pem_file_iter(data(name)).unwrap();
    pem.map(Result::unwrap).collect()
}

/// The certificate that the server shows, and what it answers to a request for a decision; `None`
/// where it hangs up.
async fn ask_over_tls(address: SocketAddr, with: Option<&str>) -> Option<(Vec<u8>, String)> {
    ask_with_chain(address, with, Vec::new()).await
}

/// The same with these certificates after the client's own.
async fn ask_with_chain(
    address: SocketAddr,
    with: Option<&str>,
    more: Vec<CertificateDer<'static>>,
) -> Option<(Vec<u8>, String)> {
    let config = client(with, more);
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let mut stream = connector.connect(name, stream).await.ok()?;
    stream.write_all(common::running::GOOD).await.ok()?;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let shown = stream.get_ref().1.peer_certificates()?.first()?.to_vec();
    let answer = String::from_utf8(answer).ok()?;
    answer
        .starts_with("HTTP/1.1 200")
        .then_some((shown, answer))
}

/// The authority's certificate so many times.
fn authority(count: usize) -> Vec<CertificateDer<'static>> {
    certificates("ca.pem")
        .into_iter()
        .cycle()
        .take(count)
        .collect()
}

/// A client that trusts the authority and shows these certificates.
fn client(with: Option<&str>, more: Vec<CertificateDer<'static>>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for root in certificates("ca.pem") {
        roots.add(root).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    match with {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let key = PrivateKeyDer::from_pem_file(data(&format!("{name}-key.pem"))).unwrap();
            let mut chain = certificates(&format!("{name}.pem"));
            chain.extend(more);
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// The answer to a request that comes in one piece with the end of the handshake.
fn ask_with_the_handshake(
    address: SocketAddr,
    config: &Arc<ClientConfig>,
    request: &[u8],
) -> (String, Option<HandshakeKind>) {
    let config = Arc::clone(config);
    let name = ServerName::try_from("localhost").unwrap();
    let mut session = ClientConnection::new(config, name).unwrap();
    session.set_buffer_limit(None);
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    session.write_tls(&mut stream).unwrap();
    while session.is_handshaking() {
        assert_ne!(session.read_tls(&mut stream).unwrap(), 0);
        session.process_new_packets().unwrap();
    }
    session.writer().write_all(request).unwrap();
    let mut piece = Vec::new();
    while session.wants_write() {
        session.write_tls(&mut piece).unwrap();
    }
    stream.write_all(&piece).unwrap();
    let mut answer = Vec::new();
    let _ = Stream::new(&mut session, &mut stream).read_to_end(&mut answer);
    (String::from_utf8(answer).unwrap(), session.handshake_kind())
}

/// A session that is resumed shows no certificate, and would go on when the certificate has
/// expired.
#[tokio::test]
async fn sessions_are_resumed_but_of_clients_that_show_certificates() {
    for (with, kind) in [
        (None, HandshakeKind::Resumed),
        (Some("client"), HandshakeKind::Full),
    ] {
        let (options, folder) = tls_options(with.map(|_| data("ca.pem")));
        let server = Running::serve(options, folder).await;
        let address = server.address;
        let config = Arc::new(client(with, authority(2)));
        for expected in [HandshakeKind::Full, kind] {
            let config = Arc::clone(&config);
            let asked = tokio::task::spawn_blocking(move || {
                let request = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
                ask_with_the_handshake(address, &config, request)
            });
            let (answer, kind) = asked.await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            assert_eq!(kind, Some(expected), "{with:?}");
        }
        server.end().await;
    }
}

/// All clients of TLS 1.3 may send so; longer requests than the rest of what a handshake may take
/// were once cut off.
#[tokio::test]
async fn a_request_may_come_with_the_end_of_the_handshake() {
    for with in [None, Some("client")] {
        let (options, folder) = tls_options(with.map(|_| data("ca.pem")));
        let server = Running::serve(options, folder).await;
        let address = server.address;
        for length in [2, 7_000, 16_000, 60_000] {
            let body = " ".repeat(length - 2);
            let request = format!(
                "POST /predict HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{{{body}}}"
            );
            let asked = tokio::task::spawn_blocking(move || {
                let config = Arc::new(client(with, authority(2)));
                ask_with_the_handshake(address, &config, request.as_bytes())
            });
            let (answer, _) = asked.await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200"), "{length}: {answer}");
        }
        server.end().await;
    }
}

/// A folder with the stand-in and the files of a certificate.
fn tls_options(client_ca: Option<PathBuf>) -> (ServeOptions, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let (certificate, key) = (file("cert.pem"), file("key.pem"));
    fs::copy(data("first.pem"), &certificate).unwrap();
    fs::copy(data("first-key.pem"), &key).unwrap();
    let options = ServeOptions {
        tls: Some(TlsFiles {
            certificate,
            key,
            client_ca,
        }),
        watch_interval: SOON,
        ..options(&folder)
    };
    (options, folder)
}

/// A connection that waits for its handshake to begin, as browsers open them, once took all the
/// time that a stop may take.
#[tokio::test]
async fn a_silent_client_delays_no_stop() {
    let (options, folder) = tls_options(None);
    let server = Running::serve(options, folder).await;
    let name = ServerName::try_from("localhost").unwrap();
    let connector = TlsConnector::from(Arc::new(client(None, Vec::new())));
    let mut silent = server.send(b"").await;
    let asks = server.send(b"").await;
    let mut asks = connector.connect(name, asks).await.unwrap();
    let head =
        b"POST /predict HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    asks.write_all(head).await.unwrap();
    asks.read_exact(&mut [0; 25]).await.unwrap();
    let ended = tokio::spawn(server.end());
    // What is closed when the time is over is closed together with the request.
    let _ = silent.read(&mut [0]).await;
    asks.write_all(b"{}").await.unwrap();
    let mut answer = Vec::new();
    let _ = asks.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    ended.await.unwrap();
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections() {
    let (options, folder) = tls_options(None);
    let files = options.tls.clone().unwrap();
    let server = Running::serve(options, folder).await;
    let shown = async || {
        ask_over_tls(server.address, None)
            .await
            .map(|(shown, _)| shown)
    };
    let [first, second] = ["first.pem", "second.pem"].map(|name| certificates(name)[0].to_vec());
    assert_eq!(shown().await.unwrap(), first);
    // One file after the other: what does not belong together is not used.
    fs::copy(data("second.pem"), &files.certificate).unwrap();
    tokio::time::sleep(8 * SOON).await;
    assert_eq!(shown().await.unwrap(), first);
    fs::copy(data("second-key.pem"), &files.key).unwrap();
    wait_for("the renewed certificate", async || {
        shown().await.as_ref() == Some(&second)
    })
    .await;
    // One that has expired, nonsense and nothing leave it in place.
    fs::copy(data("expired.pem"), &files.certificate).unwrap();
    fs::copy(data("expired-key.pem"), &files.key).unwrap();
    tokio::time::sleep(8 * SOON).await;
    assert_eq!(shown().await.unwrap(), second);
    fs::write(&files.certificate, "nonsense").unwrap();
    fs::remove_file(&files.key).unwrap();
    tokio::time::sleep(8 * SOON).await;
    assert_eq!(shown().await.unwrap(), second);
    server.end().await;
}

#[tokio::test]
async fn only_clients_of_the_named_authority_may_connect() {
    let (options, folder) = tls_options(Some(data("ca.pem")));
    let server = Running::serve(options, folder).await;
    assert!(ask_over_tls(server.address, None).await.is_none());
    assert!(
        ask_over_tls(server.address, Some("expired"))
            .await
            .is_none()
    );
    assert!(ask_over_tls(server.address, Some("client")).await.is_some());
    // A path is sought in short chains alone: in long ones that once took seconds.
    let ask = async |more| ask_with_chain(server.address, Some("client"), authority(more)).await;
    assert!(ask(4).await.is_some());
    assert!(ask(5).await.is_none());
    // Four of the authority's name, none of them its own: 65 paths, which once were all checked.
    let same_name = certificates("same-name.pem");
    let asked = ask_with_chain(server.address, Some("client"), same_name).await;
    assert!(asked.is_none());
    server.end().await;
    let (mut options, _folder) = tls_options(None);
    let wrong = data("first-key.pem");
    options.tls.as_mut().unwrap().client_ca = Some(wrong);
    let error = Server::bind(options).await.unwrap_err().to_string();
    assert!(
        error.contains("first-key.pem: the file has no certificate"),
        "{error}"
    );
}

#[tokio::test]
async fn two_servers_do_not_share_a_folder_of_drift_windows() {
    let state = tempfile::tempdir().unwrap();
    let start = async || {
        let folder = tempfile::tempdir().unwrap();
        let drift = DriftOptions {
            state: Some(state.path().to_owned()),
            ..DriftOptions::default()
        };
        let options = ServeOptions {
            drift: Some(drift),
            ..options(&folder)
        };
        (Server::bind(options).await, folder)
    };
    let (first, _folder) = start().await;
    let (second, _other) = start().await;
    let error = second.unwrap_err().to_string();
    assert!(
        error.contains("another server keeps its windows there"),
        "{error}"
    );
    drop(first);
    start().await.0.unwrap();
}

#[tokio::test]
async fn who_has_asked_keeps_the_connection_and_who_never_asks_does_not() {
    let server = Running::start(HttpLimits {
        head: Duration::from_millis(200),
        keep_alive: Duration::from_secs(2),
        ..HttpLimits::default()
    })
    .await;
    let start = Instant::now();
    assert_eq!(read(server.send(b"").await).await, "");
    assert_eq!(read(server.send(b"GET / HTTP/1.1\r\n").await).await, "");
    assert!(start.elapsed() < Duration::from_millis(1500));
    let health = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut stream = server.send(health).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    stream.write_all(health).await.unwrap();
    let start = Instant::now();
    let rest = read(stream).await;
    assert_eq!(rest.matches("HTTP/1.1 200").count(), 1, "{rest}");
    let idle = start.elapsed();
    assert!(
        idle > Duration::from_millis(1500) && idle < Duration::from_secs(6),
        "{idle:?}"
    );
    server.end().await;
}

#[tokio::test]
async fn a_model_behind_links_is_found_at_the_next_look() {
    // As Kubernetes mounts a ConfigMap; and what is behind the link is not watched.
    let real = tempfile::tempdir().unwrap();
    for (name, answer) in [("one", "true"), ("two", "null")] {
        let place = real.path().join(name);
        fs::create_dir(&place).unwrap();
        let change = (
            "\\\"approve\\\":true",
            &*format!("\\\"approve\\\":{answer}"),
        );
        fs::write(place.join("model.wasm"), stand_in(&[change])).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let link = |to: &str| {
        let aside = real.path().join("aside");
        std::os::unix::fs::symlink(real.path().join(to), &aside).unwrap();
        fs::rename(&aside, real.path().join("data")).unwrap();
    };
    link("one");
    let usual = options(&folder);
    let model = folder.path().join("model.wasm");
    fs::remove_file(&model).unwrap();
    std::os::unix::fs::symlink(real.path().join("data/model.wasm"), &model).unwrap();
    let options = ServeOptions {
        watch_interval: SOON,
        ..usual
    };
    let server = Running::serve(options, folder).await;
    let ask = async || server.ask(common::running::GOOD).await;
    assert!(ask().await.contains("\"approve\":true"));
    link("two");
    wait_for("the other model", async || {
        ask().await.contains("\"approve\":null")
    })
    .await;
    server.end().await;
}
