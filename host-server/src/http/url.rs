//! Addresses as logs and reports may show them.

use axum::http::Uri;

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

/// An address without what only its owner should know: who logs in, and the query. Other texts
/// are as they are.
///
/// ```
/// use host_server::shown_url;
///
/// assert_eq!(shown_url("http://u:secret@push.example/x?t=1"), "http://…@push.example/x?…");
/// assert_eq!(shown_url("http://push.example:9091"), "http://push.example:9091");
/// ```
#[must_use]
pub fn shown_url(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, _)) => (place, "?…"),
        None => (rest, ""),
    };
    let (authority, path) = match place.find('/') {
        Some(at) => place.split_at(at),
        None => (place, ""),
    };
    let authority = match authority.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{path}{query}")
}
