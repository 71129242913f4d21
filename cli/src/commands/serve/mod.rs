//! `underwrite serve`

mod allocator;
mod api_keys;
mod args;
mod decision_log;
mod digest;
mod drift;
pub(super) mod keys;
mod log;
mod on_failure;
mod options;
mod origin;
mod source;
mod window_length;

use std::io::Write;
use std::num::NonZeroUsize;

use anyhow::{Context, Result};
use host_server::{HttpLimits, Server, shutdown_signal};

use crate::terminal;

pub(crate) use args::Args;

/// How many file descriptors to ask for: each connection needs one, and many systems allow
/// 1,024 by default.
const DESCRIPTORS: u64 = 65_536;

/// How many of those are for models, logs, the metrics' port and the server itself.
const OTHER_DESCRIPTORS: u64 = 256;

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        if !self.print_config {
            // First, so that nothing is read twice.
            allocator::limit();
        }
        let read = options::read(&self)?;
        if self.print_config {
            terminal::stdout().write_all(read.shown.as_bytes())?;
            return Ok(());
        }
        let source = read.source.context(
            "no model to serve: set --model FILE, --models FOLDER or --from-hub OWNER/NAME",
        )?;
        let mut options = read.options;
        options.models = source.open()?;
        let mut log = log::start(read.log);
        let connections = u64::try_from(options.http.connections.get()).unwrap_or(u64::MAX);
        let wanted = DESCRIPTORS.max(connections.saturating_add(OTHER_DESCRIPTORS));
        let descriptors = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted);
        limit_connections(&mut options.http, descriptors);
        // The server has threads of its own for connections and for what takes long.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start the server's threads")?;
        let served = runtime.block_on(async {
            let server = Server::bind(options).await?;
            // Whoever reads the announcement may stop the server.
            let stop = shutdown_signal();
            announce(&server)?;
            tokio::select! {
                served = server.run(stop) => Ok(served?),
                () = log.tell_of_lost() => Ok(()),
            }
        });
        log.tell();
        // What had to be written has been: nothing waits for a reload that is still fetching.
        runtime.shutdown_background();
        served
    }
}

/// One address could take all descriptors, those of files and of the metrics' port too.
fn limit_connections(limits: &mut HttpLimits, descriptors: u64) {
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS.min(descriptors / 2));
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    let Some(room) = NonZeroUsize::new(room).filter(|room| *room < limits.connections) else {
        return;
    };
    tracing::warn!(
        descriptors,
        connections = room,
        "fewer connections than --max-connections: the system allows too few file descriptors"
    );
    limits.connections = room;
}

fn announce(server: &Server) -> Result<()> {
    let (scheme, address) = (server.scheme(), server.address());
    let page = if server.has_page() {
        " (the page, in a browser)"
    } else {
        ""
    };
    let mut stdout = terminal::stdout();
    writeln!(
        stdout,
        "Serving on {scheme}://{address}/{page}; stop with ctrl-c"
    )?;
    if let Some(address) = server.metrics_address() {
        writeln!(stdout, "Metrics on http://{address}/metrics")?;
    }
    Ok(stdout.flush()?)
}
