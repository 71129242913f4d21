//! A feature as the artifact stores it: without its monotonic constraint, which binds
//! training alone (see [`crate::details`]) and is not in format 1.

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::Feature;

impl Encode for Feature {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.name.encode(encoder)?;
        self.label.encode(encoder)?;
        self.help.encode(encoder)?;
        self.unit.encode(encoder)?;
        self.example.encode(encoder)?;
        self.role.encode(encoder)?;
        self.kind.encode(encoder)?;
        self.missing.encode(encoder)
    }
}

impl<Context> Decode<Context> for Feature {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            name: Decode::decode(decoder)?,
            label: Decode::decode(decoder)?,
            help: Decode::decode(decoder)?,
            unit: Decode::decode(decoder)?,
            example: Decode::decode(decoder)?,
            role: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            missing: Decode::decode(decoder)?,
            monotonic: None,
        })
    }
}

bincode::impl_borrow_decode!(Feature);
