//! The request whose answers are recorded.

use axum::http::HeaderMap;

use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::request_id::RequestId;

/// The header with the client's own id of the application. It is no field of the body, since the
/// module refuses fields that it does not know.
const APPLICATION: &str = "x-application-id";

/// The longest id of an application, in bytes.
const LONGEST: usize = 128;

/// A request that asks for answers.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) id: &'a RequestId,
    /// Whose turns its work takes.
    pub(crate) caller: &'a Caller,
    pub(crate) headers: &'a HeaderMap,
    /// The pattern of its path.
    pub(crate) route: &'static str,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        id: &'a RequestId,
        caller: &'a Caller,
        headers: &'a HeaderMap,
        route: &'static str,
    ) -> Self {
        Self {
            id,
            caller,
            headers,
            route,
        }
    }

    /// The client's id of the application; empty without one.
    ///
    /// # Errors
    /// When it cannot be one.
    pub(super) fn application(&self) -> Result<String, ApiError> {
        let Some(value) = self.headers.get(APPLICATION) else {
            return Ok(String::new());
        };
        let text = value.to_str().unwrap_or_default();
        match text.len() {
            1..=LONGEST => Ok(text.to_owned()),
            _ => Err(ApiError::Malformed {
                detail: format!(
                    "The header {APPLICATION} is not 1 to {LONGEST} visible ASCII characters"
                ),
            }),
        }
    }
}
