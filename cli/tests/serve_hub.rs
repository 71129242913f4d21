//! `underwrite serve --from-hub`, against a service that answers as the Hub does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-hub/tests/common/mod.rs"]
mod services;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use common::{Folder, points_model};
use services::hub_service::{Service, TOKEN};
use services::service::nobody;

/// A server, with what it says on standard error in a file.
struct Serving {
    child: Child,
    address: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn command(folder: &Folder, variables: &[(&str, &str)], args: &str) -> Command {
    let mut command = folder.command();
    for name in ["HF_MODEL_REPO", "HF_ENDPOINT", "HF_TOKEN"] {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied());
    command.args(args.split_whitespace());
    command
}

fn serve(folder: &Folder, variables: &[(&str, &str)], args: &str) -> Serving {
    let log = std::fs::File::create(folder.path("log")).unwrap();
    let args = format!("serve --port 0 --hub-cache cache {args}");
    let mut child = command(folder, variables, &args)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let address = line.strip_prefix("Serving on http://");
    let address = address.unwrap_or_else(|| panic!("{}", folder.text("log")));
    let address = address.split('/').next().unwrap().to_owned();
    Serving { child, address }
}

impl Serving {
    fn ask(&self, method: &str, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: chief\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn refuse(folder: &Folder, variables: &[(&str, &str)], args: &str) -> String {
    let args = format!("serve --port 0 --hub-cache cache {args}");
    let output = command(folder, variables, &args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args}");
    String::from_utf8(output.stderr).unwrap()
}

fn publish(folder: &Folder, service: &Service, file: &str) {
    let variables = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_TOKEN", TOKEN),
    ];
    let args = format!("publish {file} --repo acme/points --private");
    let output = command(folder, &variables, &args).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// A model of the same data that is another file.
fn other_model() -> Vec<u8> {
    let folder = Folder::new(&[]);
    let train = common::train_points("model.wasm");
    folder.succeed(&format!("{train} --seed 7"));
    folder.read("model.wasm")
}

#[test]
fn a_model_of_the_hub_is_served_reloaded_and_kept_for_a_day_without_it() {
    let service = Service::start();
    let other = other_model();
    assert_ne!(other, points_model());
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("other.wasm", &other),
        ("token", TOKEN.as_bytes()),
    ]);
    publish(&folder, &service, "model.wasm");
    let hub = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_MODEL_REPO", "acme/points"),
        ("HF_TOKEN", TOKEN),
    ];
    let serving = serve(&folder, &hub, "--admin-key chief");
    assert!(serving.ask("GET", "/health").contains("\"healthy\""));
    let reload = "/models/points-approval/reload";
    let nothing_new = serving.ask("POST", reload);
    assert!(nothing_new.starts_with("HTTP/1.1 200"), "{nothing_new}");
    assert!(nothing_new.contains("\"loaded\":[]"), "{nothing_new}");

    publish(&folder, &service, "other.wasm");
    let reloaded = serving.ask("POST", reload);
    assert!(reloaded.contains("\"loaded\":[\"1.0.0\"]"), "{reloaded}");
    service.kept().is_down = true;
    let refused = serving.ask("POST", reload);
    assert!(refused.starts_with("HTTP/1.1 409"), "{refused}");
    assert!(refused.contains("503"), "{refused}");
    assert!(serving.ask("GET", "/health").contains("\"healthy\""));
    drop(serving);

    // A flag wins over the variable that names a repository; the cache stands in for the Hub.
    let away = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_MODEL_REPO", "x/y"),
    ];
    let serving = serve(&folder, &away, "--from-hub acme/points");
    assert!(serving.ask("GET", "/health").contains("\"healthy\""));
    let log = folder.text("log");
    assert!(log.starts_with("warning: "), "{log}");
    assert!(log.contains("serving the cached model (commit "), "{log}");
    assert!(!log.contains(TOKEN), "{log}");
}

/// A reload waits for the network; who wants the champion before does not.
#[test]
fn a_hub_that_does_not_answer_holds_up_no_rollback() {
    let service = Service::start();
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("other.wasm", &other_model()),
    ]);
    publish(&folder, &service, "model.wasm");
    let hub = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_MODEL_REPO", "acme/points"),
        ("HF_TOKEN", TOKEN),
    ];
    let serving = serve(&folder, &hub, "--admin-key chief");
    let before = serving.ask("GET", "/models/points-approval");
    let digest = before.split("\"digest\":\"").nth(1).unwrap();
    let first = digest.split('"').next().unwrap().to_owned();
    publish(&folder, &service, "other.wasm");
    let reload = "/models/points-approval/reload";
    let reloaded = serving.ask("POST", reload);
    assert!(reloaded.contains("\"loaded\":[\"1.0.0\"]"), "{reloaded}");
    let other = serving.ask("GET", "/models/points-approval");
    assert!(!other.contains(&first), "{other}");
    service.kept().calls.clear();
    // Every answer of the service waits for this.
    let kept = service.kept();
    std::thread::scope(|scope| {
        let reloading = scope.spawn(|| serving.ask("POST", reload));
        while !service.is_asked() {
            std::thread::yield_now();
        }
        let back = serving.ask("POST", "/models/points-approval/rollback");
        assert!(back.starts_with("HTTP/1.1 200"), "{back}");
        assert!(!reloading.is_finished());
        drop(kept);
        reloading.join().unwrap();
        // Who rolled back spoke last.
        let served = serving.ask("GET", "/models/points-approval");
        assert!(served.contains(&first), "{served}");
    });
}

#[test]
fn what_cannot_be_served_is_said_in_a_sentence() {
    let service = Service::start();
    let folder = Folder::new(&[("model.wasm", points_model()), ("token", TOKEN.as_bytes())]);
    let check = |variables: &[(&str, &str)], args: &str, expect: &str| {
        let error = refuse(&folder, variables, args);
        assert!(error.starts_with("error: "), "{error}");
        assert!(error.contains(expect), "{args}: {error}");
        assert!(!error.contains(TOKEN), "{error}");
    };
    let nobody = nobody();
    let away = [("HF_ENDPOINT", &nobody[..])];
    let hub = [("HF_ENDPOINT", service.address.as_str())];
    check(&away, "--from-hub acme/points", "is not in the cache");
    check(&hub, "--from-hub points", "expected OWNER/NAME");
    check(&hub, "--from-hub acme/points", "set HF_TOKEN");
    let named = "--from-hub acme/points --hub-token-file token";
    check(&hub, named, "model.wasm of acme/points at main is not on");

    publish(&folder, &service, "model.wasm");
    check(&hub, &format!("{named} --revision v9"), "at v9 is not on");
    service.kept().corrupts = true;
    check(&hub, named, "expected SHA-256");
    check(
        &[("HF_MODEL_REPO", "a/b"), ("UNDERWRITE_MODEL", "m.wasm")],
        "",
        "both `model` (environment, UNDERWRITE_MODEL) and `from-hub` (environment, HF_MODEL_REPO) are set: unset one",
    );
}
