//! Which version of which model answers.

use std::sync::Arc;

use bytes::Bytes;

use super::App;
use crate::http::Share;
use crate::http::admission::{Overloaded, Work};
use crate::http::caller::Caller;
use crate::http::error::ApiError;
use crate::models::drift::Monitor;
use crate::models::registry::{Affinity, Live, Served, Slot, Version};
use crate::record::{Call, Role as LogRole};

/// The version of a model that answers a request.
pub(crate) struct Target {
    pub(crate) served: Arc<Served>,
    /// Why it is that one.
    pub(crate) role: LogRole,
    /// What is live, unless the request named a version: its shadow gets a copy.
    pub(crate) live: Option<Arc<Live>>,
}

impl Target {
    fn picked(live: Arc<Live>, affinity: Affinity<'_>) -> Self {
        let served = Arc::clone(live.pick(affinity));
        let role = match Arc::ptr_eq(&served, &live.champion) {
            true => LogRole::Champion,
            false => LogRole::Canary,
        };
        Self {
            served,
            role,
            live: Some(live),
        }
    }
}

impl App {
    /// The default model's champion.
    pub(crate) fn champion(&self) -> Option<Arc<Served>> {
        let live = self.registry.default()?.live()?;
        Some(Arc::clone(&live.champion))
    }

    /// The champion of the named model: what is said of a model.
    pub(crate) fn champion_of(&self, name: &str) -> Result<Arc<Served>, ApiError> {
        Ok(Arc::clone(&self.live(Some(name))?.champion))
    }

    /// What answers for the named model or for the default one, as the deployment says.
    pub(crate) fn target(
        &self,
        name: Option<&str>,
        affinity: Affinity<'_>,
    ) -> Result<Target, ApiError> {
        Ok(Target::picked(self.live(name)?, affinity))
    }

    /// The same for a request with this body. Of a long one the field that a canary goes by is read
    /// where that delays no other request, with a permit for long work.
    pub(crate) async fn target_of(
        &self,
        call: &Call<'_>,
        name: Option<&str>,
        body: &Bytes,
        has_permit: bool,
    ) -> Result<Target, ApiError> {
        let live = self.live(name)?;
        let affinity = Affinity {
            id: call.id.given(),
            body,
        };
        match affinity.is_short() || !live.reads_body() {
            true => Ok(Target::picked(live, affinity)),
            false => {
                let permit = match has_permit {
                    true => None,
                    false => Some(self.begin_long(call.caller)?),
                };
                Box::pin(self.picked_beside(call, live, body, permit)).await
            }
        }
    }

    async fn picked_beside(
        &self,
        call: &Call<'_>,
        live: Arc<Live>,
        body: &Bytes,
        permit: Option<Share>,
    ) -> Result<Target, ApiError> {
        let (body, id) = (body.clone(), call.id.given().map(str::to_owned));
        let kind = Work::reading(body.len());
        let work = move || {
            let _permit = permit;
            let id = id.as_deref();
            Target::picked(live, Affinity { id, body: &body })
        };
        let picked = self.admission.work(kind, call.caller, work).await;
        picked.map_err(|error| {
            tracing::error!(request_id = call.id.as_uuid(), %error, "no version picked");
            ApiError::fault(call.id)
        })
    }

    /// The same, or the named version, which is loaded if needed.
    pub(crate) async fn target_version(
        &self,
        call: &Call<'_>,
        name: Option<&str>,
        version: Option<&str>,
        body: &Bytes,
    ) -> Result<Target, ApiError> {
        match version {
            None => self.target_of(call, name, body, false).await,
            Some(version) => Ok(Target {
                served: Box::pin(self.version(call.caller, name, version)).await?,
                role: LogRole::Version,
                live: None,
            }),
        }
    }

    /// Whether there is a model of this name, or a default one.
    pub(crate) fn known_model(&self, name: Option<&str>) -> Result<(), ApiError> {
        self.slot(name).map(drop)
    }

    /// A version of a model, without loading it.
    pub(crate) fn known(
        &self,
        name: Option<&str>,
        version: &str,
    ) -> Result<Arc<Version>, ApiError> {
        Ok(self.find(name, version)?.1)
    }

    fn find(
        &self,
        name: Option<&str>,
        version: &str,
    ) -> Result<(Arc<Live>, Arc<Version>), ApiError> {
        let slot = self.slot(name)?;
        let live = slot.live().ok_or(ApiError::NoModel)?;
        let found = live.version(version).cloned();
        let found = found.ok_or_else(|| no_model(&format!("{} {version}", slot.name())))?;
        Ok((live, found))
    }

    async fn version(
        &self,
        caller: &Caller,
        name: Option<&str>,
        version: &str,
    ) -> Result<Arc<Served>, ApiError> {
        let (live, version) = self.find(name, version)?;
        if let Some(served) = version.loaded() {
            version.touch();
            return Ok(served);
        }
        let _permit = self.begin_long(caller)?;
        let registry = Arc::clone(&self.registry);
        let work = move || {
            let loaded = registry.load(&live, &version);
            loaded.inspect_err(|error| {
                tracing::error!(%error, version = version.version(), "version not loaded");
            })
        };
        match self.admission.work(Work::Load, caller, work).await {
            Ok(Ok(Some(served))) => Ok(served),
            Ok(Ok(None)) => Err(self.reject(Overloaded)),
            Ok(Err(_)) | Err(_) => Err(ApiError::NoModel),
        }
    }

    /// The name of the model that is asked: the default one's where none is named.
    pub(crate) fn model_name(&self, name: Option<&str>) -> Result<String, ApiError> {
        Ok(self.slot(name)?.name().to_owned())
    }

    /// Whether a request for this model that began with a version may go on with it.
    pub(crate) fn goes_on(&self, name: &str, served: &Served) -> bool {
        let slot = self.registry.get(name);
        slot.is_some_and(|slot| slot.goes_on(served))
    }

    fn live(&self, name: Option<&str>) -> Result<Arc<Live>, ApiError> {
        self.slot(name)?.live().ok_or(ApiError::NoModel)
    }

    fn slot(&self, name: Option<&str>) -> Result<Arc<Slot>, ApiError> {
        match name {
            None => self.registry.default().ok_or(ApiError::NoModel),
            Some(name) => self.registry.get(name).ok_or_else(|| no_model(name)),
        }
    }

    /// The drift window that is requested: of the named version, or of the champion.
    pub(crate) async fn monitored(
        &self,
        caller: &Caller,
        name: Option<&str>,
        version: Option<&str>,
    ) -> Result<Arc<Monitor>, ApiError> {
        let live = self.live(name)?;
        let served = match version {
            None => Arc::clone(&live.champion),
            Some(version) => self.version(caller, name, version).await?,
        };
        live.drift(&served).map_err(|reason| ApiError::NotThere {
            detail: reason.to_string(),
        })
    }
}

fn no_model(name: &str) -> ApiError {
    ApiError::NoSuchModel {
        name: name.to_owned(),
    }
}
