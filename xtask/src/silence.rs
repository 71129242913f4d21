//! Takes the last words of panics out of the engine.
//!
//! A panic in the module ends in a trap, and nobody hears what it says before: the module has no
//! standard error. But the words, the places in the source and the code that puts them together
//! take a twentieth of the engine. So the functions that panic trap at once, and wasm-opt then
//! removes what led up to them. What traps, traps as before; what answers, answers as before.

use std::collections::BTreeSet;
use std::ops::Range;

use anyhow::{Context, Result, ensure};

use crate::wasm::{self, Bytes};

/// Functions of the standard library that never return, or that only they call, without the
/// hashes of crates.
const LAST_WORDS: [&str; 13] = [
    "core::panicking::",
    "core::cell::panic_already_",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "__rustc::rust_begin_unwind",
    "<std::panicking::panic_handler::",
];

/// The body of a function that traps: no locals, `unreachable`, `end`.
const TRAP: &[u8] = &[0, 0x00, 0x0b];

/// The module without the words of its panics. It must have the names of its functions.
///
/// # Errors
/// When it is no module, or a compiler calls those functions by other names.
pub(crate) fn silence(module: &[u8]) -> Result<Vec<u8>> {
    let mut silent = module.get(..8).context("it has no header")?.to_vec();
    for (id, section) in wasm::sections(module)? {
        match id {
            wasm::CODE => wasm::push_section(&mut silent, id, &trap_at_once(module, section)?),
            wasm::DATA => wasm::push_section(&mut silent, id, &without_places(section)?),
            _ => wasm::push_section(&mut silent, id, section.0),
        }
    }
    Ok(silent)
}

fn trap_at_once(module: &[u8], mut code: Bytes<'_>) -> Result<Vec<u8>> {
    let names = wasm::function_names(module)?;
    let first = wasm::imported_functions(module)?;
    let count = code.number()?;
    let (mut silent, mut silenced) = (Vec::new(), BTreeSet::new());
    wasm::push_number(&mut silent, count);
    for index in first..first + count {
        let body = code.block()?;
        let name = names.get(&index).map(|name| without_hashes(name));
        match name.filter(|name| is_last_word(name)) {
            Some(name) => {
                wasm::push_block(&mut silent, TRAP);
                silenced.insert(name);
            }
            None => wasm::push_block(&mut silent, body.0),
        }
    }
    // A compiler that names them in another way would make the engine grow without a word.
    for expected in ["panic_fmt", "panic_bounds_check"] {
        let name = format!("core::panicking::{expected}");
        ensure!(
            silenced.contains(&name),
            "expected a function {name}, found none: see how this compiler names it, and write \
             that down in xtask/src/silence.rs"
        );
    }
    Ok(silent)
}

fn is_last_word(name: &str) -> bool {
    LAST_WORDS.iter().any(|start| name.starts_with(start)) || name.ends_with("::assert_failed")
}

/// `core[0123]::panicking::panic_fmt` without what is in brackets.
fn without_hashes(name: &str) -> String {
    let mut parts = name.split('[');
    let start = parts.next().unwrap_or_default();
    parts.fold(start.to_owned(), |plain, part| {
        plain + part.split_once(']').map_or(part, |(_, rest)| rest)
    })
}

/// Zeros where a place in the source stands: `core::panic::Location`, which is the address and
/// the length of a path, a line and a column, and the paths. Only panics read them. wasm-opt
/// leaves zeros away.
fn without_places(section: Bytes<'_>) -> Result<Vec<u8>> {
    let mut data = section.0.to_vec();
    let segments = segments(section)?;
    let mut paths = BTreeSet::new();
    for segment in &segments {
        let words = segment.address.next_multiple_of(4) - segment.address;
        let places = (segment.bytes.start + words..segment.bytes.end.saturating_sub(15)).step_by(4);
        for at in places {
            if let Some(path) = path_of_place(&data, &segments, at) {
                data[at..at + 16].fill(0);
                paths.insert((path.start, path.end));
            }
        }
    }
    for (start, end) in paths {
        data[start..end].fill(0);
    }
    Ok(data)
}

/// Where the path stands that the 16 bytes at `at` name, if they are a place.
fn path_of_place(data: &[u8], segments: &[Segment], at: usize) -> Option<Range<usize>> {
    let word = |index: usize| {
        let bytes = data.get(at + 4 * index..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    };
    let (address, length) = (word(0)?, word(1)?);
    let (line, column) = (word(2)?, word(3)?);
    if length > 300 || !(1..100_000).contains(&line) || !(1..1_000).contains(&column) {
        return None;
    }
    let path = segments.iter().find_map(|segment| {
        let offset = address.checked_sub(segment.address)?;
        let start = segment.bytes.start.checked_add(offset)?;
        // Paths of places end in a zero that their length leaves out.
        (start + length < segment.bytes.end).then_some(start..start + length)
    })?;
    let is_path = data[path.start..=path.end].ends_with(b".rs\0");
    is_path.then_some(path)
}

/// Bytes that a module writes to its memory when it starts.
struct Segment {
    address: usize,
    /// Where they stand in the section.
    bytes: Range<usize>,
}

fn segments(section: Bytes<'_>) -> Result<Vec<Segment>> {
    let mut rest = section;
    let mut segments = Vec::new();
    for _ in 0..rest.number()? {
        let start = (rest.number()?, rest.byte()?);
        // i32.const
        ensure!(start == (0, 0x41), "a data segment has no fixed address");
        // Signed, but no address has the sign.
        let address = rest.number()?;
        ensure!(rest.byte()? == 0x0b, "a data segment has no fixed address");
        let content = rest.block()?;
        let end = section.0.len() - rest.0.len();
        segments.push(Segment {
            address,
            bytes: end - content.0.len()..end,
        });
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &[u8] = b"core/src/a.rs\0";

    /// A module with a function of each name and 64 bytes of data at address 1,024.
    fn module(names: &[&str], data: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        let (mut code, mut entries) = (vec![names.len() as u8], vec![names.len() as u8]);
        for (index, name) in names.iter().enumerate() {
            // `i32.const 7; drop`
            wasm::push_block(&mut code, &[0, 0x41, 7, 0x1a, 0x0b]);
            entries.push(index as u8);
            wasm::push_block(&mut entries, name.as_bytes());
        }
        wasm::push_section(&mut module, wasm::CODE, &code);
        let mut segment = vec![1, 0, 0x41, 0x80, 0x08, 0x0b];
        wasm::push_block(&mut segment, data);
        wasm::push_section(&mut module, wasm::DATA, &segment);
        let mut section = Vec::new();
        wasm::push_block(&mut section, b"name");
        wasm::push_section(&mut section, 1, &entries);
        wasm::push_section(&mut module, wasm::CUSTOM, &section);
        module
    }

    const NAMES: [&str; 4] = [
        "core[0a1b]::panicking::panic_fmt",
        "core[0a1b]::panicking::panic_bounds_check",
        "<alloc[2c]::vec::Vec<_, _>>::remove::assert_failed",
        "model_core::decide::panicking",
    ];

    fn place(address: u32, length: u32) -> Vec<u8> {
        [address, length, 12, 5]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn panics_trap_at_once_and_other_functions_stay() -> Result<()> {
        let silent = silence(&module(&NAMES, b"text"))?;
        let code = wasm::sections(&silent)?;
        let mut code = code.iter().find(|(id, _)| *id == wasm::CODE);
        let (_, bodies) = code.as_mut().context("there is no code")?;
        let mut bodies = *bodies;
        assert_eq!(bodies.number()?, 4);
        for _ in 0..3 {
            assert_eq!(bodies.block()?.0, TRAP);
        }
        assert_eq!(bodies.block()?.0, [0, 0x41, 7, 0x1a, 0x0b]);
        Ok(())
    }

    #[test]
    fn places_are_forgotten_and_other_data_stays() -> Result<()> {
        // The path, two bytes that align, a place, and four words that are none: their text is no
        // path.
        let others = [place(1024, 4), b"model.rs".to_vec()].concat();
        let data = [PATH, &[0; 2], &place(1024, 13), &others].concat();
        let silent = silence(&module(&NAMES, &data))?;
        let sections = wasm::sections(&silent)?;
        let kept = sections.iter().find(|(id, _)| *id == wasm::DATA);
        let (_, kept) = kept.context("there is no data")?;
        let expected = [vec![0; 32], others].concat();
        assert!(kept.0.ends_with(&expected), "{:?}", kept.0);
        assert!(!silent.windows(3).any(|bytes| bytes == b"a.r"));
        Ok(())
    }

    #[test]
    fn a_module_without_those_names_is_refused() {
        let error = silence(&module(&["a", "b"], b"")).map_err(|error| error.to_string());
        let expected = "expected a function core::panicking::panic_fmt, found none";
        assert!(error.is_err_and(|error| error.starts_with(expected)));
    }
}
