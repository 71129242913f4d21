//! What a request to explain asks for, as far as a host looks at it: the module reads it again.

use bytes::Bytes;
use memchr::{memchr, memmem};
use model_http::limits::MAX_REQUEST;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::admission::Work;

const RECOURSE: &[u8] = b"recourse";

/// The keys of a body that wraps its application.
#[derive(Deserialize)]
struct Wrapped<'b> {
    #[serde(borrow)]
    application: Option<&'b RawValue>,
    #[serde(borrow)]
    recourse: Option<&'b RawValue>,
}

/// A body up to this is read in some microseconds.
const SHORT: usize = 4 << 10;

/// What a body asks to be explained.
pub(super) enum Asked {
    /// The rows of an array.
    Rows,
    /// One application.
    One {
        /// Empty in a body that the module refuses for its length.
        application: Bytes,
        recourse: bool,
    },
}

impl Asked {
    /// Whether it is read in some microseconds.
    pub(super) fn is_short(body: &[u8]) -> bool {
        body.len() <= SHORT || body.starts_with(b"[")
    }

    pub(super) fn read(body: &Bytes) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            return Self::Rows;
        }
        let application = match body.len() <= MAX_REQUEST {
            true => body.slice_ref(application(body)),
            false => Bytes::new(),
        };
        Self::One {
            application,
            recourse: asks_for_recourse(body),
        }
    }

    /// The application alone, empty where there are many.
    pub(super) fn application(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        match self {
            Self::Rows => &NONE,
            Self::One { application, .. } => application,
        }
    }
}

/// The application of a question, or the body, where it is a bare one.
fn application(body: &[u8]) -> &[u8] {
    let wrapped = serde_json::from_slice::<Wrapped<'_>>(body).ok();
    let inside = wrapped.and_then(|wrapped| wrapped.application);
    // Otherwise it is a field of that name.
    let inside = inside.filter(|json| json.get().starts_with('{'));
    inside.map_or(body, |json| json.get().as_bytes())
}

/// Whether the module may look for recourse, which takes up to a thousand times as long as the
/// explanation alone.
pub(super) fn asks_for_recourse(body: &[u8]) -> bool {
    if body.len() > MAX_REQUEST {
        return false;
    }
    // The name is there as it is, or with a letter escaped.
    if memmem::find(body, RECOURSE).is_none() && memchr(b'\\', body).is_none() {
        return false;
    }
    match serde_json::from_slice::<Wrapped<'_>>(body) {
        Ok(Wrapped {
            application: Some(_),
            recourse: Some(recourse),
        }) => recourse.get() != "false",
        Ok(_) => false,
        // The module refuses it, if it reads it as we do.
        Err(_) => true,
    }
}

/// The kind of work that an explanation is.
pub(super) fn work(asks_for_recourse: bool) -> Work {
    match asks_for_recourse {
        true => Work::Recourse,
        false => Work::Piece,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recourse_is_seen_however_it_is_written() {
        for (body, expected) in [
            (r#"{"application":{},"recourse":true}"#, true),
            (
                r#"{"recourse": {"max_changes": 1}, "application": {}}"#,
                true,
            ),
            (r#"{"application":{},"recours\u0065":true}"#, true),
            (r#"{"application":{},"recourse":false}"#, false),
            (r#"{"application":{},"recourse":null}"#, false),
            (r#"{"application":{"recourse":true}}"#, false),
            (r#"{"application":{"name":"a\"b"}}"#, false),
            (r#"{"recourse":true}"#, false),
            (
                r#"{"application":{},"recourse":true,"recourse":false}"#,
                true,
            ),
            (r#"{"age":30}"#, false),
            ("5", false),
        ] {
            assert_eq!(asks_for_recourse(body.as_bytes()), expected, "{body}");
        }
    }
}
