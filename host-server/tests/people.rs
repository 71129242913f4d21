//! What loan officers do with recorded decisions, through the server.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;
#[path = "common/people.rs"]
mod people;
#[path = "common/recorded.rs"]
mod recorded;

use std::num::NonZeroU32;

use model_log::{Kind, Outcome};
use people::{APPROVE, DECLINE, decide, decided, indexes, metric, say};
use recorded::{
    ADMIN, ANN, APPROVED, BO, DECLINED, PROGRAM, Place, REFERRED, REX, fetch, post, read, receipt,
    serve,
};
use serde_json::{Value, json};

#[tokio::test]
async fn pages_follow_each_other() {
    let place = Place::new();
    let app = place.serve();
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(decided(&app, REFERRED).await);
    }
    for order in ["oldest", "newest"] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/decisions?state=open&limit=2&order={order}{after}");
            let page = read(&app, REX, &path).await;
            assert_eq!(page["open"], 5);
            seen.extend(indexes(&page));
            match page["next"].as_u64() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        if order == "newest" {
            seen.reverse();
        }
        assert_eq!(seen, all, "{order}");
    }
    for query in [
        "state=odd",
        "outcome=x",
        "order=x",
        "limit=0",
        "limit=201",
        "after=-1",
        "x=1",
    ] {
        let answer = fetch(&app, ANN, &format!("/decisions?{query}")).await;
        assert_eq!(answer.status, 422, "{query}");
    }
}

/// Of two servers with a log each, an index of one is another application in the other.
#[tokio::test]
async fn what_is_about_another_log_is_refused_and_leaves_no_record() {
    let (place, other_place) = (Place::new(), Place::new());
    let (app, other) = (place.serve(), other_place.serve());
    let index = decided(&app, REFERRED).await;
    assert_eq!(decided(&other, REFERRED).await, index);

    // Each answer that has indexes says of which log.
    let path = format!("/decisions/{index}");
    let shown = read(&app, ANN, &path).await;
    let log = shown["log"].as_str().unwrap();
    assert_eq!(read(&app, REX, "/decisions").await["log"], log);
    let retained = fetch(&app, ADMIN, "/log/retain").await;
    assert_eq!(retained.header("x-decision-log-id"), log);
    let key = fetch(&app, PROGRAM, "/log/key").await;
    assert!(key.text().starts_with(&format!("{log}+")), "{log}");

    let change = json!({ "log": log, "indexes": [index], "because": "asked", "before_term": true });
    let words = [
        (
            ANN,
            format!("{path}/override"),
            json!({ "log": log, "outcome": "approve", "reason": "INCOME" }),
        ),
        (
            ANN,
            format!("{path}/notice"),
            json!({ "log": log, "method": "letter" }),
        ),
        (
            ANN,
            format!("{path}/performance"),
            json!({ "log": log, "outcome": "repaid" }),
        ),
        (ADMIN, "/log/hold".to_owned(), change.clone()),
        (ADMIN, "/log/release".to_owned(), change.clone()),
        (ADMIN, "/log/erase".to_owned(), change),
    ];
    let before = other_place.records().len();
    for (key, path, body) in &words {
        let (status, refused) = say(&other, key, path, &body.to_string()).await;
        assert_eq!(status, 409, "{path}: {refused}");
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains("the server that has the log"), "{detail}");
    }
    assert_eq!(other_place.records().len(), before);
    for (key, path, body) in &words {
        let (status, said) = say(&app, key, path, &body.to_string()).await;
        assert!([200, 201].contains(&status), "{path}: {said}");
    }
    let gone: Value = serde_json::from_slice(&fetch(&app, ANN, &path).await.body).unwrap();
    assert_eq!(
        (&gone["state"], &gone["log"]),
        (&json!("erased"), &json!(log))
    );
}

#[tokio::test]
async fn one_decision_is_shown_with_reasons_rules_and_history() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, DECLINED).await;
    let path = format!("/decisions/{index}");
    assert_eq!(decide(&app, ANN, index, APPROVE).await.0, 201);
    let notice = r#"{"method": "letter", "sent": "2026-11-28T10:00:00Z", "note": "by post"}"#;
    assert_eq!(
        say(&app, BO, &format!("{path}/notice"), notice).await.0,
        201
    );
    let repaid = r#"{"outcome": "repaid", "on": "2027-05-01"}"#;
    assert_eq!(
        say(&app, BO, &format!("{path}/performance"), repaid)
            .await
            .0,
        201
    );
    assert_eq!(
        say(&app, BO, &format!("{path}/performance"), repaid)
            .await
            .0,
        409
    );

    let shown = read(&app, REX, &path).await;
    assert_eq!(
        shown["request"],
        serde_json::from_str::<Value>(DECLINED).unwrap()
    );
    assert_eq!(shown["answer"]["outcome"], "decline");
    assert_eq!(
        shown["rules"],
        json!([{ "code": "K01", "text": "Income is below the minimum" }])
    );
    assert_eq!(
        (&shown["route"], &shown["role"]),
        (&json!("/predict"), &json!("champion"))
    );
    assert_eq!(shown["decided"]["reason"], "INCOME");
    assert_eq!(shown["explanation"]["decision"], shown["answer"]);
    assert_eq!(shown["hold"], false);
    let history = shown["history"].as_array().unwrap();
    let kinds: Vec<&Value> = history.iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["override", "notice", "performance"]);
    assert_eq!(
        (&history[0]["step"], &history[0]["by"]),
        (&json!("decided"), &json!("Ann"))
    );
    assert_eq!(
        (&history[1]["method"], &history[1]["note"]),
        (&json!("letter"), &json!("by post"))
    );
    assert_eq!(
        (&history[2]["outcome"], &history[2]["on"]),
        (&json!("repaid"), &json!("2027-05-01"))
    );
    let low = "underwrite_decision_log_overrides_total{side=\"low\"}";
    assert_eq!(metric(&app, low).await, 1);
}

/// What the last record says counts, so a mistake can be corrected, and corrected back; only what
/// says nothing else than the last one is refused.
#[tokio::test]
async fn how_a_loan_went_can_be_corrected_back() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, APPROVED).await;
    let path = format!("/decisions/{index}/performance");
    let (repaid, defaulted) = (
        json!({ "outcome": "repaid" }),
        json!({ "outcome": "defaulted" }),
    );
    let on = |day: &str| json!({ "outcome": "repaid", "on": day });
    let mut records = Vec::new();
    for (step, (body, status)) in [
        (repaid.clone(), 201),
        (defaulted.clone(), 201),
        (defaulted.clone(), 409),
        (repaid.clone(), 201),
        (repaid.clone(), 409),
        // The day, and another one instead of it.
        (on("2027-05-01"), 201),
        (on("2027-05-01"), 409),
        (repaid, 409),
        (on("2027-05-02"), 201),
        (defaulted.clone(), 201),
    ]
    .into_iter()
    .enumerate()
    {
        let (found, said) = say(&app, BO, &path, &body.to_string()).await;
        assert_eq!(found, status, "{step}: {said}");
        match status {
            201 => records.push(said["index"].as_u64().unwrap()),
            _ => {
                let last = format!("Record {} says so already", records.last().unwrap());
                assert_eq!(said["detail"], last, "{step}");
            }
        }
    }
    let shown = read(&app, ANN, &format!("/decisions/{index}")).await;
    let history = shown["history"].as_array().unwrap();
    let told: Vec<u64> = history
        .iter()
        .map(|event| event["index"].as_u64().unwrap())
        .collect();
    assert_eq!(told, records);

    // Without the last one that before it counts.
    let last = records.pop();
    let erase = json!({ "indexes": [last], "because": "asked", "before_term": true });
    assert_eq!(post(&app, ADMIN, "/log/erase", erase).await.status, 200);
    let repeated = on("2027-05-02").to_string();
    assert_eq!(say(&app, BO, &path, &repeated).await.0, 409);
    assert_eq!(say(&app, BO, &path, &defaulted.to_string()).await.0, 201);
}

/// One person's notes on one decision once took the server's memory at each look at it.
#[tokio::test]
async fn a_history_is_shown_in_pages() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, REFERRED).await;
    let path = format!("/decisions/{index}");
    let notice = json!({ "method": "letter" }).to_string();
    let mut records = Vec::new();
    for _ in 0..450 {
        let (status, said) = say(&app, BO, &format!("{path}/notice"), &notice).await;
        assert_eq!(status, 201, "{said}");
        records.push(said["index"].as_u64().unwrap());
    }
    let (mut pages, mut before) = (Vec::new(), String::new());
    loop {
        let shown = read(&app, ANN, &format!("{path}{before}")).await;
        let history = shown["history"].as_array().unwrap();
        pages.push(
            history
                .iter()
                .map(|event| event["index"].as_u64().unwrap())
                .collect::<Vec<_>>(),
        );
        match shown["earlier"].as_u64() {
            Some(earlier) => before = format!("?before={earlier}"),
            None => break,
        }
    }
    assert_eq!(
        pages.iter().map(Vec::len).collect::<Vec<_>>(),
        [200, 200, 50]
    );
    pages.reverse();
    assert_eq!(pages.concat(), records);
    for query in ["?before=", "?before=x", "?after=1"] {
        let answer = fetch(&app, ANN, &format!("{path}{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {}", answer.text());
    }
}

/// One proposal that could not be read once took the whole queue from everybody's page.
#[cfg(unix)]
#[tokio::test]
async fn a_list_says_which_decisions_cannot_be_read() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    let mut options = place.options();
    options.decision_log.as_mut().unwrap().four_eyes = true;
    let app = serve(options);
    let index = decided(&app, REFERRED).await;
    assert_eq!(decide(&app, ANN, index, APPROVE).await.0, 201);
    let unreadable = async || {
        let queue = read(&app, BO, "/decisions?state=open,proposed").await;
        let decision = &queue["decisions"][0];
        assert_eq!(decision["index"], index);
        let shown = [&decision["proposal"], &decision["model"]];
        (decision["unreadable"].clone(), shown.map(Value::is_null))
    };
    assert_eq!(unreadable().await, (json!(false), [false, false]));
    // Keys that others can read are not used.
    let keys = place.log().join("keys");
    let key = std::fs::read_dir(keys).unwrap().find_map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.starts_with("epoch-").then_some(path)
    });
    let key = key.unwrap();
    let allow = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode));
    allow(0o644).unwrap();
    assert_eq!(unreadable().await, (json!(true), [true, true]));
    allow(0o600).unwrap();
    assert_eq!(unreadable().await, (json!(false), [false, false]));
}

#[tokio::test]
async fn four_eyes_are_two_people() {
    let place = Place::new();
    let mut options = place.options();
    options.decision_log.as_mut().unwrap().four_eyes = true;
    let app = serve(options);
    let index = decided(&app, REFERRED).await;
    assert_eq!(decide(&app, REX, index, APPROVE).await.0, 403);
    let (status, said) = decide(&app, ANN, index, APPROVE).await;
    assert_eq!((status, &said["state"]), (201, &json!("proposed")));
    assert_eq!(decide(&app, ANN, index, APPROVE).await.0, 403);
    let queue = read(&app, ANN, "/decisions?state=open,proposed").await;
    assert_eq!(queue["decisions"][0]["proposal"]["by"], "Ann");
    assert_eq!((&queue["open"], &queue["proposed"]), (&json!(0), &json!(1)));
    // Another word of another person takes its place.
    let (status, said) = decide(&app, REX, index, DECLINE).await;
    assert_eq!((status, &said["state"]), (201, &json!("proposed")));
    let mut other: Value = serde_json::from_str(DECLINE).unwrap();
    other["note"] = json!("As Rex says");
    let (status, said) = decide(&app, BO, index, &other.to_string()).await;
    assert_eq!((status, &said["state"]), (201, &json!("decided")));
    let shown = read(&app, ANN, &format!("/decisions/{index}")).await;
    let decided = &shown["decided"];
    // Each person's own words.
    let proposed: Value = serde_json::from_str(DECLINE).unwrap();
    assert_eq!(decided["note"], proposed["note"]);
    assert_eq!(decided["seconded_note"], "As Rex says");
    assert_eq!(decided["seconded_reason"], proposed["reason"]);
    assert_eq!(
        (&decided["by"], &decided["seconded_by"]),
        (&json!("Rex"), &json!("Bo"))
    );
    assert_eq!(
        (&decided["outcome"], &decided["role"]),
        (&json!("decline"), &json!("reviewer"))
    );
    assert_eq!(decided["seconded_role"], "officer");
    // The history says the same of it, and the document says what a client finds there.
    let confirmed = &shown["history"][2];
    assert_eq!(confirmed["step"], "confirmed");
    let document = fetch(&app, ANN, "/openapi.json").await;
    let document: Value = serde_json::from_slice(&document.body).unwrap();
    let described = &document["components"]["schemas"]["PersonsDecision"]["properties"];
    let fields = |object: &Value| Vec::from_iter(object.as_object().unwrap().keys().cloned());
    assert_eq!(fields(described), fields(decided));
    for field in fields(decided) {
        assert_eq!(confirmed[&field], decided[&field], "{field}");
    }
    assert_eq!(decide(&app, ANN, index, APPROVE).await.0, 409);
    let me = read(&app, REX, "/decisions/me").await;
    assert_eq!(
        (&me["role"], &me["four_eyes"]),
        (&json!("reviewer"), &json!(true))
    );
}

#[tokio::test]
async fn peoples_keys_alone_open_decisions_and_nothing_else() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, REFERRED).await;
    for path in [
        "/decisions",
        "/decisions/me",
        "/decisions/log",
        &format!("/decisions/{index}"),
    ] {
        assert_eq!(fetch(&app, PROGRAM, path).await.status, 403, "{path}");
        assert_eq!(fetch(&app, ADMIN, path).await.status, 403, "{path}");
        assert_eq!(fetch(&app, "nobody", path).await.status, 401, "{path}");
        let answer = fetch(&app, ANN, path).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("cache-control")),
            (200, "no-store")
        );
    }
    assert_eq!(decide(&app, ADMIN, index, APPROVE).await.0, 403);
    assert_eq!(decide(&app, REX, index, APPROVE).await.0, 403);
    assert_eq!(post(&app, ANN, "/predict", APPROVED).await.status, 401);
    let mut options = Place::new().options();
    options.decision_log.as_mut().unwrap().people.clear();
    assert_eq!(fetch(&serve(options), ANN, "/decisions").await.status, 403);
}

#[tokio::test]
async fn what_cannot_be_done_is_a_sentence_and_the_right_status() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, REFERRED).await;
    let override_of = |index: &str| format!("/decisions/{index}/override");
    let here = override_of(&index.to_string());
    let long = format!(
        r#"{{"outcome": "approve", "reason": "INCOME", "note": "{}"}}"#,
        "n".repeat(5_000)
    );
    let mega = format!(
        r#"{{"outcome": "approve", "reason": "INCOME", "note": "{}"}}"#,
        "n".repeat(1 << 20)
    );
    let notice = format!("/decisions/{index}/notice");
    let performance = format!("/decisions/{index}/performance");
    for (path, body, status, part) in [
        (override_of("999"), APPROVE, 404, "does not exist"),
        (override_of("x"), APPROVE, 404, "whole number"),
        // The record of the model that was loaded.
        (override_of("0"), APPROVE, 404, "no decision"),
        (here.clone(), "{", 400, "no JSON"),
        (
            here.clone(),
            r#"{"outcome": "refer", "reason": "INCOME"}"#,
            422,
            "outcome: unknown variant `refer`, expected `approve` or `decline`",
        ),
        (
            here.clone(),
            r#"{"outcome": "approve", "reason": 5}"#,
            422,
            "reason: invalid type: integer `5`, expected a string",
        ),
        (here.clone(), "[]", 422, "not a JSON object"),
        (
            here.clone(),
            r#"["approve", "INCOME", null]"#,
            422,
            "not a JSON object",
        ),
        (here.clone(), "5", 422, "not a JSON object"),
        (
            here.clone(),
            r#"{"outcome": "approve", "reason": "INCOME"} {}"#,
            400,
            "no JSON",
        ),
        (here.clone(), r#"{"outcome": "approve"}"#, 422, "reason"),
        (
            here.clone(),
            r#"{"outcome": "approve", "reason": "X"}"#,
            422,
            "INCOME, OTHER",
        ),
        (
            here.clone(),
            r#"{"outcome": "approve", "reason": "INCOME", "by": "Bo"}"#,
            422,
            "unknown field `by`, expected one of",
        ),
        (here.clone(), long.as_str(), 413, "4000"),
        (here.clone(), mega.as_str(), 413, "bytes"),
        (notice.clone(), r#"{"method": ""}"#, 422, "method"),
        (
            notice,
            r#"{"method": "letter", "sent": "yesterday"}"#,
            422,
            "sent",
        ),
        (
            performance.clone(),
            r#"{"outcome": "late"}"#,
            422,
            "outcome: unknown variant `late`, expected",
        ),
        (
            performance.clone(),
            r#"{"outcome": "repaid", "on": "soon"}"#,
            422,
            "on is `soon`, expected a day such as 2027-05-01",
        ),
        // Other forms of a day would say again what is said already.
        (
            performance.clone(),
            r#"{"outcome": "repaid", "on": "2027-5-1"}"#,
            422,
            "on is",
        ),
        (
            performance.clone(),
            r#"{"outcome": "repaid", "on": "+002027-05-01"}"#,
            422,
            "on is",
        ),
        (
            performance,
            r#"{"outcome": "repaid", "on": "2027-02-29"}"#,
            422,
            "on is",
        ),
    ] {
        let (found, said) = say(&app, ANN, &path, body).await;
        let detail = said["detail"].as_str().unwrap();
        assert_eq!(found, status, "{path}: {detail}");
        assert!(detail.contains(part), "{path}: {detail}");
    }
    let refused = receipt(&post(&app, PROGRAM, "/predict", "{}").await).0;
    assert_eq!(decide(&app, ANN, refused, APPROVE).await.0, 404);

    let erase = json!({ "indexes": [index], "because": "asked", "before_term": true });
    assert_eq!(post(&app, ADMIN, "/log/erase", erase).await.status, 200);
    assert_eq!(decide(&app, ANN, index, APPROVE).await.0, 410);
    let gone = fetch(&app, ANN, &format!("/decisions/{index}")).await;
    assert_eq!(gone.status, 410);
    let left: Value = serde_json::from_slice(&gone.body).unwrap();
    assert_eq!(
        (&left["outcome"], &left["state"]),
        (&json!("refer"), &json!("erased"))
    );
    assert_eq!(left["history"][0]["kind"], "erased");
    // The record names the decision and is linked to it, and is told once.
    assert_eq!(left["history"].as_array().unwrap().len(), 1, "{left}");
    assert_eq!(read(&app, ANN, "/decisions?state=open").await["open"], 0);
    let erased = read(&app, ANN, "/decisions?state=erased").await;
    assert_eq!(erased["decisions"][0]["model"], Value::Null);
}

#[tokio::test]
async fn two_people_at_once_decide_once() {
    let place = Place::new();
    let app = place.serve();
    let index = decided(&app, REFERRED).await;
    let (ann, bo) = tokio::join!(
        decide(&app, ANN, index, APPROVE),
        decide(&app, BO, index, DECLINE),
    );
    let mut both = [ann.0, bo.0];
    both.sort_unstable();
    assert_eq!(both, [201, 409]);
    let overrides = place
        .records()
        .into_iter()
        .filter(|record| record.kind == Kind::Override);
    assert_eq!(overrides.count(), 1);
}

/// A request that is refused for one row gives no decision about the others: nobody waits for a
/// person, whatever the module answered.
#[tokio::test]
async fn rows_of_a_refused_request_wait_for_nobody() {
    let place = Place::new();
    let app = place.serve();
    let row: Value = serde_json::from_str(REFERRED).unwrap();
    let rows = [row.clone(), row, json!({ "amount": 20000 })];
    for path in ["/v1/models/loans:predict", "/invocations"] {
        let before = place.records().len();
        let refused = post(&app, PROGRAM, path, json!({ "instances": rows })).await;
        assert_eq!(refused.status, 400, "{path}: {}", refused.text());
        recorded(&place, before + 3).await;
        for record in &place.records()[before..] {
            assert_eq!(
                (record.kind, record.outcome),
                (Kind::Decision, Outcome::None)
            );
            let said = decide(&app, ANN, record.index, APPROVE).await;
            assert_eq!(said.0, 404, "{}", said.1);
        }
    }
    assert_eq!(place.replay(), 6);
    let queue = read(&app, ANN, "/decisions").await;
    assert_eq!(
        (&queue["open"], &queue["decisions"]),
        (&json!(0), &json!([]))
    );
    let counted = read(&app, ANN, "/decisions/log").await;
    assert_eq!(counted["decisions"], 0);
}

/// Waits until so many records are there that nobody waits for.
async fn recorded(place: &Place, records: usize) {
    for _ in 0..500 {
        if place.records().len() >= records {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not all rows are recorded");
}

#[tokio::test]
async fn each_person_has_a_rate() {
    let place = Place::new();
    let mut options = place.options();
    options.http.rate = NonZeroU32::new(3);
    let app = serve(options);
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) && statuses.len() < 1000 {
        let answer = fetch(&app, ANN, "/decisions/me").await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses.last(), Some(&429));
    assert!(statuses.len() > 3, "{statuses:?}");
    assert_eq!(fetch(&app, BO, "/decisions/me").await.status, 200);
}
