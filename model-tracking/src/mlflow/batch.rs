//! What `runs/log-batch` takes, within the server's limits.

use serde_json::{Value, json};

use crate::run::{Dataset, non_finite_name};

/// Most of each kind in one request, and of all together.
const PARAMS: usize = 100;
const TAGS: usize = 100;
const METRICS: usize = 1000;
/// Longest key and values, in characters.
const KEY: usize = 250;
const PARAM_VALUE: usize = 6000;
const TAG_VALUE: usize = 5000;
/// Longest digest of a dataset.
const DIGEST: usize = 36;

/// Everything that is logged to one run.
pub(super) struct Batch {
    run_id: String,
    params: Vec<Value>,
    tags: Vec<Value>,
    metrics: Vec<Value>,
}

impl Batch {
    pub(super) fn new(run_id: &str) -> Self {
        Self {
            run_id: run_id.to_owned(),
            params: Vec::new(),
            tags: Vec::new(),
            metrics: Vec::new(),
        }
    }

    pub(super) fn param(&mut self, name: &str, value: &Value) {
        let param = json!({"key": key(name), "value": param_value(value)});
        self.params.push(param);
    }

    pub(super) fn tag(&mut self, name: &str, value: &str) {
        self.tags.push(tag(name, value));
    }

    pub(super) fn metric(&mut self, name: &str, value: f64, time_ms: i64, step: u64) {
        // As protobuf's JSON has it.
        let value = match value.is_finite() {
            true => json!(value),
            false => json!(non_finite_name(value)),
        };
        let metric = json!({"key": key(name), "value": value, "timestamp": time_ms, "step": step});
        self.metrics.push(metric);
    }

    /// Links the metric that was added last to a logged model and to the data.
    pub(super) fn belongs_to(&mut self, model_id: &str, dataset: Option<&Dataset>) {
        let Some(Value::Object(metric)) = self.metrics.last_mut() else {
            return;
        };
        metric.insert("model_id".to_owned(), json!(model_id));
        if let Some(dataset) = dataset {
            metric.insert("dataset_name".to_owned(), json!(dataset.name));
            metric.insert("dataset_digest".to_owned(), json!(digest(dataset)));
        }
    }

    /// The requests that it takes.
    pub(super) fn requests(self) -> impl Iterator<Item = Value> {
        let parts = |list: Vec<Value>, name: &'static str, most: usize| {
            let chunks: Vec<Vec<Value>> = list.chunks(most).map(<[Value]>::to_vec).collect();
            chunks.into_iter().map(move |chunk| (name, chunk))
        };
        let run_id = self.run_id;
        parts(self.params, "params", PARAMS)
            .chain(parts(self.tags, "tags", TAGS))
            .chain(parts(self.metrics, "metrics", METRICS))
            .map(move |(name, chunk)| json!({"run_id": run_id, name: chunk}))
    }
}

/// A parameter's value as the server takes it.
pub(super) fn param_value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    cut(&text, PARAM_VALUE)
}

/// A tag as the server takes it.
pub(super) fn tag(name: &str, value: &str) -> Value {
    json!({"key": key(name), "value": cut(value, TAG_VALUE)})
}

/// The data's SHA-256, as much of it as there is room for.
pub(super) fn digest(dataset: &Dataset) -> String {
    cut(&dataset.sha256, DIGEST - 4)
}

/// A name that the server takes: letters, digits, `_-. /:`.
pub(super) fn key(name: &str) -> String {
    let fine = |c: char| c.is_alphanumeric() || "_-. /:".contains(c);
    let name: String = name
        .chars()
        .map(|c| if fine(c) { c } else { '_' })
        .collect();
    cut(&name, KEY)
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => text[..end].to_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail")]
mod tests {
    use super::*;

    #[test]
    fn limits_are_kept() {
        let mut batch = Batch::new("r");
        for number in 0..250 {
            batch.param(&format!("p{number}"), &json!("x".repeat(7000)));
        }
        for number in 0..1500 {
            batch.metric("a (b)", f64::NAN, 1, number);
        }
        let requests: Vec<Value> = batch.requests().collect();
        let count = |request: &Value, name| request[name].as_array().map(Vec::len);
        let params: Vec<_> = requests.iter().filter_map(|r| count(r, "params")).collect();
        let metrics: Vec<_> = requests
            .iter()
            .filter_map(|r| count(r, "metrics"))
            .collect();
        assert_eq!(params, [100, 100, 50]);
        assert_eq!(metrics, [1000, 500]);
        let value = requests[0]["params"][0]["value"].as_str().unwrap();
        assert_eq!(value.len(), 6000);
        assert_eq!(requests[3]["metrics"][0]["value"], "NaN");
        assert_eq!(requests[3]["metrics"][0]["key"], "a _b_");
    }
}
