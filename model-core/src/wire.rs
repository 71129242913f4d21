//! What everything stored in an artifact shares: its limits, and the code that reads it. Values
//! have the form of bincode 2 (varint, little-endian), by whose traits they are written.
//!
//! The module reads an artifact once and has a budget, so a reader never returns an error: it
//! remembers the first problem and gives zeros and empty lists from then on, and whoever asked
//! it for values asks for the problem at the end. An early return for each value, with what
//! was read before it to be dropped, took four times as much code.

use std::mem::size_of;

use crate::error::ArtifactError;
use crate::format::MAX_PAYLOAD;

/// Memory that what is read may take, in bytes: a node of a tree takes three times the bytes
/// that it is stored in, a short text more.
const MAX_MEMORY: usize = 2 * MAX_PAYLOAD;

const TOO_SHORT: &str = "it ends too early";
const TOO_LARGE: &str = "it asks for more memory than allowed";
const NO_TEXT: &str = "a text in it is not UTF-8";
const NO_CHOICE: &str = "it holds a choice this program does not know";
/// What has no sentence of its own.
pub(crate) const NO_ARTIFACT: &str = "it does not have the form of an artifact";

/// A value that an artifact stores.
pub(crate) trait Stored: Sized {
    /// Reads it; anything where the reader has a problem.
    fn read(reader: &mut Reader<'_>) -> Self;
}

/// Reads a value that takes all of the bytes.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn read_whole<T: Stored>(bytes: &[u8]) -> Result<T, ArtifactError> {
    let mut reader = Reader::new(bytes);
    let value = reader.read();
    match reader.finish() {
        None => Ok(value),
        Some(problem) => Err(ArtifactError::Payload(problem)),
    }
}

/// Bytes that are not read yet.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    memory: usize,
    problem: Option<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            memory: MAX_MEMORY,
            problem: None,
        }
    }

    /// Goes on with other bytes when those before were read to their end.
    pub(crate) fn go_on(&mut self, bytes: &'a [u8]) {
        self.end();
        if self.problem.is_none() {
            self.bytes = bytes;
        }
    }

    /// The first problem, bytes that are left over among them.
    pub(crate) fn finish(mut self) -> Option<String> {
        self.end();
        self.problem
    }

    fn end(&mut self) {
        match self.bytes.len() {
            0 => {}
            count => self.fail(&format!("{count} bytes are left over")),
        }
    }

    /// Nothing more is read.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, problem: &str) {
        self.problem.get_or_insert_with(|| problem.to_owned());
        self.bytes = &[];
    }

    /// So many bytes, or none.
    fn take(&mut self, count: usize) -> &'a [u8] {
        match self.bytes.split_at_checked(count) {
            Some((taken, rest)) => {
                self.bytes = rest;
                taken
            }
            None => {
                self.fail(TOO_SHORT);
                &[]
            }
        }
    }

    /// A number of at most 8 bytes, the least significant first.
    fn fixed(&mut self, count: usize) -> u64 {
        let bytes = self.take(count).iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// A number that takes one byte, or the first byte says how many follow: at most `most`.
    #[inline(never)]
    fn variable(&mut self, most: usize) -> u64 {
        let first = self.fixed(1);
        let Some(exponent) = first.checked_sub(250) else {
            return first;
        };
        let count = 1 << exponent;
        if exponent == 0 {
            return first;
        }
        if exponent > 3 || count > most {
            self.fail(NO_ARTIFACT);
            return 0;
        }
        self.fixed(count)
    }

    /// A number of up to 32 bits.
    pub(crate) fn number(&mut self) -> u32 {
        self.variable(4) as u32
    }

    /// Room for so many things, of which each takes so many bytes of memory and at least one
    /// byte here. None where there is no room.
    #[inline(never)]
    fn claim(&mut self, count: u64, size: usize) -> usize {
        if count > self.bytes.len() as u64 {
            let asks_for_all = count > MAX_MEMORY as u64;
            self.fail(if asks_for_all { TOO_LARGE } else { TOO_SHORT });
            return 0;
        }
        let count = count as usize;
        match self.memory.checked_sub(count.saturating_mul(size)) {
            Some(left) => {
                self.memory = left;
                count
            }
            None => {
                self.fail(TOO_LARGE);
                0
            }
        }
    }

    /// Bytes after their number.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let count = self.variable(8);
        let count = self.claim(count, 1);
        self.take(count)
    }

    /// Something.
    pub(crate) fn read<T: Stored>(&mut self) -> T {
        T::read(self)
    }

    /// So many things.
    fn items<T: Stored>(&mut self, count: u64) -> Vec<T> {
        let count = self.claim(count, size_of::<T>());
        let mut items = Vec::with_capacity(count);
        for _ in 0..count {
            if self.problem.is_some() {
                break;
            }
            items.push(T::read(self));
        }
        items
    }

    /// A list of at most so many things.
    pub(crate) fn short_list<T: Stored>(&mut self, most: usize) -> Vec<T> {
        let count = self.number();
        if count as usize > most {
            self.fail(NO_ARTIFACT);
        }
        self.items(count.into())
    }

    /// One of some, by its index.
    pub(crate) fn choice<T: Copy>(&mut self, of: &[T]) -> T {
        let index = self.index(of.len());
        of[index]
    }

    /// An index below `count`.
    #[inline(never)]
    pub(crate) fn index(&mut self, count: usize) -> usize {
        let index = self.number() as usize;
        if index < count {
            return index;
        }
        self.fail(NO_CHOICE);
        0
    }
}

impl Stored for u8 {
    fn read(reader: &mut Reader<'_>) -> Self {
        reader.fixed(1) as u8
    }
}

impl Stored for bool {
    fn read(reader: &mut Reader<'_>) -> Self {
        let byte = reader.fixed(1);
        if byte > 1 {
            reader.fail(NO_ARTIFACT);
        }
        byte == 1
    }
}

impl Stored for u16 {
    fn read(reader: &mut Reader<'_>) -> Self {
        reader.variable(2) as u16
    }
}

impl Stored for u32 {
    fn read(reader: &mut Reader<'_>) -> Self {
        reader.number()
    }
}

impl Stored for u64 {
    fn read(reader: &mut Reader<'_>) -> Self {
        reader.variable(8)
    }
}

impl Stored for f32 {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self::from_bits(reader.fixed(4) as u32)
    }
}

impl Stored for f64 {
    #[inline(never)]
    fn read(reader: &mut Reader<'_>) -> Self {
        Self::from_bits(reader.fixed(8))
    }
}

impl Stored for String {
    #[inline(never)]
    fn read(reader: &mut Reader<'_>) -> Self {
        match str::from_utf8(reader.bytes()) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                reader.fail(NO_TEXT);
                Self::new()
            }
        }
    }
}

impl<T: Stored> Stored for Option<T> {
    fn read(reader: &mut Reader<'_>) -> Self {
        match reader.fixed(1) {
            0 => None,
            1 => Some(T::read(reader)),
            _ => {
                reader.fail(NO_CHOICE);
                None
            }
        }
    }
}

impl<T: Stored> Stored for Vec<T> {
    #[inline(never)]
    fn read(reader: &mut Reader<'_>) -> Self {
        let count = reader.variable(8);
        reader.items(count)
    }
}

impl<A: Stored, B: Stored> Stored for (A, B) {
    fn read(reader: &mut Reader<'_>) -> Self {
        (reader.read(), reader.read())
    }
}

/// Reads a type: `stored!(Type { first, second })` field by field, `stored!(Type: First,
/// Second)` one of some by its index. Both in the order in which they are written.
macro_rules! stored {
    ($type:ident { $($field:ident),* }) => {
        impl $crate::wire::Stored for $type {
            fn read(reader: &mut $crate::wire::Reader<'_>) -> Self {
                // Evaluated from first to last.
                Self { $($field: reader.read()),* }
            }
        }
    };
    ($type:ident: $($variant:ident),*) => {
        impl $crate::wire::Stored for $type {
            fn read(reader: &mut $crate::wire::Reader<'_>) -> Self {
                reader.choice(&[$(Self::$variant),*])
            }
        }
    };
}
pub(crate) use stored;
