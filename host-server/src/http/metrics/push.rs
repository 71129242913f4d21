//! Pushes metrics to a Pushgateway, for where Prometheus cannot reach the server: from a thread
//! of its own, never in a request.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use model_client::shown_url;

/// Where to push, and how often.
#[derive(Clone)]
pub struct PushOptions {
    /// `PROM_PUSHGATEWAY`: `http://host:9091`.
    pub gateway: String,
    /// `PROM_PUSHJOB`: the `job` label. The old service's is `loan_model`.
    pub job: String,
    /// The `instance` label: which of several servers this is.
    pub instance: Option<String>,
    /// `PROM_USERNAME` and `PROM_API_KEY`, for basic authentication.
    pub login: Option<(String, String)>,
    /// Time between pushes.
    pub every: Duration,
}

impl std::fmt::Debug for PushOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("PushOptions")
            .field("gateway", &shown_url(&self.gateway))
            .field("job", &self.job)
            .finish_non_exhaustive()
    }
}

/// The timeout of one push.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest time between pushes; it doubles with each failure up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Pushes what `text` returns until `stop` is closed, then once more, so that the gateway has
/// the last values.
pub(crate) fn run(options: &PushOptions, text: &dyn Fn() -> String, stop: &Receiver<()>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        // A redirected PUT arrives as a GET, whose answer says nothing about the metrics.
        .max_redirects(0)
        .build()
        .into();
    let url = options.url();
    let mut wait = options.every;
    loop {
        let end = stop.recv_timeout(wait) != Err(RecvTimeoutError::Timeout);
        match push(&agent, &url, options, text()) {
            Ok(()) => wait = options.every,
            Err(error) => {
                wait = wait.saturating_mul(2).min(LONGEST_WAIT.max(options.every));
                tracing::warn!(
                    gateway = shown_url(&options.gateway),
                    %error,
                    next_seconds = wait.as_secs(),
                    "metrics push failed"
                );
            }
        }
        if end {
            return;
        }
    }
}

/// Why a push failed.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error(transparent)]
    Send(#[from] Box<ureq::Error>),
    #[error("the gateway answered {0}")]
    Status(u16),
    #[error(
        "the gateway answered {0}, a redirect: set --pushgateway to the address that it leads to"
    )]
    Redirected(u16),
}

fn push(
    agent: &ureq::Agent,
    url: &str,
    options: &PushOptions,
    text: String,
) -> Result<(), PushError> {
    let mut request = agent
        .put(url)
        .header("content-type", super::text::Format::Text.content_type());
    if let Some((user, password)) = &options.login {
        let login = STANDARD.encode(format!("{user}:{password}"));
        request = request.header("authorization", format!("Basic {login}"));
    }
    let response = request.send(text).map_err(Box::new)?;
    match response.status().as_u16() {
        200..300 => Ok(()),
        status @ 300..400 => Err(PushError::Redirected(status)),
        other => Err(PushError::Status(other)),
    }
}

impl PushOptions {
    /// The grouping key is in the path; base64 lets it hold slashes.
    fn url(&self) -> String {
        let base = self.gateway.trim_end_matches('/');
        let encoded =
            |label: &str, value: &str| format!("/{label}@base64/{}", URL_SAFE.encode(value));
        let instance = self
            .instance
            .as_deref()
            .map(|name| encoded("instance", name));
        format!(
            "{base}/metrics{}{}",
            encoded("job", &self.job),
            instance.unwrap_or_default()
        )
    }
}
