//! `underwrite serve` as it is run: keys from files, other programs' variables, what the log says,
//! and `health` with the server's own settings.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStderr, Command};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use common::serving::Serving;
use common::{Folder, data, points_model};

const BODY: &str =
    r#"{"income":50000,"credit_score":700,"loan_amount":1000,"years_employed":3,"points":50}"#;

fn ask(serving: &Serving, method: &str, path: &str, key: &str, body: &str) -> String {
    serving.ask(&format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    ))
}

fn status(serving: &Serving, key: &str) -> String {
    let answer = ask(serving, "POST", "/predict", key, BODY);
    answer.split(' ').nth(1).unwrap().to_owned()
}

/// The lines of a log in JSON that have this message.
fn events<'a>(log: &'a str, message: &str) -> Vec<&'a str> {
    let message = format!("\"message\":\"{message}\"");
    log.lines().filter(|line| line.contains(&message)).collect()
}

fn model_folder() -> Folder {
    let folder = Folder::new(&[]);
    let place = folder.path("models/points-approval/1.0.0");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("model.wasm"), points_model()).unwrap();
    folder
}

#[test]
fn what_kubernetes_says_of_a_service_of_our_name_is_no_setting() {
    let folder = model_folder();
    let mut command = folder.command();
    // What a kubelet sets in pods of a namespace with the services `underwrite` and
    // `underwrite-metrics`.
    for name in ["UNDERWRITE", "UNDERWRITE_METRICS"] {
        for (variable, value) in [
            ("SERVICE_HOST", "10.96.12.3"),
            ("SERVICE_PORT", "80"),
            ("SERVICE_PORT_HTTP", "80"),
            ("PORT", "tcp://10.96.12.3:80"),
            ("PORT_80_TCP", "tcp://10.96.12.3:80"),
            ("PORT_80_TCP_PROTO", "tcp"),
            ("PORT_80_TCP_PORT", "80"),
            ("PORT_80_TCP_ADDR", "10.96.12.3"),
        ] {
            command.env(format!("{name}_{variable}"), value);
        }
    }
    command.args(["serve", "--models", "models", "--print-config"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("8080"), "{printed}");
    assert!(!printed.contains("tcp://"), "{printed}");
}

#[test]
fn keys_come_from_files_with_names_and_are_read_again() {
    let folder = model_folder();
    std::fs::write(folder.path("keys"), "# who asks\napp swordfish\n").unwrap();
    // `printf %s hunter2 | sha256sum`
    let toml = "[serve]\nadmin-key-file = \"admin\"\n\n[[api_key]]\nname = \"branch\"\nrole = \"predict\"\n\
        sha256 = \"f52fbd32b2b3b86ff88ef6c490628285f482af15ddcb29541f94bcf526a3f6c7\"\n";
    std::fs::write(folder.path("underwrite.toml"), toml).unwrap();
    std::fs::write(folder.path("admin"), "ops chief\n").unwrap();
    let mut command = folder.command();
    let serving = Serving::start(
        command
            .args([
                "serve",
                "--models",
                "models",
                "--access-log",
                "--log-client-address",
            ])
            .args(["--watch-interval", "0.05"])
            .env("API_KEY_FILE", "keys")
            .env("METRICS_KEY", "eye"),
    );
    for (key, expected) in [
        ("swordfish", "200"),
        ("hunter2", "200"),
        ("none", "401"),
        ("eye", "403"),
    ] {
        assert_eq!(status(&serving, key), expected, "{key}");
    }
    let reload = "/models/points-approval/reload";
    assert!(ask(&serving, "POST", reload, "swordfish", "").starts_with("HTTP/1.1 403"));
    assert!(ask(&serving, "POST", reload, "chief", "").starts_with("HTTP/1.1 200"));
    std::fs::write(folder.path("keys"), "app trout\n").unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while status(&serving, "trout") != "200" {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(status(&serving, "swordfish"), "401");
    std::fs::remove_file(folder.path("keys")).unwrap();
    std::thread::sleep(Duration::from_millis(400));
    assert_eq!(status(&serving, "trout"), "200");
    let log = serving.log();
    let first = events(&log, "request answered")[0];
    assert!(
        first.contains("\"key\":\"app\"") && first.contains("\"client\":\"127.0.0.1\""),
        "{first}"
    );
    let action = events(&log, "admin action");
    assert!(
        action[0].contains("\"action\":\"reload\",\"actor\":\"ops\""),
        "{log}"
    );
    let denied = events(&log, "admin request denied");
    assert!(denied[0].contains("\"actor\":\"app\""), "{log}");
    assert_eq!(events(&log, "keys replaced").len(), 1, "{log}");
    let kept = events(&log, "keys not replaced; those before stay in force");
    assert!(kept.len() == 1 && kept[0].contains("keys: "), "{log}");
    for secret in ["swordfish", "hunter2", "trout", "chief", "eye"] {
        assert!(!log.contains(&format!("\"{secret}\"")), "{log}");
    }
}

/// Each line was once written by the thread of the connection: a full pipe stopped the server.
#[test]
fn a_log_that_nobody_reads_stops_no_request() {
    let folder = model_folder();
    let mut command = folder.command();
    command.args(["serve", "--models", "models", "--access-log"]);
    let mut serving = Serving::start(&mut command);
    let request = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    for _ in 0..20 {
        let answers = serving.ask(&format!(
            "{request}GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ));
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 501);
    }
    // It is told in the log once there is room, and other lines have not been lost.
    let denied = ask(
        &serving,
        "POST",
        "/models/points-approval/reload",
        "none",
        "",
    );
    assert!(denied.starts_with("HTTP/1.1 40"), "{denied}");
    let lines = lines_of(serving.take_log());
    wait_for(&lines, "admin request denied");
    let lost = wait_for(&lines, "lines of this log were lost");
    assert!(lost.contains("\"lines\":"), "{lost}");
}

/// It once took the default model off, and `/health` with it.
#[cfg(target_os = "linux")]
#[test]
fn a_damaged_file_of_a_new_model_leaves_the_default_one() {
    let folder = model_folder();
    let mut command = folder.command();
    let mut serving = Serving::start(command.args(["serve", "--models", "models"]));
    let lines = lines_of(serving.take_log());
    std::fs::create_dir_all(folder.path("models/aaa/1.0.0")).unwrap();
    let half = &points_model()[..5000];
    std::fs::write(folder.path("models/aaa/1.0.0/model.wasm"), half).unwrap();
    wait_for(&lines, "aaa");
    // The next start would be without one.
    let told = wait_for(&lines, "default model not loaded");
    assert!(told.contains("\"serving\":\"points-approval\""), "{told}");
    // What was refused is no model of the next look either.
    let process = serving.process().to_string();
    let asked = Command::new("kill").args(["-HUP", &process]).status();
    assert!(asked.unwrap().success());
    wait_for(&lines, "aaa");
    for path in ["/health", "/predict"] {
        let method = if path == "/health" { "GET" } else { "POST" };
        let answer = ask(&serving, method, path, "none", BODY);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// Reloads once waited for as long as anything was written beside the models.
#[cfg(target_os = "linux")]
#[test]
fn a_change_is_noticed_where_something_else_is_always_written() {
    let folder = model_folder();
    let mut command = folder.command();
    let serve = ["serve", "--models", "models", "--watch-interval", "600"];
    let mut serving = Serving::start(command.args(serve));
    let lines = lines_of(serving.take_log());
    let busy = folder.path("models/busy.log");
    let (stop, stopped) = channel::<()>();
    let writer = std::thread::spawn(move || {
        let pause = Duration::from_millis(20);
        while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
            std::fs::write(&busy, "busy").unwrap();
        }
    });
    let deployment = folder.path("models/points-approval/deployment.toml");
    std::fs::write(deployment, "version = \"9.9.9\"\n").unwrap();
    wait_for(&lines, "9.9.9");
    drop(stop);
    writer.join().unwrap();
}

/// A file that took longer than a look waits for was read in the middle.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_comes_slowly_is_read_when_it_is_there() {
    let folder = model_folder();
    let mut command = folder.command();
    let serve = ["serve", "--models", "models", "--watch-interval", "600"];
    let mut serving = Serving::start(command.args(serve));
    let lines = lines_of(serving.take_log());
    std::fs::create_dir_all(folder.path("models/aaa/1.0.0")).unwrap();
    let mut file = std::fs::File::create(folder.path("models/aaa/1.0.0/model.wasm")).unwrap();
    let model = points_model();
    for piece in model.chunks(model.len() / 40) {
        file.write_all(piece).unwrap();
        std::thread::sleep(Duration::from_millis(100));
    }
    // It is another model's, and whole.
    let refused = wait_for(&lines, "aaa");
    assert!(!refused.contains("seal"), "{refused}");
    assert!(refused.contains("points-approval"), "{refused}");
}

/// The lines, as they come.
fn lines_of(log: ChildStderr) -> Receiver<String> {
    let (tell, lines) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(log).lines().map_while(Result::ok);
        lines.for_each(|line| drop(tell.send(line)));
    });
    lines
}

/// The next line with this text.
fn wait_for(lines: &Receiver<String>, text: &str) -> String {
    let patience = Duration::from_secs(60);
    loop {
        let line = lines.recv_timeout(patience).expect(text);
        if line.contains(text) {
            return line;
        }
    }
}

#[test]
fn a_promotion_is_logged_with_who_asked_and_a_refusal_too() {
    let folder = model_folder();
    let serve = [
        "serve",
        "--models",
        "models",
        "--allow-mismatch",
        "--watch-interval",
        "600",
    ];
    std::fs::write(folder.path("admin"), "ops chief\n").unwrap();
    let mut command = folder.command();
    let serving = Serving::start(command.args(serve).args(["--admin-key-file", "admin"]));
    let model = folder.path("models/points-approval");
    std::fs::write(model.join("deployment.toml"), "version = \"9.9.9\"\n").unwrap();
    std::thread::sleep(Duration::from_millis(900));
    ask(
        &serving,
        "POST",
        "/models/points-approval/reload",
        "chief",
        "",
    );
    let log = serving.log();
    let promoted = events(&log, "promoted")[0];
    assert!(
        promoted.contains("\"to\":\"1.0.0\"") && promoted.contains("\"cause\":\"start\""),
        "{log}"
    );
    let refused = events(&log, "reload refused; the loaded model stays in service");
    let asked = refused
        .iter()
        .find(|line| line.contains("\"actor\":\"ops\""))
        .unwrap();
    assert!(
        asked.contains("\"serving\":\"1.0.0\"") && asked.contains("\"cause\":\"reload\""),
        "{log}"
    );
}

#[test]
fn a_model_at_the_wrong_depth_is_named_with_the_layout() {
    let folder = Folder::new(&[]);
    let place = folder.path("models/points-approval");
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("model.wasm"), points_model()).unwrap();
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--models", "models"]));
    let log = serving.log();
    assert!(log.contains("models/points-approval/model.wasm"), "{log}");
    assert!(
        log.contains("expected its file at NAME/VERSION/model.wasm"),
        "{log}"
    );
    assert!(log.contains("no model found"), "{log}");
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--models", "nowhere"]));
    let log = serving.log();
    assert!(
        log.contains("requests are answered 503 until it can"),
        "{log}"
    );
}

#[test]
fn wrong_keys_are_said_at_the_start() {
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("empty", b"\n"),
        (
            "short.toml",
            b"[[api_key]]\nname = \"a\"\nrole = \"predict\"\nsha256 = \"abc\"\n",
        ),
        (
            "role.toml",
            b"[[api_key]]\nname = \"a\"\nrole = \"king\"\nsha256 = \"abc\"\n",
        ),
    ]);
    let serve = "serve --model model.wasm --port 0";
    for (flags, expect) in [
        (
            "--api-key-file empty",
            "empty: the file has no key, expected one a line as `NAME KEY`",
        ),
        ("--api-key-file none", "cannot read none: "),
        (
            "--config short.toml",
            "short.toml, line 4: sha256 of the key `a`: expected 64 hexadecimal digits",
        ),
        (
            "--config role.toml",
            "role.toml, line 3: unknown variant `king`",
        ),
        ("--tls-client-ca empty", "--tls-client-ca needs https"),
    ] {
        let error = folder.fail(&format!("{serve} {flags}"));
        assert!(error.starts_with(expect), "{error}");
    }
}

#[test]
fn health_takes_the_servers_own_settings() {
    let certificates = format!("{}/../host-server/tests/data", env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let settings = [
        ("UNDERWRITE_TLS_CERT", format!("{certificates}/first.pem")),
        (
            "UNDERWRITE_TLS_KEY",
            format!("{certificates}/first-key.pem"),
        ),
        ("UNDERWRITE_TLS_CLIENT_CA", format!("{certificates}/ca.pem")),
    ];
    let mut command = folder.command();
    command
        .args(["serve", "--model", "model.wasm"])
        .envs(settings.clone());
    let serving = Serving::start(&mut command);
    let health = |more: &str| {
        let mut command = folder.command();
        command.args(["health", "--port", serving.port()]);
        command.args(more.split_whitespace()).envs(settings.clone());
        command.output().unwrap()
    };
    let with = format!(
        "--client-cert {certificates}/client.pem --client-key {certificates}/client-key.pem"
    );
    let output = health(&with);
    assert!(output.status.success(), "{output:?}");
    assert!(!health("").status.success());
    // The same in a file, and on the port of the metrics, which asks for no certificate.
    let toml = format!("[serve]\nhost = \"0.0.0.0\"\nport = {}\n", serving.port());
    std::fs::write(folder.path("underwrite.toml"), toml).unwrap();
    let mut command = folder.command();
    command.args(["health", "--https"]).args(with.split(' '));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        said,
        format!("https://127.0.0.1:{} is healthy\n", serving.port())
    );
}

/// The help's own request, word for word, by an old curl.
#[test]
fn the_request_in_the_help_is_answered() {
    let folder = Folder::new(&[]);
    let help = folder.succeed("serve --help");
    let (_, request) = help.split_once("  curl ").unwrap();
    let request = format!("curl -s -S {request}");
    let loan = (data("loan_sample.csv"), data("loan.toml"));
    folder.succeed(&format!(
        "train --data {} --schema {} --out model.wasm --model logistic_regression",
        loan.0, loan.1
    ));
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--model", "model.wasm"]));
    let request = request.replace("localhost:8080", &format!("127.0.0.1:{}", serving.port()));
    let output = std::process::Command::new("sh")
        .args(["-c", &request])
        .output()
        .unwrap();
    let answer = String::from_utf8(output.stdout).unwrap();
    assert!(answer.contains("\"probability\":"), "{request}: {answer}");
}
