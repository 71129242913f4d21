//! The sketch of a batch of applications, as the module gives it. The bytes are those of a
//! [`crate::Sketch`] of the same values; the batch is short enough to sort its values, which
//! takes a third of the code that a table for any number of rows takes.

use std::collections::BinaryHeap;

use model_core::decide::{Decider, write_detail};

use crate::binary::{write_categories, write_count, write_file, write_numbers, write_spec};
use crate::numbers::ordered;
use crate::{Capacity, Kind, NOT_LISTED, Spec};

/// The longest batch, in bytes.
pub const MAX_BATCH: usize = 16 << 20;

/// Counts a batch, one application as a JSON object on each line, as they came, before any
/// policy, and what the model answers to those it does not refuse. Appends the stored form
/// of the sketch to `out` and returns 200, or `{"detail": …}` and 413 or 422 when the batch
/// is longer than [`MAX_BATCH`], has no application, or one that is not an object of the
/// schema's fields: it is counted whole or not at all.
pub fn answer_batch(decider: &mut Decider, batch: &[u8], out: &mut Vec<u8>) -> u16 {
    if batch.len() > MAX_BATCH {
        let detail = "The batch is too large: at most 16 MiB; sketches of parts can be merged";
        write_detail(detail, out);
        return 413;
    }
    match counted(decider, batch) {
        Ok(columns) => {
            let mut payload = Vec::new();
            write_count(&mut payload, columns.len() as u64);
            columns
                .into_iter()
                .for_each(|column| column.write(&mut payload));
            write_file(out, &payload);
            200
        }
        Err(detail) => {
            write_detail(&detail, out);
            422
        }
    }
}

fn counted(decider: &mut Decider, batch: &[u8]) -> Result<Vec<Column>, String> {
    let features = decider.features().map(Spec::from_feature);
    let specs = features.chain([Spec::for_predictions()]);
    let mut columns: Vec<Column> = specs.map(Column::new).collect();
    let mut rows = 0;
    for (index, line) in batch.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let answer = decider.observe(line, &mut |input, code| columns[input].push(code));
        let answer = answer.map_err(|problem| format!("Line {}: {problem}", index + 1))?;
        if let (Some(_), Some(answers)) = (answer, columns.last_mut()) {
            answers.push(answer);
        }
        rows += 1;
    }
    match rows {
        0 => Err("There is no application: send JSON objects, each on a line of its own".into()),
        _ => Ok(columns),
    }
}

struct Column {
    spec: Spec,
    missing: u64,
    invalid: u64,
    out_of_range: u64,
    lowest: f64,
    highest: f64,
    /// Numbers as integers of the same order, or codes of categories.
    values: Vec<u64>,
}

impl Column {
    fn new(spec: Spec) -> Self {
        Self {
            spec,
            missing: 0,
            invalid: 0,
            out_of_range: 0,
            lowest: f64::INFINITY,
            highest: f64::NEG_INFINITY,
            values: Vec::new(),
        }
    }

    fn push(&mut self, code: Option<f64>) {
        let spec = &self.spec;
        match (code, spec.kind) {
            (None, _) => self.invalid += 1,
            (Some(code), _) if code.is_nan() => self.missing += 1,
            (Some(number), Kind::Number) => {
                // -0 and 0 are one number.
                let number = number + 0.0;
                let below = spec.lower.is_some_and(|lower| number < lower);
                let above = spec.upper.is_some_and(|upper| number > upper);
                self.out_of_range += u64::from(below || above);
                self.lowest = self.lowest.min(number);
                self.highest = self.highest.max(number);
                self.values.push(ordered(number));
            }
            (Some(code), Kind::Category) => {
                let known = code >= 0.0 && (code as usize) < spec.known.len();
                let code = if known {
                    code as usize
                } else {
                    spec.known.len()
                };
                self.values.push(code as u64);
            }
        }
    }

    fn write(self, out: &mut Vec<u8>) {
        write_spec(out, &self.spec);
        for count in [self.missing, self.invalid, 0, self.out_of_range] {
            write_count(out, count);
        }
        let values = BinaryHeap::from(self.values).into_sorted_vec();
        match self.spec.kind {
            Kind::Number => {
                let capacity = Capacity::CARRIED.buckets;
                let (shift, keys) = within(capacity, &values);
                write_numbers(out, shift, capacity, &keys, self.lowest, self.highest);
            }
            Kind::Category => {
                let known = &self.spec.known;
                let mut sorted: Vec<(&str, u64)> = Vec::new();
                for (code, count) in runs(&values, 0) {
                    let text = known.get(code as usize).map_or(NOT_LISTED, String::as_str);
                    let index = sorted.partition_point(|(before, _)| *before < text);
                    sorted.insert(index, (text, count));
                }
                // All texts are counted by name: there are no more than the schema lists.
                let capacity = Capacity::CARRIED.names.max(known.len() + 1);
                write_categories(out, capacity, u64::MAX, 0, &sorted);
            }
        }
    }
}

/// The smallest shift at which the keys need at most `capacity` buckets, and those.
fn within(capacity: usize, sorted: &[u64]) -> (u32, Vec<(u64, u64)>) {
    let mut shift = 0;
    loop {
        let keys = runs(sorted, shift);
        if keys.len() <= capacity {
            return (shift, keys);
        }
        shift += 1;
    }
}

/// Sorted values without their lowest bits, each with how often it comes.
fn runs(sorted: &[u64], shift: u32) -> Vec<(u64, u64)> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for key in sorted.iter().map(|key| key >> shift) {
        match runs.last_mut() {
            Some((last, count)) if *last == key => *count += 1,
            _ => runs.push((key, 1)),
        }
    }
    runs
}
