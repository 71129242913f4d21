//! Media types of bodies.

/// The media type of decisions and refusals.
pub const JSON: &str = "application/json";

/// The media types that clients use for JSON lines, the usual one first. None is registered.
pub const NDJSON: [&str; 4] = [
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
];

/// What is expected of a body's encoding where nothing is decompressed.
pub const PLAIN: &str = "none: only batches that are not streamed are decompressed";

/// The media type that a `content-type` header names: without parameters, in lower case.
#[must_use]
pub fn essence(content_type: &str) -> String {
    let essence = content_type.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Whether a media type is JSON: `application/json`, `text/json` or any `+json`.
#[must_use]
pub fn is_json(essence: &str) -> bool {
    essence == JSON || essence == "text/json" || essence.ends_with("+json")
}

/// Whether a media type is one of [`NDJSON`].
#[must_use]
pub fn is_ndjson(essence: &str) -> bool {
    NDJSON.contains(&essence)
}
