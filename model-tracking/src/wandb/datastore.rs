//! The `.wandb` file: a header of seven bytes, then records in the log format of LevelDB.
//!
//! Blocks of 32 KiB, the header being part of the first. A record is cut where a block ends; each
//! piece is `CRC-32 of type and data, u32 | length, u16 | type, u8 | data`, little-endian. What is
//! left of a block that cannot hold a piece's head is zero.

const HEADER: &[u8; 7] = b":W&B\xe1\xbe\x00";
const BLOCK: usize = 32 * 1024;
const PIECE_HEAD: usize = 7;

/// Which part of a record a piece is.
const WHOLE: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// A file in the making.
pub(super) struct Datastore {
    bytes: Vec<u8>,
}

impl Datastore {
    pub(super) fn new() -> Self {
        Self {
            bytes: HEADER.to_vec(),
        }
    }

    pub(super) fn append(&mut self, mut record: &[u8]) {
        let mut begun = false;
        loop {
            let mut left = BLOCK - self.bytes.len() % BLOCK;
            if left < PIECE_HEAD {
                self.bytes.resize(self.bytes.len() + left, 0);
                left = BLOCK;
            }
            let (piece, rest) = record.split_at(record.len().min(left - PIECE_HEAD));
            let kind = match (begun, rest.is_empty()) {
                (false, true) => WHOLE,
                (false, false) => FIRST,
                (true, false) => MIDDLE,
                (true, true) => LAST,
            };
            self.piece(kind, piece);
            if rest.is_empty() {
                return;
            }
            begun = true;
            record = rest;
        }
    }

    fn piece(&mut self, kind: u8, data: &[u8]) {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&[kind]);
        crc.update(data);
        self.bytes.extend(crc.finalize().to_le_bytes());
        // At most a block.
        self.bytes.extend((data.len() as u16).to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend(data);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Type and length of the pieces, and how many bytes they fill.
    fn pieces(records: &[usize]) -> (Vec<(u8, usize)>, usize) {
        let mut store = Datastore::new();
        for &length in records {
            store.append(&vec![7; length]);
        }
        let bytes = store.into_bytes();
        let mut found = Vec::new();
        let mut at = HEADER.len();
        while at < bytes.len() {
            if BLOCK - at % BLOCK < PIECE_HEAD {
                at = at.next_multiple_of(BLOCK);
            }
            let length = usize::from(u16::from_le_bytes([bytes[at + 4], bytes[at + 5]]));
            found.push((bytes[at + 6], length));
            at += PIECE_HEAD + length;
        }
        (found, bytes.len())
    }

    #[test]
    fn records_are_cut_at_the_ends_of_blocks() {
        assert_eq!(pieces(&[3, 0]), (vec![(WHOLE, 3), (WHOLE, 0)], 24));
        let first = BLOCK - HEADER.len() - PIECE_HEAD;
        assert_eq!(pieces(&[first]), (vec![(WHOLE, first)], BLOCK));
        // Two bytes of the block are left: no head fits.
        assert_eq!(pieces(&[first - 2, 5]).0, [(WHOLE, first - 2), (WHOLE, 5)]);
        assert_eq!(
            pieces(&[first + 2 * BLOCK]).0,
            [
                (FIRST, first),
                (MIDDLE, BLOCK - 7),
                (MIDDLE, BLOCK - 7),
                (LAST, 14)
            ]
        );
    }
}
