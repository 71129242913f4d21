//! What is counted of an answer, read from its JSON without parsing all of it: once, for
//! the metrics, the drift window and the comparison with a challenger.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::host::Answer;

/// What is decided: by the policy, or where a model has none by its threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Outcome {
    Approve,
    Refer,
    Decline,
}

impl Outcome {
    pub(crate) const ALL: [Self; 3] = [Self::Approve, Self::Refer, Self::Decline];

    /// As answers have it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Refer => "refer",
            Self::Decline => "decline",
        }
    }

    /// That of an answer, which in formats 1 and 2 says only whether it approves.
    pub(crate) fn or_by(stated: Option<Self>, approve: bool) -> Self {
        stated.unwrap_or(if approve {
            Self::Approve
        } else {
            Self::Decline
        })
    }
}

/// What a decision says of an application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Score {
    pub(crate) outcome: Outcome,
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
        let approve = after(answer.body, &PREDICTION)?.first()? == &b'1';
        let stated = after(answer.body, &OUTCOME).and_then(|text| {
            let is = |outcome: &Outcome| text.starts_with(outcome.word().as_bytes());
            Outcome::ALL.into_iter().find(is)
        });
        Some(Self {
            outcome: Outcome::or_by(stated, approve),
            probability: number(after(answer.body, &PROBABILITY)?)?,
        })
    }

    /// Whether the positive outcome was decided.
    pub(crate) fn approves(self) -> bool {
        self.outcome == Outcome::Approve
    }
}

/// One of an answer's adjustments.
#[derive(Deserialize)]
pub(super) struct Adjustment<'a> {
    #[serde(borrow)]
    pub(super) feature: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    to: Option<&'a RawValue>,
}

/// An answer's adjustments, each as `feature:kind:to`; `to` is empty where the value stays missing.
pub(crate) fn adjusted(answer: Answer<'_>) -> Vec<String> {
    let each = adjustments(answer).into_iter().map(|one| {
        let json = one.to.map_or("null", RawValue::get);
        let to = match serde_json::from_str::<Option<String>>(json) {
            Ok(text) => text.unwrap_or_default(),
            Err(_) => json.to_owned(),
        };
        format!("{}:{}:{to}", one.feature, one.kind)
    });
    each.collect()
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

/// The codes of the rules that matched; none where there is no policy.
pub(super) fn rules(answer: Answer<'_>) -> impl Iterator<Item = &str> {
    let list = after(answer.body, &RULES).and_then(|list| {
        let end = list.iter().position(|byte| *byte == b']')?;
        std::str::from_utf8(list.get(..end)?).ok()
    });
    // A code has no character that JSON escapes, no comma and no bracket.
    let codes = list.unwrap_or_default().split(',');
    codes
        .map(|code| code.trim_matches('"'))
        .filter(|code| !code.is_empty())
}

/// A reason of an answer that carries them.
#[derive(Deserialize)]
pub(super) struct Reason<'a> {
    #[serde(borrow)]
    pub(super) code: Cow<'a, str>,
    /// Of the points lost; none of a rule's reason.
    #[serde(default)]
    share: Option<f64>,
}

/// Why a decision is no approval; none where answers carry no reasons.
pub(super) fn reasons(answer: Answer<'_>) -> Vec<Reason<'_>> {
    let Some(list) = after(answer.body, &REASONS) else {
        return Vec::new();
    };
    let mut values = serde_json::Deserializer::from_slice(list).into_iter();
    values.next().and_then(Result::ok).unwrap_or_default()
}

/// The first reason of an answer that the score gave, not a rule: what counted most.
pub(super) fn first_of_score(answer: Answer<'_>) -> Option<Cow<'_, str>> {
    let mut of_score = reasons(answer).into_iter();
    let first = of_score.find(|reason| reason.share.is_some())?;
    Some(first.code)
}

type Key = LazyLock<Finder<'static>>;

static PREDICTION: Key = LazyLock::new(|| Finder::new(b"\"prediction\":"));
static PROBABILITY: Key = LazyLock::new(|| Finder::new(b"\"probability\":"));
static ADJUSTMENTS: Key = LazyLock::new(|| Finder::new(b"\"adjustments\":"));
static OUTCOME: Key = LazyLock::new(|| Finder::new(b"\"outcome\":\""));
static REASONS: Key = LazyLock::new(|| Finder::new(b"\"reasons\":"));
static RULES: Key = LazyLock::new(|| Finder::new(b"\"rules\":["));

fn after<'a>(body: &'a [u8], key: &Finder<'_>) -> Option<&'a [u8]> {
    let at = key.find(body)?;
    body.get(at + key.needle().len()..)
}

fn number(text: &[u8]) -> Option<f64> {
    let end = text.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    std::str::from_utf8(text.get(..end)?).ok()?.parse().ok()
}
