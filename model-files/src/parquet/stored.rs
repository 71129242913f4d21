//! The bytes of a column chunk. Those of a page become at most 128 MiB: the library makes room for
//! as many as a page claims, and takes whatever comes out of gzip and Brotli, so these are
//! unpacked here.

use std::fs::File;
use std::io::{BufReader, Read};
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
/// Bytes in which most headers of pages are, and all are.
const HEADERS: [u64; 2] = [512, 1 << 20];
const BUFFER: usize = 1 << 16;

/// A file of which the pages of one column chunk are read.
pub(super) struct Stored {
    file: Arc<File>,
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
        let bytes = self.file.get_bytes(start, length)?;
        let header = *self.header.lock().unwrap_or_else(PoisonError::into_inner);
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
