//! A table of numbers from -1 to 1 as colours.

use plotters::element::{Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform};

use super::frame::{self, Words, clipped, letters, text_width};
use super::{ChartError, Svg};
use crate::number;
use crate::palette::Colour;

const CELL: u32 = 48;
const LETTERS: usize = 30;
/// Text stays readable on the strongest colour.
const STRONGEST: f64 = 0.6;

/// A square or oblong of numbers from -1 to 1: above 0 in one colour, below in another, the
/// stronger the farther from 0.
#[derive(Debug, Clone)]
pub struct HeatMap {
    title: String,
    description: String,
    rows: Vec<String>,
    columns: Vec<String>,
    /// Row after row.
    values: Vec<f64>,
}

impl HeatMap {
    /// `values` is row after row; what is not a number stays empty. `description` is its
    /// text alternative.
    #[must_use]
    pub fn new(
        title: impl Into<String>,
        description: impl Into<String>,
        rows: Vec<String>,
        columns: Vec<String>,
        values: Vec<f64>,
    ) -> Self {
        Self {
            title: title.into(),
            description: description.into(),
            rows,
            columns,
            values,
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
            legend: vec![
                (Colour::First, "positive".to_owned()),
                (Colour::Second, "negative".to_owned()),
            ],
        };
        let rows: Vec<String> = self
            .rows
            .iter()
            .map(|name| clipped(name, LETTERS))
            .collect();
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|name| clipped(name, LETTERS))
            .collect();
        let widest = |names: &[String]| names.iter().map(|name| text_width(name)).max();
        let left = widest(&rows).unwrap_or(0) + 14;
        let top = widest(&columns).unwrap_or(0) + 14;
        let size = (
            left + CELL * columns.len().max(1) as u32 + 8,
            top + CELL * rows.len().max(1) as u32 + 8,
        );
        frame::drawn(words, size, |area| {
            let ink = letters(Colour::Ink);
            let at = |index: usize, start: u32| (start + CELL * index as u32) as i32;
            let half = CELL as i32 / 2;
            for (row, name) in rows.iter().enumerate() {
                let style = ink.clone().pos(Pos::new(HPos::Right, VPos::Center));
                let place = (left as i32 - 8, at(row, top) + half);
                area.draw(&Text::new(name.as_str(), place, &style))?;
            }
            for (column, name) in columns.iter().enumerate() {
                let style = ink
                    .clone()
                    .transform(FontTransform::Rotate270)
                    .pos(Pos::new(HPos::Left, VPos::Center));
                let place = (at(column, left) + half, top as i32 - 8);
                area.draw(&Text::new(name.as_str(), place, &style))?;
            }
            for (index, value) in self.values.iter().enumerate() {
                let (row, column) = (index / columns.len().max(1), index % columns.len().max(1));
                if row >= rows.len() || !value.is_finite() {
                    continue;
                }
                let (x, y) = (at(column, left), at(row, top));
                let corners = [(x + 1, y + 1), (x + CELL as i32 - 1, y + CELL as i32 - 1)];
                let colour = if *value < 0.0 {
                    Colour::Second
                } else {
                    Colour::First
                };
                let strength = value.abs().min(1.0) * STRONGEST;
                area.draw(&Rectangle::new(
                    corners,
                    colour.light().mix(strength).filled(),
                ))?;
                let style = ink.clone().pos(Pos::new(HPos::Center, VPos::Center));
                let text = number::fixed(*value, 2);
                area.draw(&Text::new(text, (x + half, y + half), &style))?;
            }
            Ok(())
        })
    }
}
