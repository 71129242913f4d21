//! Calls to HTTP services: with a deadline, retried where that is safe, and without ever
//! showing a secret.
//!
//! [`Client`] talks to one service. It retries what may pass (429, 503), and
//! what is idempotent after network errors and 5xx; it gives up when the [`RetryPolicy`]'s time
//! is over. Errors name the service, what was asked and what came, in one line and without
//! control characters.
//!
//! # Example
//!
//! ```
//! use model_client::{Body, Client, Credentials, Request, RetryPolicy, Secret, ServiceError};
//!
//! // Nothing listens on port 1.
//! let address = "http://127.0.0.1:1";
//! let token = Credentials::Bearer(Secret::new("s3cret"));
//! let client = Client::new("MLflow", address, token, "set a token", RetryPolicy::default());
//! let request = Request::new("GET", format!("{address}/version"), Body::Empty);
//!
//! let error = client.send(&request).unwrap_err();
//! assert!(matches!(error, ServiceError::Unreachable { .. }));
//! assert!(!error.to_string().contains("s3cret"));
//! ```

mod client;
mod credentials;
mod error;
mod redirect;
mod request;
mod sent_file;
mod shown;

pub use client::{Client, RetryPolicy};
pub use credentials::{Credentials, Secret, split_credentials};
pub use error::ServiceError;
pub use request::{
    Body, Download, FileBody, Request, Response, encode, encode_path, is_network_error,
};
pub use shown::{one_line, shorten, shown_url};
