//! Calls over HTTP that give up in time, try again where that helps, and never show a secret.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body as Incoming, SendBody};

pub use crate::credentials::{Credentials, Secret};
use crate::tracker::TrackError;

/// The most that an answer may have, in bytes; a file is not read through this.
const ANSWER_MAX: u64 = 32 << 20;
/// How much of an error's text is shown, in characters.
const SHOWN: usize = 300;
/// The longest wait that a server can ask for between two tries.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Left as they are in a path or query.
const PLAIN: AsciiSet = NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How long a service is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without a byte sent or received.
    pub silence: Duration,
    /// For everything that is said to a service in one go.
    pub total: Duration,
    /// How often a call is tried that is refused for now (429, 5xx) or does not get through.
    pub attempts: u32,
    /// Before the second try; doubled for each further one.
    pub pause: Duration,
}

impl Default for Patience {
    /// 20 s of silence, 15 min in all, 3 tries, pauses of 0.5 and 1 s.
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(20),
            total: Duration::from_secs(15 * 60),
            attempts: 3,
            pause: Duration::from_millis(500),
        }
    }
}

/// Percent-encodes one part of a path, or a value of a query.
pub(crate) fn encode(part: &str) -> String {
    utf8_percent_encode(part, &PLAIN).to_string()
}

/// Percent-encodes a path, `/` aside.
pub(crate) fn encode_path(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
}

/// What a call brings along.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content<'a> {
    Nothing,
    Json(&'a Value),
    Bytes(&'a [u8], &'a str),
    File(&'a Path, &'a str),
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static str,
    /// A whole address.
    pub(crate) url: String,
    pub(crate) content: Content<'a>,
    /// Names and values, `Content-Type` and `Authorization` aside.
    pub(crate) headers: Vec<(String, String)>,
    /// Whether doing it twice is the same as doing it once.
    pub(crate) repeatable: bool,
    /// Whether the credentials go along.
    pub(crate) authorized: bool,
    /// Whether a redirection is followed.
    pub(crate) follow: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: &'static str, url: String, content: Content<'a>) -> Self {
        Self {
            method,
            url,
            content,
            headers: Vec::new(),
            repeatable: true,
            authorized: true,
            follow: true,
        }
    }

    /// Method and address without query: what errors call it.
    fn name(&self) -> String {
        let end = self.url.find('?').unwrap_or(self.url.len());
        format!("{} {}", self.method, &self.url[..end])
    }
}

/// An answer that was read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// What was asked.
    request: String,
}

impl Answer {
    /// A header, where it is there and plain text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Talks to one service.
pub(crate) struct Client {
    service: &'static str,
    base: String,
    credentials: Credentials,
    /// What to do about 401 and 403.
    advice: &'static str,
    patience: Patience,
    deadline: Instant,
    agent: Agent,
}

impl Client {
    /// For one conversation: `patience.total` counts from here.
    pub(crate) fn new(
        service: &'static str,
        base: &str,
        credentials: Credentials,
        advice: &'static str,
        patience: Patience,
    ) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .redirect_auth_headers(RedirectAuthHeaders::SameHost)
            .timeout_connect(Some(patience.silence.min(Duration::from_secs(10))))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence))
            .timeout_per_write(Some(patience.silence))
            .user_agent(concat!("underwrite/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            service,
            base: base.to_owned(),
            credentials,
            advice,
            patience,
            deadline: Instant::now() + patience.total,
            agent: config.into(),
        }
    }

    /// The service's address, without `/` at its end and without credentials.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Calls, and expects a status below 400.
    pub(crate) fn ok(&self, call: &Call<'_>) -> Result<Answer, TrackError> {
        let answer = self.send(call)?;
        if answer.status < 400 {
            return Ok(answer);
        }
        Err(self.refusal(&answer))
    }

    /// Calls, and expects JSON of this form.
    pub(crate) fn json<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, TrackError> {
        let answer = self.ok(call)?;
        self.parse(&answer)
    }

    /// Reads the JSON of an answer.
    pub(crate) fn parse<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, TrackError> {
        serde_json::from_slice(&answer.body).map_err(|error| {
            let came = shorten(&String::from_utf8_lossy(&answer.body));
            self.unexpected(&answer.request, format!("{error}, in: {came}"))
        })
    }

    /// Calls, and answers whatever the status is.
    pub(crate) fn send(&self, call: &Call<'_>) -> Result<Answer, TrackError> {
        let mut response = self.open(call)?;
        let body = response.body_mut().with_config().limit(ANSWER_MAX);
        let body = body
            .read_to_vec()
            .map_err(|error| self.unreachable(&error.to_string()))?;
        Ok(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
            request: call.name(),
        })
    }

    /// Calls, and leaves the body to be read.
    pub(crate) fn open(&self, call: &Call<'_>) -> Result<Response<Incoming>, TrackError> {
        let mut attempt = 1;
        loop {
            let result = self.try_once(call);
            let wait = match &result {
                Ok(response) => self.wait_after_status(response, call.repeatable),
                Err(Failure::Network(error)) => self.wait_after_error(error, call.repeatable),
                Err(Failure::Other(_)) => None,
            };
            match (wait, result) {
                (Some(wait), _) if attempt < self.patience.attempts && self.is_time_for(wait) => {
                    sleep(wait.unwrap_or(self.patience.pause * (1 << (attempt - 1).min(10))));
                    attempt += 1;
                }
                (_, Ok(response)) => return Ok(response),
                (_, Err(Failure::Network(error))) => {
                    return Err(self.unreachable(&error.to_string()));
                }
                (_, Err(Failure::Other(error))) => return Err(error),
            }
        }
    }

    /// A refusal in words.
    pub(crate) fn refusal(&self, answer: &Answer) -> TrackError {
        let (service, url, status) = (self.service, self.base.clone(), answer.status);
        if matches!(status, 401 | 403) {
            let advice = self.advice.to_owned();
            return TrackError::Denied {
                service,
                url,
                status,
                advice,
            };
        }
        TrackError::Refused {
            service,
            url,
            status,
            request: answer.request.clone(),
            message: message_of(&answer.body),
        }
    }

    /// An answer that is not as it should be.
    pub(crate) fn unexpected(&self, request: &str, problem: String) -> TrackError {
        TrackError::Unexpected {
            service: self.service,
            url: self.base.clone(),
            request: request.to_owned(),
            problem,
        }
    }

    /// No answer.
    pub(crate) fn unreachable(&self, problem: &str) -> TrackError {
        TrackError::Unreachable {
            service: self.service,
            url: self.base.clone(),
            problem: problem.to_owned(),
        }
    }

    fn try_once(&self, call: &Call<'_>) -> Result<Response<Incoming>, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = self.patience.total.as_secs();
            let problem = format!("it took longer than {seconds} s in all");
            return Err(Failure::Other(self.unreachable(&problem)));
        }
        let mut request = Request::builder().method(call.method).uri(&call.url);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(header) = self.credentials.header().filter(|_| call.authorized) {
            request = request.header("Authorization", header);
        }
        let (body, length, kind) = self.body(call.content)?;
        if let Some(kind) = kind {
            request = request.header("Content-Type", kind);
        }
        if let Some(length) = length {
            request = request.header("Content-Length", length);
        }
        let request = request.body(body).map_err(ureq::Error::from)?;
        let redirects = if call.follow { 5 } else { 0 };
        let agent = &self.agent;
        let request = agent
            .configure_request(request)
            .timeout_global(Some(left))
            .max_redirects(redirects)
            .max_redirects_will_error(call.follow)
            .build();
        Ok(agent.run(request)?)
    }

    fn body<'c>(
        &self,
        content: Content<'c>,
    ) -> Result<(SendBody<'static>, Option<u64>, Option<&'c str>), Failure> {
        Ok(match content {
            Content::Nothing => (SendBody::none(), None, None),
            Content::Json(value) => {
                let text = value.to_string().into_bytes();
                let length = text.len() as u64;
                let body = SendBody::from_owned_reader(std::io::Cursor::new(text));
                (body, Some(length), Some("application/json"))
            }
            Content::Bytes(bytes, kind) => {
                let body = SendBody::from_owned_reader(std::io::Cursor::new(bytes.to_vec()));
                (body, Some(bytes.len() as u64), Some(kind))
            }
            Content::File(path, kind) => {
                let file = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
                let (length, file) = file.map_err(|cause| {
                    Failure::Other(TrackError::Run(crate::folder::RunError::Io {
                        doing: "read",
                        path: path.to_owned(),
                        cause,
                    }))
                })?;
                let body = SendBody::from_owned_reader(file.take(length));
                (
                    body,
                    Some(length),
                    Some(kind).filter(|kind| !kind.is_empty()),
                )
            }
        })
    }

    /// How long to wait before another try, if there should be one; the inner `None` is the
    /// usual pause.
    fn wait_after_status(
        &self,
        response: &Response<Incoming>,
        repeatable: bool,
    ) -> Option<Option<Duration>> {
        let status = response.status().as_u16();
        // Refused before anything was done.
        let refused = matches!(status, 429 | 503);
        if !(refused || repeatable && status >= 500) {
            return None;
        }
        let asked = response.headers().get("Retry-After");
        let seconds = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Some(seconds.map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX)))
    }

    fn wait_after_error(&self, error: &ureq::Error, repeatable: bool) -> Option<Option<Duration>> {
        let lasting = matches!(
            error,
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Tls(_)
        );
        let unheard = matches!(
            error,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed
        ) || matches!(error, ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused);
        (!lasting && (repeatable || unheard)).then_some(None)
    }

    fn is_time_for(&self, wait: Option<Duration>) -> bool {
        Instant::now() + wait.unwrap_or_default() < self.deadline
    }
}

/// A call without an answer.
enum Failure {
    Network(ureq::Error),
    Other(TrackError),
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        Self::Network(error)
    }
}

/// What a refusal says: the field that services use for it, or the text.
fn message_of(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let field = |json: &Value| {
        let names = ["message", "error", "detail"];
        let found = names.iter().find_map(|name| json.get(name)?.as_str());
        found.map(str::to_owned)
    };
    shorten(&json.as_ref().and_then(field).unwrap_or(text.into_owned()))
}

/// The beginning, in one line.
pub(crate) fn shorten(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() {
        return "(nothing)".to_owned();
    }
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short() {
        assert_eq!(message_of(b"{\"message\": \"no\\nway\"}"), "no way");
        assert_eq!(message_of(b""), "(nothing)");
        assert_eq!(
            message_of("é".repeat(400).as_bytes()).chars().count(),
            SHOWN + 3
        );
    }
}
