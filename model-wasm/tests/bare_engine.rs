//! An engine without a model, in Node and in a browser: both interfaces are there, and each
//! says clearly that there is no model. What a packed model does is tested with real files,
//! in every host, by the crate `acceptance`.
//!
//! `wasm-pack test --node model-wasm`, or with `--headless --chrome`.
#![cfg(target_arch = "wasm32")]

use js_sys::{Reflect, Uint8Array, WebAssembly};
use model_wasm::{
    Model, abi_alloc, abi_batch, abi_decide, abi_describe, abi_free, abi_load, abi_status,
    abi_version,
};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_test::wasm_bindgen_test;

const NO_MODEL: &str = "this module has no model: it is a bare engine";

/// The bytes that a packed result names, read as a host does.
fn unpacked(packed: u64) -> String {
    let memory: WebAssembly::Memory = wasm_bindgen::memory().unchecked_into();
    let (start, length) = ((packed >> 32) as u32, packed as u32);
    let bytes = Uint8Array::new(&memory.buffer()).slice(start, start + length);
    String::from_utf8_lossy(&bytes.to_vec()).into_owned()
}

#[wasm_bindgen_test]
fn the_class_cannot_be_constructed() {
    let error = Model::new().map_err(JsValue::from).err();
    let error: Option<js_sys::Error> = error.and_then(|error| error.dyn_into().ok());
    let message = error.map(|error| String::from(error.message()));
    assert_eq!(message.as_deref(), Some(NO_MODEL));
}

#[wasm_bindgen_test]
fn the_plain_exports_answer_503() {
    let expected = format!("{{\"detail\":\"{NO_MODEL}\"}}");
    assert_eq!(unpacked(abi_load()), expected);
    assert_eq!(unpacked(abi_describe()), expected);
    let request = abi_alloc(2);
    assert_eq!(unpacked(abi_decide(request, 2)), expected);
    assert_eq!(abi_status(), 503);
    abi_free(request, 2);
    assert_eq!(abi_batch(0, 0, 0), u32::MAX);
}

#[wasm_bindgen_test]
fn memory_is_given_out_aligned_and_empty_and_refused_when_there_is_none() {
    for length in [0, 1, 15, 16, 17, 100_000] {
        let block = abi_alloc(length);
        assert!(block != 0 && block.is_multiple_of(16));
        let packed = (block as u64) << 32 | length as u64;
        assert!(unpacked(packed).bytes().all(|byte| byte == 0));
        // Only a block of that length is given back; twice or a wrong one does nothing.
        abi_free(block, length + 1);
        abi_free(block, length);
        abi_free(block, length);
    }
    for length in [usize::MAX, usize::MAX / 2, 4_000_000_000] {
        assert_eq!(abi_alloc(length), 0);
    }
    abi_free(0, 8);
    abi_free(3, 8);
}

#[wasm_bindgen_test]
fn both_interfaces_are_exported() {
    let exports = wasm_bindgen::exports();
    for name in [
        "memory",
        "ABI_ARTIFACT",
        "abi_version",
        "abi_alloc",
        "abi_free",
        "abi_load",
        "abi_describe",
        "abi_decide",
        "abi_status",
        "abi_batch",
        "model_new",
        "model_decide",
        "model_batch",
        "model_predict",
        "model_describe",
        "model_status",
    ] {
        let found = Reflect::has(&exports, &name.into());
        assert_eq!(found, Ok(true), "{name}");
    }
    assert_eq!(abi_version(), 1);
}
