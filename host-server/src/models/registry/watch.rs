//! Reloads when the system reports changed files, or on SIGHUP.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;

use super::Registry;
use super::outcome::Cause;
use super::source::ModelSource;

/// How long files must be quiet before they are read: writing one takes several steps.
const QUIET: Duration = Duration::from_millis(200);

/// Keeps the registry up to date until it is dropped. `hang_up` asks for a reload as well.
pub(crate) async fn watch(registry: Arc<Registry>, hang_up: Arc<Notify>) {
    let changed = Arc::new(Notify::new());
    let _watcher = registry.source().and_then(|source| start(source, &changed));
    // What changed between the start and this was reported to nobody.
    changed.notify_one();
    let registry = Arc::downgrade(&registry);
    loop {
        let cause = tokio::select! {
            () = changed.notified() => Cause::FilesChanged,
            () = hang_up.notified() => Cause::Asked,
        };
        while tokio::time::timeout(QUIET, changed.notified())
            .await
            .is_ok()
        {}
        if !reload(&registry, cause).await {
            return;
        }
    }
}

async fn reload(registry: &Weak<Registry>, cause: Cause) -> bool {
    let Some(registry) = registry.upgrade() else {
        return false;
    };
    let done = tokio::task::spawn_blocking(move || registry.reload(cause)).await;
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
