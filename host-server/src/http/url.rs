//! Addresses as logs and reports may show them.

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
