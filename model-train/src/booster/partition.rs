//! Sending the rows of a node to its two sides, in place and in their order.

use rayon::iter::{IndexedParallelIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::bins::Cells;

/// Rows that one thread sends at a time.
const CHUNK_ROWS: usize = 32_768;

/// Puts the rows whose bin goes left before the others, both in their order; answers how many
/// they are. `spare` has room for as many rows.
pub(super) fn partition(
    rows: &mut [u32],
    spare: &mut [u32],
    cells: &Cells,
    goes_left: &[bool],
) -> usize {
    match cells {
        Cells::Narrow(cells) => in_chunks(rows, spare, |row| goes_left[usize::from(cells[row])]),
        Cells::Wide(cells) => in_chunks(rows, spare, |row| goes_left[usize::from(cells[row])]),
    }
}

fn in_chunks(
    rows: &mut [u32],
    spare: &mut [u32],
    goes_left: impl Fn(usize) -> bool + Sync,
) -> usize {
    if rows.len() <= CHUNK_ROWS {
        let left = send(rows, spare, &goes_left);
        let right = rows.len() - left;
        rows[left..].copy_from_slice(&spare[..right]);
        return left;
    }
    let lefts: Vec<usize> = rows
        .par_chunks_mut(CHUNK_ROWS)
        .zip(spare.par_chunks_mut(CHUNK_ROWS))
        .map(|(rows, spare)| send(rows, spare, &goes_left))
        .collect();
    let mut place = 0;
    for (chunk, left) in lefts.iter().enumerate() {
        let start = chunk * CHUNK_ROWS;
        rows.copy_within(start..start + left, place);
        place += left;
    }
    let all_left = place;
    for (chunk, left) in lefts.iter().enumerate() {
        let start = chunk * CHUNK_ROWS;
        let right = CHUNK_ROWS.min(rows.len() - start) - left;
        rows[place..place + right].copy_from_slice(&spare[start..start + right]);
        place += right;
    }
    all_left
}

/// Moves the rows that go left to the front of `rows` and copies the others to `spare`; what
/// is behind the former is left over. Answers how many go left.
fn send(rows: &mut [u32], spare: &mut [u32], goes_left: impl Fn(usize) -> bool) -> usize {
    let (mut left, mut right) = (0, 0);
    for at in 0..rows.len() {
        let row = rows[at];
        let is_left = goes_left(row as usize);
        // Both are written, one counts: no branch that the processor would guess wrong.
        rows[left] = row;
        spare[right] = row;
        left += usize::from(is_left);
        right += usize::from(!is_left);
    }
    left
}
