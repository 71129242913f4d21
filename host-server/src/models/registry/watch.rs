//! Reloads when the system reports changed files, when they are found changed at the next look, or
//! on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::outcome::{Cause, Change};
use super::source::ModelSource;
use super::version::Stamp;
use super::{Registry, deployment, folder};
use crate::threads::Threads;

/// How long files must be quiet before they are read: writing one takes several steps.
const QUIET: Duration = Duration::from_millis(200);

/// They are read after so long where something else is written beside them.
const MOST: Duration = Duration::from_secs(2);

/// Keeps the registry up to date until it is dropped. `hang_up` asks for a reload as well. Network
/// file systems report nothing: after each `interval` the files are looked at.
pub(crate) async fn watch(
    registry: Arc<Registry>,
    interval: Duration,
    hang_up: Arc<Notify>,
    threads: Arc<Threads>,
) {
    let changed = Arc::new(Notify::new());
    let source = registry.source().cloned();
    let _watcher = source.as_ref().and_then(|source| start(source, &changed));
    let signature = registry.loading.signature_file();
    let mut seen = look(source.clone(), signature, &threads).await;
    // What changed between the start and this was reported to nobody.
    changed.notify_one();
    let registry = Arc::downgrade(&registry);
    loop {
        let cause = tokio::select! {
            biased;
            () = hang_up.notified() => Cause::HungUp,
            () = changed.notified() => Cause::FilesChanged,
            () = tokio::time::sleep(interval) => match look(source.clone(), signature, &threads).await {
                now if now == seen => continue,
                _ => Cause::FilesChanged,
            },
        };
        // When it was asked for, before it waits.
        let change: Change<'static> = cause.into();
        // Before they are read: what changes after this is found at the next look.
        seen = loop {
            let before = look(source.clone(), signature, &threads).await;
            let is_quiet = tokio::time::timeout(MOST, quiet(&changed)).await.is_ok();
            let now = look(source.clone(), signature, &threads).await;
            if is_quiet || now == before {
                break now;
            }
        };
        if !reload(&registry, change, &threads).await {
            return;
        }
    }
}

/// Until nothing has changed for a while.
async fn quiet(changed: &Notify) {
    let next = || tokio::time::timeout(QUIET, changed.notified());
    while next().await.is_ok() {}
}

/// What the files of the models are like now, and those of their signatures where they are needed.
async fn look(
    source: Option<ModelSource>,
    signature: Option<&'static str>,
    threads: &Threads,
) -> Vec<Stamp> {
    let stamps = threads.run(move || match source {
        Some(ModelSource::File(path)) => Stamp::read(&path, signature).into_iter().collect(),
        Some(ModelSource::Folder(folder)) => stamps(&folder, signature),
        Some(ModelSource::Fetched(_)) | None => Vec::new(),
    });
    stamps.await.unwrap_or_default()
}

fn stamps(folder: &Path, signature: Option<&str>) -> Vec<Stamp> {
    let names = folder::names(folder).unwrap_or_default();
    let files = names.iter().flat_map(|name| {
        let model = folder.join(name);
        let versions = folder::versions(&model).versions.into_iter();
        let files: Vec<PathBuf> = versions.map(|(_, file)| file).collect();
        files.into_iter().chain([model.join(deployment::FILE)])
    });
    files
        .filter_map(|file| Stamp::read(&file, signature))
        .collect()
}

async fn reload(registry: &Weak<Registry>, change: Change<'static>, threads: &Threads) -> bool {
    let Some(registry) = registry.upgrade() else {
        return false;
    };
    let done = threads.run(move || registry.reload(change)).await;
    if let Err(error) = done {
        tracing::error!(%error, "reload failed; the loaded models stay in service");
    }
    true
}

fn start(source: &ModelSource, changed: &Arc<Notify>) -> Option<RecommendedWatcher> {
    // A file is replaced by renaming another over it: only a watch on its folder sees that.
    let (folder, mode) = match source {
        ModelSource::File(path) => (parent(path), RecursiveMode::NonRecursive),
        ModelSource::Folder(path) => (path.clone(), RecursiveMode::Recursive),
        // A remote repository sends no events.
        ModelSource::Fetched(_) => return None,
    };
    let notify = Arc::clone(changed);
    let heard = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            notify.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(heard).and_then(|mut watcher| {
        watcher.watch(&folder, mode)?;
        Ok(watcher)
    });
    watcher
        .inspect_err(|error| {
            tracing::warn!(folder = %folder.display(), %error, "files not watched: reload with SIGHUP or POST /models/NAME/reload");
        })
        .ok()
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
