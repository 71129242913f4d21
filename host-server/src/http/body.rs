//! Reading a request's body: so much, so long, and in the memory that all bodies share.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Body;
use model_http::{Refusal, limits, media};

use super::buffer::Buffer;
use super::error::ApiError;
use super::memory::{Claim, Full, Memory};

/// After so many bytes of one body the others have their turn.
const PAUSE: usize = 32 << 10;

/// What a connection keeps to read a body of which more is to come, beside what is kept of it, at
/// most.
const READ_BUFFER: usize = 16 << 10;

/// The pause after each such piece of a body that is not kept: 32 MB a second of what is thrown
/// away is enough for every honest client, and a client that means harm costs no more.
const DISCARD_PAUSE: Duration = Duration::from_millis(1);

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
}

/// Reads at most `keep` bytes of a body, and looks at what follows without keeping it. The memory
/// is asked for when that is not all there at once.
pub(crate) async fn read_up_to<B>(
    body: B,
    keep: usize,
    limit: Duration,
    memory: impl FnOnce() -> Memory,
) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin,
{
    tokio::time::timeout(limit, collect(body, keep, memory))
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

/// Reads a whole body of at most `limit` bytes, as it came.
pub(crate) async fn read_whole(
    body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    time: Duration,
    memory: impl FnOnce() -> Memory,
) -> Result<Bytes, ApiError> {
    let bytes = read_up_to(body, limit.saturating_add(1), time, memory).await?;
    if bytes.len() > limit {
        return Err(ApiError::BodyTooLong { limit });
    }
    Ok(bytes)
}

/// How the client says that the body is packed.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding, ApiError> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else {
        return Ok(Encoding::Plain);
    };
    // Further lines say what the first line says of a list: it was packed more than once.
    let all = values.fold(value.as_bytes().to_vec(), |all, next| {
        [&all[..], b", ", next.as_bytes()].concat()
    });
    match &all[..] {
        name if name.eq_ignore_ascii_case(b"identity") => Ok(Encoding::Plain),
        name if name.eq_ignore_ascii_case(b"gzip") => Ok(Encoding::Gzip),
        name => Err(Refusal::NotPlain {
            encoding: String::from_utf8_lossy(name).into_owned(),
            expected: "`gzip` or nothing",
        }
        .into()),
    }
}

/// Refuses a packed body where the bytes are taken as they come.
pub(crate) fn check_plain(headers: &HeaderMap) -> Result<(), ApiError> {
    let encoding = match encoding(headers) {
        Ok(Encoding::Plain) => return Ok(()),
        Ok(Encoding::Gzip) => "gzip".to_owned(),
        Err(ApiError::Shared(Refusal::NotPlain { encoding, .. })) => encoding,
        Err(other) => return Err(other),
    };
    Err(Refusal::NotPlain {
        encoding,
        expected: media::PLAIN,
    }
    .into())
}

/// What a request's `content-type` says.
pub(crate) struct ContentType {
    /// The media type, without parameters, in lower case.
    pub(crate) essence: String,
    /// The header as it came.
    pub(crate) header: String,
}

impl ContentType {
    /// `None` where the client says nothing.
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

/// JSON, or nothing said: old clients and some tools send no content type.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    // What almost all send needs no copy.
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
    memory: impl FnOnce() -> Memory,
) -> Result<Bytes, ApiError> {
    // Most requests come whole. They are in the connection's own buffer, which is bounded.
    let Some(first) = next(&mut body).now_or_never() else {
        return Box::pin(collect_later(body, keep, &memory())).await;
    };
    let Some(first) = first? else {
        return Ok(Bytes::new());
    };
    if body.is_end_stream() {
        return Ok(first.slice(..keep.min(first.len())));
    }
    let memory = memory();
    let kept = Kept::new(buffers(&body), keep, &memory)?;
    Box::pin(collect_more(first, body, kept)).await
}

/// Collects a body of which nothing has come yet.
async fn collect_later(
    mut body: impl Body<Data = Bytes> + Unpin,
    keep: usize,
    memory: &Memory,
) -> Result<Bytes, ApiError> {
    let kept = Kept::new(buffers(&body), keep, memory)?;
    match next(&mut body).await? {
        None => Ok(Bytes::new()),
        Some(first) => collect_more(first, body, kept).await,
    }
}

/// What the connection of a body keeps while more of it is to come: of a short one no more than is
/// to come.
fn buffers(body: &impl Body) -> usize {
    let left = body.size_hint().upper();
    let left = left.and_then(|left| usize::try_from(left).ok());
    left.unwrap_or(READ_BUFFER).min(READ_BUFFER)
}

/// Collects a body whose first piece has come.
async fn collect_more(
    first: Bytes,
    mut body: impl Body<Data = Bytes> + Unpin,
    mut kept: Kept,
) -> Result<Bytes, ApiError> {
    let keep = kept.most;
    let Some(second) = next(&mut body).await? else {
        return Ok(first.slice(..keep.min(first.len())));
    };
    let mut seen = first.len() + second.len();
    let mut paused = 0;
    // Their pieces of the connection's buffer are given back with them.
    for piece in [first, second] {
        kept.add(&piece).await;
    }
    // A body that is too long, or finds no room, is read on without being kept: so the client
    // hears why.
    while seen <= limits::MAX_DRAIN.max(keep)
        && let Some(data) = next(&mut body).await?
    {
        seen += data.len();
        kept.add(&data).await;
        if seen - paused > PAUSE {
            // Data that is always there would keep this thread from its other connections.
            paused = seen;
            match kept.takes_more() {
                true => tokio::task::yield_now().await,
                false => tokio::time::sleep(DISCARD_PAUSE).await,
            }
        }
    }
    kept.finish().map_err(ApiError::from)
}

/// What is kept of a body, in the memory that it has claimed. While more of it is to come its
/// connection holds buffers: they are counted, too, and a body without even that room is refused at
/// once.
struct Kept {
    most: usize,
    _buffers: Claim,
    /// None once there was no room.
    bytes: Option<Buffer>,
}

impl Kept {
    fn new(buffers: usize, most: usize, memory: &Memory) -> Result<Self, Full> {
        let mut claim = memory.claim();
        claim.cover(buffers)?;
        Ok(Self {
            most,
            _buffers: claim,
            bytes: Some(Buffer::new(most, memory)),
        })
    }

    async fn add(&mut self, data: &[u8]) {
        if let Some(bytes) = self.bytes.take() {
            let data = &data[..data.len().min(self.most - bytes.len())];
            self.bytes = bytes.extend_beside(data).await.ok();
        }
    }

    /// Whether what comes next is kept.
    fn takes_more(&self) -> bool {
        let bytes = self.bytes.as_ref();
        bytes.is_some_and(|bytes| bytes.len() < self.most)
    }

    fn finish(self) -> Result<Bytes, Full> {
        Ok(self.bytes.ok_or(Full)?.into_bytes())
    }
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
