//! How much of a body a host reads. The module refuses what is too long, in its own words:
//! a host hands it one byte more than it accepts, never more.

/// The longest body of one application, in bytes: what the module accepts
/// (`docs/reference/decision-contract.md`).
pub const MAX_REQUEST: usize = 1 << 20;

/// The longest batch that the module counts into a sketch, in bytes.
pub const MAX_SKETCH_BATCH: usize = 16 << 20;

/// How much of a body that is too long a host still reads, in bytes, so that the client
/// receives the answer rather than a broken connection.
pub const MAX_DRAIN: usize = 64 << 20;
