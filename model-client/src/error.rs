//! Why a call to a service failed.

use std::io;
use std::path::PathBuf;

/// A call without the response that was wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// No response: the service is down, the name is wrong, the time is over.
    #[error("{service} at {url} does not answer: {problem}")]
    Unreachable {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address, without credentials.
        url: String,
        /// What happened.
        problem: String,
    },
    /// It wants other credentials.
    #[error("{service} at {url} refuses the credentials ({status}): {advice}")]
    Denied {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// 401 or 403.
        status: u16,
        /// Which variable to set.
        advice: String,
    },
    /// It answered with an error.
    #[error("{service} at {url} answered {status} to {request}: {message}")]
    Refused {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// The HTTP status.
        status: u16,
        /// Method and address.
        request: String,
        /// What it said, shortened.
        message: String,
    },
    /// It answered a request that changes something with a redirection, on which what was sent
    /// would be lost.
    #[error(
        "{service} at {url} answered {status} to {request}: it redirects to {location}, where what is sent would be lost; {advice}"
    )]
    Redirected {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// 300 to 399.
        status: u16,
        /// Method and address.
        request: String,
        /// Where to, without login and query.
        location: String,
        /// Which address to use.
        advice: String,
    },
    /// It is encrypted, and names an address that is not, to send something to or to read from.
    #[error(
        "{service} at {url} leads to {location}, which is not encrypted: nothing was sent there; it has to name https:// addresses"
    )]
    Unencrypted {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// Where to, without login and query.
        location: String,
    },
    /// It answered, but not as this service does.
    #[error("{service} at {url} gave an unexpected answer to {request}: {problem}")]
    Unexpected {
        /// Such as `MLflow`.
        service: &'static str,
        /// Its address.
        url: String,
        /// Method and address.
        request: String,
        /// What was expected and what came.
        problem: String,
    },
    /// A file that is not what it was when it was checked. The service did not get its end.
    #[error("{} has changed since it was checked: send it again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A file that was to be sent.
    #[error("cannot read {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}
