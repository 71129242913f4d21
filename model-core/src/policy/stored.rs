//! A policy as the artifact's section `policy` stores it; written down in
//! `docs/reference/artifact-format.md`. Choices are numbers in the order of their types.

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use super::{Band, IfMissing, MAX_RULES, Outcome, Policy, Rule, Stage};
use crate::wire::{number, text};

impl Encode for Policy {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.version.encode(encoder)?;
        u32::from(self.refer.is_some()).encode(encoder)?;
        if let Some(band) = self.refer {
            band.from.encode(encoder)?;
            band.to.encode(encoder)?;
        }
        u32::from(self.allow_protected).encode(encoder)?;
        (self.rules.len() as u32).encode(encoder)?;
        self.rules.iter().try_for_each(|rule| rule.encode(encoder))
    }
}

impl<Context> Decode<Context> for Policy {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let version = text(decoder)?;
        let refer = match number(decoder)? {
            0 => None,
            _ => Some(Band {
                from: Decode::decode(decoder)?,
                to: Decode::decode(decoder)?,
            }),
        };
        let allow_protected = number(decoder)? != 0;
        let count = number(decoder)? as usize;
        if count > MAX_RULES {
            return Err(DecodeError::Other("too many rules"));
        }
        let rules = (0..count)
            .map(|_| Rule::decode(decoder))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version,
            refer,
            allow_protected,
            rules,
        })
    }
}

impl Encode for Rule {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.id.encode(encoder)?;
        // The discriminants are the places in the tables below.
        (self.stage as u32).encode(encoder)?;
        self.when.encode(encoder)?;
        self.source.encode(encoder)?;
        (self.then as u32).encode(encoder)?;
        (self.if_missing as u32).encode(encoder)?;
        self.code.encode(encoder)?;
        self.text.encode(encoder)
    }
}

impl<Context> Decode<Context> for Rule {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            id: text(decoder)?,
            stage: choice(decoder, &[Stage::Before, Stage::After])?,
            when: Decode::decode(decoder)?,
            source: text(decoder)?,
            then: choice(
                decoder,
                &[Outcome::Approve, Outcome::Refer, Outcome::Decline],
            )?,
            if_missing: choice(
                decoder,
                &[IfMissing::Skip, IfMissing::Refer, IfMissing::Decline],
            )?,
            code: text(decoder)?,
            text: Decode::decode(decoder)?,
        })
    }
}

fn choice<D: Decoder, T: Copy>(decoder: &mut D, of: &[T]) -> Result<T, DecodeError> {
    of.get(number(decoder)? as usize)
        .copied()
        .ok_or(DecodeError::Other("no such choice"))
}

bincode::impl_borrow_decode!(Policy);
bincode::impl_borrow_decode!(Rule);
