//! What a committee asks of a training: which outcome is the event, how sure the figures are,
//! time, predictions, and the development document.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use common::{Folder, data, train_points};

/// 600 applications of 2025, 50 in each month; `event` names the two values for the bad and for
/// the good outcome. More debt means more of the bad one.
fn csv(target: &str, [bad, good]: [&str; 2]) -> String {
    let mut csv = format!("debt,age,month,{target}\n");
    for row in 0..600 {
        let debt = row * 37 % 100;
        let is_bad = (debt >= 80) != (row % 13 == 0);
        let value = if is_bad { bad } else { good };
        csv += &format!(
            "{debt},{},2025-{:02},{value}\n",
            20 + row % 50,
            row / 50 + 1
        );
    }
    csv
}

fn schema(target: &str) -> String {
    format!(
        "name = \"loans\"\nversion = \"1.0.0\"\n\n[[feature]]\nname = \"debt\"\ntype = \"number\"\n\n\
         [[feature]]\nname = \"age\"\ntype = \"integer\"\nrole = \"protected\"\n\n\
         [[feature]]\nname = \"month\"\ntype = \"category\"\nrole = \"time\"\n\n\
         [[feature]]\nrole = \"target\"\n{target}\n"
    )
}

const DENY: &str = "name = \"deny\"\ntype = \"boolean\"\npositive = false";

fn folder(target: &str, csv: &str) -> Folder {
    Folder::new(&[
        ("d.csv", csv.as_bytes()),
        ("s.toml", schema(target).as_bytes()),
    ])
}

const TRAIN: &str = "train --data d.csv --schema s.toml --out m.wasm --model logistic_regression";

/// Nothing is upside down on a target of either direction, and no outcome has a decision's name.
#[test]
fn outcomes_have_names_of_their_own_in_every_text() {
    let category = "name = \"status\"\ntype = \"category\"\ncategories = [\"bad\", \"good\"]\npositive = \"good\"";
    let paid = "name = \"paid\"\ntype = \"boolean\"\npositive = true\npositive_outcome = \"repaid\"\nnegative_outcome = \"lost\"";
    for (target, column, values, good, bad, sentence) in [
        (
            DENY,
            "deny",
            ["1", "0"],
            "deny = false",
            "deny = true",
            "Approves applications likely to be deny = false; 24.8% of 600 rows are deny = true.",
        ),
        (
            category,
            "status",
            ["bad", "good"],
            "good",
            "bad",
            "Approves applications likely to be status = good; 24.8% of 600 rows are status = bad.",
        ),
        (
            paid,
            "paid",
            ["no", "yes"],
            "repaid",
            "lost",
            "Approves applications likely to be repaid (paid = true); 24.8% of 600 rows are lost (paid = false).",
        ),
    ] {
        let folder = folder(target, &csv(column, values));
        let printed = folder.succeed(TRAIN);
        let said = printed.lines().nth(1).unwrap().trim();
        assert_eq!(said, sentence);
        folder.succeed(
            "evaluate --model m.wasm --data d.csv --report e.html --json e.json --card c.md --resamples 20",
        );
        let json: serde_json::Value = serde_json::from_slice(&folder.read("e.json")).unwrap();
        assert_eq!(json["model"]["positive_outcome"], good);
        assert_eq!(json["model"]["negative_outcome"], bad);
        assert_eq!(json["data"]["positive"], 451);
        let (html, card) = (folder.text("e.html"), folder.text("c.md"));
        for text in [&html, &card] {
            assert!(text.contains(good) && text.contains(bad), "{target}");
            for upside_down in ["of them Approved", "of Approved", "Truth: Approved"] {
                assert!(!text.contains(upside_down), "{target}: {upside_down}");
            }
        }
        let inspected = folder.succeed("inspect m.wasm");
        let answer =
            format!("Approved when the probability of {good} is at least 0.5, else Rejected");
        assert!(inspected.contains(&answer), "{inspected}");
    }
}

/// One holdout says little: each figure has an interval, and the folds beside it.
#[test]
fn figures_say_how_sure_they_are() {
    let folder = folder(DENY, &csv("deny", ["1", "0"]));
    let printed = folder.succeed(&format!("{TRAIN} --metrics m.json"));
    let line = |name: &str| {
        let mut lines = printed.lines();
        let line = lines.find(|line| line.trim_start().starts_with(name));
        line.unwrap_or_else(|| panic!("no {name} in {printed}"))
            .to_owned()
    };
    let head: Vec<String> = line("test").split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        head.join(" "),
        "test 95% interval 5 folds: mean ± deviation"
    );
    let numbers = |text: &str| -> Vec<f64> {
        let words = text.split_whitespace();
        words.filter_map(|word| word.parse().ok()).collect()
    };
    let json: serde_json::Value = serde_json::from_slice(&folder.read("m.json")).unwrap();
    for name in ["accuracy", "roc_auc", "log_loss", "brier"] {
        let [value, low, high, mean, deviation] = numbers(&line(name))[..] else {
            panic!("{}", line(name))
        };
        assert!(low < value && value < high && deviation > 0.0);
        assert!((json["intervals"][name]["low"].as_f64().unwrap() - low).abs() < 1e-4);
        let folds = &json["cross_validation"];
        assert!((folds["mean"][name].as_f64().unwrap() - mean).abs() < 1e-4);
        assert!((folds["deviation"][name].as_f64().unwrap() - deviation).abs() < 1e-4);
    }
}

/// `accuracy` is that of the model's own threshold, which the predictions show.
#[test]
fn predictions_and_the_threshold_of_a_figure() {
    let folder = folder(DENY, &csv("deny", ["1", "0"]));
    folder.succeed(&format!(
        "{TRAIN} --threshold approval_rate=0.3 --predictions p.csv --metrics m.json"
    ));
    let predictions = folder.text("p.csv");
    let mut lines = predictions.lines();
    assert_eq!(lines.next(), Some("row,part,outcome,probability,decision"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 600);
    let mut numbers: Vec<usize> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..600).collect::<Vec<_>>());
    let folds: Vec<&str> = rows
        .iter()
        .map(|row| row[1])
        .filter(|p| *p != "test")
        .collect();
    assert_eq!((folds[0], *folds.last().unwrap()), ("fold 1", "fold 5"));
    let test: Vec<&Vec<&str>> = rows.iter().filter(|row| row[1] == "test").collect();
    let right = |row: &&&Vec<&str>| (row[2] == "deny = false") == (row[4] == "Approved");
    let accuracy = test.iter().filter(right).count() as f64 / test.len() as f64;
    let json: serde_json::Value = serde_json::from_slice(&folder.read("m.json")).unwrap();
    let said = json["accuracy"].as_f64().unwrap();
    assert!((said - accuracy).abs() < 1e-12);
    let approved = rows.iter().filter(|row| row[4] == "Approved").count() as f64 / 600.0;
    assert!((approved - 0.3).abs() < 0.06, "{approved}");

    folder.succeed("evaluate --model m.wasm --data d.csv --predictions e.csv --resamples 20");
    let evaluated = folder.text("e.csv");
    assert_eq!(evaluated.lines().count(), 601);
    for row in &test {
        // The finished model says the same of a row, whoever asks.
        let line = format!("{},evaluation,{},{},{}", row[0], row[2], row[3], row[4]);
        assert!(evaluated.lines().any(|other| other == line), "{line}");
    }
}

#[test]
fn a_pruned_trial_is_compared_over_its_own_folds() {
    let folder = Folder::new(&[]);
    let train = train_points("m.wasm").replace("--model logistic_regression", "");
    let log = folder.warnings(&format!(
        "{train} --models gradient_boosting,decision_tree --trials 16 --metric log_loss --jobs 2"
    ));
    let pruned: Vec<&str> = log
        .lines()
        .filter(|line| line.contains(" pruned"))
        .collect();
    assert!(!pruned.is_empty(), "{log}");
    for line in pruned {
        let after = |text: &str| -> f64 {
            let (_, rest) = line.split_once(text).unwrap_or_else(|| panic!("{line}"));
            rest.split_whitespace().next().unwrap().parse().unwrap()
        };
        let folds = line
            .split(" over ")
            .nth(1)
            .unwrap()
            .split(' ')
            .next()
            .unwrap();
        let best = after(&format!("best over the same {folds} "));
        assert!(best <= after("log_loss "), "{line}");
    }
}

#[test]
fn the_latest_months_are_measured_and_the_document_says_so() {
    let mut file = csv("deny", ["1", "0"]);
    file += "55,30,2025-12,\n65,40,2025-12,\n";
    let folder = folder(DENY, &file);
    std::fs::write(
        folder.path("card.toml"),
        "owner = \"Retail credit risk\"\nexclusions = \"Staff loans.\"\n",
    )
    .unwrap();
    let printed = folder.succeed(&format!(
        "{TRAIN} --test-from 2025-10 --card card.toml --runs runs"
    ));
    assert!(
        printed.contains("trained on 450 rows, measured on 150 others"),
        "{printed}"
    );
    assert!(
        printed.contains("2 of 602 rows have no outcome and are kept out."),
        "{printed}"
    );
    let run = std::fs::read_dir(folder.path("runs"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let mut cards = Vec::new();
    find_cards(&run.path(), &mut cards);
    let card = std::fs::read_to_string(&cards[0]).unwrap();
    for part in [
        "Trained on 450 rows from 2025-01-01 to 2025-09-01, measured on 150 rows from 2025-10-01 to 2025-12-01.",
        "2 of 602 rows have no outcome and are kept out.\n\nStaff loans.",
        "## Owner\n\nRetail credit risk",
        "## Approver\n\n*Not written: `approver` in `card.toml`.*",
        "Mean and standard deviation over 5 folds of the training rows: `accuracy` 0.",
    ] {
        assert!(card.contains(part), "no {part} in {card}");
    }
    folder.succeed(
        "evaluate --model m.wasm --data d.csv --json e.json --report e.html --resamples 20",
    );
    let json: serde_json::Value = serde_json::from_slice(&folder.read("e.json")).unwrap();
    assert_eq!(json["population"]["rows"], 2);
    assert!(
        folder
            .text("e.html")
            .contains("through the door against booked")
    );

    let error = folder.fail(&format!("{TRAIN} --outcome-missing error"));
    assert!(
        error.starts_with("d.csv, line 602, column 'deny': the target is empty"),
        "{error}"
    );
    let error = folder.fail(&format!("{TRAIN} --test-from 2026-01"));
    assert_eq!(
        error,
        "no test rows: the times go from 2025-01-01 to 2025-12-01, and the test begins at 2026-01-01"
    );
    std::fs::write(folder.path("card.toml"), "onwer = \"A\"\n").unwrap();
    let error = folder.fail(&format!("{TRAIN} --card card.toml"));
    assert!(
        error.starts_with("card.toml, line 1: unknown field `onwer`"),
        "{error}"
    );
}

fn find_cards(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_cards(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

#[test]
fn scoring_copies_columns_that_the_schema_lacks() {
    let folder = Folder::new(&[]);
    folder.succeed(&train_points("m.wasm"));
    let points = std::fs::read_to_string(data("points_sample.csv")).unwrap();
    let mut rows = points.lines().take(4).enumerate();
    let with_id: String = rows
        .by_ref()
        .map(|(row, line)| match row {
            0 => format!("loan_id,{line}\n"),
            _ => format!("L-{row},{line}\n"),
        })
        .collect();
    std::fs::write(folder.path("n.csv"), with_id).unwrap();
    let error = folder.fail("score --model m.wasm --input n.csv --output o.csv");
    assert!(
        error.contains("opy it as it is with --pass-through"),
        "{error}"
    );
    folder.succeed("score --model m.wasm --input n.csv --output o.csv --pass-through");
    let scored = folder.text("o.csv");
    assert!(scored.starts_with("loan_id,") && scored.lines().nth(3).unwrap().starts_with("L-3,"));
    assert_eq!(
        scored.lines().next().unwrap().rsplit(',').next(),
        Some("model_version")
    );
}

/// What people write is drafted, and reaches the card in training and in an evaluation.
#[test]
fn the_texts_of_the_card_are_drafted_and_read() {
    let folder = folder(DENY, &csv("deny", ["1", "0"]));
    assert_eq!(folder.succeed("card init").trim(), "card.toml");
    let refused = folder.fail("card init");
    assert!(refused.contains("card.toml exists"), "{refused}");
    let draft = folder.text("card.toml");
    let written = draft.replace("owner = \"\"", "owner = \"Retail credit risk\"");
    std::fs::write(folder.path("card.toml"), written).unwrap();
    // The card is in the run folder, which is kept for it.
    let said = folder.succeed(&format!("{TRAIN} --card card.toml"));
    let run = said
        .lines()
        .find_map(|line| line.strip_prefix("run kept in "));
    let card = folder.text(&format!("{}/artifacts/README.md", run.unwrap()));
    assert!(card.contains("Retail credit risk"), "{card}");
    assert!(card.contains("Not written: `approver`"), "{card}");
    folder.succeed("evaluate --model m.wasm --data d.csv --card c.md --card-texts card.toml");
    let card = folder.text("c.md");
    assert!(card.contains("Retail credit risk"), "{card}");
    let refused = folder.run("evaluate --model m.wasm --data d.csv --card-texts card.toml");
    assert_eq!(refused.status.code(), Some(2));
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(refused.contains("--card <FILE.md>"), "{refused}");
}

/// Figures by month, from the column of times.
#[test]
fn an_evaluation_shows_its_periods() {
    let folder = folder(DENY, &csv("deny", ["1", "0"]));
    folder.succeed(TRAIN);
    folder.succeed("evaluate --model m.wasm --data d.csv --report e.html --json e.json");
    let json: serde_json::Value = serde_json::from_str(&folder.text("e.json")).unwrap();
    let periods = json["periods"].as_array().unwrap();
    assert_eq!(periods.len(), 12);
    assert_eq!(
        (&periods[11]["name"], &periods[11]["rows"]),
        (&"2025-12".into(), &50.into())
    );
    assert!(folder.text("e.html").contains("2025-12"));
}
