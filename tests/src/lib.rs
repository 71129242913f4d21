//! Acceptance: the promises, tested through the public doors.

pub mod conformance;
