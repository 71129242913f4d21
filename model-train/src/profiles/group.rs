//! Whom applications are compared with, and the declined rows that are to be explained.

use model_core::decide::reaches;
use model_core::model::Predictor;
use model_core::schema::Compare;

use super::Subject;
use crate::prepare::Prepared;

/// Approved rows below which every row is compared with, and below which there is no profile.
const FEW: usize = 100;
const TOO_FEW: usize = 30;
/// Least rows near the threshold, where there are so many; and their share of the approved.
const NEAR: usize = 500;
const NEAR_SHARE: usize = 10;
/// What near the threshold is called where it is more than half of the approved.
const LOWEST_APPROVED: &str = "lowest_approved";
/// Declined rows below which those with the lowest margins are explained instead.
const FEW_DECLINED: usize = 20;

pub(super) struct Groups {
    /// What the group is called.
    pub(super) name: &'static str,
    /// Its training rows, by margin.
    pub(super) members: Vec<usize>,
    /// Training rows that the score declines, by margin.
    pub(super) declined: Vec<usize>,
}

/// The group that the schema names, by the model's own margins on the training rows; `None`
/// where it has too few rows.
///
/// Near the threshold are the tenth of the approved with the lowest margins, 500 at least or
/// all of them. With fewer than 100 approved all rows are compared with, with fewer than 30
/// there is no group.
pub(super) fn choose(subject: &Subject<'_>, prepared: &Prepared) -> Option<Groups> {
    let mut predictor = Predictor::new(subject.model, subject.calibration).ok()?;
    let (mut rows, mut approved) = (Vec::new(), Vec::new());
    let mut values = Vec::with_capacity(prepared.columns.len());
    for &row in &prepared.split.train {
        values.clear();
        values.extend(prepared.columns.iter().map(|column| column[row]));
        let margin = predictor.margin_row(&values);
        rows.push((margin, row));
        if reaches(predictor.predict_row(&values), subject.threshold) {
            approved.push((margin, row));
        }
    }
    rows.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    approved.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let indices = |rows: &[(f64, usize)]| rows.iter().map(|(_, row)| *row).collect::<Vec<_>>();
    // The margin decides alone: every declined row stands before every approved one.
    let refused = rows.len() - approved.len();
    let lowest = rows.len().min(FEW);
    let declined = if refused < FEW_DECLINED {
        indices(&rows[..lowest])
    } else {
        indices(&rows[..refused])
    };
    // Most of the approved are not all near the threshold.
    let is_most = approved.len() < 2 * NEAR;
    let (compare, members) = match subject.schema.reasons.compare {
        Compare::All if rows.len() < TOO_FEW => return None,
        Compare::All => (Compare::All, &rows),
        _ if approved.len() < TOO_FEW => return None,
        _ if approved.len() < FEW => (Compare::All, &rows),
        Compare::NearThreshold if approved.len() >= NEAR => {
            approved.truncate((approved.len() / NEAR_SHARE).max(NEAR));
            (Compare::NearThreshold, &approved)
        }
        Compare::NearThreshold | Compare::Approved => (Compare::Approved, &approved),
    };
    Some(Groups {
        name: match compare {
            Compare::NearThreshold if is_most => LOWEST_APPROVED,
            _ => compare.word(),
        },
        members: indices(members),
        declined,
    })
}
