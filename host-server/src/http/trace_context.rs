//! W3C Trace Context, level 1: answers a valid `traceparent` with a span of this server.

use axum::http::{HeaderMap, HeaderValue};
use uuid::Uuid;

/// This server's span in a caller's trace.
pub(crate) struct TraceContext(String);

/// `00-` trace id `-` span id `-` flags: `55` characters.
const LENGTH: usize = 55;

/// A span under the caller's; `None` when there is no valid `traceparent`.
pub(crate) fn child_of(headers: &HeaderMap) -> Option<TraceContext> {
    let parent = headers.get("traceparent")?.to_str().ok()?;
    let sound = parent.len() == LENGTH
        && parent.bytes().enumerate().all(|(at, byte)| match at {
            2 | 35 | 52 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
        && parent.starts_with("00-")
        && parent[3..35].bytes().any(|byte| byte != b'0')
        && parent[36..52].bytes().any(|byte| byte != b'0');
    sound.then(|| {
        let (high, low) = Uuid::new_v4().as_u64_pair();
        TraceContext(format!(
            "{}{:016x}{}",
            &parent[..36],
            (high ^ low).max(1),
            &parent[52..]
        ))
    })
}

impl TraceContext {
    /// 32 hexadecimal digits, the caller's.
    pub(crate) fn trace_id(&self) -> &str {
        &self.0[3..35]
    }

    pub(crate) fn header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}
