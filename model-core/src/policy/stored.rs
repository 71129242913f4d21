//! A policy as the artifact's section `policy` stores it; written down in
//! `docs/reference/artifact-format.md`. Choices are numbers in the order of their types.

use bincode::enc::{Encode, Encoder};
use bincode::error::EncodeError;

use super::{Band, IfMissing, MAX_RULES, Outcome, Policy, Rule, Stage};
use crate::error::ArtifactError;
use crate::wire::{Reader, Stored, read_whole, stored};

stored!(Stage: Before, After);
stored!(Outcome: Approve, Refer, Decline);
stored!(IfMissing: Skip, Refer, Decline);
stored!(Band { from, to });
stored!(Rule {
    id,
    stage,
    when,
    source,
    then,
    if_missing,
    code,
    text
});

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

impl Policy {
    /// Reads the stored form. Whether it fits a schema is not checked.
    ///
    /// # Errors
    /// When the bytes are not of the form, or some are left over.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ArtifactError> {
        read_whole(bytes)
    }
}

impl Stored for Policy {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            version: reader.read(),
            refer: (reader.number() != 0).then(|| reader.read()),
            allow_protected: reader.number() != 0,
            rules: reader.short_list(MAX_RULES),
        }
    }
}

impl Encode for Rule {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.id.encode(encoder)?;
        // The discriminants are the places in the lists above.
        (self.stage as u32).encode(encoder)?;
        self.when.encode(encoder)?;
        self.source.encode(encoder)?;
        (self.then as u32).encode(encoder)?;
        (self.if_missing as u32).encode(encoder)?;
        self.code.encode(encoder)?;
        self.text.encode(encoder)
    }
}
