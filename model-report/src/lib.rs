//! The look of every HTML report: one self-contained page ([`page`]) with tables, notices
//! and charts ([`chart`]) as inline SVG.
//!
//! A report needs no script, no font and no other file. It follows the reader's light or
//! dark setting, fits a phone and a sheet of paper, and every chart has a text alternative.
//! This crate knows nothing about models or data: callers bring numbers and words.

pub mod chart;
pub mod number;
pub mod page;
mod palette;

pub use chart::{BarChart, BoxPlot, Chart, ChartError, HeatMap, Svg};
pub use page::{Cell, Fact, Figure, Page, Section, Table, Tone};
pub use palette::Colour;
