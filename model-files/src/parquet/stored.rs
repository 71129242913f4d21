//! The bytes of a column chunk. Those of a page become at most 128 MiB: the library makes room for
//! as many as a page claims, and takes whatever comes out of gzip and Brotli, so these are
//! unpacked here. The columns of a row group are read side by side, and each has a page and a
//! dictionary in memory: together they have a limit as well.

use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use parquet::basic::Compression;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::header::Header;

/// Bytes that a page may become; the largest that a common writer makes have 100 MB.
const MAX_PAGE: usize = 128 << 20;
/// Bytes that the pages in memory may have become together: so many, or as many for each byte of
/// the file.
const MAX_PAGES: usize = 512 << 20;
const TIMES_FILE: u64 = 32;
/// Bytes in which most headers of pages are, and all are.
const HEADERS: [u64; 2] = [512, 1 << 20];
const BUFFER: usize = 1 << 16;

/// What the pages in memory may still become, of all columns that are read side by side.
pub(super) struct Room(AtomicUsize);

impl Room {
    pub(super) fn of(file: &File) -> Arc<Self> {
        let by_length = file.len().saturating_mul(TIMES_FILE);
        let by_length = usize::try_from(by_length).unwrap_or(usize::MAX);
        Arc::new(Self(AtomicUsize::new(MAX_PAGES.max(by_length))))
    }

    /// Takes `bytes` in place of what was `held`.
    fn hold(&self, held: &mut usize, bytes: usize) -> Result<()> {
        self.0.fetch_add(std::mem::take(held), Ordering::Relaxed);
        let less = |left: usize| left.checked_sub(bytes);
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        taken.map_err(|_| {
            problem("the pages of a row group have more than 512 MiB together, unpacked, and more than 32 times the file")
        })?;
        *held = bytes;
        Ok(())
    }
}

/// What a column's dictionary and its page in memory became.
#[derive(Default)]
struct Held {
    dictionary: usize,
    page: usize,
}

/// A file of which the pages of one column chunk are read.
pub(super) struct Stored {
    file: Arc<File>,
    room: Arc<Room>,
    held: Mutex<Held>,
    packed: Packed,
    /// Of the page whose bytes come next.
    header: Mutex<Header>,
}

/// How the bytes of pages are packed.
#[derive(Debug, Clone, Copy)]
enum Packed {
    /// Not at all, or the library unpacks them into the room that the page claims.
    Library,
    Gzip,
    Brotli,
}

impl Stored {
    /// The pages of a column chunk.
    pub(super) fn pages(
        file: &Arc<File>,
        room: &Arc<Room>,
        chunk: &ColumnChunkMetaData,
        rows: usize,
    ) -> Result<SerializedPageReader<Self>> {
        let packed = match chunk.compression() {
            Compression::GZIP(_) => Packed::Gzip,
            Compression::BROTLI(_) => Packed::Brotli,
            _ => Packed::Library,
        };
        let stored = Arc::new(Self {
            file: Arc::clone(file),
            room: Arc::clone(room),
            held: Mutex::default(),
            packed,
            header: Mutex::default(),
        });
        if matches!(packed, Packed::Library) {
            return SerializedPageReader::new(stored, chunk, rows, None);
        }
        let unpacked = chunk.clone().into_builder();
        let unpacked = unpacked
            .set_compression(Compression::UNCOMPRESSED)
            .build()?;
        SerializedPageReader::new(stored, &unpacked, rows, None)
    }

    /// Before there is room for the page: the one before it is read no more.
    fn hold(&self, header: Header) -> Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match header.is_dictionary {
            true => &mut held.dictionary,
            false => &mut held.page,
        };
        self.room.hold(place, header.uncompressed)
    }

    fn header(&self, start: u64) -> Result<Header> {
        for length in HEADERS {
            let mut bytes = Vec::new();
            let read = self.file.get_read(start)?;
            read.take(length).read_to_end(&mut bytes)?;
            if let Ok(header) = Header::read(&bytes) {
                return Ok(header);
            }
        }
        Err(problem("a page has no header"))
    }
}

impl Length for Stored {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for Stored {
    type T = BufReader<File>;

    /// The library reads a header from here, and then the bytes behind it.
    fn get_read(&self, start: u64) -> Result<Self::T> {
        let header = self.header(start)?;
        if header.uncompressed > MAX_PAGE {
            return Err(problem("a page has more than 128 MiB"));
        }
        *self.header.lock().unwrap_or_else(PoisonError::into_inner) = header;
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        // Room is made for all of them.
        if length as u64 > self.len().saturating_sub(start) {
            return Err(problem("a page ends beyond the end of the file"));
        }
        let header = *self.header.lock().unwrap_or_else(PoisonError::into_inner);
        self.hold(header)?;
        let bytes = self.file.get_bytes(start, length)?;
        match self.packed {
            Packed::Gzip if !header.is_plain => unpack(header, &bytes, MultiGzDecoder::new),
            Packed::Brotli if !header.is_plain => unpack(header, &bytes, |packed| {
                brotli::Decompressor::new(packed, BUFFER)
            }),
            _ => Ok(bytes),
        }
    }
}

fn unpack<'b, R: Read>(
    header: Header,
    bytes: &'b [u8],
    unpacked: impl FnOnce(&'b [u8]) -> R,
) -> Result<Bytes> {
    let levels = bytes.get(..header.levels);
    let mut page = Vec::with_capacity(header.uncompressed);
    page.extend_from_slice(levels.ok_or_else(|| problem("a page has no levels"))?);
    // A page of no values has none that are packed.
    if header.levels < header.uncompressed {
        // One byte more than are to come says that there are too many.
        let most = header.uncompressed - header.levels + 1;
        let unpacked = unpacked(&bytes[header.levels..]);
        unpacked.take(most as u64).read_to_end(&mut page)?;
    }
    if page.len() != header.uncompressed {
        return Err(problem("a page does not have the size that it claims"));
    }
    Ok(page.into())
}

fn problem(text: &str) -> ParquetError {
    ParquetError::General(text.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    /// Each column once had a page of its own, and nothing bounded all of them: 84 KB took 2.8 GB.
    #[test]
    fn pages_side_by_side_have_a_limit() {
        let file = Arc::new(tempfile::tempfile().unwrap());
        let room = Room::of(&file);
        let column = || Stored {
            file: Arc::clone(&file),
            room: Arc::clone(&room),
            held: Mutex::default(),
            packed: Packed::Library,
            header: Mutex::default(),
        };
        let page = |is_dictionary| Header {
            uncompressed: MAX_PAGE,
            is_dictionary,
            ..Header::default()
        };
        let columns = [column(), column(), column()];
        for column in &columns[..2] {
            column.hold(page(true)).unwrap();
            // One page after the other.
            for _ in 0..10 {
                column.hold(page(false)).unwrap();
            }
        }
        let error = columns[2].hold(page(true)).unwrap_err().to_string();
        assert!(error.contains("more than 512 MiB together"), "{error}");
        // What becomes less leaves room.
        columns[0].hold(Header::default()).unwrap();
        columns[2].hold(page(true)).unwrap();
        // A longer file may have more.
        file.set_len(u64::from(u32::MAX)).unwrap();
        let room = Room::of(&file);
        assert!(room.hold(&mut 0, 100 << 30).is_ok());
        assert!(room.hold(&mut 0, 100 << 30).is_err());
    }
}
