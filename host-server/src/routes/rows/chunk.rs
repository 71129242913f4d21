//! A few rows as the module takes them.

/// The longest row that the module is given: what it takes, and a byte more, so that it
/// refuses it.
pub(super) const LONGEST_ROW: usize = (1 << 20) + 1;

/// A chunk that is longer than this takes no more rows, in bytes.
const LONG: usize = 256 << 10;

/// JSON objects one after the other in one piece of memory.
#[derive(Default)]
pub(in super::super) struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// For each row the cell that it does not hold, where there is one.
    asides: Vec<String>,
}

impl Chunk {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.asides.clear();
        // One long row does not make all later ones expensive.
        self.bytes.shrink_to(LONG);
    }

    pub(super) fn is_long(&self) -> bool {
        let asides: usize = self.asides.iter().map(String::len).sum();
        self.bytes.len() + asides >= LONG
    }

    pub(in super::super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| &self.bytes[start..end])
    }

    /// The cells that were set aside, one for each row; none where nothing is.
    pub(in super::super) fn asides(&self) -> impl Iterator<Item = &str> {
        self.asides.iter().map(String::as_str)
    }

    /// The cell of the last row that is no field of it.
    pub(super) fn set_aside(&mut self, cell: &str) {
        self.asides.push(cell.to_owned());
    }

    /// A row as it came.
    pub(super) fn push(&mut self, row: &[u8]) {
        let row = &row[..row.len().min(LONGEST_ROW)];
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    /// A row that `write` makes, field by field.
    pub(super) fn push_object(&mut self, write: impl FnOnce(&mut Object<'_>)) {
        let start = self.bytes.len();
        self.bytes.push(b'{');
        write(&mut Object {
            bytes: &mut self.bytes,
            start,
        });
        self.bytes.push(b'}');
        self.bytes.truncate(start + LONGEST_ROW);
        self.ends.push(self.bytes.len());
    }
}

/// A row that is being written.
pub(super) struct Object<'a> {
    bytes: &'a mut Vec<u8>,
    start: usize,
}

impl Object<'_> {
    /// A field: its name as JSON, its value by `write`.
    pub(super) fn field(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        // It is refused by its length: what follows would only cost memory.
        if self.bytes.len() - self.start > LONGEST_ROW {
            return;
        }
        if self.bytes.len() > self.start + 1 {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(b':');
        write(self.bytes);
    }
}

/// A text as JSON.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    // A longer one makes its row too long, however much of it is written.
    let text = &text[..text.floor_char_boundary(LONGEST_ROW)];
    // Writing to a vector does not fail.
    let _ = serde_json::to_writer(out, text);
}
