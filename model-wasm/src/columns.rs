//! Columns as a host describes them in memory, in Arrow's layout.

use model_core::columns::{Column, ColumnError, NumberType, Offsets, Values};
use model_core::decide::{Decider, REFUSED};
use model_core::policy::Outcome;

/// Bytes that describe a column: eight integers of 32 bits, see `docs/reference/module-abi.md`.
pub(crate) const DESCRIPTOR: usize = 32;
/// Bytes that a row comes to: its probability, the number of its adjustments, its outcome.
pub(crate) const RESULT: usize = 13;

/// The first type of numbers, in the order of [`NUMBERS`].
const FIRST_NUMBER: u32 = 2;
const NUMBERS: [NumberType; 10] = [
    NumberType::F32,
    NumberType::F64,
    NumberType::I8,
    NumberType::I16,
    NumberType::I32,
    NumberType::I64,
    NumberType::U8,
    NumberType::U16,
    NumberType::U32,
    NumberType::U64,
];
const TEXT: u32 = 12;
const LARGE_TEXT: u32 = 13;
/// Added to the type of a dictionary's indices.
const DICTIONARY: u32 = 16;

/// The bytes at an address, none where these are not the host's to give.
pub(crate) type Memory<'m, 'c> = &'m dyn Fn(usize, usize) -> &'c [u8];

/// What is described at an address; `nested` are the entries of a dictionary.
fn column<'c>(
    memory: Memory<'_, 'c>,
    address: usize,
    nested: bool,
) -> Result<Column<'c>, ColumnError> {
    let described = memory(address, DESCRIPTOR).as_chunks::<4>().0;
    let word = |index: usize| {
        let bytes = described.get(index);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    if described.is_empty() {
        return Err(ColumnError::new("its description is in no block"));
    }
    let at = |index: usize| word(index) as usize;
    let (kind, rows, offset) = (word(0), at(1), at(2));
    let end = offset.saturating_add(rows);
    let number = |kind: u32| {
        let index = kind.checked_sub(FIRST_NUMBER)?;
        NUMBERS.get(index as usize).copied()
    };
    let values = |width: usize| memory(at(4), end.saturating_mul(width));
    let bits = |index: usize| memory(at(index), end.div_ceil(8));
    let text = |offsets: Offsets<'c>| Values::Text {
        offsets,
        bytes: memory(at(5), offsets.end()),
    };
    let values = match (kind, number(kind), number(kind.wrapping_sub(DICTIONARY))) {
        (0, ..) => Values::Null,
        (1, ..) => Values::Booleans(bits(4)),
        (_, Some(number), _) => Values::Numbers(number, values(number.width())),
        (TEXT, ..) => text(Offsets::Short(memory(
            at(4),
            end.saturating_add(1).saturating_mul(4),
        ))),
        (LARGE_TEXT, ..) => text(Offsets::Long(memory(
            at(4),
            end.saturating_add(1).saturating_mul(8),
        ))),
        (_, _, Some(keys)) if !nested => Values::Dictionary {
            keys,
            indices: values(keys.width()),
            values: Box::new(column(memory, at(6), true)?),
        },
        _ => {
            return Err(ColumnError::new(format!("its type {kind} is not known")));
        }
    };
    Ok(Column {
        rows,
        offset,
        validity: (at(3) != 0).then(|| bits(3)),
        values,
    })
}

/// Decides rows, and writes what they come to; how many are refused.
pub(crate) fn decide(
    decider: &mut Decider,
    memory: Memory<'_, '_>,
    (descriptors, count): (usize, usize),
    (rows, out): (usize, &mut [u8]),
) -> Result<u32, ColumnError> {
    if out.len() / RESULT != rows {
        return Err(ColumnError::new("the rows are to be written in no block"));
    }
    let mut columns = Vec::new();
    for (index, feature) in decider.column_features().take(count).enumerate() {
        let address = descriptors.saturating_add(index * DESCRIPTOR);
        let column = column(memory, address, false);
        columns.push(column.map_err(|error| error.in_column(&feature.name))?);
    }
    // One more than there are is told as well.
    let mut given: Vec<Option<&Column<'_>>> = columns.iter().map(Some).collect();
    given.resize(count.min(given.len() + 1), None);
    let mut refused = 0;
    let (probabilities, rest) = out.split_at_mut(8 * rows);
    let (adjustments, outcomes) = rest.split_at_mut(4 * rows);
    let probabilities = probabilities.as_chunks_mut().0;
    let adjustments = adjustments.as_chunks_mut().0;
    decider.judge_columns(&given, rows, |row| {
        let (probability, outcome) = match row.judgement {
            Some(judgement) => (judgement.probability, outcome(judgement.outcome)),
            None => (REFUSED, u8::MAX),
        };
        refused += u32::from(row.judgement.is_none());
        probabilities[row.row] = probability.to_le_bytes();
        adjustments[row.row] = row.adjustments.to_le_bytes();
        outcomes[row.row] = outcome;
    })?;
    Ok(refused)
}

fn outcome(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Approve => 0,
        Outcome::Refer => 1,
        Outcome::Decline => 2,
    }
}
