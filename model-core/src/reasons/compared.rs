//! An application beside the profiles: contributions, and reasons.

use super::choose::{Application, Factor, Unit, is_ordered, units};
use super::codes::code;
use super::contributions::{Explainer, Way};
use super::profiles::Profiles;
use crate::model::{Model, Predictor};
use crate::schema::{Feature, Schema, When};

/// What explanations need, built at the first one.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) explainer: Explainer,
    /// What the profiles are called, and what tells them from others.
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) count: usize,
    /// Of each input, the weighted median of the profiles.
    medians: Vec<f64>,
    units: Vec<Unit>,
}

impl Compared {
    pub(crate) fn new(
        schema: &Schema,
        model: &Model,
        predictor: &mut Predictor,
        profiles: &Profiles,
    ) -> Self {
        let inputs = schema.inputs().count();
        Self {
            explainer: Explainer::new(model, predictor, profiles, Way::Tables),
            name: profiles.name.clone(),
            digest: profiles.digest(),
            count: profiles.weights.len(),
            medians: (0..inputs).map(|input| median(profiles, input)).collect(),
            units: units(schema),
        }
    }

    /// In which case an input is, apart from what policies did to it. Where splits alone
    /// decide, two values of one bin are in the same case.
    pub(crate) fn case(&self, model: &Model, input: usize, feature: &Feature, value: f64) -> When {
        let median = self.medians[input];
        let [value, median] = match model {
            _ if value.is_nan() => return When::Missing,
            _ if median.is_nan() || !is_ordered(feature) => return When::Always,
            Model::Forest(forest) => {
                [value, median].map(|x| f64::from(code(&forest.features[input], x)))
            }
            Model::Linear(_) | Model::Ensemble(_) => [value, median],
        };
        if value < median {
            When::Low
        } else if value > median {
            When::High
        } else {
            When::Always
        }
    }

    /// The reasons that the score gives, at most `max` and one more for inquiries. `cases` has
    /// the case of each input.
    pub(crate) fn reasons<'a>(
        &'a self,
        schema: &'a Schema,
        inputs: &'a [Feature],
        [row, contributions]: [&'a [f64]; 2],
        cases: &'a [When],
        (max, language): (usize, usize),
    ) -> Vec<Factor<'a>> {
        let application = Application {
            schema,
            inputs,
            units: &self.units,
            contributions,
            cases,
            row,
        };
        application.choose(max, language)
    }
}

/// The least value that half of the weight does not exceed; NaN where all are missing.
fn median(profiles: &Profiles, input: usize) -> f64 {
    let up_to = |most: f64| {
        let rows = profiles.rows();
        rows.fold([0.0, 0.0], |[below, all], (row, weight)| {
            let value = row[input];
            let counts = |holds: bool| if holds { weight } else { 0.0 };
            [below + counts(value <= most), all + counts(!value.is_nan())]
        })
    };
    profiles
        .rows()
        .map(|(row, _)| row[input])
        .filter(|value| {
            let [below, all] = up_to(*value);
            2.0 * below >= all && !value.is_nan()
        })
        .fold(f64::NAN, f64::min)
}
