//! Why the server did not start, or stopped.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::host::LoadError;

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The model cannot be served.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The server cannot listen on the address.
    #[error("cannot listen on {host}:{port}: {reason}")]
    Bind {
        /// Host name or address, as given.
        host: String,
        /// Port, as given.
        port: u16,
        /// The system's message.
        reason: std::io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("TLS: {path}: {reason}")]
    Tls {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The decision log cannot be used; the sentence names the file.
    #[error("decision log: {0}")]
    DecisionLog(String),
    /// A setting has a value that cannot be used; names the setting.
    #[error("{0}")]
    Setting(String),
    /// The system refuses threads.
    #[error("no threads for TLS handshakes: {0}: raise the limit of tasks")]
    Threads(std::io::Error),
    /// The server stopped by itself.
    #[error("the server on {address} stopped: {reason}")]
    Run {
        /// Where it listened.
        address: SocketAddr,
        /// The system's message.
        reason: std::io::Error,
    },
}
