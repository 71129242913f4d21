//! What is refused when a file is loaded, and in which words.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{limits, sealed, stand_in};
use host_server::{Limits, ModelHost};

/// The file is refused, and the sentence says so.
fn check_refused(file: Vec<u8>, sentence: &str) {
    let error = ModelHost::load(file, limits()).unwrap_err().to_string();
    assert!(
        error.contains(sentence),
        "got: {error}\nexpected: {sentence}"
    );
}

fn check_changed(from: &str, to: &str, sentence: &str) {
    check_refused(stand_in(&[(from, to)]), sentence);
}

#[test]
fn loads_a_module_with_the_plain_exports() {
    let host = ModelHost::load(stand_in(&[]), limits()).unwrap();
    let description = host.description();
    assert_eq!(description.model.name, "stand-in");
    assert_eq!(description.model.version, "1.2.3");
    assert_eq!(description.inputs().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(&host.glue()[..], common::GLUE);
    assert_eq!(host.wasm()[..], stand_in(&[])[..]);
}

#[test]
fn a_file_that_is_no_whole_model() {
    let file = stand_in(&[]);
    let cut = file[..file.len() - 1].to_vec();
    check_refused(cut, "no underwrite seal at the end");
    check_refused(b"hello".to_vec(), "not a WebAssembly module");
    check_refused(Vec::new(), "not a WebAssembly module");
    check_refused(wat::parse_str("(module)").unwrap(), "no underwrite seal");
    let mut flipped = file.clone();
    flipped[100] ^= 1;
    check_refused(flipped, "the file was altered");
    let mut longer = file;
    longer.splice(8..8, [0, 1, 0]);
    check_refused(longer, "was added to");
}

#[test]
fn every_cut_and_every_flipped_byte() {
    let file = stand_in(&[]);
    for length in 0..file.len() {
        assert!(
            ModelHost::load(file[..length].to_vec(), limits()).is_err(),
            "cut at {length}"
        );
    }
    for at in 0..file.len() {
        let mut flipped = file.clone();
        flipped[at] ^= 0x20;
        assert!(ModelHost::load(flipped, limits()).is_err(), "byte {at}");
    }
}

#[test]
fn a_module_that_is_no_model() {
    check_refused(
        sealed("(module)"),
        "exports nothing as `memory`, expected a memory",
    );
    check_changed(
        "\"abi_batch\"",
        "\"abi_bunch\"",
        "exports nothing as `abi_batch`, expected (i32, i32, i32) -> i32",
    );
    check_changed(
        "(func (export \"abi_free\") (param i32 i32))",
        "(func (export \"abi_free\") (param i32))",
        "exports (i32) -> () as `abi_free`, expected (i32, i32) -> ()",
    );
    check_changed(
        "(func (export \"abi_status\") (result i32) (global.get $status))",
        "(export \"abi_status\" (global $status))",
        "exports a global as `abi_status`, expected () -> i32",
    );
    check_changed(
        "(i32.const 1))\n\n  ;; Never",
        "(i32.const 2))\n\n  ;; Never",
        "ABI version 2",
    );
}

#[test]
fn a_module_that_wants_too_much() {
    check_changed(
        "\"wbg\" \"__wbindgen_throw\"",
        "\"wasi_snapshot_preview1\" \"fd_write\"",
        "imports wasi_snapshot_preview1.fd_write",
    );
    check_changed(
        "\"wbg\" \"__wbindgen_throw\" (func (param i32 i32))",
        "\"wbg\" \"__wbindgen_memory\" (table 1 funcref)",
        "imports wbg.__wbindgen_memory",
    );
    check_changed(
        "(func $packed",
        "(func $start unreachable) (start $start) (func $packed",
        "has a start function",
    );
    check_changed(
        "(export \"memory\") 64",
        "(export \"memory\") 129",
        "needs 8454144 bytes of memory to start, the limit is 8388608",
    );
}

#[test]
fn a_module_that_does_not_load() {
    const LOAD: &str = "(export \"abi_load\") (result i64) (i64.const 0)";
    check_changed(
        LOAD,
        "(export \"abi_load\") (result i64) (call $packed (i32.const 3072) (i32.const 35))",
        "the module refused its artifact: the artifact is broken",
    );
    check_changed(
        LOAD,
        "(export \"abi_load\") (result i64) unreachable",
        "the module trapped in abi_load",
    );
    check_changed(
        LOAD,
        "(export \"abi_load\") (result i64) (call $packed (i32.const -8) (i32.const 35))",
        "abi_load returned 35 bytes at 4294967288, expected an address inside its memory",
    );
    check_changed(
        "(call $packed (i32.const 4096) (i32.const 282))",
        "(call $packed (i32.const 1024) (i32.const 31))",
        "description cannot be read: missing field `model`",
    );
}

#[test]
fn a_module_that_hangs_while_loading() {
    let file = stand_in(&[(
        "(export \"abi_load\") (result i64) (i64.const 0)",
        "(export \"abi_load\") (result i64) (loop $for_ever (br $for_ever)) (i64.const 0)",
    )]);
    let limits = Limits {
        load: std::time::Duration::from_millis(200),
        ..limits()
    };
    let error = ModelHost::load(file, limits).unwrap_err().to_string();
    assert_eq!(error, "loading failed: abi_load was stopped after 200ms");
}

#[test]
fn the_error_names_the_file() {
    let missing = ModelHost::open("no/such/model.wasm", limits()).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("no/such/model.wasm: cannot be read: "),
        "{missing}"
    );
}
