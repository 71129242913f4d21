//! Exploring a CSV file before anything is learned from it: types, gaps, duplicates, the
//! balance of the target, distributions, associations, and columns that know too much.
//!
//! Nothing but a file that is no CSV is an error here: a file of one row, a column without a
//! value, a target of one class are what a person wants to be told.

mod association;
mod binning;
mod column;
mod credit;
mod figures;
mod findings;
mod leakage;
mod page;
mod periods;
mod summary;
mod suspicion;

pub use association::{correlation_ratio, cramers_v, spearman};
pub use binning::{Bin, Characteristic};
pub use column::Type;
pub use findings::{Finding, Weight};
pub use leakage::{LEAK, SUSPECT};
pub use page::eda_html;
pub use summary::{Histogram, Numbers, Share, numbers};
pub use suspicion::SUSPICIOUS;

use std::hash::{DefaultHasher, Hasher};
use std::io::Read;

use model_core::schema::{SampleRole, Schema};
use model_files::Hashing;
use model_files::csv::{CsvError, Pieces, Table};
use rayon::iter::{
    IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator,
    IntoParallelRefMutIterator, ParallelIterator,
};
use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::error::DataError;
use crate::parallel::parallel;
use association::{Ranked, association};
use column::{Cells, Column};

/// Columns whose associations are shown; of more, those that say most about the target.
const MOST_ASSOCIATED: usize = 24;

/// What there is to know about a file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Eda {
    /// What the file is called.
    pub file: String,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
    /// How many rows.
    pub rows: usize,
    /// Rows that are the same, to the byte, as one before.
    pub duplicate_rows: usize,
    /// What is to be learned; none where the file shows no column with two values.
    pub target: Option<Target>,
    /// Every column, in the order of the file.
    pub columns: Vec<Profile>,
    /// How much columns say about each other.
    pub associations: Associations,
    /// What should be looked at, the weightiest first.
    pub findings: Vec<Finding>,
    /// Whether the schema names a column of weights; an exploration does not apply them.
    #[serde(skip)]
    pub has_weights: bool,
}

/// The column that is to be learned.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Target {
    /// The column.
    pub name: String,
    /// Its value, or the schema's word, for yes.
    pub positive_label: String,
    /// The same for no.
    pub negative_label: String,
    /// What the positive outcome is called: the one that a lender wants.
    pub positive_outcome: String,
    /// What the other outcome is called: the bad one, whose share is the bad rate.
    pub negative_outcome: String,
    /// Rows of yes.
    pub positive: usize,
    /// Rows of no.
    pub negative: usize,
    /// Rows without an answer.
    pub missing: usize,
}

/// What is known of one column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The column.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// The schema's role, such as `input`, `ignored` or `weight`; empty without a schema.
    pub role: String,
    /// What it holds.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Rows without a value.
    pub missing: usize,
    /// Cells that are no value of this type, or not in the schema's list.
    pub unreadable: usize,
    /// Different texts, missing ones not counted.
    pub distinct: usize,
    /// Of numbers.
    pub numbers: Option<Numbers>,
    /// Of numbers, the rows of yes and those of no.
    pub by_target: Option<(Numbers, Numbers)>,
    /// Of numbers.
    pub histogram: Option<Histogram>,
    /// Of categories and booleans, the most frequent first.
    pub shares: Vec<Share>,
    /// The area under the ROC curve of this column alone, 0.5 for one that says nothing.
    pub single_column_auc: Option<f64>,
    /// Bad rates by bin, information value; none of texts, and without a target of two outcomes.
    pub characteristic: Option<Characteristic>,
}

/// A square of numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Associations {
    /// The columns.
    pub columns: Vec<String>,
    /// Row after row; none where it is not defined.
    pub values: Vec<Option<f64>>,
}

/// Looks at a whole file. `name` is what it is called; `target` names the column to learn
/// where there is no schema (default: the last column). `progress` is called now and then
/// with the number of bytes read.
///
/// # Errors
/// When the file is no CSV; names the line.
pub fn explore(
    source: impl Read,
    name: &str,
    schema: Option<&Schema>,
    target: Option<&str>,
    mut progress: impl FnMut(u64),
) -> Result<Eda, DataError> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut pieces = Pieces::open(Hashing::new(source), name)?;
    let head = pieces.head().clone();
    let header = head.header();
    let mut cells: Vec<Cells> = header.iter().map(|_| Cells::default()).collect();
    let mut seen: FxHashSet<u64> = FxHashSet::default();
    let (mut rows, mut duplicate_rows) = (0, 0);
    loop {
        let wave = pieces.next_pieces(jobs)?;
        if wave.is_empty() {
            break;
        }
        let parts = parallel(jobs, &wave, |piece| read_part(&mut head.table(piece)));
        let parts = parts.into_iter().collect::<Result<Vec<Part>, CsvError>>()?;
        let columns = cells.par_iter_mut().enumerate();
        columns.for_each(|(index, cells)| {
            let parts = parts.iter().map(|part| &part.cells[index]);
            parts.for_each(|part| cells.append(part));
        });
        for part in &parts {
            let repeated = |hash: &&u64| !seen.insert(**hash);
            duplicate_rows += part.hashes.iter().filter(repeated).count();
            rows += part.hashes.len();
        }
        progress(pieces.bytes_read());
    }
    let columns: Vec<Column> = cells
        .into_par_iter()
        .zip(header)
        .map(|(cells, name)| cells.finish(name, schema))
        .collect();
    let mut eda = Eda {
        file: name.to_owned(),
        sha256: pieces.into_source().finish(),
        rows,
        duplicate_rows,
        target: None,
        columns: Vec::new(),
        associations: Associations::default(),
        findings: Vec::new(),
        has_weights: schema
            .is_some_and(|schema| schema.sample_column(SampleRole::Weight).is_some()),
    };
    eda.fill(&columns, schema, target);
    Ok(eda)
}

/// What one thread reads of the file.
struct Part {
    cells: Vec<Cells>,
    /// Of each row.
    hashes: Vec<u64>,
}

fn read_part(table: &mut Table<&[u8]>) -> Result<Part, CsvError> {
    let mut part = Part {
        cells: table.header().iter().map(|_| Cells::default()).collect(),
        hashes: Vec::new(),
    };
    while let Some(row) = table.next_row()? {
        for (index, cells) in part.cells.iter_mut().enumerate() {
            cells.push(row.field(index));
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(row.raw);
        part.hashes.push(hasher.finish());
    }
    Ok(part)
}

impl Eda {
    fn fill(&mut self, columns: &[Column], schema: Option<&Schema>, target: Option<&str>) {
        let name = target
            .or(schema.map(|schema| schema.target.name.as_str()))
            .or(columns.last().map(|column| column.name.as_str()));
        let column = columns
            .iter()
            .find(|column| Some(column.name.as_str()) == name);
        let answers = column.and_then(|column| {
            let (answers, yes, no) = column.as_target()?;
            let of_schema = schema
                .filter(|schema| schema.target.name == column.name)
                .map(|schema| &schema.target);
            let label = |positive: bool, own: &String| {
                of_schema.map_or_else(|| own.clone(), |t| t.decision_label(positive).to_owned())
            };
            let outcome = |positive: bool, own: &String| match (of_schema, column.kind) {
                (Some(target), _) => target.outcome_label(positive).into_owned(),
                (None, Type::Category) => own.clone(),
                (None, _) => format!("{} = {own}", column.name),
            };
            self.target = Some(Target {
                name: column.name.clone(),
                positive_label: label(true, &yes),
                negative_label: label(false, &no),
                positive_outcome: outcome(true, &yes),
                negative_outcome: outcome(false, &no),
                positive: answers
                    .iter()
                    .filter(|answer| **answer == Some(true))
                    .count(),
                negative: answers
                    .iter()
                    .filter(|answer| **answer == Some(false))
                    .count(),
                missing: answers.iter().filter(|answer| answer.is_none()).count(),
            });
            Some(answers)
        });
        let answers = answers.as_deref();
        let time = schema.and_then(|schema| schema.sample_column(SampleRole::Time));
        let time = time.map(|column| column.name.as_str());
        let periods = time.and_then(|time| {
            let column = columns.iter().find(|column| column.name == time)?;
            periods::first_and_last(column)
        });
        let periods = periods.as_ref();
        self.columns = columns
            .par_iter()
            .map(|column| {
                let is_target = self.target.as_ref().is_some_and(|t| t.name == column.name);
                // The periods differ in their own times by construction.
                let periods = periods.filter(|_| time != Some(column.name.as_str()));
                profile(column, answers.filter(|_| !is_target), periods, is_target)
            })
            .collect();
        self.associations = associations(columns, &self.columns);
        self.findings = findings::findings(self, columns, name);
    }
}

fn profile(
    column: &Column,
    answers: Option<&[Option<bool>]>,
    periods: Option<&[Vec<usize>; 2]>,
    is_target: bool,
) -> Profile {
    let auc = answers.and_then(|answers| leakage::single_column_auc(column, answers));
    let is_number = column.kind.is_number();
    let of_class = |class: bool| {
        let answers = answers?;
        let rows = column.values.iter().zip(answers);
        numbers(
            rows.filter(|(_, answer)| **answer == Some(class))
                .map(|(value, _)| *value),
        )
    };
    Profile {
        name: column.name.clone(),
        label: column.label.clone(),
        role: if is_target { "target" } else { column.role }.to_owned(),
        kind: column.kind,
        missing: column.missing,
        unreadable: column.unreadable,
        distinct: column.distinct,
        numbers: is_number
            .then(|| numbers(column.values.iter().copied()))
            .flatten(),
        by_target: is_number
            .then(|| Some((of_class(true)?, of_class(false)?)))
            .flatten(),
        histogram: is_number
            .then(|| summary::histogram(column, answers))
            .flatten(),
        shares: if column.kind.is_group() {
            summary::shares(column, answers)
        } else {
            Vec::new()
        },
        single_column_auc: auc,
        characteristic: answers
            .and_then(|answers| binning::characteristic(column, answers, periods, auc)),
    }
}

/// Of columns that are numbers, booleans or categories and have more than one value.
fn associations(columns: &[Column], profiles: &[Profile]) -> Associations {
    let mut some: Vec<(&Column, f64)> = columns
        .iter()
        .zip(profiles)
        .filter(|(column, _)| {
            (column.kind.is_number() || column.kind.is_group()) && !column.is_constant()
        })
        .map(|(column, profile)| {
            let weight = match profile.role.as_str() {
                "target" => 1.0,
                _ => (profile.single_column_auc.unwrap_or(0.5) - 0.5).abs(),
            };
            (column, weight)
        })
        .collect();
    if some.len() > MOST_ASSOCIATED {
        let mut weights: Vec<f64> = some.iter().map(|column| column.1).collect();
        weights.sort_by(|a, b| b.total_cmp(a));
        let least = weights[MOST_ASSOCIATED - 1];
        some.retain(|column| column.1 >= least);
        some.truncate(MOST_ASSOCIATED);
    }
    let size = some.len();
    let mut values = vec![None; size * size];
    let pairs: Vec<(usize, usize)> = (0..size)
        .flat_map(|row| (row + 1..size).map(move |column| (row, column)))
        .collect();
    let ranked: Vec<Ranked<'_>> = some
        .par_iter()
        .map(|(column, _)| Ranked::new(column))
        .collect();
    let measured: Vec<Option<f64>> = pairs
        .par_iter()
        .map(|(row, column)| association(&ranked[*row], &ranked[*column]))
        .collect();
    for ((row, column), value) in pairs.into_iter().zip(measured) {
        values[row * size + column] = value;
        values[column * size + row] = value;
    }
    for row in 0..size {
        values[row * size + row] = Some(1.0);
    }
    Associations {
        columns: some.iter().map(|column| column.0.name.clone()).collect(),
        values,
    }
}
