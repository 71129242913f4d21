//! Files that can be derived again against what they should be: what a crash leaves of them is
//! told from what it cannot have left.
//!
//! After a power cut every sector of a file shows what was written to it up to some moment of its
//! own. Tiles and the index only grow, so a sector is the beginning of what it should be, and
//! then zeros. One thing more happens to the index: an erasure sets ids to zero where they are,
//! so the ids of an erased record may still be there. A start after a crash writes the index
//! whole, syncs it and its name, and only then appends: nothing of an earlier life comes back.

use std::io;

use super::Check;
use crate::index;

/// Bytes that a disk writes at once.
const SECTOR: usize = 512;

/// What a crash may have left of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crash {
    /// Some of the sectors were not written, or not to their ends.
    pub(crate) torn: bool,
    /// The file is an index, in which an erasure was not ended.
    pub(crate) erasing: bool,
}

impl Crash {
    /// A tile.
    pub(crate) const TILE: Self = Self {
        torn: true,
        erasing: false,
    };
}

/// What a comparison found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    None,
    /// A crash may leave it: the next start mends it.
    Note(String),
    Problem(String),
}

impl Check {
    /// Compares a file that can be derived. What a crash leaves is a note, where the log was not
    /// closed.
    pub(crate) fn derived(&self, path: &str, expected: &[u8], crash: Crash) -> Difference {
        let found = self.disk.read(&self.layout.path(path));
        self.compare(path, found, expected, crash)
    }

    /// As [`Check::derived`], of a file that was read.
    pub(crate) fn compare(
        &self,
        path: &str,
        found: io::Result<Vec<u8>>,
        expected: &[u8],
        crash: Crash,
    ) -> Difference {
        let found = match found {
            Ok(found) => found,
            Err(_) if self.open => {
                return Difference::Note(format!("{path}: missing; the next start writes it"));
            }
            Err(error) => return Difference::Problem(format!("cannot be read: {error}")),
        };
        if found == expected {
            return Difference::None;
        }
        let byte = if self.open {
            first_unexplained(&found, expected, crash)
        } else {
            Some(common(&found, expected))
        };
        match byte {
            None => Difference::Note(format!(
                "{path}: torn, as a crash leaves it; the next start writes it"
            )),
            Some(byte) => Difference::Problem(format!(
                "byte {byte} is not what the records lead to ({} bytes expected, {} found)",
                expected.len(),
                found.len()
            )),
        }
    }
}

/// How many bytes both begin with.
fn common(found: &[u8], expected: &[u8]) -> usize {
    let both = found.iter().zip(expected);
    both.take_while(|(found, expected)| found == expected)
        .count()
}

/// The first byte that no crash leaves; `None` when all can be explained by one.
fn first_unexplained(found: &[u8], expected: &[u8], crash: Crash) -> Option<usize> {
    let end = found.len().min(expected.len());
    for begin in (0..end).step_by(SECTOR) {
        let sector = begin..end.min(begin + SECTOR);
        let is_same = |at: &usize| {
            found[*at] == expected[*at]
                || (crash.erasing && index::is_before_erasure(expected, *at, found[*at]))
        };
        let mut rest = sector.skip_while(is_same);
        let byte = if crash.torn {
            rest.find(|at| found[*at] != 0)
        } else {
            rest.next()
        };
        if byte.is_some() {
            return byte;
        }
    }
    // A crash leaves less of a file, and never more.
    (found.len() > end || expected.len() > end && !crash.torn).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Entry;
    use crate::record::{Kind, Outcome};

    const INDEX: Crash = Crash {
        torn: true,
        erasing: true,
    };
    const ENDED: Crash = Crash {
        torn: false,
        erasing: true,
    };

    /// An index of 30 records; those whose number is a multiple of 3 are erased.
    fn indexes() -> (Vec<u8>, Vec<u8>) {
        let entry = |number: u64| Entry {
            offset: number * 700,
            length: 700,
            // No byte of it becomes zero by the bit that is flipped: that would look torn.
            minute: 29_000_001,
            kind: Kind::Decision,
            outcome: Outcome::Approve,
            link: None,
            erased: false,
            request: u64::MAX - number,
            application: u64::MAX / 3 - number,
        };
        let erased = |number: u64| match number % 3 {
            0 => entry(number).erase(),
            _ => entry(number),
        };
        let before = (0..30).flat_map(|number| entry(number).to_bytes());
        let after = (0..30).flat_map(|number| erased(number).to_bytes());
        (before.collect(), after.collect())
    }

    #[test]
    fn every_mixture_of_sectors_that_a_power_cut_leaves_is_explained() {
        let (before, after) = indexes();
        let (written, cut) = (13 * index::LEN, 20 * index::LEN + 7);
        // Each sector: as it is to be, not erased yet, written in part, or not at all.
        for mixture in 0..4_u32.pow(3) {
            let mut found = after.clone();
            for (number, sector) in found.chunks_mut(SECTOR).enumerate() {
                let begin = number * SECTOR;
                let range = begin..begin + sector.len();
                match mixture / 4_u32.pow(number as u32) % 4 {
                    0 => {}
                    1 => sector.copy_from_slice(&before[range]),
                    2 => sector[written.saturating_sub(begin).min(range.len())..].fill(0),
                    _ => sector.fill(0),
                }
            }
            assert_eq!(first_unexplained(&found, &after, INDEX), None, "{mixture}");
            found.truncate(cut);
            assert_eq!(first_unexplained(&found, &after, INDEX), None, "{mixture}");
        }
        assert_eq!(first_unexplained(&before, &after, ENDED), None);
        assert_eq!(first_unexplained(&after[..cut], &after, ENDED), Some(cut));
        for crash in [INDEX, ENDED] {
            assert_eq!(first_unexplained(&after, &after[..cut], crash), Some(cut));
        }
    }

    #[test]
    fn what_no_crash_leaves_is_not() {
        let (_, after) = indexes();
        for byte in 0..after.len() {
            let (number, field) = (byte / index::LEN, byte % index::LEN);
            let is_id = number % 3 == 0 && (field >= 32 || field == 18);
            // A bit of the flags that says nothing of an erasure.
            let bit = if field == 18 { 1 } else { 0x40 };
            let mut found = after.clone();
            found[byte] ^= bit;
            let what = first_unexplained(&found, &after, INDEX);
            assert_eq!(what.is_none(), is_id && field != 18, "byte {byte}");
        }
    }
}
