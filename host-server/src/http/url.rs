//! Addresses of services that are called.

use axum::http::Uri;
use model_client::shown_url;

/// Checks the address of a service that is called; `setting` is what its error calls it.
///
/// # Errors
/// A sentence, which does not show who logs in.
pub(crate) fn check_url(setting: &str, url: &str) -> Result<(), String> {
    let uri = url.parse::<Uri>().ok();
    let is_http = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    match uri.is_some_and(|uri| is_http(&uri) && uri.host().is_some_and(|host| !host.is_empty())) {
        true => Ok(()),
        false => Err(format!(
            "{setting} is `{}`, expected an address such as http://127.0.0.1:9091",
            shown_url(url)
        )),
    }
}
