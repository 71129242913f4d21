//! A column as a person would describe it, whatever is in it.
//!
//! Nothing is refused here: what cannot be read is counted. The rules are those of
//! [`crate::infer`] where there is no schema.

use std::collections::HashMap;

use model_core::schema::{Feature, FeatureKind, Role, Schema, TargetKind};
use model_core::value::{Reading, Value, boolean_word, read};
use model_files::missing::MISSING_WORDS;
use rustc_hash::FxHashMap;

use crate::infer::{names_a_bad_event, positive_of_two};

/// Different texts that a column without a schema may have and still be a category.
const MAX_CATEGORIES: usize = 50;
/// Different texts of a column that are told apart as they come.
const MAX_TEXTS: usize = 1 << 20;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Numbers.
    Number,
    /// Whole numbers.
    Integer,
    /// Yes or no.
    Boolean,
    /// One of a few texts.
    Category,
    /// Many different texts.
    Text,
    /// Nothing at all.
    Empty,
}

impl Type {
    /// As people write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::Text => "text",
            Self::Empty => "empty",
        }
    }

    /// Whether its values are ordered.
    pub(super) fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Integer)
    }

    /// Whether its values are groups.
    pub(super) fn is_group(self) -> bool {
        matches!(self, Self::Boolean | Self::Category)
    }
}

/// A column that was read whole.
#[derive(Debug, Clone)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) role: &'static str,
    pub(super) kind: Type,
    /// One a row: a number, 0 or 1, or the index of a text; NaN where there is none.
    pub(super) values: Vec<f64>,
    /// Of a category or text, in the order of the schema or of the alphabet.
    pub(super) texts: Vec<String>,
    /// The value of the positive outcome, where the schema says that this is the target.
    positive: Option<f64>,
    pub(super) missing: usize,
    /// Cells that are no value of this type.
    pub(super) unreadable: usize,
    pub(super) distinct: usize,
}

/// The cells of a column: each different text once, up to [`MAX_TEXTS`]; then each cell by itself.
#[derive(Debug, Default)]
pub(super) struct Cells {
    /// One a row: the index of a text, or of one of `more`, which follow the texts.
    codes: Vec<u32>,
    texts: Vec<String>,
    index: FxHashMap<String, u32>,
    more: More,
}

/// Texts one after the other, without much memory for each.
#[derive(Debug, Default)]
struct More {
    all: String,
    ends: Vec<usize>,
}

impl More {
    fn push(&mut self, text: &str) {
        self.all.push_str(text);
        self.ends.push(self.all.len());
    }

    fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts
            .zip(&self.ends)
            .map(|(start, end)| &self.all[*start..*end])
    }
}

impl Cells {
    pub(super) fn push(&mut self, cell: &str) {
        let code = self.code(cell.trim());
        self.codes.push(code);
    }

    /// Adds the cells of the next rows, which were read apart.
    pub(super) fn append(&mut self, next: &Self) {
        let codes: Vec<u32> = next.all().map(|text| self.code(text)).collect();
        let next = next.codes.iter().map(|code| codes[*code as usize]);
        self.codes.extend(next);
    }

    fn code(&mut self, cell: &str) -> u32 {
        match self.index.get(cell) {
            Some(code) => *code,
            None => self.add(cell),
        }
    }

    fn add(&mut self, cell: &str) -> u32 {
        let code = (self.texts.len() + self.more.ends.len()) as u32;
        if self.texts.len() >= MAX_TEXTS {
            self.more.push(cell);
            return code;
        }
        self.texts.push(cell.to_owned());
        self.index.insert(cell.to_owned(), code);
        code
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        self.texts
            .iter()
            .map(String::as_str)
            .chain(self.more.iter())
    }

    /// Makes a column of them; `schema` says what it should be, where it knows the name.
    pub(super) fn finish(self, name: &str, schema: Option<&Schema>) -> Column {
        let feature = schema.and_then(|s| s.features.iter().find(|f| f.name == name));
        let is_missing = |text: &str| match (schema, feature) {
            _ if text.is_empty() => true,
            (Some(schema), Some(feature)) => schema.missing_values.has_text_of(feature, text),
            (Some(schema), None) => schema.missing_values.has_text(text),
            (None, _) => MISSING_WORDS.contains(&text),
        };
        let there: Vec<&str> = self.all().filter(|text| !is_missing(text)).collect();
        let of_target = schema.filter(|schema| schema.target.name == name);
        let target_kind = of_target.map(|schema| &schema.target.kind);
        // A column of times, groups or weights lists no values.
        let typed = feature.filter(|feature| feature.sample.is_none());
        let (kind, listed) = match (typed.map(|f| &f.kind), target_kind) {
            (Some(FeatureKind::Number(_)), _) => (Type::Number, None),
            (Some(FeatureKind::Integer(_)), _) => (Type::Integer, None),
            (Some(FeatureKind::Boolean), _) | (_, Some(TargetKind::Boolean { .. })) => {
                (Type::Boolean, None)
            }
            (Some(FeatureKind::Category(c)), _) => (Type::Category, Some(c.values.clone())),
            (_, Some(TargetKind::Category { positive, negative })) => (
                Type::Category,
                Some(vec![negative.clone(), positive.clone()]),
            ),
            (None, None) => (inferred(&there), None),
        };
        let kind = if there.is_empty() { Type::Empty } else { kind };
        let texts = listed.unwrap_or_else(|| sorted(&there, kind));
        let known: Vec<Option<f64>> = {
            let value = reader(kind, &texts);
            let numeric = typed.filter(|feature| feature.range().is_some());
            let value = |text: &str| match (schema, numeric) {
                (Some(schema), Some(feature)) => as_decided(feature, text, schema),
                _ => value(text),
            };
            let read = |text: &str| (!is_missing(text)).then(|| value(text));
            self.all().map(read).collect()
        };
        let of_row = |code: &u32| known[*code as usize];
        let read = self.codes.iter().map(of_row);
        let role = feature.map_or("", |feature| match feature.sample {
            Some(sample) => sample.word(),
            None => feature.role.word(),
        });
        Column {
            name: name.to_owned(),
            label: feature.map_or(name, |f| f.display_label()).to_owned(),
            role: if of_target.is_some() { "target" } else { role },
            kind,
            missing: read.clone().filter(Option::is_none).count(),
            unreadable: read.clone().filter(|v| v.is_some_and(f64::is_nan)).count(),
            values: read.map(|value| value.unwrap_or(f64::NAN)).collect(),
            texts,
            // A category's positive outcome is listed second.
            positive: target_kind.map(|kind| match kind {
                TargetKind::Boolean { positive } => f64::from(u8::from(*positive)),
                TargetKind::Category { .. } => 1.0,
            }),
            distinct: different(there),
        }
    }
}

impl Column {
    pub(super) fn is_protected(&self) -> bool {
        self.role == Role::Protected.word()
    }

    /// Whether every value that is there is the same.
    pub(super) fn is_constant(&self) -> bool {
        self.distinct == 1
    }

    /// Whether the column names the outcome that a lender does not want, such as a default: the
    /// schema says so, or else the name.
    fn wants_no(&self) -> bool {
        match self.positive {
            Some(positive) => positive == 0.0,
            None => names_a_bad_event(&self.name),
        }
    }

    /// For each row whether it is yes, where that can be said; `None` when the column has
    /// not exactly two values. The text of yes comes with it.
    pub(super) fn as_target(&self) -> Option<(Vec<Option<bool>>, String, String)> {
        let (yes, names): (f64, [String; 2]) = match self.kind {
            Type::Boolean if self.wants_no() => (0.0, ["yes".to_owned(), "no".to_owned()]),
            Type::Boolean => (1.0, ["no".to_owned(), "yes".to_owned()]),
            Type::Category if self.texts.len() == 2 => {
                let likely = || positive_of_two([&self.texts[0], &self.texts[1]]).unwrap_or(1);
                let index = self.positive.map_or_else(likely, |value| value as usize);
                let names = [&self.texts[1 - index], &self.texts[index]];
                (index as f64, names.map(Clone::clone))
            }
            // Numbers such as 1 and 2.
            Type::Number | Type::Integer if self.distinct == 2 => {
                let there = || self.values.iter().copied().filter(|v| v.is_finite());
                let low = there().fold(f64::INFINITY, f64::min);
                let high = there().fold(f64::NEG_INFINITY, f64::max);
                if self.wants_no() {
                    (low, [high.to_string(), low.to_string()])
                } else {
                    (high, [low.to_string(), high.to_string()])
                }
            }
            _ => return None,
        };
        let [no, yes_text] = names;
        let answers = self
            .values
            .iter()
            .map(|value| (!value.is_nan()).then_some(*value == yes));
        Some((answers.collect(), yes_text, no))
    }
}

/// How many of the texts are different.
fn different(mut texts: Vec<&str>) -> usize {
    if texts.len() > MAX_TEXTS {
        texts.sort_unstable();
        texts.dedup();
    }
    texts.len()
}

fn inferred(there: &[&str]) -> Type {
    let all = |holds: fn(&str) -> bool| there.iter().all(|text| holds(text));
    if there.is_empty() {
        Type::Empty
    } else if there.len() <= 2 && all(|text| boolean_word(text).is_some()) {
        Type::Boolean
    } else if all(|text| number(text).is_some()) {
        let whole = all(|text| number(text).is_some_and(|value| value.fract() == 0.0));
        if whole { Type::Integer } else { Type::Number }
    } else if there.len() <= MAX_CATEGORIES {
        Type::Category
    } else {
        Type::Text
    }
}

fn number(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    text.parse()
        .ok()
        .filter(|value: &f64| plain && value.is_finite())
}

fn sorted(there: &[&str], kind: Type) -> Vec<String> {
    if kind != Type::Category && kind != Type::Text {
        return Vec::new();
    }
    let mut texts = there.to_vec();
    texts.sort_unstable();
    texts.dedup();
    texts.into_iter().map(str::to_owned).collect()
}

/// A number as a decision reads it; NaN where it refuses it, such as a fraction in an integer.
fn as_decided(feature: &Feature, text: &str, schema: &Schema) -> f64 {
    match read(feature, Value::from_text(text), &schema.missing_values) {
        Ok(Reading::Is(number)) => number,
        _ => f64::NAN,
    }
}

/// NaN for a text that is no value of the type.
fn reader(kind: Type, texts: &[String]) -> impl Fn(&str) -> f64 {
    let index: HashMap<&str, usize> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| (text.as_str(), index))
        .collect();
    move |text| match kind {
        Type::Number | Type::Integer => number(text).unwrap_or(f64::NAN),
        Type::Boolean => boolean_word(text).map_or(f64::NAN, |yes| f64::from(u8::from(yes))),
        Type::Category | Type::Text => index.get(text).map_or(f64::NAN, |index| *index as f64),
        Type::Empty => f64::NAN,
    }
}
