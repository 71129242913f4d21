//! The calls of MLflow's REST API.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::Batch;
use crate::http::{Answer, Call, Client, Content, encode, encode_path};
use crate::tracker::TrackError;

/// Runs of one page of a search.
const PAGE: u32 = 1000;

/// A run on the server.
#[derive(Debug, Clone)]
pub(super) struct RemoteRun {
    pub(super) run_id: String,
    /// Where its artifacts go.
    pub(super) artifact_uri: String,
    pub(super) tags: Vec<Tag>,
}

impl RemoteRun {
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        let found = self.tags.iter().find(|tag| tag.key == key);
        found.map(|tag| tag.value.as_str())
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

/// A logged model on the server.
#[derive(Debug)]
pub(super) struct RemoteModel {
    pub(super) model_id: String,
    pub(super) artifact_uri: String,
}

#[derive(Deserialize)]
struct RunAnswer {
    run: RunJson,
}

#[derive(Deserialize)]
struct RunJson {
    info: RunInfo,
    #[serde(default)]
    data: RunData,
}

#[derive(Deserialize)]
struct RunInfo {
    run_id: String,
    artifact_uri: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize, Default)]
struct RunData {
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    runs: Vec<RunJson>,
    next_page_token: Option<String>,
}

impl From<RunJson> for RemoteRun {
    fn from(json: RunJson) -> Self {
        Self {
            run_id: json.info.run_id,
            artifact_uri: json.info.artifact_uri,
            tags: json.data.tags,
        }
    }
}

/// The server.
pub(super) struct Rest {
    client: Client,
}

impl Rest {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    pub(super) fn base(&self) -> &str {
        self.client.base()
    }

    /// The id of the experiment of this name, which is made if it is not there.
    pub(super) fn experiment(&self, name: &str) -> Result<String, TrackError> {
        #[derive(Deserialize)]
        struct Got {
            experiment: Created,
        }
        #[derive(Deserialize)]
        struct Created {
            experiment_id: String,
        }
        let query = format!("experiments/get-by-name?experiment_name={}", encode(name));
        let call = self.call("GET", &query, Content::Nothing);
        let answer = self.client.send(&call)?;
        if answer.status < 400 {
            let got: Got = self.client.parse(&answer)?;
            return Ok(got.experiment.experiment_id);
        }
        if !says(&answer, "RESOURCE_DOES_NOT_EXIST") {
            return Err(self.client.refusal(&answer));
        }
        let body = json!({"name": name});
        let created =
            self.client
                .send(&self.call("POST", "experiments/create", Content::Json(&body)))?;
        if says(&created, "RESOURCE_ALREADY_EXISTS") {
            // Another process was quicker.
            let got: Got = self.client.json(&call)?;
            return Ok(got.experiment.experiment_id);
        }
        if created.status >= 400 {
            return Err(self.client.refusal(&created));
        }
        Ok(self.client.parse::<Created>(&created)?.experiment_id)
    }

    /// The run of an experiment with this tag.
    pub(super) fn find_run(
        &self,
        experiment: &str,
        key: &str,
        value: &str,
    ) -> Result<Option<RemoteRun>, TrackError> {
        let filter = format!("tags.`{key}` = '{value}'");
        let found = self.search(experiment, &filter, None, 1)?;
        Ok(found.runs.into_iter().next().map(RemoteRun::from))
    }

    /// The values of a tag of those nested runs that have come to their end.
    pub(super) fn ended_children(
        &self,
        experiment: &str,
        parent: &str,
        key: &str,
    ) -> Result<BTreeSet<String>, TrackError> {
        let filter = format!("tags.`mlflow.parentRunId` = '{parent}'");
        let mut values = BTreeSet::new();
        let mut page = None;
        loop {
            let found = self.search(experiment, &filter, page.as_deref(), PAGE)?;
            let ended = found.runs.into_iter();
            let ended = ended.filter(|run| run.info.status != "RUNNING");
            values.extend(ended.filter_map(|run| RemoteRun::from(run).tag(key).map(str::to_owned)));
            page = found.next_page_token.filter(|token| !token.is_empty());
            if page.is_none() {
                return Ok(values);
            }
        }
    }

    fn search(
        &self,
        experiment: &str,
        filter: &str,
        page: Option<&str>,
        most: u32,
    ) -> Result<Found, TrackError> {
        let mut body = json!({
            "experiment_ids": [experiment], "filter": filter, "max_results": most,
        });
        if let Some(page) = page {
            body["page_token"] = json!(page);
        }
        self.client
            .json(&self.call("POST", "runs/search", Content::Json(&body)))
    }

    pub(super) fn create_run(&self, body: &Value) -> Result<RemoteRun, TrackError> {
        let mut call = self.call("POST", "runs/create", Content::Json(body));
        call.repeatable = false;
        Ok(self.client.json::<RunAnswer>(&call)?.run.into())
    }

    pub(super) fn log(&self, batch: Batch) -> Result<(), TrackError> {
        for body in batch.requests() {
            self.post("runs/log-batch", &body)?;
        }
        Ok(())
    }

    pub(super) fn log_inputs(&self, run_id: &str, datasets: &Value) -> Result<(), TrackError> {
        self.post(
            "runs/log-inputs",
            &json!({"run_id": run_id, "datasets": datasets}),
        )
    }

    pub(super) fn end_run(
        &self,
        run_id: &str,
        status: &str,
        end_ms: i64,
    ) -> Result<(), TrackError> {
        let mut body = json!({"run_id": run_id, "status": status});
        if status != "RUNNING" {
            body["end_time"] = json!(end_ms);
        }
        self.post("runs/update", &body)
    }

    pub(super) fn set_tag(&self, run_id: &str, key: &str, value: &str) -> Result<(), TrackError> {
        let body = json!({"run_id": run_id, "key": key, "value": value});
        self.post("runs/set-tag", &body)
    }

    /// A new logged model; `None` where the server is of version 2 and has no such thing.
    pub(super) fn create_model(&self, body: &Value) -> Result<Option<RemoteModel>, TrackError> {
        let mut call = self.call("POST", "logged-models", Content::Json(body));
        call.repeatable = false;
        let answer = self.client.send(&call)?;
        if matches!(answer.status, 404 | 405 | 501) {
            return Ok(None);
        }
        self.model_of(&answer).map(Some)
    }

    pub(super) fn model(&self, model_id: &str) -> Result<RemoteModel, TrackError> {
        let path = format!("logged-models/{}", encode(model_id));
        let answer = self
            .client
            .send(&self.call("GET", &path, Content::Nothing))?;
        self.model_of(&answer)
    }

    fn model_of(&self, answer: &Answer) -> Result<RemoteModel, TrackError> {
        #[derive(Deserialize)]
        struct Got {
            model: ModelJson,
        }
        #[derive(Deserialize)]
        struct ModelJson {
            info: ModelInfo,
        }
        #[derive(Deserialize)]
        struct ModelInfo {
            model_id: String,
            artifact_uri: String,
        }
        if answer.status >= 400 {
            return Err(self.client.refusal(answer));
        }
        let info = self.client.parse::<Got>(answer)?.model.info;
        Ok(RemoteModel {
            model_id: info.model_id,
            artifact_uri: info.artifact_uri,
        })
    }

    /// Any other call that changes something and answers nothing of use.
    pub(super) fn change(
        &self,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<(), TrackError> {
        let call = self.call(method, path, Content::Json(body));
        self.client.ok(&call).map(drop)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<(), TrackError> {
        self.change("POST", path, body)
    }

    /// Makes a registered model, or leaves it as it is.
    pub(super) fn create_registered(&self, name: &str) -> Result<(), TrackError> {
        let body = json!({"name": name});
        let call = self.call("POST", "registered-models/create", Content::Json(&body));
        let answer = self.client.send(&call)?;
        if answer.status < 400 || says(&answer, "RESOURCE_ALREADY_EXISTS") {
            return Ok(());
        }
        Err(self.client.refusal(&answer))
    }

    /// The number of the new version.
    pub(super) fn create_version(&self, body: &Value) -> Result<String, TrackError> {
        #[derive(Deserialize)]
        struct Got {
            model_version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            version: Value,
        }
        let mut call = self.call("POST", "model-versions/create", Content::Json(body));
        call.repeatable = false;
        let got: Got = self.client.json(&call)?;
        Ok(match got.model_version.version {
            Value::String(version) => version,
            other => other.to_string(),
        })
    }

    /// Whether the server takes files for this place in the name of its store.
    pub(super) fn is_proxied(artifact_uri: &str) -> bool {
        artifact_uri.starts_with("mlflow-artifacts:")
    }

    /// Puts a file among a run's artifacts. Where they are not behind the server's proxy, it
    /// goes through the door of the server's own page, which takes up to 10 MB.
    pub(super) fn upload_to_run(
        &self,
        run: &RemoteRun,
        name: &str,
        file: &Path,
    ) -> Result<(), TrackError> {
        if Self::is_proxied(&run.artifact_uri) {
            return self.upload(
                &run.artifact_uri,
                name,
                Content::File(file, content_type(name)),
            );
        }
        self.upload_by_page(&run.run_id, name, Content::File(file, content_type(name)))
    }

    /// Puts a file into the store behind the server's proxy.
    pub(super) fn upload(
        &self,
        artifact_uri: &str,
        name: &str,
        content: Content<'_>,
    ) -> Result<(), TrackError> {
        let place = proxied_path(artifact_uri);
        let path = format!("{}/{}", encode_path(place), encode_path(name));
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
        let url = format!("{}{path}", self.base());
        self.client.ok(&Call::new("PUT", url, content)).map(drop)
    }

    pub(super) fn upload_by_page(
        &self,
        run_id: &str,
        name: &str,
        content: Content<'_>,
    ) -> Result<(), TrackError> {
        let url = format!(
            "{}/ajax-api/2.0/mlflow/upload-artifact?run_uuid={}&path={}",
            self.base(),
            encode(run_id),
            encode(name)
        );
        self.client.ok(&Call::new("POST", url, content)).map(drop)
    }

    fn call<'c>(&self, method: &'static str, path: &str, content: Content<'c>) -> Call<'c> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.base());
        Call::new(method, url, content)
    }
}

/// `mlflow-artifacts:/2/x` and `mlflow-artifacts://host:port/2/x` are `2/x`.
fn proxied_path(artifact_uri: &str) -> &str {
    let rest = artifact_uri.strip_prefix("mlflow-artifacts:").unwrap_or("");
    let path = match rest.strip_prefix("//") {
        Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    path.trim_matches('/')
}

fn says(answer: &Answer, error_code: &str) -> bool {
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    json.is_some_and(|json| json["error_code"] == error_code)
}

/// The type that the server's page shows a file by.
pub(super) fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html",
        "json" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "wasm" => "application/wasm",
        "md" | "toml" | "txt" | "csv" | "jsonl" | "yaml" => "text/plain",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_behind_the_proxy_is_found() {
        assert_eq!(
            proxied_path("mlflow-artifacts:/2/x/artifacts"),
            "2/x/artifacts"
        );
        assert_eq!(proxied_path("mlflow-artifacts://h:1/2/x"), "2/x");
        assert_eq!(proxied_path("mlflow-artifacts://h:1"), "");
    }
}
