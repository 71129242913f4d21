//! The requests of MLflow's REST API.

use std::collections::{BTreeMap, BTreeSet};

use model_client::{Body, Client, Request, Response, ServiceError, encode, encode_path};
use serde::Deserialize;
use serde_json::{Value, json};

use super::batch::Batch;
use crate::folder::Checked;

/// Runs of one page of a search.
const PAGE: u32 = 1000;
/// Pages of nested runs that are looked through beyond those that the trials fill: runs of other
/// programs, and those of pushes that were interrupted.
const MORE_PAGES: usize = 10;

/// A run on the server.
#[derive(Debug, Clone)]
pub(super) struct RemoteRun {
    pub(super) run_id: String,
    /// Where its artifacts go.
    pub(super) artifact_uri: String,
    params: Vec<KeyValue>,
    tags: Vec<KeyValue>,
}

impl RemoteRun {
    pub(super) fn param(&self, key: &str) -> Option<&str> {
        value_of(&self.params, key)
    }

    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        value_of(&self.tags, key)
    }
}

/// A parameter or a tag.
#[derive(Debug, Clone, Deserialize)]
struct KeyValue {
    key: String,
    #[serde(default)]
    value: String,
}

fn value_of<'a>(list: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = list.iter().find(|one| one.key == key);
    found.map(|one| one.value.as_str())
}

/// A logged model on the server.
#[derive(Debug)]
pub(super) struct RemoteModel {
    pub(super) model_id: String,
    pub(super) artifact_uri: String,
    tags: Vec<KeyValue>,
}

impl RemoteModel {
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        value_of(&self.tags, key)
    }
}

#[derive(Deserialize)]
struct RunResponse {
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
    params: Vec<KeyValue>,
    #[serde(default)]
    tags: Vec<KeyValue>,
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
            params: json.data.params,
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

    /// The id of the experiment of this name, which is created if it does not exist.
    pub(super) fn experiment(&self, name: &str) -> Result<String, ServiceError> {
        #[derive(Deserialize)]
        struct Got {
            experiment: Created,
        }
        #[derive(Deserialize)]
        struct Created {
            experiment_id: String,
        }
        let query = format!("experiments/get-by-name?experiment_name={}", encode(name));
        let request = self.request("GET", &query, Body::Empty);
        let response = self.client.send(&request)?;
        if response.status < 400 {
            let got: Got = self.client.parse(&response)?;
            return Ok(got.experiment.experiment_id);
        }
        if !says(&response, "RESOURCE_DOES_NOT_EXIST") {
            return Err(self.client.refusal(&response));
        }
        let body = json!({"name": name});
        let created =
            self.client
                .send(&self.request("POST", "experiments/create", Body::Json(&body)))?;
        if says(&created, "RESOURCE_ALREADY_EXISTS") {
            // Another process created it in the meantime.
            let got: Got = self.client.json(&request)?;
            return Ok(got.experiment.experiment_id);
        }
        if created.status >= 400 {
            return Err(self.client.refusal(&created));
        }
        Ok(self.client.parse::<Created>(&created)?.experiment_id)
    }

    /// The runs of an experiment with this tag, up to a page of them.
    pub(super) fn find_runs(
        &self,
        experiment: &str,
        key: &str,
        value: &str,
    ) -> Result<Vec<RemoteRun>, ServiceError> {
        let filter = format!("tags.`{key}` = '{value}'");
        let found = self.search(experiment, &filter, None, PAGE)?;
        Ok(found.runs.into_iter().map(RemoteRun::from).collect())
    }

    /// The ids of the nested runs that have ended and have one of these numbers as this tag, by
    /// the number.
    pub(super) fn ended_children(
        &self,
        experiment: &str,
        parent: &str,
        key: &str,
        numbers: &BTreeSet<u64>,
    ) -> Result<BTreeMap<u64, String>, ServiceError> {
        let filter = format!("tags.`mlflow.parentRunId` = '{parent}'");
        let most = numbers.len() / PAGE as usize + 1 + MORE_PAGES;
        let mut there = BTreeMap::new();
        let mut page: Option<String> = None;
        for _ in 0..most {
            let found = self.search(experiment, &filter, page.as_deref(), PAGE)?;
            let ended = found.runs.into_iter();
            let ended = ended.filter(|run| run.info.status != "RUNNING");
            // Of a page only what is asked for is kept: the service says how long it is.
            there.extend(ended.filter_map(|run| {
                let run = RemoteRun::from(run);
                let number = run.tag(key)?.parse().ok()?;
                numbers.contains(&number).then_some((number, run.run_id))
            }));
            let next = found.next_page_token.filter(|token| !token.is_empty());
            if next.is_none() || there.len() == numbers.len() {
                return Ok(there);
            }
            if next == page {
                break;
            }
            page = next;
        }
        let problem = format!("its pages of the runs nested under {parent} have no end");
        Err(self.client.unexpected("POST runs/search", problem))
    }

    fn search(
        &self,
        experiment: &str,
        filter: &str,
        page: Option<&str>,
        most: u32,
    ) -> Result<Found, ServiceError> {
        let mut body = json!({
            "experiment_ids": [experiment], "filter": filter, "max_results": most,
        });
        if let Some(page) = page {
            body["page_token"] = json!(page);
        }
        self.client
            .json(&self.request("POST", "runs/search", Body::Json(&body)))
    }

    pub(super) fn create_run(&self, body: &Value) -> Result<RemoteRun, ServiceError> {
        let mut request = self.request("POST", "runs/create", Body::Json(body));
        request.idempotent = false;
        Ok(self.client.json::<RunResponse>(&request)?.run.into())
    }

    pub(super) fn log(&self, batch: Batch) -> Result<(), ServiceError> {
        for body in batch.requests() {
            self.post("runs/log-batch", &body)?;
        }
        Ok(())
    }

    pub(super) fn log_inputs(&self, run_id: &str, datasets: &Value) -> Result<(), ServiceError> {
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
    ) -> Result<(), ServiceError> {
        let mut body = json!({"run_id": run_id, "status": status});
        if status != "RUNNING" {
            body["end_time"] = json!(end_ms);
        }
        self.post("runs/update", &body)
    }

    pub(super) fn set_tag(&self, run_id: &str, key: &str, value: &str) -> Result<(), ServiceError> {
        let body = json!({"run_id": run_id, "key": key, "value": value});
        self.post("runs/set-tag", &body)
    }

    /// A new logged model; `None` from a server of version 2, which has no logged models.
    pub(super) fn create_model(&self, body: &Value) -> Result<Option<RemoteModel>, ServiceError> {
        let mut request = self.request("POST", "logged-models", Body::Json(body));
        request.idempotent = false;
        let response = self.client.send(&request)?;
        if matches!(response.status, 404 | 405 | 501) {
            return Ok(None);
        }
        self.model_of(&response).map(Some)
    }

    pub(super) fn model(&self, model_id: &str) -> Result<RemoteModel, ServiceError> {
        let path = format!("logged-models/{}", encode(model_id));
        let response = self.client.send(&self.request("GET", &path, Body::Empty))?;
        self.model_of(&response)
    }

    fn model_of(&self, response: &Response) -> Result<RemoteModel, ServiceError> {
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
            #[serde(default)]
            tags: Vec<KeyValue>,
        }
        if response.status >= 400 {
            return Err(self.client.refusal(response));
        }
        let info = self.client.parse::<Got>(response)?.model.info;
        Ok(RemoteModel {
            model_id: info.model_id,
            artifact_uri: info.artifact_uri,
            tags: info.tags,
        })
    }

    /// Any other request that changes something and whose response is of no use.
    pub(super) fn change(
        &self,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Result<(), ServiceError> {
        let request = self.request(method, path, Body::Json(body));
        self.client.ok(&request).map(drop)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<(), ServiceError> {
        self.change("POST", path, body)
    }

    /// Creates a registered model, or leaves it as it is.
    pub(super) fn create_registered(&self, name: &str) -> Result<(), ServiceError> {
        let body = json!({"name": name});
        let request = self.request("POST", "registered-models/create", Body::Json(&body));
        let response = self.client.send(&request)?;
        if response.status < 400 || says(&response, "RESOURCE_ALREADY_EXISTS") {
            return Ok(());
        }
        Err(self.client.refusal(&response))
    }

    /// A tag of a version of a registered model; none where the version is gone.
    pub(super) fn version_tag(
        &self,
        name: &str,
        version: &str,
        key: &str,
    ) -> Result<Option<String>, ServiceError> {
        #[derive(Deserialize)]
        struct Got {
            model_version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            #[serde(default)]
            tags: Vec<KeyValue>,
        }
        let (name, version) = (encode(name), encode(version));
        let path = format!("model-versions/get?name={name}&version={version}");
        let response = self.client.send(&self.request("GET", &path, Body::Empty))?;
        if says(&response, "RESOURCE_DOES_NOT_EXIST") {
            return Ok(None);
        }
        if response.status >= 400 {
            return Err(self.client.refusal(&response));
        }
        let got: Got = self.client.parse(&response)?;
        Ok(value_of(&got.model_version.tags, key).map(str::to_owned))
    }

    /// The version that an alias of a registered model points to.
    pub(super) fn aliased(&self, name: &str, alias: &str) -> Result<Option<String>, ServiceError> {
        #[derive(Deserialize)]
        struct Got {
            registered_model: Registered,
        }
        #[derive(Deserialize)]
        struct Registered {
            #[serde(default)]
            aliases: Vec<Alias>,
        }
        #[derive(Deserialize)]
        struct Alias {
            alias: String,
            version: Value,
        }
        let path = format!("registered-models/get?name={}", encode(name));
        let got: Got = self.client.json(&self.request("GET", &path, Body::Empty))?;
        let mut aliases = got.registered_model.aliases.into_iter();
        let found = aliases.find(|one| one.alias == alias);
        Ok(found.map(|one| version_number(one.version)))
    }

    /// The number of the new version.
    pub(super) fn create_version(&self, body: &Value) -> Result<String, ServiceError> {
        #[derive(Deserialize)]
        struct Got {
            model_version: Version,
        }
        #[derive(Deserialize)]
        struct Version {
            version: Value,
        }
        let mut request = self.request("POST", "model-versions/create", Body::Json(body));
        request.idempotent = false;
        let got: Got = self.client.json(&request)?;
        Ok(version_number(got.model_version.version))
    }

    /// Whether the server stores the artifacts of this address itself.
    pub(super) fn is_proxied(artifact_uri: &str) -> bool {
        artifact_uri.starts_with("mlflow-artifacts:")
    }

    /// Uploads a file to a run's artifacts. Where they are not behind the server's proxy, it goes
    /// through the endpoint of the server's own page, which takes up to 10 MB.
    pub(super) fn upload_to_run(
        &self,
        run: &RemoteRun,
        name: &str,
        file: &Checked,
    ) -> Result<(), ServiceError> {
        let body = file.body(media_type(name));
        if Self::is_proxied(&run.artifact_uri) {
            return self.upload(&run.artifact_uri, name, body);
        }
        self.upload_by_page(&run.run_id, name, body)
    }

    /// Uploads a file to the store behind the server's proxy.
    pub(super) fn upload(
        &self,
        artifact_uri: &str,
        name: &str,
        body: Body<'_>,
    ) -> Result<(), ServiceError> {
        let folder = proxied_path(artifact_uri);
        let path = format!("{}/{}", encode_path(folder), encode_path(name));
        let path = format!("/api/2.0/mlflow-artifacts/artifacts/{path}");
        let url = format!("{}{path}", self.base());
        self.client.ok(&Request::new("PUT", url, body)).map(drop)
    }

    pub(super) fn upload_by_page(
        &self,
        run_id: &str,
        name: &str,
        body: Body<'_>,
    ) -> Result<(), ServiceError> {
        let url = format!(
            "{}/ajax-api/2.0/mlflow/upload-artifact?run_uuid={}&path={}",
            self.base(),
            encode(run_id),
            encode(name)
        );
        self.client.ok(&Request::new("POST", url, body)).map(drop)
    }

    fn request<'c>(&self, method: &'static str, path: &str, body: Body<'c>) -> Request<'c> {
        let url = format!("{}/api/2.0/mlflow/{path}", self.base());
        Request::new(method, url, body)
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

/// Servers write it as a text or as a number.
fn version_number(version: Value) -> String {
    match version {
        Value::String(version) => version,
        other => other.to_string(),
    }
}

fn says(response: &Response, error_code: &str) -> bool {
    let json: Option<Value> = serde_json::from_slice(&response.body).ok();
    json.is_some_and(|json| json["error_code"] == error_code)
}

/// The media type, by which the server's page chooses how to show a file.
pub(super) fn media_type(name: &str) -> &'static str {
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
    fn the_path_behind_the_proxy_is_found() {
        assert_eq!(
            proxied_path("mlflow-artifacts:/2/x/artifacts"),
            "2/x/artifacts"
        );
        assert_eq!(proxied_path("mlflow-artifacts://h:1/2/x"), "2/x");
        assert_eq!(proxied_path("mlflow-artifacts://h:1"), "");
    }
}
