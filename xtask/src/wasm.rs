//! Bytes of a WebAssembly module: as much as the engine's tools have to read and write.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

/// Numbers of sections.
pub(crate) const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;

/// Number and content of each section, in their order.
///
/// # Errors
/// When the module is cut off.
pub(crate) fn sections(module: &[u8]) -> Result<Vec<(u8, Bytes<'_>)>> {
    let mut rest = Bytes(module.get(8..).context("it has no header")?);
    let mut sections = Vec::new();
    while !rest.0.is_empty() {
        sections.push((rest.byte()?, rest.block()?));
    }
    Ok(sections)
}

/// Names of functions by their index; empty for a module without names.
///
/// # Errors
/// When the module is cut off.
pub(crate) fn function_names(module: &[u8]) -> Result<BTreeMap<usize, String>> {
    let mut names = BTreeMap::new();
    for (id, mut section) in sections(module)? {
        if id != CUSTOM || section.text()? != "name" {
            continue;
        }
        while !section.0.is_empty() {
            let kind = section.byte()?;
            let mut entries = section.block()?;
            // Names of functions; others are of locals, globals and data.
            if kind == 1 {
                for _ in 0..entries.number()? {
                    names.insert(entries.number()?, entries.text()?.to_owned());
                }
            }
        }
    }
    Ok(names)
}

/// How many functions a module imports: its own are numbered after them.
///
/// # Errors
/// When the module is cut off or imports anything else.
pub(crate) fn imported_functions(module: &[u8]) -> Result<usize> {
    let mut functions = 0;
    for (id, mut section) in sections(module)? {
        if id != IMPORTS {
            continue;
        }
        for _ in 0..section.number()? {
            section.text()?;
            section.text()?;
            match section.byte()? {
                0 => {
                    section.number()?;
                    functions += 1;
                }
                other => bail!("it imports something of kind {other}, expected functions alone"),
            }
        }
    }
    Ok(functions)
}

/// Appends a section.
pub(crate) fn push_section(module: &mut Vec<u8>, id: u8, content: &[u8]) {
    module.push(id);
    push_block(module, content);
}

/// Appends bytes with their length before them.
pub(crate) fn push_block(bytes: &mut Vec<u8>, content: &[u8]) {
    push_number(bytes, content.len());
    bytes.extend(content);
}

/// Appends a number as LEB128: seven bits a byte, the lowest first.
pub(crate) fn push_number(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Bytes of a module that are not read yet.
#[derive(Clone, Copy)]
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.0.split_first().context("it ends too early")?;
        self.0 = rest;
        Ok(*first)
    }

    /// LEB128.
    pub(crate) fn number(&mut self) -> Result<usize> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(number);
            }
        }
        bail!("a number in it is too long")
    }

    /// As many bytes as the number before them says.
    pub(crate) fn block(&mut self) -> Result<Self> {
        let length = self.number()?;
        let (block, rest) = self
            .0
            .split_at_checked(length)
            .context("it ends too early")?;
        self.0 = rest;
        Ok(Self(block))
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let block = self.block()?;
        std::str::from_utf8(block.0).context("a name in it is not UTF-8")
    }
}
