//! The person who asks, by the key.

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath};
use axum::http::request::Parts;

use super::log_of;
use crate::app::App;
use crate::http::authentication::Denied;
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::http::metrics::Rejected;
use crate::http::person::Person;
use crate::record::DecisionLog;

/// The person who asks, and the log.
pub(super) struct Asker {
    pub(super) log: Arc<DecisionLog>,
    pub(super) person: Person,
    /// Whose turns a search takes: that person's.
    pub(super) caller: Caller,
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, ApiError> {
        let log = log_of(app)?;
        let keys = &app.middleware().keys;
        let reject = |error| {
            app.metrics().http.reject(Rejected::key);
            let route = parts.extensions.get::<MatchedPath>();
            let route = route.map(MatchedPath::as_str);
            let actor = keys.caller(&parts.headers);
            if let Some(times) = app.middleware().people_denied.due(&actor) {
                tracing::warn!(
                    actor = actor.name(),
                    route,
                    times,
                    "request for decisions denied"
                );
            }
            Err(error)
        };
        if !keys.has_people() {
            return reject(ApiError::NotPermitted {
                detail: "Nobody may look at decisions: the server's settings have no [[decision_log.person]]".to_owned(),
            });
        }
        match keys.person(&parts.headers) {
            Some(person) => {
                let caller = parts.extensions.get::<Caller>().cloned();
                let caller = caller.unwrap_or_default();
                Ok(Self {
                    log,
                    person,
                    caller,
                })
            }
            // The key of a program is known, and no person's.
            None if keys.caller(&parts.headers).name().is_some() => {
                reject(ApiError::Denied(Denied::Forbidden))
            }
            None => reject(ApiError::Denied(Denied::Unknown)),
        }
    }
}
