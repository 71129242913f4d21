//! Reading: [`parse`] checks a whole text against RFC 8259; what it returns can then be
//! taken apart without errors.

use std::borrow::Cow;

/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: u32 = 128;

/// Why a text is not JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invalid {
    /// The byte at which it stops being JSON.
    pub at: usize,
    /// What was expected there.
    pub reason: &'static str,
}

/// One value of a checked text, as it was written, without white space around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'j>(&'j str);

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// Checks that `text` is one JSON value.
///
/// # Errors
/// Names the first byte that does not fit.
pub fn parse(text: &str) -> Result<Raw<'_>, Invalid> {
    let mut reader = Reader::new(text);
    let value = reader.value()?;
    reader.space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.expected("the end: something follows the JSON value")),
    }
}

impl<'j> Raw<'j> {
    /// The JSON itself.
    #[must_use]
    pub fn json(self) -> &'j str {
        self.0
    }

    /// Its type.
    #[must_use]
    pub fn kind(self) -> JsonKind {
        match self.0.as_bytes().first() {
            Some(b'{') => JsonKind::Object,
            Some(b'[') => JsonKind::Array,
            Some(b'"') => JsonKind::String,
            Some(b't' | b'f') => JsonKind::Boolean,
            Some(b'n') => JsonKind::Null,
            _ => JsonKind::Number,
        }
    }

    /// The text of a string; `None` for another type, and for half a surrogate pair.
    #[must_use]
    pub fn text(self) -> Option<Cow<'j, str>> {
        let inner = self.0.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            unescape(inner).map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The fields of an object, as they come: a key may be there twice.
    pub fn fields(self) -> impl Iterator<Item = (Raw<'j>, Raw<'j>)> {
        let mut reader = self.inside(JsonKind::Object);
        std::iter::from_fn(move || {
            let key = reader.next_string()?;
            reader.next_byte(b':');
            Some((key, reader.next_value()?))
        })
    }

    /// The items of an array.
    pub fn items(self) -> impl Iterator<Item = Raw<'j>> {
        let mut reader = self.inside(JsonKind::Array);
        std::iter::from_fn(move || reader.next_value())
    }

    /// A reader behind the opening bracket; an empty one for another type.
    fn inside(self, kind: JsonKind) -> Reader<'j> {
        if self.kind() == kind {
            Reader::new(part(self.0, 1, self.0.len()))
        } else {
            Reader::new("")
        }
    }
}

struct Reader<'j> {
    text: &'j str,
    at: usize,
}

impl<'j> Reader<'j> {
    fn new(text: &'j str) -> Self {
        Self { text, at: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn expected(&self, reason: &'static str) -> Invalid {
        Invalid {
            at: self.at,
            reason,
        }
    }

    /// One value, checked to its end.
    fn value(&mut self) -> Result<Raw<'j>, Invalid> {
        self.space();
        let start = self.at;
        self.skip_value()?;
        Ok(Raw(part(self.text, start, self.at)))
    }

    fn skip_value(&mut self) -> Result<(), Invalid> {
        let mut open = Nesting::default();
        loop {
            self.space();
            match self.peek() {
                Some(b'{') => {
                    open.push(true).ok_or_else(|| self.expected(TOO_DEEP))?;
                    self.at += 1;
                    self.space();
                    if self.peek() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    open.push(false).ok_or_else(|| self.expected(TOO_DEEP))?;
                    self.at += 1;
                    self.space();
                    if self.peek() != Some(b']') {
                        continue;
                    }
                }
                Some(b'"') => self.string()?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => return Err(self.expected("a value")),
            }
            if self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Closes the brackets that end here; returns whether the outermost value ended.
    fn after_value(&mut self, open: &mut Nesting) -> Result<bool, Invalid> {
        while let Some(in_object) = open.innermost() {
            self.space();
            match (self.peek(), in_object) {
                (Some(b','), true) => {
                    self.at += 1;
                    self.key()?;
                    return Ok(false);
                }
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    open.pop();
                }
                (_, true) => return Err(self.expected("',' or '}'")),
                (_, false) => return Err(self.expected("',' or ']'")),
            }
        }
        Ok(true)
    }

    fn key(&mut self) -> Result<(), Invalid> {
        self.space();
        match self.peek() {
            Some(b'"') => self.string()?,
            _ => return Err(self.expected("a key in double quotes")),
        }
        self.space();
        if self.eat(b':') {
            Ok(())
        } else {
            Err(self.expected("':'"))
        }
    }

    fn string(&mut self) -> Result<(), Invalid> {
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => {
                    return Err(self.expected("no control character: write it as \\u00XX"));
                }
                Some(_) => self.at += 1,
                None => return Err(self.expected("the end of the string")),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Invalid> {
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_some_and(|b| b.is_ascii_hexdigit()) {
                        return Err(self.expected("four hexadecimal digits"));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(self.expected("one of \"\\/bfnrtu")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Invalid> {
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Invalid> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err(self.expected("a digit"))
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), Invalid> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.expected("true, false or null"))
        }
    }

    /// The next item or value inside a checked array or object; `None` at its end.
    fn next_value(&mut self) -> Option<Raw<'j>> {
        self.next_byte(b',');
        self.value().ok()
    }

    fn next_string(&mut self) -> Option<Raw<'j>> {
        self.next_byte(b',');
        self.space();
        let start = self.at;
        (self.peek()? == b'"').then_some(())?;
        self.string().ok()?;
        Some(Raw(part(self.text, start, self.at)))
    }

    fn next_byte(&mut self, byte: u8) {
        self.space();
        self.eat(byte);
    }
}

const TOO_DEEP: &str = "at most 128 nested arrays and objects";

/// Which brackets are open: a bit each, 1 for an object.
#[derive(Default)]
struct Nesting {
    objects: u128,
    depth: u32,
}

impl Nesting {
    fn push(&mut self, object: bool) -> Option<()> {
        (self.depth < MAX_DEPTH).then(|| {
            self.depth += 1;
            // The innermost bracket is the lowest bit: 128 levels, as many as are allowed.
            self.objects = self.objects << 1 | u128::from(object);
        })
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.objects >>= 1;
    }

    fn innermost(&self) -> Option<bool> {
        (self.depth > 0).then_some(self.objects & 1 == 1)
    }
}

/// A part of a text; empty where there is none. Not an index: its panic messages take eight
/// kilobytes of the module.
fn part(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// The text that the inside of a checked string stands for.
fn unescape(inner: &str) -> Option<String> {
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find('\\') {
        text.push_str(part(rest, 0, at));
        let escape = *rest.as_bytes().get(at + 1)?;
        rest = part(rest, at + 2, rest.len());
        text.push(match escape {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (character, after) = unicode(rest)?;
                rest = after;
                character
            }
            same => char::from(same),
        });
    }
    text.push_str(rest);
    Some(text)
}

/// The character of `XXXX` or `XXXX\uXXXX`, and what follows.
fn unicode(text: &str) -> Option<(char, &str)> {
    let unit = |digits: &str| u32::from_str_radix(digits, 16).ok();
    let first = unit(text.get(..4)?)?;
    let rest = part(text, 4, text.len());
    if !(0xd800..0xdc00).contains(&first) {
        return Some((char::from_u32(first)?, rest));
    }
    let rest = rest.strip_prefix("\\u")?;
    let second = unit(rest.get(..4)?)?
        .checked_sub(0xdc00)
        .filter(|low| *low < 0x400)?;
    let code = 0x1_0000 + ((first - 0xd800) << 10 | second);
    Some((char::from_u32(code)?, part(rest, 4, rest.len())))
}
