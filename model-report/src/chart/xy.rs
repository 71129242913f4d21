//! A chart of two numbers: lines, steps, bands, points, histograms, reference lines.

use plotters::chart::ChartBuilder;
use plotters::style::Color;

use super::frame::{self, Words, letters, stroke, text_width};
use super::marks::{Layer, Mark, draw};
use super::scale::Scale;
use super::{ChartError, Svg};
use crate::number;
use crate::palette::Colour;
use crate::span::distance;

const SIZE: (u32, u32) = (480, 330);
const TICKS: usize = 6;

/// The quantity along an axis.
#[derive(Debug, Clone, Default)]
pub struct Axis {
    label: String,
    range: Option<(f64, f64)>,
    percent: bool,
    from_zero: bool,
}

/// A chart of two numbers.
#[derive(Debug, Clone)]
pub struct Chart {
    title: String,
    description: String,
    x: Axis,
    y: Axis,
    layers: Vec<Layer>,
    legend: Vec<(Colour, String)>,
    wide: bool,
}

impl Axis {
    /// A quantity in its unit.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    /// A share, from 0 to 1 unless another range is given, shown as percentages.
    #[must_use]
    pub fn share(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            range: Some((0.0, 1.0)),
            percent: true,
            from_zero: true,
        }
    }

    /// Shows this range, whatever the values are.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = (low.is_finite() && high.is_finite() && low < high).then_some((low, high));
        self
    }

    /// Shows the range of the values.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        self.range = None;
        self.from_zero = false;
        self
    }

    /// Starts at 0.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The range with 0 in it: for bars.
    pub(super) fn shown_from_zero(&self, values: impl IntoIterator<Item = f64>) -> (f64, f64) {
        if let Some(range) = self.range {
            return range;
        }
        let (low, high) = frame::range(values.into_iter().chain([0.0]));
        let room = distance(low, high) * 0.05;
        let low = if low < 0.0 { low - room } else { 0.0 };
        frame::widened((low, if high > 0.0 { high + room } else { 0.0 }))
    }

    pub(super) fn shown(&self, values: impl IntoIterator<Item = f64>) -> (f64, f64) {
        if let Some(range) = self.range {
            return range;
        }
        let (low, high) = frame::range(values);
        if self.from_zero && low >= 0.0 {
            frame::widened((0.0, high * 1.04))
        } else {
            let room = distance(low, high) * 0.04;
            (low - room, high + room)
        }
    }

    pub(super) fn tick(&self, value: f64, step: f64) -> String {
        if self.percent {
            format!("{}%", number::tick(value * 100.0, step * 100.0))
        } else {
            number::tick(value, step)
        }
    }
}

impl Chart {
    /// An empty chart; `description` is its text alternative.
    #[must_use]
    pub fn new(title: impl Into<String>, description: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            x,
            y,
            layers: Vec::new(),
            legend: Vec::new(),
            wide: false,
        }
    }

    /// A line through points in their order.
    #[must_use]
    pub fn line(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        let colour = self.next_colour();
        self.named(colour, name).with(colour, Mark::Line(points))
    }

    /// A line with a band (x, low, high) around it.
    #[must_use]
    pub fn line_in_band(
        self,
        name: &str,
        points: Vec<(f64, f64)>,
        band: Vec<(f64, f64, f64)>,
    ) -> Self {
        let colour = self.next_colour();
        self.named(colour, name)
            .with(colour, Mark::Band(band))
            .with(colour, Mark::Line(points))
    }

    /// A line that keeps its height until the next point, as an empirical curve does.
    #[must_use]
    pub fn steps(self, name: &str, points: &[(f64, f64)]) -> Self {
        let mut corners = Vec::with_capacity(points.len() * 2);
        for &(x, y) in points {
            if let Some(&(_, before)) = corners.last() {
                corners.push((x, before));
            }
            corners.push((x, y));
        }
        self.line(name, corners)
    }

    /// Points.
    #[must_use]
    pub fn points(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        let colour = self.next_colour();
        self.named(colour, name).with(colour, Mark::Points(points))
    }

    /// Points joined by a line, each with an interval (x, low, high).
    #[must_use]
    pub fn estimates(
        self,
        name: &str,
        points: Vec<(f64, f64)>,
        intervals: Vec<(f64, f64, f64)>,
    ) -> Self {
        let colour = self.next_colour();
        self.named(colour, name)
            .with(colour, Mark::Whiskers(intervals))
            .with(colour, Mark::Line(points.clone()))
            .with(colour, Mark::Points(points))
    }

    /// A histogram: bins (from, to, height). Two of them may lie over each other.
    #[must_use]
    pub fn histogram(self, name: &str, bins: Vec<(f64, f64, f64)>) -> Self {
        let colour = self.next_colour();
        self.named(colour, name).with(colour, Mark::Blocks(bins))
    }

    /// A dashed reference line.
    #[must_use]
    pub fn reference(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        self.named(Colour::Reference, name)
            .with(Colour::Reference, Mark::Dashes(points))
    }

    /// A dashed vertical line, such as a threshold.
    #[must_use]
    pub fn upright(self, name: &str, x: f64) -> Self {
        self.named(Colour::Reference, name)
            .with(Colour::Reference, Mark::Upright(x))
    }

    /// Doubles the width, for the whole width of a page.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
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
            legend: self.legend.clone(),
        };
        let size = if self.wide { (760, 330) } else { SIZE };
        frame::drawn(words, size, |area| {
            let (x, y) = self.ranges();
            let (x_step, y_step) = (frame::step(x, TICKS), frame::step(y, TICKS));
            let widest = [y.0, y.0 + y_step, y.1]
                .map(|value| text_width(&self.y.tick(value, y_step)))
                .into_iter()
                .max()
                .unwrap_or(40);
            let mut plot = ChartBuilder::on(area)
                .margin_top(8)
                .margin_right(18)
                .margin_bottom(4)
                .margin_left(4)
                .x_label_area_size(48)
                .y_label_area_size(widest + 32)
                .build_cartesian_2d(Scale::new(x), Scale::new(y))?;
            plot.configure_mesh()
                .light_line_style(Color::mix(&Colour::Grid.light(), 0.0))
                .bold_line_style(stroke(Colour::Grid, 1))
                .axis_style(stroke(Colour::Reference, 1))
                .label_style(letters(Colour::Muted))
                .axis_desc_style(letters(Colour::Muted))
                .x_labels(TICKS)
                .y_labels(TICKS)
                .x_desc(self.x.label.as_str())
                .y_desc(self.y.label.as_str())
                .x_label_formatter(&|value| self.x.tick(*value, x_step))
                .y_label_formatter(&|value| self.y.tick(*value, y_step))
                .draw()?;
            for layer in &self.layers {
                draw(&mut plot, layer, y)?;
            }
            Ok(())
        })
    }

    fn ranges(&self) -> ((f64, f64), (f64, f64)) {
        let mut corners = Vec::new();
        let mut from_zero = false;
        for layer in &self.layers {
            match &layer.mark {
                Mark::Line(points) | Mark::Points(points) | Mark::Dashes(points) => {
                    corners.extend(points.iter().copied());
                }
                Mark::Band(points) | Mark::Whiskers(points) => {
                    corners.extend(points.iter().map(|&(x, low, _)| (x, low)));
                    corners.extend(points.iter().map(|&(x, _, high)| (x, high)));
                }
                Mark::Blocks(bins) => {
                    from_zero = true;
                    corners.extend(bins.iter().map(|&(from, _, height)| (from, height)));
                    corners.extend(bins.iter().map(|&(_, to, height)| (to, height)));
                }
                Mark::Upright(x) => corners.push((*x, f64::NAN)),
            }
        }
        let y = Axis {
            from_zero: self.y.from_zero || from_zero,
            ..self.y.clone()
        };
        (
            self.x.shown(corners.iter().map(|corner| corner.0)),
            y.shown(corners.iter().map(|corner| corner.1)),
        )
    }

    fn next_colour(&self) -> Colour {
        let used = self
            .legend
            .iter()
            .filter(|(colour, _)| *colour != Colour::Reference);
        Colour::of_series(used.count())
    }

    fn named(mut self, colour: Colour, name: &str) -> Self {
        self.legend.push((colour, name.to_owned()));
        self
    }

    fn with(mut self, colour: Colour, mark: Mark) -> Self {
        self.layers.push(Layer { colour, mark });
        self
    }
}
