//! The marks of a chart of two numbers.

use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::prelude::DrawingBackend;
use plotters::style::Color;

use super::frame::{Failure, stroke};
use super::rows::Plot;
use crate::palette::Colour;
use crate::span::between;

/// More points than this are thinned: a screen shows no more.
const MOST_POINTS: usize = 1500;

/// A mark in its colour.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    pub(super) colour: Colour,
    pub(super) mark: Mark,
}

#[derive(Debug, Clone)]
pub(super) enum Mark {
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

/// Draws a layer into a plot whose vertical axis has this range.
pub(super) fn draw<B: DrawingBackend>(
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
                (between(from.0, to.0, part), between(from.1, to.1, part))
            };
            (0..PIECES)
                .step_by(2)
                .map(move |piece| vec![at(piece), at(piece + 1)])
        })
}

/// At most as many points as can be distinguished; the first and the last stay.
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
