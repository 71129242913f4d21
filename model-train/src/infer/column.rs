//! What a column of a file shows.

use std::collections::{BTreeMap, BTreeSet};

use model_core::value::boolean_word;
use model_files::missing::MISSING_WORDS;
use rustc_hash::FxHashSet;

use super::numbers::{nice_range, number};
use super::{MAX_CATEGORIES, quoted};
use crate::moment::{Moment, TimeKind};

/// Different values that are remembered to see whether one comes again.
const REMEMBERED: usize = 1 << 20;
/// Numbers of which the middle one becomes the example.
const SAMPLED: usize = 999;

/// What a column shows.
pub(super) struct Observed {
    /// Cells that are not empty, words for missing left out.
    pub(super) values: u64,
    missing: u64,
    missing_words: BTreeSet<String>,
    /// The first different texts with how often they come, at most one more than
    /// [`MAX_CATEGORIES`]; the missing words are among them.
    texts: BTreeMap<String, u64>,
    /// Hashes of the values so far; nothing once one came again or there are too many.
    different: Option<FxHashSet<u64>>,
    pub(super) repeats: bool,
    /// White space between words.
    spaces: u64,
    pub(super) boolean: bool,
    pub(super) integer: bool,
    pub(super) number: bool,
    /// Whether each value is a date, a month or a timestamp.
    pub(super) moments: bool,
    pub(super) lowest: f64,
    pub(super) highest: f64,
    last: f64,
    /// Whether each number is above the one before it.
    pub(super) rises: bool,
    sample: Vec<f64>,
}

impl Default for Observed {
    fn default() -> Self {
        Self {
            values: 0,
            missing: 0,
            missing_words: BTreeSet::new(),
            texts: BTreeMap::new(),
            different: Some(FxHashSet::default()),
            repeats: false,
            spaces: 0,
            boolean: true,
            integer: true,
            number: true,
            moments: true,
            lowest: f64::INFINITY,
            highest: f64::NEG_INFINITY,
            last: f64::NEG_INFINITY,
            rises: true,
            sample: Vec::new(),
        }
    }
}

impl Observed {
    /// Takes the next row's cell, without the white space around it.
    pub(super) fn observe(&mut self, text: &str) {
        if text.is_empty() {
            self.missing += 1;
            return;
        }
        let is_full = self.texts.len() > MAX_CATEGORIES;
        match self.texts.get_mut(text) {
            Some(count) => *count += 1,
            None if is_full => {}
            None => {
                self.texts.insert(text.to_owned(), 1);
            }
        }
        if MISSING_WORDS.contains(&text) {
            self.missing_words.insert(text.to_owned());
            return;
        }
        self.values += 1;
        self.remember(text);
        self.spaces += text.split_whitespace().skip(1).count() as u64;
        self.boolean &= boolean_word(text).is_some();
        self.observe_number(text);
        self.moments = self.moments
            && Moment::parse(text).is_some_and(|moment| moment.kind() == TimeKind::Calendar);
        self.integer &= text
            .parse::<i64>()
            .is_ok_and(|whole| whole.unsigned_abs() <= 1 << 53);
    }

    fn remember(&mut self, text: &str) {
        use std::hash::BuildHasher;
        let Some(different) = &mut self.different else {
            return;
        };
        let hash = rustc_hash::FxBuildHasher.hash_one(text);
        self.repeats = !different.insert(hash);
        if self.repeats || different.len() >= REMEMBERED {
            self.different = None;
        }
    }

    fn observe_number(&mut self, text: &str) {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        let number = text.parse::<f64>().ok();
        let Some(number) = number.filter(|number| plain && number.is_finite()) else {
            self.number = false;
            return;
        };
        self.lowest = self.lowest.min(number);
        self.highest = self.highest.max(number);
        self.rises &= number > self.last;
        self.last = number;
        if self.sample.len() < SAMPLED {
            self.sample.push(number);
        }
    }

    /// Texts that mean "missing" here: beside numbers and booleans, `NA` is no value.
    pub(super) fn words_for_missing(&self) -> Option<&BTreeSet<String>> {
        (self.number || self.boolean).then_some(&self.missing_words)
    }

    pub(super) fn has_missing(&self) -> bool {
        self.missing > 0
            || self
                .words_for_missing()
                .is_some_and(|words| !words.is_empty())
    }

    /// Whether there is no value to judge the type by.
    pub(super) fn is_empty(&self) -> bool {
        self.values == 0
    }

    /// Whether the values are texts, not numbers or yes and no.
    pub(super) fn is_text(&self) -> bool {
        !self.number && !self.boolean
    }

    /// The different texts, in order; one more than [`MAX_CATEGORIES`] means that there are
    /// more.
    pub(super) fn texts(&self) -> Vec<&String> {
        let missing = self.words_for_missing();
        let is_value = |text: &&String| !missing.is_some_and(|words| words.contains(*text));
        self.texts.keys().filter(is_value).collect()
    }

    /// Words of a value, in the mean.
    pub(super) fn words_a_value(&self) -> f64 {
        1.0 + self.spaces as f64 / self.values.max(1) as f64
    }

    /// The word of its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            _ if self.is_empty() => "category",
            _ if self.boolean => "boolean",
            _ if self.number && self.integer => "integer",
            _ if self.number => "number",
            _ => "category",
        }
    }

    /// Appends the range of a number, rounded outward.
    pub(super) fn write_range(&self, kind: &str, toml: &mut String) {
        if kind == "integer" || kind == "number" {
            let (minimum, maximum) = nice_range(self.lowest, self.highest);
            let seen = format!("{} to {}", number(self.lowest), number(self.highest));
            let (minimum, maximum) = (number(minimum), number(maximum));
            toml.push_str(&format!(
                "minimum = {minimum}   # seen: {seen}\nmaximum = {maximum}\n"
            ));
        }
    }

    /// The middle of the first numbers, or the most frequent text.
    pub(super) fn example(&self) -> String {
        let texts = self.texts();
        let most = texts.iter().rev().max_by_key(|text| self.texts[**text]);
        let text = most.map_or("", |text| text.as_str());
        if self.boolean {
            boolean_word(text).unwrap_or_default().to_string()
        } else if self.number {
            let mut sample = self.sample.clone();
            sample.sort_by(f64::total_cmp);
            number(sample.get(sample.len() / 2).copied().unwrap_or_default())
        } else {
            quoted(text)
        }
    }
}
