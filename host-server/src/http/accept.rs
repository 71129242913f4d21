//! Headers that are lists, with weights.

use axum::http::HeaderMap;

/// The members of a header that is a comma-separated list, over all its lines.
pub(crate) fn list(
    headers: &HeaderMap,
    name: axum::http::HeaderName,
) -> impl Iterator<Item = &str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

/// A list's member without its parameters, and its weight `q`, 0 to 1 (default 1).
pub(crate) fn weighted(member: &str) -> (&str, f32) {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|q| q.parse().ok())
        .unwrap_or(1.0);
    (name, q)
}
