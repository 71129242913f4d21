//! What a request says beside its decision: id, wanted type, and the body as far
//! as HTTP, not the module, has a say in it.

use crate::answer::Answer;
use futures_util::TryStreamExt;
use wasm_bindgen::prelude::*;
use worker::Request;

/// The longest body, in bytes, that the module takes. It is the module that refuses a
/// longer one; it needs one byte more than this to do so.
const LONGEST_BODY: usize = 1 << 20;

/// The same of a batch.
const LONGEST_BATCH: usize = 16 << 20;

/// The media types of JSON lines, of which none is registered.
const LINES: [&str; 3] = [
    "application/x-ndjson",
    "application/jsonl",
    "application/ndjson",
];

/// What is read of a body that is too long, in bytes, so that the client hears the answer
/// and does not just see its connection break.
const LONGEST_DRAIN: usize = 64 << 20;

/// The client's `x-request-id` when it has 1 to 64 characters that are safe in a header,
/// in JSON and in a log line; else a new UUID.
pub(crate) fn request_id(request: &Request) -> String {
    header(request, "x-request-id")
        .filter(|id| (1..=64).contains(&id.len()) && id.bytes().all(is_id_byte))
        .unwrap_or_else(random_uuid)
}

/// Whether `accept` puts `text/html` above `application/json`, as browsers do.
pub(crate) fn prefers_html(request: &Request) -> bool {
    header(request, "accept").is_some_and(|accept| {
        quality(&accept, "text", "html") > quality(&accept, "application", "json")
    })
}

/// One application: JSON.
pub(crate) async fn application(request: &mut Request) -> Result<Vec<u8>, Answer> {
    if let Some(content_type) = header(request, "content-type").filter(|text| !is_json(text)) {
        return Err(Answer::unsupported(&content_type, "application/json"));
    }
    body(request, LONGEST_BODY).await
}

/// A batch: JSON, one application a line.
pub(crate) async fn batch(request: &mut Request) -> Result<Vec<u8>, Answer> {
    let is_lines = |text: &str| is_json(text) || LINES.contains(&essence(text).as_str());
    if let Some(content_type) = header(request, "content-type").filter(|text| !is_lines(text)) {
        return Err(Answer::unsupported(&content_type, LINES[0]));
    }
    body(request, LONGEST_BATCH).await
}

/// The body's bytes, as many as the module needs to judge them, or the 400 that
/// `docs/reference/http.md` promises.
async fn body(request: &mut Request, longest: usize) -> Result<Vec<u8>, Answer> {
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    let mut stream = request.stream().map_err(|_| Answer::body_cut_off())?;
    let (mut body, mut seen) = (Vec::new(), 0);
    while let Some(chunk) = stream
        .try_next()
        .await
        .map_err(|_| Answer::body_cut_off())?
    {
        let room = longest + 1 - body.len();
        body.extend_from_slice(&chunk[..room.min(chunk.len())]);
        seen += chunk.len();
        if seen > LONGEST_DRAIN {
            break;
        }
    }
    Ok(body)
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// `application/json`, `text/json` or any `+json`, with any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = essence(content_type);
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

/// The media type without its parameters.
fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// The weight, 0 to 1, that an `accept` header gives a type: that of the most
/// specific range that matches (RFC 9110, 12.5.1), 0 when none does.
fn quality(accept: &str, kind: &str, subtype: &str) -> f32 {
    let ranges = [
        format!("{kind}/{subtype}"),
        format!("{kind}/*"),
        "*/*".into(),
    ];
    let weight_of = |range: &String| {
        accept.split(',').find_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            parts
                .next()?
                .eq_ignore_ascii_case(range)
                .then(|| weight(parts))
        })
    };
    ranges.iter().find_map(weight_of).unwrap_or(0.0)
}

fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> f32 {
    parameters
        .find_map(|text| text.strip_prefix("q=").or_else(|| text.strip_prefix("Q=")))
        .map_or(1.0, |q| q.parse().unwrap_or(0.0))
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;
}
