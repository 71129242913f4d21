//! The project's own commands: demo, test, build, bench, conformance.

fn main() {}
