//! A plot whose vertical axis has a name for each row.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::element::{PathElement, Text};
use plotters::prelude::{Cartesian2d, DrawingBackend, SVGBackend};
use plotters::style::Color;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Axis;
use super::frame::{self, Area, Failure, clipped, letters, stroke, text_width};
use super::scale::Scale;
use crate::palette::Colour;

const WIDTH: u32 = 480;
const ROW: u32 = 26;
/// Letters of a name.
const LETTERS: usize = 26;
const TICKS: usize = 5;

pub(super) type Plot<'a, B> = ChartContext<'a, B, Cartesian2d<Scale, Scale>>;

/// The rows of a chart: row 0 at the top, each one unit high.
pub(super) struct Rows<'a> {
    pub(super) names: Vec<&'a str>,
    pub(super) axis: &'a Axis,
    pub(super) range: (f64, f64),
}

impl Rows<'_> {
    pub(super) fn size(&self) -> (u32, u32) {
        (WIDTH, 62 + ROW * self.names.len().max(1) as u32)
    }

    pub(super) fn plot<'a>(&self, area: &Area<'a>) -> Result<Plot<'a, SVGBackend<'a>>, Failure> {
        let names: Vec<String> = self
            .names
            .iter()
            .map(|name| clipped(name, LETTERS))
            .collect();
        let widest = names.iter().map(|name| text_width(name)).max().unwrap_or(0);
        let (low, _) = self.range;
        let step = frame::step(self.range, TICKS);
        let count = self.names.len().max(1) as f64;
        let mut plot = ChartBuilder::on(area)
            .margin_top(6)
            .margin_right(22)
            .margin_bottom(4)
            .x_label_area_size(46)
            .y_label_area_size(widest + 14)
            .build_cartesian_2d(Scale::new(self.range), Scale::new((count, 0.0)))?;
        plot.configure_mesh()
            .light_line_style(Color::mix(&Colour::Grid.light(), 0.0))
            .bold_line_style(stroke(Colour::Grid, 1))
            .axis_style(stroke(Colour::Reference, 1))
            .label_style(letters(Colour::Muted))
            .axis_desc_style(letters(Colour::Muted))
            .disable_y_mesh()
            .y_labels(0)
            .x_labels(TICKS)
            .x_desc(self.axis.label())
            .x_label_formatter(&|value| self.axis.tick(*value, step))
            .draw()?;
        let (frame_x, _) = plot.plotting_area().get_pixel_range();
        let style = letters(Colour::Ink).pos(Pos::new(HPos::Right, VPos::Center));
        for (row, name) in names.into_iter().enumerate() {
            let (_, y) = plot.backend_coord(&(low, middle(row)));
            area.draw(&Text::new(name, (frame_x.start - 8, y), &style))?;
        }
        Ok(plot)
    }
}

/// The height of a row's middle.
pub(super) fn middle(row: usize) -> f64 {
    row as f64 + 0.5
}

/// So much above and below the middle.
pub(super) fn edges(row: usize, half: f64) -> (f64, f64) {
    (middle(row) - half, middle(row) + half)
}

/// A dashed line over all rows.
pub(super) fn upright<B: DrawingBackend>(
    plot: &mut Plot<'_, B>,
    value: f64,
    rows: usize,
) -> Result<(), Failure>
where
    B::ErrorType: 'static,
{
    let pieces = rows.max(1) * 6 + 1;
    let at = |piece: usize| (value, rows as f64 * piece as f64 / pieces as f64);
    plot.draw_series((0..pieces).step_by(2).map(|piece| {
        PathElement::new(vec![at(piece), at(piece + 1)], stroke(Colour::Reference, 1))
    }))?;
    Ok(())
}
