//! What a request says beside its decision: id, wanted type, and the body as far
//! as HTTP, not the module, has a say in it.

use crate::answer::Answer;
use futures_util::TryStreamExt;
use wasm_bindgen::prelude::*;
use worker::Request;

/// The largest body in bytes that is read; the module refuses the same.
const BODY_LIMIT: usize = 1024 * 1024;

/// The client's `x-request-id` when it has 1 to 128 safe characters, else a new UUID.
pub(crate) fn request_id(request: &Request) -> String {
    header(request, "x-request-id")
        .filter(|id| (1..=128).contains(&id.len()) && id.bytes().all(is_id_byte))
        .unwrap_or_else(random_uuid)
}

/// Whether `accept` puts `text/html` above `application/json`, as browsers do.
pub(crate) fn prefers_html(request: &Request) -> bool {
    header(request, "accept").is_some_and(|accept| {
        quality(&accept, "text", "html") > quality(&accept, "application", "json")
    })
}

/// The body's bytes, or the 413 or 415 that `docs/http.md` promises.
pub(crate) async fn json_body(request: &mut Request) -> Result<Vec<u8>, Answer> {
    if let Some(content_type) = header(request, "content-type").filter(|text| !is_json(text)) {
        let shown: String = content_type.chars().take(64).collect();
        return Err(Answer::error(
            415,
            &format!("Content-Type must be application/json, not {shown}"),
        ));
    }
    let announced = header(request, "content-length").and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: u64| length > BODY_LIMIT as u64) {
        return Err(too_large());
    }
    if request.inner().body().is_none() {
        return Ok(Vec::new());
    }
    read_limited(request).await
}

async fn read_limited(request: &mut Request) -> Result<Vec<u8>, Answer> {
    let broken = |_| Answer::error(400, "Request body could not be read");
    let mut stream = request.stream().map_err(broken)?;
    let mut body = Vec::new();
    while let Some(chunk) = stream.try_next().await.map_err(broken)? {
        if body.len() + chunk.len() > BODY_LIMIT {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn too_large() -> Answer {
    Answer::error(
        413,
        &format!("Request body is larger than {BODY_LIMIT} bytes"),
    )
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers().get(name).ok().flatten()
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(&byte)
}

/// `application/json` or `application/*+json`, any case, any parameters.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence
        .strip_prefix("application/")
        .is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
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
