//! `underwrite health`: one request to `GET /health`, without an HTTP client.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, bail};

const EXAMPLES: &str = "\
Examples:
  underwrite health
  underwrite health --host 10.0.0.7 --port 8081";

/// The timeout for connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Check the health of a running server, for containers without curl
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Host name or address of the server
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port of the server
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let name = format!("{}:{}", self.host, self.port);
        let status =
            ask(&self.host, self.port).with_context(|| format!("{name} does not answer"))?;
        if status != "200" {
            bail!("{name} is unhealthy: GET /health returned {status}, expected 200");
        }
        writeln!(anstream::stdout().lock(), "{name} is healthy")?;
        Ok(())
    }
}

/// The status of `GET /health`.
fn ask(host: &str, port: u16) -> Result<String> {
    let address = (host, port)
        .to_socket_addrs()?
        .next()
        .context("the host name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.take(1 << 16).read_to_string(&mut answer)?;
    let status = answer.split_whitespace().nth(1);
    Ok(status.context("the answer is not HTTP")?.to_owned())
}
