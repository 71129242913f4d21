//! Reads a request's body under limits of length and time.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body;
use model_http::{Refusal, limits, media};

use super::error::ApiError;

/// Reads a body and keeps its first `keep` bytes.
pub(crate) async fn read_up_to<B>(body: B, keep: usize, limit: Duration) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    tokio::time::timeout(limit, collect(body, keep))
        .await
        .unwrap_or_else(|_| {
            Err(ApiError::BodyTimeout {
                seconds: limit.as_secs(),
            })
        })
}

/// Reads the rest of a refused request's body, if it is short and arrives at once: without
/// that the connection cannot be reused. Returns whether the end was reached.
pub(crate) async fn drain(mut body: impl Body<Data = Bytes> + Unpin) -> bool {
    const LITTLE: usize = 1 << 20;
    const AT_ONCE: Duration = Duration::from_secs(1);
    let read = async {
        let mut seen = 0;
        while let Ok(Some(data)) = next(&mut body).await {
            seen += data.len();
            if seen > LITTLE {
                return false;
            }
        }
        true
    };
    tokio::time::timeout(AT_ONCE, read).await.unwrap_or(false)
}

/// Reads a whole body of at most `limit` bytes, decompressed when it is gzip.
pub(crate) async fn read_whole(
    headers: &HeaderMap,
    body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    time: Duration,
) -> Result<Bytes, ApiError> {
    let bytes = read_up_to(body, limit.saturating_add(1), time).await?;
    let bytes = match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => bytes,
        Some(b"gzip") => decompress(&bytes, limit)?,
        Some(other) => {
            return Err(ApiError::Malformed {
                detail: format!(
                    "The content encoding is `{}`, expected `gzip` or none",
                    String::from_utf8_lossy(other)
                ),
            });
        }
    };
    if bytes.len() > limit {
        return Err(ApiError::BodyTooLong { limit });
    }
    Ok(bytes)
}

/// A request's `content-type`.
pub(crate) struct ContentType {
    /// The media type, without parameters, in lower case.
    pub(crate) essence: String,
    /// The header as it came.
    pub(crate) header: String,
}

impl ContentType {
    /// `None` where the client sends none.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let value = headers.get(CONTENT_TYPE)?;
        let header = String::from_utf8_lossy(value.as_bytes()).into_owned();
        Some(Self {
            essence: media::essence(&header),
            header,
        })
    }

    pub(crate) fn is_json(&self) -> bool {
        media::is_json(&self.essence)
    }
}

/// Accepts JSON, or no content type at all: old clients and some tools send none.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    // Almost all clients send exactly this: no copy.
    if headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value == media::JSON)
    {
        return Ok(());
    }
    match ContentType::read(headers) {
        Some(given) if !given.is_json() => Err(Refusal::NotJson {
            content_type: given.header,
            expected: media::JSON,
        }
        .into()),
        _ => Ok(()),
    }
}

async fn collect(
    mut body: impl Body<Data = Bytes> + Unpin,
    keep: usize,
) -> Result<Bytes, ApiError> {
    let first = match next(&mut body).await? {
        None => return Ok(Bytes::new()),
        Some(first) => first,
    };
    let Some(second) = next(&mut body).await? else {
        return Ok(first.slice(..keep.min(first.len())));
    };
    let mut bytes = Vec::with_capacity(keep.min(first.len() + second.len()));
    let mut seen = 0;
    let mut piece = Some(first);
    let mut waiting = Some(second);
    while let Some(data) = piece {
        seen += data.len();
        let room = keep - bytes.len();
        bytes.extend_from_slice(&data[..room.min(data.len())]);
        if seen > limits::MAX_DRAIN.max(keep) {
            break;
        }
        piece = match waiting.take() {
            Some(data) => Some(data),
            None => next(&mut body).await?,
        };
    }
    Ok(bytes.into())
}

/// The next piece of data.
pub(crate) async fn next(
    body: &mut (impl Body<Data = Bytes> + Unpin),
) -> Result<Option<Bytes>, ApiError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Refusal::BodyTruncated)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// Decompresses at most `limit` bytes and one more: a little gzip can hold a lot.
fn decompress(packed: &[u8], limit: usize) -> Result<Bytes, ApiError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    GzDecoder::new(packed)
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ApiError::Malformed {
            detail: format!("The body is declared as gzip, but cannot be decompressed: {error}"),
        })?;
    Ok(bytes.into())
}
