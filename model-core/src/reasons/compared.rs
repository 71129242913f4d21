//! What explanations need beside the model, built at the first one.

use super::codes::code;
use super::contributions::{Explainer, Way};
use super::profiles::Profiles;
use crate::model::{Model, Predictor};
use crate::schema::{Encoding, Feature, Role, Schema, When};

/// An explainer, and what it compares with.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) explainer: Explainer,
    /// What tells the profiles from others.
    pub(crate) digest: String,
    /// Of each input, the weighted median of the profiles.
    medians: Vec<f64>,
    /// Of each input, whose texts speak about it.
    pub(crate) owners: Vec<u32>,
}

impl Compared {
    pub(crate) fn new(
        schema: &Schema,
        model: &Model,
        predictor: &mut Predictor,
        profiles: &Profiles,
    ) -> Self {
        let mut owners = Vec::new();
        for (index, feature) in schema.features.iter().enumerate() {
            if feature.role == Role::Input {
                owners.push(schema.reasons.owner(index));
            }
        }
        let mut medians = Vec::new();
        for input in 0..owners.len() {
            medians.push(median(profiles, input));
        }
        Self {
            explainer: Explainer::new(model, predictor, profiles, Way::Tables),
            digest: profiles.digest(),
            medians,
            owners,
        }
    }

    /// In which case an input is, apart from what policies did to it. Where splits alone
    /// decide, two values of one bin are in the same case.
    #[inline(never)]
    pub(crate) fn case(&self, model: &Model, input: usize, feature: &Feature, value: f64) -> When {
        let (mut value, mut median) = (value, self.medians[input]);
        if value.is_nan() {
            return When::Missing;
        }
        if let Some(categories) = feature.categories()
            && categories.encoding == Encoding::OneHot
        {
            return When::Category(value as u32);
        }
        if let Model::Forest(forest) = model
            && !median.is_nan()
        {
            let bins = &forest.features[input];
            value = f64::from(code(bins, value));
            median = f64::from(code(bins, median));
        }
        if value < median {
            When::Low
        } else if value > median {
            When::High
        } else {
            When::Always
        }
    }
}

/// The least value that half of the weight does not exceed; NaN where all are missing.
#[inline(never)]
fn median(profiles: &Profiles, input: usize) -> f64 {
    let mut median = f64::NAN;
    for nth in 0..profiles.weights.len() {
        let most = profiles.row(nth)[input];
        let (mut below, mut all) = (0.0, 0.0);
        for (other, weight) in profiles.weights.iter().enumerate() {
            let value = profiles.row(other)[input];
            if value <= most {
                below += weight;
            }
            if !value.is_nan() {
                all += weight;
            }
        }
        // Every comparison with NaN is false.
        let lower = median.is_nan() || most < median;
        if 2.0 * below >= all && !most.is_nan() && lower {
            median = most;
        }
    }
    median
}
