//! `underwrite serve`

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use host_server::{ModelSource, ServeOptions, Server, shutdown_signal};

const EXAMPLES: &str = "\
Examples:
  underwrite serve --model model.wasm
  underwrite serve --model model.wasm --host 0.0.0.0 --port 80 --log json

Then, in another window:
  curl localhost:8080/predict -d '{\"person_income\": 65000}'";

/// Serve a model over HTTP, with its page, until ctrl-c.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model.wasm to serve.
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Name or address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// Port to listen on; 0 lets the system choose one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// How to write the log, on standard error (default: text on a terminal, else json).
    #[arg(long, value_enum)]
    log: Option<Log>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Log {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        start_log(self.log);
        let options = ServeOptions {
            host: self.host,
            port: self.port,
            ..ServeOptions::new(ModelSource::File(self.model))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the server's threads")?;
        runtime.block_on(async {
            let server = Server::bind(options).await?;
            let address = server.address();
            let mut stdout = anstream::stdout().lock();
            writeln!(
                stdout,
                "Serving on http://{address}/ (the page, in a browser); stop with ctrl-c"
            )?;
            stdout.flush()?;
            drop(stdout);
            Ok(server.run(shutdown_signal()).await?)
        })
    }
}

fn start_log(log: Option<Log>) {
    let terminal = stderr().is_terminal();
    let log = log.unwrap_or(if terminal { Log::Text } else { Log::Json });
    let subscriber = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(terminal);
    match log {
        Log::Text => subscriber.init(),
        Log::Json => subscriber.json().init(),
    }
}
