//! The lines of a `model.txt`.

use serde_json::Value;

use crate::error::{ImportError, broken, short};

/// So many lines every file may have, and one more for so many of its bytes. Each takes 32 bytes of
/// memory; those of a tree have hundreds.
const FREE_LINES: usize = 1 << 20;
const BYTES_OF_A_LINE: usize = 16;

/// A whole file.
pub(super) struct File<'a> {
    pub(super) head: Block<'a>,
    pub(super) trees: Vec<Block<'a>>,
    /// What stands behind the trees.
    tail: Vec<&'a str>,
}

/// Lines of `key=value`, and of keys alone.
pub(super) struct Block<'a> {
    /// What errors call it.
    name: String,
    lines: Vec<(&'a str, &'a str)>,
}

impl<'a> File<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, ImportError> {
        let all = text.bytes().filter(|byte| *byte == b'\n').count();
        if all > FREE_LINES + text.len() / BYTES_OF_A_LINE {
            return Err(broken(format!(
                "the file has {all} lines, far more than a model of its length: save the model again with save_model"
            )));
        }
        let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
        if lines.next() != Some("tree") {
            return Err(broken(
                "the file does not begin with the line 'tree': expected a model.txt that LightGBM's save_model wrote",
            ));
        }
        let mut head = Block::new("the head".to_owned());
        let mut trees: Vec<Block<'a>> = Vec::new();
        let mut ended = false;
        for line in lines.by_ref() {
            match line.strip_prefix("Tree=") {
                _ if line == "end of trees" => {
                    ended = true;
                    break;
                }
                Some(number) if number.parse() == Ok(trees.len()) => {
                    trees.push(Block::new(format!("tree {number}")));
                }
                Some(number) => {
                    let expected = trees.len();
                    let number = short(number);
                    return Err(broken(format!(
                        "the file goes on with tree {number} where tree {expected} was expected: it is incomplete"
                    )));
                }
                None => trees.last_mut().unwrap_or(&mut head).push(line),
            }
        }
        if !ended {
            return Err(broken(
                "the file is truncated: it has no line 'end of trees'",
            ));
        }
        let sizes = head.find("tree_sizes").unwrap_or_default();
        let announced = sizes.split(' ').filter(|size| !size.is_empty()).count();
        if announced != trees.len() {
            return Err(broken(format!(
                "the file has {} trees, and its head announces {announced}: it is incomplete",
                trees.len()
            )));
        }
        Ok(Self {
            head,
            trees,
            tail: lines.collect(),
        })
    }

    /// The columns that the parameters call categorical.
    pub(super) fn categorical_columns(&self) -> Result<Vec<usize>, ImportError> {
        let mut parameters = self.tail.iter();
        let listed = parameters.find_map(|line| line.strip_prefix("[categorical_feature: "));
        let listed = listed.unwrap_or_default().trim_end_matches(']');
        // Of a file of the command line these may be names, which the trees and infos repeat.
        let numbers = listed.split(',').map(str::parse);
        Ok(numbers.filter_map(Result::ok).collect())
    }

    /// The texts of each categorical column, where the model was trained from pandas.
    pub(super) fn pandas_categories(&self) -> Result<Option<Vec<Vec<String>>>, ImportError> {
        const KEY: &str = "pandas_categorical:";
        let Some(line) = self.tail.iter().find_map(|line| line.strip_prefix(KEY)) else {
            return Ok(None);
        };
        let problem =
            || broken("the line pandas_categorical is not a list of lists: the file is damaged");
        match serde_json::from_str(line).map_err(|_| problem())? {
            Value::Null => Ok(None),
            Value::Array(columns) if columns.is_empty() => Ok(None),
            Value::Array(columns) => {
                let columns = columns.into_iter().map(|column| match column {
                    Value::Array(values) => values.iter().map(category).collect::<Option<_>>(),
                    _ => None,
                });
                columns.collect::<Option<_>>().map(Some).ok_or_else(problem)
            }
            _ => Err(problem()),
        }
    }
}

/// A category as a CSV file has it.
fn category(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Some(whole.to_string()),
            (None, Some(number)) => Some(model_core::value::number_text(number)),
            (None, None) => None,
        },
        _ => None,
    }
}

impl<'a> Block<'a> {
    fn new(name: String) -> Self {
        Self {
            name,
            lines: Vec::new(),
        }
    }

    fn push(&mut self, line: &'a str) {
        if !line.is_empty() {
            self.lines.push(line.split_once('=').unwrap_or((line, "")));
        }
    }

    /// What errors call it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn find(&self, key: &str) -> Option<&'a str> {
        let mut lines = self.lines.iter();
        lines.find_map(|(name, value)| (*name == key).then_some(*value))
    }

    pub(super) fn get(&self, key: &str) -> Result<&'a str, ImportError> {
        self.find(key).ok_or_else(|| {
            broken(format!(
                "{} has no line '{key}=': the file is damaged",
                self.name
            ))
        })
    }

    /// Exactly so many values of a line.
    pub(super) fn list<T>(
        &self,
        key: &str,
        count: usize,
        read: impl Fn(&str, &str) -> Result<T, ImportError>,
    ) -> Result<Vec<T>, ImportError> {
        let values = self.get(key)?.split(' ').filter(|value| !value.is_empty());
        let values: Vec<T> = values
            .map(|value| read(key, value))
            .collect::<Result<_, _>>()
            .map_err(|error| broken(format!("{}: {error}", self.name)))?;
        if values.len() == count {
            return Ok(values);
        }
        let (name, got) = (&self.name, values.len());
        Err(broken(format!(
            "{name}: {key} has {got} values, expected {count}: the file is damaged"
        )))
    }
}

/// A finite number; the words `inf` and `nan` are not.
pub(super) fn number(key: &str, text: &str) -> Result<f64, ImportError> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| {
        broken(format!(
            "{key} has '{}', expected a finite number",
            short(text)
        ))
    })
}

/// The threshold of a split: `inf` sends every number to the left.
pub(super) fn threshold(key: &str, text: &str) -> Result<f64, ImportError> {
    match text {
        "inf" => Ok(f64::MAX),
        _ => number(key, text),
    }
}

/// A whole number that fits.
pub(super) fn whole<T: std::str::FromStr>(key: &str, text: &str) -> Result<T, ImportError> {
    text.parse().map_err(|_| {
        broken(format!(
            "{key} has '{}', expected a whole number",
            short(text)
        ))
    })
}
