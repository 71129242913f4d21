//! A batch that is streamed both ways: one JSON object per line in, one answer per line out,
//! while the client still sends. Memory does not grow with the batch.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use memchr::{memchr_iter, memrchr};
use model_http::limits::MAX_REQUEST;
use model_http::media;

use super::batch_answer::write_answer;
use crate::app::App;
use crate::host::processors;
use crate::http::body::next;
use crate::http::error::ApiError;
use crate::models::registry::Served;

/// The longest line: what the module takes, and one byte more, so that it refuses it.
const LONGEST_LINE: usize = MAX_REQUEST + 1;

/// Whole lines.
struct Chunk {
    bytes: Vec<u8>,
    first_row: usize,
    /// Why the batch ended early.
    problem: Option<ApiError>,
}

/// Cuts a body into chunks of whole lines.
struct Lines {
    body: Body,
    rest: Vec<u8>,
    rows: usize,
    most: usize,
    time: Duration,
    ended: bool,
}

pub(super) async fn answer(
    app: &App,
    served: Arc<Served>,
    body: Body,
) -> Result<Response, ApiError> {
    let mut lines = Lines {
        body,
        rest: Vec::new(),
        rows: 0,
        most: app.limits().batch_rows,
        time: app.body_time(),
        ended: false,
    };
    let turns = Arc::clone(app.long_bodies());
    // A client that sent `expect: 100-continue` is told to continue when its body is first
    // read: that must happen before the answer starts.
    let first = lines.next().await;
    let permit = Arc::new(app.begin()?);
    let rest = stream::unfold(lines, |mut lines| async {
        let chunk = lines.next().await?;
        Some((chunk, lines))
    });
    let answers = stream::iter(first)
        .chain(rest)
        .map(move |chunk| {
            let served = Arc::clone(&served);
            let turns = Arc::clone(&turns);
            let permit = Arc::clone(&permit);
            async move {
                let _permit = permit;
                let _turn = turns.acquire().await;
                tokio::task::spawn_blocking(move || decide(&served, chunk)).await
            }
        })
        .buffered(processors().get());
    let ndjson = [(CONTENT_TYPE, media::NDJSON[0])];
    Ok((ndjson, Body::from_stream(answers)).into_response())
}

impl Lines {
    /// The next whole lines; `None` at the end.
    async fn next(&mut self) -> Option<Chunk> {
        if self.ended {
            return None;
        }
        let mut bytes = std::mem::take(&mut self.rest);
        let mut problem = None;
        loop {
            match tokio::time::timeout(self.time, next(&mut self.body)).await {
                Ok(Ok(Some(data))) => bytes.extend_from_slice(&data),
                Ok(Ok(None)) => self.ended = true,
                Ok(Err(error)) => problem = Some(error),
                Err(_) => {
                    problem = Some(ApiError::BodyTimeout {
                        seconds: self.time.as_secs(),
                    });
                }
            }
            if self.ended || problem.is_some() {
                self.ended = true;
                break;
            }
            if let Some(end) = memrchr(b'\n', &bytes) {
                self.rest = bytes.split_off(end + 1);
                break;
            }
            if bytes.len() > LONGEST_LINE {
                self.ended = true;
                problem = Some(ApiError::BodyTooLong { limit: MAX_REQUEST });
                bytes.clear();
                break;
            }
        }
        if problem.is_some() {
            // A truncated line is not a row.
            bytes.truncate(memrchr(b'\n', &bytes).map_or(0, |end| end + 1));
        }
        self.count(bytes, problem)
    }

    fn count(&mut self, mut bytes: Vec<u8>, mut problem: Option<ApiError>) -> Option<Chunk> {
        let first_row = self.rows;
        let mut rows = lines(&bytes).count();
        if first_row + rows > self.most {
            rows = self.most - first_row;
            bytes.truncate(nth_line_end(&bytes, rows));
            problem = Some(ApiError::TooManyRows { most: self.most });
            self.ended = true;
        }
        self.rows = first_row + rows;
        Some(Chunk {
            bytes,
            first_row,
            problem,
        })
    }
}

/// The lines that hold something.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    memchr_iter(b'\n', bytes)
        .chain(std::iter::once(bytes.len()))
        .map(move |end| &bytes[std::mem::replace(&mut start, end + 1)..end])
        .filter(|line| !line.trim_ascii().is_empty())
}

/// Where the first `count` lines that hold something end.
fn nth_line_end(bytes: &[u8], count: usize) -> usize {
    let mut start = 0;
    let mut seen = 0;
    for end in memchr_iter(b'\n', bytes) {
        if seen == count {
            return start;
        }
        seen += usize::from(!bytes[start..end].trim_ascii().is_empty());
        start = end + 1;
    }
    if seen == count { start } else { bytes.len() }
}

fn decide(served: &Served, chunk: Chunk) -> Bytes {
    let mut out = Vec::with_capacity(chunk.bytes.len() * 3);
    let mut row = chunk.first_row;
    served.decide_each(lines(&chunk.bytes), |answer| {
        write_answer(&mut out, row, answer);
        out.push(b'\n');
        row += 1;
    });
    if let Some(problem) = chunk.problem {
        let last = serde_json::json!({
            "detail": problem.detail(),
            "row": row,
            "status": problem.status().as_u16(),
        });
        out.extend_from_slice(last.to_string().as_bytes());
        out.push(b'\n');
    }
    out.into()
}
