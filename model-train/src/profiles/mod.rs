//! Profiles that reasons compare with: weighted medians of clusters, so that nobody's row is in
//! the file, chosen so that they explain decisions as the whole group behind them does.
//!
//! ```text
//! group ─ cluster ─ weigh ─ agreement
//! rows    medians   non-negative   on declined rows
//!                   least squares  that nothing was fitted to
//! ```

mod agreement;
mod cluster;
mod group;
mod nnls;

pub use agreement::Agreement;

use model_core::calibration::Calibration;
use model_core::model::{Model, Predictor};
use model_core::reasons::{Explainer, MAX_PROFILES, Profiles, Way};
use model_core::schema::Schema;
use serde::{Deserialize, Serialize};

use crate::parallel::parallel;
use crate::prepare::Prepared;
use group::Groups;

/// Most profiles of a model.
const MOST: usize = 32;
/// Weights below this are left out, and the others fitted again.
const LEAST_WEIGHT: f64 = 1e-3;
/// Most rows that the weights are fitted to, and most on which the agreement is measured.
const FITTED: usize = 100;
/// Most rows of a group that stand for all of it, spread evenly by margin.
const MEMBERS: usize = 512;
/// Most rows of a group that are clustered, spread in the same way.
const CLUSTERED: usize = 200_000;

/// Most profiles that so many training rows can have.
pub(crate) fn most(rows: usize) -> usize {
    (rows / cluster::LEAST).min(MOST)
}

/// Profiles, and how well they stand for the group behind them.
#[derive(Debug, Clone)]
pub struct Made {
    /// For the artifact.
    pub profiles: Profiles,
    /// For people.
    pub report: ProfileReport,
}

/// How profiles were made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProfileReport {
    /// The group: `near_threshold`, `lowest_approved`, `approved` or `all`.
    pub group: String,
    /// Training rows in it.
    pub rows: usize,
    /// Profiles that stand for it.
    pub profiles: usize,
    /// Rows of the smallest cluster behind a profile.
    pub smallest_cluster: usize,
    /// How well they explain as the group does; `None` without rows to measure it on.
    pub agreement: Option<Agreement>,
}

/// What profiles are made for.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The schema, which says whom to compare with.
    pub schema: &'a Schema,
    /// The finished model.
    pub model: &'a Model,
    /// What its probabilities go through.
    pub calibration: &'a Calibration,
    /// Approved from this calibrated probability on.
    pub threshold: f64,
    /// Threads.
    pub jobs: usize,
}

/// Makes profiles of the training rows; `None` where they are too few.
#[must_use]
pub fn make(subject: &Subject<'_>, prepared: &Prepared) -> Option<Made> {
    let Groups {
        name,
        members,
        declined,
    } = group::choose(subject, prepared)?;
    let rows = |indices: &[usize]| -> Vec<Vec<f64>> {
        let row = |row: &usize| prepared.columns.iter().map(|column| column[*row]).collect();
        indices.iter().map(row).collect()
    };
    // Every other declined row is fitted to, the rest measures.
    let declined = spread(&declined, 2 * FITTED);
    let fitted: Vec<usize> = declined.iter().copied().step_by(2).collect();
    let held_out: Vec<usize> = declined.iter().copied().skip(1).step_by(2).collect();
    let (fitted, held_out) = (rows(&fitted), rows(&held_out));
    let stand_ins = rows(&spread(&members, MEMBERS));
    let count = members.len();
    let members = rows(&spread(&members, CLUSTERED));

    let explained = Explained { subject };
    let importance = explained.importance(&prepared.preprocessing.imputed, &fitted);
    let candidates = cluster::candidates(subject.schema, &members, &importance, prepared);
    if candidates.is_empty() {
        return None;
    }
    let target = explained.by_group(&stand_ins, &fitted);
    let profiles: Vec<Vec<f64>> = candidates.iter().map(|c| c.profile.clone()).collect();
    let columns = explained.by_each(&profiles, &fitted);
    let weights = nnls::weights(&columns, &target, MOST, LEAST_WEIGHT);
    let used: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] > 0.0).collect();
    let profiles = Profiles {
        name: name.to_owned(),
        weights: used.iter().map(|i| weights[*i]).collect(),
        values: used.iter().flat_map(|i| profiles[*i].clone()).collect(),
    };
    let agreement = (!held_out.is_empty()).then(|| {
        let by_group = explained.by_group(&stand_ins, &held_out);
        let by_profiles = explained.contributions(&profiles, &held_out);
        Agreement::new(&by_group, &by_profiles, members.first().map_or(1, Vec::len))
    });
    let sizes = used.iter().map(|i| candidates[*i].rows);
    Some(Made {
        report: ProfileReport {
            group: name.to_owned(),
            rows: count,
            profiles: used.len(),
            smallest_cluster: sizes.min().unwrap_or_default(),
            agreement,
        },
        profiles,
    })
}

/// At most so many of a list, evenly spread over it.
fn spread(list: &[usize], most: usize) -> Vec<usize> {
    let count = list.len().min(most);
    (0..count)
        .map(|nth| list[nth * list.len() / count])
        .collect()
}

/// Contributions of rows, one row after another.
struct Explained<'a> {
    subject: &'a Subject<'a>,
}

impl Explained<'_> {
    fn contributions(&self, profiles: &Profiles, rows: &[Vec<f64>]) -> Vec<f64> {
        let model = self.subject.model;
        // Its tables cannot fail: the model predicted before.
        let Ok(mut predictor) = Predictor::new(model, &Calibration::None) else {
            return Vec::new();
        };
        let explainer = Explainer::new(model, &mut predictor, profiles, Way::Tables);
        let parts = rows
            .iter()
            .flat_map(|row| explainer.contributions(model, row));
        parts.collect()
    }

    /// Compared with all members of a group alike. The order of additions does not depend on
    /// the number of threads.
    fn by_group(&self, members: &[Vec<f64>], rows: &[Vec<f64>]) -> Vec<f64> {
        let blocks: Vec<&[Vec<f64>]> = members.chunks(MAX_PROFILES).collect();
        let parts = parallel(self.subject.jobs, &blocks, |block| {
            let alike = Profiles {
                name: String::new(),
                weights: vec![1.0 / block.len() as f64; block.len()],
                values: block.concat(),
            };
            self.contributions(&alike, rows)
        });
        let mut sums = vec![0.0; parts.first().map_or(0, Vec::len)];
        for (block, part) in blocks.iter().zip(&parts) {
            let share = block.len() as f64 / members.len() as f64;
            for (sum, value) in sums.iter_mut().zip(part) {
                *sum += share * value;
            }
        }
        sums
    }

    /// Compared with each profile alone.
    fn by_each(&self, profiles: &[Vec<f64>], rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        parallel(self.subject.jobs, profiles, |profile| {
            self.contributions(&Profiles::single("", profile.clone()), rows)
        })
    }

    /// For each input its mean contribution in size, compared with one profile.
    fn importance(&self, profile: &[f64], rows: &[Vec<f64>]) -> Vec<f64> {
        let parts = self.contributions(&Profiles::single("", profile.to_vec()), rows);
        let mut importance = vec![0.0; profile.len()];
        for row in parts.chunks(profile.len()) {
            for (sum, part) in importance.iter_mut().zip(row) {
                *sum += part.abs();
            }
        }
        importance
    }
}
