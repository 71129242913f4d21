//! Answers as Weights & Biases does (shapes recorded from the official client 0.31.0), and refuses
//! what it would refuse: other keys, missing variables, gaps in the history, numbers that are not
//! JSON, files whose MD5 is not what was announced, a commit before everything is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{any, post, put};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

/// 40 letters, as keys have.
pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the service has been told.
#[derive(Default)]
pub(crate) struct Kept {
    pub(crate) runs: BTreeMap<String, KeptRun>,
    pub(crate) artifacts: BTreeMap<String, KeptArtifact>,
    /// Which artifact has an alias, by collection and alias: the last one that was created with it,
    /// though it was there.
    pub(crate) aliases: BTreeMap<(String, String), String>,
    /// Bytes by the path that they were put to.
    uploads: BTreeMap<String, Vec<u8>>,
}

#[derive(Default, Clone)]
pub(crate) struct KeptRun {
    pub(crate) project: String,
    pub(crate) display_name: String,
    pub(crate) config: Value,
    pub(crate) tags: Value,
    pub(crate) history: Vec<Value>,
    pub(crate) summary: Value,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) complete: bool,
    pub(crate) exit_code: Value,
}

#[derive(Default, Clone)]
pub(crate) struct KeptArtifact {
    pub(crate) input: Value,
    pub(crate) committed: bool,
    /// MD5 that was announced, by name.
    announced: BTreeMap<String, String>,
    manifest_md5: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

type Shared = Arc<Mutex<Kept>>;
type Answer = (StatusCode, String);
/// Answers a field of GraphQL, by its variables and the service's own address.
type Field = fn(&mut Kept, &Value, &str) -> Result<Value, String>;

/// A running service.
pub(crate) struct Service {
    pub(crate) address: String,
    kept: Shared,
}

impl Service {
    pub(crate) fn start() -> Self {
        let kept = Shared::default();
        let state = (kept.clone(), Arc::new(Mutex::new(String::new())));
        let address = super::service::serve(move |address| {
            state.1.lock().unwrap().push_str(address);
            Router::new()
                .route("/graphql", post(graphql))
                .route("/files/{entity}/{project}/{run}/file_stream", post(stream))
                .route("/up/{*path}", put(upload))
                .route("/sdk/otel/v1/metrics", any(|| async { "{}" }))
                .layer(DefaultBodyLimit::max(64 << 20))
                .with_state(state)
        });
        Self { address, kept }
    }

    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }
}

type Context = State<(Shared, Arc<Mutex<String>>)>;

fn refuse(status: u16, message: &str) -> Answer {
    let body = json!({"errors": [{"message": message}], "data": null});
    (StatusCode::from_u16(status).unwrap(), body.to_string())
}

fn is_known(headers: &HeaderMap) -> bool {
    let expected = format!("Basic {}", STANDARD.encode(format!("api:{KEY}")));
    headers
        .get("Authorization")
        .is_some_and(|value| *value == expected)
}

async fn graphql(State((kept, address)): Context, headers: HeaderMap, body: Bytes) -> Answer {
    if !is_known(&headers) {
        return refuse(401, "user is not logged in");
    }
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return refuse(400, "the body is not JSON");
    };
    let query = request["query"].as_str().unwrap_or_default();
    let variables = &request["variables"];
    let address = address.lock().unwrap().clone();
    let mut kept = kept.lock().unwrap();
    let fields: [(&str, Field); 7] = [
        ("upsertBucket", upsert),
        ("createArtifactManifest", create_manifest),
        ("createArtifactFiles", create_artifact_files),
        ("createArtifact", create_artifact),
        ("commitArtifact", commit),
        ("createRunFiles", create_run_files),
        ("serverInfo", |_, _, _| Ok(json!({"features": []}))),
    ];
    let field = fields
        .iter()
        .find(|(name, _)| query.contains(&format!("{name}(")));
    let field = field.or_else(|| fields.iter().find(|(name, _)| query.contains(name)));
    let Some((name, answer)) = field else {
        return refuse(400, &format!("this service does not know: {query}"));
    };
    match answer(&mut kept, variables, &address) {
        Ok(data) => (StatusCode::OK, json!({"data": {*name: data}}).to_string()),
        Err(message) => refuse(200, &message),
    }
}

fn text<'v>(variables: &'v Value, name: &str) -> Result<&'v str, String> {
    let text = variables[name].as_str();
    text.ok_or_else(|| format!("Variable \"${name}\" of required type was not provided"))
}

fn upsert(kept: &mut Kept, variables: &Value, _: &str) -> Result<Value, String> {
    let (name, project) = (text(variables, "name")?, text(variables, "project")?);
    if name.len() > 64 || name.contains(['/', '\\', '#', '?', '%', ':']) {
        return Err(format!("invalid run name {name}"));
    }
    let inserted = !kept.runs.contains_key(name);
    let run = kept.runs.entry(name.to_owned()).or_default();
    project.clone_into(&mut run.project);
    if let Some(config) = variables["config"].as_str() {
        run.config = serde_json::from_str(config).map_err(|error| format!("config: {error}"))?;
    }
    if let Some(display_name) = variables["displayName"].as_str() {
        display_name.clone_into(&mut run.display_name);
    }
    if !variables["tags"].is_null() {
        run.tags = variables["tags"].clone();
    }
    Ok(json!({
        "bucket": {
            "id": "UnVuOjE=", "name": name, "displayName": run.display_name, "description": null,
            "config": run.config.to_string(), "sweepName": null,
            "project": {"id": "UHJvajox", "name": project, "entity": {"id": "RW50OjE=", "name": "acme"}},
            "historyLineCount": run.history.len(),
        },
        "inserted": inserted,
    }))
}

fn create_artifact(kept: &mut Kept, variables: &Value, _: &str) -> Result<Value, String> {
    let input = &variables["input"];
    for name in [
        "artifactTypeName",
        "artifactCollectionName",
        "digest",
        "projectName",
        "clientID",
    ] {
        text(input, name)?;
    }
    if text(input, "digestAlgorithm")? != "MANIFEST_MD5" {
        return Err("unknown digest algorithm".to_owned());
    }
    let run = text(input, "runName")?;
    if !kept.runs.contains_key(run) {
        return Err(format!("no run {run}"));
    }
    let id = format!("ART-{}", &text(input, "digest")?[..8]);
    for alias in input["aliases"].as_array().into_iter().flatten() {
        let collection = text(alias, "artifactCollectionName")?;
        let alias = (collection.to_owned(), text(alias, "alias")?.to_owned());
        kept.aliases.insert(alias, id.clone());
    }
    let artifact = kept.artifacts.entry(id.clone()).or_default();
    artifact.input = input.clone();
    let state = if artifact.committed {
        "COMMITTED"
    } else {
        "PENDING"
    };
    Ok(
        json!({"artifact": {"id": id, "state": state, "artifactSequence": {"id": "SEQ1", "latestArtifact": null}}}),
    )
}

fn artifact_of<'k>(kept: &'k mut Kept, id: &str) -> Result<&'k mut KeptArtifact, String> {
    kept.artifacts
        .get_mut(id)
        .ok_or_else(|| format!("no artifact {id}"))
}

fn create_manifest(kept: &mut Kept, variables: &Value, address: &str) -> Result<Value, String> {
    let id = text(variables, "artifactID")?;
    let upload = variables["includeUpload"]
        .as_bool()
        .ok_or("includeUpload is missing")?;
    let digest = text(variables, "digest")?;
    let artifact = artifact_of(kept, id)?;
    if upload {
        digest.clone_into(&mut artifact.manifest_md5);
    }
    let file = match upload {
        true => json!({
            "id": "F1", "uploadUrl": format!("{address}/up/manifest/{id}"),
            "uploadHeaders": ["Content-Type: application/json"],
        }),
        false => json!({"id": "F1"}),
    };
    Ok(json!({"artifactManifest": {"id": format!("MAN-{id}"), "file": file}}))
}

fn create_artifact_files(
    kept: &mut Kept,
    variables: &Value,
    address: &str,
) -> Result<Value, String> {
    let files = variables["input"]["artifactFiles"]
        .as_array()
        .ok_or("no artifactFiles")?;
    let mut edges = Vec::new();
    for file in files {
        let (id, name, md5) = (
            text(file, "artifactID")?,
            text(file, "name")?,
            text(file, "md5")?,
        );
        if file["artifactManifestID"] != format!("MAN-{id}") {
            return Err("unknown manifest".to_owned());
        }
        let artifact = artifact_of(kept, id)?;
        artifact.announced.insert(name.to_owned(), md5.to_owned());
        edges.push(json!({"node": {
            "uploadUrl": format!("{address}/up/artifact/{id}/{name}"),
            "uploadHeaders": [format!("Content-MD5: {md5}")],
            "uploadMultipartUrls": null, "storagePath": format!("wandb_artifacts/1/{name}"),
            "artifact": {"id": id},
        }}));
    }
    Ok(json!({"files": {"edges": edges}}))
}

fn commit(kept: &mut Kept, variables: &Value, _: &str) -> Result<Value, String> {
    let id = text(variables, "artifactID")?;
    let manifest = kept.uploads.get(&format!("manifest/{id}")).cloned();
    let artifact = artifact_of(kept, id)?;
    let manifest = manifest.ok_or("the manifest was not uploaded")?;
    if STANDARD.encode(Md5::digest(&manifest)) != artifact.manifest_md5 {
        return Err("the manifest's MD5 is not what was announced".to_owned());
    }
    let manifest: Value = serde_json::from_slice(&manifest).map_err(|error| error.to_string())?;
    let contents = manifest["contents"]
        .as_object()
        .cloned()
        .unwrap_or_else(Map::new);
    let mut lines = String::from("wandb-artifact-manifest-v1\n");
    for (name, entry) in &contents {
        let bytes = artifact
            .files
            .get(name)
            .ok_or(format!("{name} was not uploaded"))?;
        let md5 = STANDARD.encode(Md5::digest(bytes));
        if entry["digest"] != md5 || entry["size"] != bytes.len() {
            return Err(format!("{name} is not what the manifest says"));
        }
        lines.push_str(&format!("{name}:{md5}\n"));
    }
    let digest: String = Md5::digest(lines)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    if artifact.input["digest"] != digest {
        return Err(format!("the artifact's digest is {digest}"));
    }
    artifact.committed = true;
    Ok(json!({"artifact": {"id": id, "digest": digest}}))
}

fn create_run_files(kept: &mut Kept, variables: &Value, address: &str) -> Result<Value, String> {
    let run = text(variables, "run")?;
    if !kept.runs.contains_key(run) {
        return Err(format!("no run {run}"));
    }
    let names = variables["files"].as_array().ok_or("no files")?;
    let files = names.iter().map(|name| {
        let name = name.as_str().unwrap_or_default();
        json!({"name": name, "uploadUrl": format!("{address}/up/run/{run}/{name}")})
    });
    Ok(json!({"runID": "UnVuOjE=", "uploadHeaders": [], "files": files.collect::<Vec<_>>()}))
}

async fn upload(
    State((kept, _)): Context,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if headers.contains_key("Authorization") {
        return refuse(400, "only one way of authorization is allowed");
    }
    let announced = headers
        .get("Content-MD5")
        .map(|value| value.as_bytes().to_vec());
    if announced.is_some_and(|md5| md5 != STANDARD.encode(Md5::digest(&body)).as_bytes()) {
        return refuse(400, "the MD5 is another");
    }
    let mut kept = kept.lock().unwrap();
    kept.uploads.insert(path.clone(), body.to_vec());
    if let Some((run, name)) = path
        .strip_prefix("run/")
        .and_then(|rest| rest.split_once('/'))
    {
        kept.runs
            .get_mut(run)
            .unwrap()
            .files
            .insert(name.to_owned(), body.to_vec());
    }
    if let Some((id, name)) = path
        .strip_prefix("artifact/")
        .and_then(|rest| rest.split_once('/'))
    {
        let artifact = kept.artifacts.get_mut(id).unwrap();
        if artifact.announced.get(name) != Some(&STANDARD.encode(Md5::digest(&body))) {
            return refuse(403, "this file was not announced");
        }
        artifact.files.insert(name.to_owned(), body.to_vec());
    }
    (StatusCode::OK, "{}".to_owned())
}

async fn stream(
    State((kept, _)): Context,
    Path((entity, project, run)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    if !is_known(&headers) {
        return refuse(401, "user is not logged in");
    }
    let mut kept = kept.lock().unwrap();
    let run = kept
        .runs
        .get_mut(&run)
        .filter(|run| run.project == project && entity == "acme");
    let (Some(run), Ok(request)) = (run, serde_json::from_slice::<Value>(&body)) else {
        return refuse(404, "no such run, or not JSON");
    };
    match keep_stream(run, &request) {
        Ok(()) => (
            StatusCode::OK,
            json!({"exitcode": null, "limits": {}}).to_string(),
        ),
        Err(message) => refuse(400, &message),
    }
}

fn keep_stream(run: &mut KeptRun, request: &Value) -> Result<(), String> {
    for (file, part) in request["files"].as_object().into_iter().flatten() {
        let lines = part["content"].as_array().ok_or("no content")?;
        let offset = part["offset"].as_u64().ok_or("no offset")? as usize;
        let parsed = lines.iter().map(|line| {
            serde_json::from_str::<Value>(line.as_str().unwrap_or_default())
                .map_err(|error| format!("{file}: {error}"))
        });
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        match file.as_str() {
            "wandb-history.jsonl" => {
                if offset > run.history.len() {
                    return Err(format!("offset {offset} after {} lines", run.history.len()));
                }
                run.history.truncate(offset);
                run.history.extend(parsed);
                if !run.history.is_sorted_by_key(|row| row["_step"].as_i64()) {
                    return Err("steps must grow".to_owned());
                }
            }
            "wandb-summary.json" => {
                run.summary = parsed.into_iter().next_back().unwrap_or_default()
            }
            _ => {}
        }
    }
    run.complete |= request["complete"] == true;
    run.exit_code = request["exitcode"].clone();
    Ok(())
}
