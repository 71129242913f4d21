//! Acceptance: the promises, tested through the public doors.

pub mod bench;
pub mod conformance;
pub mod fuzz;
