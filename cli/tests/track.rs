//! `underwrite track`, `publish` and `pull`, against services that answer as the real ones do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]
#![allow(
    clippy::duplicate_mod,
    reason = "the Hub's and the trackers' tests share their helpers"
)]

mod common;
#[path = "../../model-hub/tests/common/mod.rs"]
mod hub;
#[path = "../../model-tracking/tests/common/mod.rs"]
mod trackers;

use std::process::{Command, Output};

use common::{Folder, points_model};
use hub::hub_service::{self, TOKEN};
use model_files::sha256_file;
use trackers::service::always;
use trackers::wandb_service::{self, KEY};

/// The program with no variable of ours but these.
fn command(folder: &Folder, variables: &[(&str, &str)], args: &str) -> Command {
    let mut command = folder.command();
    for (name, _) in std::env::vars() {
        if ["HF_", "MLFLOW_", "WANDB_"]
            .iter()
            .any(|ours| name.starts_with(ours))
        {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied());
    command.args(args.split_whitespace());
    command
}

fn run(folder: &Folder, variables: &[(&str, &str)], args: &str) -> (Option<i32>, String, String) {
    told(&command(folder, variables, args).output().unwrap())
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn succeed(folder: &Folder, variables: &[(&str, &str)], args: &str) -> String {
    let (code, out, err) = run(folder, variables, args);
    assert_eq!(code, Some(0), "{args}: {err}");
    assert!(err.is_empty(), "{args}: {err}");
    out
}

#[test]
fn a_run_is_sent_once_and_listed() {
    let service = wandb_service::Service::start();
    let folder = Folder::new(&[]);
    let empty = succeed(&folder, &[], "track list");
    assert!(empty.contains("no runs in runs"), "{empty}");
    let sample = trackers::sample_run(&folder.path("runs"));
    let list = succeed(&folder, &[], "track list");
    assert!(
        list.contains("finished") && list.contains("not sent"),
        "{list}"
    );

    let key = [
        ("WANDB_API_KEY", KEY),
        ("WANDB_BASE_URL", &service.address),
        ("WANDB_PROJECT", "x"),
    ];
    let said = succeed(&folder, &key, "track push latest --wandb-project loans");
    assert!(
        said.starts_with(&format!("wandb: {}/acme/loans/runs/", service.address)),
        "{said}"
    );
    assert!(service.kept().runs[&sample.run().id].complete);
    let said = succeed(&folder, &key, "track push latest");
    assert!(said.contains("already has the run"), "{said}");
    let list: serde_json::Value =
        serde_json::from_str(&succeed(&folder, &[], "track list --json")).unwrap();
    assert_eq!(list[0]["tracked"]["wandb"]["id"], *sample.run().id);
    assert_eq!(list[0]["run"]["metrics"]["lift"], "NaN");
}

#[test]
fn a_tracker_that_fails_is_a_warning_and_the_others_go_on() {
    let service = wandb_service::Service::start();
    let folder = Folder::new(&[]);
    let sample = trackers::sample_run(&folder.path("runs"));
    let down = always(400, "{\"message\": \"no room\"}");
    let variables = [
        ("WANDB_API_KEY", KEY),
        ("WANDB_BASE_URL", &service.address),
        ("MLFLOW_TRACKING_URI", &down),
        ("MLFLOW_TRACKING_TOKEN", "very-secret"),
    ];
    let (code, out, err) = run(&folder, &variables, "track push latest");
    assert_eq!(code, Some(2), "{err}");
    assert!(out.starts_with("wandb: "), "{out}");
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0].starts_with("warning: MLflow at ") && lines[0].contains("no room"),
        "{err}"
    );
    assert!(
        lines[0].contains(&format!("underwrite track push {}", sample.run().id)),
        "{err}"
    );
    assert!(
        lines[1].starts_with("error: ") && lines[1].ends_with("did not reach mlflow"),
        "{err}"
    );
    assert!(!err.contains("very-secret"));
    let list = succeed(&folder, &[], "track list");
    assert!(list.trim_end().ends_with("wandb"), "{list}");
}

/// Rows of a number that is shifted.
fn amounts(shift: u32) -> String {
    let rows = (0..600_u32).map(|row| format!("{}\n", row * 37 % 100 + shift));
    "amount\n".to_owned() + &rows.collect::<String>()
}

#[test]
fn a_drift_report_goes_to_the_trackers_and_stays_when_one_fails() {
    let service = wandb_service::Service::start();
    let files = [("r.csv", amounts(0)), ("c.csv", amounts(40))];
    let files = files
        .each_ref()
        .map(|(name, text)| (*name, text.as_bytes()));
    let folder = Folder::new(&files);
    let args = "drift --reference r.csv --current c.csv --json -";
    let (code, _, err) = run(&folder, &[], args);
    assert_eq!((code, &*err), (Some(0), ""));
    assert!(
        !folder.path("runs").exists(),
        "without a tracker there is no run"
    );

    let down = always(400, "{\"message\": \"no room\"}");
    let variables = [
        ("WANDB_API_KEY", KEY),
        ("WANDB_BASE_URL", &service.address),
        ("MLFLOW_TRACKING_URI", &down),
    ];
    let (code, out, err) = run(&folder, &variables, args);
    assert_eq!(code, Some(0), "{err}");
    // Standard output is the JSON's alone.
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["dataset_drift"], true);
    assert!(
        err.contains("warning: MLflow at ") && err.contains("no room"),
        "{err}"
    );
    assert!(err.contains("underwrite track push "), "{err}");
    assert!(err.contains("wandb: "), "{err}");

    let list: serde_json::Value =
        serde_json::from_str(&succeed(&folder, &[], "track list --json")).unwrap();
    let kept = &list[0]["run"];
    assert_eq!(kept["tags"]["underwrite.kind"], "drift");
    assert_eq!(kept["metrics"]["dataset_drift"], 1.0);
    assert_eq!(
        kept["metrics"]["score/amount"],
        json["columns"]["amount"]["score"]
    );
    let id = kept["id"].as_str().unwrap();
    let report = folder.read(&format!("runs/{id}/artifacts/reports/drift_report.html"));
    assert_eq!(report, folder.read("reports/drift_report.html"));
    let sent = &service.kept().runs[id];
    assert!(sent.complete);
    assert!(list[0]["tracked"]["mlflow"].is_null());

    // A setting that is wrong is told before anything is compared.
    let wrong = run(&folder, &[], &format!("{args} --trackers mlflow"));
    assert_eq!(wrong.0, Some(2));
    assert!(wrong.2.contains("set MLFLOW_TRACKING_URI"), "{}", wrong.2);
}

#[test]
fn settings_are_checked_before_anything_is_sent() {
    let folder = Folder::new(&[
        (
            "bad.toml",
            b"[train]\nx = 1\n\n[tracking]\ntrackers = [\"mlflow\"]\nkey = \"1\"\n",
        ),
        (
            "good.toml",
            b"[tracking]\ntrackers = [\"wandb-offline\"]\nwandb_project = \"loans\"\n",
        ),
        ("empty", b"\n"),
    ]);
    trackers::sample_run(&folder.path("runs"));
    let check = |variables: &[(&str, &str)], args: &str, expect: &str| {
        let (code, _, err) = run(&folder, variables, &format!("track push {args}"));
        assert_eq!(code, Some(2), "{args}: {err}");
        assert!(err.contains(expect), "{args}: {err}");
    };
    check(&[], "latest", "no tracker is configured");
    check(&[], "latest --trackers none", "no tracker is configured");
    check(&[], "latest --trackers wandb", "set WANDB_API_KEY");
    check(&[], "latest --trackers mlflow", "set MLFLOW_TRACKING_URI");
    check(
        &[],
        "latest --mlflow-tracking-uri ./mlruns",
        "begins with http://",
    );
    check(
        &[("WANDB_MODE", "offline")],
        "no-such-run",
        "no run 'no-such-run'",
    );
    check(
        &[],
        "latest --wandb-api-key-file empty",
        "the file is empty",
    );
    check(
        &[],
        "latest --config bad.toml",
        "bad.toml, line 6: unknown field `key`",
    );

    let said = succeed(&folder, &[], "track push latest --config good.toml");
    assert!(said.contains("wandb sync "), "{said}");
}

#[test]
fn an_address_that_a_found_file_names_is_told_first() {
    let service = wandb_service::Service::start();
    let address = |login: &str| service.address.replace("://", login);
    let text = format!(
        "[tracking]\nwandb_base_url = \"{}\"\n",
        address("://me:S3CRET@")
    );
    let folder = Folder::new(&[("underwrite.toml", text.as_bytes())]);
    trackers::sample_run(&folder.path("runs"));
    let key = [("WANDB_API_KEY", KEY)];
    let push = "track push latest --again --wandb-project loans";
    let (code, _, err) = run(&folder, &key, push);
    assert_eq!(code, Some(0), "{err}");
    let told = format!("names Weights & Biases at {}: ", address("://…@"));
    assert!(err.starts_with("underwrite.toml in this folder "), "{err}");
    assert!(err.contains(&told), "{err}");
    assert!(!err.contains("S3CRET"), "{err}");
    // What somebody named needs no word.
    succeed(&folder, &key, &format!("{push} --config underwrite.toml"));
    let named = [
        ("WANDB_API_KEY", KEY),
        ("WANDB_BASE_URL", &*service.address),
    ];
    succeed(&folder, &named, push);
}

#[cfg(unix)]
#[test]
fn a_run_folder_from_elsewhere_gives_nothing_else_away() {
    let service = hub_service::Service::start();
    let folder = Folder::new(&[("model.wasm", points_model()), ("secret", b"my own")]);
    let sample = trackers::sample_run(&folder.path("runs"));
    let run_json = sample.path().join("run.json");
    let written = std::fs::read_to_string(&run_json).unwrap();
    let push = format!("track push {}", sample.path().display());

    let text = written.replace("reports/evaluation.html", "../../../secret");
    std::fs::write(&run_json, text).unwrap();
    let (code, _, err) = run(&folder, &[("WANDB_MODE", "offline")], &push);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("without '..'"), "{err}");

    // A link, in the run of the model that is published.
    let trained = &sample.run().model.as_ref().unwrap().sha256;
    let digest = sha256_file(&folder.path("model.wasm")).unwrap();
    let text = written.replace(trained, &digest);
    let text = text.replace("first try", "first\\u001b[2J\\ntry");
    std::fs::write(&run_json, text).unwrap();
    let report = sample.artifact_path("reports/evaluation.html");
    std::fs::remove_file(&report).unwrap();
    std::os::unix::fs::symlink(folder.path("secret"), &report).unwrap();
    let hub = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_TOKEN", TOKEN),
    ];
    let (code, _, err) = run(&folder, &hub, "publish model.wasm --repo acme/points");
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("and no link"), "{err}");
    assert!(service.kept().repos.is_empty());

    // A name is a name, in one line.
    let list = succeed(&folder, &[], "track list");
    assert!(list.contains("first[2J try"), "{list:?}");
    assert_eq!(list.lines().count(), 1, "{list:?}");
    assert!(!list.contains('\u{1b}'), "{list:?}");
}

#[test]
fn a_model_goes_to_the_hub_and_comes_back() {
    let service = hub_service::Service::start();
    let folder = Folder::new(&[
        ("model.wasm", points_model()),
        ("card.md", b"# A card\n"),
        ("token", TOKEN.as_bytes()),
    ]);
    let hub = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_MODEL_REPO", "acme/points"),
    ];
    let said = succeed(
        &folder,
        &hub,
        "publish model.wasm --token-file token --card card.md",
    );
    let digest = sha256_file(&folder.path("model.wasm")).unwrap();
    assert!(said.contains(&digest), "{said}");
    {
        let kept = service.kept();
        let files = &kept.repos["acme/points"].commits[0].files;
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["README.md", "description.json", "model.wasm"]);
    }
    let said = succeed(
        &folder,
        &hub[..1],
        "pull acme/points --out a.wasm --cache cache",
    );
    assert!(said.contains(&digest), "{said}");
    assert_eq!(folder.read("a.wasm"), points_model());

    // Without the Hub, and with a disk that takes no more: the old file stays.
    service.kept().is_down = true;
    let (code, _, err) = run(
        &folder,
        &hub[..1],
        "pull acme/points --out b.wasm --cache cache",
    );
    service.kept().is_down = false;
    assert_eq!(code, Some(0), "{err}");
    assert!(
        err.starts_with("warning: ") && err.contains("using the last downloaded file"),
        "{err}"
    );
    assert_eq!(folder.read("b.wasm"), points_model());
    let full = full_disk(
        &folder,
        &hub[..1],
        "pull acme/points --out card.md --cache cache2",
    );
    assert_eq!(full.0, Some(2), "{}", full.2);
    assert!(full.2.starts_with("error: cannot write "), "{}", full.2);
    assert_eq!(folder.text("card.md"), "# A card\n");
}

#[test]
fn what_is_no_model_is_refused_and_what_was_there_stays() {
    let service = hub_service::Service::start();
    let mut damaged = points_model().to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let folder = Folder::new(&[("model.wasm", points_model()), ("damaged.wasm", &damaged)]);
    let hub = [
        ("HF_ENDPOINT", service.address.as_str()),
        ("HF_TOKEN", TOKEN),
    ];
    let refuse = |variables: &[(&str, &str)], args: &str, expect: &str| {
        let (code, _, err) = run(&folder, variables, args);
        assert_eq!(code, Some(2), "{args}: {err}");
        assert!(err.contains(expect), "{args}: {err}");
        assert!(!err.contains(TOKEN), "{err}");
    };
    refuse(
        &hub,
        "publish damaged.wasm --repo acme/points",
        "damaged.wasm",
    );
    refuse(
        &hub,
        "publish model.wasm --repo points",
        "expected OWNER/NAME",
    );
    refuse(
        &hub[..1],
        "publish model.wasm --repo acme/points",
        "HF_TOKEN",
    );
    refuse(
        &hub,
        "pull acme/points --out model.wasm --cache cache",
        "is not on",
    );
    assert!(service.kept().repos.is_empty());

    // Of two reports of one name the Hub would keep one.
    for (name, text) in [("a", "<p>one"), ("b", "<p>two")] {
        std::fs::create_dir(folder.path(name)).unwrap();
        std::fs::write(folder.path(name).join("x.html"), text).unwrap();
    }
    refuse(
        &hub,
        "publish model.wasm --repo acme/points --report a/x.html --report b/x.html",
        "differ and would both be published as reports/x.html",
    );
    assert!(service.kept().repos.is_empty());

    succeed(
        &folder,
        &hub,
        "publish model.wasm --repo acme/points --card model.wasm",
    );
    service.kept().corrupts = true;
    refuse(
        &hub,
        "pull acme/points --out model.wasm --cache cache",
        "expected SHA-256",
    );
    assert_eq!(folder.read("model.wasm"), points_model());
}

#[test]
fn a_full_disk_costs_no_run() {
    let folder = Folder::new(&[]);
    let sample = trackers::sample_run(&folder.path("runs"));
    let before = std::fs::read(sample.path().join("run.json")).unwrap();
    let (code, _, err) = full_disk(&folder, &[], "track push latest --trackers wandb-offline");
    assert_eq!(code, Some(2), "{err}");
    assert!(err.starts_with("warning: cannot write "), "{err}");
    assert_eq!(
        std::fs::read(sample.path().join("run.json")).unwrap(),
        before
    );
    succeed(&folder, &[], "track push latest --trackers wandb-offline");
}

/// Runs the program where no file can grow beyond 1 KiB, as a full disk has it.
fn full_disk(
    folder: &Folder,
    variables: &[(&str, &str)],
    args: &str,
) -> (Option<i32>, String, String) {
    let inner = command(folder, variables, args);
    let mut shell = Command::new("bash");
    // A write beyond the limit is then an error, not the end of the process.
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\""]);
    shell.arg(inner.get_program()).args(inner.get_args());
    shell.current_dir(folder.path(""));
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    told(&shell.output().unwrap())
}
