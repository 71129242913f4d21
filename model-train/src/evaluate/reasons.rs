//! Which reasons applicants would be given, and to whom.

use model_core::artifact::ArtifactError;
use model_core::decide::Decider;
use model_core::schema::{Feature, Role};
use serde::{Deserialize, Serialize};

use super::Options;
use super::explaining::{Explaining, Fields, Named, spread};
use super::parts::Parts;
use super::recourse::{RecourseCosts, costs};
use super::stability::{Retrained, Stability, under_jitter};
use crate::dataset::Dataset;
use crate::profiles::ProfileReport;

/// The reasons of the rows that are not approved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reasons {
    /// What the profiles are called that applications are compared with.
    pub compared_with: String,
    /// How many there are.
    pub profiles: usize,
    /// Whom they stand for, and how well; none where that is not known, as of a finished file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behind: Option<ProfileReport>,
    /// Rows that were explained: those that are not approved, of so many spread over all.
    pub rows: usize,
    /// The most frequent first.
    pub codes: Vec<ReasonCount>,
    /// By protected columns and inputs, group by group.
    pub slices: Vec<ReasonSlices>,
    /// Whether small changes of the numbers change the reasons; none without a row.
    pub stability: Option<Stability>,
    /// Whether training again changes them; none where nothing was trained again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrained: Option<Retrained>,
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
    let stability = under_jitter(&explaining, &explained, options.seed)?;
    let declined: Vec<usize> = explained.iter().map(|(row, _)| *row).collect();
    let model = (&decider.artifact().schema, artifact);
    let recourse = costs(model, options.jobs, dataset, &declined, |decider, row| {
        decider.application(&fields.request(row, |_, value| value))
    })?;
    Ok(Some(Reasons {
        recourse,
        compared_with,
        profiles,
        behind: None,
        retrained: None,
        rows: explained.len(),
        slices: slices(&decider, dataset, &explained, &codes),
        codes,
        stability,
    }))
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
