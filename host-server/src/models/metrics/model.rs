//! Metrics of decisions, by model and version; nothing about the applicants.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::linear_buckets;
use prometheus_client::registry::Registry;

use crate::histogram::Histogram;
use crate::host::{Answer, CallError, Description};
use crate::models::label::LabelText;
use crate::models::score::{Adjustment, Outcome, Score, adjustments, reasons, rules};

/// The result of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label's values")]
pub(crate) enum Reload {
    loaded,
    refused,
    rolled_back,
}

/// How a challenger's answer compared with the champion's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the label's values")]
pub(crate) enum Shadowed {
    agreed,
    disagreed,
    failed,
    dropped,
}

/// The families of metrics; each model takes its members from them once.
pub(crate) struct ModelMetricsSet {
    decisions: Family<Labelled, Counter>,
    outcomes: Family<Decided, Counter>,
    rules: Family<Matched, Counter>,
    reasons: Family<Matched, Counter>,
    adjustments: Family<Adjusted, Counter>,
    scores: Family<Version, Histogram, fn() -> Histogram>,
    failures: Family<Failed, Counter>,
    refusals: Family<Version, Counter>,
    instances: Family<Version, Gauge>,
    info: Infos,
    champions: Family<Version, Gauge>,
    reloads: Family<Reloaded, Counter>,
    shadow: Family<Compared, Counter>,
    shadow_outcomes: Family<ComparedOutcomes, Counter>,
    shadow_difference: Family<Version, Histogram, fn() -> Histogram>,
    latest: Gauge<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Version {
    model: LabelText,
    version: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labelled {
    model: LabelText,
    version: LabelText,
    label: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    model: LabelText,
    version: LabelText,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Matched {
    model: LabelText,
    version: LabelText,
    code: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Adjusted {
    model: LabelText,
    version: LabelText,
    feature: LabelText,
    kind: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    model: LabelText,
    version: LabelText,
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Info {
    model: LabelText,
    version: LabelText,
    digest: LabelText,
    /// Who signed it, as the trusted key is called; empty where signatures are not checked.
    signer: LabelText,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reloaded {
    model: LabelText,
    result: Reload,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Compared {
    model: LabelText,
    version: LabelText,
    result: Shadowed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ComparedOutcomes {
    model: LabelText,
    version: LabelText,
    champion: &'static str,
    challenger: &'static str,
}

impl ModelMetricsSet {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let probability: fn() -> Histogram = || Histogram::new(linear_buckets(0.05, 0.05, 20));
        let set = Self {
            decisions: Family::default(),
            outcomes: Family::default(),
            rules: Family::default(),
            reasons: Family::default(),
            adjustments: Family::default(),
            scores: Family::new_with_constructor(probability),
            failures: Family::default(),
            refusals: Family::default(),
            instances: Family::default(),
            info: Infos::default(),
            champions: Family::default(),
            reloads: Family::default(),
            shadow: Family::default(),
            shadow_outcomes: Family::default(),
            shadow_difference: Family::new_with_constructor(probability),
            latest: Gauge::default(),
        };
        set.register_families(registry);
        set
    }

    fn register_families(&self, registry: &mut Registry) {
        macro_rules! family {
            ($name:literal, $help:literal, $field:ident) => {
                registry.register($name, $help, self.$field.clone());
            };
        }
        family!(
            "underwrite_decisions",
            "Decisions, by model, version and label",
            decisions
        );
        family!(
            "underwrite_outcomes",
            "Decisions, by model, version and outcome: approve, refer or decline",
            outcomes
        );
        family!(
            "underwrite_rules",
            "Decisions that a rule of the policy matched, by the rule's code",
            rules
        );
        family!(
            "underwrite_reasons",
            "Reasons that answers carried, by their code",
            reasons
        );
        family!(
            "underwrite_adjustments",
            "Values that a policy imputed, mapped or clamped",
            adjustments
        );
        family!(
            "underwrite_score",
            "Probabilities of the positive class",
            scores
        );
        family!(
            "underwrite_refusals",
            "Requests that a model refused (4xx)",
            refusals
        );
        family!(
            "underwrite_module_failures",
            "Calls of the module that failed, by cause",
            failures
        );
        family!(
            "underwrite_module_instances",
            "Instances of the module that exist",
            instances
        );
        registry.register(
            "underwrite_model_info",
            "Models being served: always 1",
            self.info.family.clone(),
        );
        family!(
            "underwrite_champion",
            "The version of a model that answers: always 1",
            champions
        );
        family!(
            "underwrite_model_reloads",
            "Reloads of a model file, by result",
            reloads
        );
        family!(
            "underwrite_shadow",
            "A challenger's decisions in the shadow, by comparison with the champion's",
            shadow
        );
        family!(
            "underwrite_shadow_outcomes",
            "A challenger's decisions in the shadow, by the champion's outcome and its own",
            shadow_outcomes
        );
        family!(
            "underwrite_shadow_difference",
            "Absolute difference between a challenger's probability and the champion's",
            shadow_difference
        );
        family!(
            "latest_prediction",
            "The latest decision, 1 or 0 (the first service's name)",
            latest
        );
    }

    pub(crate) fn reload(&self, model: &str, result: Reload) {
        let labels = Reloaded {
            model: model.into(),
            result,
        };
        self.reloads.get_or_create(&labels).inc();
    }

    /// Records that the version `to` answers from now on, in place of `from`.
    pub(crate) fn champion(&self, model: &str, from: Option<&str>, to: Option<&str>) {
        let labels = |version: &str| Version {
            model: model.into(),
            version: version.into(),
        };
        if let Some(from) = from {
            self.champions.remove(&labels(from));
        }
        if let Some(to) = to {
            self.champions.get_or_create(&labels(to)).set(1);
        }
    }

    /// The metrics of one model and version.
    pub(crate) fn model(
        &self,
        model: &str,
        version: &str,
        description: &Description,
        signer: Option<&str>,
    ) -> ModelMetrics {
        let target = &description.target;
        let label = |label: &str| {
            self.decisions.get_or_create_owned(&Labelled {
                model: model.into(),
                version: version.into(),
                label: label.into(),
            })
        };
        let outcome = |outcome: Outcome| {
            self.outcomes.get_or_create_owned(&Decided {
                model: model.into(),
                version: version.into(),
                outcome: outcome.word(),
            })
        };
        let key = Version {
            model: model.into(),
            version: version.into(),
        };
        let shadow = |result| {
            self.shadow.get_or_create_owned(&Compared {
                model: model.into(),
                version: version.into(),
                result,
            })
        };
        let failure = |cause| {
            self.failures.get_or_create_owned(&Failed {
                model: model.into(),
                version: version.into(),
                cause,
            })
        };
        let info = Info {
            model: model.into(),
            version: version.into(),
            digest: description.model.digest.as_str().into(),
            signer: signer.unwrap_or_default().into(),
        };
        for result in [Reload::loaded, Reload::refused, Reload::rolled_back] {
            let labels = Reloaded {
                model: model.into(),
                result,
            };
            drop(self.reloads.get_or_create(&labels));
        }
        ModelMetrics {
            outcomes: Outcome::ALL.map(outcome),
            rules: self.rules(model, version, description),
            positive: label(&target.positive_label),
            negative: label(&target.negative_label),
            scores: self.scores.get_or_create_owned(&key),
            refusals: self.refusals.get_or_create_owned(&key),
            failures: CAUSES.map(failure),
            instances: self.instances.get_or_create_owned(&key),
            shadow: [
                Shadowed::agreed,
                Shadowed::disagreed,
                Shadowed::failed,
                Shadowed::dropped,
            ]
            .map(shadow),
            shadow_outcomes: self.shadow_outcomes.clone(),
            shadow_difference: self.shadow_difference.get_or_create_owned(&key),
            latest: self.latest.clone(),
            adjustments: self.adjustments.clone(),
            reasons: self.reasons.clone(),
            _info: self.info.add(info),
            key,
        }
    }

    /// A counter for each code that the policy knows.
    fn rules(&self, model: &str, version: &str, description: &Description) -> Rules {
        let mut rules = Rules::default();
        let known = description.policy.iter().flat_map(|policy| &policy.rules);
        for rule in known {
            // Rules may share a code.
            if !rules.codes.contains_key(&rule.code) {
                rules.codes.insert(rule.code.clone(), rules.counters.len());
                rules
                    .counters
                    .push(self.rules.get_or_create_owned(&Matched {
                        model: model.into(),
                        version: version.into(),
                        code: rule.code.as_str().into(),
                    }));
            }
        }
        rules
    }
}

/// The counters of a policy's rules.
#[derive(Default)]
struct Rules {
    /// The counter of each code.
    codes: HashMap<String, usize>,
    counters: Vec<Counter>,
}

const CAUSES: [&str; 4] = ["trap", "timeout", "memory", "other"];

/// One model's metrics.
pub(crate) struct ModelMetrics {
    key: Version,
    /// In the order of [`Outcome::ALL`].
    outcomes: [Counter; 3],
    rules: Rules,
    positive: Counter,
    negative: Counter,
    scores: Histogram,
    refusals: Counter,
    failures: [Counter; CAUSES.len()],
    instances: Gauge,
    shadow: [Counter; 4],
    shadow_outcomes: Family<ComparedOutcomes, Counter>,
    shadow_difference: Histogram,
    latest: Gauge<f64, AtomicU64>,
    adjustments: Family<Adjusted, Counter>,
    reasons: Family<Matched, Counter>,
    _info: OneInfo,
}

impl ModelMetrics {
    /// Counts a decision, or where there is no score a refusal.
    pub(crate) fn decided(&self, answer: Answer<'_>, score: Option<Score>) {
        let Some(score) = score else {
            self.refusals.inc();
            return;
        };
        if score.approves() {
            self.positive.inc();
        } else {
            self.negative.inc();
        }
        self.outcomes[score.outcome as usize].inc();
        for rule in self.matched(answer) {
            self.rules.counters[rule].inc();
        }
        self.latest.set(f64::from(u8::from(score.approves())));
        self.scores.observe(score.probability);
        self.adjusted(answer);
        self.reasoned(answer, score);
    }

    /// Counts the reasons that an answer carries.
    pub(super) fn reasoned(&self, answer: Answer<'_>, score: Score) {
        if score.approves() {
            return;
        }
        for reason in reasons(answer) {
            let labels = Matched {
                model: self.key.model.clone(),
                version: self.key.version.clone(),
                code: reason.code.into(),
            };
            self.reasons.get_or_create(&labels).inc();
        }
    }

    /// Counts many decisions by outcome, in the order of [`Outcome::ALL`], and the latest of
    /// them.
    pub(super) fn count(&self, outcomes: [u64; 3], refused: u64, latest: Option<Score>) {
        let [approved, others @ ..] = outcomes;
        let counts = [
            (&self.positive, approved),
            (&self.negative, others.iter().sum()),
            (&self.refusals, refused),
        ];
        for (counter, count) in counts.into_iter().chain(self.outcomes.iter().zip(outcomes)) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        if let Some(score) = latest {
            self.latest.set(f64::from(u8::from(score.approves())));
        }
    }

    /// How many rules are counted.
    pub(super) fn rules(&self) -> usize {
        self.rules.counters.len()
    }

    /// The counters of the rules that matched; a code that the policy does not know has none.
    pub(super) fn matched<'a>(&'a self, answer: Answer<'a>) -> impl Iterator<Item = usize> + 'a {
        let has_rules = !self.rules.counters.is_empty();
        let codes = has_rules.then(|| rules(answer)).into_iter().flatten();
        codes.filter_map(|code| self.rules.codes.get(code).copied())
    }

    /// Counts matches, by counter.
    pub(super) fn count_rules(&self, matches: &[u64]) {
        for (counter, count) in self.rules.counters.iter().zip(matches) {
            if *count > 0 {
                counter.inc_by(*count);
            }
        }
    }

    pub(super) fn observe(&self, scores: &[f64]) {
        for score in scores {
            self.scores.observe(*score);
        }
    }

    pub(crate) fn failed(&self, error: &CallError) {
        let cause = match error {
            CallError::Trap { .. } => 0,
            CallError::Deadline { .. } => 1,
            CallError::Memory { .. } => 2,
            _ => 3,
        };
        self.failures[cause].inc();
    }

    pub(crate) fn set_instances(&self, instances: usize) {
        self.instances
            .set(i64::try_from(instances).unwrap_or(i64::MAX));
    }

    pub(crate) fn shadowed(&self, result: Shadowed) {
        self.shadow[result as usize].inc();
    }

    /// A challenger's answer beside the champion's.
    pub(crate) fn compared(&self, champion: Option<Score>, challenger: Option<Score>) {
        let outcome = |score: Option<Score>| score.map(|score| score.outcome);
        let word = |outcome: Option<Outcome>| outcome.map_or("refused", Outcome::word);
        let (a, b) = (outcome(champion), outcome(challenger));
        self.shadowed(if a == b {
            Shadowed::agreed
        } else {
            Shadowed::disagreed
        });
        let labels = ComparedOutcomes {
            model: self.key.model.clone(),
            version: self.key.version.clone(),
            champion: word(a),
            challenger: word(b),
        };
        self.shadow_outcomes.get_or_create(&labels).inc();
        if let (Some(a), Some(b)) = (champion, challenger) {
            self.shadow_difference
                .observe((a.probability - b.probability).abs());
        }
    }

    /// Counts the values that a policy changed.
    pub(super) fn adjusted(&self, answer: Answer<'_>) {
        for Adjustment { feature, kind, .. } in adjustments(answer) {
            let labels = Adjusted {
                model: self.key.model.clone(),
                version: self.key.version.clone(),
                feature: feature.into(),
                kind: kind.into(),
            };
            self.adjustments.get_or_create(&labels).inc();
        }
    }
}

impl Drop for ModelMetrics {
    /// A model that is no longer served has no instances.
    fn drop(&mut self) {
        self.instances.set(0);
    }
}

/// The series that say which models are served. Several models may share one: a policy leaves the
/// digest as it is.
#[derive(Clone, Default)]
struct Infos {
    family: Family<Info, Gauge>,
    /// How many models each is of.
    models: Arc<Mutex<HashMap<Info, usize>>>,
}

/// A model's share of its series.
struct OneInfo {
    infos: Infos,
    labels: Info,
}

impl Infos {
    fn add(&self, labels: Info) -> OneInfo {
        let mut models = self.models();
        *models.entry(labels.clone()).or_default() += 1;
        self.family.get_or_create(&labels).set(1);
        drop(models);
        OneInfo {
            infos: self.clone(),
            labels,
        }
    }

    fn models(&self) -> MutexGuard<'_, HashMap<Info, usize>> {
        self.models.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OneInfo {
    fn drop(&mut self) {
        let mut models = self.infos.models();
        if let Some(count) = models.get_mut(&self.labels) {
            *count -= 1;
            if *count == 0 {
                models.remove(&self.labels);
                self.infos.family.remove(&self.labels);
            }
        }
    }
}
