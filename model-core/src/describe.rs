//! What a model says about itself; the JSON is described in `docs/module-abi.md`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::artifact::{FORMAT, Training};
use crate::decide::{Decider, FeatureValue};
use crate::model::ModelKind;
use crate::schema::{Example, Feature, Missing, OutOfRange, Role, Unknown};

/// The version of the module's plain exports.
pub const ABI_VERSION: u32 = 1;

#[derive(Serialize)]
struct Description<'a> {
    abi: u32,
    format: u32,
    model: Identity<'a>,
    threshold: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_adjustments: Option<u32>,
    target: TargetJson<'a>,
    features: Vec<FeatureJson<'a>>,
    training: TrainingJson<'a>,
}

#[derive(Serialize)]
struct Identity<'a> {
    name: &'a str,
    version: &'a str,
    digest: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    kind: ModelKind,
}

#[derive(Serialize)]
struct TargetJson<'a> {
    name: &'a str,
    positive_label: &'a str,
    negative_label: &'a str,
}

#[derive(Serialize)]
struct FeatureJson<'a> {
    name: &'a str,
    r#type: &'static str,
    role: Role,
    label: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(flatten)]
    bounds: Bounds<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<CategoryJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    example: Option<FeatureValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<Missing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<Unknown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_range: Option<OutOfRange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imputed: Option<FeatureValue<'a>>,
}

#[derive(Serialize, Default)]
struct Bounds<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    minimum: Option<FeatureValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_minimum: Option<FeatureValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum: Option<FeatureValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_maximum: Option<FeatureValue<'a>>,
}

#[derive(Serialize)]
struct CategoryJson<'a> {
    value: &'a str,
    label: &'a str,
}

#[derive(Serialize)]
struct TrainingJson<'a> {
    rows_train: u64,
    rows_test: u64,
    seed: u64,
    data_sha256: &'a str,
    underwrite_version: &'a str,
    engine_sha256: &'a str,
    metrics: Map<String, Value>,
}

impl Decider {
    /// The description as JSON.
    #[must_use]
    pub fn describe(&self) -> Vec<u8> {
        let artifact = self.artifact();
        let schema = &artifact.schema;
        let description = Description {
            abi: ABI_VERSION,
            format: FORMAT,
            model: Identity {
                name: &schema.name,
                version: &schema.version,
                digest: self.digest(),
                title: schema.title.as_deref(),
                description: schema.description.as_deref(),
                kind: artifact.kind,
            },
            threshold: artifact.threshold,
            max_adjustments: schema.max_adjustments,
            target: TargetJson {
                name: &schema.target.name,
                positive_label: &schema.target.positive_label,
                negative_label: &schema.target.negative_label,
            },
            features: self.features_json(),
            training: training_json(&artifact.training, &artifact.engine_sha256),
        };
        // Writing to memory cannot fail: every part is text, a number or a list of them.
        serde_json::to_vec(&description).unwrap_or_default()
    }

    fn features_json(&self) -> Vec<FeatureJson<'_>> {
        let artifact = self.artifact();
        let mut imputed = artifact.preprocessing.imputed.iter().copied();
        let features = artifact.schema.features.iter();
        features
            .map(|feature| {
                let fill = match feature.role {
                    Role::Input => imputed.next(),
                    Role::Protected | Role::Ignored => None,
                };
                feature_json(feature, fill)
            })
            .collect()
    }
}

fn feature_json(feature: &Feature, imputed: Option<f64>) -> FeatureJson<'_> {
    let used = feature.role == Role::Input;
    FeatureJson {
        name: &feature.name,
        r#type: feature.kind.word(),
        role: feature.role,
        label: feature.display_label(),
        help: feature.help.as_deref(),
        unit: feature.unit.as_deref(),
        bounds: bounds(feature),
        categories: feature.categories().map(|categories| {
            let pairs = categories.values.iter().zip(&categories.labels);
            pairs
                .map(|(value, label)| CategoryJson { value, label })
                .collect()
        }),
        example: feature.example.as_ref().map(|example| match example {
            Example::Boolean(yes) => FeatureValue::Boolean(*yes),
            Example::Number(number) => FeatureValue::number(*number),
            Example::Text(text) => FeatureValue::Category(Some(text)),
        }),
        missing: used.then_some(feature.missing),
        unknown: feature.categories().filter(|_| used).map(|c| c.unknown),
        out_of_range: feature.range().filter(|_| used).map(|r| r.policy),
        imputed: imputed.map(|value| FeatureValue::of(feature, value)),
    }
}

fn bounds(feature: &Feature) -> Bounds<'_> {
    let mut bounds = Bounds::default();
    let Some(range) = feature.range() else {
        return bounds;
    };
    if let Some(lower) = range.lower {
        let value = Some(FeatureValue::number(lower.value));
        match lower.exclusive {
            true => bounds.exclusive_minimum = value,
            false => bounds.minimum = value,
        }
    }
    if let Some(upper) = range.upper {
        let value = Some(FeatureValue::number(upper.value));
        match upper.exclusive {
            true => bounds.exclusive_maximum = value,
            false => bounds.maximum = value,
        }
    }
    bounds
}

fn training_json<'a>(training: &'a Training, engine_sha256: &'a str) -> TrainingJson<'a> {
    let metrics = training.metrics.iter();
    TrainingJson {
        rows_train: training.rows_train,
        rows_test: training.rows_test,
        seed: training.seed,
        data_sha256: &training.data_sha256,
        underwrite_version: &training.underwrite_version,
        engine_sha256,
        metrics: metrics
            .map(|(name, value)| (name.clone(), Value::from(*value)))
            .collect(),
    }
}
