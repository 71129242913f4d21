//! The service over HTTP: GraphQL for names and permissions, `file_stream` for figures, and
//! uploads to the addresses that the service gives out.

use model_client::{Body, Client, Credentials, Request, ServiceError, encode, split_credentials};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Map, Value, json};

use super::Options;
use super::artifact::{Artifact, TYPE, md5_base64};
use super::content::Content;
use crate::folder::RunFolder;
use crate::run::{Pushed, Run};
use crate::tracker::TrackError;

/// Lines of history in one request.
const LINES: usize = 1000;
/// The longest answer of GraphQL, in bytes; as a tree of values it takes many times as much.
const ANSWER_MAX: usize = 4 << 20;
const ADVICE: &str = "set WANDB_API_KEY to a key of an account that may write to this project";

const UPSERT: &str = "mutation UpsertBucket($name: String, $project: String, $entity: String, $displayName: String, $config: JSONString, $program: String, $tags: [String!], $summaryMetrics: JSONString) { upsertBucket(input: {name: $name, modelName: $project, entityName: $entity, displayName: $displayName, config: $config, jobProgram: $program, tags: $tags, summaryMetrics: $summaryMetrics}) { bucket { id name displayName project { id name entity { id name } } historyLineCount } inserted } }";
const CREATE_ARTIFACT: &str = "mutation CreateArtifact($input: CreateArtifactInput!) { createArtifact(input: $input) { artifact { id state } } }";
const CREATE_MANIFEST: &str = "mutation CreateArtifactManifest($artifactID: ID!, $name: String!, $digest: String!, $entityName: String!, $projectName: String!, $runName: String!, $manifestType: ArtifactManifestType!, $includeUpload: Boolean!) { createArtifactManifest(input: {artifactID: $artifactID, name: $name, digest: $digest, entityName: $entityName, projectName: $projectName, runName: $runName, type: $manifestType}) { artifactManifest { id file { id uploadUrl @include(if: $includeUpload) uploadHeaders @include(if: $includeUpload) } } } }";
const CREATE_ARTIFACT_FILES: &str = "mutation CreateArtifactFiles($input: CreateArtifactFilesInput!) { createArtifactFiles(input: $input) { files { edges { node { uploadUrl uploadHeaders artifact { id } } } } } }";
const COMMIT_ARTIFACT: &str = "mutation CommitArtifact($artifactID: ID!) { commitArtifact(input: {artifactID: $artifactID}) { artifact { id digest } } }";
const CREATE_RUN_FILES: &str = "mutation CreateRunFiles($entity: String!, $project: String!, $run: String!, $files: [String!]!) { createRunFiles(input: {entityName: $entity, projectName: $project, runName: $run, files: $files}) { runID uploadHeaders files { name uploadUrl } } }";

pub(super) fn push(options: &Options, folder: &RunFolder) -> Result<Pushed, TrackError> {
    // The key is the only login that the service has.
    let (base, _) = split_credentials(&options.base_url);
    let credentials = Credentials::Basic("api".to_owned(), options.api_key.clone());
    let service = "Weights & Biases";
    let client = Client::new(service, &base, credentials, ADVICE, options.retry);
    let content = Content::read(folder)?;
    let Upserted { bucket, inserted } = upsert(&client, options, folder.run(), &content)?;
    let conversation = Conversation {
        client,
        folder,
        entity: bucket.project.entity.name,
        project: bucket.project.name,
        run: bucket.name,
    };
    conversation.stream_history(&content, bucket.lines.unwrap_or(0))?;
    if let Some(model) = Artifact::read(folder, options.alias.as_deref())? {
        conversation.send_artifact(&model, inserted, content.history.len())?;
    }
    conversation.send_files(&content)?;
    conversation.complete(&content)?;
    let url = conversation.page();
    Ok(Pushed::now(conversation.run, url))
}

#[derive(Deserialize)]
struct Upserted {
    bucket: Bucket,
    /// Whether the service did not have the run.
    #[serde(default)]
    inserted: bool,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
    project: Project,
    #[serde(rename = "historyLineCount")]
    lines: Option<usize>,
}

#[derive(Deserialize)]
struct Project {
    name: String,
    entity: Entity,
}

#[derive(Deserialize)]
struct Entity {
    name: String,
}

/// An address to upload a file to; none where the service has it already.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upload {
    upload_url: Option<String>,
    #[serde(default)]
    upload_headers: Vec<String>,
}

/// Creates the run, or finds that of an earlier push.
fn upsert(
    client: &Client,
    options: &Options,
    run: &Run,
    content: &Content,
) -> Result<Upserted, ServiceError> {
    let config = content.config.iter();
    let config: Map<String, Value> = config
        .map(|(name, value)| (name.clone(), json!({"value": value})))
        .collect();
    query(
        client,
        "upsertBucket",
        UPSERT,
        json!({
            "name": run.id,
            "project": options.project,
            "entity": options.entity,
            "displayName": run.name,
            "config": Value::from(config).to_string(),
            "program": run.command.join(" "),
            "tags": content.tags,
            "summaryMetrics": Value::from(content.summary.clone()).to_string(),
        }),
    )
}

/// Queries one field and returns its content.
fn query<T: DeserializeOwned>(
    client: &Client,
    field: &str,
    text: &str,
    variables: Value,
) -> Result<T, ServiceError> {
    let operation = text.split(['(', ' ']).nth(1);
    let body = json!({"query": text, "operationName": operation, "variables": variables});
    let request = Request::new(
        "POST",
        format!("{}/graphql", client.base()),
        Body::Json(&body),
    );
    let response = client.ok(&request)?;
    if response.body.len() > ANSWER_MAX {
        let problem = format!("it is longer than {} MiB", ANSWER_MAX >> 20);
        return Err(client.unexpected(&format!("GraphQL {field}"), problem));
    }
    let response: Value = client.parse(&response)?;
    let operation = format!("GraphQL {field}");
    if let Some(errors) = response.get("errors").filter(|errors| !errors.is_null()) {
        let said = errors[0]["message"].as_str().map(str::to_owned);
        let said = said.unwrap_or_else(|| errors.to_string());
        return Err(client.unexpected(&operation, client.shortened(&said)));
    }
    serde_json::from_value(response["data"][field].clone()).map_err(|error| {
        client.unexpected(
            &operation,
            format!("{error}, in: {}", client.shortened(&response.to_string())),
        )
    })
}

/// One push, once the run's entity, project and name are known.
struct Conversation<'a> {
    client: Client,
    folder: &'a RunFolder,
    entity: String,
    project: String,
    run: String,
}

impl Conversation<'_> {
    /// The address of the run's page.
    fn page(&self) -> String {
        let base = match self.client.base() {
            super::DEFAULT_BASE_URL => "https://wandb.ai",
            other => other,
        };
        let (entity, project) = (encode(&self.entity), encode(&self.project));
        format!("{base}/{entity}/{project}/runs/{}", encode(&self.run))
    }

    fn stream(&self, body: &Value) -> Result<(), ServiceError> {
        let path = [&self.entity, &self.project, &self.run].map(|part| encode(part));
        let url = format!(
            "{}/files/{}/file_stream",
            self.client.base(),
            path.join("/")
        );
        let request = Request::new("POST", url, Body::Json(body));
        self.client.json::<IgnoredAny>(&request).map(drop)
    }

    /// Sends the lines that the service does not have yet.
    fn stream_history(&self, content: &Content, there: usize) -> Result<(), ServiceError> {
        let lines: Vec<String> = content
            .history
            .iter()
            .map(|row| json!(row).to_string())
            .collect();
        let missing = lines.get(there..).unwrap_or_default();
        for (number, chunk) in missing.chunks(LINES).enumerate() {
            let offset = there + number * LINES;
            self.stream(&json!({
                "files": {"wandb-history.jsonl": {"offset": offset, "content": chunk}},
            }))?;
        }
        Ok(())
    }

    /// Sends the summary and marks the run as complete.
    fn complete(&self, content: &Content) -> Result<(), ServiceError> {
        let summary = json!(content.summary).to_string();
        self.stream(&json!({
            "files": {"wandb-summary.json": {"offset": 0, "content": [summary]}},
            "uploaded": content.files,
            "complete": true,
            "exitcode": content.exit_code,
        }))
    }

    fn send_files(&self, content: &Content) -> Result<(), TrackError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            #[serde(default)]
            upload_headers: Vec<String>,
            files: Vec<RunFile>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct RunFile {
            name: String,
            upload_url: Option<String>,
        }
        if content.files.is_empty() {
            return Ok(());
        }
        let created: Created = self.query(
            "createRunFiles",
            CREATE_RUN_FILES,
            json!({
                "entity": self.entity, "project": self.project, "run": self.run,
                "files": content.files,
            }),
        )?;
        for file in created
            .files
            .iter()
            .filter(|file| content.files.contains(&file.name))
        {
            let checked = self.folder.checked(&file.name)?;
            let upload = Upload {
                upload_url: file.upload_url.clone(),
                upload_headers: created.upload_headers.clone(),
            };
            self.put(&upload, checked.body(""))?;
        }
        Ok(())
    }

    /// Sends the model of a run that is new to the service, or that was sent before.
    fn send_artifact(
        &self,
        artifact: &Artifact,
        is_new_run: bool,
        step: usize,
    ) -> Result<(), ServiceError> {
        #[derive(Deserialize)]
        struct Created {
            artifact: Made,
        }
        #[derive(Deserialize)]
        struct Made {
            id: String,
            state: String,
        }
        let create = |aliases: &[String]| -> Result<_, ServiceError> {
            let input = self.new_artifact(artifact, aliases, step);
            let created: Created = self.query("createArtifact", CREATE_ARTIFACT, input)?;
            // Else the same files were sent before.
            let is_new = created.artifact.state != "COMMITTED";
            Ok(is_new.then_some(created.artifact.id))
        };
        // The service moves the aliases, also to a version that it has. That of a run that was
        // sent before may be older than the one that has them.
        if !is_new_run && create(&[])?.is_none() {
            return Ok(());
        }
        let Some(id) = create(&artifact.aliases)? else {
            return Ok(());
        };
        // Files need the id of a manifest, whose digest is known only when they are uploaded.
        let early = self.manifest(&id, "", false)?;
        self.send_artifact_files(artifact, &id, &early.id)?;
        let text = artifact.manifest(&id).to_string().into_bytes();
        let manifest = self.manifest(&id, &md5_base64(&text), true)?;
        self.put(&manifest.file, Body::Bytes(&text, ""))?;
        self.query("commitArtifact", COMMIT_ARTIFACT, json!({"artifactID": id}))
            .map(|_: Value| ())
    }

    fn new_artifact(&self, artifact: &Artifact, aliases: &[String], step: usize) -> Value {
        let aliases: Vec<Value> = aliases
            .iter()
            .map(|alias| json!({"artifactCollectionName": artifact.name, "alias": alias}))
            .collect();
        json!({"input": {
            "entityName": self.entity,
            "projectName": self.project,
            "runName": self.run,
            "artifactTypeName": TYPE,
            "artifactCollectionName": artifact.name,
            "description": artifact.description,
            "metadata": artifact.metadata,
            "digest": artifact.digest,
            "digestAlgorithm": "MANIFEST_MD5",
            "aliases": aliases,
            "clientID": artifact.client_id,
            "sequenceClientID": artifact.sequence_client_id,
            "enableDigestDeduplication": true,
            "historyStep": step,
        }})
    }

    fn manifest(
        &self,
        artifact_id: &str,
        digest: &str,
        upload: bool,
    ) -> Result<Manifest, ServiceError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            artifact_manifest: Manifest,
        }
        let created: Created = self.query(
            "createArtifactManifest",
            CREATE_MANIFEST,
            json!({
                "artifactID": artifact_id,
                "name": "wandb_manifest.json",
                "digest": digest,
                "entityName": self.entity,
                "projectName": self.project,
                "runName": self.run,
                "manifestType": "FULL",
                "includeUpload": upload,
            }),
        )?;
        Ok(created.artifact_manifest)
    }

    fn send_artifact_files(
        &self,
        artifact: &Artifact,
        id: &str,
        manifest_id: &str,
    ) -> Result<(), ServiceError> {
        #[derive(Deserialize)]
        struct Created {
            files: Edges,
        }
        #[derive(Deserialize)]
        struct Edges {
            edges: Vec<Edge>,
        }
        #[derive(Deserialize)]
        struct Edge {
            node: Upload,
        }
        let files = artifact.files.iter().map(|file| {
            json!({
                "artifactID": id, "artifactManifestID": manifest_id, "name": file.name,
                "md5": file.md5,
            })
        });
        let input = json!({
            "artifactFiles": files.collect::<Vec<_>>(), "storageLayout": "V2",
        });
        let created: Created = self.query(
            "createArtifactFiles",
            CREATE_ARTIFACT_FILES,
            json!({"input": input}),
        )?;
        let edges = created.files.edges;
        if edges.len() != artifact.files.len() {
            let (came, asked) = (edges.len(), artifact.files.len());
            let problem = format!("{came} files, expected {asked}");
            return Err(self
                .client
                .unexpected("GraphQL createArtifactFiles", problem));
        }
        for (edge, file) in edges.iter().zip(&artifact.files) {
            self.put(&edge.node, file.checked.body(""))?;
        }
        Ok(())
    }

    /// Uploads a file to a presigned address.
    fn put(&self, upload: &Upload, body: Body<'_>) -> Result<(), ServiceError> {
        let Some(url) = &upload.upload_url else {
            return Ok(());
        };
        let url = if url.starts_with('/') {
            format!("{}{url}", self.client.base())
        } else {
            url.clone()
        };
        let mut request = Request::new("PUT", url, body);
        request.authorized = false;
        let headers = upload
            .upload_headers
            .iter()
            .filter_map(|line| line.split_once(':'));
        request.headers = headers
            .filter(|(name, _)| !name.trim().eq_ignore_ascii_case("content-length"))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect();
        self.client.ok(&request).map(drop)
    }

    fn query<T: DeserializeOwned>(
        &self,
        field: &str,
        text: &str,
        variables: Value,
    ) -> Result<T, ServiceError> {
        query(&self.client, field, text, variables)
    }
}

#[derive(Deserialize)]
struct Manifest {
    id: String,
    file: Upload,
}
