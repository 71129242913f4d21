//! Attacks on a running server: the program itself, with a limit on its memory, and clients
//! that mean harm or just measure.

mod client;
pub mod fuzz;
mod probe;
mod runs;
mod server;

pub use client::{Answer, Client, ask, gzip, post};
pub use probe::{Latencies, Probe};
pub use server::{Server, Usage};
