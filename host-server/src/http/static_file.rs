//! Sends an [`Asset`]: with an entity tag, compressed for clients that accept it.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use model_http::accept::{members, weighted};

use super::answers::counted;
use crate::asset::{Asset, Variant};

/// The file, or 304 when the client has it already.
pub(crate) fn respond(asset: &Asset, request: &HeaderMap) -> Response {
    let gzip = asset.gzip.as_ref().filter(|_| accepts_gzip(request));
    let variant = gzip.unwrap_or(&asset.plain);
    let fresh = is_known(asset, request);
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        counted(Body::from(variant.bytes.clone()).into_response())
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(&variant.etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    if !fresh {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        if gzip.is_some() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    response
}

fn is_known(asset: &Asset, request: &HeaderMap) -> bool {
    list(request, IF_NONE_MATCH).any(|tag| {
        let tag = tag.strip_prefix("W/").unwrap_or(tag);
        let same = |variant: &Variant| variant.etag == tag;
        tag == "*" || same(&asset.plain) || asset.gzip.as_ref().is_some_and(same)
    })
}

/// The members of a header that is a list, over all its lines.
fn list(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    values(headers, name).flat_map(members)
}

/// The values of a header, one for each of its lines.
pub(crate) fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    list(request, ACCEPT_ENCODING)
        .map(weighted)
        .any(|(name, q)| name.eq_ignore_ascii_case("gzip") && q > 0.0)
}
