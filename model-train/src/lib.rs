//! From a CSV to a `model.wasm`: read, split, tune, fit, calibrate, measure, pack.
//!
//! [`pipeline`] is the whole of it as one call. What it is made of can be used by itself:
//!
//! | step | modules |
//! |---|---|
//! | read | [`dataset`], [`infer`](mod@infer) drafts a schema, [`eda`] explores |
//! | prepare | [`split`], [`prepare`], [`features`] |
//! | learn | [`fit`], [`tune`], [`calibrate`], [`threshold`], [`monotonic`] proves, [`mod@train`] joins |
//! | measure | [`metrics`], [`evaluate`](mod@evaluate), [`report`], [`card`] |
//! | ship | [`given`] makes an artifact of a model from elsewhere; [`golden`] and [`reference`](mod@reference) go into the artifact, [`pack`] puts it into the engine |
//! | use | [`score`](mod@score); [`applications`] are what a policy is tried on: [`policy_cases`], [`policy_diff`] |
//!
//! The data flows one way, from the top of the table down. The same rows, schema, options and
//! random seed give the same artifact, byte for byte, with any number of threads.
//!
//! # Example
//!
//! Train a model from CSV text and let it decide:
//!
//! ```
//! use model_core::decide::Decider;
//! use model_core::schema::Schema;
//! use model_train::fit::{LogisticRegression, Params};
//! use model_train::pipeline::{self, Hyperparameters, InputOptions, Inputs, Job, Options, Source};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "small-loans"
//!     version = "1.0.0"
//!
//!     [[feature]]
//!     name = "income"
//!     type = "number"
//!     missing = "impute"
//!
//!     [[feature]]
//!     name = "approved"
//!     type = "boolean"
//!     role = "target"
//!     "#,
//! )?;
//! let rows = (20..120).map(|income| format!("{income},{}\n", income % 7 + income > 70));
//! let csv = format!("income,approved\n{}", rows.collect::<String>());
//!
//! let source = Source::new("loans.csv", csv.as_bytes());
//! let inputs = Inputs::read(InputOptions::new(schema, source), |_bytes_read| {})?;
//! let params = Params::LogisticRegression(LogisticRegression::default());
//! let options = Options {
//!     hyperparameters: Hyperparameters::Fixed(params),
//!     ..Options::default()
//! };
//! let job = Job::new(inputs, options)?;
//! let trained = pipeline::run(&job, &mut ())?;
//! assert!(trained.report.metrics.roc_auc > 0.9);
//!
//! let mut decider = Decider::load(&trained.artifact)?;
//! let mut answer = Vec::new();
//! let status = decider.decide(br#"{"income": 110}"#, &mut answer);
//! assert_eq!(status, 200);
//! assert!(String::from_utf8(answer)?.contains(r#""approve":true"#));
//! # Ok(())
//! # }
//! ```
//!
//! `pack::pack(engine, glue, &trained.artifact)` makes a `model.wasm` of it.

mod actions;
pub mod applications;
pub mod booster;
pub mod calibrate;
pub mod card;
pub mod dataset;
mod deciders;
mod derive;
pub mod eda;
pub mod error;
pub mod evaluate;
pub mod features;
pub mod fit;
pub mod given;
pub mod golden;
mod grouped;
pub mod infer;
pub mod metric_intervals;
pub mod metrics;
pub mod moment;
pub mod monotonic;
pub mod out_of_time;
pub mod pack;
mod parallel;
pub mod pipeline;
pub mod policy_cases;
pub mod policy_diff;
pub mod predictions;
pub mod prepare;
pub mod profiles;
pub mod reference;
pub mod report;
pub mod sample;
pub mod score;
pub mod shadow;
pub mod split;
pub mod threshold;
pub mod train;
pub mod tune;
pub mod unpack;
pub mod values;
