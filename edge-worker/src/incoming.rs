//! What a request carries besides the application: its id, the type it accepts, and its
//! body as far as HTTP, not the module, decides about it.

use crate::answer::Answer;
use futures_util::TryStreamExt;
use model_http::limits::{MAX_DRAIN, MAX_REQUEST, MAX_SKETCH_BATCH};
use model_http::{Refusal, accept, media, request_id};
use wasm_bindgen::prelude::*;
use worker::Request;

/// The client's `x-request-id` where it is valid, else a new UUID.
pub(crate) fn request_id(request: &Request) -> String {
    header(request, request_id::HEADER)
        .filter(|id| request_id::is_valid(id.as_bytes()))
        .unwrap_or_else(random_uuid)
}

/// Whether the client prefers a page to JSON, as browsers do.
pub(crate) fn prefers_html(request: &Request) -> bool {
    let accept = header(request, "accept");
    accept::prefers_html(accept.as_deref())
}

/// One application: JSON.
pub(crate) async fn application(request: &mut Request) -> Result<Vec<u8>, Answer> {
    check_media_type(request, media::is_json, media::JSON)?;
    check_plain(request)?;
    body(request, MAX_REQUEST).await
}

/// A batch: JSON, one application a line.
pub(crate) async fn batch(request: &mut Request) -> Result<Vec<u8>, Answer> {
    let is_lines = |essence: &str| media::is_json(essence) || media::is_ndjson(essence);
    check_media_type(request, is_lines, media::NDJSON[0])?;
    check_plain(request)?;
    body(request, MAX_SKETCH_BATCH).await
}

/// 415 where the client declares another media type; none at all is fine.
fn check_media_type(
    request: &Request,
    accepts: impl Fn(&str) -> bool,
    expected: &'static str,
) -> Result<(), Answer> {
    match header(request, "content-type") {
        Some(content_type) if !accepts(&media::essence(&content_type)) => {
            Err(Answer::refusal(&Refusal::NotJson {
                content_type,
                expected,
            }))
        }
        _ => Ok(()),
    }
}

/// 415 where the client declares a packed body.
fn check_plain(request: &Request) -> Result<(), Answer> {
    match header(request, "content-encoding") {
        Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
            Err(Answer::refusal(&Refusal::NotPlain {
                encoding,
                expected: media::PLAIN,
            }))
        }
        _ => Ok(()),
    }
}

/// The first bytes of the body, one more than `longest`: the module refuses a longer body
/// itself, and sees that it is longer by that one byte. The rest is read and dropped.
async fn body(request: &mut Request, longest: usize) -> Result<Vec<u8>, Answer> {
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    let mut stream = request
        .stream()
        .map_err(|_| Answer::refusal(&Refusal::BodyTruncated))?;
    let (mut body, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = stream
        .try_next()
        .await
        .map_err(|_| Answer::refusal(&Refusal::BodyTruncated))?
    {
        let room = longest + 1 - body.len();
        body.extend_from_slice(&chunk[..room.min(chunk.len())]);
        seen += chunk.len();
        if seen > MAX_DRAIN {
            break;
        }
    }
    Ok(body)
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;
}
