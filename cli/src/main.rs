//! The underwrite command: train, serve, score, inspect, verify.

fn main() {}
