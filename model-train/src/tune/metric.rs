//! What a search is after.

use serde::{Deserialize, Serialize};

use crate::metrics::Metrics;

/// A figure of [`Metrics`] that models are chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// [`Metrics::roc_auc`]; more is better.
    #[default]
    RocAuc,
    /// [`Metrics::log_loss`]; less is better.
    LogLoss,
    /// [`Metrics::f1_weighted`] at a threshold of 0.5; more is better.
    F1,
    /// [`Metrics::accuracy`] at a threshold of 0.5; more is better.
    Accuracy,
    /// [`Metrics::brier`]; less is better.
    Brier,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 5] = [
        Self::RocAuc,
        Self::LogLoss,
        Self::F1,
        Self::Accuracy,
        Self::Brier,
    ];

    /// Its word, such as `roc_auc`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::RocAuc => "roc_auc",
            Self::LogLoss => "log_loss",
            Self::F1 => "f1",
            Self::Accuracy => "accuracy",
            Self::Brier => "brier",
        }
    }

    /// The figure.
    #[must_use]
    pub fn figure(self, metrics: &Metrics) -> f64 {
        match self {
            Self::RocAuc => metrics.roc_auc,
            Self::LogLoss => metrics.log_loss,
            Self::F1 => metrics.f1_weighted,
            Self::Accuracy => metrics.accuracy,
            Self::Brier => metrics.brier,
        }
    }

    /// Whether more is better.
    #[must_use]
    pub fn is_maximised(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Brier)
    }

    /// Whether shrinking all probabilities towards one another can leave it as it is.
    pub(super) fn is_blind_to_scale(self) -> bool {
        matches!(self, Self::RocAuc | Self::F1 | Self::Accuracy)
    }

    /// The figure with its sign so that less is better.
    #[must_use]
    pub fn loss(self, figure: f64) -> f64 {
        if self.is_maximised() { -figure } else { figure }
    }
}
