//! Many rows at once, column by column.

use super::{Decider, Judgement, input_of};
use crate::preprocess::{Resolved, resolve};
use crate::schema::{Feature, FeatureKind, MissingValues, Range};
use crate::value::{Reading, ValueError, known_code, read_coded};

/// What is written for a row that a single request would be refused for.
pub const REFUSED: f64 = -1.0;

/// Rows that are worked on together: as many as share what a forest's tables hold.
const ROWS: usize = 2048;

/// Scratch memory for [`ROWS`] rows.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Input `i` of row `r` is at `i * ROWS + r`.
    values: Vec<f64>,
    /// For each row, how many values were adjusted.
    adjusted: Vec<u32>,
    /// For each row, whether it is refused.
    refused: Vec<bool>,
    /// Of derived inputs, laid out as `values`: whether rules take the value for missing.
    missing: Vec<bool>,
    /// What is counted of the `nth` derived input of row `r`, if it was left out, is at
    /// `nth * ROWS + r`.
    counted: Vec<f64>,
}

impl Decider {
    /// The probabilities of `out.len()` rows, in the model's terms: input `i` of row `r` is
    /// `columns[i * out.len() + r]`. Returns how many rows were refused; they get [`REFUSED`].
    /// The bits are those of [`Decider::decide`].
    ///
    /// # Errors
    /// When `columns` does not hold one value for each input and row.
    pub fn batch(&mut self, columns: &[f64], out: &mut [f64]) -> Result<usize, String> {
        let rows = out.len();
        if rows.checked_mul(self.row.len()) != Some(columns.len()) {
            return Err(format!(
                "expected {} inputs of {rows} rows, {} values, got {}",
                self.row.len(),
                rows as u64 * self.row.len() as u64,
                columns.len()
            ));
        }
        let plain = self.derivation.is_empty() && self.is_plain(columns);
        if let ([out], true) = (&mut *out, plain) {
            *out = self.predictor.predict_row(columns);
            return Ok(0);
        }
        let mut refused = 0;
        for (start, out) in (0..rows).step_by(ROWS).zip(out.chunks_mut(ROWS)) {
            refused += self.batch_block(columns, rows, start, out);
        }
        Ok(refused)
    }

    /// What is decided about `rows` applications in the model's terms, laid out as for
    /// [`Decider::batch`]: a column for each input, then one for each of
    /// [`Decider::rule_columns`]. Calls `each` with a row's index, its judgement, or `None`
    /// where a single request would be refused, and this decider, which then tells
    /// which rules matched. The bits are those of [`Decider::decide`].
    ///
    /// # Errors
    /// When `columns` does not hold one value for each column and row.
    pub fn judge_rows(
        &mut self,
        columns: &[f64],
        rows: usize,
        mut each: impl FnMut(usize, Option<Judgement>, &Self),
    ) -> Result<(), String> {
        let count = self.row.len() + self.rule_values.protected.len();
        if rows.checked_mul(count) != Some(columns.len()) {
            return Err(format!(
                "expected {count} columns of {rows} rows, {} values, got {}",
                rows as u64 * count as u64,
                columns.len()
            ));
        }
        let mut probabilities = [0.0; ROWS];
        for start in (0..rows).step_by(ROWS) {
            let out = &mut probabilities[..ROWS.min(rows - start)];
            self.batch_block(columns, rows, start, out);
            for (in_block, &probability) in out.iter().enumerate() {
                let row = start + in_block;
                let sound = probability != REFUSED && self.set_row_for_rules(columns, rows, row);
                let judgement = sound.then(|| self.judge(probability));
                each(row, judgement, self);
            }
        }
        Ok(())
    }

    /// Shows a row of the block that was predicted last to the rules; `false` where a
    /// column that only rules look at cannot be read.
    fn set_row_for_rules(&mut self, columns: &[f64], rows: usize, row: usize) -> bool {
        if self.artifact.policy.is_none() {
            return true;
        }
        let known = &self.artifact.schema.missing_values;
        for (input, feature) in self.artifact.schema.inputs().enumerate() {
            let at = input * ROWS + row % ROWS;
            let missing = match feature.derived {
                Some(_) => self.block.missing[at],
                None => known_code(feature, columns[input * rows + row], known).is_nan(),
            };
            let value = if missing {
                f64::NAN
            } else {
                self.block.values[at]
            };
            let index = self.fields.index_of_input(input);
            self.rule_values.set(index, value);
        }
        for nth in 0..self.rule_values.protected.len() {
            let index = self.rule_values.protected[nth];
            let feature = &self.artifact.schema.features[index];
            let code = columns[(self.row.len() + nth) * rows + row];
            match read_coded(feature, known_code(feature, code, known)) {
                Ok(Reading::Is(value)) => self.rule_values.set(index, value),
                Ok(Reading::Missing | Reading::Unknown) => self.rule_values.set(index, f64::NAN),
                Err(_) => return false,
            }
        }
        true
    }

    /// How many values were adjusted in the row that [`Decider::judge_rows`] calls its closure for.
    #[must_use]
    pub fn adjusted_values(&self, row: usize) -> u32 {
        self.block.adjusted.get(row % ROWS).copied().unwrap_or(0)
    }

    /// What a sketch counts of a derived input of such a row, if it was left out (see
    /// [`Origin::counted`](crate::preprocess::Origin::counted)); NaN for any other input.
    #[must_use]
    pub fn counted_value(&self, input: usize, row: usize) -> f64 {
        let nth = self.derivation.nth_of(input);
        let at = nth.map(|nth| nth * ROWS + row % ROWS);
        at.and_then(|at| self.block.counted.get(at).copied())
            .unwrap_or(f64::NAN)
    }

    /// Whether no policy has anything to do for a single row.
    fn is_plain(&self, row: &[f64]) -> bool {
        let schema = &self.artifact.schema;
        let mut values = schema.inputs().zip(row);
        let is_plain = |feature, value| all_plain(feature, &[value], &schema.missing_values);
        row.len() == self.row.len() && values.all(|(feature, &value)| is_plain(feature, value))
    }

    fn batch_block(
        &mut self,
        columns: &[f64],
        rows: usize,
        start: usize,
        out: &mut [f64],
    ) -> usize {
        let block = &mut self.block;
        block.reset(self.row.len(), self.derivation.len(), out.len());
        for (input, feature) in self.artifact.schema.inputs().enumerate() {
            if feature.derived.is_some() {
                continue;
            }
            let from = input * rows + start;
            let column = &columns[from..from + out.len()];
            block.take_column(
                input,
                feature,
                column,
                self.artifact.preprocessing.imputed[input],
                &self.artifact.schema.missing_values,
            );
        }
        if !self.derivation.is_empty() {
            self.derive_block(columns, rows, start, out.len());
        }
        let block = &self.block;
        if let [out] = out {
            for (input, value) in self.row.iter_mut().enumerate() {
                *value = block.values[input * ROWS];
            }
            *out = self.predictor.predict_row(&self.row);
        } else {
            self.predictor.predict_block(&block.values, ROWS, out);
        }
        let most = self.artifact.schema.max_adjustments.unwrap_or(u32::MAX);
        let mut refused = 0;
        for (row, out) in out.iter_mut().enumerate() {
            if block.refused[row] || block.adjusted[row] > most {
                *out = REFUSED;
                refused += 1;
            }
        }
        refused
    }
}

impl Decider {
    /// Settles the derived inputs of the rows from `start` on, row by row.
    fn derive_block(&mut self, columns: &[f64], rows: usize, start: usize, count: usize) {
        for row in 0..count {
            let known = &self.artifact.schema.missing_values;
            let code = |input: usize, feature: &Feature| {
                known_code(feature, columns[input * rows + start + row], known)
            };
            let mut nth = 0;
            while let Some(given) = self.derivation.given(nth) {
                let feature = &self.artifact.schema.features[given.feature];
                let value = self.block.values[given.input * ROWS + row];
                let origin = given.origin(feature, code(given.input, feature));
                self.derivation.set(given.feature, value, origin);
                nth += 1;
            }
            nth = 0;
            while let Some(input) = self.derivation.input(nth) {
                let feature = input_of(&self.artifact, &self.fields, input);
                let imputed = self.artifact.preprocessing.imputed[input];
                let settled = read_coded(feature, code(input, feature))
                    .and_then(|given| self.derivation.resolve(nth, feature, given, imputed));
                // A refused row is not judged.
                self.block.missing[input * ROWS + row] =
                    settled.as_ref().is_ok_and(|(_, missing)| *missing);
                self.block.counted[nth * ROWS + row] = self.derivation.counted(nth);
                self.block
                    .take_value(input, row, settled.map(|(value, _)| value), imputed);
                nth += 1;
            }
        }
    }
}

impl Block {
    /// Takes what a value came to; a refused one is filled in, so that the row can be computed
    /// with the others.
    fn take_value(
        &mut self,
        input: usize,
        row: usize,
        settled: Result<Resolved, ValueError>,
        imputed: f64,
    ) {
        let value = &mut self.values[input * ROWS + row];
        match settled {
            Ok(resolved) => {
                *value = resolved.value;
                self.adjusted[row] += u32::from(resolved.adjusted.is_some());
            }
            Err(_) => {
                *value = imputed;
                self.refused[row] = true;
            }
        }
    }

    fn reset(&mut self, inputs: usize, derived: usize, rows: usize) {
        self.counted.resize(derived * ROWS, f64::NAN);
        self.values.resize(inputs * ROWS, 0.0);
        self.missing.resize(inputs * ROWS, false);
        self.adjusted.clear();
        self.adjusted.resize(rows, 0);
        self.refused.clear();
        self.refused.resize(rows, false);
    }

    fn take_column(
        &mut self,
        input: usize,
        feature: &Feature,
        column: &[f64],
        imputed: f64,
        missing: &MissingValues,
    ) {
        let values = &mut self.values[input * ROWS..input * ROWS + column.len()];
        if all_plain(feature, column, missing) {
            values.copy_from_slice(column);
            return;
        }
        for (row, &code) in column.iter().enumerate() {
            let resolved = read_coded(feature, known_code(feature, code, missing))
                .and_then(|reading| resolve(feature, reading, imputed));
            self.take_value(input, row, resolved, imputed);
        }
    }
}

/// Whether no policy has anything to do. Without branches, so that it costs next to nothing.
fn all_plain(feature: &Feature, column: &[f64], missing: &MissingValues) -> bool {
    let fits = match &feature.kind {
        FeatureKind::Number(range) => all_inside(range, column),
        FeatureKind::Integer(range) => all_inside(range, column) && all(column, is_whole),
        FeatureKind::Boolean => all(column, |x| (x == 0.0) | (x == 1.0)),
        FeatureKind::Category(categories) => {
            let count = categories.values.len() as f64;
            all(column, |x| is_whole(x) & (x >= 0.0) & (x < count))
        }
    };
    fits && !(feature.range().is_some() && missing.are_among(column))
}

/// A number on an exclusive bound takes the long way.
fn all_inside(range: &Range, column: &[f64]) -> bool {
    let lower = range.lower.map_or(f64::MIN, |bound| bound.value);
    let upper = range.upper.map_or(f64::MAX, |bound| bound.value);
    let exclusive = [range.lower, range.upper]
        .iter()
        .flatten()
        .any(|b| b.exclusive);
    if exclusive {
        all(column, |x| (x > lower) & (x < upper))
    } else {
        all(column, |x| (x >= lower) & (x <= upper))
    }
}

/// Whole and below 2^51. Adding 1.5 · 2^52 rounds such a number to a whole one; a conversion to an
/// integer could not be done for several numbers at once.
fn is_whole(x: f64) -> bool {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    (x + ROUND - ROUND == x) & (x.abs() < 2_251_799_813_685_248.0)
}

fn all(column: &[f64], holds: impl Fn(f64) -> bool) -> bool {
    column.iter().fold(true, |all, &x| all & holds(x))
}
