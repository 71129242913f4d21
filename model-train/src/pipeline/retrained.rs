//! The finished hyperparameters fitted again, to see how stable reasons are: with other seeds,
//! and on other rows.

use model_core::artifact::{Artifact, with_policy};
use model_core::details::Details;
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::error::PipelineError;
use super::job::Job;
use super::trained::TrainedModel;
use crate::evaluate::{EvaluateError, Retrained, Stability, shared_reasons};
use crate::split::Split;
use crate::train::{self, train};

/// Fits again as often as the options say; `None` where they say never.
pub(super) fn retrained(
    job: &Job,
    trained: &TrainedModel,
) -> Result<Option<Retrained>, PipelineError> {
    let models = job.options.reason_seeds;
    if models == 0 {
        return Ok(None);
    }
    let finished = Artifact::decode(&trained.artifact).map_err(EvaluateError::from)?;
    let again = Again {
        job,
        trained,
        finished,
    };
    let seed = job.options.seed;
    Ok(Some(Retrained {
        models,
        seeds: again.shared(|nth| {
            let split = job.inputs.split.clone();
            again.fit(seed.wrapping_add(nth), split)
        })?,
        resampled: again.shared(|nth| again.fit(seed, resampled(job, nth)))?,
    }))
}

struct Again<'a> {
    job: &'a Job,
    trained: &'a TrainedModel,
    finished: Artifact,
}

impl Again<'_> {
    /// What the model shares with the first, the second and further ones.
    fn shared(
        &self,
        nth: impl Fn(u64) -> Result<Vec<u8>, PipelineError>,
    ) -> Result<Option<Stability>, PipelineError> {
        let Job {
            inputs, options, ..
        } = self.job;
        shared_reasons(
            &self.trained.artifact,
            &inputs.dataset,
            &inputs.split.test,
            options.jobs,
            (1..=options.reason_seeds as u64).map(nth),
        )
    }

    fn fit(&self, seed: u64, split: Split) -> Result<Vec<u8>, PipelineError> {
        let Job {
            inputs, options, ..
        } = self.job;
        let options = train::Options {
            params: self.trained.params,
            class_weight: options.class_weight,
            jobs: options.jobs,
            seed,
            calibration: self.finished.calibration.clone(),
            threshold: self.finished.threshold,
            details: Details::default(),
            engine_sha256: options.engine_sha256.clone(),
            underwrite_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let fitted = train(inputs.dataset.clone(), &inputs.schema, split, &options)?;
        match &self.job.options.policy {
            Some(policy) => with_policy(&fitted.artifact, Some(policy))
                .map_err(|error| PipelineError::policy(&error.to_string())),
            None => Ok(fitted.artifact),
        }
    }
}

/// As many training rows of either outcome as there are, drawn with replacement.
fn resampled(job: &Job, nth: u64) -> Split {
    let (target, split) = (&job.inputs.dataset.target, &job.inputs.split);
    let mut rng = ChaCha8Rng::seed_from_u64(job.options.seed);
    rng.set_stream(nth);
    let mut train = Vec::new();
    for outcome in [false, true] {
        let rows = split.train.iter().filter(|row| target[**row] == outcome);
        let rows: Vec<usize> = rows.copied().collect();
        train.extend((0..rows.len()).map(|_| rows[rng.random_range(0..rows.len())]));
    }
    train.sort_unstable();
    Split {
        train,
        test: split.test.clone(),
    }
}
