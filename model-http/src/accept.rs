//! `accept` and the headers like it: lists whose members may carry a weight.

/// The members of a header value that is a comma-separated list, without empty ones.
pub fn members(value: &str) -> impl Iterator<Item = &str> {
    value
        .split(',')
        .map(str::trim)
        .filter(|member| !member.is_empty())
}

/// A member without its parameters, and its weight `q`, 0 to 1. A weight that is missing or
/// cannot be read is 1.
#[must_use]
pub fn weighted(member: &str) -> (&str, f32) {
    let mut parts = member.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let q = parts
        .find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
        .and_then(|q| q.parse().ok())
        .unwrap_or(1.0);
    (name, q)
}

/// Whether a client prefers a page to JSON, as browsers do: the values of its `accept`
/// headers weigh `text/html` above `application/json`.
///
/// ```
/// use model_http::accept::prefers_html;
///
/// assert!(prefers_html(["text/html,application/xml;q=0.9,*/*;q=0.8"]));
/// assert!(!prefers_html(["*/*"]));
/// assert!(!prefers_html([]));
/// ```
#[must_use]
pub fn prefers_html<'a>(values: impl IntoIterator<Item = &'a str>) -> bool {
    let values: Vec<&str> = values.into_iter().collect();
    weight(&values, "text/html") > weight(&values, "application/json")
}

/// The weight that the values of `accept` headers give to a media type: that of the most
/// specific range that covers it (RFC 9110, 12.5.1); 0 when none does.
fn weight(values: &[&str], media_type: &str) -> f32 {
    let family = media_type.split('/').next().unwrap_or_default();
    let precision = |range: &str| match range.to_ascii_lowercase() {
        range if range == media_type => Some(2),
        range if range.strip_suffix("/*") == Some(family) => Some(1),
        range if range == "*/*" => Some(0),
        _ => None,
    };
    values
        .iter()
        .flat_map(|value| members(value))
        .map(weighted)
        .filter_map(|(range, q)| Some((precision(range)?, q)))
        .max_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)))
        .map_or(0.0, |(_, q)| q)
}
