//! From trials to the hyperparameters that the model is fitted with.

use super::Budget;
use super::cross_validation::cost;
use super::search::{Settings, TuneError};
use super::trial::{Point, State, Trial, mean};
use crate::fit::{self, FitError, Options, Params};
use crate::prepare::Prepared;
use model_core::schema::Schema;

/// How often a model that came out too large is fitted again with fewer trees.
const SHRINKS: usize = 8;
/// How far below the budget the next one aims.
const AIM: f64 = 0.97;

/// The complete trial within the budget that the model is made from: of those that the folds
/// cannot tell from the [`leader`], the one with the least log loss. A figure of ranks or of
/// decisions does not see how far probabilities are shrunk or stretched, the log loss does. (Breiman and
/// others, "Classification and Regression Trees", 1984, section 3.4.3: within one standard
/// error there is a choice; here it is that of the paired differences, fold by fold.)
///
/// # Errors
/// When there is none.
pub fn best<'a>(trials: &'a [Trial], settings: &Settings) -> Result<&'a Trial, TuneError> {
    let leader = leader(trials, settings)?;
    if !settings.metric.is_blind_to_scale() {
        return Ok(leader);
    }
    let log_loss = |trial: &&Trial| {
        let figure = |point: &Point| point.metrics.log_loss;
        mean(&trial.figures(settings.metric, &settings.budget, figure)).unwrap_or(f64::MAX)
    };
    let equals = trials
        .iter()
        .filter(|trial| complete_within(trial, settings) && is_equal(trial, leader, settings));
    let best = equals.min_by(|a, b| log_loss(a).total_cmp(&log_loss(b)));
    Ok(best.unwrap_or(leader))
}

fn complete_within(trial: &Trial, settings: &Settings) -> bool {
    trial.state == State::Complete && trial.fits(settings.metric, &settings.budget)
}

/// Whether it is worse than the leader by no more than one standard error of the difference.
fn is_equal(trial: &Trial, leader: &Trial, settings: &Settings) -> bool {
    let metric = settings.metric;
    let losses = |trial: &Trial| {
        let loss = |point: &Point| metric.loss(metric.figure(&point.metrics));
        trial.figures(metric, &settings.budget, loss)
    };
    let pairs = losses(trial).into_iter().zip(losses(leader));
    let differences: Vec<f64> = pairs.map(|(own, best)| own - best).collect();
    let (Some(mean), 2..) = (mean(&differences), differences.len()) else {
        return trial.number == leader.number;
    };
    let folds = differences.len() as f64;
    let squares: f64 = differences.iter().map(|d| (d - mean).powi(2)).sum();
    mean <= (squares / (folds - 1.0) / folds).sqrt()
}

/// The complete trial with the best mean over the folds, within the budget; the first of
/// equals.
///
/// # Errors
/// When there is none.
pub fn leader<'a>(trials: &'a [Trial], settings: &Settings) -> Result<&'a Trial, TuneError> {
    let complete = || trials.iter().filter(|t| t.state == State::Complete);
    let loss = |t: &&Trial| {
        let loss = t.loss(settings.folds, settings.metric, &settings.budget);
        loss.unwrap_or(f64::MAX)
    };
    let best = complete().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    match best {
        Some(best) if best.fits(settings.metric, &settings.budget) => Ok(best),
        Some(_) => {
            let points =
                || complete().flat_map(|t| t.folds.iter().filter_map(|f| f.points.first()));
            let smallest = points().map(|point| point.cost.gzip_bytes).min();
            let times = points().map(|point| point.cost.nanoseconds);
            Err(TuneError::OverBudget {
                gzip_bytes: smallest.unwrap_or(0),
                nanoseconds: times.fold(f64::INFINITY, f64::min),
            })
        }
        None => match trials.iter().find_map(|t| t.error.as_ref()) {
            Some(first) => Err(TuneError::AllFailed {
                trials: trials.len(),
                first: first.clone(),
            }),
            None => Err(TuneError::Stopped),
        },
    }
}

/// What a trial stands for: its hyperparameters, with as many trees as its folds had at
/// their best on average. Of a boosted model that draws columns or rows, as many as fit the
/// budget are averaged, at most [`Settings::bags`], in powers of two: the log loss of an
/// average of log odds is never above the average of the log losses (it is convex), and a
/// power of two divides a leaf without rounding.
#[must_use]
pub fn chosen(trial: &Trial, settings: &Settings) -> Params {
    let (metric, budget) = (settings.metric, &settings.budget);
    let mut params = match trial.trees(metric, budget) {
        Some(trees) => with_trees(trial.params, trees),
        None => trial.params,
    };
    if let Params::GradientBoosting(boosting) = &mut params
        && (boosting.column_share < 1.0 || boosting.row_share < 1.0)
    {
        let points = trial
            .folds
            .iter()
            .filter_map(|fold| fold.best(metric, budget));
        let dearest = points.map(|point| budget.ratio(&point.cost));
        let ratio = dearest.fold(0.0, f64::max);
        let fits = |bags: &usize| *bags <= settings.bags && *bags as f64 * ratio <= 1.0;
        let bags = std::iter::successors(Some(boosting.bags), |bags| Some(2 * bags));
        boosting.bags = bags.take_while(fits).last().unwrap_or(boosting.bags);
    }
    params
}

/// The hyperparameters of the trial with the least loss over the folds that it was measured on,
/// of those that came furthest; none where none could be fitted.
#[must_use]
pub fn nearest(trials: &[Trial], settings: &Settings) -> Option<Params> {
    let furthest = trials.iter().map(|trial| trial.folds.len()).max()?;
    let loss = |trial: &Trial| trial.loss(furthest, settings.metric, &settings.budget);
    let fitted = trials
        .iter()
        .filter(|trial| furthest > 0 && trial.folds.len() == furthest);
    let best = fitted.min_by(|a, b| {
        let [a, b] = [a, b].map(|trial| loss(trial).unwrap_or(f64::MAX));
        a.total_cmp(&b)
    });
    best.map(|trial| chosen(trial, settings))
}

/// Takes trees away until the model that is fitted on the training rows is within the
/// budget. What has no trees to take away is left as it is.
///
/// # Errors
/// When the model cannot be fitted.
pub fn within_budget(
    prepared: &Prepared,
    schema: &Schema,
    mut params: Params,
    options: &Options,
    budget: &Budget,
) -> Result<Params, FitError> {
    for _ in 0..SHRINKS {
        let Some(trees) = trees_of(&params) else {
            break;
        };
        let model = fit::fit(prepared, &prepared.split.train, schema, &params, options)?;
        let excess = budget.ratio(&cost(&model, prepared)?);
        if excess <= 1.0 {
            break;
        }
        let fewer = (trees as f64 * AIM / excess).floor().max(1.0) as usize;
        params = with_trees(params, fewer);
    }
    Ok(params)
}

fn trees_of(params: &Params) -> Option<usize> {
    match params {
        Params::RandomForest(forest) => Some(forest.trees),
        params => params.boosting().map(|boosting| boosting.trees),
    }
}

fn with_trees(mut params: Params, trees: usize) -> Params {
    match &mut params {
        Params::RandomForest(forest) => forest.trees = trees.max(1),
        params => {
            if let Some(boosting) = params.boosting_mut() {
                boosting.trees = trees.max(1);
            }
        }
    }
    params
}
