//! Metrics of the decision log: how it does, and how often people decide otherwise.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use model_log::{AppendError, Kind, LogError, Outcome, Query, Reader, Status};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::histogram::Histogram;

/// Upper bounds in seconds: an answer waits for about one sync of the disk.
const WAITS: [f64; 12] = [
    0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

/// Which decisions of the model people changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label's values")]
pub(crate) enum Side {
    /// The model declined, a person approved.
    low,
    /// The model approved, a person declined.
    high,
    /// The model referred; what a person decided is no override of it.
    referred,
    /// A person came to what the model had decided.
    agreed,
}

impl Side {
    /// What a person's decision is beside the model's.
    pub(crate) fn new(model: Outcome, person: Outcome) -> Self {
        match (model, person) {
            (Outcome::Decline, Outcome::Approve) => Self::low,
            (Outcome::Approve, Outcome::Decline) => Self::high,
            (Outcome::Refer, _) => Self::referred,
            _ => Self::agreed,
        }
    }
}

/// Why an answer was not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label's values")]
enum Failure {
    full,
    too_large,
    stopped,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OnSide {
    side: Side,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Because {
    cause: Failure,
}

/// How many records there are, and how many decided what.
#[derive(Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) records: u64,
    approve: u64,
    refer: u64,
    decline: u64,
}

impl Counted {
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.records += 1;
        match outcome {
            Outcome::None => {}
            Outcome::Approve => self.approve += 1,
            Outcome::Refer => self.refer += 1,
            Outcome::Decline => self.decline += 1,
        }
    }
}

/// Metrics of the decision log.
pub(crate) struct LogMetrics {
    records: Gauge,
    waiting: Gauge,
    checkpoint_size: Gauge,
    running: Gauge,
    syncs: Counter,
    sync_seconds: Counter<f64, AtomicU64>,
    recovered_bytes: Gauge,
    checkpoints: Counter,
    waits: Histogram,
    decisions: Family<Of, Counter>,
    overrides: Family<OnSide, Counter>,
    refused: Family<Because, Counter>,
    unrecorded: Counter,
    shadow_lost: Counter,
}

impl LogMetrics {
    /// Of a server with a log: without one there are none of these.
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            records: Gauge::default(),
            waiting: Gauge::default(),
            checkpoint_size: Gauge::default(),
            running: Gauge::default(),
            syncs: Counter::default(),
            sync_seconds: Counter::default(),
            recovered_bytes: Gauge::default(),
            checkpoints: Counter::default(),
            waits: Histogram::new(WAITS),
            decisions: Family::default(),
            overrides: Family::default(),
            refused: Family::default(),
            unrecorded: Counter::default(),
            shadow_lost: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("underwrite_decision_log");
        metrics.register_state(registry);
        metrics.register_counts(registry);
        metrics
    }

    fn register_state(&self, registry: &mut Registry) {
        registry.register("records", "Records in the log", self.records.clone());
        registry.register(
            "waiting",
            "Records that wait for the disk",
            self.waiting.clone(),
        );
        registry.register(
            "checkpoint_records",
            "Records that the last signed checkpoint covers",
            self.checkpoint_size.clone(),
        );
        registry.register(
            "running",
            "1 while decisions are recorded, 0 after a failure of the disk",
            self.running.clone(),
        );
        registry.register("syncs", "Syncs since the start", self.syncs.clone());
        registry.register(
            "sync_seconds",
            "Time that the syncs since the start took",
            self.sync_seconds.clone(),
        );
        registry.register(
            "recovered_bytes",
            "Bytes of an unfinished end that were cut at the start",
            self.recovered_bytes.clone(),
        );
        registry.register(
            "checkpoints",
            "Checkpoints signed",
            self.checkpoints.clone(),
        );
    }

    fn register_counts(&self, registry: &mut Registry) {
        registry.register(
            "wait_seconds",
            "Time that an answer waited for its record",
            self.waits.clone(),
        );
        registry.register(
            "decisions",
            "Decisions of models in the log, by outcome",
            self.decisions.clone(),
        );
        registry.register(
            "overrides",
            "Decisions of people in the log: low where the model declined and a person approved, high where it approved and a person declined, referred, agreed",
            self.overrides.clone(),
        );
        registry.register(
            "refused",
            "Answers not given since they could not be recorded, by cause",
            self.refused.clone(),
        );
        registry.register(
            "unrecorded",
            "Answers given without a record",
            self.unrecorded.clone(),
        );
        registry.register(
            "shadow_lost",
            "Answers of a challenger in the shadow that were not recorded",
            self.shadow_lost.clone(),
        );
        // A rate over a series that starts with its first event would miss that event.
        for side in [Side::low, Side::high, Side::referred, Side::agreed] {
            drop(self.overrides.get_or_create(&OnSide { side }));
        }
        for outcome in [Outcome::Approve, Outcome::Refer, Outcome::Decline] {
            drop(self.decisions(outcome));
        }
        for cause in [Failure::full, Failure::too_large, Failure::stopped] {
            drop(self.refused.get_or_create(&Because { cause }));
        }
    }

    fn decisions(&self, outcome: Outcome) -> Counter {
        let outcome = outcome.name();
        self.decisions.get_or_create_owned(&Of { outcome })
    }

    /// Counts what the log holds already.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn count_before(&self, reader: &Reader) -> Result<(), LogError> {
        let of = |kind| Query {
            kinds: vec![kind],
            ..Query::default()
        };
        // A log has few overrides and may have any number of decisions: those are not collected.
        let mut overrides: BTreeMap<u64, Vec<Outcome>> = BTreeMap::new();
        for record in reader.search(&of(Kind::Override))? {
            if let Some(link) = record.link {
                overrides.entry(link).or_default().push(record.outcome);
            }
        }
        reader.search_each(&of(Kind::Decision), |decision| {
            for decided in overrides.remove(&decision.index).into_iter().flatten() {
                self.overridden(Side::new(decision.outcome, decided));
            }
            // What a shadow said is linked to what was answered.
            if decision.link.is_none() && decision.outcome != Outcome::None {
                self.decisions(decision.outcome).inc();
            }
            ControlFlow::Continue(())
        })
    }

    pub(super) fn recorded(&self, counted: Counted, took: Duration) {
        self.waits.observe(took.as_secs_f64());
        for (outcome, number) in [
            (Outcome::Approve, counted.approve),
            (Outcome::Refer, counted.refer),
            (Outcome::Decline, counted.decline),
        ] {
            if number > 0 {
                self.decisions(outcome).inc_by(number);
            }
        }
    }

    /// A person decided.
    pub(super) fn overridden(&self, side: Side) {
        self.overrides.get_or_create(&OnSide { side }).inc();
    }

    pub(super) fn refused(&self, error: &AppendError, records: u64) {
        let cause = match error {
            AppendError::Full(_) => Failure::full,
            AppendError::TooLarge { .. } => Failure::too_large,
            _ => Failure::stopped,
        };
        self.refused
            .get_or_create(&Because { cause })
            .inc_by(records);
    }

    pub(super) fn unrecorded(&self, records: u64) {
        self.unrecorded.inc_by(records);
    }

    /// Answers that were given without a record.
    pub(crate) fn without_record(&self) -> u64 {
        self.unrecorded.get()
    }

    /// Decisions of models in the log.
    pub(crate) fn decisions_counted(&self) -> u64 {
        let outcomes = [Outcome::Approve, Outcome::Refer, Outcome::Decline];
        outcomes
            .map(|outcome| self.decisions(outcome).get())
            .iter()
            .sum()
    }

    pub(super) fn lost_shadow(&self) {
        self.shadow_lost.inc();
    }

    pub(super) fn checkpoint(&self) {
        self.checkpoints.inc();
    }

    pub(super) fn recovered(&self, bytes: u64) {
        self.recovered_bytes.set(signed(bytes));
    }

    /// Bytes that were cut at this start.
    pub(crate) fn bytes_recovered(&self) -> u64 {
        self.recovered_bytes.get().unsigned_abs()
    }

    pub(super) fn set(&self, status: &Status) {
        self.records.set(signed(status.records));
        self.waiting.set(signed(status.waiting as u64));
        self.checkpoint_size.set(signed(status.checkpoint));
        self.running.set(i64::from(status.stopped.is_none()));
        // The log counts on; of two that look at once one finds nothing new.
        self.syncs
            .inc_by(status.syncs.saturating_sub(self.syncs.get()));
        let seconds = status.sync_micros as f64 / 1e6;
        self.sync_seconds
            .inc_by((seconds - self.sync_seconds.get()).max(0.0));
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
