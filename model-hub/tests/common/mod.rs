//! A model to publish, and the Hub that it goes to.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

#[path = "../../../model-client/tests/common/mod.rs"]
mod client;
pub(crate) mod hub_service;
pub(crate) mod published;
pub(crate) mod raw_hub;

pub(crate) use client::*;

/// Big enough to go to the Hub as a large file.
const MODEL_BYTES: usize = 400_000;

/// What a model file may look like: bytes that no text codec survives.
pub(crate) fn model_bytes() -> Vec<u8> {
    (0..MODEL_BYTES).map(|i| (i * i / 7 % 256) as u8).collect()
}
