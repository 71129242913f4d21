//! The header of a page: how many bytes it becomes is looked at before the library makes room for
//! them.

use super::thrift::{Known, Malformed, Reader, Wire};

const NUMBER: Known = Known::Is(Wire::I32);
const UNCOMPRESSED: i16 = 2;
const COMPRESSED: i16 = 3;
const VERSION_2: i16 = 8;
const FIELDS: &[(i16, Known)] = &[
    (1, NUMBER),
    // Checksum.
    (4, NUMBER),
    // A page of data: values and encodings.
    (
        5,
        Known::Struct(&[(1, NUMBER), (2, NUMBER), (3, NUMBER), (4, NUMBER)]),
    ),
    // A dictionary: values, encoding, whether it is sorted.
    (
        7,
        Known::Struct(&[(1, NUMBER), (2, NUMBER), (3, Known::Bool)]),
    ),
];
/// Of a page of the second version.
const DEFINITION_LEVELS: i16 = 5;
const REPETITION_LEVELS: i16 = 6;
const IS_COMPRESSED: i16 = 7;
const VERSION_2_FIELDS: &[(i16, Known)] = &[(1, NUMBER), (2, NUMBER), (3, NUMBER), (4, NUMBER)];

/// What a header says of the bytes behind it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// How many they become.
    pub(super) uncompressed: usize,
    /// Those at the front that are not compressed.
    pub(super) levels: usize,
    /// Whether all of them are as they were.
    pub(super) is_plain: bool,
}

impl Header {
    /// Reads a header; no field comes twice, so that the library reads the same.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let (mut reader, mut header) = (Reader::new(bytes), Self::default());
        let mut before = 0;
        while let Some((number, wire)) = next(&mut reader, &mut before)? {
            match (number, wire) {
                (UNCOMPRESSED, Wire::I32) => header.uncompressed = size(&mut reader)?,
                (COMPRESSED, Wire::I32) => {
                    size(&mut reader)?;
                }
                (VERSION_2, Wire::Struct) => header.version_2(&mut reader)?,
                (UNCOMPRESSED | COMPRESSED | VERSION_2, _) => return Err(Malformed),
                field => reader.skip_known(field, FIELDS)?,
            }
        }
        if header.levels > header.uncompressed {
            return Err(Malformed);
        }
        Ok(header)
    }

    fn version_2(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut before = 0;
        while let Some((number, wire)) = next(reader, &mut before)? {
            match (number, wire) {
                (DEFINITION_LEVELS | REPETITION_LEVELS, Wire::I32) => self.levels += size(reader)?,
                (IS_COMPRESSED, Wire::Bool(is_compressed)) => self.is_plain = !is_compressed,
                (DEFINITION_LEVELS | REPETITION_LEVELS | IS_COMPRESSED, _) => {
                    return Err(Malformed);
                }
                field => reader.skip_known(field, VERSION_2_FIELDS)?,
            }
        }
        Ok(())
    }
}

/// The next field, if it is one behind the last.
fn next(reader: &mut Reader<'_>, before: &mut i16) -> Result<Option<(i16, Wire)>, Malformed> {
    let field = reader.field(*before)?;
    if let Some((number, _)) = field {
        if number <= *before {
            return Err(Malformed);
        }
        *before = number;
    }
    Ok(field)
}

fn size(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    usize::try_from(reader.i32()?).map_err(|_| Malformed)
}
