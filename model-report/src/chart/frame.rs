//! What all charts share: the drawing area, styles, and how an `svg` element is finished.

use std::fmt::Display;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::style::{Color, IntoFont, ShapeStyle, TextStyle};

use super::{ChartError, Svg};
use crate::palette::Colour;
use crate::span::distance;

/// The size that plotters needs for letters of 13 units: it divides by 1.24. A chart is 480
/// units wide, as a rule.
pub(super) const FONT_SIZE: i32 = 16;

/// Wider charts are not made as narrow as a phone.
const LARGE: u32 = 560;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub(super) type Failure = Box<dyn std::error::Error>;

/// The texts of a chart.
pub(super) struct Words<'a> {
    pub(super) title: &'a str,
    /// The text alternative.
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
    // Letters stay about as large as the page's: a large chart is scrolled on a phone.
    let widest = width + width / 5;
    let narrowest = if width > LARGE { width * 3 / 4 } else { 0 };
    let alone = matches!(words.legend.as_slice(), [(colour, _)] if *colour != Colour::Reference);
    Ok(Svg {
        title: words.title.to_owned(),
        markup: format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {width} {height}\" \
             style=\"max-width:{widest}px;min-width:{narrowest}px\" font-family=\"sans-serif\" xmlns=\"http://www.w3.org/2000/svg\">{inside}"
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

/// How much room letters of [`FONT_SIZE`] take, generously: no font is at hand to measure.
pub(super) fn text_width(text: &str) -> u32 {
    let width = |letter: char| match letter {
        'i' | 'j' | 'l' | 'f' | 't' | 'I' | ' ' | '.' | ',' | ':' | '(' | ')' | '\'' => 5.2,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 11.8,
        letter if letter.is_ascii_uppercase() => 9.6,
        letter if letter.is_ascii() => 7.9,
        _ => 9.6,
    };
    text.chars().map(width).sum::<f64>().ceil() as u32
}

/// Names that are too long for an axis are cut with "…"; a number in brackets at their end
/// stays.
pub(super) fn clipped(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let (name, rest) = match text.rfind(" (") {
        Some(at) if text.ends_with(')') && text.len() - at <= letters / 2 => text.split_at(at),
        _ => (text, ""),
    };
    let room = letters.saturating_sub(rest.chars().count() + 1);
    let short: String = name.chars().take(room).collect();
    format!("{}…{rest}", short.trim_end())
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
    let rough = distance(low, high) / ticks.max(1) as f64;
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
