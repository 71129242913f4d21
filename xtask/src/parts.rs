//! `cargo xtask parts`: what each part of the engine takes, by the names of its functions.
//!
//! A function counts where its name says that it was written, and one of a library that was
//! made for one of our types counts where that type is. What the compiler moved into its caller
//! counts there, so the figures are good to some hundred bytes. They are taken before wasm-opt,
//! which moves much more.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};

use crate::{engine, wasm};

/// Parts by the modules of the core that they are made of, as symbols write them: the length,
/// then the name. The first module in a symbol counts.
const PARTS: [(&str, &[&str]); 10] = [
    (
        "policy, expressions, derived fields, languages",
        &[
            "6policy",
            "10expression",
            "7derived",
            "6derive",
            "7outcome",
            "9languages",
            "5texts",
        ],
    ),
    (
        "artifact: formats, sections, reader",
        &["8artifact", "4wire"],
    ),
    (
        "linear models, ensembles, calibration",
        &["5model", "11calibration"],
    ),
    ("forests", &["6forest"]),
    (
        "schema and values",
        &["6schema", "5value", "10preprocess", "7literal"],
    ),
    ("requests, decisions, answers", &["6decide", "4json"]),
    ("description", &["8describe"]),
    ("sketches", &["12model_sketch"]),
    ("recourse", &["14model_recourse", "10actionable"]),
    ("reasons, explanations", &["7reasons", "7explain"]),
];
const EXPORTS: &str = "exports and JavaScript";
const LIBRARIES: &str = "standard library and other crates";

/// Builds the engine with the names of its functions, and prints the table.
///
/// # Errors
/// When it cannot be built, or is no module.
pub(crate) fn run() -> Result<()> {
    let path = engine::build_with_names()?;
    let module = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    println!("| part | bytes of code before wasm-opt |");
    println!("|---|---|");
    for (part, bytes) in parts(&module).context("the module cannot be read")? {
        println!("| {part} | {bytes} |");
    }
    Ok(())
}

/// Bytes of each part, the largest first.
fn parts(module: &[u8]) -> Result<Vec<(&'static str, usize)>> {
    let mut bytes = BTreeMap::new();
    for (name, size) in functions(module)? {
        // wasm-bindgen runs these when it makes the glue, and takes them out.
        if name.contains("wbindgen_describe") || name.contains("8describe12WasmDescribe") {
            continue;
        }
        *bytes.entry(part_of(&name)).or_insert(0) += size;
    }
    let mut bytes: Vec<_> = bytes.into_iter().collect();
    bytes.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    Ok(bytes)
}

fn part_of(name: &str) -> &'static str {
    let found = PARTS.iter().flat_map(|(part, modules)| {
        let at = modules.iter().filter_map(|module| name.find(module));
        at.map(|at| (at, *part))
    });
    let is_ours = name.contains("10model_core")
        || name.contains("12model_sketch")
        || name.contains("14model_recourse");
    match found.min() {
        Some((_, part)) if is_ours => part,
        _ if name.contains("10model_wasm") || !name.starts_with("_R") => EXPORTS,
        _ if name.contains("bindgen") || name.contains("6js_sys") => EXPORTS,
        _ => LIBRARIES,
    }
}

/// Name and bytes of each function that a module defines.
fn functions(module: &[u8]) -> Result<Vec<(String, usize)>> {
    let (mut names, mut sizes) = (wasm::function_names(module)?, Vec::new());
    for (id, mut section) in wasm::sections(module)? {
        if id == wasm::CODE {
            for _ in 0..section.number()? {
                sizes.push(section.block()?.0.len());
            }
        }
    }
    let named = (wasm::imported_functions(module)?..).zip(sizes);
    Ok(named
        .map(|(index, size)| (names.remove(&index).unwrap_or_default(), size))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_count_where_they_were_written() {
        let names: [(&[u8], &str); 3] = [
            (b"_RNvNtCs1_10model_core6policy3new", PARTS[0].0),
            (
                b"_RINvXs_5alloc3vecNtNtCs1_10model_core6policy4RuleNtNtB_4wire6Stored4read",
                PARTS[0].0,
            ),
            (b"_RNvNtCs2_4core3fmt5write", LIBRARIES),
        ];
        // The length in two bytes, as LEB128 may have it.
        let block = |bytes: &[u8]| {
            let length = bytes.len();
            [&[length as u8 | 128, (length >> 7) as u8][..], bytes].concat()
        };
        let mut entries = vec![names.len() as u8];
        for (index, (name, _)) in names.iter().enumerate() {
            entries.push(1 + index as u8);
            entries.extend(block(name));
        }
        let name_section = [&block(b"name")[..], &[1], &block(&entries)].concat();
        let module = [
            b"\0asm\x01\0\0\0".to_vec(),
            // One import: function `a.b` of type 0.
            vec![2, 7, 1, 1, b'a', 1, b'b', 0, 0],
            // Bodies of 2, 3 and 4 bytes.
            vec![10, 13, 3, 2, 0, 11, 3, 0, 1, 11, 4, 0, 1, 1, 11],
            vec![0],
            block(&name_section),
        ]
        .concat();
        let expected = vec![(PARTS[0].0, 5), (LIBRARIES, 4)];
        assert_eq!(parts(&module).unwrap_or_default(), expected);
        for (name, part) in names {
            assert_eq!(part_of(&String::from_utf8_lossy(name)), part);
        }
    }
}
