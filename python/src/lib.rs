//! The Python module `underwrite._native`: a `model.wasm` decides in the process of Python, by
//! `model-core`, as in every other host.
//!
//! What people call is written in Python, in the folder `underwrite` beside this one; here is
//! what has to be fast, or the same to the byte.

mod arrow;
mod json;
mod layout;
mod model;
mod sketches;
mod table;

use pyo3::prelude::*;

#[pymodule]
mod _native {
    #[pymodule_export]
    use super::model::NativeModel;
    #[pymodule_export]
    use super::sketches::merge_sketches;

    /// The version of this package.
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "Python's name for it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
