//! `POST /predict`: the body's bytes into the module, the module's bytes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::{Body as HttpBody, Incoming};
use model_http::limits::MAX_REQUEST;
use model_http::{envelope, media};

use super::answer::receipt;
use crate::app::{App, Target};
use crate::host::{CallError, Decision};
use crate::http::Share;
use crate::http::admission::Work;
use crate::http::body::{check_json, check_plain};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;
use crate::models::registry::{Champions, Offer, Room, ScoredDecision, Served};
use crate::record::{Call, Kind, write_single};

/// How many headers an answer has, with those of the middleware.
const HEADERS: usize = 13;

const ROUTE: &str = "/predict";
const ROUTE_NAMED: &str = "/models/{name}/predict";
const ROUTE_VERSION: &str = "/models/{name}/versions/{version}/predict";

pub(super) async fn predict(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE);
    answer(&app, call, body, None, None).await
}

pub(super) async fn predict_named(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_NAMED);
    answer(&app, call, body, Some(&name), None).await
}

pub(super) async fn predict_version(
    State(app): State<Arc<App>>,
    Extension(id): Extension<RequestId>,
    Extension(caller): Extension<Caller>,
    Path((name, version)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let call = Call::new(&id, &caller, &headers, ROUTE_VERSION);
    answer(&app, call, body, Some(&name), Some(&version)).await
}

/// `POST /predict` without the router.
pub(crate) async fn plain(
    app: &App,
    id: RequestId,
    caller: Caller,
    request: Request<Incoming>,
) -> Response {
    let (head, body) = request.into_parts();
    let call = Call::new(&id, &caller, &head.headers, ROUTE);
    answer(app, call, body, None, None).await.into_response()
}

async fn answer(
    app: &App,
    call: Call<'_>,
    body: impl HttpBody<Data = Bytes> + Unpin,
    name: Option<&str>,
    version: Option<&str>,
) -> Result<Response, ApiError> {
    let body = app.read_up_to(call.caller, body, MAX_REQUEST + 1).await?;
    check_json(call.headers)?;
    check_plain(call.headers)?;
    let start = Instant::now();
    let target = app.target_version(&call, name, version, &body).await?;
    let recorder = app.recorder(&call, &target, Kind::Decision)?;
    let place = app.begin_record(call.caller)?;
    let shadow = target.live.as_ref().and_then(|live| live.shadow());
    let room = shadow.and_then(|shadow| shadow.room(body.len()));
    let here = match target.served.is_short(body.len()) {
        true => decide_here(app, &target.served, &body)?,
        false => Here::Not(Beside::Long),
    };
    let decided = match here {
        Here::Decided(decided) => decided.map(|scored| give(&target.served, &body, scored, room)),
        Here::Not(beside) => {
            // Of one caller there are not all, as with other long work.
            let permit = app.begin_long(call.caller)?;
            let work = decide_beside(app, call.caller, (beside, permit), &target, &body, room);
            Box::pin(work).await
        }
    };
    app.metrics().http.predicted(start.elapsed());
    let (decision, offer) = match decided {
        Ok(scored) => scored,
        Err(error) => {
            let served = &target.served;
            tracing::error!(request_id = call.id.as_uuid(), model = served.name(), version = served.version(), %error, "decision failed");
            return Err(ApiError::fault(call.id));
        }
    };
    if let (Some(shadow), None) = (shadow, &offer) {
        shadow.dropped();
    }
    let written = match recorder {
        None => None,
        Some(mut recorder) => {
            recorder.add(&body, decision.answer());
            let copy = offer.zip(app.shadow_record(&call));
            write_single(recorder, place, copy).await?
        }
    };
    let mut response = respond(decision, start.elapsed(), call.id);
    receipt(&mut response, written);
    Ok(response)
}

/// Whether a decision was made on this thread.
enum Here {
    Decided(Result<ScoredDecision, CallError>),
    Not(Beside),
}

/// Why it is made on another thread.
enum Beside {
    /// It may take long.
    Long,
    /// No instance is idle.
    NoneIdle,
}

/// Decides on this thread, if an instance is idle.
fn decide_here(app: &App, served: &Served, body: &[u8]) -> Result<Here, ApiError> {
    let _permit = app.begin()?;
    Ok(match served.decide_if_idle(body) {
        Some(decided) => Here::Decided(decided),
        None => Here::Not(Beside::NoneIdle),
    })
}

/// The decision, which is counted, and where a challenger has room for a copy, what it gets.
fn give(
    served: &Served,
    body: &[u8],
    scored: ScoredDecision,
    room: Option<Room>,
) -> (Decision, Option<Offer>) {
    let Some(room) = room else {
        served.given(body, &scored);
        return (scored.decision, None);
    };
    let counted = served.given_copied(body, &scored);
    let ScoredDecision { decision, score } = scored;
    let offer = room.offer(body, Champions { score, counted });
    (decision, Some(offer))
}

/// Decides on a thread beside those of the connections.
async fn decide_beside(
    app: &App,
    caller: &Caller,
    (beside, permit): (Beside, Share),
    target: &Target,
    body: &Bytes,
    room: Option<Room>,
) -> Result<(Decision, Option<Offer>), CallError> {
    if matches!(beside, Beside::NoneIdle) && target.served.wants_instance() {
        add_instance(app, caller, &target.served);
    }
    let served = Arc::clone(&target.served);
    let body = body.clone();
    let work = move || {
        let _permit = permit;
        let scored = match beside {
            Beside::Long => served.decide(&body),
            Beside::NoneIdle => served.decide_with_returned(&body),
        }?;
        Ok(give(&served, &body, scored, room))
    };
    let decided = app.admission().piece(caller, work).await;
    decided.unwrap_or_else(|error| Err(CallError::Instantiate(error.to_string())))
}

/// Has another instance made, for which nobody waits.
fn add_instance(app: &App, caller: &Caller, served: &Arc<Served>) {
    let (admission, caller) = (Arc::clone(app.admission()), caller.clone());
    let served = Arc::clone(served);
    tokio::spawn(async move {
        let add = move || served.add_instance();
        if let Err(error) = admission.work(Work::Instance, &caller, add).await {
            tracing::error!(%error, "work on an instance failed");
        }
    });
}

fn respond(decision: Decision, took: Duration, id: &RequestId) -> Response {
    let mut body = decision.body;
    if decision.status == 200 {
        envelope::add(&mut body, took.as_secs_f64(), id.as_str());
    }
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(decision.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = HeaderValue::from_static(media::JSON);
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
