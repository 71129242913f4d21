//! Keys and certificates that change while the server runs: they are looked at on SIGHUP and
//! after each interval, by their content, so that a file system need not report changes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::authentication::{KeySource, Keys};
use super::tls::Tls;
use crate::threads::Threads;

/// What is looked at.
pub(crate) struct Renewal {
    pub(crate) keys: Option<(Arc<Keys>, KeySource)>,
    pub(crate) tls: Option<Arc<Tls>>,
    /// What the log said last of keys that were refused, so that it says it once.
    pub(crate) refused: Mutex<Option<String>>,
    pub(crate) threads: Arc<Threads>,
}

impl Renewal {
    /// Looks again after each interval, and when `hang_up` says so; it never ends.
    pub(crate) async fn run(self, interval: Duration, hang_up: Arc<Notify>) {
        if self.keys.is_none() && self.tls.is_none() {
            return;
        }
        let renewal = Arc::new(self);
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = hang_up.notified() => {}
            }
            let looks = Arc::clone(&renewal);
            let looked = renewal.threads.run(move || looks.look()).await;
            if let Err(error) = looked {
                tracing::error!(%error, "keys and certificates were not looked at");
            }
        }
    }

    fn look(&self) {
        if let Some(tls) = &self.tls {
            tls.renew();
        }
        if let Some((keys, source)) = &self.keys {
            let before = keys.names();
            let read = (source.0)().and_then(|read| keys.replace(read));
            let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
            match read {
                Ok(true) => log_change(&before, &keys.names()),
                Ok(false) => {}
                Err(reason) if refused.as_deref() == Some(&reason) => return,
                Err(reason) => {
                    tracing::error!(reason, "keys not replaced; those before stay in force");
                    *refused = Some(reason);
                    return;
                }
            }
            *refused = None;
        }
    }
}

fn log_change(before: &[String], after: &[String]) {
    let missing = |of: &[String], from: &[String]| {
        let names = of.iter().filter(|name| !from.contains(name));
        names.cloned().collect::<Vec<_>>().join(", ")
    };
    tracing::info!(
        added = missing(after, before),
        removed = missing(before, after),
        "keys replaced"
    );
}
