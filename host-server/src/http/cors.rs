//! Which pages of other origins may call the API.

use std::time::Duration;

use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::request_id::HEADER;

/// Checks an origin as browsers send it: `https://app.example:8443`, or `*` for any.
///
/// # Errors
/// A sentence: no browser would ever match it.
pub(crate) fn check(origin: &str) -> Result<(), String> {
    let rest = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let is_host = |rest: &str| {
        let authority = rest.parse::<Authority>();
        authority.is_ok_and(|authority| authority.as_str() == rest && !rest.contains(['@', '*']))
    };
    // Browsers send the host in lower case, and compare letter by letter.
    match origin == "*" || rest.is_some_and(|rest| is_host(rest) && rest == rest.to_lowercase()) {
        true => Ok(()),
        false => Err(format!(
            "cors-origin is `{origin}`, expected `*` or an origin as browsers send it: http:// or https://, a host in lower case and perhaps a port, without a path or a final `/`"
        )),
    }
}

/// The layer that lets pages of these origins call; `None` when there are none.
pub(crate) fn layer(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(
            origins
                .iter()
                .filter_map(|origin| HeaderValue::from_str(origin).ok()),
        )
    };
    Some(
        CorsLayer::new()
            .allow_origin(allowed)
            .allow_methods([Method::GET, Method::POST])
            .allow_headers([
                header::CONTENT_TYPE,
                header::AUTHORIZATION,
                HeaderName::from_static("x-api-key"),
                HeaderName::from_static("x-application-id"),
                HEADER,
            ])
            .expose_headers([HEADER, HeaderName::from_static("x-decision-log")])
            .max_age(Duration::from_secs(600)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_one_that_browsers_send() {
        for origin in [
            "*",
            "https://app.example",
            "http://localhost:5173",
            "http://[::1]:80",
        ] {
            assert_eq!(check(origin), Ok(()));
        }
        for origin in [
            "",
            "app.example",
            "https://",
            "https://app.example/",
            "https://App.example",
            "https://u@app.example",
            "https://a b",
            "ftp://app.example",
            "null",
            "https://*.app.example",
        ] {
            assert!(check(origin).is_err(), "{origin}");
        }
    }
}
