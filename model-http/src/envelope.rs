//! The two fields that a host adds to a decision.

/// Adds `latency_seconds` and `request_id` before the decision's last brace. What does not
/// end with a brace is left as it is.
///
/// `request_id` must be [valid](crate::request_id::is_valid): it is not escaped. Seconds
/// that are no finite number are written as 0.
pub fn add(decision: &mut Vec<u8>, seconds: f64, request_id: &str) {
    if decision.pop_if(|last| *last == b'}').is_none() {
        return;
    }
    let seconds = if seconds.is_finite() { seconds } else { 0.0 };
    let mut number = zmij::Buffer::new();
    // Piece by piece: this is on the way of every decision, and `format!` would allocate.
    for piece in [
        ",\"latency_seconds\":",
        number.format_finite(seconds),
        ",\"request_id\":\"",
        request_id,
        "\"}",
    ] {
        decision.extend_from_slice(piece.as_bytes());
    }
}
