//! Collects what a request is answered, row by row, and waits until it is on the disk.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderValue;
use bytes::Bytes;
use model_log::{AppendError, Appended, Details, Digest, Kind, Outcome, Pending, Receipt, Record};

use super::metrics::Counted;
use super::sink::Sink;
use crate::host::Answer;
use crate::http::error::ApiError;
use crate::models::score::{self, Score};

/// So many records of one request are written together: one sync, indexes without a gap.
const GROUP: usize = 8192;

/// Collects the records of one request. A copy has none of the records.
pub(crate) struct Recorder {
    sink: Arc<Sink>,
    template: Arc<Template>,
    /// The SHA-256 of the whole body, where the module gets only parts of it.
    body: Digest,
    records: Vec<Record>,
    /// What the module was given and gave back in them.
    bytes: usize,
}

/// Records that are to be written together.
pub(crate) struct Group {
    sink: Arc<Sink>,
    records: Vec<Record>,
}

/// What all records of a request share.
pub(super) struct Template {
    pub(super) kind: Kind,
    pub(super) model: Digest,
    pub(super) policy: Digest,
    /// The record that these are about.
    pub(super) link: Option<u64>,
    pub(super) details: Details,
}

/// Records on their way to the disk.
pub(crate) struct Waiting {
    sink: Arc<Sink>,
    sent: Result<Pending<Appended>, AppendError>,
    counted: Counted,
    start: Instant,
}

/// Where the answers of a request are recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    first: Receipt,
    last: Receipt,
}

impl Clone for Recorder {
    fn clone(&self) -> Self {
        Self {
            sink: Arc::clone(&self.sink),
            template: Arc::clone(&self.template),
            body: self.body,
            records: Vec::new(),
            bytes: 0,
        }
    }
}

impl Recorder {
    pub(super) fn new(sink: Arc<Sink>, template: Template) -> Self {
        Self {
            sink,
            template: Arc::new(template),
            body: Digest::NONE,
            records: Vec::new(),
            bytes: 0,
        }
    }

    /// Remembers the whole body, where it has a single row. With several, the digest in one record would
    /// outlive an erased neighbor, and a guess at its content could be checked against it.
    pub(crate) fn body_of_one(&mut self, body: &Bytes, rows: usize) {
        if rows == 1 {
            self.body = Digest::from_content(body);
        }
    }

    /// The module's answer to a request.
    pub(crate) fn add(&mut self, request: &[u8], answer: Answer<'_>) {
        self.push(None, request, answer);
    }

    /// The module's answer to a row of a batch, from 0.
    pub(crate) fn add_row(&mut self, row: usize, request: &[u8], answer: Answer<'_>) {
        self.push(Some(row as u64), request, answer);
    }

    fn push(&mut self, row: Option<u64>, request: &[u8], answer: Answer<'_>) {
        let shared = &*self.template;
        self.bytes += request.len() + answer.body.len();
        let score = Score::read(answer).filter(|_| shared.kind == Kind::Decision);
        self.records.push(Record {
            kind: shared.kind,
            outcome: score.map_or(Outcome::None, |score| outcome(score.outcome)),
            model: shared.model,
            policy: shared.policy,
            link: shared.link,
            details: Details {
                status: answer.status,
                row,
                body_sha256: self.body,
                ..shared.details.clone()
            },
            request: request.to_vec(),
            answer: answer.body.to_vec(),
        });
    }

    /// Bytes of what was added and not written yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether more records would go into another group.
    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= GROUP
    }

    /// What was added, as one group.
    pub(super) fn group(&mut self) -> Group {
        self.bytes = 0;
        Group {
            sink: Arc::clone(&self.sink),
            records: std::mem::take(&mut self.records),
        }
    }

    /// Hands what was added to the log's thread, as one group. Never waits.
    pub(crate) fn write(&mut self) -> Waiting {
        self.group().send()
    }

    /// The same for what nobody is given, since the whole request is refused: the records keep
    /// what the module answered, and are no decisions that were given.
    pub(crate) fn write_refused(&mut self) {
        for record in &mut self.records {
            record.outcome = Outcome::None;
        }
        drop(self.write());
    }
}

impl Group {
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Hands them to the log's thread. It takes some microseconds for each.
    pub(super) fn send(self) -> Waiting {
        let Self { sink, records } = self;
        let mut counted = Counted::default();
        for record in &records {
            counted.add(record.outcome);
        }
        Waiting {
            sent: sink.writer().append(records),
            sink,
            counted,
            start: Instant::now(),
        }
    }
}

impl Waiting {
    /// Completes when the records are on the disk. `None` where they could not be written, and
    /// the settings say that the answer is given all the same; or where there are none.
    ///
    /// # Errors
    /// When they could not be written, and the answer is not to be given.
    pub(crate) async fn written(self) -> Result<Option<Written>, ApiError> {
        let appended = match self.sent {
            Ok(pending) => pending.await,
            Err(error) => Err(error),
        };
        match appended {
            Ok(receipts) => {
                self.sink
                    .metrics()
                    .recorded(self.counted, self.start.elapsed());
                Ok(Written::new(&receipts))
            }
            Err(error) => self
                .sink
                .failed(&error, self.counted.records)
                .map(|()| None),
        }
    }
}

impl Waiting {
    /// Whether the log did not even take the records.
    pub(super) fn is_lost(&self) -> bool {
        self.sent.is_err()
    }
}

impl Written {
    fn new(receipts: &[Receipt]) -> Option<Self> {
        Some(Self {
            first: *receipts.first()?,
            last: *receipts.last()?,
        })
    }

    /// Of two parts of one answer.
    pub(crate) fn join(before: Option<Self>, after: Option<Self>) -> Option<Self> {
        match (before, after) {
            (Some(before), Some(after)) => Some(Self {
                first: before.first,
                last: after.last,
            }),
            (one, other) => one.or(other),
        }
    }

    /// The index of the first record.
    pub(crate) fn index(&self) -> u64 {
        self.first.index
    }

    /// `INDEX; LEAFHASH`, or of several records `FIRST-LAST; LEAFHASH` with the last one's hash.
    pub(crate) fn header(&self) -> HeaderValue {
        let text = match self.first.index == self.last.index {
            true => self.last.to_string(),
            false => format!("{}-{}", self.first.index, self.last),
        };
        // Digits and punctuation are always valid in a header.
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0"))
    }
}

fn outcome(decided: score::Outcome) -> Outcome {
    match decided {
        score::Outcome::Approve => Outcome::Approve,
        score::Outcome::Refer => Outcome::Refer,
        score::Outcome::Decline => Outcome::Decline,
    }
}
