//! The targets of the crate `acceptance`, by name.

use acceptance::fire::fuzz as http;
use acceptance::fuzz::{TARGETS, Target};

/// Gives an input to a target, which panics when something does not hold.
///
/// # Panics
/// Also when there is no such target.
pub fn check(name: &str, data: &[u8]) {
    let all = TARGETS.iter().chain(&http::TARGETS);
    let is_named = |target: &&Target| target.name == name;
    match { all }.find(is_named) {
        Some(target) => drop((target.check)(data)),
        None => panic!("there is no target {name}"),
    }
}

/// The program of one target.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $crate::check($name, data);
        });
    };
}
