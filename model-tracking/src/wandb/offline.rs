//! The folder that `wandb sync` sends:
//! `wandb/offline-run-YYYYMMDD_HHMMSS-ID/run-ID.wandb` and, beside that, `files/`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use model_files::{copy_whole, write_whole};
use prost::Message as _;
use serde_json::{Map, Value};

use super::content::Content;
use super::datastore::Datastore;
use super::{WandbOffline, artifact, proto};
use crate::folder::{Checked, RunError, RunFolder};
use crate::inside::plain_path;
use crate::run::{Pushed, Run};
use crate::tracker::TrackError;

/// The client whose format this is, and the oldest that reads it.
const PRODUCER: &str = "0.31.0";
const MIN_CONSUMER: &str = "0.70.0";
/// Sent when the run has ended.
const AT_THE_END: i32 = 1;

pub(super) fn write(options: &WandbOffline, folder: &RunFolder) -> Result<Pushed, TrackError> {
    let run = folder.run();
    let name = sync_folder(run);
    let content = Content::read(folder)?;
    for artifact in &content.files {
        // The folder may have come from elsewhere, with links where we write.
        let copied = plain_path(folder.path(), &format!("{name}/files/{artifact}"))?;
        copy(&folder.checked(artifact)?, &copied)?;
    }
    let bytes = records(options, folder, content)?;
    let file = plain_path(folder.path(), &format!("{name}/run-{}.wandb", run.id))?;
    let path = folder.path().join(name);
    let files = path.join("files");
    fs::create_dir_all(&files).map_err(writing(&files))?;
    write_whole(&file, &bytes).map_err(writing(&file))?;
    Ok(Pushed::now(run.id.clone(), path.display().to_string()))
}

/// Its path in the run's folder.
fn sync_folder(run: &Run) -> String {
    let time = chrono::DateTime::from_timestamp_millis(run.started_ms).unwrap_or_default();
    let time = time.format("%Y%m%d_%H%M%S");
    format!("wandb/offline-run-{time}-{}", run.id)
}

fn copy(from: &Checked, to: &Path) -> Result<(), RunError> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(writing(parent))?;
    }
    let content = File::open(&from.path).map_err(|cause| RunError::Io {
        doing: "read",
        path: from.path.clone(),
        cause,
    })?;
    let (_, found) = copy_whole(content, to).map_err(writing(to))?;
    if found == from.sha256 {
        return Ok(());
    }
    // `wandb sync` would send it.
    fs::remove_file(to).map_err(writing(to))?;
    Err(RunError::Altered {
        path: from.path.clone(),
        expected: from.sha256.clone(),
        found,
    })
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.to_owned();
    move |cause| RunError::Io {
        doing: "write",
        path,
        cause,
    }
}

/// The `.wandb` file.
fn records(
    options: &WandbOffline,
    folder: &RunFolder,
    content: Content,
) -> Result<Vec<u8>, RunError> {
    let run = folder.run();
    let mut log = Log::new(&run.id);
    log.add(|record| record.header = Some(header()));
    log.add(|record| record.run = Some(run_record(options, run, &content)));
    let end = proto::Files {
        files: content
            .files
            .iter()
            .map(|name| proto::File {
                path: name.clone(),
                policy: AT_THE_END,
            })
            .collect(),
    };
    log.add(|record| record.files = Some(end));
    for row in &content.history {
        let step = row.get("_step").and_then(Value::as_i64).unwrap_or_default();
        let history = proto::History {
            item: items(row),
            step: Some(proto::Step { num: step }),
        };
        log.add(|record| record.history = Some(history));
    }
    let update = items(&content.summary);
    log.add(|record| record.summary = Some(proto::Items { update }));
    if let Some(model) = artifact::Artifact::read(folder, options.alias.as_deref())? {
        let model = artifact_record(options, run, model);
        log.add(|record| record.artifact = Some(model));
    }
    log.add(|record| {
        record.exit = Some(proto::Exit {
            exit_code: content.exit_code,
            runtime: content.runtime,
        });
    });
    Ok(log.store.into_bytes())
}

/// Records, numbered as they come.
struct Log {
    store: Datastore,
    run_id: String,
    count: i64,
}

impl Log {
    fn new(run_id: &str) -> Self {
        Self {
            store: Datastore::new(),
            run_id: run_id.to_owned(),
            count: 0,
        }
    }

    fn add(&mut self, fill: impl FnOnce(&mut proto::Record)) {
        self.count += 1;
        let mut record = proto::Record {
            num: self.count,
            info: Some(proto::Info {
                stream_id: self.run_id.clone(),
            }),
            ..proto::Record::default()
        };
        fill(&mut record);
        self.store.append(&record.encode_to_vec());
    }
}

fn header() -> proto::Header {
    proto::Header {
        version: Some(proto::Version {
            producer: PRODUCER.to_owned(),
            min_consumer: MIN_CONSUMER.to_owned(),
        }),
    }
}

fn run_record(options: &WandbOffline, run: &Run, content: &Content) -> proto::Run {
    proto::Run {
        run_id: run.id.clone(),
        entity: options.entity.clone().unwrap_or_default(),
        project: options.project.clone(),
        config: Some(proto::Items {
            update: items(&content.config),
        }),
        display_name: run.name.clone(),
        tags: content.tags.clone(),
        start_time: Some(proto::Timestamp {
            seconds: run.started_ms.div_euclid(1000),
            nanos: i32::try_from(run.started_ms.rem_euclid(1000) * 1_000_000).unwrap_or_default(),
        }),
    }
}

fn artifact_record(
    options: &WandbOffline,
    run: &Run,
    model: artifact::Artifact,
) -> proto::Artifact {
    let contents = model.files.iter().map(|file| proto::Entry {
        path: file.name.clone(),
        digest: file.md5.clone(),
        size: i64::try_from(file.bytes).unwrap_or(i64::MAX),
        local_path: absolute(&file.checked.path),
    });
    proto::Artifact {
        run_id: run.id.clone(),
        project: options.project.clone(),
        entity: options.entity.clone().unwrap_or_default(),
        kind: artifact::TYPE.to_owned(),
        manifest: Some(proto::Manifest {
            version: 1,
            storage_policy: "wandb-storage-policy-v1".to_owned(),
            storage_policy_config: vec![proto::PolicyItem {
                key: "storageLayout".to_owned(),
                value_json: "\"V2\"".to_owned(),
            }],
            contents: contents.collect(),
        }),
        name: model.name,
        digest: model.digest,
        description: model.description,
        metadata: model.metadata,
        aliases: model.aliases,
        finalize: true,
        client_id: model.client_id,
        sequence_client_id: model.sequence_client_id,
        digest_algorithm: "MANIFEST_MD5".to_owned(),
    }
}

/// `wandb sync` may be started anywhere.
fn absolute(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.display().to_string()
}

fn items(map: &Map<String, Value>) -> Vec<proto::Item> {
    let items = map.iter().map(|(key, value)| proto::Item {
        key: key.clone(),
        value_json: value.to_string(),
    });
    items.collect()
}
