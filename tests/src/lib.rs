//! Acceptance: the promises, tested through the public interfaces.

pub mod bench;
pub mod conformance;
pub mod fuzz;
