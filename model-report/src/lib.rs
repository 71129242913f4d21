//! The style of every HTML report: one self-contained page ([`page`]) with tables, notices and
//! charts ([`chart`]) as inline SVG.
//!
//! A report needs no script, no font and no other file. It follows the reader's light or dark
//! setting, fits a phone and a sheet of paper, and every chart has a text alternative. This crate
//! knows nothing about models or data: callers supply numbers and text.
//!
//! # Example
//!
//! ```
//! use model_report::number::percent;
//! use model_report::{Cell, Fact, Page, Section, Table, Tone};
//!
//! let mut table = Table::new("Accuracy by part").text("Part").number("Accuracy");
//! table.push(vec![Cell::new("Training"), Cell::new(percent(0.9421))]);
//! table.push(vec![Cell::new("Test"), Cell::new(percent(0.9333)).tone(Tone::Good)]);
//! let page = Page::new("Evaluation")
//!     .fact(Fact::new("Accuracy", percent(0.9333)))
//!     .section(Section::new("parts", "By part").table(table));
//!
//! let html = page.html()?;
//! assert!(html.starts_with("<!doctype html>") && html.contains("93.3%"));
//! assert!(!html.contains("<script"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod chart;
pub mod number;
pub mod page;
mod palette;
pub mod span;

pub use chart::{BarChart, BoxPlot, Chart, ChartError, HeatMap, Svg};
pub use page::{Cell, Fact, Figure, Page, Section, Table, Tone};
pub use palette::Colour;
