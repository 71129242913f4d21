//! What one thread reads of a file.

use std::io::Read;

use model_files::block::Texts;
use model_files::csv::{Row, Table};

use super::columns::read_target;
use super::{OutcomeMissing, Protected, Reader, Scratch};
use crate::derive;
use crate::error::{DataError, DataErrorKind};
use crate::sample::SampleReader;

/// The rows of a piece of a file, up to the first that is an error.
pub(super) struct Part {
    /// The inputs of the rows with an outcome, those of the rows without one, and the protected
    /// columns.
    pub(super) columns: Vec<Vec<f64>>,
    pub(super) target: Vec<bool>,
    /// Which of all rows of the piece have no outcome.
    pub(super) without_outcome: Vec<usize>,
    /// By step of derivation.
    pub(super) overwritten: Vec<usize>,
    pub(super) error: Option<DataError>,
    /// When each row happened, of whom it is and how much it counts, and the row's line: these
    /// are read in the order of the file.
    sample: [Texts; 3],
    lines: Vec<u64>,
}

impl Part {
    /// Reads all rows of a table.
    pub(super) fn read<R: Read>(
        table: &mut Table<R>,
        reader: &Reader<'_>,
        sample: &SampleReader<'_>,
        protected: &[Protected],
    ) -> Self {
        let inputs = reader.inputs.len();
        let mut part = Self {
            columns: vec![Vec::new(); 2 * inputs + protected.len()],
            target: Vec::new(),
            without_outcome: Vec::new(),
            overwritten: Vec::new(),
            error: None,
            sample: Default::default(),
            lines: Vec::new(),
        };
        let mut scratch = Scratch {
            row: derive::Row::default(),
            overwritten: vec![0; reader.steps.len()],
            cells: reader.cells(),
        };
        let file = table.name().to_owned();
        loop {
            let pushed = match table.next_row() {
                Ok(Some(row)) => part.push(&row, reader, &mut scratch, &file),
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            match pushed {
                Ok(None) => {}
                Ok(Some(row)) => part.push_rest(&row, reader, sample, protected),
                Err(error) => {
                    part.error = Some(error);
                    break;
                }
            }
        }
        part.overwritten = scratch.overwritten;
        part
    }

    /// Reads outcome and inputs of a row; the row where it has an outcome.
    fn push<'r>(
        &mut self,
        row: &Row<'r>,
        reader: &Reader<'_>,
        scratch: &mut Scratch<'_>,
        file: &str,
    ) -> Result<Option<Row<'r>>, DataError> {
        let schema = reader.schema;
        let inputs = reader.inputs.len();
        let cell = reader.columns.target.map_or("", |index| row.field(index));
        match read_target(schema, cell) {
            Ok(answer) => {
                reader.push_inputs(row, &mut self.columns[..inputs], scratch, file)?;
                self.target.push(answer);
                Ok(Some(*row))
            }
            Err(DataErrorKind::MissingTarget { .. })
                if reader.outcome_missing == OutcomeMissing::LeaveOut =>
            {
                let rows = self.target.len() + self.without_outcome.len();
                self.without_outcome.push(rows);
                let columns = &mut self.columns[inputs..2 * inputs];
                reader.push_inputs(row, columns, scratch, file)?;
                Ok(None)
            }
            Err(kind) => Err(DataError::in_file(file, kind)
                .at_line(row.line)
                .in_column(&schema.target.name)),
        }
    }

    /// Reads what a row with an outcome has beside it.
    fn push_rest(
        &mut self,
        row: &Row<'_>,
        reader: &Reader<'_>,
        sample: &SampleReader<'_>,
        protected: &[Protected],
    ) {
        if sample.is_wanted() {
            for (texts, cell) in self.sample.iter_mut().zip(sample.cells(row)) {
                texts.push(cell);
            }
            self.lines.push(row.line);
        }
        let columns = &mut self.columns[2 * reader.inputs.len()..];
        for (values, protected) in columns.iter_mut().zip(protected) {
            values.push(protected.read(row, &reader.schema.missing_values));
        }
    }

    /// Shows the cells of time, group and weight to who reads them in the order of the file.
    pub(super) fn push_sample(
        &self,
        sample: &mut SampleReader<'_>,
        file: &str,
    ) -> Result<(), DataError> {
        for (row, line) in self.lines.iter().enumerate() {
            let cells = self.sample.each_ref().map(|texts| texts.get(row));
            sample.push(cells, *line, file)?;
        }
        Ok(())
    }
}
