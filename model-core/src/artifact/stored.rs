//! The payload of an artifact: the fields of format 1, then those of format 2.

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::artifact::Artifact;
use crate::calibration::Calibration;

/// The format that is read.
pub(super) struct Format(pub(super) u32);

impl Encode for Artifact {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.schema.encode(encoder)?;
        self.preprocessing.encode(encoder)?;
        self.kind.encode(encoder)?;
        self.model.encode(encoder)?;
        self.threshold.encode(encoder)?;
        self.training.encode(encoder)?;
        self.engine_sha256.encode(encoder)?;
        self.golden_rows.encode(encoder)?;
        self.calibration.encode(encoder)
    }
}

impl Decode<Format> for Artifact {
    fn decode<D: Decoder<Context = Format>>(decoder: &mut D) -> Result<Self, DecodeError> {
        Ok(Self {
            schema: Decode::decode(decoder)?,
            preprocessing: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            model: Decode::decode(decoder)?,
            threshold: Decode::decode(decoder)?,
            training: Decode::decode(decoder)?,
            engine_sha256: text(decoder)?,
            golden_rows: Decode::decode(decoder)?,
            calibration: match decoder.context().0 {
                1 => Calibration::None,
                _ => Decode::decode(decoder)?,
            },
            details: Vec::new(),
        })
    }
}

/// One copy of the code that reads a number of up to 32 bits, for all who read many kinds of
/// things: the module has a budget.
#[inline(never)]
pub(crate) fn number<D: Decoder>(decoder: &mut D) -> Result<u32, DecodeError> {
    Decode::decode(decoder)
}

/// The same for a text.
#[inline(never)]
pub(crate) fn text<D: Decoder>(decoder: &mut D) -> Result<String, DecodeError> {
    Decode::decode(decoder)
}

/// The same for a text that may not be there.
#[inline(never)]
pub(crate) fn optional_text<D: Decoder>(decoder: &mut D) -> Result<Option<String>, DecodeError> {
    Decode::decode(decoder)
}
