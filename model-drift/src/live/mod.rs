//! Live traffic: windows of counts in the bins of a reference, in fixed memory.
//!
//! A window is a ring of panes. With one pane it tumbles: it begins anew when it is full,
//! and the last complete one is what is compared. With more it slides: the oldest pane is
//! forgotten when a new one begins. A pane is full after a number of rows or of seconds;
//! the clock is the caller's. No row is kept, only how many fell into each bin.

mod bins;
mod state;

use crate::sketch::{Column, Sketch};
use bins::ColumnBins;
pub use state::StateError;

/// Panes that a window may have.
pub const MAX_PANES: usize = 64;
/// Memory of all counts, in bytes; a reference with more columns gets fewer panes.
pub const MAX_BYTES: usize = 768 << 10;

/// When a pane is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// After so many rows, at least 1.
    Rows(u64),
    /// After so many seconds, at least 1.
    Seconds(u64),
}

/// What is looked back on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Of one pane.
    pub length: Length,
    /// 1 tumbles, more slide; at most [`MAX_PANES`].
    pub panes: usize,
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    /// Absent.
    Missing,
    /// A number; NaN is missing.
    Number(f64),
    /// A text; booleans are `true` and `false`.
    Text(&'a str),
}

/// Counts of what a model was asked and answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    window: Window,
    columns: Vec<ColumnBins>,
    /// Where each column's counts begin in a pane; one more than there are columns.
    starts: Vec<usize>,
    /// The reference in the same bins.
    reference: Sketch,
    digest: String,
    panes: Vec<Pane>,
    /// The pane that is being filled.
    current: usize,
    /// The last complete window, where it tumbles.
    complete: Option<Pane>,
}

#[derive(Debug, Clone, PartialEq, Default)]
struct Pane {
    rows: u64,
    /// The second in which it began.
    began: u64,
    counts: Vec<u32>,
}

impl Live {
    /// Nothing seen yet. `now` is the caller's clock, in seconds.
    #[must_use]
    pub fn new(reference: &Sketch, window: Window, now: u64) -> Self {
        let columns: Vec<ColumnBins> = reference.columns.iter().map(ColumnBins::new).collect();
        let mut starts = vec![0];
        for column in &columns {
            starts.push(starts[starts.len() - 1] + column.len());
        }
        let cells = starts[starts.len() - 1].max(1);
        let affordable = (MAX_BYTES / (cells * size_of::<u32>())).max(2) - 1;
        let window = Window {
            panes: window.panes.clamp(1, MAX_PANES.min(affordable)),
            ..window
        };
        let pane = Pane {
            began: now,
            counts: vec![0; cells],
            ..Pane::default()
        };
        let reference_columns = columns.iter().zip(&reference.columns);
        Self {
            window,
            digest: reference.digest(),
            reference: Sketch {
                columns: reference_columns
                    .map(|(bins, column)| bins.rebinned(column))
                    .collect(),
            },
            columns,
            starts,
            panes: vec![pane; window.panes],
            current: 0,
            complete: None,
        }
    }

    /// Counts a row: one cell for each column of the reference, in its order. Cells that are
    /// not there count as missing.
    pub fn push<'a>(&mut self, row: impl IntoIterator<Item = Cell<'a>>, now: u64) {
        self.turn(now);
        let pane = &mut self.panes[self.current];
        let mut cells = row.into_iter();
        for (column, start) in self.columns.iter().zip(&self.starts) {
            let bin = column.bin(cells.next().unwrap_or(Cell::Missing));
            let count = &mut pane.counts[start + bin];
            *count = count.saturating_add(1);
        }
        pane.rows += 1;
    }

    /// Begins new panes when the time for them has come; also before a report.
    pub fn turn(&mut self, now: u64) {
        match self.window.length {
            Length::Rows(most) => {
                if self.panes[self.current].rows >= most.max(1) {
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
        if self.panes.len() == 1 {
            self.complete = Some(self.panes[0].clone());
        }
        self.current = (self.current + 1) % self.panes.len();
        let pane = &mut self.panes[self.current];
        (pane.rows, pane.began) = (0, began);
        pane.counts.fill(0);
    }

    /// The reference in the bins of the window: what [`Live::sketch`] is compared with.
    #[must_use]
    pub fn reference(&self) -> &Sketch {
        &self.reference
    }

    /// What was seen in the window; of one that tumbles the last complete one, or, before
    /// there is one, what has come so far. Sketches of several servers with one model merge.
    #[must_use]
    pub fn sketch(&self) -> Sketch {
        let mut counts = vec![0u64; self.panes[0].counts.len()];
        let panes = match &self.complete {
            Some(complete) => std::slice::from_ref(complete),
            None => &self.panes,
        };
        for pane in panes {
            for (sum, count) in counts.iter_mut().zip(&pane.counts) {
                *sum += u64::from(*count);
            }
        }
        let columns = self.columns.iter().zip(&self.reference.columns).enumerate();
        let columns = columns.map(|(index, (bins, column))| {
            bins.sketch(column, &counts[self.starts[index]..self.starts[index + 1]])
        });
        Sketch {
            columns: columns.collect::<Vec<Column>>(),
        }
    }

    /// Rows in the window.
    #[must_use]
    pub fn rows(&self) -> u64 {
        match &self.complete {
            Some(complete) => complete.rows,
            None => self.panes.iter().map(|pane| pane.rows).sum(),
        }
    }

    /// What is looked back on; there may be fewer panes than were asked for.
    #[must_use]
    pub fn window(&self) -> Window {
        self.window
    }

    /// Memory of the counts, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let panes = self.panes.len() + usize::from(self.panes.len() == 1);
        panes * self.panes[0].counts.len() * size_of::<u32>()
    }
}
