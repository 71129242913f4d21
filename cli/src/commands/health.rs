//! `underwrite health`: one request to `GET /health`, without an HTTP client.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use ureq::tls::TlsConfig;

const EXAMPLES: &str = "\
Examples:
  underwrite health
  underwrite health --host 10.0.0.7 --port 8081";

/// The timeout for connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where `serve` listens unless it is told otherwise.
const DEFAULT_PORT: u16 = 8080;

/// Check the health of a running server, for containers without curl
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Host name or address of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port of the server [env: UNDERWRITE_PORT, where it is a number]
    #[arg(long)]
    port: Option<u16>,
    /// Use https; whoever signed the certificate is not checked [default: if UNDERWRITE_TLS_CERT
    /// is set]
    #[arg(long)]
    https: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        // As the server beside this has them. In Kubernetes a variable of this name may be the
        // address of a service: then it says nothing about this server.
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let port = self.port.or_else(|| set("UNDERWRITE_PORT")?.parse().ok());
        let scheme = match self.https || set("UNDERWRITE_TLS_CERT").is_some() {
            true => "https",
            false => "http",
        };
        let name = format!("{scheme}://{}:{}", self.host, port.unwrap_or(DEFAULT_PORT));
        let status = ask(&name).with_context(|| format!("{name} does not answer"))?;
        if status != 200 {
            bail!("{name} is unhealthy: GET /health returned {status}, expected 200");
        }
        writeln!(anstream::stdout().lock(), "{name} is healthy")?;
        Ok(())
    }
}

/// The status of `GET /health`.
fn ask(server: &str) -> Result<u16> {
    let tls = TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .tls_config(tls)
        .build()
        .into();
    let answer = agent.get(format!("{server}/health")).call()?;
    Ok(answer.status().as_u16())
}
