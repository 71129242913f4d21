//! The payload of an artifact: the fields of format 1, then those of format 2.

use bincode::de::{Decode, Decoder};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};

use crate::artifact::Artifact;
use crate::calibration::Calibration;
use crate::wire::text;

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
        self.calibration.encode(encoder)?;
        self.details.encode(encoder)
    }
}

impl Decode<Format> for Artifact {
    fn decode<D: Decoder<Context = Format>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let mut artifact = Self {
            schema: Decode::decode(decoder)?,
            preprocessing: Decode::decode(decoder)?,
            kind: Decode::decode(decoder)?,
            model: Decode::decode(decoder)?,
            threshold: Decode::decode(decoder)?,
            training: Decode::decode(decoder)?,
            engine_sha256: text(decoder)?,
            golden_rows: Decode::decode(decoder)?,
            calibration: Calibration::None,
            details: Vec::new(),
        };
        if decoder.context().0 > 1 {
            artifact.calibration = Decode::decode(decoder)?;
            artifact.details = Decode::decode(decoder)?;
        }
        Ok(artifact)
    }
}
