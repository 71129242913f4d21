//! The colours of charts. Plotters writes the light ones into the SVG, so that a chart is correct
//! on its own; the page's style sheet replaces them with its variables, so that a dark page has
//! dark charts.

use std::fmt::Write;

use plotters::style::RGBColor;

/// The role of a mark in a chart, shown by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// The first series, and the positive class.
    First,
    /// The second series, and the negative class.
    Second,
    /// The third series.
    Third,
    /// The fourth series.
    Fourth,
    /// A reference: a diagonal, a limit.
    Reference,
    /// Text and axes.
    Ink,
    /// Secondary text.
    Muted,
    /// Grid lines.
    Grid,
    /// The page's background.
    Paper,
}

impl Colour {
    const ALL: [Self; 9] = [
        Self::First,
        Self::Second,
        Self::Third,
        Self::Fourth,
        Self::Reference,
        Self::Ink,
        Self::Muted,
        Self::Grid,
        Self::Paper,
    ];

    /// The colour of the `index`th series of a chart; they repeat after four.
    #[must_use]
    pub fn of_series(index: usize) -> Self {
        [Self::First, Self::Second, Self::Third, Self::Fourth][index % 4]
    }

    /// Its name as a CSS custom property.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::First => "--first",
            Self::Second => "--second",
            Self::Third => "--third",
            Self::Fourth => "--fourth",
            Self::Reference => "--reference",
            Self::Ink => "--ink",
            Self::Muted => "--muted",
            Self::Grid => "--grid",
            Self::Paper => "--paper",
        }
    }

    pub(crate) fn light(self) -> RGBColor {
        let (red, green, blue) = match self {
            Self::First => (0x1F, 0x62, 0xA8),
            Self::Second => (0xB8, 0x52, 0x0A),
            Self::Third => (0x2B, 0x77, 0x4B),
            Self::Fourth => (0x74, 0x49, 0xAE),
            Self::Reference => (0x7C, 0x86, 0x90),
            Self::Ink => (0x1C, 0x20, 0x26),
            Self::Muted => (0x59, 0x63, 0x6E),
            Self::Grid => (0xE2, 0xE6, 0xEA),
            Self::Paper => (0xFF, 0xFF, 0xFF),
        };
        RGBColor(red, green, blue)
    }

    fn dark(self) -> &'static str {
        match self {
            Self::First => "#6cabeb",
            Self::Second => "#f09a55",
            Self::Third => "#68c18d",
            Self::Fourth => "#b898ea",
            Self::Reference => "#8b95a0",
            Self::Ink => "#e7e9ec",
            Self::Muted => "#a2acb7",
            Self::Grid => "#2d343c",
            Self::Paper => "#14171c",
        }
    }

    /// As plotters writes it.
    fn light_hex(self) -> String {
        let RGBColor(red, green, blue) = self.light();
        format!("#{red:02X}{green:02X}{blue:02X}")
    }
}

/// Custom properties for light and dark, and rules that substitute them for the colours that
/// plotters writes.
pub(crate) fn style() -> String {
    let mut light = String::new();
    let mut dark = String::new();
    let mut rules = String::new();
    for colour in Colour::ALL {
        let (name, hex) = (colour.variable(), colour.light_hex());
        // Writing to a string cannot fail.
        let _ = write!(light, "{name}:{hex};");
        let _ = write!(dark, "{name}:{};", colour.dark());
        let _ = writeln!(
            rules,
            ".chart [fill=\"{hex}\"]{{fill:var({name})}}.chart [stroke=\"{hex}\"]{{stroke:var({name})}}"
        );
    }
    format!(
        ":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n{rules}"
    )
}
