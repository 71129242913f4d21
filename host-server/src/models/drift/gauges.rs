//! A window's comparison as metrics.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;

use model_drift::report::Report;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Snapshot;
use crate::models::label::LabelText;

/// The families; each window sets its members.
#[derive(Clone)]
pub(crate) struct GaugeSet {
    score: Family<Feature, Gauge<f64, AtomicU64>>,
    threshold: Family<Feature, Gauge<f64, AtomicU64>>,
    effect: Family<Feature, Gauge<f64, AtomicU64>>,
    drifted: Family<Feature, Gauge>,
    dataset: Family<Version, Gauge>,
    share: Family<Version, Gauge<f64, AtomicU64>>,
    rows: Family<Version, Gauge>,
    unread: Family<Version, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    model: LabelText,
    version: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Feature {
    model: LabelText,
    version: LabelText,
    feature: LabelText,
}

impl GaugeSet {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let set = Self {
            score: Family::default(),
            threshold: Family::default(),
            effect: Family::default(),
            drifted: Family::default(),
            dataset: Family::default(),
            share: Family::default(),
            rows: Family::default(),
            unread: Family::default(),
        };
        macro_rules! family {
            ($name:literal, $help:literal, $field:ident) => {
                registry.register($name, $help, set.$field.clone());
            };
        }
        family!(
            "underwrite_drift_score",
            "Adjusted p-value of a feature's drift; significant below the threshold",
            score
        );
        family!(
            "underwrite_drift_threshold",
            "Significance threshold for a feature's score",
            threshold
        );
        family!(
            "underwrite_drift_effect",
            "Effect size of a feature's drift: the share of requests that moved to other bins, 0 to 1",
            effect
        );
        family!(
            "underwrite_drift_detected",
            "Whether a feature has drifted, 1 or 0",
            drifted
        );
        family!(
            "underwrite_drift_dataset_detected",
            "Whether a model's requests have drifted, 1 or 0",
            dataset
        );
        family!(
            "underwrite_drift_share",
            "Drifted features by all features, 0 to 1",
            share
        );
        family!(
            "underwrite_drift_window_rows",
            "Requests in the drift window",
            rows
        );
        family!(
            "underwrite_drift_unread_requests",
            "Requests that the drift window could not count: not a JSON object, or too long",
            unread
        );
        set
    }

    pub(super) fn model(&self, model: &str, version: &str) -> Gauges {
        Gauges {
            set: self.clone(),
            key: Version {
                model: model.into(),
                version: version.into(),
            },
            shown: Mutex::default(),
        }
    }
}

/// One window's gauges.
pub(super) struct Gauges {
    set: GaugeSet,
    key: Version,
    /// The features that have values.
    shown: Mutex<Vec<Feature>>,
}

impl Gauges {
    /// Without a comparison there is no verdict to show, not even an earlier one.
    pub(super) fn set(&self, snapshot: &Snapshot, unread: u64) {
        let set = &self.set;
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        set.rows
            .get_or_create(&self.key)
            .set(whole(snapshot.rows()));
        set.unread.get_or_create(&self.key).set(whole(unread));
        match snapshot.report() {
            Some(report) => self.show(report),
            None => self.clear(),
        }
    }

    fn show(&self, report: &Report) {
        let set = &self.set;
        let verdict = |drift: bool| i64::from(drift);
        set.dataset
            .get_or_create(&self.key)
            .set(verdict(report.dataset_drift));
        set.share.get_or_create(&self.key).set(report.share_drifted);
        let mut shown = self.shown();
        shown.clear();
        for column in &report.columns {
            let key = Feature {
                model: self.key.model.clone(),
                version: self.key.version.clone(),
                feature: column.name.as_str().into(),
            };
            set.score.get_or_create(&key).set(column.score);
            set.threshold.get_or_create(&key).set(column.threshold);
            set.effect
                .get_or_create(&key)
                .set(column.effect_size.unwrap_or(0.0));
            set.drifted.get_or_create(&key).set(verdict(column.drift));
            shown.push(key);
        }
    }

    /// Shows no comparison.
    pub(super) fn clear(&self) {
        let set = &self.set;
        set.dataset.remove(&self.key);
        set.share.remove(&self.key);
        for key in self.shown().drain(..) {
            set.score.remove(&key);
            set.threshold.remove(&key);
            set.effect.remove(&key);
            set.drifted.remove(&key);
        }
    }

    fn shown(&self) -> std::sync::MutexGuard<'_, Vec<Feature>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Gauges {
    /// A model that is no longer served has no drift to show.
    fn drop(&mut self) {
        self.clear();
        self.set.rows.remove(&self.key);
        self.set.unread.remove(&self.key);
    }
}
