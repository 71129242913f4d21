//! The common form of a request, taken apart in one pass: an object of numbers, words and
//! strings without escapes. A general reader of JSON costs four times as much, and what it
//! is for, an answered request never is: the module has checked every byte.

use memchr::memchr2;
use model_core::value::Value;

/// A place in a text that is JSON.
pub(super) struct Scan<'r> {
    text: &'r str,
    at: usize,
}

impl<'r> Scan<'r> {
    pub(super) fn new(text: &'r str) -> Self {
        Self { text, at: 0 }
    }

    /// Calls `each` with every field. `None` when there is something that this cannot read,
    /// possibly after some fields.
    pub(super) fn fields(mut self, mut each: impl FnMut(&'r str, Value<'r>)) -> Option<()> {
        self.eat(b'{')?;
        if self.eat(b'}').is_none() {
            loop {
                self.eat(b'"')?;
                let name = self.string()?;
                self.eat(b':')?;
                each(name, self.value()?);
                if self.eat(b',').is_none() {
                    self.eat(b'}')?;
                    break;
                }
            }
        }
        self.space();
        (self.at == self.text.len()).then_some(())
    }

    fn space(&mut self) {
        let bytes = self.text.as_bytes();
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = bytes.get(self.at) {
            self.at += 1;
        }
    }

    /// White space, then this byte.
    fn eat(&mut self, byte: u8) -> Option<()> {
        self.space();
        let there = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(there);
        there.then_some(())
    }

    /// What stands before the next quote.
    fn string(&mut self) -> Option<&'r str> {
        let rest = self.text.get(self.at..)?;
        let end = memchr2(b'"', b'\\', rest.as_bytes())?;
        let quote = rest.as_bytes().get(end) == Some(&b'"');
        self.at += end + 1;
        rest.get(..end).filter(|_| quote)
    }

    fn value(&mut self) -> Option<Value<'r>> {
        self.space();
        let rest = self.text.get(self.at..)?;
        let words = [
            ("null", Value::Missing),
            ("true", Value::Boolean(true)),
            ("false", Value::Boolean(false)),
        ];
        match rest.as_bytes().first()? {
            b'"' => {
                self.at += 1;
                self.string().map(Value::Text)
            }
            b'-' | b'0'..=b'9' => {
                let part =
                    |byte: &u8| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = rest.bytes().position(|byte| part(&byte))?;
                self.at += end;
                rest.get(..end).map(Value::Number)
            }
            _ => {
                let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
                self.at += word.len();
                Some(value)
            }
        }
    }
}
