//! What a server that starts reads in its log of what people decided, and what was erased.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail")]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;
#[path = "common/people.rs"]
mod people;
#[path = "common/recorded.rs"]
mod recorded;

use axum::Router;
use host_server::ServeOptions;
use model_log::{Change, Kind, Opened, Options, Outcome, Record, Writer};
use people::{APPROVE, DECLINE, decide, decided, indexes, metric, restart_with, say};
use recorded::{
    ADMIN, ANN, APPROVED, BO, DECLINED, POLICY, Place, REFERRED, REX, fetch, post, read, serve,
};
use serde_json::{Value, json};

#[tokio::test]
async fn the_queue_is_decided_and_stays_decided_after_a_restart() {
    let place = Place::new();
    let app = place.serve();
    let (approved, first, second) = (
        decided(&app, APPROVED).await,
        decided(&app, REFERRED).await,
        decided(&app, REFERRED).await,
    );
    let queue = read(&app, ANN, "/decisions?outcome=refer&state=open").await;
    assert_eq!(indexes(&queue), [first, second]);
    assert_eq!((&queue["open"], &queue["next"]), (&json!(2), &Value::Null));
    let line = &queue["decisions"][0];
    assert_eq!(
        line["model"],
        json!({ "name": "loans", "version": "1.0.0" })
    );
    assert_eq!(
        (&line["probability"], &line["state"]),
        (&json!(0.5), &json!("open"))
    );

    let (status, said) = decide(&app, ANN, first, APPROVE).await;
    assert_eq!((status, &said["state"]), (201, &json!("decided")), "{said}");
    let record = place
        .reader()
        .record(said["index"].as_u64().unwrap())
        .unwrap();
    assert_eq!(
        (record.kind, record.outcome),
        (Kind::Override, Outcome::Approve)
    );
    assert_eq!(record.link, Some(first));
    assert_eq!(said["leaf"], json!(record.leaf));
    let (status, again) = decide(&app, BO, first, DECLINE).await;
    assert_eq!(status, 409, "{again}");

    check_queue(&app, [approved, first, second]).await;
    drop(app);
    check_queue(&restart(&place), [approved, first, second]).await;
    assert_eq!(place.replay(), 3);
}

/// `first` was decided by Ann, and `second` by nobody.
async fn check_queue(app: &Router, [approved, first, second]: [u64; 3]) {
    let queue = read(app, ANN, "/decisions?state=open,proposed").await;
    assert_eq!(indexes(&queue), [second]);
    let all = read(app, ANN, "/decisions").await;
    assert_eq!(indexes(&all), [second, first, approved]);
    assert_eq!(all["decisions"][1]["decided"]["by"], "Ann");
    let done = read(app, ANN, "/decisions?state=decided&order=oldest").await;
    assert_eq!(indexes(&done), [approved, first]);
    let low = "underwrite_decision_log_overrides_total{side=\"referred\"}";
    assert_eq!(metric(app, low).await, 1);
    let refer = "underwrite_decision_log_decisions_total{outcome=\"refer\"}";
    assert_eq!(metric(app, refer).await, 2);
}

fn restart(place: &Place) -> Router {
    restart_with(|| place.options())
}

/// Everything that officers can read: each list in pages of two, and each decision.
async fn everything(app: &Router, decisions: &[u64]) -> Vec<Value> {
    let mut all = Vec::new();
    for states in [
        "",
        "&state=open",
        "&state=proposed",
        "&state=open,proposed",
        "&state=decided",
        "&state=erased",
        "&state=open,decided",
    ] {
        for outcome in ["", "&outcome=refer", "&outcome=decline"] {
            for order in ["oldest", "newest"] {
                let mut after = String::new();
                loop {
                    let path = format!("/decisions?limit=2&order={order}{states}{outcome}{after}");
                    let page = read(app, REX, &path).await;
                    let next = page["next"].as_u64();
                    all.push(json!({ "path": path, "page": page }));
                    match next {
                        Some(next) => after = format!("&after={next}"),
                        None => break,
                    }
                }
            }
        }
    }
    for index in decisions {
        let shown = fetch(app, REX, &format!("/decisions/{index}")).await;
        let body: Value = serde_json::from_slice(&shown.body).unwrap();
        all.push(json!({ "status": shown.status.as_u16(), "body": body }));
    }
    let state = read(app, REX, "/decisions/log").await;
    all.push(json!([
        state["open"],
        state["proposed"],
        state["decisions"]
    ]));
    all
}

/// A server that has seen everything happen reads of the log only what is new: it says the same
/// as one that reads all of it.
#[tokio::test]
async fn a_server_that_starts_says_the_same_of_the_log() {
    let place = Place::new();
    place.put("1.1.0", &POLICY.replace("amount < 5000", "amount < 1"));
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.1.0\"\nmode = \"shadow\"\n";
    std::fs::write(place.models().join("loans/deployment.toml"), deployment).unwrap();
    let options = || {
        let mut options = place.options();
        options.decision_log.as_mut().unwrap().four_eyes = true;
        options.allow_mismatch = true;
        options
    };
    let app = serve(options());
    let mut given = Vec::new();
    for body in [
        REFERRED, APPROVED, REFERRED, DECLINED, REFERRED, REFERRED, APPROVED, REFERRED, DECLINED,
        REFERRED,
    ] {
        given.push(decided(&app, body).await);
    }
    shadowed(&place, given.len()).await;
    let [
        first,
        repaid,
        second,
        appealed,
        third,
        fourth,
        _,
        fifth,
        gone,
        sixth,
    ] = given[..]
    else {
        panic!("ten decisions")
    };
    // How many wait, after each word: open and proposed.
    let waits = async |open: u64, proposed: u64| {
        let log = read(&app, ANN, "/decisions/log").await;
        assert_eq!(
            (&log["open"], &log["proposed"]),
            (&json!(open), &json!(proposed))
        );
    };
    let change = async |what: &str, indexes: &[u64]| {
        let mut change = json!({ "indexes": indexes, "because": "asked" });
        if what == "erase" {
            change["before_term"] = json!(true);
        }
        let answer = post(&app, ADMIN, &format!("/log/{what}"), change).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    };
    let record = |said: (u16, Value)| {
        assert_eq!(said.0, 201, "{}", said.1);
        said.1["index"].as_u64().unwrap()
    };
    waits(6, 0).await;
    record(decide(&app, ANN, first, APPROVE).await);
    waits(5, 1).await;
    record(decide(&app, BO, first, APPROVE).await);
    waits(5, 0).await;
    record(decide(&app, ANN, second, APPROVE).await);
    record(decide(&app, REX, second, DECLINE).await);
    waits(4, 1).await;
    record(decide(&app, ANN, appealed, APPROVE).await);
    waits(4, 2).await;
    // A proposal that is erased is withdrawn.
    let proposal = record(decide(&app, ANN, third, APPROVE).await);
    waits(3, 3).await;
    change("erase", &[proposal]).await;
    waits(4, 2).await;
    // A decision stays one when what was said of it is erased.
    let proposal = record(decide(&app, ANN, fourth, DECLINE).await);
    let confirmed = record(decide(&app, BO, fourth, DECLINE).await);
    change("erase", &[proposal, confirmed]).await;
    waits(3, 2).await;
    // Its outcome is left of it.
    let shown = read(&app, ANN, &format!("/decisions/{fourth}")).await;
    let list = read(&app, ANN, "/decisions?state=decided").await;
    let of = |list: &Value, index: u64| {
        let mut all = list.as_array().unwrap().iter();
        all.find(|one| one["index"] == index).unwrap().clone()
    };
    let line = of(&list["decisions"], fourth);
    let told = of(&shown["history"], confirmed);
    for decided in [&shown["decided"], &line["decided"], &told] {
        assert_eq!(decided["outcome"], "decline", "{decided}");
        assert_eq!(decided["index"], confirmed, "{decided}");
        for part in ["by", "role", "reason", "note", "seconded_by"] {
            assert_eq!(decided[part], Value::Null, "{decided}");
        }
    }
    let performance = format!("/decisions/{repaid}/performance");
    record(say(&app, BO, &performance, r#"{"outcome": "repaid"}"#).await);
    let notice = format!("/decisions/{gone}/notice");
    record(say(&app, BO, &notice, r#"{"method": "letter"}"#).await);
    change("hold", &[fifth, repaid]).await;
    change("erase", &[gone, sixth]).await;
    waits(2, 2).await;
    change("release", &[repaid]).await;
    let queue = read(&app, ANN, "/decisions?state=open,proposed").await;
    assert_eq!(indexes(&queue), [second, appealed, third, fifth]);
    let shown = read(&app, ANN, &format!("/decisions/{fifth}")).await;
    assert_eq!(shown["hold"], true);
    let kinds = |shown: &Value| {
        let history = shown["history"].as_array().unwrap().clone();
        history.into_iter().map(|event| event["kind"].clone())
    };
    let shown = read(&app, ANN, &format!("/decisions/{repaid}")).await;
    assert_eq!(shown["hold"], false);
    let expected = ["shadow", "performance", "hold", "release"];
    assert!(kinds(&shown).eq(expected), "{}", shown["history"]);
    let left = fetch(&app, ANN, &format!("/decisions/{gone}")).await;
    let left: Value = serde_json::from_slice(&left.body).unwrap();
    assert!(kinds(&left).eq(["shadow", "notice", "erased"]), "{left}");

    let before = everything(&app, &given).await;
    drop(app);
    let after = everything(&restart_with(options), &given).await;
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before, after);
    }
}

/// People speak and a challenger in the shadow answers while the decision is being erased:
/// whatever they come to, nothing of the applicant can be read afterwards.
#[tokio::test]
async fn what_comes_with_an_erasure_is_erased_too_or_refused() {
    let place = Place::new();
    place.put("1.1.0", POLICY);
    let deployment = "version = \"1.0.0\"\n[challenger]\nversion = \"1.1.0\"\nmode = \"shadow\"\n";
    std::fs::write(place.models().join("loans/deployment.toml"), deployment).unwrap();
    let options = || ServeOptions {
        allow_mismatch: true,
        ..place.options()
    };
    let app = serve(options());
    let mut erased = Vec::new();
    for _ in 0..40 {
        let index = decided(&app, REFERRED).await;
        let erase = json!({ "indexes": [index], "because": "asked", "before_term": true });
        let path = |what: &str| format!("/decisions/{index}/{what}");
        let (notice, performance) = (path("notice"), path("performance"));
        let (erasure, decided, noticed, performed) = tokio::join!(
            post(&app, ADMIN, "/log/erase", erase),
            decide(&app, ANN, index, APPROVE),
            say(&app, BO, &notice, r#"{"method": "letter", "note": "Seen"}"#),
            say(&app, BO, &performance, r#"{"outcome": "repaid"}"#),
        );
        assert_eq!(erasure.status, 200, "{}", erasure.text());
        for (status, said) in [decided, noticed, performed] {
            match status {
                201 => {}
                410 => {
                    let detail = said["detail"].as_str().unwrap();
                    assert!(detail.contains("was erased"), "{detail}");
                }
                _ => panic!("{status}: {said}"),
            }
        }
        erased.push(index);
    }
    // The next server has the log once the shadow has answered all that it was asked.
    drop(app);
    let app = restart_with(options);
    let readable = |record: &Opened| record.body.is_some();
    for record in place.records().iter().filter(|one| readable(one)) {
        let about = record.link.filter(|_| record.kind.is_personal());
        let is_left = about.is_some_and(|index| erased.contains(&index));
        assert!(!is_left, "{record:?}");
    }
    assert_eq!(read(&app, ANN, "/decisions?state=open").await["open"], 0);
}

/// Waits until so many answers of a challenger in the shadow are recorded.
async fn shadowed(place: &Place, answers: usize) {
    for _ in 0..500 {
        let records = place.records().into_iter();
        let shadows = records.filter(|one| one.kind == Kind::Decision && one.link.is_some());
        if shadows.count() == answers {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("not all answers of the shadow are recorded");
}

/// The keys of a hold are damaged: what it does not name stays open, and what it may name says so.
#[tokio::test]
async fn a_hold_that_cannot_be_read_is_a_step_of_the_history() {
    const EPOCH: u64 = 1 << 16;
    const ONE: u64 = 1;
    const TWO: u64 = 2;
    const THREE: u64 = 3;
    const GONE: u64 = 4;
    let place = Place::new();
    let log = Writer::open(&place.log(), Options::default()).unwrap();
    let append = |count: u64| {
        let mut decision = Record::new(Kind::Decision);
        decision.outcome = Outcome::Approve;
        let all = vec![decision; count as usize];
        log.append(all).unwrap().wait().unwrap();
    };
    let change = |index: u64| Change {
        indexes: vec![index],
        because: "asked".to_owned(),
        before_term: true,
    };
    append(EPOCH + 10);
    let held = log.hold(&change(ONE), "test").unwrap().index;
    let erased = log.erase(&change(GONE), "test").unwrap().index;
    append(EPOCH);
    let last = log.status().records - 1;
    log.close().unwrap();
    let seeds = place.log().join("seeds/00000001");
    let mut bytes = std::fs::read(&seeds).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&seeds, bytes).unwrap();
    let app = place.serve();
    let hold = |index: u64| json!({ "indexes": [index], "because": "court" });
    let erase = |index: u64| json!({ "indexes": [index], "because": "asked", "before_term": true });
    let status =
        async |path: &str, change: Value| post(&app, ADMIN, path, change).await.status.as_u16();
    let unreadable = |shown: &Value| -> Vec<(u64, String)> {
        let history = shown["history"].as_array().unwrap().iter();
        let steps = history.filter(|step| step["kind"] == "unreadable");
        let told = |step: &Value| {
            let change = step["change"].as_str().unwrap().to_owned();
            (step["index"].as_u64().unwrap(), change)
        };
        steps.map(told).collect()
    };
    let changes = [(held, "hold"), (erased, "erased")];
    let changes = changes.map(|(index, name)| (index, name.to_owned()));
    // Of what is there an erasure cannot be.
    for index in [ONE, TWO, THREE] {
        let shown = read(&app, ANN, &format!("/decisions/{index}")).await;
        assert_eq!(shown["hold"], Value::Null, "{shown}");
        assert_eq!(unreadable(&shown), changes[..1]);
    }
    let shown = read(&app, ANN, &format!("/decisions/{last}")).await;
    assert_eq!(shown["hold"], false);
    assert_eq!(unreadable(&shown), []);
    let left = fetch(&app, ANN, &format!("/decisions/{GONE}")).await;
    assert_eq!(left.status, 410, "{}", left.text());
    let left: Value = serde_json::from_slice(&left.body).unwrap();
    assert_eq!(unreadable(&left), changes);
    // A later hold or release says it again.
    for index in [TWO, THREE] {
        assert_eq!(status("/log/release", hold(index)).await, 503);
        assert_eq!(status("/log/erase", erase(index)).await, 503);
        assert_eq!(status("/log/hold", hold(index)).await, 200);
    }
    assert_eq!(status("/log/release", hold(THREE)).await, 200);
    for (index, is_held) in [(TWO, true), (THREE, false)] {
        let shown = read(&app, ANN, &format!("/decisions/{index}")).await;
        assert_eq!(shown["hold"], is_held, "{shown}");
    }
    assert_eq!(status("/log/erase", erase(TWO)).await, 409);
    assert_eq!(status("/log/erase", erase(THREE)).await, 200);
    assert_eq!(fetch(&app, ADMIN, "/log/retain").await.status, 200);
    assert_eq!(status("/log/erase", erase(last)).await, 200);
    decided(&app, APPROVED).await;
}
