//! The stored form of a sketch, written down in `docs/reference/drift.md`.
//!
//! `UWDRIFT\0`, format (u32), payload length (u64), SHA-256 of the payload, payload; all
//! integers little-endian. In the payload counts are LEB128, texts a length and UTF-8,
//! numbers eight bytes.

use sha2::{Digest, Sha256};

use super::{Capacity, Categories, Column, Kind, MAX_COLUMNS, Numbers, Role, Sketch, Spec, Values};

/// The format that is written, and the newest that is read.
pub const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"UWDRIFT\0";
const HEADER: usize = 52;
/// Capacity is stored as this when there is none.
const UNLIMITED: u64 = u64::MAX;

/// Why bytes are not a sketch, or two sketches cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SketchError {
    /// The magic number is not there.
    #[error("not a drift sketch: expected it to begin with UWDRIFT")]
    Magic,
    /// A format that this program does not know.
    #[error(
        "the sketch is of format {0}, this program reads format {FORMAT}: use a newer underwrite"
    )]
    Format(u32),
    /// The payload is shorter or longer than the header says.
    #[error(
        "the sketch has {found} bytes after its header, which says {expected}: it is cut off or was added to"
    )]
    Length {
        /// Bytes, as the header says.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// The digest in the header is not the payload's.
    #[error("the SHA-256 of the sketch is not the one in its header: it was altered")]
    Digest,
    /// The payload contradicts itself.
    #[error("the sketch contradicts itself at byte {0} of its payload: make it again")]
    Content(usize),
    /// The sketches have different columns.
    #[error("{0}")]
    Mismatch(String),
}

impl Sketch {
    /// The stored form; the same counts give the same bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        write_count(&mut payload, self.columns.len() as u64);
        for column in &self.columns {
            write_column(&mut payload, column);
        }
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        write_file(&mut bytes, &payload);
        bytes
    }

    /// Reads and checks a stored sketch.
    ///
    /// # Errors
    /// When it is cut off, altered, of another format, or contradicts itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, SketchError> {
        if bytes.get(..8) != Some(&MAGIC[..]) {
            return Err(SketchError::Magic);
        }
        let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
            let found = bytes.len() as u64;
            return Err(SketchError::Length {
                expected: HEADER as u64,
                found,
            });
        };
        let number = |range: std::ops::Range<usize>| {
            let bytes = header[range].iter().rev();
            bytes.fold(0u64, |number, byte| number << 8 | u64::from(*byte))
        };
        let format = number(8..12) as u32;
        if format != FORMAT {
            return Err(SketchError::Format(format));
        }
        let (expected, found) = (number(12..20), payload.len() as u64);
        if expected != found {
            return Err(SketchError::Length { expected, found });
        }
        if Sha256::digest(payload)[..] != header[20..52] {
            return Err(SketchError::Digest);
        }
        let mut reader = Reader { payload, at: 0 };
        reader.sketch().ok_or(SketchError::Content(reader.at))
    }

    /// Whether bytes claim to be a sketch.
    #[must_use]
    pub fn is_sketch(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    /// SHA-256 of the stored form, lower-case hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.encode());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

pub(crate) fn write_file(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&FORMAT.to_le_bytes());
    out.extend_from_slice(&(payload.len() as u64).to_le_bytes());
    out.extend_from_slice(&Sha256::digest(payload));
    out.extend_from_slice(payload);
}

pub(crate) fn write_count(out: &mut Vec<u8>, mut count: u64) {
    while count >= 0x80 {
        out.push(count as u8 | 0x80);
        count >>= 7;
    }
    out.push(count as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_count(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn write_number(out: &mut Vec<u8>, number: f64) {
    out.extend_from_slice(&number.to_bits().to_le_bytes());
}

fn write_capacity(out: &mut Vec<u8>, capacity: usize) {
    let unlimited = capacity == Capacity::EXACT.buckets;
    write_count(
        out,
        if unlimited {
            UNLIMITED
        } else {
            capacity as u64
        },
    );
}

fn write_column(out: &mut Vec<u8>, column: &Column) {
    write_spec(out, &column.spec);
    for count in [
        column.missing,
        column.invalid,
        column.infinite,
        column.out_of_range,
    ] {
        write_count(out, count);
    }
    match &column.values {
        Values::Numbers(numbers) => {
            let (shift, capacity, keys, min, max) = numbers.parts();
            write_numbers(out, shift, capacity, &keys, min, max);
        }
        Values::Categories(categories) => {
            let (capacity, bound) = (categories.capacity(), categories.bound());
            write_categories(
                out,
                capacity,
                bound,
                categories.rest(),
                &categories.sorted(),
            );
        }
    }
}

pub(crate) fn write_spec(out: &mut Vec<u8>, spec: &Spec) {
    write_text(out, &spec.name);
    out.push(match spec.kind {
        Kind::Number => 0,
        Kind::Category => 1,
    });
    out.push(match spec.role {
        Role::Input => 0,
        Role::Protected => 1,
        Role::Ignored => 2,
        Role::Target => 3,
        Role::Prediction => 4,
        Role::Reason => 5,
    });
    write_number(out, spec.lower.unwrap_or(f64::NEG_INFINITY));
    write_number(out, spec.upper.unwrap_or(f64::INFINITY));
    write_count(out, spec.known.len() as u64);
    for text in &spec.known {
        write_text(out, text);
    }
}

pub(crate) fn write_numbers(
    out: &mut Vec<u8>,
    shift: u32,
    capacity: usize,
    keys: &[(u64, u64)],
    min: f64,
    max: f64,
) {
    write_capacity(out, capacity);
    out.push(shift as u8);
    write_number(out, min);
    write_number(out, max);
    write_count(out, keys.len() as u64);
    let mut before = 0;
    for (key, count) in keys {
        // Ascending, so differences: small numbers take few bytes.
        write_count(out, key - before);
        write_count(out, *count);
        before = *key;
    }
}

pub(crate) fn write_categories(
    out: &mut Vec<u8>,
    capacity: usize,
    bound: u64,
    rest: u64,
    sorted: &[(&str, u64)],
) {
    write_capacity(out, capacity);
    write_count(out, bound);
    write_count(out, rest);
    write_count(out, sorted.len() as u64);
    for (text, count) in sorted {
        write_text(out, text);
        write_count(out, *count);
    }
}

struct Reader<'a> {
    payload: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn sketch(&mut self) -> Option<Sketch> {
        let columns = self.len(MAX_COLUMNS)?;
        let columns = (0..columns).map(|_| self.column());
        let sketch = Sketch {
            columns: columns.collect::<Option<_>>()?,
        };
        let mut names: Vec<&str> = sketch.columns.iter().map(|c| &*c.spec.name).collect();
        names.sort_unstable();
        let twice = names.windows(2).any(|pair| pair[0] == pair[1]);
        (self.at == self.payload.len() && !twice).then_some(sketch)
    }

    fn column(&mut self) -> Option<Column> {
        let name = self.text()?;
        let kind = match self.byte()? {
            0 => Kind::Number,
            1 => Kind::Category,
            _ => return None,
        };
        let role = match self.byte()? {
            0 => Role::Input,
            1 => Role::Protected,
            2 => Role::Ignored,
            3 => Role::Target,
            4 => Role::Prediction,
            5 => Role::Reason,
            _ => return None,
        };
        let (lower, upper) = (self.number()?, self.number()?);
        if lower.is_nan() || upper.is_nan() {
            return None;
        }
        let known = (0..self.len(self.payload.len())?).map(|_| self.text());
        let known = known.collect::<Option<_>>()?;
        let counts: [u64; 4] = [(); 4].map(|()| self.count().unwrap_or(u64::MAX));
        // The sum of all counts must be a count.
        let others = counts.iter().try_fold(0u64, |sum, n| sum.checked_add(*n))?;
        let values = match kind {
            Kind::Number => Values::Numbers(self.numbers()?),
            Kind::Category => Values::Categories(self.categories()?),
        };
        let column = Column {
            spec: Spec {
                name,
                kind,
                role,
                lower: lower.is_finite().then_some(lower),
                upper: upper.is_finite().then_some(upper),
                known,
            },
            missing: counts[0],
            invalid: counts[1],
            infinite: counts[2],
            out_of_range: counts[3],
            values,
        };
        let valid = column.valid();
        let countable = others.checked_add(valid).is_some_and(|all| all < 1 << 53);
        (counts[3] <= valid && countable).then_some(column)
    }

    fn numbers(&mut self) -> Option<Numbers> {
        let capacity = self.capacity()?;
        let shift = u32::from(self.byte()?);
        let (min, max) = (self.number()?, self.number()?);
        let len = self.len(self.payload.len())?;
        let mut keys = Vec::with_capacity(len);
        let mut key = 0u64;
        for _ in 0..len {
            key = key.checked_add(self.count()?)?;
            keys.push((key, self.count()?));
        }
        Numbers::from_parts(shift, capacity, &keys, min, max)
    }

    fn categories(&mut self) -> Option<Categories> {
        let capacity = self.capacity()?;
        let (bound, rest) = (self.count()?, self.count()?);
        let len = self.len(self.payload.len())?;
        let texts = (0..len).map(|_| Some((self.text()?, self.count()?)));
        let texts = texts.collect::<Option<Vec<_>>>()?;
        Categories::from_parts(capacity, bound, rest, texts)
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.payload.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn count(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for index in 0..10 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            // Nine times seven bits are 63: the tenth byte holds one.
            if index == 9 && bits > 1 {
                return None;
            }
            value |= bits << (7 * index);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn capacity(&mut self) -> Option<usize> {
        match self.count()? {
            UNLIMITED => Some(usize::MAX),
            capacity => usize::try_from(capacity).ok(),
        }
    }

    /// A length that what is left could still hold.
    fn len(&mut self, most: usize) -> Option<usize> {
        let len = usize::try_from(self.count()?).ok()?;
        (len <= most && len <= self.payload.len() - self.at).then_some(len)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.payload.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn number(&mut self) -> Option<f64> {
        let bytes = self.take(8)?.try_into().ok()?;
        Some(f64::from_bits(u64::from_le_bytes(bytes)))
    }

    fn text(&mut self) -> Option<String> {
        let len = self.len(self.payload.len())?;
        String::from_utf8(self.take(len)?.to_vec()).ok()
    }
}
