//! The JSON Schema of an application: exactly what the model accepts, as far as JSON Schema
//! can express it.

use std::collections::HashSet;

use model_core::schema::MissingValues;
use serde_json::{Map, Number, Value, json};

use super::reference::reference;
use crate::host::{Description, Feature, FeatureRole, FeatureType, PolicyInfo};

/// The request of `/predict`.
pub(super) fn schema(model: &Description, missing: &MissingValues) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut example = Map::new();
    for feature in &model.features {
        properties.insert(feature.name.clone(), property(model, feature, missing));
        if !may_miss(feature) {
            required.push(feature.name.as_str());
        }
        // What is computed is left out: an example of its own could contradict the others.
        if let (Some(value), FeatureRole::Input, None) =
            (&feature.example, feature.role, &feature.derived)
        {
            example.insert(feature.name.clone(), value.clone());
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": model.model.description,
        "properties": properties,
        "required": required,
        "additionalProperties": false,
        "examples": [example],
    });
    // JSON Schema cannot count nulls and clamped values: a body may match and be refused.
    if let Some(most) = model.max_adjustments {
        schema["description"] = format!(
            "{} At most {most} values may be missing, unknown or out of range.",
            model.model.description
        )
        .into();
    }
    schema
}

/// Whether an application is accepted without it.
fn may_miss(feature: &Feature) -> bool {
    feature.derived.is_some() || feature.missing.as_deref() != Some("error")
}

fn property(model: &Description, feature: &Feature, missing: &MissingValues) -> Value {
    let is_validated = is_validated(model, feature);
    let mut schema = match (is_validated, feature.r#type) {
        (false, _) => json!({}),
        (true, FeatureType::Boolean) => boolean(),
        (true, FeatureType::Category) => category(feature),
        (true, FeatureType::Integer) => number(feature, "integer"),
        (true, _) => number(feature, "number"),
    };
    if is_validated && may_miss(feature) {
        schema = or_missing(schema, feature, missing);
    }
    schema["description"] = describe(model, feature).into();
    if let (Some(example), true) = (&feature.example, feature.role != FeatureRole::Ignored) {
        schema["examples"] = json!([example]);
    }
    schema
}

/// Whether a value of another type is refused: where rules may name protected features, that of
/// each of them is, named or not.
fn is_validated(model: &Description, feature: &Feature) -> bool {
    let policy = model.policy.as_ref();
    match feature.role {
        FeatureRole::Ignored => false,
        FeatureRole::Protected => policy.is_some_and(|policy| policy.allow_protected),
        FeatureRole::Input | FeatureRole::Unknown => true,
    }
}

/// Null, the empty text and the schema's own values mean missing.
fn or_missing(schema: Value, feature: &Feature, values: &MissingValues) -> Value {
    let any_text = schema.to_string().contains(r#"["string","number"]"#);
    let mut missing = vec![json!({ "type": "null" })];
    if !any_text {
        let texts = [""].into_iter();
        let texts: Vec<&str> = texts
            .chain(values.texts().iter().map(String::as_str))
            .collect();
        missing.push(json!({ "type": "string", "enum": texts }));
        let numbers = missing_numbers(feature, values);
        if !numbers.is_empty() {
            missing.push(json!({ "type": "number", "format": "double", "enum": numbers }));
        }
    }
    let mut forms = match schema {
        Value::Object(mut schema) if schema.contains_key("anyOf") => match schema.remove("anyOf") {
            Some(Value::Array(forms)) => forms,
            _ => Vec::new(),
        },
        one => vec![one],
    };
    forms.extend(missing);
    json!({ "anyOf": forms })
}

/// The numbers that mean missing: a category is compared by its text, all else by value.
fn missing_numbers(feature: &Feature, values: &MissingValues) -> Vec<Number> {
    let texts = values.texts().iter();
    let numbers = values.numbers().iter();
    let mut all: Vec<Number> = match feature.r#type {
        FeatureType::Category => texts.filter_map(|text| as_number(text)).collect(),
        _ => numbers
            .filter_map(|number| number.to_string().parse().ok())
            .collect(),
    };
    // One number may be listed in two ways of writing it.
    let mut seen = HashSet::new();
    all.retain(|number| seen.insert(number.clone()));
    all
}

/// A boolean is also 0, 1, and the words for it, in any case.
fn boolean() -> Value {
    const WORDS: &str =
        "^([Tt][Rr][Uu][Ee]|1|[Yy][Ee][Ss]|[Yy]|[Tt]|[Ff][Aa][Ll][Ss][Ee]|0|[Nn][Oo]|[Nn]|[Ff])$";
    json!({ "anyOf": [
        { "type": "boolean" },
        { "type": "integer", "enum": [0, 1] },
        { "type": "string", "pattern": WORDS },
    ] })
}

fn number(feature: &Feature, kind: &str) -> Value {
    // Without a format, generators take numbers of single precision.
    let format = if kind == "integer" { "int64" } else { "double" };
    let mut schema = json!({ "type": kind, "format": format });
    if feature.out_of_range.as_deref() == Some("error") {
        let bounds = [
            ("minimum", &feature.minimum),
            ("exclusiveMinimum", &feature.exclusive_minimum),
            ("maximum", &feature.maximum),
            ("exclusiveMaximum", &feature.exclusive_maximum),
        ];
        for (keyword, bound) in bounds {
            if let Some(bound) = bound {
                schema[keyword] = Value::Number(bound.clone());
            }
        }
    }
    if kind == "integer" {
        // Beyond these an integer is not exact (docs/reference/decision-contract.md).
        const EXACT: i64 = 1 << 53;
        if schema.get("minimum").is_none() && schema.get("exclusiveMinimum").is_none() {
            schema["minimum"] = (-EXACT).into();
        }
        if schema.get("maximum").is_none() && schema.get("exclusiveMaximum").is_none() {
            schema["maximum"] = EXACT.into();
        }
    }
    schema
}

/// A number stands for the text that it is written as, so one that is no category is as
/// unknown as any other text.
fn category(feature: &Feature) -> Value {
    let texts = feature.categories.iter().map(|one| one.value.as_str());
    if feature.unknown.as_deref() != Some("error") {
        // The known ones first: others are mapped, and that is listed.
        let known: Vec<&str> = texts.collect();
        return json!({ "anyOf": [
            { "type": "string", "enum": known },
            { "type": ["string", "number"], "format": "double" },
        ] });
    }
    let numbers: Vec<Value> = texts
        .clone()
        .filter_map(as_number)
        .map(Value::Number)
        .collect();
    let texts: Vec<&str> = texts.collect();
    let texts = json!({ "type": "string", "enum": texts });
    match numbers.is_empty() {
        true => texts,
        false => {
            json!({ "anyOf": [texts, { "type": "number", "format": "double", "enum": numbers }] })
        }
    }
}

/// The number that is written like this: `3` for `3`, none for `03`.
fn as_number(text: &str) -> Option<Number> {
    let number: Number = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Help, unit, range and what happens to a value that is not there or not allowed.
fn describe(model: &Description, feature: &Feature) -> String {
    // Generators would call types by a `title`, in whatever language it is.
    let mut words = format!("{}.", feature.label);
    if let Some(help) = &feature.help {
        words = format!("{words} {help}");
    }
    let mut add = |text: String| {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(&text);
    };
    if let Some(unit) = &feature.unit {
        add(format!("In {unit}."));
    }
    match feature.role {
        FeatureRole::Protected if model.may_rules_use(feature) => {
            add("The model does not see it; rules of the policy may decide by it.".to_owned());
        }
        FeatureRole::Protected => add("Never used to decide.".to_owned()),
        FeatureRole::Ignored => add("Ignored.".to_owned()),
        _ => {}
    }
    let low = feature
        .minimum
        .as_ref()
        .map(|bound| format!("at least {bound}"));
    let low = low.or(feature
        .exclusive_minimum
        .as_ref()
        .map(|bound| format!("above {bound}")));
    let high = feature
        .maximum
        .as_ref()
        .map(|bound| format!("at most {bound}"));
    let high = high.or(feature
        .exclusive_maximum
        .as_ref()
        .map(|bound| format!("below {bound}")));
    let range: Vec<String> = low.into_iter().chain(high).collect();
    if !range.is_empty() {
        let policy = match feature.out_of_range.as_deref() {
            Some("clamp") => "; other values are moved to the nearest one",
            _ => "",
        };
        add(format!("Expected {}{policy}.", range.join(" and ")));
    }
    if let Some(derived) = &feature.derived {
        let rounded = match derived.round {
            Some(decimals) => format!(", rounded to {decimals} decimals"),
            None => String::new(),
        };
        let mismatch = match derived.mismatch.as_str() {
            "overwrite" => "replaced by the computed one",
            _ => "refused",
        };
        add(format!(
            "Computed as `{}`{rounded} when it is left out; a given value that contradicts this is {mismatch}.",
            derived.formula
        ));
    }
    if let (Some(policy), Some(value)) = (&feature.missing, &feature.imputed)
        && policy != "error"
    {
        add(format!("When missing: {value}."));
    }
    words
}

/// The answer of `/predict`.
pub(super) fn decision(model: Option<&Description>) -> Value {
    let labels =
        model.map(|model| json!([model.target.positive_label, model.target.negative_label]));
    let mut schema = json!({
        "type": "object",
        "required": ["prediction", "prediction_label", "approve", "probability", "threshold", "model", "features_used", "adjustments"],
        "properties": {
            "prediction": { "type": "integer", "enum": [0, 1], "description": "1 if `outcome` is `approve`, else 0." },
            "prediction_label": { "type": "string" },
            "approve": { "type": "boolean" },
            "probability": { "type": "number", "format": "double", "minimum": 0, "maximum": 1 },
            "threshold": { "type": "number", "format": "double", "minimum": 0, "maximum": 1, "description": "Without a policy, what `probability` has to reach for `approve`." },
            "model": reference("ModelId"),
            "features_used": { "type": "array", "items": { "type": "string" } },
            "adjustments": { "type": "array", "description": "Values that a policy imputed, mapped or clamped.", "items": reference("Adjustment") },
            "latency_seconds": { "type": "number", "format": "double", "minimum": 0 },
            "request_id": { "type": "string" },
        },
    });
    if let Some(labels) = labels {
        schema["properties"]["prediction_label"]["enum"] = labels;
    }
    // From format 3 on every decision says its outcome.
    if model.is_none_or(|model| model.format > 2) {
        schema["properties"]["outcome"] = json!({
            "type": "string",
            "enum": ["approve", "refer", "decline"],
            "description": "What is decided; `refer` means that a person decides.",
        });
        if model.is_some() {
            require(&mut schema, "outcome");
        }
    }
    if let Some(model) = model
        && let Some(policy) = &model.policy
    {
        for (name, property) in policy_properties(model, policy) {
            schema["properties"][name] = property;
            require(&mut schema, name);
        }
    }
    schema
}

fn require(schema: &mut Value, name: &str) {
    if let Some(required) = schema["required"].as_array_mut() {
        required.push(name.into());
    }
}

/// What decisions carry where there is a policy.
fn policy_properties(model: &Description, policy: &PolicyInfo) -> [(&'static str, Value); 3] {
    let mut about = format!("The lending policy `{}`.", policy.version);
    if let Some([from, to]) = policy.refer {
        about += &format!(
            " Probabilities from {from} to below {to} are referred, those below decline, and those from {to} on approve."
        );
    }
    let mut rules = "Codes of the rules that matched, in the order of the policy.".to_owned();
    let mut codes: Vec<&str> = Vec::new();
    for rule in &policy.rules {
        let text = model.text_of(rule);
        rules += &format!("\n- `{}` ({}): {text}", rule.code, rule.then);
        if !codes.contains(&rule.code.as_str()) {
            codes.push(&rule.code);
        }
    }
    let items = match codes.is_empty() {
        true => json!({ "type": "string" }),
        false => json!({ "type": "string", "enum": codes }),
    };
    [
        (
            "model_prediction",
            json!({
                "type": "integer",
                "enum": [0, 1],
                "description": "What the model alone would have decided: 1 if `probability` is at least `threshold`.",
            }),
        ),
        (
            "policy",
            json!({
                "type": "object",
                "description": about,
                "required": ["version", "digest"],
                "properties": {
                    "version": { "type": "string", "examples": [policy.version] },
                    "digest": { "type": "string", "description": "Identifies the exact policy that decided." },
                },
            }),
        ),
        (
            "rules",
            json!({ "type": "array", "items": items, "description": rules }),
        ),
    ]
}
