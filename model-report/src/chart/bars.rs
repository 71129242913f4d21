//! Horizontal bars, one a row, with intervals.

use plotters::element::{PathElement, Rectangle};
use plotters::style::Color;

use super::frame::{self, Words, stroke};
use super::rows::{self, Rows};
use super::{Axis, ChartError, Svg};
use crate::palette::Colour;

/// A row of a bar chart.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Its name.
    pub name: String,
    /// Its length.
    pub value: f64,
    /// The confidence interval.
    pub interval: Option<(f64, f64)>,
}

/// Horizontal bars from 0, the first at the top.
#[derive(Debug, Clone)]
pub struct BarChart {
    title: String,
    description: String,
    axis: Axis,
    bars: Vec<Bar>,
    reference: Option<(String, f64)>,
}

impl Bar {
    /// A bar without an interval.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64) -> Self {
        Self {
            name: name.into(),
            value,
            interval: None,
        }
    }

    /// A bar with an interval.
    #[must_use]
    pub fn within(name: impl Into<String>, value: f64, low: f64, high: f64) -> Self {
        Self {
            interval: Some((low, high)),
            ..Self::new(name, value)
        }
    }
}

impl BarChart {
    /// A chart of bars; `description` is its text alternative.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        description: impl Into<String>,
        axis: Axis,
        bars: Vec<Bar>,
    ) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            axis,
            bars,
            reference: None,
        }
    }

    /// A dashed vertical reference line.
    #[must_use]
    pub fn reference(mut self, name: impl Into<String>, value: f64) -> Self {
        self.reference = Some((name.into(), value));
        self
    }

    /// Draws the chart.
    ///
    /// # Errors
    /// When the drawing library cannot draw.
    pub fn svg(&self) -> Result<Svg, ChartError> {
        let words = Words {
            title: &self.title,
            description: self.description.clone(),
            legend: self
                .reference
                .iter()
                .map(|(name, _)| (Colour::Reference, name.clone()))
                .collect(),
        };
        let rows = Rows {
            names: self.bars.iter().map(|bar| bar.name.as_str()).collect(),
            axis: &self.axis,
            range: self.range(),
        };
        frame::drawn(words, rows.size(), |area| {
            let mut plot = rows.plot(area)?;
            let bars = self.bars.iter().enumerate();
            plot.draw_series(bars.clone().filter(|(_, bar)| bar.value.is_finite()).map(
                |(row, bar)| {
                    let (low, high) = rows::edges(row, 0.3);
                    let style = Colour::First.light().mix(0.75).filled();
                    Rectangle::new([(0.0, low), (bar.value, high)], style)
                },
            ))?;
            plot.draw_series(bars.filter_map(|(row, bar)| {
                let (low, high) = bar.interval?;
                let middle = rows::middle(row);
                let ends = vec![(low, middle), (high, middle)];
                (low.is_finite() && high.is_finite())
                    .then(|| PathElement::new(ends, stroke(Colour::Ink, 2)))
            }))?;
            if let Some((_, value)) = &self.reference {
                rows::upright(&mut plot, *value, self.bars.len())?;
            }
            Ok(())
        })
    }

    fn range(&self) -> (f64, f64) {
        let ends = self.bars.iter().flat_map(|bar| {
            let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
            [bar.value, low, high]
        });
        let reference = self.reference.iter().map(|(_, value)| *value);
        self.axis.shown_from_zero(ends.chain(reference))
    }
}
