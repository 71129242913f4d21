//! What a model says about itself; the JSON is described in `docs/reference/module-abi.md`.

use crate::artifact::Artifact;
use crate::decide::{Decider, write_value};
use crate::json::Writer;
use crate::policy::Policy;
use crate::schema::{Bound, Categories, Example, Feature, Role, Schema, Translation};
use crate::value::number_text;

/// The version of the module's plain exports.
pub const ABI_VERSION: u32 = 1;

impl Decider {
    /// Appends the description as JSON.
    pub fn describe(&self, out: &mut Vec<u8>) {
        let artifact = self.artifact();
        let schema = &artifact.schema;
        Writer::new(out).object(|json| {
            json.key("abi").integer(ABI_VERSION.into());
            json.key("format").integer(self.format().into());
            json.key("model").object(|json| {
                json.key("name").text(&schema.name);
                json.key("version").text(&schema.version);
                json.key("digest").text(self.digest());
                let title = schema.title.as_deref();
                write_own(json, ["title", "titles"], title, schema, |texts| {
                    texts.label.as_deref()
                });
                let description = schema.description.as_deref();
                let keys = ["description", "descriptions"];
                write_own(json, keys, description, schema, |texts| {
                    texts.help.as_deref()
                });
                json.key("kind").text(artifact.kind.word());
            });
            json.key("threshold").number(artifact.threshold);
            json.key("calibration").text(artifact.calibration.word());
            if let Some(most) = schema.max_adjustments {
                json.key("max_adjustments").integer(most.into());
            }
            json.key("target").object(|json| {
                let target = &schema.target;
                json.key("name").text(&target.name);
                let keys = ["positive_label", "positive_labels"];
                write_own(json, keys, Some(&target.positive_label), schema, |texts| {
                    texts.category_labels.get(1).map(String::as_str)
                });
                let keys = ["negative_label", "negative_labels"];
                write_own(json, keys, Some(&target.negative_label), schema, |texts| {
                    texts.category_labels.first().map(String::as_str)
                });
                if let Some(outcomes) = &target.outcomes {
                    json.key("positive_outcome").text(&outcomes.positive);
                    json.key("negative_outcome").text(&outcomes.negative);
                }
            });
            let mut imputed = artifact.preprocessing.imputed.iter().copied();
            json.key("features")
                .array(&schema.features, |json, feature| {
                    let fill = match feature.role {
                        Role::Input => imputed.next(),
                        Role::Protected | Role::Ignored => None,
                    };
                    write_feature(json, feature, &schema.languages, fill);
                });
            write_training(json.key("training"), artifact);
            if self.format() > 2 {
                json.key("languages")
                    .array(&schema.languages, |json, language| json.text(language));
            }
            if let Some(policy) = &artifact.policy {
                let digest = self.digests().policy.as_deref();
                write_policy(json.key("policy"), policy, digest, &schema.languages);
            }
        });
    }
}

fn write_policy(
    json: &mut Writer<'_>,
    policy: &Policy,
    digest: Option<&str>,
    languages: &[String],
) {
    json.object(|json| {
        json.key("version").text(&policy.version);
        optional(json, "digest", digest);
        if let Some(band) = policy.refer {
            json.key("refer")
                .array([band.from, band.to], |json, end| json.number(end));
        }
        json.key("allow_protected").boolean(policy.allow_protected);
        json.key("rules").array(&policy.rules, |json, rule| {
            json.object(|json| {
                json.key("id").text(&rule.id);
                json.key("stage").text(rule.stage.word());
                json.key("when").text(&rule.source);
                json.key("then").text(rule.then.word());
                json.key("if_missing").text(rule.if_missing.word());
                json.key("code").text(&rule.code);
                json.key("text").object(|json| {
                    for (language, text) in languages.iter().zip(&rule.text.0) {
                        json.key(language).text(text);
                    }
                });
            });
        });
    });
}

fn optional(json: &mut Writer<'_>, key: &str, text: Option<&str>) {
    if let Some(text) = text {
        json.key(key).text(text);
    }
}

/// The texts by language under `key`, where there are several languages: `first`, then those
/// of the feature's translations. One copy of the code serves every kind of text.
#[inline(never)]
fn write_texts<'t>(
    json: &mut Writer<'_>,
    key: &str,
    languages: &[String],
    first: &'t str,
    translated: &dyn Fn(usize) -> Option<&'t str>,
) {
    if languages.len() < 2 {
        return;
    }
    json.key(key).object(|json| {
        for (index, language) in languages.iter().enumerate() {
            let text = index.checked_sub(1).and_then(translated);
            json.key(language).text(text.unwrap_or(first));
        }
    });
}

/// A text of the schema itself, and below the second key in every language.
fn write_own(
    json: &mut Writer<'_>,
    keys: [&str; 2],
    first: Option<&str>,
    schema: &Schema,
    translated: fn(&Translation) -> Option<&str>,
) {
    if let Some(first) = first {
        json.key(keys[0]).text(first);
        write_texts(json, keys[1], &schema.languages, first, &|nth| {
            translated(schema.translations.get(nth)?)
        });
    }
}

fn write_feature(
    json: &mut Writer<'_>,
    feature: &Feature,
    languages: &[String],
    imputed: Option<f64>,
) {
    let translation = |nth: usize| feature.translations.get(nth);
    json.object(|json| {
        json.key("name").text(&feature.name);
        json.key("type").text(feature.kind.word());
        json.key("role").text(feature.role.word());
        let label = feature.display_label();
        json.key("label").text(label);
        write_texts(json, "labels", languages, label, &|nth| {
            translation(nth)?.label.as_deref()
        });
        optional(json, "help", feature.help.as_deref());
        if let Some(help) = &feature.help {
            write_texts(json, "helps", languages, help, &|nth| {
                translation(nth)?.help.as_deref()
            });
        }
        optional(json, "unit", feature.unit.as_deref());
        if let Some(range) = feature.range() {
            write_bound(json, range.lower, ["minimum", "exclusive_minimum"]);
            write_bound(json, range.upper, ["maximum", "exclusive_maximum"]);
        }
        if let Some(categories) = feature.categories() {
            write_categories(json.key("categories"), feature, categories, languages);
        }
        match &feature.example {
            Some(Example::Boolean(yes)) => json.key("example").boolean(*yes),
            Some(Example::Number(number)) => json.key("example").raw(&number_text(*number)),
            Some(Example::Text(text)) => json.key("example").text(text),
            None => {}
        }
        if let Some(derived) = &feature.derived {
            json.key("derived").object(|json| {
                json.key("formula").text(&derived.source);
                if let Some(decimals) = derived.decimals {
                    json.key("round").integer(decimals.into());
                }
                json.key("mismatch").text(derived.mismatch.word());
            });
        }
        if let Some(actionable) = &feature.actionable {
            json.key("actionable").text(actionable.direction.word());
        }
        if let Some(imputed) = imputed {
            write_policies(json, feature);
            write_value(json.key("imputed"), feature, imputed);
        }
    });
}

fn write_bound(json: &mut Writer<'_>, bound: Option<Bound>, keys: [&str; 2]) {
    if let Some(bound) = bound {
        let key = keys[usize::from(bound.exclusive)];
        json.key(key).raw(&number_text(bound.value));
    }
}

fn write_categories(
    json: &mut Writer<'_>,
    feature: &Feature,
    categories: &Categories,
    languages: &[String],
) {
    let pairs = categories.values.iter().zip(&categories.labels);
    json.array(pairs.enumerate(), |json, (code, (value, label))| {
        json.object(|json| {
            json.key("value").text(value);
            json.key("label").text(label);
            write_texts(json, "labels", languages, label, &|nth| {
                let translation = feature.translations.get(nth)?;
                translation.category_labels.get(code).map(String::as_str)
            });
        });
    });
}

fn write_policies(json: &mut Writer<'_>, feature: &Feature) {
    json.key("missing").text(feature.missing.word());
    if let Some(categories) = feature.categories() {
        json.key("unknown").text(categories.unknown.word());
    }
    if let Some(range) = feature.range() {
        json.key("out_of_range").text(range.policy.word());
    }
}

fn write_training(json: &mut Writer<'_>, artifact: &Artifact) {
    let training = &artifact.training;
    json.object(|json| {
        json.key("rows_train").integer(training.rows_train);
        json.key("rows_test").integer(training.rows_test);
        json.key("seed").integer(training.seed);
        json.key("data_sha256").text(&training.data_sha256);
        json.key("underwrite_version")
            .text(&training.underwrite_version);
        json.key("engine_sha256").text(&artifact.engine_sha256);
        json.key("metrics").object(|json| {
            for (name, value) in &training.metrics {
                json.key(name).number(*value);
            }
        });
    });
}
