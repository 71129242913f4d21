//! What all charts share: the drawing area, styles, and how an `svg` element is finished.

use std::fmt::Display;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::{Color, IntoFont, ShapeStyle, TextStyle};

use super::{ChartError, Svg};
use crate::palette::Colour;

/// The height of letters, in units of the chart: 480 of them are the usual width.
pub(super) const FONT_SIZE: i32 = 13;
/// How wide a letter is on average, generously: no font is at hand to measure.
const LETTER: f64 = 6.6;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Failure = Box<dyn std::error::Error>;

/// The parts of a chart that are words.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    /// What is to be seen, for those who do not see it.
    pub(super) description: String,
    pub(super) legend: Vec<(Colour, String)>,
}

/// Draws into a fresh `svg` element.
pub(super) fn drawn(
    words: Words<'_>,
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), Failure>,
) -> Result<Svg, ChartError> {
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
    let done = draw(&area).and_then(|()| area.present().map_err(Failure::from));
    drop(area);
    done.map_err(|error| ChartError {
        title: words.title.to_owned(),
        reason: error.to_string(),
    })?;
    let inside = text
        .split_once('>')
        .map_or("", |(_, rest)| rest)
        .replace(" font-family=\"sans-serif\"", "");
    let label = escaped(&format!("{}. {}", words.title, words.description));
    // Letters stay about as large as the page's.
    let widest = width + width / 5;
    let alone = matches!(words.legend.as_slice(), [(colour, _)] if *colour != Colour::Reference);
    Ok(Svg {
        title: words.title.to_owned(),
        markup: format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {width} {height}\" \
             style=\"max-width:{widest}px\" font-family=\"sans-serif\" xmlns=\"http://www.w3.org/2000/svg\">{inside}"
        ),
        legend: if alone { Vec::new() } else { words.legend },
    })
}

/// Letters in a colour.
pub(super) fn letters(colour: Colour) -> TextStyle<'static> {
    ("sans-serif", FONT_SIZE).into_font().color(&colour.light())
}

/// A line of a width.
pub(super) fn stroke(colour: Colour, width: u32) -> ShapeStyle {
    colour.light().stroke_width(width)
}

/// How much room so many letters take.
pub(super) fn text_width(text: &str) -> u32 {
    (text.chars().count() as f64 * LETTER).ceil() as u32
}

/// Names that are too long for an axis end in "…".
pub(super) fn clipped(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(letters.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// A range that is not empty, whatever the values are.
pub(super) fn range(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .into_iter()
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    widened(if low <= high { (low, high) } else { (0.0, 1.0) })
}

/// A range between whose ends there is room for ticks.
pub(super) fn widened((low, high): (f64, f64)) -> (f64, f64) {
    let least = low.abs().max(high.abs()).max(1e-9) * 1e-6;
    if high - low > least {
        (low, high)
    } else {
        let room = (low.abs() * 0.05).max(0.5);
        (low - room, high + room)
    }
}

/// The distance between ticks when there are about `ticks` of them.
pub(super) fn step((low, high): (f64, f64), ticks: usize) -> f64 {
    let rough = (high - low) / ticks.max(1) as f64;
    let unit = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * unit)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(rough)
}

/// For an attribute and for text.
fn escaped(text: &str) -> impl Display + use<> {
    text.chars().fold(String::new(), |mut safe, letter| {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
        safe
    })
}
