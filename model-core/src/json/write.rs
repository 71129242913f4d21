//! Writing: no white space, keys in the order they are written, numbers in the shortest
//! form that reads back to the same `f64`.

/// Appends JSON to a buffer and places the commas.
///
/// The caller keeps the order: exactly one value follows each [`Writer::key`].
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
}

impl<'o> Writer<'o> {
    /// Appends one value to `out`.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// `{`, what `fields` writes, `}`.
    pub fn object(&mut self, fields: impl FnOnce(&mut Self)) {
        self.open(b'{');
        fields(self);
        self.close(b'}');
    }

    /// `[`, an item for each of `items`, `]`.
    pub fn array<T>(
        &mut self,
        items: impl IntoIterator<Item = T>,
        mut item: impl FnMut(&mut Self, T),
    ) {
        self.open(b'[');
        for one in items {
            item(self, one);
        }
        self.close(b']');
    }

    /// A key; its value follows.
    #[inline(never)]
    pub fn key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.out.push(b':');
        self
    }

    /// A string.
    pub fn text(&mut self, text: &str) {
        self.begin();
        self.out.push(b'"');
        let mut plain = 0;
        for (at, byte) in text.bytes().enumerate() {
            let escape = match byte {
                b'"' | b'\\' => byte,
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0..=0x1f => b'u',
                _ => continue,
            };
            self.out.extend_from_slice(&text.as_bytes()[plain..at]);
            self.out.extend_from_slice(&[b'\\', escape]);
            if escape == b'u' {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                self.out
                    .extend_from_slice(&[b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            plain = at + 1;
        }
        self.out.extend_from_slice(&text.as_bytes()[plain..]);
        self.out.push(b'"');
    }

    /// A number; `null` when it is not finite, which JSON cannot say.
    pub fn number(&mut self, number: f64) {
        if number.is_finite() {
            self.raw(zmij::Buffer::new().format_finite(number));
        } else {
            self.raw("null");
        }
    }

    /// An integer.
    pub fn integer(&mut self, integer: u64) {
        self.raw(itoa::Buffer::new().format(integer));
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, yes: bool) {
        self.raw(if yes { "true" } else { "false" });
    }

    /// A complete JSON value.
    #[inline(never)]
    pub fn raw(&mut self, json: &str) {
        self.begin();
        self.out.extend_from_slice(json.as_bytes());
    }

    // Not inlined, as `key` and `raw` are not: a description and an answer call these from a
    // hundred places, and the module has a budget.
    #[inline(never)]
    fn open(&mut self, bracket: u8) {
        self.begin();
        self.out.push(bracket);
    }

    #[inline(never)]
    fn close(&mut self, bracket: u8) {
        self.out.push(bracket);
    }

    /// A comma, where a value stands before this one: no JSON value ends in `{`, `[`, `:`.
    fn begin(&mut self) {
        let first = self.out.len() == self.start;
        if !first && !matches!(self.out.last(), Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
    }
}
