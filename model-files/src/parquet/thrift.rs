//! Just enough of Thrift's compact protocol to look over what a Parquet file says of itself
//! before the library reads it: nothing is kept, nothing recurses deeper than [`MAX_DEPTH`].
//!
//! Specification: <https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md>.

/// Structs and lists inside one another, in a field that is skipped.
const MAX_DEPTH: u8 = 16;

/// Bytes that are no Thrift, or not what they have to be.
#[derive(Debug)]
pub(super) struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// The type of a value, as the protocol numbers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// Of a struct's field: the value is in the type.
    Bool(bool),
    Byte,
    I16,
    I32,
    I64,
    Double,
    Binary,
    List,
    Map,
    Struct,
    Uuid,
}

impl Wire {
    fn new(number: u8) -> Result<Self> {
        Ok(match number {
            1 | 2 => Self::Bool(number == 1),
            3 => Self::Byte,
            4 => Self::I16,
            5 => Self::I32,
            6 => Self::I64,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            13 => Self::Uuid,
            _ => return Err(Malformed),
        })
    }
}

/// What a field of a known struct has to be. The library goes by a field's number alone: one of
/// another type would be read as other bytes there than here.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known {
    Bool,
    Is(Wire),
    Struct(&'static [(i16, Known)]),
}

/// Bytes, from the front.
pub(super) struct Reader<'b> {
    bytes: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(super) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len()
    }

    fn byte(&mut self) -> Result<u8> {
        let (first, rest) = self.bytes.split_first().ok_or(Malformed)?;
        self.bytes = rest;
        Ok(*first)
    }

    pub(super) fn take(&mut self, length: usize) -> Result<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Malformed)?;
        self.bytes = rest;
        Ok(taken)
    }

    /// A number of seven bits a byte.
    pub(super) fn unsigned(&mut self) -> Result<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed)
    }

    pub(super) fn signed(&mut self) -> Result<i64> {
        let number = self.unsigned()?;
        // Zigzag: the sign is the last bit.
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    pub(super) fn i32(&mut self) -> Result<i32> {
        i32::try_from(self.signed()?).map_err(|_| Malformed)
    }

    pub(super) fn binary(&mut self) -> Result<&'b [u8]> {
        let length = usize::try_from(self.unsigned()?).map_err(|_| Malformed)?;
        self.take(length)
    }

    /// The next field's number and type; `None` at the end of the struct.
    pub(super) fn field(&mut self, before: i16) -> Result<Option<(i16, Wire)>> {
        let header = self.byte()?;
        if header & 0x0f == 0 {
            return Ok(None);
        }
        let number = match i16::from(header >> 4) {
            0 => i16::try_from(self.signed()?).map_err(|_| Malformed)?,
            more => before.checked_add(more).ok_or(Malformed)?,
        };
        Ok(Some((number, Wire::new(header & 0x0f)?)))
    }

    /// A list's length and its elements' type; never more elements than there are bytes.
    pub(super) fn list(&mut self) -> Result<(usize, Wire)> {
        let header = self.byte()?;
        // Some write an empty list without a type.
        if header == 0 {
            return Ok((0, Wire::Byte));
        }
        let length = match header >> 4 {
            15 => usize::try_from(self.unsigned()?).map_err(|_| Malformed)?,
            short => usize::from(short),
        };
        if length > self.left() {
            return Err(Malformed);
        }
        Ok((length, Wire::new(header & 0x0f)?))
    }

    /// Passes over the value of a struct's field.
    pub(super) fn skip(&mut self, wire: Wire) -> Result<()> {
        match wire {
            Wire::Bool(_) => Ok(()),
            other => self.skip_element(other, MAX_DEPTH),
        }
    }

    fn skip_element(&mut self, wire: Wire, depth: u8) -> Result<()> {
        let depth = depth.checked_sub(1).ok_or(Malformed)?;
        match wire {
            Wire::Byte => self.byte().map(|_| ()),
            Wire::I16 | Wire::I32 | Wire::I64 => self.unsigned().map(|_| ()),
            Wire::Double => self.take(8).map(|_| ()),
            Wire::Uuid => self.take(16).map(|_| ()),
            Wire::Binary => self.binary().map(|_| ()),
            Wire::List => {
                let (length, wire) = self.list()?;
                (0..length).try_for_each(|_| self.skip_element(wire, depth))
            }
            // Parquet has neither lists of these nor maps.
            Wire::Bool(_) | Wire::Map => Err(Malformed),
            Wire::Struct => {
                let mut before = 0;
                while let Some((number, wire)) = self.field(before)? {
                    before = number;
                    if !matches!(wire, Wire::Bool(_)) {
                        self.skip_element(wire, depth)?;
                    }
                }
                Ok(())
            }
        }
    }

    /// Passes over the value of a field, which has to be of the type that it has in `fields`.
    pub(super) fn skip_known(
        &mut self,
        (number, wire): (i16, Wire),
        fields: &[(i16, Known)],
    ) -> Result<()> {
        match fields.iter().find(|field| field.0 == number) {
            None => self.skip(wire),
            Some((_, Known::Is(known))) if *known == wire => self.skip(wire),
            Some((_, Known::Bool)) if matches!(wire, Wire::Bool(_)) => Ok(()),
            Some((_, Known::Struct(fields))) if wire == Wire::Struct => {
                let mut before = 0;
                while let Some(field) = self.field(before)? {
                    before = field.0;
                    self.skip_known(field, fields)?;
                }
                Ok(())
            }
            Some(_) => Err(Malformed),
        }
    }
}
