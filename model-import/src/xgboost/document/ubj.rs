//! A document from UBJSON (draft 12): numbers are big-endian, and a list of one type of
//! numbers says type and length first.

use super::Value;
use super::budget::{Budget, Items, Spent};
use crate::error::{ImportError, broken};

/// Lists within lists.
const MOST_DEPTH: usize = 64;

pub(super) fn read(bytes: &[u8]) -> Result<Value, ImportError> {
    let mut reader = Reader {
        bytes,
        at: 0,
        budget: Budget::for_file(bytes.len()),
    };
    let value = reader.value(0)?;
    if reader.at == bytes.len() {
        return Ok(value);
    }
    let left = bytes.len() - reader.at;
    Err(broken(format!(
        "the file goes on for {left} bytes behind its end: it is damaged"
    )))
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    budget: Budget,
}

/// What stands before the items of a list or an object.
struct Head {
    /// The type of each, where all have one.
    of: Option<u8>,
    /// How many; else an end mark follows.
    count: Option<usize>,
}

impl<'a> Reader<'a> {
    fn truncated(&self) -> ImportError {
        broken(format!(
            "the file is truncated: it ends after {} bytes, in the middle of a value",
            self.bytes.len()
        ))
    }

    /// The value, where the budget had enough for it.
    fn within<T>(&self, made: Result<T, Spent>) -> Result<T, ImportError> {
        made.map_err(|Spent| self.budget.error())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ImportError> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| self.truncated())?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ImportError> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| self.truncated())
    }

    fn byte(&mut self) -> Result<u8, ImportError> {
        Ok(self.array::<1>()?[0])
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn unknown(&self, mark: u8) -> ImportError {
        broken(format!(
            "byte {}: '{}' is no type of UBJSON: the file is damaged",
            self.at.saturating_sub(1),
            mark.escape_ascii()
        ))
    }

    fn value(&mut self, depth: usize) -> Result<Value, ImportError> {
        let mark = self.byte()?;
        self.of_type(mark, depth)
    }

    fn of_type(&mut self, mark: u8, depth: usize) -> Result<Value, ImportError> {
        match mark {
            b'Z' => Ok(Value::Null),
            b'T' => Ok(Value::Bool(true)),
            b'F' => Ok(Value::Bool(false)),
            b'S' => self.text().map(Value::Text),
            b'C' => {
                let text = char::from(self.byte()?).to_string();
                self.within(self.budget.text(&text))?;
                Ok(Value::Text(text))
            }
            b'[' | b'{' if depth == MOST_DEPTH => Err(broken(format!(
                "the file has lists within lists more than {MOST_DEPTH} deep: it is damaged"
            ))),
            b'[' => self.list(depth + 1),
            b'{' => self.object(depth + 1),
            _ => self.number(mark).map(Value::Number),
        }
    }

    fn number(&mut self, mark: u8) -> Result<f64, ImportError> {
        Ok(match mark {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?) as f64,
            b'd' => f32::from_be_bytes(self.array()?).into(),
            b'D' => f64::from_be_bytes(self.array()?),
            _ => return Err(self.unknown(mark)),
        })
    }

    fn length(&mut self) -> Result<usize, ImportError> {
        let mark = self.byte()?;
        let length = match mark {
            b'i' => i8::from_be_bytes(self.array()?).into(),
            b'U' => u8::from_be_bytes(self.array()?).into(),
            b'I' => i16::from_be_bytes(self.array()?).into(),
            b'l' => i32::from_be_bytes(self.array()?).into(),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(self.unknown(mark)),
        };
        usize::try_from(length).map_err(|_| {
            broken(format!(
                "byte {}: a length is {length}: the file is damaged",
                self.at
            ))
        })
    }

    fn text(&mut self) -> Result<String, ImportError> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes)
            .map_err(|_| broken(format!("byte {}: a text is not UTF-8", self.at)))?;
        self.within(self.budget.text(text))?;
        Ok(text.to_owned())
    }

    fn head(&mut self) -> Result<Head, ImportError> {
        let mut head = Head {
            of: None,
            count: None,
        };
        if self.peek() == Some(b'$') {
            self.at += 1;
            head.of = Some(self.byte()?);
        }
        if self.peek() == Some(b'#') {
            self.at += 1;
            let count = self.length()?;
            // Every item takes a byte, but for those that are all alike and have none.
            let is_empty_type = matches!(head.of, Some(b'Z' | b'T' | b'F' | b'N'));
            if is_empty_type || count > self.bytes.len() - self.at {
                return Err(self.truncated());
            }
            head.count = Some(count);
        } else if head.of.is_some() {
            return Err(broken(format!(
                "byte {}: a list has a type and no length: the file is damaged",
                self.at
            )));
        }
        Ok(head)
    }

    /// Whether there is no further item.
    fn ends(&mut self, head: &Head, read: usize, mark: u8) -> bool {
        match head.count {
            Some(count) => read == count,
            None if self.peek() == Some(mark) => {
                self.at += 1;
                true
            }
            None => false,
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, ImportError> {
        let head = self.head()?;
        if let (Some(mark), Some(count)) = (head.of, head.count)
            && !matches!(mark, b'S' | b'C' | b'[' | b'{' | b'H')
        {
            let mut numbers = Vec::new();
            self.within(self.budget.reserve(&mut numbers, count))?;
            for _ in 0..count {
                numbers.push(self.number(mark)?);
            }
            return Ok(Value::Numbers(numbers));
        }
        let mut items = Items::default();
        while !self.ends(&head, items.len(), b']') {
            let value = match head.of {
                Some(mark) => self.of_type(mark, depth)?,
                None => self.value(depth)?,
            };
            self.within(items.push(value, &self.budget))?;
        }
        self.within(items.list(&self.budget))
    }

    fn object(&mut self, depth: usize) -> Result<Value, ImportError> {
        let head = self.head()?;
        let mut fields = Vec::new();
        while !self.ends(&head, fields.len(), b'}') {
            let key = self.text()?;
            let value = match head.of {
                Some(mark) => self.of_type(mark, depth)?,
                None => self.value(depth)?,
            };
            self.within(self.budget.push(&mut fields, (key, value)))?;
        }
        self.budget.fit(&mut fields);
        Ok(Value::Object(fields))
    }
}
