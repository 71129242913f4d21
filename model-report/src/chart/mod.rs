//! Charts: numbers in, inline SVG out. Axes, ticks and marks are drawn by `plotters`.

mod bars;
mod box_plot;
mod frame;
mod heat_map;
mod marks;
mod rows;
mod scale;
mod xy;

pub use bars::{Bar, BarChart};
pub use box_plot::{BoxPlot, Summary};
pub use heat_map::HeatMap;
pub use xy::{Axis, Chart};

use crate::palette::Colour;

/// Why a chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("the chart '{title}' could not be drawn: {reason}")]
pub struct ChartError {
    title: String,
    reason: String,
}

/// A finished chart: an `svg` element without a fixed size, which also works on its own, and what
/// a page shows around it.
#[derive(Debug, Clone)]
pub struct Svg {
    title: String,
    markup: String,
    legend: Vec<(Colour, String)>,
}

impl Svg {
    /// The chart's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The `svg` element.
    #[must_use]
    pub fn markup(&self) -> &str {
        &self.markup
    }

    /// The legend; empty for a single series.
    #[must_use]
    pub fn legend(&self) -> &[(Colour, String)] {
        &self.legend
    }
}
