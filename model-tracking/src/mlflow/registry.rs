//! The logged model and its registration.

use model_client::{Body, ServiceError};
use serde_json::{Value, json};

use super::rest::{RemoteModel, RemoteRun, Rest, media_type};
use super::{Conversation, mlmodel, tag};
use crate::run::Model;
use crate::tracker::TrackError;

/// Tags of the run that name its logged model and its registered version.
const MODEL_ID: &str = "underwrite.model_id";
const MODEL_READY: &str = "underwrite.model_ready";
const MODEL_VERSION: &str = "underwrite.model_version";
/// Tag of a logged model and of a version: of the model's file.
const SHA256: &str = "underwrite.sha256";
/// Where the model's files are among the run's own artifacts, on servers without logged models.
const FOLDER: &str = "model";

impl Conversation<'_> {
    /// Logs the model with its files and returns the id of the logged model. There is none if the
    /// run has no model, or if the server cannot log it (version 2, or a store that is not behind
    /// its proxy): then the files become the run's artifacts `model/`.
    pub(super) fn log_model(
        &self,
        experiment: &str,
        remote: &RemoteRun,
    ) -> Result<Option<String>, TrackError> {
        let Some(model) = &self.run.model else {
            return Ok(None);
        };
        let logged = if Rest::is_proxied(&remote.artifact_uri) {
            self.logged_model(experiment, remote, model)?
        } else {
            None
        };
        let Some(logged) = logged else {
            for (name, text) in mlmodel::files(self.run, model, &remote.run_id, FOLDER, None) {
                self.upload_beside(remote, &name, Body::Bytes(text.as_bytes(), "text/plain"))?;
            }
            let file = self.folder.checked(&model.file)?;
            let body = file.body(media_type(&model.file));
            self.upload_beside(remote, &model.file, body)?;
            return Ok(None);
        };
        if remote.tag(MODEL_READY) != Some(&logged.model_id) {
            self.fill(remote, model, &logged)?;
        }
        Ok(Some(logged.model_id))
    }

    fn upload_beside(
        &self,
        remote: &RemoteRun,
        name: &str,
        body: Body<'_>,
    ) -> Result<(), ServiceError> {
        let name = format!("{FOLDER}/{name}");
        if Rest::is_proxied(&remote.artifact_uri) {
            return self.rest.upload(&remote.artifact_uri, &name, body);
        }
        self.rest.upload_by_page(&remote.run_id, &name, body)
    }

    fn logged_model(
        &self,
        experiment: &str,
        remote: &RemoteRun,
        model: &Model,
    ) -> Result<Option<RemoteModel>, ServiceError> {
        if let Some(model_id) = remote.tag(MODEL_ID) {
            return self.rest.model(model_id).map(Some);
        }
        let params: Vec<Value> = self
            .run
            .params
            .iter()
            .map(|(key, value)| {
                let text = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                tag(key, &text)
            })
            .collect();
        let created = self.rest.create_model(&json!({
            "experiment_id": experiment,
            "name": model_name(&model.name),
            "source_run_id": remote.run_id,
            "model_type": model.kind,
            "params": params.get(..100).unwrap_or(&params),
            "tags": self.model_tags(model),
        }))?;
        if let Some(created) = &created {
            self.rest
                .set_tag(&remote.run_id, MODEL_ID, &created.model_id)?;
        }
        Ok(created)
    }

    /// SHA-256 of the model file that an earlier push logged or registered from the run.
    pub(super) fn logged_sha256(
        &self,
        remote: &RemoteRun,
        model: &Model,
    ) -> Result<Option<String>, ServiceError> {
        if let Some(model_id) = remote.tag(MODEL_ID) {
            let logged = self.rest.model(model_id)?;
            return Ok(logged.tag(SHA256).map(str::to_owned));
        }
        let Some(version) = remote.tag(MODEL_VERSION) else {
            return Ok(None);
        };
        self.rest
            .version_tag(&model_name(&model.name), version, SHA256)
    }

    fn model_tags(&self, model: &Model) -> Vec<Value> {
        vec![
            tag("mlflow.user", &self.options.user),
            tag("mlflow.source.type", "LOCAL"),
            tag("underwrite.run_id", &self.run.id),
            tag("underwrite.version", &model.version),
            tag("underwrite.digest", &model.digest),
            tag(SHA256, &model.sha256),
        ]
    }

    /// Uploads the model's files and marks it as ready.
    fn fill(
        &self,
        remote: &RemoteRun,
        model: &Model,
        logged: &RemoteModel,
    ) -> Result<(), TrackError> {
        let outputs = json!({
            "run_id": remote.run_id,
            "models": [{"model_id": logged.model_id, "step": 0}],
        });
        self.rest.post("runs/outputs", &outputs)?;
        let uri = &logged.artifact_uri;
        let files = mlmodel::files(self.run, model, &remote.run_id, uri, Some(&logged.model_id));
        for (name, text) in files {
            let body = Body::Bytes(text.as_bytes(), "text/plain");
            self.rest.upload(uri, &name, body)?;
        }
        let file = self.folder.checked(&model.file)?;
        let body = file.body(media_type(&model.file));
        self.rest.upload(uri, &model.file, body)?;
        let path = format!("logged-models/{}", logged.model_id);
        let ready = json!({"model_id": logged.model_id, "status": "LOGGED_MODEL_READY"});
        self.rest.change("PATCH", &path, &ready)?;
        self.rest
            .set_tag(&remote.run_id, MODEL_READY, &logged.model_id)?;
        Ok(())
    }

    /// Registers the model as a version of the registered model of its name.
    pub(super) fn register(
        &self,
        remote: &RemoteRun,
        model_id: Option<&str>,
    ) -> Result<(), ServiceError> {
        let Some(model) = &self.run.model else {
            return Ok(());
        };
        let name = model_name(&model.name);
        let version = match remote.tag(MODEL_VERSION) {
            Some(version) => version.to_owned(),
            None => self.new_version(remote, model, &name, model_id)?,
        };
        let Some(alias) = &self.options.alias else {
            return Ok(());
        };
        let number = |version: &str| version.parse::<u64>().ok();
        let aliased = self.rest.aliased(&name, alias)?;
        if aliased.is_some_and(|there| number(&there) >= number(&version)) {
            // Another run is the newest version, or this one has the alias.
            return Ok(());
        }
        let body = json!({"name": name, "alias": alias, "version": version});
        self.rest.post("registered-models/alias", &body)
    }

    fn new_version(
        &self,
        remote: &RemoteRun,
        model: &Model,
        name: &str,
        model_id: Option<&str>,
    ) -> Result<String, ServiceError> {
        self.rest.create_registered(name)?;
        let mut body = json!({
            "name": name,
            "source": match model_id {
                Some(model_id) => format!("models:/{model_id}"),
                None => format!("{}/{FOLDER}", remote.artifact_uri),
            },
            "run_id": remote.run_id,
            "description": self.description(),
            "tags": self.model_tags(model),
        });
        if let Some(model_id) = model_id {
            body["model_id"] = json!(model_id);
        }
        let version = self.rest.create_version(&body)?;
        self.rest.set_tag(&remote.run_id, MODEL_VERSION, &version)?;
        let about = json!({"name": name, "description": self.registered_description(model)});
        self.rest
            .change("PATCH", "registered-models/update", &about)?;
        if let Some(model_id) = model_id {
            let versions = json!([{"name": name, "version": version}]).to_string();
            let body = json!({"tags": [tag("mlflow.modelVersions", &versions)]});
            let path = format!("logged-models/{model_id}/tags");
            self.rest.change("PATCH", &path, &body)?;
        }
        Ok(version)
    }

    fn registered_description(&self, model: &Model) -> String {
        let target = self.run.dataset.as_ref();
        let target = target.map_or_else(String::new, |data| format!(" '{}'", data.target));
        format!(
            "Yes/no decisions about{target}, trained by underwrite: one {} that decides the same in a page, at the edge and in a server.",
            model.file
        )
    }
}

/// The registry refuses `/` and `:` in a name.
fn model_name(name: &str) -> String {
    name.replace(['/', ':'], "-")
}
