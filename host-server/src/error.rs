//! Why the server did not start or did not go on.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::host::LoadError;

/// Why the server did not start or did not go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The model cannot be served.
    #[error(transparent)]
    Model(#[from] LoadError),
    /// The address cannot be listened on.
    #[error("cannot listen on {host}:{port}: {reason}")]
    Bind {
        /// Host name or address, as given.
        host: String,
        /// Port, as given.
        port: u16,
        /// The system's words.
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
    /// A setting that cannot be.
    #[error("{0}")]
    Setting(String),
    /// The server stopped by itself.
    #[error("the server on {address} stopped: {reason}")]
    Run {
        /// Where it listened.
        address: SocketAddr,
        /// The system's words.
        reason: std::io::Error,
    },
}
