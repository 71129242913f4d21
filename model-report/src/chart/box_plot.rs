//! Box plots, one a row.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;

use super::frame::{self, Words, stroke};
use super::rows::{self, Rows};
use super::{Axis, ChartError, Svg};
use crate::palette::Colour;

/// A distribution in five numbers. The whiskers end, as Tukey's do, at the outermost values
/// within one and a half interquartile ranges of the box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// The lower end of the whisker.
    pub low: f64,
    /// The first quartile.
    pub first_quartile: f64,
    /// The median.
    pub median: f64,
    /// The third quartile.
    pub third_quartile: f64,
    /// The upper end of the whisker.
    pub high: f64,
}

/// Box plots on one axis, the first at the top.
#[derive(Debug, Clone)]
pub struct BoxPlot {
    title: String,
    description: String,
    axis: Axis,
    boxes: Vec<(String, Summary)>,
}

impl BoxPlot {
    /// A chart of named distributions; `description` is its text alternative.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        description: impl Into<String>,
        axis: Axis,
        boxes: Vec<(String, Summary)>,
    ) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            axis,
            boxes,
        }
    }

    /// Draws the chart.
    ///
    /// # Errors
    /// When the drawing library cannot draw.
    pub fn svg(&self) -> Result<Svg, ChartError> {
        let words = Words {
            title: &self.title,
            description: self.description.clone(),
            legend: Vec::new(),
        };
        let rows = Rows {
            names: self.boxes.iter().map(|(name, _)| name.as_str()).collect(),
            axis: &self.axis,
            range: self.axis.shown(
                self.boxes
                    .iter()
                    .flat_map(|(_, five)| [five.low, five.high]),
            ),
        };
        frame::drawn(words, rows.size(), |area| {
            let mut plot = rows.plot(area)?;
            for (row, (_, five)) in self.boxes.iter().enumerate() {
                if ![five.low, five.high].iter().all(|end| end.is_finite()) {
                    continue;
                }
                let colour = Colour::of_series(row);
                let middle = rows::middle(row);
                let whisker = vec![(five.low, middle), (five.high, middle)];
                let (top, bottom) = rows::edges(row, 0.28);
                let corners = [(five.first_quartile, top), (five.third_quartile, bottom)];
                plot.draw_series([PathElement::new(whisker, stroke(colour, 1))])?;
                let paper = Colour::Paper.light().filled();
                plot.draw_series([Rectangle::new(corners, paper)])?;
                let tint = colour.light().mix(0.35).filled();
                plot.draw_series([Rectangle::new(corners, tint)])?;
                plot.draw_series([Rectangle::new(corners, stroke(colour, 1))])?;
                let median = vec![(five.median, top), (five.median, bottom)];
                plot.draw_series([PathElement::new(median, stroke(colour, 3))])?;
            }
            Ok(())
        })
    }
}
