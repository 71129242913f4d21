//! A batch that is streamed both ways: a JSON object a line in, an answer a line out, while
//! the client still sends. What is in memory does not grow with the batch, and a stream on
//! which nothing comes holds no more than its connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use memchr::{memchr, memrchr};
use model_http::limits::MAX_REQUEST;
use model_http::media;
use tokio::time::Instant;

use super::batch_answer::{Records, write_answer};
use super::pieces::{NO_MEMORY_SOON, ROWS_A_LOOK, ROWS_A_PIECE, USUAL_ANSWER, broke_off};
use crate::app::App;
use crate::host::processors;
use crate::http::admission::Admission;
use crate::http::authentication::{Denied, Keys, Pass};
use crate::http::body::next;
use crate::http::buffer::grow;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::memory::Claim;
use crate::http::pace::Pace;
use crate::http::turns::Piece;
use crate::models::registry::Served;
use crate::record::{Recorder, write_lines};

/// The longest line: what the module takes, and one byte more, so that it refuses it.
const LONGEST_LINE: usize = MAX_REQUEST + 1;

/// What a stream keeps of its memory between lines, in bytes. A line that takes more must be whole
/// in the time of a body.
const SHORT: usize = 64 << 10;

/// Whole lines.
struct Chunk {
    bytes: Vec<u8>,
    first_row: usize,
    rows: usize,
    /// What ended the batch before its end.
    problem: Option<ApiError>,
}

/// What a stream began with. It may go on for hours, so it is looked at again before lines are
/// decided.
pub(super) struct Ongoing {
    app: Arc<App>,
    model: String,
    served: Arc<Served>,
    pass: Pass,
}

impl Ongoing {
    pub(super) fn new(
        app: Arc<App>,
        name: Option<&str>,
        served: Arc<Served>,
        headers: &HeaderMap,
    ) -> Result<Self, ApiError> {
        Ok(Self {
            model: app.model_name(name)?,
            app,
            served,
            pass: Keys::pass(headers),
        })
    }

    /// Ends the stream where its key was taken away, or its version was taken back.
    fn check(&mut self) -> Result<(), ApiError> {
        if !self.app.middleware().keys.still_opens(&mut self.pass) {
            return Err(ApiError::Denied(Denied::Unknown));
        }
        match self.app.goes_on(&self.model, &self.served) {
            true => Ok(()),
            false => Err(ApiError::TakenBack),
        }
    }
}

/// Cuts a body into chunks of whole lines.
struct Lines {
    body: Body,
    /// What has come and is in no chunk yet, in the memory that it has claimed.
    bytes: Vec<u8>,
    claim: Claim,
    /// How much of `bytes` was given away, and how much is whole lines.
    given: usize,
    whole: usize,
    rows: usize,
    most: usize,
    pace: Pace,
    /// Since when a line that is longer than [`SHORT`] waits for its end.
    long_since: Option<Instant>,
    pause: Duration,
    /// What ended the body, once something did.
    end: Option<End>,
    ongoing: Ongoing,
}

enum End {
    Good,
    Bad(ApiError),
    Told,
}

pub(super) async fn answer(
    ongoing: Ongoing,
    caller: Caller,
    recorder: Option<Recorder>,
    body: Body,
) -> Result<Response, ApiError> {
    let (app, served) = (Arc::clone(&ongoing.app), Arc::clone(&ongoing.served));
    let mut lines = Lines::new(ongoing, &caller, body);
    // A client that waits to be told to go on is told so by the first look at its body,
    // when that comes before the answer.
    let first = lines.next().await;
    let permit = app.begin_stream(&caller)?;
    let rest = stream::unfold(lines, |mut lines| async {
        let chunk = lines.next().await?;
        Some((chunk, lines))
    });
    let patience = app.limits().body;
    let answers = stream::iter(first)
        .chain(rest)
        .map(move |chunk| {
            let _open = &permit;
            let served = Arc::clone(&served);
            let admission = Arc::clone(app.admission());
            let (caller, recorder) = (caller.clone(), recorder.clone());
            async move {
                let memory = chunk.rows.max(1) * USUAL_ANSWER;
                let claim = admission.memory(&caller);
                let claim = claim.wait_for(memory, memory, patience).await;
                let claim = claim.map_err(|_| broke_off(&NO_MEMORY_SOON))?;
                let first_row = chunk.first_row;
                let mut deciding = Deciding::new(served, chunk, recorder, claim);
                loop {
                    let work = move || deciding.next();
                    let piece = admission.piece(&caller, work).await;
                    deciding = piece.map_err(|error| broke_off(&error))?;
                    if deciding.is_done() {
                        break;
                    }
                }
                Ok(recorded(&admission, &caller, deciding.end(), first_row).await)
            }
        })
        .buffered(processors().get())
        // What could not be recorded is not sent, and neither is what follows it.
        .scan(false, |has_ended, piece: io::Result<Lined>| {
            let ended = std::mem::replace(has_ended, matches!(piece, Ok(Lined::Last(_))));
            let piece = piece.map(|(Lined::More(lines) | Lined::Last(lines))| lines);
            std::future::ready((!ended).then_some(piece))
        });
    let ndjson = [(CONTENT_TYPE, media::NDJSON[0])];
    Ok((ndjson, Body::from_stream(answers)).into_response())
}

impl Lines {
    fn new(ongoing: Ongoing, caller: &Caller, body: Body) -> Self {
        let limits = ongoing.app.limits();
        Self {
            body,
            bytes: Vec::new(),
            claim: ongoing.app.admission().memory(caller).claim(),
            given: 0,
            whole: 0,
            rows: 0,
            most: limits.batch_rows,
            pace: Pace::begin(limits.pace()),
            long_since: None,
            pause: limits.body,
            end: None,
            ongoing,
        }
    }

    /// The next whole lines; `None` at the end.
    async fn next(&mut self) -> Option<Chunk> {
        while self.given == self.whole && self.end.is_none() {
            self.read().await;
        }
        if self.given == self.whole {
            return match self.end.replace(End::Told)? {
                End::Good | End::Told => None,
                End::Bad(problem) => Some(self.problem(problem)),
            };
        }
        match self.ongoing.check() {
            Ok(()) => Some(self.cut()),
            Err(ended) => {
                self.given = self.whole;
                self.end = Some(End::Told);
                Some(self.problem(ended))
            }
        }
    }

    fn problem(&self, problem: ApiError) -> Chunk {
        Chunk {
            bytes: Vec::new(),
            first_row: self.rows,
            rows: 0,
            problem: Some(problem),
        }
    }

    /// Reads what comes next. At the end of the body half a line is a line; where the body
    /// breaks off it is none.
    async fn read(&mut self) {
        self.bytes.drain(..std::mem::take(&mut self.given));
        self.whole = 0;
        self.shrink();
        let came = tokio::time::timeout_at(self.deadline(), next(&mut self.body)).await;
        let data = match came {
            Ok(Ok(Some(data))) => data,
            Ok(Ok(None)) => {
                self.whole = self.bytes.len();
                self.end = Some(End::Good);
                return;
            }
            Ok(Err(error)) => return self.end = Some(End::Bad(error)),
            Err(_) => {
                let seconds = self.pause.as_secs();
                return self.end = Some(End::Bad(ApiError::BodyTimeout { seconds }));
            }
        };
        self.pace.add(data.len());
        let before = self.bytes.len();
        if let Err(full) = grow(&mut self.bytes, data.len(), LONGEST_LINE, &mut self.claim) {
            return self.end = Some(End::Bad(full.into()));
        }
        self.bytes.extend_from_slice(&data);
        match memrchr(b'\n', &data) {
            Some(end) => self.whole = before + end + 1,
            None if self.bytes.len() > LONGEST_LINE => {
                let limit = MAX_REQUEST;
                self.end = Some(End::Bad(ApiError::BodyTooLong { limit }));
            }
            None => {}
        }
    }

    /// Gives back what a long line took, once it is no longer there.
    fn shrink(&mut self) {
        if self.bytes.len() <= SHORT && self.bytes.capacity() > SHORT {
            self.bytes.shrink_to(SHORT);
            // It is less than before: that never fails.
            let _ = self.claim.cover(self.bytes.capacity());
        }
    }

    /// When more must have come: a line that takes memory must be whole in the time that a body
    /// has, however much came before it.
    fn deadline(&mut self) -> Instant {
        match self.bytes.len() > SHORT {
            true => {
                let since = *self.long_since.get_or_insert_with(Instant::now);
                self.pace.deadline().min(since + self.pause)
            }
            false => {
                self.long_since = None;
                self.pace.deadline()
            }
        }
    }

    /// The next lines out of those that are whole.
    fn cut(&mut self) -> Chunk {
        let first_row = self.rows;
        let room = self.most - self.rows;
        let whole = &self.bytes[self.given..self.whole];
        let (rows, end) = count(whole, ROWS_A_PIECE.min(room));
        let mut chunk = Chunk {
            bytes: whole[..end].to_vec(),
            first_row,
            rows,
            problem: None,
        };
        self.rows += rows;
        self.given += end;
        if rows == room {
            if lines(&self.bytes[self.given..self.whole]).next().is_some() {
                chunk.problem = Some(ApiError::TooManyRows { most: self.most });
                self.end = Some(End::Told);
            }
            // What is left is blank, or no longer asked for.
            self.given = self.whole;
        }
        chunk
    }
}

/// The lines that hold something.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
}

/// How many of the first lines hold something, at most `most`, and where the last of them ends.
fn count(bytes: &[u8], most: usize) -> (usize, usize) {
    let (mut rows, mut start) = (0, 0);
    while start < bytes.len() && rows < most {
        let length = memchr(b'\n', &bytes[start..]).map_or(bytes.len() - start, |end| end + 1);
        let line = &bytes[start..start + length];
        rows += usize::from(!line.trim_ascii().is_empty());
        start += length;
    }
    (rows, start)
}

/// Lines of the answer.
enum Lined {
    More(Bytes),
    /// No more follow: what was answered after them could not be recorded, or kept until it is
    /// sent.
    Last(Bytes),
}

/// Lines that may be sent once their records are on the disk.
struct Decided {
    lines: Bytes,
    recorder: Option<Recorder>,
    /// Whether no more follow.
    is_last: bool,
}

/// Lines that are being decided.
struct Deciding {
    served: Arc<Served>,
    chunk: Chunk,
    /// How much of the chunk is decided, and which row of the batch is next.
    at: usize,
    row: usize,
    out: Vec<u8>,
    claim: Claim,
    recorder: Option<Recorder>,
    /// There was no memory for the answers: the batch ends.
    is_full: bool,
}

impl Deciding {
    fn new(served: Arc<Served>, chunk: Chunk, recorder: Option<Recorder>, claim: Claim) -> Self {
        Self {
            served,
            at: 0,
            row: chunk.first_row,
            chunk,
            out: Vec::new(),
            claim,
            recorder,
            is_full: false,
        }
    }

    fn is_done(&self) -> bool {
        self.is_full || self.at == self.chunk.bytes.len()
    }

    /// Decides lines until they are all decided, or it took long enough.
    fn next(mut self) -> Self {
        let piece = Piece::begin();
        while !self.is_done() {
            self.decide();
            if piece.is_over() {
                break;
            }
        }
        self
    }

    /// Decides the next lines.
    fn decide(&mut self) {
        let rest = &self.chunk.bytes[self.at..];
        let (_, end) = count(rest, ROWS_A_LOOK);
        let (before, first, mut row) = (self.out.len(), self.row, self.row);
        let mut records = Records(self.recorder.as_mut());
        let out = &mut self.out;
        self.served
            .decide_each(lines(&rest[..end]), |request, answer| {
                records.add(row, request, &answer);
                write_answer(out, row, answer);
                out.push(b'\n');
                row += 1;
            });
        (self.at, self.row) = (self.at + end, row);
        if let Err(full) = self.claim.grow(self.out.len()) {
            self.out.truncate(before);
            write_problem(&mut self.out, first, &full.into());
            self.is_full = true;
        }
    }

    fn end(mut self) -> Decided {
        let problem = self.chunk.problem.filter(|_| !self.is_full);
        if let Some(problem) = problem {
            write_problem(&mut self.out, self.row, &problem);
        }
        self.out.shrink_to_fit();
        self.claim.shrink(self.out.len());
        Decided {
            lines: self.claim.hold(self.out),
            recorder: self.recorder,
            is_last: self.is_full,
        }
    }
}

/// Waits until the records of the lines are on the disk.
async fn recorded(
    admission: &Arc<Admission>,
    caller: &Caller,
    decided: Decided,
    first_row: usize,
) -> Lined {
    let written = match decided.recorder {
        None => Ok(None),
        Some(recorder) => write_lines(admission, caller, recorder).await,
    };
    match written {
        Ok(_) if decided.is_last => Lined::Last(decided.lines),
        Ok(_) => Lined::More(decided.lines),
        Err(problem) => {
            let mut out = Vec::new();
            write_problem(&mut out, first_row, &problem);
            Lined::Last(out.into())
        }
    }
}

/// What ended a batch before its end.
fn write_problem(out: &mut Vec<u8>, row: usize, problem: &ApiError) {
    let last = serde_json::json!({
        "detail": problem.detail(),
        "row": row,
        "status": problem.status().as_u16(),
    });
    out.extend_from_slice(last.to_string().as_bytes());
    out.push(b'\n');
}
