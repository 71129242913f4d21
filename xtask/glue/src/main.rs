//! `engine-glue MODULE OUT_DIR`: what wasm-pack has `wasm-bindgen` do, by its library.
//! `cargo xtask test engine` checks that both write the same bytes.

use std::env;
use std::path::Path;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let (Some(module), Some(out_dir)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: engine-glue MODULE OUT_DIR");
    };
    let module = Path::new(&module);
    Bindgen::new()
        .web(true)?
        .typescript(true)
        // The program's default; the library's is the other way round.
        .omit_default_module_path(false)
        .out_name("model")
        .input_path(module)
        .generate(&out_dir)
        .with_context(|| format!("cannot write the JavaScript for {}", module.display()))
}
