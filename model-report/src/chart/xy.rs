//! A chart of two numbers: lines, steps, bands, points, histograms, reference lines.

use plotters::chart::ChartBuilder;
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::frame::{self, Failure, Words, letters, stroke, text_width};
use super::rows::Plot;
use super::{ChartError, Svg};
use crate::number;
use crate::palette::Colour;

const SIZE: (u32, u32) = (480, 330);
const TICKS: usize = 6;
/// More points than this are thinned: a screen shows no more.
const MOST_POINTS: usize = 1500;

/// What is measured along an axis.
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

#[derive(Debug, Clone)]
struct Layer {
    colour: Colour,
    mark: Mark,
}

#[derive(Debug, Clone)]
enum Mark {
    Line(Vec<(f64, f64)>),
    Band(Vec<(f64, f64, f64)>),
    Points(Vec<(f64, f64)>),
    Whiskers(Vec<(f64, f64, f64)>),
    /// From, to, height.
    Blocks(Vec<(f64, f64, f64)>),
    Dashes(Vec<(f64, f64)>),
    /// At a position along x, over the whole height.
    Upright(f64),
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
        let room = (high - low) * 0.05;
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
            let room = (high - low) * 0.04;
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
    /// An empty chart; `description` says in words what it shows, for those who do not see it.
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

    /// A dashed line to compare with.
    #[must_use]
    pub fn reference(self, name: &str, points: Vec<(f64, f64)>) -> Self {
        self.named(Colour::Reference, name)
            .with(Colour::Reference, Mark::Dashes(points))
    }

    /// A dashed upright line, such as a threshold.
    #[must_use]
    pub fn upright(self, name: &str, x: f64) -> Self {
        self.named(Colour::Reference, name)
            .with(Colour::Reference, Mark::Upright(x))
    }

    /// Twice as wide as high: for a page's whole width.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// Draws.
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
                .x_label_area_size(46)
                .y_label_area_size(widest + 32)
                .build_cartesian_2d(x.0..x.1, y.0..y.1)?;
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

fn draw<B: DrawingBackend>(
    plot: &mut Plot<'_, B>,
    layer: &Layer,
    (bottom, top): (f64, f64),
) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let colour = layer.colour;
    match &layer.mark {
        Mark::Line(points) => {
            let path = PathElement::new(thinned(points), stroke(colour, 2));
            plot.draw_series([path])?;
        }
        Mark::Band(points) => {
            let there = points.iter().map(|&(x, low, _)| (x, low));
            let back = points.iter().rev().map(|&(x, _, high)| (x, high));
            let outline: Vec<_> = there.chain(back).filter(finite).collect();
            plot.draw_series([Polygon::new(outline, colour.light().mix(0.2).filled())])?;
        }
        Mark::Points(points) => {
            let dots = points.iter().copied().filter(finite);
            let dot = |point| Circle::new(point, 3, colour.light().filled());
            plot.draw_series(dots.map(dot))?;
        }
        Mark::Whiskers(points) => {
            let ends = points.iter().map(|&(x, low, high)| [(x, low), (x, high)]);
            let line = |ends: [(f64, f64); 2]| PathElement::new(ends.to_vec(), stroke(colour, 2));
            plot.draw_series(ends.filter(|ends| ends.iter().all(finite)).map(line))?;
        }
        Mark::Blocks(bins) => {
            let corners = bins
                .iter()
                .map(|&(from, to, height)| [(from, 0.0), (to, height)]);
            let block = |corners| Rectangle::new(corners, colour.light().mix(0.5).filled());
            plot.draw_series(corners.filter(|ends| ends.iter().all(finite)).map(block))?;
        }
        Mark::Dashes(points) => {
            plot.draw_series(dashes(points).map(|dash| PathElement::new(dash, stroke(colour, 1))))?;
        }
        Mark::Upright(x) => {
            let ends = [(*x, bottom), (*x, top)];
            plot.draw_series(dashes(&ends).map(|dash| PathElement::new(dash, stroke(colour, 1))))?;
        }
    }
    Ok(())
}

/// Each part of a line in twenty-four strokes and gaps.
fn dashes(points: &[(f64, f64)]) -> impl Iterator<Item = Vec<(f64, f64)>> {
    const PIECES: u32 = 49;
    points
        .windows(2)
        .filter(|ends| ends.iter().all(finite))
        .flat_map(|ends| {
            let (from, to) = (ends[0], ends[1]);
            let at = move |piece: u32| {
                let part = f64::from(piece) / f64::from(PIECES);
                (
                    from.0 + (to.0 - from.0) * part,
                    from.1 + (to.1 - from.1) * part,
                )
            };
            (0..PIECES)
                .step_by(2)
                .map(move |piece| vec![at(piece), at(piece + 1)])
        })
}

/// Not more points than can be told apart; the first and the last stay.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let points: Vec<_> = points.iter().copied().filter(finite).collect();
    if points.len() <= MOST_POINTS {
        return points;
    }
    let last = points.len() - 1;
    (0..MOST_POINTS)
        .map(|index| points[index * last / (MOST_POINTS - 1)])
        .collect()
}

fn finite(point: &(f64, f64)) -> bool {
    point.0.is_finite() && point.1.is_finite()
}
