//! What answers of several routes have in common.

use axum::http::header::HeaderName;
use axum::response::Response;

use crate::record::Written;

/// The header that says where an answer is recorded.
pub(super) const RECEIPT: HeaderName = HeaderName::from_static("x-decision-log");

/// The header that says where the answer is recorded.
pub(super) fn receipt(response: &mut Response, written: Option<Written>) {
    if let Some(written) = written {
        response.headers_mut().insert(RECEIPT, written.header());
    }
}
