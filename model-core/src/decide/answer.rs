//! Writing an answer: the only place where JSON of a decision is made.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::request::Slot;
use super::{Adjusted, Decider};
use crate::schema::{Feature, Kind, Schema};
use crate::value::ValueError;

/// How many problems a refusal lists.
pub(super) const MAX_PROBLEMS: usize = 100;

/// What is the same in every answer of a model.
#[derive(Debug)]
pub(super) struct Constants {
    model: Box<RawValue>,
    features_used: Box<RawValue>,
}

#[derive(Serialize)]
struct ModelIdentity<'a> {
    name: &'a str,
    version: &'a str,
    digest: &'a str,
}

impl Constants {
    pub(super) fn new(schema: &Schema, digest: &str) -> serde_json::Result<Self> {
        let used: Vec<_> = schema.inputs().map(|f| f.name.as_str()).collect();
        Ok(Self {
            model: to_raw_value(&ModelIdentity {
                name: &schema.name,
                version: &schema.version,
                digest,
            })?,
            features_used: to_raw_value(&used)?,
        })
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    prediction: u8,
    prediction_label: &'a str,
    approve: bool,
    probability: f64,
    threshold: f64,
    model: &'a RawValue,
    features_used: &'a RawValue,
    adjustments: Vec<AdjustmentJson<'a>>,
}

#[derive(Serialize)]
struct AdjustmentJson<'a> {
    feature: &'a str,
    kind: &'static str,
    policy: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a RawValue>,
    to: FeatureValue<'a>,
}

/// A value in its feature's own type.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum FeatureValue<'a> {
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Category(Option<&'a str>),
}

impl<'a> FeatureValue<'a> {
    /// From the model's terms. Whole numbers are written without a point.
    pub(crate) fn of(feature: &'a Feature, value: f64) -> Self {
        match &feature.kind {
            Kind::Boolean => Self::Boolean(value != 0.0),
            Kind::Category(categories) => {
                Self::Category(categories.values.get(value as usize).map(String::as_str))
            }
            Kind::Number(_) | Kind::Integer(_) => Self::number(value),
        }
    }

    pub(crate) fn number(value: f64) -> Self {
        if value.fract() == 0.0 && value.abs() < 1e15 {
            Self::Integer(value as i64)
        } else {
            Self::Number(value)
        }
    }
}

impl Decider {
    pub(super) fn write_answer(
        &self,
        probability: f64,
        adjusted: &[Adjusted<'_>],
        out: &mut Vec<u8>,
    ) -> u16 {
        let approve = probability >= self.artifact.threshold;
        let target = &self.artifact.schema.target;
        let answer = Answer {
            prediction: u8::from(approve),
            prediction_label: match approve {
                true => &target.positive_label,
                false => &target.negative_label,
            },
            approve,
            probability,
            threshold: self.artifact.threshold,
            model: &self.constants.model,
            features_used: &self.constants.features_used,
            adjustments: adjusted.iter().map(|one| self.adjustment(one)).collect(),
        };
        write(200, &answer, out)
    }

    fn adjustment<'a>(&'a self, adjusted: &'a Adjusted<'_>) -> AdjustmentJson<'a> {
        let feature = &self.inputs[adjusted.input];
        AdjustmentJson {
            feature: &feature.name,
            kind: adjusted.adjustment.kind(),
            policy: adjusted.adjustment.policy(),
            from: adjusted.from.as_ref().and_then(Slot::echo),
            to: FeatureValue::of(feature, adjusted.to),
        }
    }
}

/// One reason for a refusal, in pydantic's form.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    r#type: &'static str,
    loc: Vec<Place>,
    msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Place {
    Name(String),
    Offset(usize),
}

impl Problem {
    fn new(r#type: &'static str, place: Option<Place>, msg: impl Into<String>) -> Self {
        let body = Place::Name("body".into());
        Self {
            r#type,
            loc: [body].into_iter().chain(place).collect(),
            msg: msg.into(),
            input: None,
        }
    }

    fn of_field(r#type: &'static str, name: &str, msg: impl Into<String>) -> Self {
        Self::new(r#type, Some(Place::Name(shortened(name))), msg)
    }

    pub(super) fn json_invalid(offset: usize, reason: &str) -> Self {
        let place = Some(Place::Offset(offset));
        Self::new(
            "json_invalid",
            place,
            format!("JSON decode error: {reason}"),
        )
    }

    pub(super) fn not_an_object() -> Self {
        let msg = "Input should be a JSON object: feature names to values";
        Self::new("dict_type", None, msg)
    }

    pub(super) fn target_given(name: &str) -> Self {
        let msg = "This is what the model answers: leave it out";
        Self::of_field("extra_forbidden", name, msg)
    }

    pub(super) fn duplicate(name: &str) -> Self {
        Self::of_field("duplicate_field", name, "The field is there more than once")
    }

    pub(super) fn unknown_field(name: &str, nearest: Option<&str>) -> Self {
        let msg = match nearest {
            Some(nearest) => format!("Unknown field: did you mean '{nearest}'?"),
            None => "Unknown field: the model has no feature of this name".into(),
        };
        Self::of_field("extra_forbidden", name, msg)
    }

    pub(super) fn too_many_adjustments(found: usize, most: u32) -> Self {
        let msg = format!(
            "{found} values are missing, unknown or out of range, at most {most} may be filled in: give more of the features"
        );
        Self::new("too_many_adjustments", None, msg)
    }

    pub(super) fn of_value(feature: &Feature, error: ValueError, slot: Option<&Slot<'_>>) -> Self {
        let mut problem = Self::of_field(error.kind, &feature.name, error.message);
        problem.input = slot.and_then(Slot::echo).map(ToOwned::to_owned);
        problem
    }
}

/// A field's name as it may be repeated: at most 128 bytes.
fn shortened(name: &str) -> String {
    match name.char_indices().find(|(at, c)| at + c.len_utf8() > 128) {
        Some((at, _)) => format!("{}…", &name[..at]),
        None => name.to_owned(),
    }
}

#[derive(Serialize)]
struct Envelope<T> {
    detail: T,
}

pub(super) fn write_refusal(problems: &[Problem], out: &mut Vec<u8>) -> u16 {
    let detail = &problems[..problems.len().min(MAX_PROBLEMS)];
    write(422, &Envelope { detail }, out)
}

pub(super) fn write_too_large(out: &mut Vec<u8>) -> u16 {
    let detail = "The request is too large: at most 1 MiB";
    write(413, &Envelope { detail }, out)
}

/// The answer of a module that has no model, or a broken one.
pub fn write_unavailable(reason: &str, out: &mut Vec<u8>) -> u16 {
    write(503, &Envelope { detail: reason }, out)
}

/// Writing to memory cannot fail; should a value ever refuse to be JSON, the answer says so.
fn write(status: u16, answer: &impl Serialize, out: &mut Vec<u8>) -> u16 {
    let start = out.len();
    match serde_json::to_writer(&mut *out, answer) {
        Ok(()) => status,
        Err(_) => {
            out.truncate(start);
            out.extend_from_slice(br#"{"detail":"Internal Server Error"}"#);
            500
        }
    }
}
