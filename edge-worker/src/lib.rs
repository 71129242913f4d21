//! The Cloudflare Worker that hosts a `model.wasm`.
//!
//! It only transports: the module alone ([`decider`]), the same file that every other host
//! runs, decides what a request means and what its answer says. `docs/reference/http.md` describes the
//! routes and their answers.
//!
//! Nothing of an application is logged or kept.

mod answer;
mod decider;
mod incoming;
mod keys;

use answer::Answer;
use keys::Keys;
use model_http::limits::MAX_REQUEST;
use model_http::{Refusal, detail_json, request_id};
use serde_json::value::RawValue;
use worker::{Context, Date, Env, Request, Response, Result, event};

/// Applications of an array that are explained at once: one takes some ten milliseconds where it
/// asks for recourse.
const MAX_EXPLAINED: usize = 100;

/// Opens the model while the isolate starts, so that no request waits for it.
/// A model that cannot be opened is reported by the requests that need it.
#[event(start)]
fn start() {
    decider::warm_up();
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _context: Context) -> Result<Response> {
    let arrived = Date::now().as_millis();
    let request_id = incoming::request_id(&request);
    // Not `Request::method`, which takes a method it does not know for GET.
    let method = request.inner().method();
    let keys = Keys::read(&env);
    let decides = matches!(request.path().as_str(), "/predict" | "/explain" | "/sketch");
    if decides
        && method == "POST"
        && let Err(refusal) = keys.check(&request)
    {
        return refusal.into_response(&request_id, &method);
    }
    let answer = match (request.path().as_str(), method.as_str()) {
        ("/", "GET" | "HEAD") => match page(&request, &env, &keys).await {
            Some(page) => {
                return with_headers(
                    page,
                    &[(request_id::HEADER, &request_id), answer::BY_ACCEPT],
                );
            }
            None => answer::root(),
        },
        ("/health", "GET" | "HEAD") => answer::health(),
        ("/predict", "POST") => match incoming::application(&mut request).await {
            Ok(body) => predict(&body, arrived, &request_id),
            Err(refusal) => refusal,
        },
        ("/explain", "POST") => match incoming::application(&mut request).await {
            Ok(body) => match rows(&body) {
                Some(rows) => explain_each(&rows, &request_id),
                None => explain(&body, &request_id),
            },
            Err(refusal) => refusal,
        },
        ("/sketch", "POST") => match incoming::batch(&mut request).await {
            Ok(body) => sketch(&body, &request_id),
            Err(refusal) => refusal,
        },
        ("/" | "/health", _) => Answer::method_not_allowed("GET, HEAD"),
        ("/predict" | "/explain" | "/sketch", _) => Answer::method_not_allowed("POST"),
        (_, "GET" | "HEAD") => match keys.check_page(&request) {
            Ok(()) => match asset(&request, &env).await {
                Some(file) => return with_headers(file, &[(request_id::HEADER, &request_id)]),
                None => Answer::refusal(&Refusal::NotFound),
            },
            Err(refusal) => refusal,
        },
        _ => Answer::refusal(&Refusal::NotFound),
    };
    answer.into_response(&request_id, &method)
}

/// The page, for a client that prefers HTML, when the Worker was deployed with one.
async fn page(request: &Request, env: &Env, keys: &Keys) -> Option<Response> {
    if !incoming::prefers_html(request) || !keys.page_is_open() {
        return None;
    }
    asset(request, env).await
}

/// A file of the page, or the model's, when the Worker was deployed with them.
async fn asset(request: &Request, env: &Env) -> Option<Response> {
    let assets = env.assets("ASSETS").ok()?;
    let response = assets.fetch_request(request.clone().ok()?).await.ok()?;
    (response.status_code() < 400).then_some(response)
}

/// A file with further headers: its own cannot be changed.
fn with_headers(file: Response, added: &[(&str, &str)]) -> Result<Response> {
    let headers = file.headers().clone();
    for (name, value) in added {
        headers.set(name, value)?;
    }
    Ok(file.with_headers(headers))
}

/// `arrived` is in milliseconds of the Worker's clock, which stands still while
/// a Worker computes: the latency counts waiting for the body, not the decision.
fn predict(body: &[u8], arrived: u64, request_id: &str) -> Answer {
    match decider::decide(body) {
        Ok((200, decision)) => {
            #[allow(clippy::cast_precision_loss, reason = "a latency is far below 2^53 ms")]
            let seconds = Date::now().as_millis().saturating_sub(arrived) as f64 / 1000.0;
            Answer::decision(decision, seconds, request_id)
        }
        Ok((status, refusal)) => Answer::json(status, refusal),
        Err(fault) => Answer::fault(&fault, request_id),
    }
}

/// Why a decision came out as it did; it is no decision, and gets no envelope.
fn explain(body: &[u8], request_id: &str) -> Answer {
    match decider::explain(body) {
        Ok(Some((status, explanation))) => Answer::json(status, explanation),
        Ok(None) => Answer::json(
            501,
            detail_json(
                "The model's file was packed before models could explain: train or pack it again",
            ),
        ),
        Err(fault) => Answer::fault(&fault, request_id),
    }
}

/// The elements of a body that is an array. Of one that is too long the module says so.
fn rows(body: &[u8]) -> Option<Vec<&RawValue>> {
    if body.len() > MAX_REQUEST {
        return None;
    }
    serde_json::from_slice(body).ok()
}

/// An explanation of each application in order; an error has the number of its row, from 0, and
/// the status that it would have had alone.
fn explain_each(rows: &[&RawValue], request_id: &str) -> Answer {
    if rows.len() > MAX_EXPLAINED {
        // As the server says it.
        let detail = format!("The batch has more than {MAX_EXPLAINED} rows; send fewer at once");
        return Answer::json(413, detail_json(&detail));
    }
    let mut all = vec![b'['];
    for (row, application) in rows.iter().enumerate() {
        if row > 0 {
            all.push(b',');
        }
        let answer = explain(application.get().as_bytes(), request_id);
        if answer.status == 501 || answer.status == 503 {
            return answer;
        }
        answer.write_as_row(row, &mut all);
    }
    all.push(b']');
    Answer::json(200, all)
}

/// The counts of a batch; its applications are neither kept nor logged.
fn sketch(batch: &[u8], request_id: &str) -> Answer {
    match decider::sketch(batch) {
        Ok((200, sketch)) => Answer::sketch(sketch),
        Ok((status, refusal)) => Answer::json(status, refusal),
        Err(fault) => Answer::fault(&fault, request_id),
    }
}
