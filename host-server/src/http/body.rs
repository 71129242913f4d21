//! Reading a request's body: so much, so long.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use flate2::read::GzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body;

use super::error::ApiError;

/// What is read of a body that is too long, so that the client hears the answer and does
/// not just see its connection break.
const LONGEST_DRAIN: usize = 64 << 20;

/// Reads at most `keep` bytes of a body, and looks at what follows without keeping it.
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

/// Reads what is left of a refused request, when that is little and comes at once: else the
/// connection cannot be used again. Says whether the end was reached.
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

/// Reads a whole body of at most `limit` bytes, unpacked when it is gzip.
pub(crate) async fn read_whole(
    headers: &HeaderMap,
    body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    time: Duration,
) -> Result<Bytes, ApiError> {
    let bytes = read_up_to(body, limit.saturating_add(1), time).await?;
    let bytes = match headers.get(CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => bytes,
        Some(b"gzip") => unpack(&bytes, limit)?,
        Some(other) => {
            return Err(ApiError::Malformed {
                detail: format!(
                    "The body is packed as `{}`, expected `gzip` or nothing",
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

/// The media type that the client gives, without parameters, in small letters.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(CONTENT_TYPE)?;
    let whole = String::from_utf8_lossy(value.as_bytes()).into_owned();
    let essence = whole.split(';').next().unwrap_or_default();
    Some((essence.trim().to_ascii_lowercase(), whole))
}

/// JSON, or nothing said: old clients and some tools send no content type.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    // What almost all send needs no copy.
    if headers
        .get(CONTENT_TYPE)
        .is_none_or(|value| value == "application/json")
    {
        return Ok(());
    }
    match content_type(headers) {
        None => Ok(()),
        Some((essence, _)) if is_json(&essence) => Ok(()),
        Some((_, content_type)) => Err(ApiError::NotJson { content_type }),
    }
}

pub(crate) fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
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
        if seen > LONGEST_DRAIN.max(keep) {
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
        let frame = frame.map_err(|_| ApiError::BodyCutOff)?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

/// A little gzip can hold a lot: no more than `limit` and a byte is unpacked.
fn unpack(packed: &[u8], limit: usize) -> Result<Bytes, ApiError> {
    use std::io::Read;
    let mut bytes = Vec::new();
    GzDecoder::new(packed)
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ApiError::Malformed {
            detail: format!("The body is said to be gzip, but: {error}"),
        })?;
    Ok(bytes.into())
}
