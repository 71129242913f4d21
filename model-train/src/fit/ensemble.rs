//! Boosted trees and a logistic regression, whose log odds are averaged.

use model_core::model::{Ensemble, Model};

use super::{BoostingAndLinear, FitError, TrainingRows, boosting, linear, logistic};

pub(super) fn fit(data: &TrainingRows<'_>, params: &BoostingAndLinear) -> Result<Model, FitError> {
    let linear = linear::signed(data, |data| logistic::fit(data, &params.linear))?;
    match boosting::fit(data, &params.boosting, None)?.model {
        Model::Forest(forest) => Ok(Model::Ensemble(Box::new(Ensemble {
            forest,
            forest_weight: 1.0 - params.linear_share,
            linear,
            linear_weight: params.linear_share,
        }))),
        model => Ok(model),
    }
}
