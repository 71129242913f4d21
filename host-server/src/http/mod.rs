//! HTTP: connections and the threads that serve them, what every request passes, and the
//! forms of requests and answers that all routes share.

pub(crate) mod admission;
pub(crate) mod answers;
pub(crate) mod authentication;
pub(crate) mod body;
pub(crate) mod buffer;
pub(crate) mod caller;
mod certificate;
mod connection;
pub(crate) mod connections;
pub(crate) mod cors;
pub(crate) mod error;
pub(crate) mod gzip;
mod handshake;
mod heads;
pub(crate) mod limits;
pub(crate) mod memory;
pub(crate) mod metrics;
pub(crate) mod middleware;
pub(crate) mod oip_error;
pub(crate) mod own_task;
pub(crate) mod pace;
pub(crate) mod page;
pub(crate) mod person;
mod rate;
pub(crate) mod records;
pub(crate) mod refusal;
pub(crate) mod renewal;
pub(crate) mod request_id;
mod rounds;
mod shares;
mod slow_reader;
pub(crate) mod spans;
pub(crate) mod static_file;
pub(crate) mod tls;
mod trace_context;
pub(crate) mod turns;
pub(crate) mod url;
mod watched;
pub(crate) mod workers;

pub(crate) use connection::{Peer, Service};
pub(crate) use shares::Share;
