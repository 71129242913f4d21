//! What recourse answers: to whom, in which words, and what it never proposes.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

#[path = "../../model-core/tests/common/mod.rs"]
mod common;

use common::{decider, forest, linear};
use model_core::artifact::Artifact;
use model_core::decide::Decider;
use model_core::forest::{Aggregation, Bins, Forest, Link, Node, Tree};
use model_core::model::Model;
use model_core::schema::{Actionable, Direction};
use model_recourse::{Action, Answer, Budget, Request, explain, flips, search};

const PLAIN: &str = r#"
name = "plain"
version = "1.0.0"

[[feature]]
name = "income"
type = "number"
minimum = 0
maximum = 1000

[[feature]]
name = "amount"
type = "number"
minimum = 0
maximum = 1000

[[feature]]
name = "approved"
type = "boolean"
role = "target"
"#;

fn up(feature: &str, step: f64) -> Action {
    Action {
        feature: feature.into(),
        actionable: Actionable {
            direction: Direction::Up,
            step,
            lowest: 0.0,
            highest: 1000.0,
            cost: 1.0,
            quantiles: Vec::new(),
        },
    }
}

/// `0.3 * income' + 0.23 * amount' + 0.1`, where 400 is 0 and 333 is 1.
fn plain(threshold: f64) -> Decider {
    let mut artifact = linear(PLAIN);
    artifact.threshold = threshold;
    decider(&artifact)
}

fn ask(decider: &mut Decider, actions: &[Action], fields: &str, request: &Request) -> Answer {
    let application = decider.application(fields.as_bytes()).unwrap();
    search(decider, actions, &application, request, Budget::default())
}

#[test]
fn proposes_multiples_of_the_step_and_nothing_frozen() {
    let mut decider = plain(0.55);
    let actions = [up("income", 50.0), up("amount", 0.1)];
    let fields = r#"{"income": 401.5, "amount": 333.33}"#;
    let answer = ask(&mut decider, &actions, fields, &Request::default());
    assert_eq!(answer.options.len(), 2, "{answer:?}");
    let [income, amount] = &answer.options[..] else {
        return;
    };
    assert_eq!(
        (income.changes[0].from, income.changes[0].to % 50.0),
        (401.5, 0.0)
    );
    let tenths = amount.changes[0].to * 10.0;
    assert_eq!(amount.changes[0].to, tenths.round() / 10.0);

    let frozen = Request {
        freeze: vec!["income".into()],
        ..Request::default()
    };
    let answer = ask(&mut decider, &actions, fields, &frozen);
    assert_eq!(answer.options.len(), 1);
    assert_eq!(answer.options[0].changes[0].input, 1);
}

/// As a person writes them: 36 times 0.3 is 10.799999999999999 to a computer.
#[test]
fn proposals_are_written_as_the_step_is() {
    let fields = r#"{"income": 401.5, "amount": 333.33}"#;
    for (step, decimals) in [(0.3, 1), (0.07, 2), (2.4, 1), (12.5, 1), (3.0, 0)] {
        for hundredths in 52..60 {
            let mut decider = plain(f64::from(hundredths) / 100.0);
            let action = [up("income", step)];
            let answer = ask(&mut decider, &action, fields, &Request::default());
            for change in answer.options.iter().flat_map(|option| &option.changes) {
                let written = format!("{:.decimals$}", change.to);
                assert_eq!(written.parse(), Ok(change.to), "{step}");
            }
            assert!(
                hundredths > 55 || !answer.impossible,
                "{step}, {hundredths}"
            );
        }
    }
}

#[test]
fn a_frozen_derived_field_stays_as_it_is() {
    let keys = "maximum = 1000\nactionable = \"any\"\nstep = 50";
    let ratio = "[[feature]]\nname = \"ratio\"\ntype = \"number\"\nderived = \"amount / 1000\"\n\n\
                 [[feature]]\nname = \"approved\"";
    let toml = PLAIN
        .replace("maximum = 1000", keys)
        .replace("[[feature]]\nname = \"approved\"", ratio);
    let mut artifact = linear(&toml);
    let fields = r#"{"income": 400, "amount": 400}"#;
    let answer = common::decide(&mut decider(&artifact), fields).1;
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    artifact.threshold = answer["probability"].as_f64().unwrap() + 0.01;
    let mut decider = decider(&artifact);
    let changed = |found: &serde_json::Value| -> Vec<String> {
        let options = found["options"].as_array().unwrap().iter();
        let changes = options.flat_map(|option| option["changes"].as_array().unwrap());
        changes
            .map(|change| change["feature"].to_string())
            .collect()
    };
    let free = recourse_of(&mut decider, fields, "true");
    assert!(changed(&free).contains(&"\"amount\"".to_owned()), "{free}");
    let frozen = recourse_of(&mut decider, fields, r#"{"freeze": ["ratio"]}"#);
    assert_eq!(changed(&frozen), ["\"income\""], "{frozen}");
    let all = recourse_of(&mut decider, fields, r#"{"freeze": ["ratio", "income"]}"#);
    assert_eq!(
        all["note"],
        "All actionable features are frozen: there was nothing to try"
    );
}

#[test]
fn says_what_cannot_be_reached() {
    let mut decider = plain(0.999);
    let actions = [up("income", 50.0), up("amount", 50.0)];
    let answer = ask(
        &mut decider,
        &actions,
        r#"{"income": 0, "amount": 0}"#,
        &Request::default(),
    );
    assert!(answer.impossible && answer.options.is_empty());
    assert_eq!(answer.lower_bound, None);
    // Without anything that may change, nothing is within reach either.
    let answer = ask(
        &mut decider,
        &[],
        r#"{"income": 0, "amount": 0}"#,
        &Request::default(),
    );
    assert!(answer.impossible);
}

/// Trees that ask whether the first input is above 500, each with its leaves; sums are rounded
/// to an `f32` as XGBoost rounds them.
fn rounded(leaves: &[[f64; 2]], base: f64) -> Decider {
    let mut artifact = forest(PLAIN);
    let leaf = |value| Node::Leaf { value, count: 1 };
    let tree = |values: &[f64; 2]| Tree {
        nodes: vec![
            Node::Split {
                feature: 0,
                split: 0,
                missing_left: true,
                count: 2,
            },
            leaf(values[0]),
            leaf(values[1]),
        ],
    };
    artifact.model = Model::Forest(Forest {
        features: vec![Bins::Cuts(vec![500.0]), Bins::Cuts(vec![500.0])],
        category_sets: Vec::new(),
        trees: leaves.iter().map(tree).collect(),
        aggregation: Aggregation::SingleSum,
        base,
        link: Link::Logistic,
    });
    decider(&artifact)
}

#[test]
fn a_sum_that_is_rounded_up_over_the_threshold_is_found() {
    // 16,777,216 and 3 are 16,777,220 in an f32. What is missing to 0 is less than 1.
    let great = 16_777_216.0;
    // Tenths from -20.00003: they come to 0.0000095, and added exactly to -0.00003.
    let small = [[-1.0, f64::from(0.1_f32)]; 200];
    for (leaves, base) in [
        (
            &[[-100.0, great], [3.0, 3.0], [-great - 4.0, -great - 4.0]][..],
            0.0,
        ),
        (&small[..], -20.000_030_517_578_125),
    ] {
        let mut decider = rounded(leaves, base);
        let fields = r#"{"income": 400, "amount": 0}"#;
        let answer = ask(
            &mut decider,
            &[up("income", 50.0)],
            fields,
            &Request::default(),
        );
        assert_eq!(answer.options.len(), 1, "{leaves:?}: {answer:?}");
        assert_eq!(answer.options[0].changes[0].to, 550.0);
    }
}

/// Trees of one question each: the input, which of its cuts, and the leaves. Approved from a sum
/// of 1.5.
fn questions(cuts: Vec<f64>, asked: &[(u16, u32, [f64; 2])]) -> Decider {
    let mut artifact = forest(PLAIN);
    let leaf = |value| Node::Leaf { value, count: 1 };
    let tree = |&(feature, split, [left, right]): &(u16, u32, [f64; 2])| Tree {
        nodes: vec![
            Node::Split {
                feature,
                split,
                missing_left: true,
                count: 2,
            },
            leaf(left),
            leaf(right),
        ],
    };
    artifact.model = Model::Forest(Forest {
        features: vec![Bins::Cuts(cuts), Bins::Cuts(vec![500.0])],
        category_sets: Vec::new(),
        trees: asked.iter().map(tree).collect(),
        aggregation: Aggregation::GroupedSum,
        base: -1.5,
        link: Link::Logistic,
    });
    artifact.threshold = 0.5;
    decider(&artifact)
}

/// What proving costs that nothing helps: two trees contradict each other, and no sum of their
/// greatest leaves shows it before the box is cut where they ask.
fn evaluations_of_a_proof(mut decider: Decider) -> u32 {
    let actions = [up("income", 10.0), up("amount", 10.0)];
    let fields = r#"{"income": 0, "amount": 400}"#;
    let answer = ask(&mut decider, &actions, fields, &Request::default());
    assert!(answer.impossible && answer.lower_bound.is_none());
    answer.evaluations
}

#[test]
fn boxes_are_split_where_their_bound_hangs() {
    let cuts: Vec<f64> = (0..64).map(|nth| f64::from(nth * 10 + 5)).collect();
    // Income has the most candidates and the dearest, and hardly counts.
    let mut asked: Vec<_> = (0..64).map(|nth| (0, nth, [0.0, 0.001])).collect();
    asked.extend([(1, 0, [1.0, 0.0]), (1, 0, [0.0, 1.0])]);
    let spent = evaluations_of_a_proof(questions(cuts.clone(), &asked));
    assert!(spent <= 6, "{spent}");
    // Only the fourth cut counts: halves would find it after several.
    let asked = [(0, 3, [1.0, 0.0]), (0, 3, [0.0, 1.0])];
    let spent = evaluations_of_a_proof(questions(cuts, &asked));
    assert!(spent <= 8, "{spent}");
}

#[test]
fn an_approved_application_needs_nothing() {
    let mut decider = plain(0.1);
    let answer = ask(
        &mut decider,
        &[up("income", 50.0)],
        r#"{"income": 900, "amount": 0}"#,
        &Request::default(),
    );
    assert!(!answer.impossible && answer.options.is_empty());
}

#[test]
fn a_refused_application_is_none() {
    assert_eq!(plain(0.5).application(b"{}"), None);
    assert_eq!(plain(0.5).application(b"not JSON"), None);
}

#[test]
fn flips_say_where_the_decision_changes() {
    let mut decider = plain(0.55);
    let fields = br#"{"income": 400, "amount": 400}"#;
    let application = decider.application(fields).unwrap();
    let actions = [up("income", 10.0), up("amount", 1.0)];
    let found = flips(&mut decider, &actions, &application, Budget::default());
    assert_eq!(found.len(), 2, "{found:?}");
    for flip in found {
        let name = ["income", "amount"][flip.input];
        let step = actions[flip.input].actionable.step;
        let at = |value: f64| match name {
            "income" => format!(r#"{{"income": {value}, "amount": 400}}"#),
            _ => format!(r#"{{"income": 400, "amount": {value}}}"#),
        };
        let before = common::decide(&mut decider, at(flip.value - step)).1;
        let after = common::decide(&mut decider, at(flip.value)).1;
        assert!(before.contains("\"approve\":false") && after.contains("\"approve\":true"));
    }
}

/// [`PLAIN`], explained with recourse.
fn explained(decider: &mut Decider, recourse: &str) -> (u16, String) {
    let request =
        format!(r#"{{"application": {{"income": 400, "amount": 400}}, "recourse": {recourse}}}"#);
    let mut out = Vec::new();
    let status = explain(decider, request.as_bytes(), Budget::default(), &mut out);
    (status, String::from_utf8(out).unwrap())
}

/// [`PLAIN`] where both features may rise.
fn actionable(threshold: f64) -> Decider {
    let keys = "maximum = 1000\nactionable = \"up\"\nstep = 50";
    let mut artifact = linear(&PLAIN.replace("maximum = 1000", keys));
    artifact.threshold = threshold;
    decider(&artifact)
}

#[test]
fn an_explanation_carries_the_recourse_that_was_asked_for() {
    let mut decider = actionable(0.55);
    let (status, body) = explained(&mut decider, "true");
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200, "{body}");
    let recourse = &json["recourse"];
    assert_eq!(recourse["impossible"], false);
    let option = &recourse["options"][0];
    assert_eq!(option["proven"], true);
    let change = &option["changes"][0];
    assert_eq!(
        (&change["feature"], &change["from"]),
        (&"amount".into(), &400.into())
    );
    assert!(option["probability"].as_f64().unwrap() >= 0.55);
    assert_eq!(recourse["flips"][0]["outcome"], "approve");
    // Nobody asked.
    let (_, body) = explained(&mut decider, "false");
    assert!(!body.contains("recourse"), "{body}");
    let (_, body) = explained(
        &mut decider,
        r#"{"freeze": ["amount"], "max_changes": 1, "options": 1}"#,
    );
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        json["recourse"]["options"][0]["changes"][0]["feature"],
        "income"
    );
}

#[test]
fn an_answer_says_where_there_was_nothing_to_try() {
    let note = |decider: &mut Decider, recourse: &str| {
        let (_, body) = explained(decider, recourse);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        let recourse = &json["recourse"];
        assert_eq!(recourse["impossible"], true, "{body}");
        recourse["note"].as_str().unwrap_or_default().to_owned()
    };
    let all = r#"{"freeze": ["income", "amount"]}"#;
    assert!(note(&mut plain(0.999), "true").starts_with("The schema calls no feature actionable"));
    assert!(note(&mut actionable(0.999), all).starts_with("All actionable features are frozen"));
    // Here the search tried everything.
    assert_eq!(note(&mut actionable(0.999_999), "true"), "");
}

/// The recourse of an application with the given fields, where all of [`PLAIN`]'s may rise.
fn recourse_of(decider: &mut Decider, fields: &str, recourse: &str) -> serde_json::Value {
    let request = format!(r#"{{"application": {fields}, "recourse": {recourse}}}"#);
    let mut out = Vec::new();
    let status = explain(decider, request.as_bytes(), Budget::default(), &mut out);
    let mut json: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(status, 200, "{json}");
    json["recourse"].take()
}

#[test]
fn nothing_is_proved_of_what_is_not_stated() {
    let keys = "maximum = 1000\nmissing = \"impute\"\nactionable = \"up\"\nstep = 50";
    let mut artifact = linear(&PLAIN.replace("maximum = 1000", keys));
    let income_unstated = "income is not stated: what it would change was not looked at";
    let only_amount = r#"{"amount": 400}"#;

    // No amount is enough for what is filled in, and with an income it is approved.
    artifact.threshold = 0.65;
    let mut strict = decider(&artifact);
    let stated = common::decide(&mut strict, r#"{"income": 1000, "amount": 400}"#).1;
    assert!(stated.contains("\"approve\":true"), "{stated}");
    let found = recourse_of(&mut strict, only_amount, "true");
    assert_eq!(found["options"], serde_json::json!([]), "{found}");
    assert_eq!(found["impossible"], false, "{found}");
    assert_eq!(found["note"], income_unstated, "{found}");

    // What is frozen need not be stated.
    let found = recourse_of(&mut strict, only_amount, r#"{"freeze": ["income"]}"#);
    assert_eq!(found["impossible"], true, "{found}");
    assert_eq!(found.get("note"), None, "{found}");

    // Nothing is stated: there is nothing to change, and no proof.
    let found = recourse_of(&mut strict, "{}", "true");
    assert_eq!(found["impossible"], false, "{found}");
    let both = "income, amount are not stated: what they would change was not looked at";
    assert_eq!(found["note"], both);

    // A budget that ends gives no bound on what was not looked at.
    let application = strict.application(only_amount.as_bytes()).unwrap();
    let (budget, request) = (Budget { evaluations: 1 }, Request::default());
    let actions = [up("income", 50.0), up("amount", 50.0)];
    let answer = search(&mut strict, &actions, &application, &request, budget);
    assert_eq!(answer.unstated, ["income"]);
    assert!(!answer.impossible && answer.lower_bound.is_none());

    // An option is one, but a cheaper one may be where nobody looked.
    artifact.threshold = 0.6;
    let found = recourse_of(&mut decider(&artifact), only_amount, "true");
    assert_eq!(found["options"][0]["changes"][0]["to"], 750, "{found}");
    assert_eq!(found["options"][0]["proven"], false, "{found}");
    assert_eq!(found["note"], income_unstated, "{found}");
}

/// [`PLAIN`] where an income may go down and an amount up, with a policy for numbers out of range.
fn out_of_range(policy: &str) -> String {
    let income =
        format!("maximum = 1000\nout_of_range = \"{policy}\"\nactionable = \"down\"\nstep = 50");
    let amount = "maximum = 1000\nactionable = \"up\"\nstep = 50";
    PLAIN.replacen("maximum = 1000", &income, 1).replacen(
        "maximum = 1000\n\n",
        &format!("{amount}\n\n"),
        1,
    )
}

#[test]
fn changes_begin_at_the_number_that_was_stated() {
    let beyond = r#"{"income": 2000, "amount": 400}"#;
    // The median in its place is declined, and numbers between the two are approved.
    let mut artifact = linear(&out_of_range("impute"));
    artifact.threshold = 0.65;
    let mut imputed = decider(&artifact);
    let decided = common::decide(&mut imputed, beyond).1;
    assert!(decided.contains("\"approve\":false"), "{decided}");
    let found = recourse_of(&mut imputed, beyond, r#"{"freeze": ["amount"]}"#);
    let change = &found["options"][0]["changes"][0];
    assert_eq!(
        (&change["from"], &change["to"]),
        (&2000.into(), &1000.into())
    );
    assert_eq!(found["options"][0]["proven"], true, "{found}");
    assert_eq!(found["impossible"], false, "{found}");
    let nearest = serde_json::json!({"feature": "income", "value": 1000, "outcome": "approve"});
    assert_eq!(found["flips"][0], nearest, "{found}");

    // A proof covers them.
    artifact.threshold = 0.99;
    let found = recourse_of(&mut decider(&artifact), beyond, "true");
    assert_eq!(found["impossible"], true, "{found}");

    // What is clamped was stated too.
    let mut artifact = linear(&out_of_range("clamp").replace("\"down\"", "\"any\""));
    artifact.threshold = 0.6;
    let below = r#"{"income": -7, "amount": 400}"#;
    let found = recourse_of(&mut decider(&artifact), below, r#"{"freeze": ["amount"]}"#);
    let option = &found["options"][0];
    assert_eq!(option["changes"][0]["from"], -7, "{found}");
    // From the nearer end of the range.
    let (to, cost) = (&option["changes"][0]["to"], &option["cost"]);
    let (to, cost) = (to.as_f64().unwrap(), cost.as_f64().unwrap());
    assert!((cost - (0.05 + to / 1000.0)).abs() < 1e-12, "{found}");
}

#[test]
fn a_category_that_is_not_in_the_list_is_nobodys_most_frequent() {
    let category = |encoding: &str| {
        let category = format!(
            "type = \"category\"\ncategories = [\"a\", \"b\", \"c\"]\nencoding = \"{encoding}\"\n\
             unknown = \"most_frequent\"\nactionable = \"any\""
        );
        let number = "type = \"number\"\nminimum = 0\nmaximum = 1000";
        PLAIN.replacen(number, &category, 1)
    };
    let fields = r#"{"income": "z", "amount": 400}"#;
    let mut artifact = linear(&category("ordinal"));
    artifact.threshold = 1.0;
    let found = recourse_of(&mut decider(&artifact), fields, "true");
    assert_eq!(found["impossible"], false, "{found}");
    let note = "income is not stated: what it would change was not looked at";
    assert_eq!(found["note"], note, "{found}");

    // Any of the list is as far as any other.
    let mut artifact = linear(&category("one_hot"));
    artifact.threshold = 1.0;
    let found = recourse_of(&mut decider(&artifact), fields, "true");
    assert_eq!(found["impossible"], true, "{found}");
    let probability = |category: &str| {
        let fields = format!("{{\"income\": \"{category}\", \"amount\": 400}}");
        let answer = common::decide(&mut decider(&artifact), fields).1;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        answer["probability"].as_f64().unwrap()
    };
    let best = ["a", "b", "c"].map(probability);
    let best = best.into_iter().fold(0.0, f64::max);
    assert!(best > probability("z"));
    artifact.threshold = best;
    let found = recourse_of(&mut decider(&artifact), fields, "true");
    let change = &found["options"][0]["changes"][0];
    assert_eq!(change["from"], serde_json::Value::Null, "{found}");
    assert_eq!(found["options"][0]["probability"], best, "{found}");
}

#[test]
fn what_would_be_read_as_missing_is_no_proposal() {
    let keys = "maximum = 1000\nmissing = \"impute\"\nactionable = \"up\"\nstep = 50";
    let toml = PLAIN.replace("maximum = 1000", keys);
    let amount = |missing_values: &str| {
        let toml = toml.replacen("[[feature]]", &format!("{missing_values}\n[[feature]]"), 1);
        let mut artifact = linear(&toml);
        artifact.threshold = 0.6;
        let fields = r#"{"income": 999, "amount": 400}"#;
        let found = recourse_of(&mut decider(&artifact), fields, r#"{"freeze": ["income"]}"#);
        found["options"][0]["changes"][0]["to"].clone()
    };
    // The income is missing either way: what is filled in needs an amount of 750.
    assert_eq!(amount("missing_values = [\"999\"]"), 750);
    assert_eq!(amount("missing_values = [\"999.0\", \"7.5e2\"]"), 800);
}

#[test]
fn a_wrong_question_about_recourse_gets_a_sentence() {
    let mut decider = actionable(0.55);
    for (recourse, message) in [
        (
            r#"{"freeze": ["incom"]}"#,
            "Unknown feature 'incom': did you mean 'income'?",
        ),
        (
            r#"{"freeze": "income"}"#,
            "Input should be a list of features",
        ),
        (
            r#"{"max_changes": 0}"#,
            "Input should be a whole number from 1 to 3",
        ),
        (
            r#"{"max_changes": 100}"#,
            "Input should be a whole number from 1 to 3",
        ),
        (
            r#"{"options": 1.5}"#,
            "Input should be a whole number from 0 to 3",
        ),
        (
            r#"{"frieze": []}"#,
            "Unknown key: expected freeze, max_changes or options",
        ),
        (
            r#"{"options": 1, "max_changes": 2, "options": 1}"#,
            "\"type\":\"duplicate_field\",\"loc\":[\"body\",\"options\"]",
        ),
        (
            "7",
            "Input should be an object with freeze, max_changes and options",
        ),
    ] {
        let (status, body) = explained(&mut decider, recourse);
        assert_eq!(status, 422, "{recourse}: {body}");
        assert!(body.contains(message), "{recourse}: {body}");
    }
}

#[test]
fn what_may_be_changed_is_kept_in_the_artifact() {
    let artifact = linear(&PLAIN.replace(
        "maximum = 1000",
        "maximum = 1000\nactionable = \"up\"\nstep = 50",
    ));
    let again = Artifact::decode(&artifact.encode().unwrap()).unwrap();
    assert_eq!(again, artifact);
    assert!(
        again
            .schema
            .features
            .iter()
            .all(|feature| feature.actionable.is_some())
    );
}
