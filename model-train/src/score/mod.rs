//! Scoring the rows of a CSV or Parquet file as they stream by: every row is copied, with its
//! probability, prediction and outcome added, the rules that matched, what was adjusted, and the
//! version of the model.

mod block;
mod parquet;

use std::io::{self, Read, Write};

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{Feature, FeatureKind, Role, Schema};
use model_core::value::{Value, ValueError, read};
use model_files::csv::{Head, Piece, Pieces, Table};
use model_files::parquet::{FromCsv, NewColumn, NewKind, ParquetError};

use crate::applications::refusal;
use crate::dataset::{Columns, read_cell, stranger};
use crate::deciders::Deciders;
use crate::error::{DataError, shortened};
use crate::parallel::parallel;
use block::Block;

pub use parquet::score_parquet;

const PROBABILITY: &str = "probability";
const PREDICTION: &str = "prediction";
/// The columns that are added.
const ADDED: [&str; 3] = [PROBABILITY, PREDICTION, "outcome"];
/// The column that is added where the model has a policy.
const RULES: &str = "rules";
/// The column that is added where it was asked for.
const REASONS: &str = "reasons";
/// The columns that are added last.
const LAST: [&str; 2] = ["adjustments", "model_version"];

/// What happens to a row that the model refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnInvalid {
    /// It is an error.
    Stop,
    /// Its added columns stay empty.
    Blank,
}

/// What to do with what is not as it should be.
#[derive(Debug, Clone, Copy)]
pub struct Choices {
    /// With a row that the model refuses.
    pub on_invalid: OnInvalid,
    /// Whether an input may be missing in every row, where the schema can fill it in.
    pub allow_missing_columns: bool,
    /// Whether a column that the schema does not know is copied as it is.
    pub pass_through: bool,
    /// Whether the codes of the reasons are added.
    pub reasons: bool,
}

/// Why rows could not be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A row cannot be read, or a column is missing.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The file has a column that scoring would add.
    #[error("{file}: the file already has a column '{column}': rename or remove it")]
    ColumnExists {
        /// What errors call the file.
        file: String,
        /// The column.
        column: &'static str,
    },
    /// The schema does not know a column.
    #[error(
        "{file}, line 1, column '{column}': the schema does not know this column; {}opy it as it is with --pass-through, list it in the schema (role = \"ignored\"), or remove it",
        .nearest.as_ref().map_or_else(|| "c".to_owned(), |name| format!("did you mean '{name}'? C"))
    )]
    ColumnUnknown {
        /// What errors call the file.
        file: String,
        /// The column.
        column: String,
        /// The feature with the most similar name.
        nearest: Option<String>,
    },
    /// An input has no column.
    #[error(
        "{file}, column '{column}': the column is missing, and every row would get an imputed value; add it, or pass --allow-missing-columns"
    )]
    ColumnMissing {
        /// What errors call the file.
        file: String,
        /// The column.
        column: String,
    },
    /// The model refuses the row as a whole.
    #[error("{file}, line {line}: {message}")]
    Refused {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// What an answer says: the field, and what is wrong.
        message: String,
    },
    /// More values would have to be filled in than the schema allows.
    #[error(
        "{file}, line {line}: more than {most} values are missing, unknown or out of range, at most {most} may be filled in (max_adjustments)"
    )]
    TooManyAdjustments {
        /// What errors call the file.
        file: String,
        /// The line; the first is 1.
        line: u64,
        /// How many may be filled in.
        most: u32,
    },
    /// The model cannot score a block of rows.
    #[error("the model cannot score these rows: {0}")]
    Model(String),
    /// A Parquet file cannot be read or written.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// The scored rows cannot be written.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
}

/// How far scoring has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far.
    pub bytes: u64,
    /// Rows scored so far.
    pub rows: u64,
}

/// Copies every row of a CSV from `source` to `sink` with the columns `probability`,
/// `prediction` and `outcome` added, and `rules` where the model has a policy: the codes that
/// matched, separated by semicolons. Where it was asked for, `reasons` is added too: the codes of
/// why the row is no approval, the most important first. `adjustments` lists what a policy of the
/// schema filled in, mapped or moved, as `feature:kind:to` joined by semicolons, and
/// `model_version` says who decided. As in an answer, `prediction` is 1 only for
/// `approve`. Answers how many rows were refused and left blank. `name` is what
/// errors call the source, `progress` is called now and then.
///
/// The rows are scored in pieces on all processors, and written in their order; a few pieces of a
/// mebibyte are in memory at a time.
///
/// # Errors
/// Names the line and field of a row that cannot be read or, with [`OnInvalid::Stop`], that
/// the model refuses; the rows before it have been written.
pub fn score(
    decider: &mut Decider,
    source: impl Read,
    name: &str,
    sink: &mut impl Write,
    choices: Choices,
    progress: impl FnMut(Progress),
) -> Result<u64, ScoreError> {
    let schema = decider.artifact().schema.clone();
    let pieces = Pieces::open(source, name).map_err(DataError::from)?;
    let head = pieces.head().clone();
    let layout = Layout::new(decider, &schema, &head, choices)?;
    sink.write_all(head.header_raw())?;
    let mut names = layout.columns.names();
    names.try_for_each(|column| write!(sink, ",{column}"))?;
    sink.write_all(head.line_end().as_bytes())?;
    let rows = |text: &[u8]| Ok(sink.write_all(text)?);
    score_pieces(decider, pieces, &layout, rows, progress)
}

/// The same as Parquet: columns of numbers of the schema as `DOUBLE`, others as text, a cell that
/// is empty or no number as null. The columns that are added are `probability`, a `DOUBLE`,
/// `prediction`, an `INT32`, and texts. `target` is what errors call the sink.
///
/// # Errors
/// As [`score`].
pub fn score_to_parquet(
    decider: &mut Decider,
    source: impl Read,
    name: &str,
    (sink, target): (impl Write + Send, &str),
    choices: Choices,
    progress: impl FnMut(Progress),
) -> Result<u64, ScoreError> {
    let schema = decider.artifact().schema.clone();
    let pieces = Pieces::open(source, name).map_err(DataError::from)?;
    let head = pieces.head().clone();
    let layout = Layout::new(decider, &schema, &head, choices)?;
    let is_number = |name: &&String| {
        let mut features = schema.features.iter().filter(|f| f.name == **name);
        features.next().is_some_and(|feature| {
            matches!(
                feature.kind,
                FeatureKind::Number(_) | FeatureKind::Integer(_)
            )
        })
    };
    let own = head.header().iter().map(|name| NewColumn {
        name: name.clone(),
        kind: match is_number(&name) {
            true => NewKind::Float64,
            false => NewKind::Text,
        },
    });
    let columns = own.chain(layout.columns.new_columns()).collect();
    let mut table = FromCsv::create(sink, target, columns)?;
    let rows = |text: &[u8]| Ok(table.push(text)?);
    let refused_rows = score_pieces(decider, pieces, &layout, rows, progress)?;
    table.finish()?;
    Ok(refused_rows)
}

/// Scores all pieces, and gives the rows of each to `rows` in their order.
fn score_pieces(
    decider: &mut Decider,
    mut pieces: Pieces<impl Read>,
    layout: &Layout<'_>,
    mut rows_out: impl FnMut(&[u8]) -> Result<(), ScoreError>,
    mut progress: impl FnMut(Progress),
) -> Result<u64, ScoreError> {
    let head = pieces.head().clone();
    let jobs = jobs();
    let deciders = Deciders::default();
    let (mut rows, mut refused_rows) = (0, 0);
    loop {
        let wave = pieces.next_pieces(jobs).map_err(DataError::from)?;
        let scored = match wave.as_slice() {
            [] => return Ok(refused_rows),
            [only] => vec![layout.score(&mut head.table(only), decider)],
            wave => {
                let encoded = deciders.of(decider).map_err(not_loaded)?;
                parallel(jobs, wave, |piece| {
                    let score =
                        |decider: &mut Decider| layout.score(&mut head.table(piece), decider);
                    deciders.with(encoded, score).map_err(not_loaded)?
                })
            }
        };
        for scored in scored {
            let scored = scored?;
            rows_out(&scored.text)?;
            scored.end?;
            rows += scored.rows;
            refused_rows += scored.refused_rows;
        }
        progress(Progress {
            bytes: pieces.bytes_read(),
            rows,
        });
    }
}

fn not_loaded(error: ArtifactError) -> ScoreError {
    ScoreError::Model(error.to_string())
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// What is the same for all rows.
struct Layout<'s> {
    fields: Vec<Field<'s>>,
    missing_values: &'s [String],
    columns: Added,
    /// The model's.
    version: &'s str,
    file: &'s str,
    line_end: &'static str,
    on_invalid: OnInvalid,
}

/// A piece of the file, scored.
struct ScoredPiece {
    /// Its rows, up to the first that is an error.
    text: Vec<u8>,
    rows: u64,
    refused_rows: u64,
    end: Result<(), ScoreError>,
}

impl<'s> Layout<'s> {
    /// For a file with this header.
    fn new(
        decider: &Decider,
        schema: &'s Schema,
        head: &'s Head,
        choices: Choices,
    ) -> Result<Self, ScoreError> {
        let no_rows = Piece::default();
        let table = head.table(&no_rows);
        if let (Some(column), false) = (stranger(&table, schema), choices.pass_through) {
            return Err(ScoreError::ColumnUnknown {
                file: table.name().to_owned(),
                column: shortened(column),
                nearest: schema.nearest_feature(column).map(str::to_owned),
            });
        }
        let columns = Columns::for_passing_through(&table, schema)?;
        if !choices.allow_missing_columns {
            check_inputs(&table, schema, &columns)?;
        }
        let added = Added {
            rules: decider.artifact().policy.is_some(),
            reasons: choices.reasons,
        };
        let exists = |added: &&'static str| head.header().iter().any(|column| column == *added);
        if let Some(column) = added.names().find(exists) {
            return Err(ScoreError::ColumnExists {
                file: head.name().to_owned(),
                column,
            });
        }
        Ok(Self {
            fields: fields(&table, schema, &columns, decider.rule_columns()),
            missing_values: &schema.missing_values,
            columns: added,
            version: &schema.version,
            file: head.name(),
            line_end: head.line_end(),
            on_invalid: choices.on_invalid,
        })
    }

    /// The error of a row that the model refuses, with its values in the model's terms.
    fn refused<'f>(
        &self,
        decider: &mut Decider,
        line: u64,
        values: impl Iterator<Item = (&'f Feature, f64)>,
    ) -> ScoreError {
        let refusal = refusal(decider, values);
        let file = self.file.to_owned();
        match decider.artifact().schema.max_adjustments {
            Some(most) if refusal.kind == "too_many_adjustments" => {
                ScoreError::TooManyAdjustments { file, line, most }
            }
            _ => ScoreError::Refused {
                file,
                line,
                message: refusal.message,
            },
        }
    }

    /// Scores the rows of a table.
    fn score<R: Read>(
        &self,
        table: &mut Table<R>,
        decider: &mut Decider,
    ) -> Result<ScoredPiece, ScoreError> {
        let mut block = Block::new(self);
        let mut scored = ScoredPiece {
            text: Vec::new(),
            rows: 0,
            refused_rows: 0,
            end: Ok(()),
        };
        let mut more = true;
        while more && scored.end.is_ok() {
            let bad_row = block.fill(table, &mut more).err();
            scored.end = match (block.decide(decider, &mut scored.text), bad_row) {
                (Ok(()), Some(error)) => Err(error.into()),
                (end, _) => end,
            };
            scored.rows += block.rows.len() as u64;
        }
        scored.refused_rows = block.refused_rows;
        Ok(scored)
    }
}

/// A column that is lost altogether is more likely a mistake than an applicant's silence. A
/// derived one is computed.
fn check_inputs<R: Read>(
    table: &Table<R>,
    schema: &Schema,
    columns: &Columns,
) -> Result<(), ScoreError> {
    let mut inputs = schema.inputs().zip(&columns.inputs);
    match inputs.find(|(feature, column)| column.is_none() && feature.derived.is_none()) {
        Some((feature, _)) => Err(ScoreError::ColumnMissing {
            file: table.name().to_owned(),
            column: feature.name.clone(),
        }),
        None => Ok(()),
    }
}

/// The inputs of the model, then what only rules look at.
fn fields<'s, R: Read>(
    table: &Table<R>,
    schema: &'s Schema,
    columns: &Columns,
    rule_columns: &[usize],
) -> Vec<Field<'s>> {
    let inputs = schema.inputs().zip(columns.inputs.iter().copied());
    let rules = rule_columns.iter().map(|index| {
        let feature = &schema.features[*index];
        let mut header = table.header().iter();
        (feature, header.position(|name| *name == feature.name))
    });
    let fields = inputs.chain(rules);
    fields
        .map(|(feature, column)| Field { feature, column })
        .collect()
}

/// A field of an application, and the index of its column.
struct Field<'s> {
    feature: &'s Feature,
    column: Option<usize>,
}

impl Field<'_> {
    /// Reads a cell into the terms of the module's batch call.
    fn read(&self, cell: &str, missing_values: &[String]) -> Result<f64, ValueError> {
        let by_policies = self.feature.derived.is_none() && self.feature.role == Role::Input;
        if by_policies {
            return read_cell(self.feature, cell, missing_values);
        }
        // Whether such a value is refused depends on others, or on nothing.
        read(self.feature, Value::from_text(cell, missing_values)).map(|reading| reading.code())
    }
}

/// The columns that are added beside [`ADDED`].
#[derive(Debug, Clone, Copy, Default)]
struct Added {
    rules: bool,
    reasons: bool,
}

impl Added {
    fn names(self) -> impl Iterator<Item = &'static str> {
        let more = [self.rules.then_some(RULES), self.reasons.then_some(REASONS)];
        let more = more.into_iter().flatten();
        ADDED.into_iter().chain(more).chain(LAST)
    }

    /// The same as columns of a Parquet file.
    fn new_columns(self) -> impl Iterator<Item = NewColumn> {
        self.names().map(|name| NewColumn {
            name: name.to_owned(),
            kind: match name {
                PROBABILITY => NewKind::Float64,
                PREDICTION => NewKind::Int32,
                _ => NewKind::Text,
            },
        })
    }
}
