//! The end of a Parquet file, where it says what it has. The library builds the schema by
//! recursion and sets room aside for as many children as a group claims: the schema is looked
//! over first.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};

use parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};

use super::error::ParquetErrorKind;
use super::guard::guarded;
use super::thrift::{Known, Malformed, Reader, Wire};

/// Columns that a file may have.
const MAX_COLUMNS: usize = 10_000;
/// Bytes that a file may say of itself: in memory they are up to some 20 times as many.
const MAX_FOOTER: usize = 64 << 20;
/// Groups inside one another; of any depth none can be read, but less deep ones are named.
const MAX_DEPTH: usize = 32;
/// The shortest row group: an empty list, two numbers and an end.
const MIN_ROW_GROUP: usize = 7;
/// Bytes of the length and the magic at the end.
const TAIL: usize = 8;

const EMPTY: Known = Known::Struct(&[]);
const TIME: Known = Known::Struct(&[
    (1, Known::Bool),
    (2, Known::Struct(&[(1, EMPTY), (2, EMPTY), (3, EMPTY)])),
]);
const LOGICAL_TYPE: &[(i16, Known)] = &[
    // String, map, list, enum, date, null, JSON, BSON, UUID, half precision, file.
    (1, EMPTY),
    (2, EMPTY),
    (3, EMPTY),
    (4, EMPTY),
    (6, EMPTY),
    (11, EMPTY),
    (12, EMPTY),
    (13, EMPTY),
    (14, EMPTY),
    (15, EMPTY),
    (19, EMPTY),
    // Decimal: scale and precision.
    (
        5,
        Known::Struct(&[(1, Known::Is(Wire::I32)), (2, Known::Is(Wire::I32))]),
    ),
    (7, TIME),
    // Timestamp.
    (8, TIME),
    // Integer: width and sign.
    (
        10,
        Known::Struct(&[(1, Known::Is(Wire::Byte)), (2, Known::Bool)]),
    ),
    // Variant: version.
    (16, Known::Struct(&[(1, Known::Is(Wire::Byte))])),
    // Geometry and geography: coordinate system, and edges.
    (17, Known::Struct(&[(1, Known::Is(Wire::Binary))])),
    (
        18,
        Known::Struct(&[(1, Known::Is(Wire::Binary)), (2, Known::Is(Wire::I32))]),
    ),
];
const CHILDREN: i16 = 5;
const SCHEMA_ELEMENT: &[(i16, Known)] = &[
    (1, Known::Is(Wire::I32)),
    (2, Known::Is(Wire::I32)),
    (3, Known::Is(Wire::I32)),
    (4, Known::Is(Wire::Binary)),
    (6, Known::Is(Wire::I32)),
    (7, Known::Is(Wire::I32)),
    (8, Known::Is(Wire::I32)),
    (9, Known::Is(Wire::I32)),
    (10, Known::Struct(LOGICAL_TYPE)),
];

/// What a file says of itself.
pub(super) fn read(file: &mut File) -> Result<ParquetMetaData, ParquetErrorKind> {
    let io = ParquetErrorKind::Io;
    let length = file.metadata().map_err(io)?.len();
    let mut tail = [0; TAIL];
    let Some(before_tail) = length.checked_sub(TAIL as u64) else {
        return Err(damaged("it is too short"));
    };
    file.seek(SeekFrom::Start(before_tail)).map_err(io)?;
    file.read_exact(&mut tail).map_err(io)?;
    let tail = FooterTail::try_new(&tail).map_err(ParquetErrorKind::of_library)?;
    if tail.is_encrypted_footer() {
        return Err(damaged("its footer is encrypted"));
    }
    let size = tail.metadata_length();
    if size > MAX_FOOTER {
        return Err(ParquetErrorKind::LongFooter);
    }
    let Some(start) = before_tail.checked_sub(size as u64) else {
        return Err(damaged("its footer is longer than the file"));
    };
    let mut footer = vec![0; size];
    file.seek(SeekFrom::Start(start)).map_err(io)?;
    file.read_exact(&mut footer).map_err(io)?;
    check(&footer)?;
    guarded(|| ParquetMetaDataReader::decode_metadata(&footer))
        .map_err(ParquetErrorKind::of_library)
}

fn damaged(problem: &str) -> ParquetErrorKind {
    ParquetErrorKind::Damaged(problem.to_owned())
}

impl From<Malformed> for ParquetErrorKind {
    fn from(_: Malformed) -> Self {
        damaged("its footer is malformed")
    }
}

/// Looks over the four fields that every file has, which writers put first and in this order:
/// version, schema, rows, row groups.
fn check(footer: &[u8]) -> Result<(), ParquetErrorKind> {
    let mut reader = Reader::new(footer);
    expect(&mut reader, 1, Wire::I32)?;
    reader.skip(Wire::I32)?;
    expect(&mut reader, 2, Wire::List)?;
    check_schema(&mut reader)?;
    expect(&mut reader, 3, Wire::I64)?;
    reader.skip(Wire::I64)?;
    expect(&mut reader, 4, Wire::List)?;
    let (groups, _) = reader.list()?;
    // The library sets room aside for all of them.
    if groups > reader.left() / MIN_ROW_GROUP {
        return Err(damaged("it has fewer row groups than it claims"));
    }
    Ok(())
}

fn expect(reader: &mut Reader<'_>, number: i16, wire: Wire) -> Result<(), Malformed> {
    if reader.field(number - 1)? == Some((number, wire)) {
        Ok(())
    } else {
        Err(Malformed)
    }
}

/// The schema is a tree, written as a list: behind a group come its children.
fn check_schema(reader: &mut Reader<'_>) -> Result<(), ParquetErrorKind> {
    let (elements, wire) = reader.list()?;
    if wire != Wire::Struct {
        return Err(Malformed.into());
    }
    // Of each group that the next element is in, the children that are to come.
    let mut open: Vec<usize> = Vec::new();
    for left in (0..elements).rev() {
        let children = children(reader)?;
        if let Some(siblings) = open.last_mut() {
            *siblings -= 1;
        }
        if children > left {
            return Err(damaged("a group has fewer columns than it claims"));
        }
        open.push(children);
        if open.len() > MAX_DEPTH {
            return Err(ParquetErrorKind::Nested);
        }
        while open.last() == Some(&0) {
            open.pop();
        }
    }
    // One more is the root.
    if elements > MAX_COLUMNS + 1 {
        return Err(ParquetErrorKind::TooManyColumns);
    }
    Ok(())
}

/// Passes over an element of the schema; answers how many children it has.
fn children(reader: &mut Reader<'_>) -> Result<usize, Malformed> {
    let (mut before, mut children) = (0, 0);
    while let Some(field) = reader.field(before)? {
        before = field.0;
        if before == CHILDREN {
            if field.1 != Wire::I32 {
                return Err(Malformed);
            }
            children = usize::try_from(reader.i32()?).map_err(|_| Malformed)?;
        } else {
            reader.skip_known(field, SCHEMA_ELEMENT)?;
        }
    }
    Ok(children)
}
