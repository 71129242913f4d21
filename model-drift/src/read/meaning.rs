//! What the cells of a file mean to a feature: what a decision reads in a request.

use model_core::cells::CellReader;
use model_core::schema::{Feature, FeatureKind, MissingValues};
use model_core::value::{Reading, ValueError};

use super::Cells;

/// Reads the cells of one column.
pub(crate) struct Meaning<'f> {
    feature: &'f Feature,
    reader: CellReader<'f>,
    missing: &'f MissingValues,
}

impl<'f> Meaning<'f> {
    /// For the column of a feature, in a file in which these texts mean missing.
    pub(crate) fn new(feature: &'f Feature, missing: &'f MissingValues) -> Self {
        Self {
            feature,
            reader: CellReader::new(feature, missing),
            missing,
        }
    }

    /// What a cell means; a column that the file does not have is missing in every row.
    ///
    /// # Errors
    /// Where a decision refuses the value.
    pub(crate) fn read(
        &mut self,
        cells: Option<&Cells>,
        row: usize,
    ) -> Result<Reading, ValueError> {
        match cells {
            Some(Cells::Texts(texts)) => self.reader.read(texts.get(row)),
            Some(Cells::Numbers(numbers)) => self.read_number(numbers[row]),
            Some(Cells::Skipped) | None => Ok(Reading::Missing),
        }
    }

    fn read_number(&mut self, number: f64) -> Result<Reading, ValueError> {
        let is_number = self.feature.range().is_some();
        if number.is_nan() || is_number && self.missing.has_number(number) {
            return Ok(Reading::Missing);
        }
        let is_itself = match self.feature.kind {
            FeatureKind::Number(_) => number.is_finite(),
            FeatureKind::Integer(_) => number.fract() == 0.0 && number.abs() < 1e15,
            FeatureKind::Boolean | FeatureKind::Category(_) => false,
        };
        if is_itself {
            return Ok(Reading::Is(number));
        }
        self.reader.read(&number.to_string())
    }
}
