//! Lending rules before they decide: which of them can never match, repeat or contradict
//! others, or are never asked.
//!
//! ```
//! use model_core::policy::Policy;
//! use model_core::schema::Schema;
//! use model_policy::{Concern, Scores, check};
//!
//! let schema = Schema::from_toml(
//!     r#"
//!     name = "loans"
//!     version = "1.0.0"
//!     [[feature]]
//!     name = "income"
//!     type = "number"
//!     minimum = 0
//!     [[feature]]
//!     name = "paid"
//!     type = "boolean"
//!     role = "target"
//!     "#,
//! )
//! .unwrap();
//! let policy = r#"
//!     [policy]
//!     version = "1"
//!     [[rule]]
//!     id = "minimum-income"
//!     when = "income < 12000"
//!     then = "decline"
//!     code = "K01"
//!     text = "Income is below the minimum"
//!     [[rule]]
//!     id = "low-income"
//!     when = "income < 10000"
//!     then = "refer"
//!     code = "R01"
//!     text = "Income is low"
//! "#;
//! let file = Policy::from_toml(policy, &schema, &["en".into()]).unwrap();
//!
//! let findings = check(&file, &schema, Scores::ANY);
//! assert_eq!(findings.len(), 1);
//! assert_eq!(findings[0].concern, Concern::Shadowed { by: 0 });
//! assert_eq!(
//!     findings[0].to_string(),
//!     "line 12: rule 'low-income' never decides: whenever it matches, rule 'minimum-income' does too and declines\n    for example {\"income\":0}"
//! );
//! ```
//!
//! The answers are exact, by reasoning with intervals and sets over the schema's ranges.
//! Any probability that the model can give ([`Scores`]) is taken to be possible with any
//! application, and an application that needs more adjustments than the schema allows is none.
//! Where rules compute products or ratios, interval arithmetic may not be enough; such a question is reported
//! as [`Concern::NotDecided`], never passed over.

mod adjustments;
mod check;
mod condition;
mod derived;
mod domain;
mod example;
mod finding;
mod listed;
mod scores;
mod search;
mod space;
mod truth;

pub use check::check;
pub use finding::{Concern, Example, Finding, Question};
pub use scores::Scores;
