//! Drift: whether a batch of data is like another.
//!
//! A batch becomes a [`sketch::Sketch`]: counts for each column in fixed memory, never a row.
//! Two sketches are compared column by column, by our own rules ([`verdict`]) or by those of
//! Evidently 0.4.33 ([`evidently`]), with the statistics in [`methods`]. [`inputs`] does all of
//! it, from files to a [`report::Report`]; [`live`] counts the requests of a server.
//!
//! # Example
//!
//! ```
//! use model_drift::compare::{Sides, by_default};
//! use model_drift::sketch::{Capacity, Kind, Sketch, Spec};
//!
//! let batch = |shift: f64| {
//!     let specs = vec![Spec::new("income", Kind::Number)];
//!     let mut sketch = Sketch::new(specs, Capacity::default());
//!     for row in 0..1000 {
//!         sketch.columns[0].push_number(f64::from(row) + shift);
//!     }
//!     sketch
//! };
//! let (reference, current) = (batch(0.0), batch(200.0));
//! let report = by_default(
//!     &Sides { reference: &reference, current: &current, extra: &[], samples: None },
//!     None,
//! )?;
//! assert!(report.dataset_drift);
//! assert_eq!(report.summary(), "1 of 1 columns has drifted: income.");
//! # Ok::<(), model_drift::compare::CompareError>(())
//! ```

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
