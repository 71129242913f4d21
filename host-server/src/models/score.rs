//! What is counted of an answer, read from its JSON without parsing all of it: once, for
//! the metrics, the drift window and the comparison with a challenger.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;

use crate::host::Answer;

/// What a decision says of an application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    /// Whether the outcome is the positive one.
    pub(crate) positive: bool,
    /// Of the positive class, 0 to 1.
    pub(crate) probability: f64,
}

impl Score {
    /// Reads a decision's score; `None` of a refusal.
    pub(crate) fn read(answer: Answer<'_>) -> Option<Self> {
        if answer.status != 200 {
            return None;
        }
        // The keys cannot be found inside a string: a quote in a string is escaped.
        Some(Self {
            positive: after(answer.body, &PREDICTION)?.first()? == &b'1',
            probability: number(after(answer.body, &PROBABILITY)?)?,
        })
    }
}

/// One of an answer's adjustments.
#[derive(Deserialize)]
pub(super) struct Adjustment<'a> {
    #[serde(borrow)]
    pub(super) feature: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
}

/// An answer's adjustments; most have none.
pub(super) fn adjustments(answer: Answer<'_>) -> Vec<Adjustment<'_>> {
    match after(answer.body, &ADJUSTMENTS) {
        None | Some([b'[', b']', ..]) => Vec::new(),
        Some(list) => {
            // The list is followed by the rest of the answer: only its first value is read.
            let mut values = serde_json::Deserializer::from_slice(list).into_iter();
            values.next().and_then(Result::ok).unwrap_or_default()
        }
    }
}

type Key = LazyLock<Finder<'static>>;

static PREDICTION: Key = LazyLock::new(|| Finder::new(b"\"prediction\":"));
static PROBABILITY: Key = LazyLock::new(|| Finder::new(b"\"probability\":"));
static ADJUSTMENTS: Key = LazyLock::new(|| Finder::new(b"\"adjustments\":"));

fn after<'a>(body: &'a [u8], key: &Finder<'_>) -> Option<&'a [u8]> {
    let at = key.find(body)?;
    body.get(at + key.needle().len()..)
}

fn number(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    std::str::from_utf8(text.get(..end)?).ok()?.parse().ok()
}
