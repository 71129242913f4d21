//! Live traffic: windows of counts in the bins of a reference, in fixed memory.
//!
//! A window is a ring of panes. With one pane it tumbles: it restarts when it is full, and the
//! last complete one is compared. With more it slides: the oldest pane is dropped when a new one
//! starts. A pane is full after a number of rows or of seconds; the clock is the caller's. No row
//! is kept, only counts per bin.
//!
//! Rows can be counted in blocks ([`Live::in_blocks`]): they are in no pane before their block is
//! whole. All that a window ever shows is then a sum of whole blocks, and so is every sum and
//! difference of what it showed at different times: none tells of a single row. Several blocks can
//! be filled at once ([`Block`], [`Live::take`]).

mod bins;
mod ranges;
mod state;

use std::sync::Arc;

use crate::sketch::{Column, Sketch};
use bins::ColumnBins;
pub(crate) use ranges::{EMPTY, MOST};
pub use state::StateError;

/// The most panes of a window.
pub const MAX_PANES: usize = 64;
/// The most memory for all counts, in bytes, with a block that is filled beside the window's own; a
/// reference with more columns gets fewer panes. One with more bins than a sixteenth of this takes
/// more, for its single pane.
pub const MAX_BYTES: usize = 768 << 10;

/// When a pane is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After so many rows, at least 1.
    Rows(u64),
    /// After so many seconds, at least 1.
    Seconds(u64),
}

/// The window that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Of one pane.
    pub length: Length,
    /// 1 tumbles, more slide; at most [`MAX_PANES`].
    pub panes: usize,
}

impl Window {
    /// The same in so many panes: longer ones where they are fewer.
    fn in_panes(self, panes: usize) -> Self {
        let all = self.panes.max(1) as u64;
        let longer = |length: u64| length.saturating_mul(all).div_ceil(panes as u64);
        let length = match self.length {
            length if panes >= self.panes => length,
            Length::Rows(rows) => Length::Rows(longer(rows)),
            Length::Seconds(seconds) => Length::Seconds(longer(seconds)),
        };
        Self { length, panes }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Nothing to count, as where a row was refused and has no answer.
    None,
    /// Absent.
    Missing,
    /// Of another type than the column's.
    Invalid,
    /// A number; NaN is missing.
    Number(f64),
    /// A text; booleans are `true` and `false`.
    Text(&'a str),
}

/// Counts of a model's requests and scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    window: Window,
    shape: Arc<Shape>,
    /// The reference in the same bins.
    reference: Sketch,
    digest: String,
    panes: Vec<Pane>,
    /// The pane that is being filled.
    current: usize,
    /// The last complete window, where it tumbles.
    complete: Option<Pane>,
    /// Rows of a block, at least; and those of the block that is not whole yet.
    block: u64,
    open: Block,
    /// How often what the window shows has changed.
    changes: u64,
}

/// The bins of all columns, without their counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    columns: Vec<ColumnBins>,
    /// The index of each column's first count in a pane, and one more for the end.
    starts: Vec<usize>,
}

impl Shape {
    fn new(reference: &Sketch) -> Self {
        let columns: Vec<ColumnBins> = reference.columns.iter().map(ColumnBins::new).collect();
        let mut starts = vec![0];
        for column in &columns {
            starts.push(starts[starts.len() - 1] + column.len());
        }
        Self { columns, starts }
    }

    /// The index of the count of a cell, for a column by its index in the reference; `None` when
    /// there is nothing to count or no such column.
    #[must_use]
    pub fn place(&self, column: usize, cell: Cell<'_>) -> Option<u32> {
        let bin = self.columns.get(column)?.bin(cell)?;
        u32::try_from(self.starts[column] + bin).ok()
    }

    /// A block without rows.
    #[must_use]
    pub fn block(&self) -> Block {
        Block {
            counts: vec![0; self.starts[self.columns.len()].max(1)],
            ..Block::default()
        }
    }

    /// A sketch of the reference's columns in these bins; columns it does not have are left out.
    fn rebinned(&self, reference: &Sketch, sketch: &Sketch) -> Sketch {
        let columns = reference.columns.iter().zip(&self.columns);
        let columns = columns.filter_map(|(reference, bins)| {
            let same = |other: &&Column| other.spec.kind == reference.spec.kind;
            let column = sketch.column(&reference.spec.name).filter(same)?;
            Some(bins.rebinned(column, reference))
        });
        Sketch {
            columns: columns.collect(),
        }
    }
}

/// A reference and a sketch that a server counted, both in the bins of the server's windows, so
/// that both are equally coarse.
#[must_use]
pub fn in_bins(reference: &Sketch, sketch: &Sketch) -> [Sketch; 2] {
    let shape = Shape::new(reference);
    [reference, sketch].map(|one| shape.rebinned(reference, one))
}

/// Rows that a window counts at once when there are enough of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Block {
    rows: u64,
    /// The second of its first row.
    began: u64,
    counts: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Pane {
    /// The second in which it started.
    began: u64,
    /// What it counts; its rows may have come before it started.
    all: Block,
}

impl Live {
    /// Nothing seen yet. `now` is the caller's clock, in seconds.
    #[must_use]
    pub fn new(reference: &Sketch, window: Window, now: u64) -> Self {
        let shape = Shape::new(reference);
        let cells = shape.starts[shape.columns.len()].max(1);
        // But for the open block, and one that is filled beside it.
        let affordable = (MAX_BYTES / (cells * size_of::<u32>())).max(3) - 2;
        let window = window.in_panes(window.panes.clamp(1, MAX_PANES.min(affordable)));
        let block = shape.block();
        let pane = Pane {
            began: now,
            all: block.clone(),
        };
        Self {
            window,
            digest: reference.digest(),
            reference: shape.rebinned(reference, reference),
            shape: Arc::new(shape),
            open: block,
            panes: vec![pane; window.panes],
            current: 0,
            complete: None,
            block: 1,
            changes: 0,
        }
    }

    /// The same, which counts rows in blocks of so many: for a window that has seen nothing yet.
    /// Where panes have a number of rows, the last block of each is as long as the pane asks for,
    /// but shorter than two. A pane has at least one block: a window of fewer rows than that many
    /// panes take has fewer of them, and one of fewer rows than a block is as long as a block.
    #[must_use]
    pub fn in_blocks(mut self, rows: u64) -> Self {
        self.block = rows.max(1);
        if let Length::Rows(pane) = self.window.length
            && pane < self.block
        {
            let all = pane.max(1).saturating_mul(self.panes.len() as u64);
            let panes = (all / self.block).max(1);
            // Fewer than there were: it fits.
            self.panes
                .truncate(usize::try_from(panes).unwrap_or(usize::MAX));
            self.window = Window {
                length: Length::Rows(all.div_ceil(panes).max(self.block)),
                panes: self.panes.len(),
            };
        }
        self
    }

    /// Counts a row: one cell for each column of the reference, in its order. Cells that are
    /// not there count as missing.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = Cell<'a>>, now: u64) {
        let mut cells = row.into_iter();
        let shape = Arc::clone(&self.shape);
        let columns = shape.columns.iter().zip(&shape.starts);
        let places = columns.filter_map(|(column, start)| {
            let bin = column.bin(cells.next().unwrap_or(Cell::Missing))?;
            Some(start + bin)
        });
        self.open.add(places, now);
        self.close(now);
    }

    /// Counts a row by the indices of [`Shape::place`]. An index out of range is ignored.
    pub fn count(&mut self, places: &[u32], now: u64) {
        self.open.count(places, now);
        self.close(now);
    }

    fn close(&mut self, now: u64) {
        if self.open.rows >= self.block_rows() {
            let mut block = std::mem::take(&mut self.open);
            self.take(&mut block, now);
            self.open = block;
        }
    }

    /// Counts all rows of a block, which has none then.
    pub fn take(&mut self, block: &mut Block, now: u64) {
        self.turn(now);
        self.panes[self.current].all.take(block);
        self.changes += 1;
    }

    /// Adds the rows of a block, which has none then, to those of the block that is not whole yet.
    pub fn join(&mut self, block: &mut Block) {
        self.open.take(block);
    }

    /// Lets go of the rows of the block that is not whole yet.
    pub fn forget_open(&mut self) {
        self.open.clear();
    }

    /// How many rows a block needs to be counted.
    #[must_use]
    pub fn block_rows(&self) -> u64 {
        let Length::Rows(most) = self.window.length else {
            return self.block;
        };
        let rows = self.panes[self.current].all.rows;
        let left = if rows < most { most - rows } else { most };
        match left / self.block {
            1 => left,
            _ => self.block,
        }
    }

    /// The bins, to be used without a lock on the counts.
    #[must_use]
    pub fn shape(&self) -> Arc<Shape> {
        Arc::clone(&self.shape)
    }

    /// Starts new panes that are due; call it before a report too.
    pub fn turn(&mut self, now: u64) {
        match self.window.length {
            Length::Rows(most) => {
                if self.panes[self.current].all.rows >= most.max(1) {
                    self.next(now);
                }
            }
            Length::Seconds(seconds) => {
                let seconds = seconds.max(1);
                let mut turns = 0;
                while now.saturating_sub(self.panes[self.current].began) >= seconds {
                    let began = self.panes[self.current].began;
                    // After a long silence every pane is empty, and one turn more is enough.
                    let late = turns > self.panes.len();
                    self.next(if late { now } else { began + seconds });
                    turns += 1;
                }
            }
        }
    }

    fn next(&mut self, began: u64) {
        self.changes += 1;
        if self.panes.len() == 1 {
            self.complete = Some(self.panes[0].clone());
        }
        self.current = (self.current + 1) % self.panes.len();
        let pane = &mut self.panes[self.current];
        pane.began = began;
        pane.all.clear();
    }

    /// The reference in the bins of the window: what [`Live::sketch`] is compared with.
    #[must_use]
    pub fn reference(&self) -> &Sketch {
        &self.reference
    }

    /// The sketch of the window. A tumbling window's is the last complete one or, before there is
    /// one, the counts so far. Sketches of several servers with one model can be merged.
    #[must_use]
    pub fn sketch(&self) -> Sketch {
        let mut counts = vec![0u64; self.open.counts.len()];
        let panes = match &self.complete {
            Some(complete) => std::slice::from_ref(complete),
            None => &self.panes,
        };
        for pane in panes {
            for (sum, count) in counts.iter_mut().zip(&pane.all.counts) {
                *sum += u64::from(*count);
            }
        }
        let Shape { columns, starts } = &*self.shape;
        let columns = columns.iter().zip(&self.reference.columns).enumerate();
        let columns = columns.map(|(index, (bins, column))| {
            bins.sketch(column, &counts[starts[index]..starts[index + 1]])
        });
        Sketch {
            columns: columns.collect::<Vec<Column>>(),
        }
    }

    /// Rows in the window.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match &self.complete {
            Some(complete) => complete.all.rows,
            None => self.panes.iter().map(|pane| pane.all.rows).sum(),
        }
    }

    /// Rows of the block that is not whole yet: the window shows nothing of them.
    #[must_use]
    pub fn open_rows(&self) -> u64 {
        self.open.rows
    }

    /// The second of the window's first row; without rows, that in which it started. In a window of
    /// seconds a row counts from when its block is whole, and so may be older than the window.
    #[must_use]
    pub fn since(&self) -> u64 {
        let panes = self
            .complete
            .as_ref()
            .map_or(&*self.panes, std::slice::from_ref);
        let seen = panes.iter().filter(|pane| pane.all.rows > 0);
        let began = seen.map(|pane| pane.all.began).min();
        began.unwrap_or(self.panes[self.current].began)
    }

    /// How often what the window shows has changed.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The window; it may have fewer panes than were asked for, and longer ones.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Memory of the counts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let panes = self.panes.len() + 1 + usize::from(self.panes.len() == 1);
        panes * self.open.bytes()
    }
}

impl Block {
    /// Counts a row by the indices of [`Shape::place`]. An index out of range is ignored.
    pub fn count(&mut self, places: &[u32], now: u64) {
        self.add(places.iter().map(|place| *place as usize), now);
    }

    /// How many it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Memory of its counts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.counts.len() * size_of::<u32>()
    }

    fn add(&mut self, places: impl Iterator<Item = usize>, now: u64) {
        for place in places {
            if let Some(count) = self.counts.get_mut(place) {
                *count = count.saturating_add(1);
            }
        }
        self.began = if self.rows == 0 {
            now
        } else {
            self.began.min(now)
        };
        self.rows += 1;
    }

    /// Adds what another one has, which has nothing then.
    fn take(&mut self, other: &mut Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count = count.saturating_add(*more);
        }
        if other.rows > 0 {
            let is_first = self.rows == 0 || other.began < self.began;
            self.began = if is_first { other.began } else { self.began };
        }
        self.rows += other.rows;
        other.clear();
    }

    fn clear(&mut self) {
        (self.rows, self.began) = (0, 0);
        self.counts.fill(0);
    }
}
