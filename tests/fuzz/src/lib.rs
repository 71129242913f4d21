//! The targets of the crate `acceptance`, without the hosts that it tests.

#[path = "../../src/fuzz/mod.rs"]
pub mod fuzz;
