//! Drift: what a batch was like, in fixed memory, and whether another batch is like it.
//!
//! A batch becomes a [`sketch::Sketch`]: counts for each column, never a row. Two sketches
//! are compared column by column, by the rules of Evidently 0.4.33 ([`evidently`]) or by
//! our own ([`verdict`]), with the statistics in [`methods`].

pub mod bins;
pub mod compare;
pub mod evidently;
pub mod inputs;
pub mod live;
pub mod methods;
mod one_method;
pub mod performance;
mod random;
pub mod read;
pub mod report;
pub mod sample;
mod sides;
pub mod simulate;
pub mod verdict;

pub use model_sketch as sketch;
