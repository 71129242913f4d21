//! What columns with role `time`, `group` and `weight` say about the rows of a file.

use std::io::Read;

use model_core::schema::{SampleRole, Schema};
use model_drift::performance::WEIGHTS;
use model_files::csv::{Row, Table};
use rustc_hash::FxHashMap;

use crate::error::{DataError, DataErrorKind, shortened};
use crate::moment::{EXPECTED, Moment, TimeKind};

/// When, of whom, and how much: one element a row where the file has the column.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// When each row happened; all are of one kind.
    pub times: Option<Vec<i64>>,
    /// What the times are; `None` while there is none.
    pub time_kind: Option<TimeKind>,
    /// The number of each row's group, counted from 0 in the order of the file.
    pub groups: Option<Vec<u32>>,
    /// How much each row counts: finite and above 0.
    pub weights: Option<Vec<f64>>,
}

/// Reads the three columns of a file.
#[derive(Debug)]
pub(crate) struct SampleReader<'a> {
    schema: &'a Schema,
    /// Of time, group and weight.
    columns: [Option<usize>; 3],
    known_groups: FxHashMap<String, u32>,
    sample: Sample,
}

const ROLES: [SampleRole; 3] = [SampleRole::Time, SampleRole::Group, SampleRole::Weight];

impl<'a> SampleReader<'a> {
    /// A column that the schema names and the file lacks is not there.
    pub(crate) fn new<R: Read>(table: &Table<R>, schema: &'a Schema) -> Self {
        let columns = ROLES.map(|role| {
            let name = &schema.sample_column(role)?.name;
            table.header().iter().position(|column| column == name)
        });
        let sample = Sample {
            times: columns[0].map(|_| Vec::new()),
            time_kind: None,
            groups: columns[1].map(|_| Vec::new()),
            weights: columns[2].map(|_| Vec::new()),
        };
        Self {
            schema,
            columns,
            known_groups: FxHashMap::default(),
            sample,
        }
    }

    /// The cells of a row that [`SampleReader::push`] takes, one a role.
    pub(crate) fn cells<'r>(&self, row: &Row<'r>) -> [&'r str; 3] {
        self.columns
            .map(|column| column.map_or("", |column| row.field(column)))
    }

    /// Whether the file has one of the columns.
    pub(crate) fn is_wanted(&self) -> bool {
        self.columns.iter().any(Option::is_some)
    }

    /// Takes the cells of the next row, which starts on a line of the file.
    pub(crate) fn push(
        &mut self,
        cells: [&str; 3],
        line: u64,
        file: &str,
    ) -> Result<(), DataError> {
        let columns = self.columns.into_iter().zip(cells);
        for (role, (column, cell)) in ROLES.into_iter().zip(columns) {
            if column.is_none() {
                continue;
            }
            let text = cell.trim();
            let missing = &self.schema.missing_values;
            let feature = self.schema.sample_column(role);
            let is_missing = feature.is_some_and(|feature| missing.has_text_of(feature, text));
            let taken = match text.is_empty() || is_missing {
                true => Err(expected(role).to_owned()),
                false => self.take(role, text),
            };
            taken.map_err(|message| {
                let name = self.schema.sample_column(role).map(|f| f.name.as_str());
                let got = shortened(cell);
                DataError::in_file(file, DataErrorKind::Value { message, got })
                    .at_line(line)
                    .in_column(name.unwrap_or_default())
            })?;
        }
        Ok(())
    }

    /// Takes a cell that is not missing.
    fn take(&mut self, role: SampleRole, text: &str) -> Result<(), String> {
        let sample = &mut self.sample;
        match role {
            SampleRole::Time => {
                let moment = Moment::parse(text).ok_or_else(|| expected(role).to_owned())?;
                let kind = *sample.time_kind.get_or_insert(moment.kind());
                if kind != moment.kind() {
                    let above = match kind {
                        TimeKind::Calendar => "a date",
                        TimeKind::Whole => "a whole number",
                    };
                    return Err(format!("expected {above}, as in the rows above"));
                }
                sample.times.get_or_insert_default().push(moment.value);
            }
            SampleRole::Group => {
                let next = self.known_groups.len() as u32;
                let group = match self.known_groups.get(text) {
                    Some(group) => *group,
                    None => *self.known_groups.entry(text.to_owned()).or_insert(next),
                };
                sample.groups.get_or_insert_default().push(group);
            }
            SampleRole::Weight => {
                let weight = text.parse::<f64>().ok();
                let weight = weight.filter(|weight| WEIGHTS.contains(weight));
                let weight = weight.ok_or_else(|| expected(role).to_owned())?;
                sample.weights.get_or_insert_default().push(weight);
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Sample {
        self.sample
    }
}

fn expected(role: SampleRole) -> &'static str {
    match role {
        SampleRole::Time => EXPECTED,
        SampleRole::Group => "expected what names the group",
        SampleRole::Weight => "expected a weight, a number from 1e-15 to 1e15",
    }
}

impl Sample {
    /// When a row happened.
    #[must_use]
    pub fn moment(&self, row: usize) -> Option<Moment> {
        let value = self.times.as_ref()?.get(row)?;
        Some(Moment::new(self.time_kind?, *value))
    }

    /// The weights of some rows; `None` where every row counts the same.
    #[must_use]
    pub fn weights_of(&self, rows: &[usize]) -> Option<Vec<f64>> {
        let weights = self.weights.as_ref()?;
        Some(rows.iter().map(|&row| weights[row]).collect())
    }

    /// The share of some rows of which something holds, weighted where rows have weights.
    pub(crate) fn share_of(
        &self,
        rows: impl Iterator<Item = usize>,
        holds: impl Fn(usize) -> bool,
    ) -> f64 {
        let (mut held, mut all) = (0.0, 0.0);
        for row in rows {
            let weight = self.weights.as_ref().map_or(1.0, |weights| weights[row]);
            all += weight;
            held += if holds(row) { weight } else { 0.0 };
        }
        held / all
    }

    /// How many different groups some rows have; `None` without a column of groups.
    #[must_use]
    pub fn count_groups(&self, rows: &[usize]) -> Option<usize> {
        let groups = self.groups.as_ref()?;
        let mut seen: Vec<u32> = rows.iter().map(|&row| groups[row]).collect();
        seen.sort_unstable();
        seen.dedup();
        Some(seen.len())
    }
}
