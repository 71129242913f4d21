//! Every decision again, with the very file that made it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use crate::digest::Digest;
use crate::error::LogError;
use crate::reader::{Opened, Reader};
use crate::record::Kind;

/// Records that one thread takes at a time.
const PIECE: u64 = 8192;
/// The most differences that are listed.
const MOST: usize = 1000;

/// Asks a model again: its SHA-256, whether to decide or to explain, and the request. Answers
/// the HTTP status and the bytes, or why there are none.
pub type Ask<'a> = dyn Fn(Digest, Kind, &[u8]) -> Result<(u16, Vec<u8>), String> + Sync + 'a;

/// What a replay found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Decisions and explanations that were asked again.
    pub answers: u64,
    /// Of these, such as differ.
    pub differ: u64,
    /// Decisions and explanations that were erased: nothing is left to ask.
    pub erased: u64,
    /// The differences, in order; at most 1,000.
    pub differences: Vec<Difference>,
}

/// An answer that is another one now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The record.
    pub index: u64,
    /// The model that answered.
    pub model: Digest,
    /// What differs.
    pub cause: String,
}

/// Replays the records of `from..to`, on two threads. Of an answer, every byte and the status
/// are compared.
///
/// # Errors
/// When the log cannot be read, or the keys are missing. What differs is in the answer.
pub fn replay(reader: &Reader, from: u64, to: u64, ask: &Ask<'_>) -> Result<Replayed, LogError> {
    let to = to.min(reader.size()?);
    let next = AtomicU64::new(from);
    let all = Mutex::new(Replayed::default());
    let work = || -> Result<(), LogError> {
        loop {
            let begin = next.fetch_add(PIECE, Ordering::Relaxed);
            if begin >= to {
                return Ok(());
            }
            let mut piece = Replayed::default();
            reader.scan(begin, (begin + PIECE).min(to), |record| {
                again(&record, ask, &mut piece);
                Ok::<_, LogError>(())
            })?;
            let mut all = all
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            all.add(piece);
        }
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(work);
        let first = work();
        let failed = |_| {
            Err(LogError::Argument(
                "a thread of the replay failed".to_owned(),
            ))
        };
        first.and(other.join().unwrap_or_else(failed))
    })?;
    let mut all = all
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    all.differences.sort_by_key(|difference| difference.index);
    all.differences.truncate(MOST);
    Ok(all)
}

impl Replayed {
    fn add(&mut self, piece: Self) {
        self.answers += piece.answers;
        self.differ += piece.differ;
        self.erased += piece.erased;
        self.differences.extend(piece.differences);
    }
}

fn again(record: &Opened, ask: &Ask<'_>, piece: &mut Replayed) {
    if !matches!(record.kind, Kind::Decision | Kind::Explanation) {
        return;
    }
    let Some(body) = &record.body else {
        piece.erased += 1;
        return;
    };
    piece.answers += 1;
    let cause = match ask(record.model, record.kind, &body.request) {
        Err(cause) => cause,
        Ok((status, answer)) if (status, &answer) == (body.details.status, &body.answer) => return,
        Ok((status, _)) if status != body.details.status => {
            format!("the status was {}, it is {status} now", body.details.status)
        }
        Ok((_, answer)) => {
            let same = answer.iter().zip(&body.answer).take_while(|(a, b)| a == b);
            format!(
                "the answers differ from byte {} on ({} bytes then, {} now)",
                same.count(),
                body.answer.len(),
                answer.len()
            )
        }
    };
    piece.differ += 1;
    if piece.differences.len() < MOST {
        piece.differences.push(Difference {
            index: record.index,
            model: record.model,
            cause,
        });
    }
}
