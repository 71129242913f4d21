//! What is sent to a service, and what comes back.

use std::io::{self, Read};
use std::path::Path;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::HeaderMap;

use crate::shown::shown_url;

/// Left as they are in a path or query.
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Percent-encodes one segment of a path, or a value of a query.
///
/// ```
/// assert_eq!(model_client::encode("a b/c"), "a%20b%2Fc");
/// ```
#[must_use]
pub fn encode(part: &str) -> String {
    utf8_percent_encode(part, &PLAIN).to_string()
}

/// Percent-encodes a path, except for its `/`.
#[must_use]
pub fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// The body of a request.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// None.
    Empty,
    /// A JSON document.
    Json(&'a Value),
    /// Bytes and their media type; none is sent where that is empty.
    Bytes(&'a [u8], &'a str),
    /// A file.
    File(FileBody<'a>),
}

/// A file that is sent as it was checked.
#[derive(Debug, Clone, Copy)]
pub struct FileBody<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// None is sent where that is empty.
    pub media_type: &'a str,
    /// The SHA-256 of what was checked, 64 lower-case hexadecimal digits. Of other content the
    /// end is not sent.
    pub sha256: &'a str,
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// Such as `GET`.
    pub method: &'static str,
    /// An absolute address.
    pub url: String,
    /// What is sent.
    pub body: Body<'a>,
    /// Names and values. `Content-Type` and `Authorization` replace those that are sent else.
    /// One of the connection or the message's length (`Host`, `Content-Length`,
    /// `Transfer-Encoding`) is an error, since a service may have named it.
    pub headers: Vec<(String, String)>,
    /// Whether sending it twice is the same as sending it once; default true.
    pub idempotent: bool,
    /// Whether the credentials are sent; default true. A redirection keeps them only where
    /// scheme, host and port stay the same.
    pub authorized: bool,
    /// Whether redirections are followed; default true. Only `GET` and `HEAD` can follow one:
    /// what another method sends would be lost, so that there a redirection is an error. With
    /// `false` the redirection itself is the response.
    pub follow_redirects: bool,
}

impl<'a> Request<'a> {
    /// With the defaults: idempotent, authorized, redirections followed, no other headers.
    #[must_use]
    pub fn new(method: &'static str, url: String, body: Body<'a>) -> Self {
        Self {
            method,
            url,
            body,
            headers: Vec::new(),
            idempotent: true,
            authorized: true,
            follow_redirects: true,
        }
    }

    /// Method and address without login and query: what errors call it.
    pub(crate) fn name(&self) -> String {
        let shown = shown_url(&self.url);
        let end = shown.find('?').unwrap_or(shown.len());
        format!("{} {}", self.method, &shown[..end])
    }
}

/// Header fields of the connection (RFC 9110, 7.6.1), of the message's length, and of whom it is
/// for: the client alone sets them.
const RESERVED: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

impl Request<'_> {
    /// The first header field that is not for others to name.
    pub(crate) fn reserved_header(&self) -> Option<&str> {
        let mut names = self.headers.iter().map(|(name, _)| name.as_str());
        names.find(|name| {
            RESERVED
                .iter()
                .any(|field| field.eq_ignore_ascii_case(name))
        })
    }

    /// Whether a header field is given.
    pub(crate) fn has_header(&self, field: &str) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name);
        names.any(|name| name.eq_ignore_ascii_case(field))
    }
}

/// A response that was read to its end.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: Vec<u8>,
    pub(crate) headers: HeaderMap,
    /// What was asked.
    pub(crate) request: String,
}

impl Response {
    /// A header, where it is there and plain text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A response whose body is still to be read: a file, of any length.
#[derive(Debug)]
pub struct Download {
    pub(crate) response: ureq::http::Response<ureq::Body>,
}

impl Download {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The body. Its errors are told from those of a disk by [`is_network_error`].
    #[must_use]
    pub fn into_reader(self) -> impl Read {
        let body = self.response.into_body().into_with_config();
        body.limit(u64::MAX).reader()
    }
}

/// Whether an error came from the network while a [`Download`] was read.
#[must_use]
pub fn is_network_error(error: &io::Error) -> bool {
    let cause = error.get_ref();
    cause.is_some_and(<dyn std::error::Error + Send + Sync>::is::<ureq::Error>)
}
