//! The client of one service.

use std::io::Read;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::config::RedirectAuthHeaders;
use ureq::{Agent, SendBody, http};

use crate::credentials::Credentials;
use crate::error::ServiceError;
use crate::redirect::{is_absolute, is_encrypted, origin, redirected_to, refused_redirection};
use crate::request::{Body, Download, Request, Response};
use crate::sent_file::SentFile;
use crate::shown::{one_line, shorten, shown_url};

/// The most that a response may have, in bytes, as it was sent and unpacked; a [`Download`] has
/// no bound.
const RESPONSE_MAX: u64 = 32 << 20;
/// The longest body in which an error's message is looked for, in bytes.
const MESSAGE_MAX: usize = 64 << 10;
/// The longest wait between two attempts that a server can ask for.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Redirections that are followed.
const REDIRECTS: u32 = 5;

/// How long a service is waited for, and how often it is tried.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// The longest time without a byte sent or received.
    pub idle: Duration,
    /// The longest time for all requests of one [`Client`].
    pub total: Duration,
    /// Attempts for a request that fails in a way that may pass: status 429 or 5xx, or no connection.
    pub attempts: u32,
    /// The wait before the second attempt; doubled for each further one.
    pub backoff: Duration,
}

impl Default for RetryPolicy {
    /// 20 s idle, 15 min in all, 3 attempts, waits of 0.5 and 1 s.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(20),
            total: Duration::from_secs(15 * 60),
            attempts: 3,
            backoff: Duration::from_millis(500),
        }
    }
}

/// Talks to one service.
pub struct Client {
    service: &'static str,
    base: String,
    credentials: Credentials,
    /// What to do about 401 and 403.
    advice: &'static str,
    policy: RetryPolicy,
    deadline: Instant,
    agent: Agent,
}

impl Client {
    /// Nothing is sent yet. `service` and `base` are its name and address in errors, `advice`
    /// says there what to do about refused credentials; `policy.total` counts from here.
    #[must_use]
    pub fn new(
        service: &'static str,
        base: &str,
        credentials: Credentials,
        advice: &'static str,
        policy: RetryPolicy,
    ) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // Redirections that may keep the credentials are followed in `try_once`.
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .timeout_connect(Some(policy.idle.min(Duration::from_secs(10))))
            .timeout_recv_response(Some(policy.idle))
            .timeout_per_read(Some(policy.idle))
            .timeout_per_write(Some(policy.idle))
            .user_agent(concat!("underwrite/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            service,
            base: base.to_owned(),
            credentials,
            advice,
            policy,
            deadline: Instant::now() + policy.total,
            agent: config.into(),
        }
    }

    /// The service's address as it was given, see [`crate::split_credentials`].
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Sends a request and expects a status below 400.
    ///
    /// # Errors
    /// When there is no response, or its status is an error's.
    pub fn ok(&self, request: &Request<'_>) -> Result<Response, ServiceError> {
        let response = self.send(request)?;
        if response.status < 400 {
            return Ok(response);
        }
        Err(self.refusal(&response))
    }

    /// Sends a request and expects JSON of this form.
    ///
    /// # Errors
    /// As [`Client::ok`], or when the body is something else.
    pub fn json<T: DeserializeOwned>(&self, request: &Request<'_>) -> Result<T, ServiceError> {
        let response = self.ok(request)?;
        self.parse(&response)
    }

    /// Reads the JSON of a response.
    ///
    /// # Errors
    /// When the body is something else.
    pub fn parse<T: DeserializeOwned>(&self, response: &Response) -> Result<T, ServiceError> {
        serde_json::from_slice(&response.body).map_err(|error| {
            let came = self.shortened(&String::from_utf8_lossy(&response.body));
            self.unexpected(&response.request, format!("{error}, in: {came}"))
        })
    }

    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    /// When there is no response, or it is longer than 32 MiB, or a request other than `GET` or
    /// `HEAD` is redirected.
    pub fn send(&self, request: &Request<'_>) -> Result<Response, ServiceError> {
        let mut response = self.attempt(request)?;
        let sent = response.body_mut().with_config().limit(RESPONSE_MAX);
        let mut body = Vec::new();
        // That limit counts what comes over the wire: a few bytes can unpack to gigabytes.
        let mut unpacked = sent.reader().take(RESPONSE_MAX + 1);
        unpacked
            .read_to_end(&mut body)
            .map_err(|error| self.unreachable(&error.to_string()))?;
        if body.len() as u64 > RESPONSE_MAX {
            let problem = format!("it is longer than {} MiB", RESPONSE_MAX >> 20);
            return Err(self.unexpected(&request.name(), problem));
        }
        Ok(Response {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
            request: request.name(),
        })
    }

    /// Sends a request and leaves the body to be read.
    ///
    /// # Errors
    /// When there is no response.
    pub fn download(&self, request: &Request<'_>) -> Result<Download, ServiceError> {
        let response = self.attempt(request)?;
        Ok(Download { response })
    }

    /// The error of a status of 400 and more.
    #[must_use]
    pub fn refusal(&self, response: &Response) -> ServiceError {
        let (service, url, status) = (self.service, shown_url(&self.base), response.status);
        if matches!(status, 401 | 403) {
            let advice = self.advice.to_owned();
            return ServiceError::Denied {
                service,
                url,
                status,
                advice,
            };
        }
        ServiceError::Refused {
            service,
            url,
            status,
            request: response.request.clone(),
            message: self.shortened(&message_of(&response.body)),
        }
    }

    /// A text of the service as it may be shown: in one line, without control characters and
    /// without the credentials.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        one_line(&self.credentials.mask(text))
    }

    /// The start of [`Client::shown`].
    #[must_use]
    pub fn shortened(&self, text: &str) -> String {
        shorten(&self.credentials.mask(text))
    }

    /// The error of a response that is not as it should be.
    #[must_use]
    pub fn unexpected(&self, request: &str, problem: String) -> ServiceError {
        ServiceError::Unexpected {
            service: self.service,
            url: shown_url(&self.base),
            request: one_line(request),
            problem: self.shown(&problem),
        }
    }

    /// The error of no response.
    #[must_use]
    pub fn unreachable(&self, problem: &str) -> ServiceError {
        ServiceError::Unreachable {
            service: self.service,
            url: shown_url(&self.base),
            problem: self.shown(problem),
        }
    }

    /// Sends a request as often as the policy allows.
    fn attempt(&self, request: &Request<'_>) -> Result<http::Response<ureq::Body>, ServiceError> {
        let mut attempt = 1;
        loop {
            let result = self.try_once(request);
            let wait = match &result {
                Ok(response) => self.wait_after_status(response, request.idempotent),
                Err(Failure::Network(error)) => self.wait_after_error(error, request.idempotent),
                Err(Failure::Other(_)) => None,
            };
            match (wait, result) {
                (Some(wait), _) if attempt < self.policy.attempts && self.is_time_for(wait) => {
                    sleep(wait.unwrap_or(self.policy.backoff * (1 << (attempt - 1).min(10))));
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

    /// Sends a request once. A redirection of one without a body is followed here, since ureq
    /// keeps the credentials for another port of the same host, or drops them for the same one.
    /// No other is followed: ureq makes a `GET` of it, whose response says nothing about what
    /// was to be sent.
    fn try_once(&self, request: &Request<'_>) -> Result<http::Response<ureq::Body>, Failure> {
        if !request.follow_redirects {
            return self.send_to(&request.url, request, request.authorized);
        }
        if !matches!(request.method, "GET" | "HEAD") {
            let response = self.send_to(&request.url, request, request.authorized)?;
            return match refused_redirection(&response) {
                None => Ok(response),
                Some(location) => {
                    let status = response.status().as_u16();
                    Err(Failure::Other(self.redirected(request, status, location)))
                }
            };
        }
        let mut url = request.url.clone();
        let mut authorized = request.authorized;
        for _ in 0..=REDIRECTS {
            let response = self.send_to(&url, request, authorized)?;
            let Some(next) = redirected_to(&response, &url).map_err(Failure::Network)? else {
                return Ok(response);
            };
            authorized &= origin(&url) == origin(&next);
            url = next;
        }
        Err(Failure::Network(ureq::Error::TooManyRedirects))
    }

    fn send_to(
        &self,
        url: &str,
        request: &Request<'_>,
        authorized: bool,
    ) -> Result<http::Response<ureq::Body>, Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let seconds = self.policy.total.as_secs();
            let problem = format!("it took longer than {seconds} s in all");
            return Err(Failure::Other(self.unreachable(&problem)));
        }
        // Of an encrypted service nothing goes in the clear, wherever it leads.
        if is_encrypted(&self.base) && !is_encrypted(url) {
            return Err(Failure::Other(self.unencrypted(url)));
        }
        if let Some(name) = request.reserved_header() {
            let problem = format!("it names the header field {name}, which is the client's own");
            let error = self.unexpected(&request.name(), problem);
            return Err(Failure::Other(error));
        }
        let mut builder = http::Request::builder().method(request.method).uri(url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let authorized = authorized && !request.has_header("Authorization");
        if let Some(header) = self.credentials.header().filter(|_| authorized) {
            builder = builder.header("Authorization", header);
        }
        let payload = payload(request.body).map_err(Failure::Other)?;
        let media_type = payload.media_type;
        if let Some(media_type) = media_type.filter(|_| !request.has_header("Content-Type")) {
            builder = builder.header("Content-Type", media_type);
        }
        if let Some(length) = payload.length {
            builder = builder.header("Content-Length", length);
        }
        let built = builder.body(payload.body).map_err(ureq::Error::from)?;
        let configured = self
            .agent
            .configure_request(built)
            .timeout_global(Some(left))
            .max_redirects(0)
            .build();
        Ok(self.agent.run(configured)?)
    }

    /// The error of a redirection that is not followed.
    fn redirected(&self, request: &Request<'_>, status: u16, location: &str) -> ServiceError {
        // The same request elsewhere: then its beginning is the service's address there.
        let rest = request.url.strip_prefix(&self.base);
        let there = rest.and_then(|rest| location.strip_suffix(rest));
        let advice = match there.filter(|base| is_absolute(base)) {
            Some(base) => {
                let base = self.shown(&shown_url(base));
                format!("if that is the service, use {base} as its address")
            }
            None => "use an address that does not redirect (https:// for http:// is the usual reason, a sign-in page another)".to_owned(),
        };
        let location = match location {
            "" => "nowhere".to_owned(),
            // Its query, which may hold an `@`, would be taken for the end of a login.
            location => self.shown_location(location),
        };
        ServiceError::Redirected {
            service: self.service,
            url: shown_url(&self.base),
            status,
            request: request.name(),
            location,
            advice,
        }
    }

    /// The error of an address that is not encrypted.
    fn unencrypted(&self, url: &str) -> ServiceError {
        ServiceError::Unencrypted {
            service: self.service,
            url: shown_url(&self.base),
            location: self.shown_location(url),
        }
    }

    /// An address that the service named, without login and query.
    fn shown_location(&self, location: &str) -> String {
        let end = location.find(['?', '#']);
        let place = shown_url(&location[..end.unwrap_or(location.len())]);
        self.shortened(&place) + end.map_or("", |_| "?…")
    }

    /// How long to wait before another attempt, if there should be one; the inner `None` is
    /// the policy's backoff.
    fn wait_after_status(
        &self,
        response: &http::Response<ureq::Body>,
        idempotent: bool,
    ) -> Option<Option<Duration>> {
        let status = response.status().as_u16();
        // Refused before anything was done.
        let refused = matches!(status, 429 | 503);
        if !(refused || idempotent && status >= 500) {
            return None;
        }
        let asked = response.headers().get("Retry-After");
        let seconds = asked.and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Some(seconds.map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX)))
    }

    fn wait_after_error(&self, error: &ureq::Error, idempotent: bool) -> Option<Option<Duration>> {
        let lasting = matches!(
            error,
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::Tls(_)
        );
        // The service cannot have seen the request.
        let unheard = matches!(
            error,
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed
        ) || matches!(error, ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused);
        (!lasting && (idempotent || unheard)).then_some(None)
    }

    fn is_time_for(&self, wait: Option<Duration>) -> bool {
        Instant::now() + wait.unwrap_or_default() < self.deadline
    }
}

/// A body as ureq takes it.
struct Payload<'a> {
    body: SendBody<'static>,
    length: Option<u64>,
    media_type: Option<&'a str>,
}

fn payload<'a>(body: Body<'a>) -> Result<Payload<'a>, ServiceError> {
    let of_bytes = |bytes: Vec<u8>, media_type: &'a str| Payload {
        length: Some(bytes.len() as u64),
        body: SendBody::from_owned_reader(std::io::Cursor::new(bytes)),
        media_type: Some(media_type).filter(|media_type| !media_type.is_empty()),
    };
    Ok(match body {
        Body::Empty => Payload {
            body: SendBody::none(),
            length: None,
            media_type: None,
        },
        Body::Json(value) => of_bytes(value.to_string().into_bytes(), "application/json"),
        Body::Bytes(bytes, media_type) => of_bytes(bytes.to_vec(), media_type),
        Body::File(file) => {
            let (length, body) = SentFile::open(&file)?;
            Payload {
                body: SendBody::from_owned_reader(body),
                length: Some(length),
                media_type: Some(file.media_type).filter(|media_type| !media_type.is_empty()),
            }
        }
    })
}

/// A request without a response.
enum Failure {
    Network(ureq::Error),
    Other(ServiceError),
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        let ureq::Error::Io(error) = error else {
            return Self::Network(error);
        };
        // What was to be sent is as it is, however often it is tried.
        match error.downcast::<ServiceError>() {
            Ok(error) => Self::Other(error),
            Err(error) => Self::Network(ureq::Error::Io(error)),
        }
    }
}

/// What a refusal says: the field that services use for it, or the text.
fn message_of(body: &[u8]) -> String {
    // A document of any length as a tree of values takes many times its length.
    let body = &body[..body.len().min(MESSAGE_MAX)];
    let text = String::from_utf8_lossy(body);
    let json: Option<Value> = serde_json::from_str(&text).ok();
    let field = |json: &Value| {
        let names = ["message", "error", "detail"];
        let found = names.iter().find_map(|name| json.get(name)?.as_str());
        found.map(str::to_owned)
    };
    let message = json.as_ref().and_then(field);
    message.unwrap_or_else(|| text.into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_short() {
        let check = |body: &[u8]| shorten(&message_of(body));
        assert_eq!(check(b"{\"message\": \"no\\nway\"}"), "no way");
        assert_eq!(check(b""), "(nothing)");
        assert_eq!(
            check("é".repeat(400).as_bytes()).chars().count(),
            300 + "...".len()
        );
    }
}
