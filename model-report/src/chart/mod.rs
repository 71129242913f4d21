//! Charts: what is shown is given as numbers, what comes out is inline SVG. Axes, ticks and
//! marks are drawn by `plotters`.

mod bars;
mod box_plot;
mod frame;
mod heat_map;
mod rows;
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

/// A finished chart: an `svg` element without a fixed size, which stands alone too, and what
/// a page shows around it.
#[derive(Debug, Clone)]
pub struct Svg {
    title: String,
    markup: String,
    legend: Vec<(Colour, String)>,
}

impl Svg {
    /// What the chart is called.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The `svg` element.
    #[must_use]
    pub fn markup(&self) -> &str {
        &self.markup
    }

    /// Which colour is what; empty when there is nothing to tell apart.
    #[must_use]
    pub fn legend(&self) -> &[(Colour, String)] {
        &self.legend
    }
}
