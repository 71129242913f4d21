//! `underwrite train` when it searches.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use common::{Folder, data};
use serde_json::Value;

fn train(rest: &str) -> String {
    format!(
        "train --data {} --schema {} {rest}",
        data("german_credit.csv"),
        data("german_credit.toml")
    )
}

/// A search that takes seconds.
fn quick(rest: &str) -> String {
    train(&format!(
        "--models gradient_boosting,logistic_regression --folds 3 {rest}"
    ))
}

fn json(folder: &Folder, name: &str) -> Value {
    serde_json::from_slice(&folder.read(name)).unwrap()
}

/// The only run.
fn run_folder(folder: &Folder) -> PathBuf {
    let mut runs = fs::read_dir(folder.path("runs")).unwrap();
    let run = runs.next().unwrap().unwrap().path();
    assert!(runs.next().is_none());
    run
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let folder = Folder::new(&[]);
    for jobs in [1, 2, 4] {
        folder.succeed(&quick(&format!(
            "--trials 7 --jobs {jobs} --out {jobs}.wasm"
        )));
    }
    assert_eq!(folder.read("1.wasm"), folder.read("2.wasm"));
    assert_eq!(folder.read("1.wasm"), folder.read("4.wasm"));
}

#[test]
fn a_search_leaves_a_model_its_figures_and_a_run() {
    let folder = Folder::new(&[]);
    let printed = folder.succeed(&quick(
        "--trials 6 --out m.wasm --metrics m.json --report reports/e.html --run-name first \
         --calibration platt --threshold f1",
    ));
    assert!(printed.contains("chosen by roc_auc"), "{printed}");
    let figures = json(&folder, "m.json");
    let search = &figures["search"];
    assert_eq!(search["trials"], 6);
    assert_eq!(search["metric"], "roc_auc");
    let counted = ["complete", "pruned", "failed"].map(|state| search[state].as_u64().unwrap());
    assert_eq!(counted.iter().sum::<u64>(), 6);
    assert!(!search["frontier"].as_array().unwrap().is_empty());
    assert!(figures["roc_auc"].as_f64().unwrap() > 0.7);

    let run = run_folder(&folder);
    let kept = |name: &str| fs::read(run.join("artifacts").join(name)).unwrap();
    assert_eq!(kept("model.wasm"), folder.read("m.wasm"));
    assert_eq!(kept("metrics.json"), folder.read("m.json"));
    assert_eq!(
        kept("reports/evaluation.html"),
        folder.read("reports/e.html")
    );
    assert_eq!(
        kept("schema.toml"),
        fs::read(data("german_credit.toml")).unwrap()
    );
    let known: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(known["status"], "finished");
    assert_eq!(known["name"], "first");
    assert_eq!(known["metrics"]["roc_auc"], figures["roc_auc"]);
    let trials = fs::read_to_string(run.join("trials.jsonl")).unwrap();
    assert_eq!(trials.lines().count(), 6);

    let inspected = folder.succeed("inspect m.wasm");
    assert!(!inspected.contains("threshold 0.5 "), "{inspected}");
}

#[test]
fn going_on_gives_the_same_bytes_as_never_stopping() {
    let whole = Folder::new(&[]);
    whole.succeed(&quick("--trials 9 --out m.wasm"));
    let folder = Folder::new(&[]);
    folder.succeed(&quick("--trials 4 --out m.wasm"));
    // As if the model so far had a parameter and a metric that later ones have not.
    let path = run_folder(&folder).join("run.json");
    let mut known: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    known["params"]["of_another_kind"] = 1.into();
    known["metrics"]["of_another_kind"] = 1.into();
    fs::write(&path, known.to_string()).unwrap();
    folder.succeed(&quick("--trials 9 --out m.wasm --resume"));
    assert_eq!(whole.read("m.wasm"), folder.read("m.wasm"));
    let described = |folder: &Folder| {
        let text = fs::read(run_folder(folder).join("run.json")).unwrap();
        let mut run: Value = serde_json::from_slice(&text).unwrap();
        run["metrics"]["seconds_fit"].take();
        (run["params"].take(), run["metrics"].take())
    };
    assert_eq!(described(&whole), described(&folder));
    let known: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let command = known["command"].as_array().unwrap();
    assert!(command.contains(&"--resume".into()), "{command:?}");
    let trials = fs::read_to_string(run_folder(&folder).join("trials.jsonl")).unwrap();
    assert_eq!(trials.lines().count(), 9);

    let error = folder.run(&quick("--trials 9 --out m.wasm --resume --seed 1"));
    let error = String::from_utf8(error.stderr).unwrap();
    assert!(
        error.contains("were made with another random seed"),
        "{error}"
    );
    let error = folder.fail(&quick("--trials 9 --out m.wasm --resume never"));
    assert!(error.contains("no run 'never'"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn reports_of_an_earlier_model_do_not_stay_with_another() {
    let folder = Folder::new(&[]);
    folder.succeed(&quick("--trials 3 --out m.wasm"));
    let run = run_folder(&folder);
    let listed = || {
        let known: Value =
            serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
        let files = known["artifacts"].as_array().unwrap().clone();
        let names = files.iter().map(|file| file["path"].as_str().unwrap());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let all = listed();
    assert!(all.contains(&"README.md".to_owned()), "{all:?}");
    assert_eq!(all.len(), 6, "{all:?}");
    // Ends when the model is kept and nothing is evaluated yet: what it prints has no room.
    let ends_early = |options: &str| {
        let full = fs::File::create("/dev/full").unwrap();
        let mut command = folder.command();
        let args = quick(&format!("--trials 3 --out m.wasm --resume {options}"));
        let ended = command.args(args.split_whitespace()).stdout(full).output();
        let ended = ended.unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(2), "{error}");
        assert!(error.contains("No space left"), "{error}");
        let kept = fs::read(run.join("artifacts/model.wasm")).unwrap();
        assert_eq!(kept, folder.read("m.wasm"));
    };

    // They are said of the same model still.
    ends_early("");
    assert_eq!(listed(), all);
    ends_early("--threshold f1");
    assert_eq!(listed(), ["metrics.json", "model.wasm", "schema.toml"]);
    for gone in ["README.md", "reports/evaluation.html"] {
        assert!(!run.join("artifacts").join(gone).exists(), "{gone}");
    }
    folder.succeed(&quick("--trials 3 --out m.wasm --resume --threshold f1"));
    assert_eq!(listed(), all);
}

#[test]
fn a_figure_that_was_altered_is_not_believed() {
    let folder = Folder::new(&[]);
    folder.succeed(&quick("--trials 3 --out m.wasm"));
    let path = run_folder(&folder).join("search.jsonl");
    let kept = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<String> = kept.lines().map(str::to_owned).collect();
    let at = lines[2].find("0.").unwrap() + 2;
    let digit = if &lines[2][at..=at] == "9" { "8" } else { "9" };
    lines[2].replace_range(at..=at, digit);
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    let error = folder.run(&quick("--trials 4 --out m.wasm --resume"));
    assert_eq!(error.status.code(), Some(2));
    let error = String::from_utf8(error.stderr).unwrap();
    assert!(
        error.contains("search.jsonl, line 3: the trial was altered"),
        "{error}"
    );
    fs::write(&path, kept).unwrap();
    folder.succeed(&quick("--trials 4 --out m.wasm --resume"));
}

/// A search that has begun, what it goes on to say, and its first line.
#[cfg(unix)]
fn searching(folder: &Folder, options: &str) -> (Child, BufReader<ChildStderr>, String) {
    let mut child = folder
        .command()
        .args(quick(options).split_whitespace())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    (child, stderr, line)
}

#[cfg(unix)]
#[test]
fn a_run_that_failed_or_was_killed_is_not_running() {
    let folder = Folder::new(&[]);
    let (mut child, _stderr, _) = searching(&folder, "--trials 10000 --out m.wasm");
    let listed = folder.succeed("track list");
    assert!(listed.contains(" running "), "{listed}");
    let resumed = folder.run(&quick("--trials 10000 --out m.wasm --resume"));
    let error = String::from_utf8(resumed.stderr).unwrap();
    assert!(error.contains("is still running"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = folder.succeed("track list");
    assert!(listed.contains(" interrupted "), "{listed}");
    assert!(
        folder
            .succeed("track list --json")
            .contains("\"interrupted\"")
    );

    // Where the model's folder was, there is a file when it is trained.
    let folder = Folder::new(&[]);
    fs::create_dir(folder.path("out")).unwrap();
    let (mut child, mut stderr, _) = searching(&folder, "--trials 3 --out out/m.wasm");
    fs::remove_dir_all(folder.path("out")).unwrap();
    fs::write(folder.path("out"), "").unwrap();
    stderr.read_to_string(&mut String::new()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    let listed = folder.succeed("track list");
    assert!(listed.contains(" failed "), "{listed}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done() {
    let folder = Folder::new(&[]);
    let (mut child, mut stderr, line) = searching(&folder, "--trials 10000 --out m.wasm");
    assert!(
        line.starts_with("trial 0/10000 gradient_boosting complete"),
        "{line}"
    );
    let interrupt = ["-INT", &child.id().to_string()].map(str::to_owned);
    assert!(
        Command::new("kill")
            .args(interrupt)
            .status()
            .unwrap()
            .success()
    );
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    folder.succeed("verify m.wasm");
    let run = fs::read(run_folder(&folder).join("run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    assert_eq!(run["status"], "interrupted");
}

#[test]
fn a_time_ends_it_and_a_size_is_kept_to() {
    let folder = Folder::new(&[]);
    folder.succeed(&quick(
        "--timeout 1s --out m.wasm --metrics m.json --jobs 1",
    ));
    let trials = json(&folder, "m.json")["search"]["trials"]
        .as_u64()
        .unwrap();
    assert!((1..100_000).contains(&trials));

    let folder = Folder::new(&[]);
    folder.succeed(&train(
        "--models gradient_boosting --folds 3 --trials 5 --max-size 12KB --out m.wasm --metrics m.json",
    ));
    let bytes = &json(&folder, "m.json")["search"]["cost"]["gzip_bytes"];
    assert!(bytes.as_u64().unwrap() <= 12_000, "{bytes}");
    let error = folder.fail(&train("--max-size 100 --out m.wasm"));
    assert!(
        error.starts_with("--max-size: a limit of 100 bytes leaves no room"),
        "{error}"
    );
}

#[test]
fn underwrite_toml_is_read_and_a_flag_wins() {
    let config = format!(
        "[train]\ndata = '{}'\nschema = '{}'\nout = \"m.wasm\"\nmodels = [\"ridge\", \"decision_tree\"]\n\n\
         [tune]\ntrials = 5\nfolds = 4\nmetric = \"log_loss\"\n\n\
         [space.decision_tree]\nmax_depth = 3\nmin_leaf_rows = {{ min = 5, max = 50, scale = \"log\" }}\n",
        data("german_credit.csv"),
        data("german_credit.toml")
    );
    let folder = Folder::new(&[("underwrite.toml", config.as_bytes())]);
    let plan = folder.succeed("train --dry-run");
    for expected in [
        "1000 rows",
        "tune with 5 trials by log_loss, 4 folds",
        "  ridge\n    alpha 0.01 to 10000, logarithmic",
        "    min_leaf_rows 5 to 50, integer, logarithmic",
    ] {
        assert!(plan.contains(expected), "{plan}");
    }
    assert!(!plan.contains("max_depth"), "{plan}");
    assert_eq!(folder.names(), ["underwrite.toml"]);
    let plan = folder.succeed("train --dry-run --trials 7 --models ridge");
    assert!(plan.contains("tune with 7 trials"), "{plan}");
    assert!(!plan.contains("decision_tree"), "{plan}");
    folder.succeed("train --metrics m.json");
    assert_eq!(json(&folder, "m.json")["search"]["trials"], 5);
    folder.succeed("verify m.wasm");
}

#[test]
fn a_flag_of_the_search_without_one_is_refused() {
    let config = "[tune]\nmetric = \"brier\"\nbags = 1\nratios = false\n";
    let folder = Folder::new(&[("waits.toml", config.as_bytes())]);
    for flag in ["--metric brier", "--bags 1", "--no-ratios"] {
        let named = flag.split(' ').next().unwrap();
        let error = folder.fail(&train(&format!("--model ridge {flag} --out m.wasm")));
        assert!(
            error.starts_with(&format!("{named} says how to search")),
            "{error}"
        );
        let plan = format!("--model ridge --trials 3 {flag} --dry-run --out m.wasm");
        folder.succeed(&train(&plan));
    }
    assert_eq!(folder.names(), ["waits.toml"]);
    folder.succeed(&train("--model ridge --config waits.toml --out m.wasm"));
}

#[test]
fn a_bad_configuration_names_its_line() {
    let check = |config: &str, expect: &str| {
        let folder = Folder::new(&[("c.toml", config.as_bytes())]);
        let error = folder.fail(&train("--config c.toml --out m.wasm"));
        assert!(
            error.starts_with(expect),
            "got {error:?}, expected {expect:?}"
        );
        assert_eq!(folder.names(), ["c.toml"]);
    };
    check(
        "[tune]\ntrails = 3\n",
        "c.toml, line 2: unknown field `trails`",
    );
    check(
        "\n[tuning]\ntrials = 3\n",
        "c.toml, line 2: unknown field `tuning`",
    );
    check(
        "[tune]\ntrials = 3\nfolds = 1\n",
        "c.toml, line 3: expected a whole number from 2 to 50",
    );
    check(
        "[tune]\ntimeout = \"soon\"\n",
        "c.toml, line 2: expected a time",
    );
    check(
        "[tune]\nmetric = \"auc\"\n",
        "c.toml, line 2: expected one of roc_auc",
    );
    check(
        "[train]\nmodels = [\"xgboost\"]\n",
        "c.toml, line 2: expected one of ridge",
    );
    check(
        "[space.gradient_boosting]\nl2 = { min = 3, max = 1 }\n",
        "c.toml, line 2: gradient_boosting, l2: expected a minimum below the maximum",
    );
    check(
        "[space.gradient_boosting]\nl2 = 1\nlearning_rate = { min = 0.1, max = 7 }\n",
        "c.toml, line 3: gradient_boosting, learning_rate: expected above 0, at most 1",
    );
    check(
        "[space.ridge]\nalfa = 1\n",
        "c.toml, line 2: ridge, alfa: the model has no such hyperparameter",
    );
    check(
        "[space.forest]\ntrees = 5\n",
        "c.toml, line 1: unknown model 'forest'",
    );
    check(
        "[threshold]\nrule = \"best\"\n",
        "c.toml, line 2: expected 0.5, f1",
    );
    check("[train\n", "c.toml, line 1: ");
}

#[test]
fn features_can_be_named_but_a_protected_one_is_refused() {
    let folder = Folder::new(&[]);
    let fit = |features: &str| {
        train(&format!(
            "--model logistic_regression --out m.wasm --features {features}"
        ))
    };
    folder.succeed(&fit("credit_amount,housing"));
    let described = folder.succeed("inspect m.wasm --json");
    assert!(described.contains("credit_amount"), "{described}");
    let error = folder.fail(&fit("credit_amuont"));
    assert!(error.ends_with("did you mean 'credit_amount'?"), "{error}");
    let error = folder.fail(&fit("housing,foreign_worker"));
    assert!(error.contains("'foreign_worker' is protected"), "{error}");
    folder.succeed(&format!(
        "{} --allow-protected",
        fit("housing,foreign_worker")
    ));
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let check = |args: &str, expect: &str| {
        let error = Folder::new(&[]).fail(args);
        assert!(error.contains(expect), "got {error:?}, expected {expect:?}");
    };
    check("train", "--data is missing");
    check(&train(""), "--out is missing");
    check(
        &quick("--trials 2 --out m.wasm --runs /proc/nowhere"),
        "cannot write /proc/nowhere",
    );
    let rare = "income,approved\n1,0\n2,1\n3,0\n4,1\n5,0\n6,0\n";
    let schema = "name = \"s\"\nversion = \"1.0.0\"\n[[feature]]\nname = \"income\"\ntype = \"number\"\n\
                  [[feature]]\nname = \"approved\"\ntype = \"boolean\"\nrole = \"target\"\n";
    let folder = Folder::new(&[("d.csv", rare.as_bytes()), ("s.toml", schema.as_bytes())]);
    let error = folder.fail("train --data d.csv --schema s.toml --out m.wasm --trials 2");
    assert!(error.contains("fewer than 5 training rows"), "{error}");
}
