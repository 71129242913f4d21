//! The plain exports, and the only unsafe code of the project: memory that the host fills
//! and reads. Every pointer from a host is used only after a check that its range lies
//! inside a block that `abi_alloc` gave out, so that a wrong one is an error, not undefined
//! behaviour.
#![allow(
    unsafe_code,
    reason = "the module's boundary: the host writes into and reads from our memory"
)]

use std::alloc::{Layout, alloc, dealloc};
use std::cell::RefCell;

use model_core::describe::ABI_VERSION;

use crate::MODULE;
use crate::columns::RESULT;

/// Blocks are aligned for any number type, and for SIMD.
const ALIGN: usize = 16;

/// Where the artifact is: address and length. `pack` writes them in the file; in a bare
/// engine they are 0. The name is the export that `pack` looks for.
#[unsafe(no_mangle)]
pub static ABI_ARTIFACT: ArtifactRange = ArtifactRange([0, 0]);

/// Address and length, as `pack` writes them.
#[repr(C)]
pub struct ArtifactRange([u32; 2]);

thread_local! {
    /// Blocks that the host holds: address and length.
    static BLOCKS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// The artifact that `pack` placed in memory, if there is one.
pub(crate) fn artifact() -> Option<&'static [u8]> {
    // SAFETY: the slot is a static of this module. It is read volatile because its content
    // is changed in the file, after the compiler has seen zeros.
    let [address, len] = unsafe { std::ptr::read_volatile(&raw const ABI_ARTIFACT).0 };
    if len == 0 {
        return None;
    }
    // SAFETY: `pack` puts both numbers and the bytes they name into the initial memory,
    // beyond everything that the linker placed, in pages the allocator does not manage,
    // and nothing ever writes there.
    Some(unsafe { std::slice::from_raw_parts(address as usize as *const u8, len as usize) })
}

/// The version of these exports.
#[unsafe(no_mangle)]
pub extern "C" fn abi_version() -> u32 {
    ABI_VERSION
}

/// `len` bytes, zeroed, aligned to 16; 0 when there is no room.
#[unsafe(no_mangle)]
pub extern "C" fn abi_alloc(len: usize) -> usize {
    let Ok(layout) = Layout::from_size_align(len.max(1), ALIGN) else {
        return 0;
    };
    // SAFETY: the layout is not of size zero.
    let pointer = unsafe { alloc(layout) };
    if !pointer.is_null() {
        // SAFETY: the block was just allocated with this size. Zeroed, it may be read as
        // bytes or numbers whatever the host then writes or leaves out.
        unsafe { pointer.write_bytes(0, layout.size()) };
        BLOCKS.with_borrow_mut(|blocks| blocks.push((pointer as usize, len)));
    }
    pointer as usize
}

/// Frees a block; ignores anything but a block of that length from `abi_alloc`.
#[unsafe(no_mangle)]
pub extern "C" fn abi_free(address: usize, len: usize) {
    let block = (address, len);
    let ours = BLOCKS.with_borrow_mut(|blocks| {
        let index = blocks.iter().rposition(|held| *held == block);
        index.map(|index| blocks.swap_remove(index)).is_some()
    });
    if let (true, Ok(layout)) = (ours, Layout::from_size_align(len.max(1), ALIGN)) {
        // SAFETY: the block came from `abi_alloc` with this layout and was not freed since.
        unsafe { dealloc(address as *mut u8, layout) };
    }
}

/// Whether `len` bytes at `address` lie inside one block that the host holds.
fn held(address: usize, len: usize) -> bool {
    block(address, len).is_some()
}

/// The block that the host holds and `len` bytes at `address` lie inside.
fn block(address: usize, len: usize) -> Option<(usize, usize)> {
    let inside = |&&(start, size): &&(usize, usize)| {
        address >= start && len <= size && address - start <= size - len
    };
    BLOCKS.with_borrow(|blocks| blocks.iter().find(inside).copied())
}

/// Loads the model: 0, or a packed reason.
#[unsafe(no_mangle)]
pub extern "C" fn abi_load() -> u64 {
    MODULE.with_borrow_mut(|module| {
        if module.decider().is_ok() {
            return 0;
        }
        module.describe();
        packed(&module.output)
    })
}

/// The description, packed.
#[unsafe(no_mangle)]
pub extern "C" fn abi_describe() -> u64 {
    MODULE.with_borrow_mut(|module| {
        module.describe();
        packed(&module.output)
    })
}

/// One decision, packed. A request outside the host's blocks counts as empty.
#[unsafe(no_mangle)]
pub extern "C" fn abi_decide(address: usize, len: usize) -> u64 {
    MODULE.with_borrow_mut(|module| {
        module.decide(given(&address, len));
        packed(&module.output)
    })
}

/// The counts of a batch, packed. A batch outside the host's blocks counts as empty.
#[unsafe(no_mangle)]
pub extern "C" fn abi_sketch(address: usize, len: usize) -> u64 {
    MODULE.with_borrow_mut(|module| {
        module.sketch(given(&address, len));
        packed(&module.output)
    })
}

/// What a search for recourse may spend from now on, in evaluations.
#[unsafe(no_mangle)]
pub extern "C" fn abi_budget(evaluations: u32) {
    MODULE.with_borrow_mut(|module| module.budget.evaluations = evaluations);
}

/// Why a decision came out as it did, packed. A request outside the host's blocks counts as
/// empty.
#[unsafe(no_mangle)]
pub extern "C" fn abi_explain(address: usize, len: usize) -> u64 {
    MODULE.with_borrow_mut(|module| {
        module.explain(given(&address, len));
        packed(&module.output)
    })
}

/// The bytes that the host wrote, valid during the call; empty for a range outside its
/// blocks.
fn given(address: &usize, len: usize) -> &[u8] {
    if held(*address, len) {
        bytes(address, *address, len)
    } else {
        &[]
    }
}

/// The HTTP status of the last decision, explanation or sketch.
#[unsafe(no_mangle)]
pub extern "C" fn abi_status() -> u32 {
    MODULE.with_borrow(|module| module.status.into())
}

/// Many rows: returns how many were refused, or `u32::MAX` when the call itself is wrong.
#[unsafe(no_mangle)]
pub extern "C" fn abi_batch(columns: usize, rows: usize, out: usize) -> u32 {
    MODULE.with_borrow_mut(|module| {
        let Ok(decider) = module.decider() else {
            return u32::MAX;
        };
        let (Some(values), Some(out_len)) = (
            rows.checked_mul(decider.inputs())
                .filter(|n| *n <= usize::MAX / 8),
            rows.checked_mul(8),
        ) else {
            return u32::MAX;
        };
        let aligned = columns.is_multiple_of(8) && out.is_multiple_of(8);
        let held = held(columns, values * 8) && held(out, out_len);
        // What is held ends within memory, so these sums do.
        if !(aligned && held && (columns + values * 8 <= out || out + out_len <= columns)) {
            return u32::MAX;
        }
        // SAFETY: both ranges lie inside live, initialised blocks, are aligned and do not
        // overlap; any bits are an f64.
        let (columns, out) = unsafe {
            (
                std::slice::from_raw_parts(columns as *const f64, values),
                std::slice::from_raw_parts_mut(out as *mut f64, rows),
            )
        };
        match decider.batch(columns, out) {
            Ok(refused) => u32::try_from(refused).unwrap_or(u32::MAX),
            Err(_) => u32::MAX,
        }
    })
}

/// Rows of columns in Arrow's layout: returns how many were refused, or a packed reason.
#[unsafe(no_mangle)]
pub extern "C" fn abi_columns(descriptors: usize, columns: usize, rows: usize, out: usize) -> u64 {
    MODULE.with_borrow_mut(|module| {
        let len = rows.saturating_mul(RESULT);
        let own = block(out, len);
        let call = ();
        let memory = |address: usize, len: usize| match block(address, len) {
            // What is written is read by nobody.
            Some(held) if Some(held) != own => bytes(&call, address, len),
            _ => &[],
        };
        let out = match own {
            // SAFETY: the range lies inside a live, initialised block, and `memory` gives no
            // part of that block.
            Some(_) => unsafe { std::slice::from_raw_parts_mut(out as *mut u8, len) },
            None => &mut [],
        };
        match module.columns(&memory, (descriptors, columns), (rows, out)) {
            Some(refused) => refused.into(),
            None => packed(&module.output),
        }
    })
}

/// The bytes of a range that is held, valid during a call.
fn bytes<T>(_call: &T, address: usize, len: usize) -> &[u8] {
    // SAFETY: the range lies inside a live, initialised block, and nothing writes to it or
    // gives it back during the call.
    unsafe { std::slice::from_raw_parts(address as *const u8, len) }
}

/// Address and length in one result: every runtime can return an `i64`, not every one two values.
fn packed(bytes: &[u8]) -> u64 {
    (bytes.as_ptr() as u64) << 32 | bytes.len() as u64
}
