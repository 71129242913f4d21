//! `underwrite serve`
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::serving::Serving;
use common::{Folder, points_model};

#[test]
fn prints_its_address_and_decides() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--model", "model.wasm"]));
    let body =
        r#"{"income":50000,"credit_score":700,"loan_amount":1000,"years_employed":3,"points":50}"#;
    let answer = serving.post("/predict", body);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("\"probability\":0."), "{answer}");
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn the_allocator_keeps_little_and_the_process_stays_the_same() {
    const NAMES: [&str; 3] = [
        "MALLOC_ARENA_MAX",
        "MALLOC_MMAP_THRESHOLD_",
        "MALLOC_TRIM_THRESHOLD_",
    ];
    let folder = Folder::new(&[]);
    std::fs::create_dir(folder.path("none")).unwrap();
    let limits = |given: &[(&str, &str)]| {
        let mut command = folder.command();
        for name in NAMES.iter().chain(&["GLIBC_TUNABLES"]) {
            command.env_remove(name);
        }
        command.envs(given.iter().copied());
        let serving = Serving::start(command.args(["serve", "--models", "none"]));
        let of_process = |file: &str| {
            let path = format!("/proc/{}/{file}", serving.process());
            std::fs::read_to_string(path).unwrap()
        };
        assert_eq!(of_process("comm").trim(), "underwrite");
        assert!(of_process("cmdline").contains("serve\0--models\0none\0"));
        let environment = of_process("environ");
        NAMES.map(|name| {
            let line = environment
                .split('\0')
                .find_map(|one| one.strip_prefix(name)?.strip_prefix('='));
            line.map(|number| number.parse::<usize>().unwrap())
        })
    };
    let arenas = 2 * std::thread::available_parallelism().unwrap().get();
    let large = Some(128 << 10);
    assert_eq!(limits(&[]), [Some(arenas), large, large]);
    let given = [("MALLOC_ARENA_MAX", "7"), ("MALLOC_TRIM_THRESHOLD_", "9")];
    assert_eq!(limits(&given), [Some(7), large, Some(9)]);
    assert_eq!(limits(&[("GLIBC_TUNABLES", "")]), [None; 3]);
}

/// The line of a setting in what `--print-config` prints, its columns one space apart.
fn setting(printed: &str, name: &str) -> String {
    let line = printed
        .lines()
        .find(|line| line.split_whitespace().next() == Some(name))
        .unwrap_or_else(|| panic!("no {name} in {printed}"));
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = b"[serve]\nport = 1\nhost = \"file\"\nname = \"file\"\napi-key = [\"a\", \"b\"]\nno-page = true";
    let folder = Folder::new(&[("underwrite.toml", file)]);
    let mut command = folder.command();
    command
        .args(["serve", "--print-config", "--port", "3"])
        .env("UNDERWRITE_PORT", "2")
        .env("UNDERWRITE_HOST", "environment")
        .env("UNDERWRITE_DECISION_LOG", "a,b/log")
        .env("ADMIN_KEY", "one, two")
        .env("PROM_API_KEY", "swordfish");
    let output = command.output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    for (name, line) in [
        ("port", "port 3 --port"),
        ("host", "host \"environment\" environment, UNDERWRITE_HOST"),
        ("name", "name \"file\" underwrite.toml, line 4"),
        ("no-page", "no-page true underwrite.toml, line 6"),
        ("max-requests", "max-requests 1024 default"),
        (
            "admin-key",
            "admin-key [\"(set, hidden)\",\"(set, hidden)\"] environment, ADMIN_KEY",
        ),
        // Only where there may be several is a comma between two.
        (
            "decision-log",
            "decision-log \"a,b/log\" environment, UNDERWRITE_DECISION_LOG",
        ),
        (
            "api-key",
            "api-key [\"(set, hidden)\",\"(set, hidden)\"] underwrite.toml, line 5",
        ),
        (
            "push-password",
            "push-password \"(set, hidden)\" environment, PROM_API_KEY",
        ),
    ] {
        assert_eq!(setting(&printed, name), line);
    }
    assert!(!printed.contains("swordfish"), "{printed}");
}

#[test]
fn a_setting_that_cannot_be_is_named() {
    let folder = Folder::new(&[
        ("typo.toml", b"[serve]\nprot = 1"),
        ("word.toml", b"[serve]\nport = \"eighty\""),
        ("list.toml", b"[serve]\nport = [80, 81]"),
        ("empty", b"\n"),
    ]);
    let error = folder.fail("serve --model m.wasm --config typo.toml");
    assert!(
        error.starts_with("typo.toml, line 2: [serve] has no setting `prot`, expected one of "),
        "{error}"
    );
    let error = folder.fail("serve --model m.wasm --config word.toml");
    assert!(
        error.starts_with("word.toml, line 2: port is `eighty`: "),
        "{error}"
    );
    let error = folder.fail("serve --model m.wasm --config list.toml");
    assert_eq!(
        error,
        "list.toml, line 2: port is a list, expected one value"
    );
    let error = folder.fail("serve");
    assert_eq!(
        error,
        "no model to serve: set --model FILE, --models FOLDER or --from-hub OWNER/NAME"
    );
    let error = folder.fail("serve --model m.wasm --tls-cert c.pem");
    assert_eq!(error, "https needs both --tls-cert and --tls-key");
    let error = folder.fail("serve --model m.wasm --push-password a --push-password-file empty");
    assert_eq!(
        error,
        "push-password and push-password-file are both set: keep one of them"
    );
    let error = folder.fail("serve --model m.wasm --push-password-file empty");
    assert_eq!(error, "empty: the file has no password");
    let error = folder.fail("serve --config none.toml --model m.wasm");
    assert!(error.starts_with("cannot read none.toml: "), "{error}");
}

#[test]
fn one_file_is_for_all_commands() {
    let sample = common::data("points_sample.csv");
    let schema = common::data("points.toml");
    let file = format!(
        "[train]\ndata = {sample:?}\nschema = {schema:?}\nmodels = [\"logistic_regression\"]\nout = \"model.wasm\"\n\n\
         [tracking]\ntrackers = [\"none\"]\n\n[serve]\nmodel = \"model.wasm\"\nport = 0\n"
    );
    let folder = Folder::new(&[("underwrite.toml", file.as_bytes())]);
    folder.succeed("train");
    let printed = folder.succeed("serve --print-config");
    assert_eq!(
        setting(&printed, "model"),
        "model \"model.wasm\" underwrite.toml, line 11"
    );

    // In a folder of its own, paths in it are relative to it.
    std::fs::create_dir(folder.path("config")).unwrap();
    let elsewhere = b"[serve]\nmodel = \"m.wasm\"\n";
    std::fs::write(folder.path("config/u.toml"), elsewhere).unwrap();
    let error = folder.fail("serve --config config/u.toml");
    assert!(error.starts_with("config/m.wasm: "), "{error}");
}

#[test]
fn a_table_that_no_command_has_is_named_by_all() {
    let folder = Folder::new(&[
        ("table.toml", b"[serve]\nport = 1\n\n[sevre]\nport = 2\n"),
        ("key.toml", b"port = 1\n\n[train]\nseed = 1\n"),
        ("kind.toml", b"[train]\nseed = 1\n[[serve]]\nport = 1\n"),
    ]);
    for command in ["serve", "train", "track push latest"] {
        for (file, expect) in [
            (
                "table.toml",
                "table.toml, line 4: unknown field `sevre`, expected one of ",
            ),
            (
                "key.toml",
                "key.toml, line 1: unknown field `port`, expected one of ",
            ),
            (
                "kind.toml",
                "kind.toml, line 3: invalid type: sequence, expected a map",
            ),
        ] {
            let error = folder.fail(&format!("{command} --config {file}"));
            assert!(error.starts_with(expect), "{command}: {error}");
        }
    }
}

#[test]
fn health_asks_a_running_server() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let error = folder.fail("health --port 1");
    assert!(
        error.starts_with("http://127.0.0.1:1 does not answer"),
        "{error}"
    );
    let mut command = folder.command();
    let serving = Serving::start(command.args(["serve", "--model", "model.wasm"]));
    let said = folder.succeed(&format!("health --port {}", serving.port()));
    assert!(said.ends_with(" is healthy\n"), "{said}");
}

#[test]
fn health_asks_over_https() {
    let folder = Folder::new(&[("model.wasm", points_model())]);
    let file = |name: &str| format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    let (certificate, key) = (file("localhost-cert.pem"), file("localhost-key.pem"));
    let mut command = folder.command();
    command.args(["serve", "--model", "model.wasm"]);
    command.args(["--tls-cert", &certificate, "--tls-key", &key]);
    let serving = Serving::start(&mut command);
    let health = format!("health --port {}", serving.port());
    let said = folder.succeed(&format!("{health} --https"));
    assert!(said.starts_with("https://127.0.0.1:"), "{said}");
    // As in the container, where the server's own variables are set.
    let output = folder
        .command()
        .args(health.split(' '))
        .env("UNDERWRITE_TLS_CERT", &certificate)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let error = folder.fail(&health);
    assert!(error.contains("does not answer"), "{error}");
}
