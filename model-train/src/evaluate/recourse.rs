//! What it would take applicants of each protected group to be approved.

use model_core::artifact::ArtifactError;
use model_core::decide::{Application, Decider};
use model_core::schema::Schema;
use model_recourse::{Budget, Request, actions, search};
use serde::{Deserialize, Serialize};

use super::interval::{Interval, quantile, wilson};
use super::parts::Parts;
use crate::dataset::Dataset;
use crate::deciders::Deciders;
use crate::parallel::parallel;

/// Most rows that are asked about, spread over all that are not approved.
const ASKED: usize = 400;
/// Evaluations of one search, and of all together: a count, so that every machine reports the
/// same.
const EACH: u32 = 1_000;
const ALL: u32 = 100_000;
/// Rows that several threads are asked about at a time.
const TOGETHER: usize = 16;

/// What the cheapest recourse costs, by protected column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecourseCosts {
    /// Rows that are not approved and were asked about.
    pub rows: usize,
    /// Group by group.
    pub slices: Vec<RecourseSlices>,
}

/// Every group of one protected column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecourseSlices {
    /// The feature.
    pub feature: String,
    /// What people call it.
    pub label: String,
    /// Without empty ones.
    pub groups: Vec<RecourseGroup>,
}

/// The rows of one group that were asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecourseGroup {
    /// The value or the range.
    pub name: String,
    /// How many there are.
    pub rows: usize,
    /// Share of them for which a way to an approval was found.
    pub reachable: f64,
    /// Its 95 % interval, by Wilson.
    pub reachable_interval: Interval,
    /// Rows for which it is proved that there is none.
    pub impossible: usize,
    /// The median cost of the cheapest way, by the costs of the schema; none without a way.
    pub median_cost: Option<f64>,
}

/// What was found for one row.
struct Found {
    row: usize,
    cost: Option<f64>,
    is_impossible: bool,
}

/// Asks about rows that are not approved; `None` where nothing is actionable or protected.
/// `application` is what a row's application comes to.
pub(super) fn costs(
    (schema, artifact): (&Schema, &[u8]),
    jobs: usize,
    dataset: &Dataset,
    declined: &[usize],
    application: impl Fn(&mut Decider, usize) -> Option<Application> + Sync,
) -> Result<Option<RecourseCosts>, ArtifactError> {
    let actions = actions(schema);
    if actions.is_empty() || dataset.protected.is_empty() || declined.is_empty() {
        return Ok(None);
    }
    let request = Request {
        options: 1,
        ..Request::default()
    };
    let count = declined.len().min(ASKED);
    let (mut found, mut spent) = (Vec::new(), 0);
    let deciders = Deciders::default();
    // Not one after another: where the budget ends early, those asked are spread as well.
    let asked = (0..count).map(|nth| declined[spread(nth, count) * declined.len() / count]);
    let asked: Vec<usize> = asked.collect();
    for rows in asked.chunks(TOGETHER) {
        if spent >= ALL {
            break;
        }
        let answers = parallel(jobs, rows, |&row| {
            deciders.with(artifact, |decider| {
                let application = application(decider, row)?;
                let budget = Budget { evaluations: EACH };
                Some(search(decider, &actions, &application, &request, budget))
            })
        });
        for (row, answer) in rows.iter().zip(answers) {
            let Some(answer) = answer? else { continue };
            // What was searched beyond the budget of all does not count.
            if spent >= ALL {
                break;
            }
            spent += answer.evaluations;
            found.push(Found {
                row: *row,
                cost: answer.options.first().map(|option| option.cost),
                is_impossible: answer.impossible,
            });
        }
    }
    let slices = dataset.protected.iter().map(|column| {
        let rows: Vec<usize> = found.iter().map(|one| one.row).collect();
        let parts = Parts::new(&column.feature, &column.values, &rows);
        let rows = parts.tallied(|rows: &mut Vec<usize>, row| rows.push(row));
        let groups = parts.names.iter().zip(rows);
        RecourseSlices {
            feature: column.feature.name.clone(),
            label: column.feature.display_label().to_owned(),
            groups: groups
                .filter(|(_, rows)| !rows.is_empty())
                .map(|(name, rows)| group(name.clone(), &rows, &found))
                .collect(),
        }
    });
    Ok(Some(RecourseCosts {
        rows: found.len(),
        slices: slices.collect(),
    }))
}

fn group(name: String, rows: &[usize], found: &[Found]) -> RecourseGroup {
    let mut costs: Vec<f64> = rows.iter().filter_map(|row| found[*row].cost).collect();
    costs.sort_by(f64::total_cmp);
    let impossible = rows.iter().filter(|row| found[**row].is_impossible);
    RecourseGroup {
        name,
        rows: rows.len(),
        reachable: costs.len() as f64 / rows.len() as f64,
        reachable_interval: wilson(costs.len(), rows.len()),
        impossible: impossible.count(),
        median_cost: quantile(&costs, 0.5),
    }
}

/// The numbers below `count` in an order that is spread from the start: steps of about the
/// golden ratio of them, without a common divisor.
fn spread(nth: usize, count: usize) -> usize {
    let mut step = (count as f64 * 0.618) as usize;
    while step > 1 && divisor(step, count) > 1 {
        step -= 1;
    }
    nth * step.max(1) % count
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
