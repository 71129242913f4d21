//! Numbers as the texts of a column's categories.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use crate::block::{Cells, Texts};

/// The text that a number is read as, given as JSON has it: `3.0` of a float, `3` of an integer.
/// `None` leaves it as it is in CSV: both are `3`.
pub type NumberText = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What makes texts of the numbers of one column.
pub(super) struct NumberTexts {
    /// The first that answers one.
    pub(super) texts: Vec<NumberText>,
    /// Whether its numbers are no integers.
    pub(super) is_float: bool,
}

impl NumberTexts {
    /// Puts the texts of cells in their place, where they are asked for.
    pub(super) fn write(&self, cells: &mut Cells) {
        if self.texts.is_empty() {
            return;
        }
        let mut texts = Texts::default();
        match cells {
            Cells::Numbers(numbers) => self.write_numbers(numbers, &mut texts),
            // The digits of all, where an `f64` does not hold one.
            Cells::Texts(digits) => {
                let digits = mem::take(digits);
                let written = digits.iter().map(|digits| (digits, self.text(digits)));
                written.for_each(|(digits, text)| texts.push(text.as_deref().unwrap_or(digits)));
            }
            Cells::Skipped => return,
        }
        *cells = Cells::Texts(texts);
    }

    fn write_numbers(&self, numbers: &[f64], texts: &mut Texts) {
        // Categories are few.
        let mut known: HashMap<u64, String> = HashMap::new();
        for number in numbers {
            if number.is_nan() {
                texts.push("");
                continue;
            }
            let text = known.entry(number.to_bits()).or_insert_with(|| {
                let text = match self.is_float {
                    true => self.text(&format!("{number:?}")),
                    false => self.text(&number.to_string()),
                };
                text.unwrap_or_else(|| number.to_string())
            });
            texts.push(text);
        }
    }

    fn text(&self, number: &str) -> Option<String> {
        self.texts.iter().find_map(|text| text(number))
    }
}
