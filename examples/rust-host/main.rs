//! Hosts a `model.wasm` in a Rust program: loads it once, decides one application.
//!
//! Usage: `rust-host MODEL.WASM APPLICATION.JSON`

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example talks on its standard streams"
)]

use std::error::Error;
use std::{env, fs};

use host_server::{Limits, ModelHost};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(model), Some(request)) = (arguments.next(), arguments.next()) else {
        return Err("usage: rust-host MODEL.WASM APPLICATION.JSON".into());
    };

    // Checks the seal, compiles, and loads the model. Share it between threads: each call
    // borrows an instance with memory of its own, and `Limits` bounds its time and memory.
    let host = ModelHost::open(model, Limits::default())?;
    let about = &host.description().model;
    eprintln!("{} {}", about.name, about.version);

    // Bytes in, bytes out. A refused application is an answer too, with its HTTP status.
    let decision = host.decide(&fs::read(request)?)?;
    eprintln!("status {}", decision.status);
    println!("{}", String::from_utf8(decision.body)?);
    Ok(())
}
