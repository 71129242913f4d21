//! The rows of a request, whatever form they came in: read into places in its body, not into a
//! tree, and no further than as many rows as there may be. They become JSON objects, which the
//! module takes, a few at a time; what a value means, and what is wrong with it, is said there.

mod cells;
mod chunk;
pub(super) mod columns;
mod csv;
mod json;
mod table;

pub(super) use cells::{Cells, Fixed, Numbers};
pub(super) use chunk::Chunk;
pub(super) use json::{Unreadable, is_object, list, parse, short};
pub(super) use table::{Column, Table, check_name, most_columns};

/// Where something is in a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    length: u32,
}

impl Span {
    /// Where `part` is, which was taken out of `whole`.
    pub(super) fn of(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        Self {
            // A body is shorter than 4 GiB (`HttpLimits::batch_bytes`).
            start: u32::try_from(start).unwrap_or(u32::MAX),
            length: u32::try_from(part.len()).unwrap_or(0),
        }
    }

    /// What is there; nothing where that is outside.
    pub(super) fn of_body(self, body: &[u8]) -> &[u8] {
        let start = self.start as usize;
        body.get(start..start + self.length as usize)
            .unwrap_or_default()
    }
}
