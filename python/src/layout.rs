//! From Arrow's format strings and buffers to columns.

use model_core::columns::{Column, ColumnError, NumberType, Offsets, Values};

/// What a schema says of a column.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// As Arrow's C data interface writes a type: `g` for 64-bit floats.
    pub(crate) format: String,
    /// The extension type, of which the format is only how it is stored.
    pub(crate) extension: Option<String>,
    /// Of the entries, where there is a dictionary.
    pub(crate) dictionary: Option<Box<Field>>,
}

/// Extension types that mean what they store. Others do not: a pandas period stores how many
/// periods it is after 1970.
const PLAIN_EXTENSIONS: [&str; 2] = ["arrow.bool8", "arrow.json"];

/// The buffers of one column.
pub(crate) trait Buffers<'b> {
    /// How many there are.
    fn count(&self) -> usize;

    /// The first `length` bytes of a buffer; `None` where it is not there, or shorter.
    fn get(&self, index: usize, length: usize) -> Option<&'b [u8]>;
}

/// A column of this field, `rows` long from `offset` on.
///
/// # Errors
/// Names a type that cannot be read, or a buffer that is missing.
pub(crate) fn column<'b>(
    field: &Field,
    offset: usize,
    rows: usize,
    buffers: &impl Buffers<'b>,
    dictionary: Option<Column<'b>>,
) -> Result<Column<'b>, ColumnError> {
    let format = field.format.as_str();
    let mut extension = field.extension.iter();
    if let Some(name) = extension.find(|name| !PLAIN_EXTENSIONS.contains(&name.as_str())) {
        return Err(ColumnError::new(format!(
            "expected numbers, booleans or text, got the extension type {name}: give the number or text that the model was trained on"
        )));
    }
    let end = offset + rows;
    let needed = |index: usize, length: usize| {
        let missing = || ColumnError::new(format!("buffer {index} has less than {length} bytes"));
        buffers.get(index, length).ok_or_else(missing)
    };
    let values = match (format, dictionary) {
        ("n", _) => Values::Null,
        (_, Some(entries)) => {
            let keys = number(format).ok_or_else(|| unreadable(format))?;
            Values::Dictionary {
                keys,
                indices: needed(1, end * keys.width())?,
                values: Box::new(entries),
            }
        }
        ("b", None) => Values::Booleans(needed(1, end.div_ceil(8))?),
        ("u" | "U", None) => text(format, end, rows, &needed)?,
        ("vu", None) => views(end, buffers, &needed)?,
        (_, None) => {
            let number = number(format).ok_or_else(|| unreadable(format))?;
            Values::Numbers(number, needed(1, end * number.width())?)
        }
    };
    let validity = match values {
        Values::Null => None,
        _ => buffers.get(0, end.div_ceil(8)),
    };
    Ok(Column {
        rows,
        offset,
        validity: validity.filter(|bits| !bits.is_empty()),
        values,
    })
}

fn text<'b>(
    format: &str,
    end: usize,
    rows: usize,
    needed: &impl Fn(usize, usize) -> Result<&'b [u8], ColumnError>,
) -> Result<Values<'b>, ColumnError> {
    let width = if format == "u" { 4 } else { 8 };
    let length = if rows == 0 { 0 } else { width * (end + 1) };
    let offsets = needed(1, length)?;
    let last = offsets.len().checked_sub(width).map(|at| &offsets[at..]);
    let last = last.map_or(0, |last| {
        let mut eight = [0; 8];
        eight[..width].copy_from_slice(last);
        usize::try_from(i64::from_le_bytes(eight)).unwrap_or(usize::MAX)
    });
    let bytes = needed(2, last)?;
    let offsets = match width {
        4 => Offsets::Short(offsets),
        _ => Offsets::Long(offsets),
    };
    Ok(Values::Text { offsets, bytes })
}

/// The last buffer says how long those before it are that hold the texts.
fn views<'b>(
    end: usize,
    buffers: &impl Buffers<'b>,
    needed: &impl Fn(usize, usize) -> Result<&'b [u8], ColumnError>,
) -> Result<Values<'b>, ColumnError> {
    let texts = buffers.count().saturating_sub(3);
    let lengths = needed(texts + 2, 8 * texts)?;
    let lengths = lengths
        .as_chunks()
        .0
        .iter()
        .map(|eight| i64::from_le_bytes(*eight));
    let texts = lengths.enumerate().map(|(index, length)| {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        needed(index + 2, length)
    });
    Ok(Values::TextView {
        views: needed(1, 16 * end)?,
        buffers: texts.collect::<Result<_, _>>()?,
    })
}

fn number(format: &str) -> Option<NumberType> {
    Some(match format {
        "f" => NumberType::F32,
        "g" => NumberType::F64,
        "c" => NumberType::I8,
        "s" => NumberType::I16,
        "i" => NumberType::I32,
        "l" => NumberType::I64,
        "C" => NumberType::U8,
        "S" => NumberType::U16,
        "I" => NumberType::U32,
        "L" => NumberType::U64,
        _ => return None,
    })
}

/// What to do about a type that has no meaning for a model.
fn unreadable(format: &str) -> ColumnError {
    let mut letters = format.chars();
    let (kind, advice) = match (letters.next(), letters.next()) {
        (Some('e'), _) => ("16-bit floats", "cast it to float64"),
        (Some('d'), _) => ("decimals", "cast it to float64"),
        (Some('z' | 'Z'), _) | (Some('v'), Some('z')) => ("bytes", "cast it to text"),
        (Some('t'), Some('d')) => (
            "dates",
            "give the number or text that the model was trained on",
        ),
        (Some('t'), Some('s')) => (
            "timestamps",
            "give the number that the model was trained on",
        ),
        (Some('t'), _) => ("times", "give the number that the model was trained on"),
        (Some('+'), Some('s')) => ("structs", "take its fields out into columns"),
        (Some('+'), Some('r')) => ("runs", "decode it"),
        (Some('+'), _) => ("lists", "give a single value a row"),
        _ => (
            "an unknown type",
            "cast it to float64, int64, boolean or text",
        ),
    };
    ColumnError::new(format!(
        "expected numbers, booleans or text, got {kind} (Arrow format '{format}'): {advice}"
    ))
}
