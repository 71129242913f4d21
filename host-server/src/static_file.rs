//! A file that is served as it is: with an entity tag, and compressed once, not per request.

use std::io::Write;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// Smaller files do not gain from compression.
const WORTH_COMPRESSING: usize = 1 << 10;

/// A file's bytes, plain and compressed, and what HTTP says about them.
pub(crate) struct StaticFile {
    content_type: HeaderValue,
    plain: Variant,
    gzip: Option<Variant>,
}

struct Variant {
    bytes: Bytes,
    etag: String,
}

impl StaticFile {
    pub(crate) fn new(content_type: &'static str, bytes: Bytes) -> Self {
        let digest = format!("{:x}", Sha256::digest(&bytes));
        let gzip = compress(content_type, &bytes).map(|bytes| Variant {
            bytes,
            etag: format!("\"{digest}-gzip\""),
        });
        Self {
            content_type: HeaderValue::from_static(content_type),
            plain: Variant {
                bytes,
                etag: format!("\"{digest}\""),
            },
            gzip,
        }
    }

    /// The file, or 304 when the client has it already.
    pub(crate) fn respond(&self, request: &HeaderMap) -> Response {
        let gzip = self.gzip.as_ref().filter(|_| accepts_gzip(request));
        let variant = gzip.unwrap_or(&self.plain);
        let fresh = self.is_known(request);
        let mut response = if fresh {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            Body::from(variant.bytes.clone()).into_response()
        };
        let headers = response.headers_mut();
        if let Ok(etag) = HeaderValue::from_str(&variant.etag) {
            headers.insert(ETAG, etag);
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        if !fresh {
            headers.insert(CONTENT_TYPE, self.content_type.clone());
            if gzip.is_some() {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            }
        }
        response
    }

    fn is_known(&self, request: &HeaderMap) -> bool {
        list(request, IF_NONE_MATCH).any(|tag| {
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let same = |variant: &Variant| variant.etag == tag;
            tag == "*" || same(&self.plain) || self.gzip.as_ref().is_some_and(same)
        })
    }
}

/// The members of a header that is a comma-separated list, over all its lines.
pub(crate) fn list(
    headers: &HeaderMap,
    name: axum::http::HeaderName,
) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

/// A list's member without its parameters, and its weight `q`, 0 to 1 (default 1).
pub(crate) fn weighted(member: &str) -> (&str, f32) {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|q| q.parse().ok())
        .unwrap_or(1.0);
    (name, q)
}

fn accepts_gzip(request: &HeaderMap) -> bool {
    list(request, ACCEPT_ENCODING)
        .map(weighted)
        .any(|(name, q)| name.eq_ignore_ascii_case("gzip") && q > 0.0)
}

fn compress(content_type: &str, bytes: &[u8]) -> Option<Bytes> {
    let packed_already = content_type.starts_with("image/") && !content_type.contains("svg");
    if packed_already || bytes.len() < WORTH_COMPRESSING {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < bytes.len()).then(|| packed.into())
}
