//! The outside of a packed `model.wasm`, as `docs/reference/module-abi.md` writes it down. A change
//! here is a change of the contract with every host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use model_core::model_file::{GLUE_SECTION, ModelFile, TYPES_SECTION};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef, Validator, WasmFeatures};

/// What the test looks at: `cargo xtask test` names the file.
fn model() -> Vec<u8> {
    let path = std::env::var("UNDERWRITE_TEST_MODEL")
        .expect("UNDERWRITE_TEST_MODEL must name a packed model.wasm: run `cargo xtask test`");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Everything of another module that a host must provide. Only wasm-bindgen's own, which
/// the plain exports never call; all come from `model.js`.
#[test]
fn imports_are_those_of_the_javascript_api() {
    let wasm = model();
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(&wasm) {
        let Payload::ImportSection(imports) = payload.unwrap() else {
            continue;
        };
        for import in imports.into_imports() {
            let import = import.unwrap();
            assert_eq!(import.module, "./model_bg.js", "{}", import.name);
            assert!(matches!(import.ty, TypeRef::Func(_)), "{}", import.name);
            names.push(without_hash(import.name).to_owned());
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(
        names,
        [
            "__wbg_Error",
            "__wbg_Number",
            "__wbg_String",
            "__wbg___wbindgen_is_string",
            "__wbg___wbindgen_number_get",
            "__wbg___wbindgen_string_get",
            "__wbg___wbindgen_throw",
            "__wbg_instanceof_Number",
            "__wbg_new",
            "__wbg_set",
            "__wbg_stringify",
            "__wbindgen_generic",
            "__wbindgen_object_drop_ref",
        ]
    );
}

/// wasm-bindgen ends its names with 16 hexadecimal digits that change with its version.
fn without_hash(name: &str) -> &str {
    match name.rsplit_once('_') {
        Some((name, hash)) if hash.len() == 16 => name,
        _ => name,
    }
}

/// Every plain export: functions with their types, and the memory and the global; nothing
/// else begins with `abi_`.
#[test]
fn exports_are_as_documented() {
    let exports = exports(&model());
    let plain: Vec<String> = exports
        .iter()
        .filter(|(name, _)| name.to_lowercase().starts_with("abi_") || *name == "memory")
        .map(|(name, what)| format!("{name} {what}"))
        .collect();
    assert_eq!(
        plain,
        [
            "ABI_ARTIFACT global",
            "abi_alloc (i32) -> i32",
            "abi_batch (i32, i32, i32) -> i32",
            "abi_budget (i32)",
            "abi_columns (i32, i32, i32, i32) -> i64",
            "abi_decide (i32, i32) -> i64",
            "abi_describe () -> i64",
            "abi_explain (i32, i32) -> i64",
            "abi_free (i32, i32)",
            "abi_load () -> i64",
            "abi_sketch (i32, i32) -> i64",
            "abi_status () -> i32",
            "abi_version () -> i32",
            "memory memory",
        ]
    );
    for name in [
        "new", "decide", "explain", "sketch", "status", "predict", "describe", "batch",
    ] {
        assert!(exports.contains_key(&format!("model_{name}")), "{name}");
    }
}

fn exports(wasm: &[u8]) -> BTreeMap<String, String> {
    let mut validator = Validator::new();
    let types = validator.validate_all(wasm).unwrap();
    let types = types.as_ref();
    let mut found = BTreeMap::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let Payload::ExportSection(exports) = payload.unwrap() else {
            continue;
        };
        for export in exports {
            let export = export.unwrap();
            let what = match export.kind {
                ExternalKind::Func => {
                    let id = types.core_function_at(export.index);
                    signature(types[id].unwrap_func())
                }
                ExternalKind::Memory => "memory".into(),
                ExternalKind::Global => "global".into(),
                other => format!("{other:?}"),
            };
            found.insert(export.name.to_owned(), what);
        }
    }
    found
}

fn signature(function: &wasmparser::FuncType) -> String {
    let parameters: Vec<String> = function.params().iter().map(ToString::to_string).collect();
    let parameters = parameters.join(", ");
    match function.results() {
        [] => format!("({parameters})"),
        [result] => format!("({parameters}) -> {result}"),
        many => format!("({parameters}) -> {many:?}"),
    }
}

/// WebAssembly 2.0 without reference types: no externref, no threads, no relaxed SIMD; and
/// no start function, which would run before a host has set its limits.
#[test]
fn any_host_can_run_it() {
    let wasm = model();
    let portable = WasmFeatures::WASM2.difference(WasmFeatures::GC_TYPES);
    Validator::new_with_features(portable)
        .validate_all(&wasm)
        .unwrap();
    for payload in Parser::new(0).parse_all(&wasm) {
        assert!(!matches!(payload.unwrap(), Payload::StartSection { .. }));
    }
}

/// Types, glue and seal are the only sections of ours.
#[test]
fn it_carries_types_glue_and_seal() {
    let wasm = model();
    let sections: Vec<String> = Parser::new(0)
        .parse_all(&wasm)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CustomSection(section) => Some(section.name().to_owned()),
            _ => None,
        })
        .filter(|name| name.starts_with("underwrite"))
        .collect();
    assert_eq!(sections, [TYPES_SECTION, GLUE_SECTION, "underwrite.seal"]);
    let file = ModelFile::open(&wasm).unwrap();
    let text = |name| std::str::from_utf8(file.custom_section(name).unwrap()).unwrap();
    let types = text(TYPES_SECTION);
    assert!(types.contains("export class Model") && types.contains("function initSync"));
    let glue = text(GLUE_SECTION);
    assert!(glue.contains("export class Model") && glue.contains("initSync"));
}
