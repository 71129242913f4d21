//! HTTP: connections and the threads that serve them, what every request passes, and the
//! forms of requests and answers that all routes share.

pub(crate) mod authentication;
pub(crate) mod body;
mod connection;
pub(crate) mod connections;
pub(crate) mod cors;
pub(crate) mod error;
pub(crate) mod limits;
pub(crate) mod metrics;
pub(crate) mod middleware;
pub(crate) mod oip_error;
pub(crate) mod page;
pub(crate) mod refusal;
pub(crate) mod request_id;
pub(crate) mod spans;
pub(crate) mod static_file;
pub(crate) mod tls;
mod trace_context;
pub(crate) mod workers;

pub(crate) use connection::Service;
