//! How stable reasons are: when numbers change a little, from one model to another, and when a
//! model is trained again.

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{Feature, FeatureKind};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::explaining::{Explaining, Fields, Named, spread};
use super::interval::{Interval, Z, wilson_of};
use super::predict::lenient;
use super::{EvaluateError, Options};
use crate::dataset::Dataset;

/// Most rows that are explained again, with jitter or by other models.
const AGAIN: usize = 400;
/// Greatest change of a number, as a share of it.
const JITTER: f64 = 0.01;

/// How many reasons stay: when every number of an application changes by up to 1 %, or from one
/// model to another, such as the same model trained with another seed or on later rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Rows that are approved neither before nor after.
    pub rows: usize,
    /// Share of them that keep their first reason; of several models, the mean over the rows of
    /// the share of models.
    pub first: f64,
    /// Its 95 % interval, by Wilson, which is wide enough for several models.
    pub first_interval: Interval,
    /// Mean share of the reasons that are kept, in any order.
    pub kept: f64,
    /// Its 95 % interval, by the normal approximation.
    pub kept_interval: Interval,
}

/// The reasons of rows by the same model trained again, compared with those of the model itself.
/// Its hyperparameters, calibration and threshold stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrained {
    /// Models of each kind.
    pub models: usize,
    /// With other random seeds, on the same rows; none where no row is declined by both.
    pub seeds: Option<Stability>,
    /// With the same seed, on training rows drawn anew with replacement, as many as there are.
    pub resampled: Option<Stability>,
}

/// What a row keeps of its reasons.
#[derive(Debug, Clone, Copy)]
struct Kept {
    /// Of the first reason: 0 or 1, or the share of several models.
    first: f64,
    /// Of all reasons, the share that is named again.
    all: f64,
}

impl Kept {
    /// `None` where one has no reason.
    fn new(before: &[Named], after: &[Named]) -> Option<Self> {
        let (was, is) = (before.first()?, after.first()?);
        let names = |reason: &&Named| after.iter().any(|other| other.code == reason.code);
        let named = before.iter().filter(names).count();
        Some(Self {
            first: f64::from(u8::from(was.code == is.code)),
            all: named as f64 / before.len() as f64,
        })
    }

    fn mean(each: &[Self]) -> Option<Self> {
        let count = each.len() as f64;
        let mean = |of: fn(&Self) -> f64| each.iter().map(of).sum::<f64>() / count;
        (!each.is_empty()).then(|| Self {
            first: mean(|one| one.first),
            all: mean(|one| one.all),
        })
    }
}

/// Whether reasons stay when every number changes by up to 1 %.
pub(super) fn under_jitter(
    explaining: &Explaining<'_>,
    explained: &[(usize, Vec<Named>)],
    seed: u64,
) -> Result<Option<Stability>, ArtifactError> {
    let count = explained.len().min(AGAIN);
    let chosen: Vec<usize> = (0..count)
        .map(|nth| nth * explained.len() / count)
        .collect();
    let again = explaining.each(&chosen, |decider, &nth| {
        // Each row has random numbers of its own: the number of threads changes nothing.
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(nth as u64);
        let moved = |feature: &Feature, value: f64| jittered(feature, value, &mut rng);
        explaining.fields.explain(decider, explained[nth].0, moved)
    })?;
    let mut each = Vec::new();
    for (nth, after) in chosen.into_iter().zip(again) {
        each.extend(after.and_then(|after| Kept::new(&explained[nth].1, &after)));
    }
    Ok(stable(&each))
}

/// Which reasons two models share, on the rows that neither approves; `None` without such rows,
/// or where one has no profiles.
pub(super) fn agreement(
    artifacts: [&[u8]; 2],
    dataset: &Dataset,
    rows: &[usize],
    options: &Options,
) -> Result<Option<Stability>, ArtifactError> {
    let artifacts = [lenient(artifacts[0])?, lenient(artifacts[1])?];
    if artifacts.iter().any(|artifact| artifact.profiles.is_none()) {
        return Ok(None);
    }
    let encoded = [artifacts[0].encode()?, artifacts[1].encode()?];
    let spread = spread(rows);
    let explained = |artifact: &[u8]| {
        // Only one may have rules that name protected columns.
        let fields = Fields::new(&Decider::load(artifact)?, dataset);
        let explaining = Explaining {
            artifact,
            fields: &fields,
            jobs: options.jobs,
        };
        explaining.each(&spread, |decider, &row| {
            fields.explain(decider, row, |_, value| value)
        })
    };
    let pairs = explained(&encoded[0])?
        .into_iter()
        .zip(explained(&encoded[1])?);
    let kept = pairs.filter_map(|(before, after)| Kept::new(&before?, &after?));
    Ok(stable(&kept.collect::<Vec<_>>()))
}

/// Which reasons a model shares with others that `again` makes, such as the same trained with
/// other seeds: of the rows that it declines, at most 400. `None` where it has no profiles or no
/// row is declined by it and another.
///
/// # Errors
/// Those of `again`.
pub fn shared_reasons<E: From<EvaluateError>>(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
    jobs: usize,
    again: impl IntoIterator<Item = Result<Vec<u8>, E>>,
) -> Result<Option<Stability>, E> {
    let decider = Decider::load(artifact).map_err(EvaluateError::from)?;
    if decider.artifact().profiles.is_none() {
        return Ok(None);
    }
    let fields = Fields::new(&decider, dataset);
    let explained = |artifact: &[u8], rows: &[usize]| {
        let explaining = Explaining {
            artifact,
            fields: &fields,
            jobs,
        };
        let named = explaining.each(rows, |decider, &row| {
            fields.explain(decider, row, |_, value| value)
        });
        named.map_err(EvaluateError::from)
    };
    let rows = spread(rows);
    let before = rows.iter().zip(explained(artifact, &rows)?);
    let mut declined: Vec<(usize, Vec<Named>)> = before
        .filter_map(|(row, named)| Some((*row, named.filter(|named| !named.is_empty())?)))
        .collect();
    let step = declined.len().div_ceil(AGAIN).max(1);
    declined = declined.into_iter().step_by(step).collect();
    let rows: Vec<usize> = declined.iter().map(|(row, _)| *row).collect();
    let mut kept = vec![Vec::new(); rows.len()];
    for other in again {
        let after = explained(&other?, &rows)?;
        for ((kept, (_, before)), after) in kept.iter_mut().zip(&declined).zip(after) {
            kept.extend(after.and_then(|after| Kept::new(before, &after)));
        }
    }
    let means: Vec<Kept> = kept.iter().filter_map(|kept| Kept::mean(kept)).collect();
    Ok(stable(&means))
}

/// The figures of rows, of which each counts once.
fn stable(each: &[Kept]) -> Option<Stability> {
    let mean = Kept::mean(each)?;
    let rows = each.len() as f64;
    let squares = each.iter().map(|one| (one.all - mean.all).powi(2));
    let half = Z * (squares.sum::<f64>() / rows / rows).sqrt();
    Some(Stability {
        rows: each.len(),
        first: mean.first,
        first_interval: wilson_of(mean.first, rows),
        kept: mean.all,
        kept_interval: Interval {
            low: (mean.all - half).max(0.0),
            high: (mean.all + half).min(1.0),
        },
    })
}

/// A number moved by up to 1 % within its range; a derived field is left out, so that the
/// model computes it.
fn jittered(feature: &Feature, value: f64, rng: &mut ChaCha8Rng) -> f64 {
    if feature.derived.is_some() {
        return f64::NAN;
    }
    let Some(range) = feature.range() else {
        return value;
    };
    let moved = value * (1.0 + JITTER * (2.0 * rng.random::<f64>() - 1.0));
    let moved = match feature.kind {
        FeatureKind::Integer(_) => moved.round(),
        _ => moved,
    };
    if range.contains(moved) { moved } else { value }
}
