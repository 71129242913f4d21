//! `underwrite health`: one request to `GET /health`, without an HTTP client.

use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, TlsConfig, parse_pem};

use super::serve::keys::key;
use crate::config_file::ConfigFile;
use crate::files;
use crate::settings::Settings;
use crate::terminal;

const EXAMPLES: &str = "\
The server is found by its own settings: UNDERWRITE_PORT and the like in the environment, and the
table [serve] of underwrite.toml. Where it asks clients for certificates, its metrics port is asked
if it has one.

Examples:
  underwrite health
  underwrite health --host 10.0.0.7 --port 8081
  underwrite health --https --client-cert client.pem --client-key client.key";

/// The timeout for connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where `serve` listens unless it is told otherwise.
const DEFAULT_PORT: u16 = 8080;

/// Check the health of a running server, for containers without curl
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Host name or address of the server [default: the server's own, else 127.0.0.1]
    #[arg(long)]
    host: Option<String>,
    /// Port of the server [default: the server's own, else 8080]
    #[arg(long)]
    port: Option<u16>,
    /// Use https; whoever signed the certificate is not checked [default: if the server does]
    #[arg(long)]
    https: bool,
    /// Certificate to show to a server that asks clients for one (PEM file)
    #[arg(long, value_name = "FILE", requires = "client_key")]
    client_cert: Option<PathBuf>,
    /// Private key of that certificate (PEM file)
    #[arg(long, value_name = "FILE", requires = "client_cert")]
    client_key: Option<PathBuf>,
    /// Configuration file of the server [default: underwrite.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Whom to ask.
struct Asked {
    host: String,
    port: u16,
    https: bool,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let asked = self.asked()?;
        let certificate = match (&self.client_cert, &self.client_key) {
            (Some(chain), Some(key)) => Some(client_certificate(chain, key)?),
            _ => None,
        };
        let scheme = if asked.https { "https" } else { "http" };
        let name = format!("{scheme}://{}:{}", asked.host, asked.port);
        let status = ask(&name, certificate).with_context(|| format!("{name} does not answer"))?;
        if status != 200 {
            bail!("{name} is unhealthy: GET /health returned {status}, expected 200");
        }
        writeln!(terminal::stdout(), "{name} is healthy")?;
        Ok(())
    }

    /// As the server beside this is set.
    fn asked(&self) -> Result<Asked> {
        let mut from = Settings::open(ConfigFile::open(self.config.as_deref())?)?;
        let host = from.optional(key("host"), self.host.clone())?;
        let port = from.or(key("port"), self.port, DEFAULT_PORT)?;
        let metrics_port = from.optional::<u16>(key("metrics-port"), None)?;
        let https = self.https || from.path(key("tls-cert"), None)?.is_some();
        let asks_clients = from.path(key("tls-client-ca"), None)?.is_some();
        let host = reachable(host.as_deref().unwrap_or("127.0.0.1"));
        // Without a certificate only the other port answers.
        let by_metrics = asks_clients && self.client_cert.is_none() && self.port.is_none();
        match metrics_port.filter(|_| by_metrics) {
            Some(port) => Ok(Asked {
                host,
                port,
                https: false,
            }),
            None => Ok(Asked { host, port, https }),
        }
    }
}

/// An address to connect to, as a URL has it: a server that listens on all of them also listens on
/// loopback.
fn reachable(host: &str) -> String {
    match host.parse() {
        Ok(IpAddr::V4(address)) if address.is_unspecified() => "127.0.0.1".to_owned(),
        Ok(IpAddr::V6(address)) if address.is_unspecified() => "[::1]".to_owned(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        _ => host.to_owned(),
    }
}

fn client_certificate(chain: &Path, key: &Path) -> Result<ClientCert> {
    let pem = files::read_settings(chain)?;
    let certificates = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(Ok(certificate)),
        Ok(_) => None,
        Err(error) => Some(Err(anyhow!("{}: {error}", chain.display()))),
    });
    let certificates: Vec<Certificate<'static>> = certificates.collect::<Result<_>>()?;
    if certificates.is_empty() {
        bail!(
            "{}: the file has no certificate, expected `-----BEGIN CERTIFICATE-----`",
            chain.display()
        );
    }
    let private = PrivateKey::from_pem(&files::read_settings(key)?);
    let private = private.map_err(|error| anyhow!("{}: {error}", key.display()))?;
    Ok(ClientCert::new_with_certs(&certificates, private))
}

/// The status of `GET /health`.
fn ask(server: &str, certificate: Option<ClientCert>) -> Result<u16> {
    let tls = TlsConfig::builder()
        .disable_verification(true)
        .client_cert(certificate)
        .build();
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
