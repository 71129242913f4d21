//! What to try next: tree-structured Parzen estimators (Bergstra et al., "Algorithms for
//! Hyper-Parameter Optimization", NeurIPS 2011), by the crate `tpe`.
//!
//! The model is the root of the tree: first a model is drawn, then its hyperparameters, each
//! from the trials of that model.

use std::convert::Infallible;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use tpe::density_estimation::DefaultEstimatorBuilder;
use tpe::{TpeOptimizer, TpeOptimizerBuilder};
use tpe_rand::RngExt as _;

use super::search::TuneError;
use super::space::{Scale, Space};
use super::trial::Candidate;
use crate::fit::Params;

/// Trials that are drawn without looking at earlier ones: at least so many, the models' defaults
/// and one more among them.
const BLIND_TRIALS: usize = 6;
/// The share of the trials that count as good.
const GOOD: f64 = 0.2;
/// Of so many drawn values the most promising is taken.
const DRAWN: usize = 24;

/// What is known about a trial: less loss is better.
#[derive(Debug, Clone, Copy)]
pub(super) struct Observation {
    pub(super) params: Params,
    pub(super) loss: f64,
}

/// Draws what trial `number` tries. It depends on nothing but the arguments.
pub(super) fn suggest(
    spaces: &[Space],
    seed: u64,
    number: usize,
    known: &[Observation],
) -> Result<Candidate, TuneError> {
    if let Some(params) = start(spaces, number)? {
        return Ok(Candidate { number, params });
    }
    let mut rng = Rng::new(seed, number);
    let space = match number {
        blind if blind < blind_trials(spaces) => spaces.get(blind % spaces.len()),
        _ => spaces.get(model(spaces, known, &mut rng)?),
    };
    let space = space.ok_or(TuneError::NoModels)?;
    let blind = number < blind_trials(spaces);
    let known = if blind { &[] } else { known };
    let params = space.params(&point(space, known, &mut rng)?)?;
    Ok(Candidate { number, params })
}

/// The first start of each space, then the second of those that have one.
fn start(spaces: &[Space], number: usize) -> Result<Option<Params>, TuneError> {
    let mut rounds = [Vec::new(), Vec::new()];
    for space in spaces {
        for (round, start) in rounds.iter_mut().zip(space.starts()?) {
            round.push(start);
        }
    }
    Ok(rounds.concat().get(number).copied())
}

fn blind_trials(spaces: &[Space]) -> usize {
    BLIND_TRIALS.max(spaces.len() + 1)
}

/// The index of the space that is drawn.
fn model(spaces: &[Space], known: &[Observation], rng: &mut Rng) -> Result<usize, TuneError> {
    let bounds = (0.0, spaces.len() as f64);
    let mut optimizer = optimizer(tpe::histogram_estimator(), bounds)?;
    for observation in known {
        let kind = observation.params.kind();
        if let Some(index) = spaces.iter().position(|space| space.kind() == kind) {
            tell(&mut optimizer, index as f64, observation.loss)?;
        }
    }
    Ok(ask(&mut optimizer, rng) as usize)
}

/// A point of the space, evenly drawn where nothing is known.
fn point(space: &Space, known: &[Observation], rng: &mut Rng) -> Result<Vec<f64>, TuneError> {
    let same_model = |observation: &&Observation| observation.params.kind() == space.kind();
    let known: Vec<(Vec<f64>, f64)> = known
        .iter()
        .filter(same_model)
        .map(|observation| (space.point(&observation.params), observation.loss))
        .collect();
    let coordinate = |(index, dimension): (usize, &super::space::Dimension)| {
        let (low, high) = dimension.scale.bounds();
        if known.is_empty() {
            return Ok(rng.random_range(low..high));
        }
        let estimator = match dimension.scale {
            Scale::Choice(_) => tpe::histogram_estimator(),
            _ => tpe::parzen_estimator(),
        };
        let mut optimizer = optimizer(estimator, (low, high))?;
        for (at, loss) in &known {
            tell(&mut optimizer, at[index], *loss)?;
        }
        Ok(ask(&mut optimizer, rng))
    };
    space
        .dimensions()
        .iter()
        .enumerate()
        .map(coordinate)
        .collect()
}

type Optimizer = TpeOptimizer<DefaultEstimatorBuilder>;

fn optimizer(
    estimator: DefaultEstimatorBuilder,
    (low, high): (f64, f64),
) -> Result<Optimizer, TuneError> {
    let sampler = |error: &dyn std::fmt::Display| TuneError::Sampler(error.to_string());
    let range = tpe::range(low, high).map_err(|error| sampler(&error))?;
    TpeOptimizerBuilder::new()
        .gamma(GOOD)
        .candidates(DRAWN)
        .build(estimator, range)
        .map_err(|error| sampler(&error))
}

fn tell(optimizer: &mut Optimizer, at: f64, loss: f64) -> Result<(), TuneError> {
    let told = optimizer.tell(at, loss);
    told.map_err(|error| TuneError::Sampler(error.to_string()))
}

fn ask(optimizer: &mut Optimizer, rng: &mut Rng) -> f64 {
    match optimizer.ask(rng) {
        Ok(value) => value,
    }
}

/// ChaCha8 as the version of `rand` that `tpe` is written for wants it; each trial has a
/// stream of its own.
struct Rng(ChaCha8Rng);

impl Rng {
    fn new(seed: u64, trial: usize) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 deals the folds.
        rng.set_stream(trial as u64 + 1);
        Self(rng)
    }
}

impl tpe_rand::TryRng for Rng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.next_u32())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill_bytes(bytes);
        Ok(())
    }
}
