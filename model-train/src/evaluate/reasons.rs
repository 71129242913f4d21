//! Which reasons applicants would be given, to whom, and how stable they are.

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{Feature, FeatureKind, Role};
use rand::Rng as _;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use super::Options;
use super::interval::{Interval, Z, wilson};
use super::parts::Parts;
use super::predict::lenient;
use super::recourse::{RecourseCosts, costs};
use crate::applications::request;
use crate::dataset::Dataset;
use crate::parallel::parallel;

/// Most rows that are explained, spread over all.
const EXPLAINED: usize = 4000;
/// Most rows that are explained again with jitter.
const JITTERED: usize = 400;
/// Greatest change of a number, as a share of it.
const JITTER: f64 = 0.01;

/// The reasons of the rows that are not approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reasons {
    /// What the profiles are called that applications are compared with.
    pub compared_with: String,
    /// How many there are.
    pub profiles: usize,
    /// Rows that were explained: those that are not approved, of so many spread over all.
    pub rows: usize,
    /// The most frequent first.
    pub codes: Vec<ReasonCount>,
    /// By protected columns and inputs, group by group.
    pub slices: Vec<ReasonSlices>,
    /// Whether small changes of the numbers change the reasons; none without a row.
    pub stability: Option<Stability>,
    /// What would have changed the decision; none where the schema calls nothing actionable, or
    /// no column protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recourse: Option<RecourseCosts>,
}

/// How often a reason was given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReasonCount {
    /// What answers call it.
    pub code: String,
    /// One of its sentences, in the first language.
    pub text: String,
    /// Rows whose first reason it is.
    pub first: usize,
    /// Rows that name it.
    pub named: usize,
}

/// Every group of one feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReasonSlices {
    /// The feature.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// `input` or `protected`.
    pub role: String,
    /// As in the slices of the figures, without empty ones.
    pub groups: Vec<ReasonGroup>,
}

/// The explained rows of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReasonGroup {
    /// The value or the range.
    pub name: String,
    /// Rows that were explained.
    pub rows: usize,
    /// Rows that name each code, in the order of [`Reasons::codes`].
    pub named: Vec<usize>,
}

/// How many reasons stay: when every number of an application changes by up to 1 %, or from one
/// model to another, such as the same model trained with another seed or on later rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stability {
    /// Rows that are approved neither before nor after.
    pub rows: usize,
    /// Share of them that keep their first reason.
    pub first: f64,
    /// Its 95 % interval, by Wilson.
    pub first_interval: Interval,
    /// Mean share of the reasons that are kept, in any order.
    pub kept: f64,
    /// Its 95 % interval, by the normal approximation.
    pub kept_interval: Interval,
}

/// Explains rows on several threads, each with a decider of its own; `None` where the model has
/// no profiles.
pub(super) fn reasons(
    artifact: &[u8],
    dataset: &Dataset,
    rows: &[usize],
    options: &Options,
) -> Result<Option<Reasons>, ArtifactError> {
    let decider = Decider::load(artifact)?;
    let Some(profiles) = &decider.artifact().profiles else {
        return Ok(None);
    };
    let (compared_with, profiles) = (profiles.name.clone(), profiles.weights.len());
    let fields = Fields::new(&decider, dataset);
    let spread = spread(rows);
    let explaining = Explaining {
        artifact,
        fields: &fields,
        jobs: options.jobs,
    };
    let named = explaining.each(&spread, |decider, &row| {
        fields.explain(decider, row, |_, value| value)
    })?;
    let explained = spread.into_iter().zip(named);
    let explained: Vec<(usize, Vec<Named>)> = explained
        .filter_map(|(row, named)| Some((row, named.filter(|named| !named.is_empty())?)))
        .collect();
    let codes = counted(&explained);
    let stability = stability(&explaining, &explained, options.seed)?;
    let declined: Vec<usize> = explained.iter().map(|(row, _)| *row).collect();
    let model = (&decider.artifact().schema, artifact);
    let recourse = costs(model, options.jobs, dataset, &declined, |decider, row| {
        decider.application(&fields.request(row, |_, value| value))
    })?;
    Ok(Some(Reasons {
        recourse,
        compared_with,
        profiles,
        rows: explained.len(),
        slices: slices(&decider, dataset, &explained, &codes),
        codes,
        stability,
    }))
}

/// The rows that are explained, spread over all.
fn spread(rows: &[usize]) -> Vec<usize> {
    let count = rows.len().min(EXPLAINED);
    (0..count)
        .map(|nth| rows[nth * rows.len() / count])
        .collect()
}

/// What explains rows.
struct Explaining<'a> {
    artifact: &'a [u8],
    fields: &'a Fields<'a>,
    jobs: usize,
}

impl Explaining<'_> {
    /// Something of each item, in their order.
    fn each<T: Sync, R: Send>(
        &self,
        items: &[T],
        of: impl Fn(&mut Decider, &T) -> R + Sync,
    ) -> Result<Vec<R>, ArtifactError> {
        let each = items.len().div_ceil(self.jobs.max(1)).max(1);
        let parts: Vec<&[T]> = items.chunks(each).collect();
        let parts = parallel(self.jobs, &parts, |part| {
            let mut decider = Decider::load(self.artifact)?;
            Ok(part.iter().map(|item| of(&mut decider, item)).collect())
        });
        let parts = parts.into_iter().collect::<Result<Vec<Vec<R>>, _>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// A reason that was given.
struct Named {
    code: String,
    text: String,
}

/// The fields of applications, as a request has them.
struct Fields<'d> {
    fields: Vec<(Feature, Option<&'d crate::values::Values>)>,
}

impl<'d> Fields<'d> {
    fn new(decider: &Decider, dataset: &'d Dataset) -> Self {
        let schema = &decider.artifact().schema;
        let inputs = schema.inputs().cloned();
        let mut fields: Vec<_> = inputs.zip(dataset.columns.iter().map(Some)).collect();
        for index in decider.rule_columns() {
            let feature = &schema.features[*index];
            let mut protected = dataset.protected.iter();
            let column = protected.find(|column| column.feature.name == feature.name);
            fields.push((feature.clone(), column.map(|column| &column.values)));
        }
        Self { fields }
    }

    /// The application of a row whose values are changed before.
    fn request(&self, row: usize, mut change: impl FnMut(&Feature, f64) -> f64) -> Vec<u8> {
        request(self.fields.iter().map(|(feature, column)| {
            let value = column.map_or(f64::NAN, |column| column[row]);
            (feature, change(feature, value))
        }))
    }

    /// The reasons of a row whose values are changed before; `None` where it is refused.
    fn explain(
        &self,
        decider: &mut Decider,
        row: usize,
        change: impl FnMut(&Feature, f64) -> f64,
    ) -> Option<Vec<Named>> {
        let request = self.request(row, change);
        let mut explanation = Vec::new();
        if decider.explain(&request, &mut explanation) != 200 {
            return None;
        }
        let explanation: serde_json::Value = serde_json::from_slice(&explanation).ok()?;
        let reasons = explanation["reasons"].as_array()?.iter();
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let named = reasons.map(|reason| Named {
            code: text(&reason["code"]),
            text: text(&reason["text"]),
        });
        Some(named.collect())
    }
}

fn counted(explained: &[(usize, Vec<Named>)]) -> Vec<ReasonCount> {
    let mut codes: Vec<ReasonCount> = Vec::new();
    for (_, reasons) in explained {
        for (nth, reason) in reasons.iter().enumerate() {
            let at = codes.iter().position(|known| known.code == reason.code);
            let at = at.unwrap_or_else(|| {
                codes.push(ReasonCount {
                    code: reason.code.clone(),
                    text: reason.text.clone(),
                    first: 0,
                    named: 0,
                });
                codes.len() - 1
            });
            codes[at].named += 1;
            codes[at].first += usize::from(nth == 0);
        }
    }
    codes.sort_by(|a, b| b.named.cmp(&a.named).then(a.code.cmp(&b.code)));
    codes
}

fn slices(
    decider: &Decider,
    dataset: &Dataset,
    explained: &[(usize, Vec<Named>)],
    codes: &[ReasonCount],
) -> Vec<ReasonSlices> {
    let inputs: Vec<&Feature> = decider.artifact().schema.inputs().collect();
    let protected = dataset.protected.iter();
    let protected = protected.map(|column| (&column.feature, &column.values, Role::Protected));
    let inputs = inputs.into_iter().zip(&dataset.columns);
    let all = protected.chain(inputs.map(|(feature, values)| (feature, values, Role::Input)));
    all.map(|(feature, values, role)| {
        let rows: Vec<usize> = explained.iter().map(|(row, _)| *row).collect();
        let parts = Parts::new(feature, values, &rows);
        let rows = parts.tallied(|rows: &mut Vec<usize>, row| rows.push(row));
        let groups = parts.names.iter().zip(rows);
        let group = |(name, rows): (&String, Vec<usize>)| ReasonGroup {
            name: name.clone(),
            rows: rows.len(),
            named: (codes.iter())
                .map(|count| {
                    let names = |row: &&usize| {
                        (explained[**row].1.iter()).any(|reason| reason.code == count.code)
                    };
                    rows.iter().filter(names).count()
                })
                .collect(),
        };
        ReasonSlices {
            feature: feature.name.clone(),
            label: feature.display_label().to_owned(),
            role: role.word().to_owned(),
            groups: groups
                .filter(|(_, rows)| !rows.is_empty())
                .map(group)
                .collect(),
        }
    })
    .collect()
}

fn stability(
    explaining: &Explaining<'_>,
    explained: &[(usize, Vec<Named>)],
    seed: u64,
) -> Result<Option<Stability>, ArtifactError> {
    let count = explained.len().min(JITTERED);
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
    let (mut first, mut kept) = (0, Vec::new());
    for (nth, after) in chosen.into_iter().zip(again) {
        let before = &explained[nth].1;
        let Some(after) = after.filter(|after| !after.is_empty()) else {
            continue;
        };
        first += usize::from(before[0].code == after[0].code);
        kept.push(share_kept(before, &after));
    }
    Ok(stable(first, &kept))
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
    let fields = Fields::new(&Decider::load(&encoded[0])?, dataset);
    let spread = spread(rows);
    let named = |artifact: &[u8]| {
        let explaining = Explaining {
            artifact,
            fields: &fields,
            jobs: options.jobs,
        };
        explaining.each(&spread, |decider, &row| {
            fields.explain(decider, row, |_, value| value)
        })
    };
    let (mut same, mut kept) = (0, Vec::new());
    let pairs = named(&encoded[0])?.into_iter().zip(named(&encoded[1])?);
    for (before, after) in pairs {
        let (Some(before), Some(after)) = (before, after) else {
            continue;
        };
        if !before.is_empty() && !after.is_empty() {
            same += usize::from(before[0].code == after[0].code);
            kept.push(share_kept(&before, &after));
        }
    }
    Ok(stable(same, &kept))
}

/// Of the reasons before, the share that is named after.
fn share_kept(before: &[Named], after: &[Named]) -> f64 {
    let names = |reason: &&Named| after.iter().any(|other| other.code == reason.code);
    before.iter().filter(names).count() as f64 / before.len() as f64
}

/// For so many rows that keep their first reason, and the share that each row keeps.
fn stable(first: usize, kept: &[f64]) -> Option<Stability> {
    let rows = kept.len();
    if rows == 0 {
        return None;
    }
    let mean = kept.iter().sum::<f64>() / rows as f64;
    let squares: f64 = kept
        .iter()
        .map(|share| (share - mean) * (share - mean))
        .sum();
    let half = Z * (squares / rows as f64 / rows as f64).sqrt();
    Some(Stability {
        rows,
        first: first as f64 / rows as f64,
        first_interval: wilson(first, rows),
        kept: mean,
        kept_interval: Interval {
            low: (mean - half).max(0.0),
            high: (mean + half).min(1.0),
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
