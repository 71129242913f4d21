//! The pages of a column, looked at before they are decoded: the library takes for granted that a
//! page of indexes comes behind the dictionary that they are of, and that a page has as many
//! values as it says.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Encoding, Type as Physical};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};

use super::budget::{Budget, Held};
use super::delta;
use super::error::LongRecord;
use super::thrift::Malformed;
use crate::csv::MAX_RECORD;

/// Texts of a dictionary, and of a page that lists their lengths: each takes up to 32 bytes of
/// memory for one byte and less of the page.
const MAX_TEXTS: usize = 1 << 22;
const TEXT: usize = size_of::<ByteArray>();
/// Bytes that a text may take in a page beside itself.
const BESIDE_TEXT: usize = 64;

/// Pages of which none needs a dictionary that has not come, or says that it has more than it can.
pub(super) struct Pages {
    pages: Box<dyn PageReader>,
    physical: Physical,
    /// Whether pages say which values are there.
    optional: bool,
    has_dictionary: bool,
    budget: Arc<Budget>,
    held: Held,
}

impl Pages {
    pub(super) fn new(
        pages: Box<dyn PageReader>,
        physical: Physical,
        optional: bool,
        budget: Arc<Budget>,
    ) -> Self {
        Self {
            budget,
            held: Held::default(),
            pages,
            physical,
            optional,
            has_dictionary: false,
        }
    }

    fn check(&mut self, page: &Page) -> Result<()> {
        match page {
            Page::DictionaryPage {
                buf, num_values, ..
            } => {
                self.has_dictionary = true;
                self.check_dictionary(buf.len(), *num_values as usize)
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                ..
            } => self.check_values(*encoding, buf.len(), *num_values as usize, || {
                after_levels(buf, self.optional, *def_level_encoding)
            }),
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => self.check_values(*encoding, buf.len(), *num_values as usize, || {
                let levels = def_levels_byte_len.checked_add(*rep_levels_byte_len)?;
                buf.get(levels as usize..)
            }),
        }
    }

    /// Counts what the page takes once it is decoded.
    fn hold(&mut self, page: &Page) -> Result<()> {
        let (bytes, encoding) = (page.buffer().len(), page.encoding());
        let is_dictionary = matches!(page, Page::DictionaryPage { .. });
        let lists_texts = match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => true,
            _ => is_dictionary && self.physical == Physical::BYTE_ARRAY,
        };
        let texts = if lists_texts {
            page.num_values() as usize
        } else {
            0
        };
        let bytes = bytes.saturating_add(texts.saturating_mul(TEXT));
        match is_dictionary {
            true => Held::dictionary(&self.budget, bytes)?,
            false => self.held.page(&self.budget, encoding, bytes)?,
        }
        Ok(())
    }

    fn check_dictionary(&self, bytes: usize, values: usize) -> Result<()> {
        let shortest = match self.physical {
            // Of a text its length.
            Physical::INT32 | Physical::FLOAT | Physical::BYTE_ARRAY => 4,
            Physical::INT64 | Physical::DOUBLE => 8,
            Physical::INT96 => 12,
            Physical::BOOLEAN | Physical::FIXED_LEN_BYTE_ARRAY => 1,
        };
        if values > bytes / shortest {
            return Err(problem("a dictionary has fewer values than it claims"));
        }
        if self.physical == Physical::BYTE_ARRAY && values > MAX_TEXTS {
            return Err(problem("a dictionary has more than 4,194,304 texts"));
        }
        Ok(())
    }

    fn check_values<'b>(
        &self,
        encoding: Encoding,
        bytes: usize,
        values: usize,
        data: impl FnOnce() -> Option<&'b [u8]>,
    ) -> Result<()> {
        if needs_dictionary(encoding) && !self.has_dictionary {
            return Err(problem("a page needs a dictionary that is not there"));
        }
        if self.physical != Physical::BYTE_ARRAY {
            return Ok(());
        }
        // While texts of several pages are read, all of the pages are in memory.
        if bytes / (MAX_RECORD + BESIDE_TEXT) > values {
            return Err(LongRecord.into());
        }
        let is_delta = |_: Malformed| problem("a page does not have the lengths that it claims");
        let data = match encoding {
            Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::DELTA_BYTE_ARRAY => {
                data().ok_or(Malformed).map_err(is_delta)?
            }
            _ => return Ok(()),
        };
        if values > MAX_TEXTS {
            return Err(problem("a page has more than 4,194,304 texts"));
        }
        if encoding == Encoding::DELTA_LENGTH_BYTE_ARRAY {
            return delta::check_lengths(data, values).map_err(is_delta);
        }
        if delta::longest_prefix(data, values).map_err(is_delta)? > MAX_RECORD {
            return Err(LongRecord.into());
        }
        Ok(())
    }
}

/// The values of a page of the first version.
fn after_levels(page: &Bytes, optional: bool, encoding: Encoding) -> Option<&[u8]> {
    if !optional {
        return Some(page);
    }
    // No writer of the other encoding of levels knows those of the lengths that are looked at.
    if encoding != Encoding::RLE {
        return None;
    }
    let (length, rest) = page.split_first_chunk()?;
    rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)
}

fn problem(text: &str) -> ParquetError {
    ParquetError::General(text.to_owned())
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        if let Some(page) = &page {
            self.check(page)?;
            self.hold(page)?;
        }
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

fn needs_dictionary(encoding: Encoding) -> bool {
    matches!(
        encoding,
        Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY
    )
}
