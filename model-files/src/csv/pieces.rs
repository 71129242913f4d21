//! Cutting the text of a CSV file into pieces of whole records, so that several threads can read
//! one file.

use std::io::{Cursor, Read};

use super::{BUFFER, CsvError, CsvErrorKind, MAX_RECORD, StrayQuotes, Table};

/// Bytes that a piece has, if no record is longer.
const PIECE: usize = 1 << 20;
/// Pieces that are read at once on each thread.
const PIECES_PER_JOB: usize = 4;

/// A CSV file that is cut into pieces. Stray quotes are refused when a piece is read: then what
/// [`Table`] reads of the pieces, one after the other, is what it reads of the whole, errors and
/// their lines included. (One error has another name: a stray quote that opens a field without end
/// is called what it is, where the whole file's reader finds a record that is too long.)
///
/// # Example
/// ```
/// use model_files::csv::Pieces;
///
/// let mut pieces = Pieces::open("a,b\n1,2\n3,4\n".as_bytes(), "numbers.csv")?;
/// let piece = pieces.next_piece()?.expect("there are rows");
/// let mut table = pieces.head().table(&piece);
/// assert_eq!(table.next_row()?.map(|row| row.line), Some(2));
/// # Ok::<(), model_files::csv::CsvError>(())
/// ```
pub struct Pieces<R> {
    source: R,
    head: Head,
    /// What was read and belongs to no piece yet.
    waiting: Vec<u8>,
    /// Line endings and bytes before that.
    newlines: u64,
    bytes_read: u64,
    ended: bool,
}

/// What every piece of a file shares.
#[derive(Debug, Clone)]
pub struct Head {
    name: String,
    header: Vec<String>,
    header_raw: Vec<u8>,
    line_end: &'static str,
    quotes: StrayQuotes,
}

/// Whole records; the default has none.
#[derive(Debug, Default)]
pub struct Piece {
    bytes: Vec<u8>,
    /// Line endings before it.
    newlines: u64,
}

impl<R: Read> Pieces<R> {
    /// Reads the header; `name` is what errors call the file.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn open(source: R, name: &str) -> Result<Self, CsvError> {
        Self::open_with(source, name, StrayQuotes::Refused)
    }

    /// The same, with a choice of what stray quotes are. Where they are kept, nobody can say
    /// where records end without reading them from the front: the pieces end before the first
    /// quote, and [`Pieces::into_rest`] reads on.
    ///
    /// # Errors
    /// As [`Table::open`].
    pub fn open_with(source: R, name: &str, quotes: StrayQuotes) -> Result<Self, CsvError> {
        let mut pieces = Self {
            source,
            head: Head {
                name: name.to_owned(),
                header: Vec::new(),
                header_raw: Vec::new(),
                line_end: "\n",
                quotes,
            },
            waiting: Vec::new(),
            newlines: 0,
            bytes_read: 0,
            ended: false,
        };
        // More than any record has: the header is whole, or too long.
        pieces.fill(MAX_RECORD + 2 * BUFFER)?;
        let table = Table::open_with(pieces.waiting.as_slice(), name, quotes)?;
        let read = table.bytes_read();
        pieces.head = Head {
            name: name.to_owned(),
            header: table.header().to_vec(),
            header_raw: table.header_raw().to_vec(),
            line_end: table.line_end(),
            quotes,
        };
        let read = usize::try_from(read).unwrap_or(usize::MAX);
        let read = read.min(pieces.waiting.len());
        // As every piece, the first begins with the line ending before it: a byte order mark
        // would be skipped at the front of a text.
        let is_ended = pieces.waiting[..read].ends_with(b"\n");
        pieces.take(read - usize::from(is_ended));
        Ok(pieces)
    }

    /// The next pieces, as many as so many threads read at once; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_pieces(&mut self, jobs: usize) -> Result<Vec<Piece>, CsvError> {
        let mut pieces = Vec::new();
        while pieces.len() < PIECES_PER_JOB * jobs.max(1) {
            match self.next_piece()? {
                Some(piece) => pieces.push(piece),
                None => break,
            }
        }
        Ok(pieces)
    }

    /// What every piece shares.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Bytes cut so far, for progress.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Piece>, CsvError> {
        self.fill(PIECE)?;
        loop {
            if self.head.quotes == StrayQuotes::Kept && self.waiting.contains(&b'"') {
                return Ok(None);
            }
            if self.ended {
                let rest = self.waiting.len();
                return Ok((rest > 0).then(|| self.take(rest)));
            }
            if let Some(end) = last_record_end(&self.waiting) {
                return Ok(Some(self.take(end)));
            }
            // A record so long is refused by whoever reads it, however it goes on.
            if self.waiting.len() > MAX_RECORD + 2 * BUFFER {
                let rest = self.waiting.len();
                return Ok(Some(self.take(rest)));
            }
            self.fill(self.waiting.len() + PIECE)?;
        }
    }

    /// A table of what is in no piece: nothing where every piece was taken, else what begins
    /// with the first quote's piece.
    pub fn into_rest(self) -> Table<impl Read> {
        let mut table = Table {
            name: self.head.name,
            header: self.head.header,
            header_raw: self.head.header_raw,
            records: super::Records::new(
                Cursor::new(self.waiting).chain(self.source),
                self.head.quotes,
            ),
        };
        table.records.newlines = self.newlines;
        table
    }

    /// The source, for what was computed on the way.
    pub fn into_source(self) -> R {
        self.source
    }

    /// Reads until so many bytes wait, or the file ends.
    fn fill(&mut self, bytes: usize) -> Result<(), CsvError> {
        let missing = bytes.saturating_sub(self.waiting.len());
        // At once, not doubled and copied as it grows.
        self.waiting.reserve(missing);
        let missing = missing as u64;
        let mut limited = (&mut self.source).take(missing);
        let read = limited.read_to_end(&mut self.waiting);
        let read = read.map_err(|error| CsvError {
            file: self.head.name.clone(),
            line: None,
            column: None,
            kind: CsvErrorKind::Io(error),
        })?;
        self.ended |= (read as u64) < missing;
        Ok(())
    }

    /// The first bytes that wait.
    fn take(&mut self, bytes: usize) -> Piece {
        let rest = self.waiting.split_off(bytes.min(self.waiting.len()));
        let piece = Piece {
            bytes: std::mem::replace(&mut self.waiting, rest),
            newlines: self.newlines,
        };
        self.newlines += piece.bytes.iter().filter(|b| **b == b'\n').count() as u64;
        self.bytes_read += piece.bytes.len() as u64;
        piece
    }
}

impl Head {
    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns' names, without the white space around them.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// The header's bytes; see [`Table::header_raw`].
    #[must_use]
    pub fn header_raw(&self) -> &[u8] {
        &self.header_raw
    }

    /// How lines end: as the header's.
    #[must_use]
    pub fn line_end(&self) -> &'static str {
        self.line_end
    }

    /// A table of the records of a piece, with this file's header; lines are counted from the
    /// front of the file.
    #[must_use]
    pub fn table<'p>(&self, piece: &'p Piece) -> Table<&'p [u8]> {
        let mut table = Table {
            name: self.name.clone(),
            header: self.header.clone(),
            header_raw: self.header_raw.clone(),
            records: super::Records::new(piece.bytes.as_slice(), self.quotes),
        };
        table.records.newlines = piece.newlines;
        table
    }
}

/// Every record of a text without a header.
pub(crate) fn each_record(
    text: &[u8],
    mut each: impl FnMut(super::Row<'_>),
) -> Result<(), CsvErrorKind> {
    let mut records = super::Records::new(text, StrayQuotes::Refused);
    while records.advance()? {
        each(records.row().map_err(|(_, kind)| kind)?);
    }
    Ok(())
}

/// Where the last record ends that does so for certain, before its line ending. Within sound
/// records a line ending is the end of one where the quotes before it pair up; where quotes are
/// not sound, the record that is refused for them is in this piece, since no earlier one was.
fn last_record_end(bytes: &[u8]) -> Option<usize> {
    let is_end = |index: &usize| match (bytes[*index], bytes.get(index + 1)) {
        (b'\n', _) => true,
        (b'\r', Some(next)) => *next != b'\n',
        _ => false,
    };
    if !bytes.contains(&b'"') {
        return (1..bytes.len()).rev().find(is_end);
    }
    let (mut is_quoted, mut last) = (false, None);
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\n' | b'\r' if !is_quoted && index > 0 && is_end(&index) => last = Some(index),
            _ => {}
        }
    }
    last
}
