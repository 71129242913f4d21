//! Redirections: where they lead, and whether the credentials may go along.

use ureq::http;

/// Where a response sends the client; `None` where it is the answer itself.
pub(crate) fn redirected_to(
    response: &http::Response<ureq::Body>,
    url: &str,
) -> Result<Option<String>, ureq::Error> {
    let is_redirection = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = response.headers().get("Location");
    let Some(location) = location.filter(|_| is_redirection) else {
        return Ok(None);
    };
    let bad = || ureq::Error::BadUri("the location of a redirection".to_owned());
    let location = location.to_str().map_err(|_| bad())?;
    if is_absolute(location) {
        return Ok(Some(location.to_owned()));
    }
    let (scheme, rest) = url.split_once("://").ok_or_else(bad)?;
    let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
    match location {
        _ if location.starts_with("//") => Ok(Some(format!("{scheme}:{location}"))),
        _ if location.starts_with('/') => Ok(Some(format!("{scheme}://{authority}{location}"))),
        // Relative to the folder of the address: no service that is asked here does that.
        _ => Err(bad()),
    }
}

/// Where a response sends a client that must not follow, an empty text where it does not say;
/// `None` where it is the answer itself.
pub(crate) fn refused_redirection(response: &http::Response<ureq::Body>) -> Option<&str> {
    if !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get("Location");
    Some(location.map_or("", |location| location.to_str().unwrap_or_default()))
}

/// Whether a location begins with a scheme; one in its query says nothing.
pub(crate) fn is_absolute(location: &str) -> bool {
    let is_scheme = |scheme: &str| !scheme.contains(['/', '?', '#']);
    location
        .split_once("://")
        .is_some_and(|(scheme, _)| is_scheme(scheme))
}

/// Whether an address is encrypted.
pub(crate) fn is_encrypted(url: &str) -> bool {
    const HTTPS: &str = "https://";
    let scheme = url.get(..HTTPS.len());
    scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(HTTPS))
}

/// Scheme, host and port: who gets the credentials of one of them gets them all.
pub(crate) fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: http::Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let host = uri.host()?.to_ascii_lowercase();
    Some((scheme, host, uri.port_u16().unwrap_or(usual)))
}
