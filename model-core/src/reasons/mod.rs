//! Why a decision came out as it did: exact contributions of each input to the margin, and the
//! reasons that follow from them. Described in `docs/reference/explanations.md`.
//!
//! The margin is what a model computes before its last step: log odds, or a mean of leaves or
//! a weighted sum where the link is the identity. The contribution of an input is its
//! interventional Shapley value: the mean, over all orders in which the inputs of a profile can
//! be exchanged for those of the application one by one, of what exchanging this input adds to
//! the margin; and of that the weighted mean over the profiles. The contributions of all
//! inputs add up to the margin less the weighted mean margin of the profiles.
//!
//! Source: Lundberg et al., "From local explanations to global understanding with explainable
//! AI for trees", Nature Machine Intelligence 2, 2020 (interventional values); US Regulation B,
//! 12 CFR 1002.9, comment 9(b)(2)-5 (comparison with those who were or nearly were approved).

mod bins;
mod branches;
mod choose;
mod codes;
mod compared;
mod contributions;
mod entries;
mod lanes;
mod patterns;
mod profiles;
mod seen;
mod shares;
mod walk;

pub(crate) use choose::{Chosen, choose};
pub(crate) use compared::Compared;
pub use contributions::{Explainer, Way};
pub use profiles::{MAX_PROFILES, Profiles};
