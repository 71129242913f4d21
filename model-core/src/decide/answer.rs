//! Writing a decision: the only place where its JSON is made.

use super::request::RawField;
use super::{Adjusted, Decider, Judgement};
use crate::artifact::{Artifact, Digests};
use crate::json::Writer;
use crate::literal::number_text;
use crate::policy::Outcome;
use crate::schema::{Feature, FeatureKind};

/// JSON that is the same in every answer of a model.
#[derive(Debug)]
pub(super) struct Constants {
    model: String,
    features_used: String,
    /// Where there is a policy.
    policy: Option<String>,
}

impl Constants {
    pub(super) fn new(artifact: &Artifact, digests: &Digests) -> Self {
        let schema = &artifact.schema;
        Self {
            model: written(|json| {
                json.object(|json| {
                    json.key("name").text(&schema.name);
                    json.key("version").text(&schema.version);
                    json.key("digest").text(&digests.model);
                });
            }),
            features_used: written(|json| {
                json.array(schema.inputs(), |json, feature| json.text(&feature.name));
            }),
            policy: artifact.policy.as_ref().map(|policy| {
                written(|json| {
                    json.object(|json| {
                        json.key("version").text(&policy.version);
                        if let Some(digest) = &digests.policy {
                            json.key("digest").text(digest);
                        }
                    });
                })
            }),
        }
    }
}

fn written(value: impl FnOnce(&mut Writer<'_>)) -> String {
    let mut out = Vec::new();
    value(&mut Writer::new(&mut out));
    String::from_utf8(out).unwrap_or_default()
}

/// Writes a value of the model's terms in its feature's own type. Whole numbers are written
/// without a point, `other` and what stays missing are `null`.
pub fn write_value(json: &mut Writer<'_>, feature: &Feature, value: f64) {
    match &feature.kind {
        _ if value.is_nan() => json.raw("null"),
        FeatureKind::Boolean => json.boolean(value != 0.0),
        FeatureKind::Category(categories) => match categories.values.get(value as usize) {
            // A negative code saturates to the first category when it is cast.
            Some(category) if value >= 0.0 => json.text(category),
            _ => json.raw("null"),
        },
        FeatureKind::Number(_) | FeatureKind::Integer(_) => json.raw(&number_text(value)),
    }
}

impl Decider {
    pub(super) fn write_answer(
        &self,
        judgement: Judgement,
        adjusted: &[Adjusted<'_>],
        reasons: Option<&str>,
        out: &mut Vec<u8>,
    ) -> u16 {
        // The old fields state what was decided: who knows them alone approves nothing that
        // a rule did not.
        let approve = judgement.outcome == Outcome::Approve;
        let target = &self.artifact.schema.target;
        let label = if approve {
            &target.positive_label
        } else {
            &target.negative_label
        };
        Writer::new(out).object(|json| {
            json.key("prediction").integer(approve.into());
            json.key("prediction_label").text(label);
            json.key("approve").boolean(approve);
            json.key("probability").number(judgement.probability);
            json.key("threshold").number(self.artifact.threshold);
            json.key("model").raw(&self.constants.model);
            json.key("features_used").raw(&self.constants.features_used);
            json.key("adjustments")
                .array(adjusted, |json, one| self.write_adjustment(json, one));
            if self.format > 2 {
                self.write_outcome(json, judgement);
            }
            if let Some(reasons) = reasons {
                json.key("reasons").raw(reasons);
            }
        });
        200
    }

    fn write_outcome(&self, json: &mut Writer<'_>, judgement: Judgement) {
        json.key("outcome").text(judgement.outcome.word());
        if let Some(policy) = &self.constants.policy {
            json.key("model_prediction")
                .integer(judgement.model_approves.into());
            json.key("policy").raw(policy);
            json.key("rules")
                .array(self.matched_codes(), |json, code| json.text(code));
        }
    }

    fn write_adjustment(&self, json: &mut Writer<'_>, adjusted: &Adjusted<'_>) {
        let feature = self.feature(adjusted.input);
        json.object(|json| {
            json.key("feature").text(&feature.name);
            json.key("kind").text(adjusted.adjustment.kind());
            json.key("policy").text(adjusted.adjustment.policy());
            if let Some(from) = adjusted.from.as_ref().and_then(RawField::echo) {
                json.key("from").raw(from);
            }
            write_value(json.key("to"), feature, adjusted.to);
        });
    }
}
