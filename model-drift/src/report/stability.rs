//! The bands that credit risk reads a population stability index by.

use serde::Serialize;

use super::ColumnReport;
use crate::methods::Method;
use crate::sketch::Role;

/// Below this, the population counts as stable.
pub const STABLE: f64 = 0.10;
/// Above this, it counts as changed.
pub const CHANGED: f64 = 0.25;

/// What custom makes of a stability index (Siddiqi, "Credit Risk Scorecards", Wiley 2006). The
/// bands are a convention: they take no account of the number of rows, and no verdict of a
/// report depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stability {
    /// Below [`STABLE`].
    Stable,
    /// From [`STABLE`] to [`CHANGED`].
    Moderate,
    /// Above [`CHANGED`].
    Large,
}

impl Stability {
    /// The band of an index.
    #[must_use]
    pub fn new(index: f64) -> Self {
        match index {
            index if index < STABLE => Self::Stable,
            index if index <= CHANGED => Self::Moderate,
            _ => Self::Large,
        }
    }

    /// Its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Moderate => "moderate shift",
            Self::Large => "large shift",
        }
    }
}

impl ColumnReport {
    /// The population stability index over tenths of the reference, half a row added to each:
    /// the PSI of the score and of first reasons, the characteristic stability index (CSI) of any other column. None
    /// where the values could not be compared.
    pub(super) fn index(&self) -> Option<f64> {
        self.distances.get(Method::Psi.name()).copied()
    }

    /// What the index of this column is called.
    pub(super) fn index_name(&self) -> &'static str {
        match self.role {
            Role::Prediction | Role::Reason => "PSI",
            _ => "CSI",
        }
    }
}
