//! The module behind the Worker: `model.wasm`, which `module.mjs` puts on the global
//! `underwrite`.

use model_http::summary::{FeatureCounts, ModelId};
use serde::Deserialize;
use std::{cell::RefCell, rc::Rc};
use wasm_bindgen::prelude::*;

/// What the module says about its model, as far as `/` and `/health` repeat it.
#[derive(Debug, Deserialize)]
pub(crate) struct Description {
    pub(crate) model: ModelDescription,
    /// The features that a request may hold: inputs, protected and ignored ones.
    features: Vec<Feature>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ModelDescription {
    pub(crate) name: String,
    version: String,
    digest: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Feature {
    r#type: String,
    role: String,
}

impl ModelDescription {
    pub(crate) fn id(&self) -> ModelId<'_> {
        ModelId {
            name: &self.name,
            version: &self.version,
            digest: &self.digest,
        }
    }
}

impl Description {
    /// The features that mean something: not the ignored ones.
    pub(crate) fn feature_counts(&self) -> FeatureCounts {
        let mut counts = FeatureCounts::default();
        for feature in &self.features {
            if feature.role != "ignored" {
                counts.all += 1;
                counts.categorical += usize::from(feature.r#type == "category");
                counts.boolean += usize::from(feature.r#type == "boolean");
            }
        }
        counts
    }
}

/// Why there is no decision.
#[derive(Debug)]
pub(crate) enum Fault {
    /// There is no model, or it is broken; the module's sentence about it.
    Unavailable(String),
    /// The module trapped; the name of the JavaScript error.
    Trapped(String),
}

/// Opens the model now rather than with the first request.
pub(crate) fn warm_up() {
    // The next request that needs the model tries again and gets the reason.
    let _ = open();
}

/// One decision: the HTTP status and the bytes of the answer.
pub(crate) fn decide(request: &[u8]) -> Result<(u16, Vec<u8>), Fault> {
    asked(|model| model.decide(request))
}

/// Why a decision came out as it did: the HTTP status and the bytes of the answer; `None` where
/// the module was packed before modules could explain.
pub(crate) fn explain(request: &[u8]) -> Result<Option<(u16, Vec<u8>)>, Fault> {
    if !open()?.model.explains() {
        return Ok(None);
    }
    asked(|model| model.explain(request)).map(Some)
}

/// The counts of a batch: the HTTP status and the bytes of a sketch, or of a refusal.
pub(crate) fn sketch(batch: &[u8]) -> Result<(u16, Vec<u8>), Fault> {
    asked(|model| model.sketch(batch))
}

fn asked(ask: impl FnOnce(&Model) -> Result<Vec<u8>, JsValue>) -> Result<(u16, Vec<u8>), Fault> {
    let decider = open()?;
    match ask(&decider.model) {
        Ok(answer) => Ok((decider.model.status(), answer)),
        Err(error) => {
            // An instance is spent after a trap; the next request opens another.
            DECIDER.take();
            Err(Fault::Trapped(text_of(&error, "name")))
        }
    }
}

/// Runs `read` on what the module says about its model.
pub(crate) fn describe<T>(read: impl FnOnce(&Description) -> T) -> Result<T, Fault> {
    open().map(|decider| read(&decider.description))
}

struct Decider {
    model: Model,
    description: Description,
}

thread_local! {
    static DECIDER: RefCell<Option<Rc<Decider>>> = const { RefCell::new(None) };
}

fn open() -> Result<Rc<Decider>, Fault> {
    if let Some(decider) = DECIDER.with_borrow(Clone::clone) {
        return Ok(decider);
    }
    let decider = Rc::new(new_decider().map_err(Fault::Unavailable)?);
    DECIDER.set(Some(Rc::clone(&decider)));
    Ok(decider)
}

fn new_decider() -> Result<Decider, String> {
    let message = |error: JsValue| text_of(&error, "message");
    let model = open_model().map_err(message)?;
    let description = model.describe().map_err(message)?;
    let description = serde_json::from_slice(&description).map_err(|error| error.to_string())?;
    Ok(Decider { model, description })
}

/// The `name` or `message` of a JavaScript error.
fn text_of(error: &JsValue, property: &str) -> String {
    worker::js_sys::Reflect::get(error, &property.into())
        .ok()
        .and_then(|text| text.as_string())
        .unwrap_or_else(|| "unknown error".into())
}

// See module.mjs.
#[wasm_bindgen]
extern "C" {
    /// One instance of the module.
    type Model;

    #[wasm_bindgen(catch, js_namespace = underwrite, js_name = openModel)]
    fn open_model() -> Result<Model, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn describe(this: &Model) -> Result<Vec<u8>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn decide(this: &Model, request: &[u8]) -> Result<Vec<u8>, JsValue>;

    #[wasm_bindgen(method, getter)]
    fn explains(this: &Model) -> bool;

    #[wasm_bindgen(method, catch)]
    fn explain(this: &Model, request: &[u8]) -> Result<Vec<u8>, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn sketch(this: &Model, batch: &[u8]) -> Result<Vec<u8>, JsValue>;

    /// The HTTP status of the last decision, explanation or sketch.
    #[wasm_bindgen(method, getter)]
    fn status(this: &Model) -> u16;
}
