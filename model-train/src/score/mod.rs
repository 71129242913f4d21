//! Scoring the rows of a CSV or Parquet file as they stream by: every row is copied, with its
//! probability, prediction and outcome added, the rules that matched, what was adjusted, and the
//! version of the model.

mod block;
mod error;
mod layout;
mod parquet;

use std::io::{Read, Write};

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{FeatureKind, Role, SampleRole};
use model_files::csv::{Piece, Pieces};
use model_files::parquet::{FromCsv, NewColumn, NewKind};

use crate::deciders::Deciders;
use crate::error::DataError;
use crate::parallel::in_order;
use block::Block;
use layout::Layout;

pub use error::ScoreError;
pub use layout::{Choices, OnInvalid};
pub use parquet::score_parquet;

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

/// The same as Parquet: columns of numbers of the schema as `DOUBLE`, others as text, and so those
/// that it ignores or groups by; a cell that is empty or no number is null. The columns that are added are `probability`, a `DOUBLE`,
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
            let is_number = matches!(
                feature.kind,
                FeatureKind::Number(_) | FeatureKind::Integer(_)
            );
            // What nobody reads may be an identifier of more digits than a `DOUBLE` has.
            let is_identifier = match feature.sample {
                None => feature.role == Role::Ignored,
                Some(sample) => sample == SampleRole::Group,
            };
            is_number && !is_identifier
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

/// Pieces that are scored or wait for it, for each thread: enough that no thread waits for the
/// disk, or for another.
const ON_THEIR_WAY: usize = 4;

/// Scores all pieces, and gives the rows of each to `rows_out` in their order. While pieces are
/// scored, those before are written and the next are read.
fn score_pieces(
    decider: &mut Decider,
    mut pieces: Pieces<impl Read>,
    layout: &Layout<'_>,
    mut rows_out: impl FnMut(&[u8]) -> Result<(), ScoreError>,
    mut progress: impl FnMut(Progress),
) -> Result<u64, ScoreError> {
    let head = pieces.head().clone();
    let (mut rows, mut refused_rows) = (0, 0);
    let done = |piece: Result<ScoredPiece, ScoreError>| {
        let piece = piece?;
        rows_out(&piece.text)?;
        piece.end?;
        rows += piece.rows;
        refused_rows += piece.refused_rows;
        let bytes = piece.bytes;
        progress(Progress { bytes, rows });
        Ok::<(), ScoreError>(())
    };
    let mut next_piece = || -> Result<Option<(Piece, u64)>, ScoreError> {
        let piece = pieces.next_piece().map_err(DataError::from)?;
        Ok(piece.map(|piece| (piece, pieces.bytes_read())))
    };
    // What is wrong with the second is said after the first is scored.
    let (first, second) = (next_piece()?, next_piece());
    let jobs = match &second {
        // Copies of the decider take longer than a piece.
        Ok(None) => 1,
        _ => jobs(),
    };
    let mut begun = vec![second, Ok(first)];
    let deciders = Deciders::default();
    let encoded = match jobs {
        1 => &[][..],
        _ => deciders.of(decider).map_err(not_loaded)?,
    };
    let mut own = Some(decider);
    let worker = |_| {
        let (mut block, mut own) = (Block::new(layout), own.take());
        let (head, deciders) = (&head, &deciders);
        move |(piece, bytes)| {
            let mut score = |decider: &mut Decider| {
                let mut scored = block.score(&mut head.table(&piece), decider);
                scored.bytes = bytes;
                Ok(scored)
            };
            match &mut own {
                Some(decider) => score(decider),
                None => deciders.with(encoded, score).map_err(not_loaded)?,
            }
        }
    };
    let workers = (0..jobs).map(worker).collect();
    let next = || begun.pop().unwrap_or_else(&mut next_piece);
    in_order(ON_THEIR_WAY * jobs, workers, next, done)?;
    Ok(refused_rows)
}

fn not_loaded(error: ArtifactError) -> ScoreError {
    ScoreError::Model(error.to_string())
}

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A piece of the file, scored.
struct ScoredPiece {
    /// Its rows, up to the first that is an error.
    text: Vec<u8>,
    rows: u64,
    refused_rows: u64,
    /// Where it ends in the file.
    bytes: u64,
    end: Result<(), ScoreError>,
}

impl Default for ScoredPiece {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            rows: 0,
            refused_rows: 0,
            bytes: 0,
            end: Ok(()),
        }
    }
}
