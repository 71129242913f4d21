//! The JavaScript API: a thin class over the same code, with types written by hand.

use wasm_bindgen::prelude::*;

use crate::{MODULE, json};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = include_str!("model.d.ts");

/// The model inside this module. All instances share it; there is one in a module.
#[wasm_bindgen(skip_typescript)]
#[derive(Debug)]
pub struct Model(());

#[wasm_bindgen]
impl Model {
    /// Loads the model.
    ///
    /// # Errors
    /// When the module carries none, or a broken one.
    #[wasm_bindgen(constructor, skip_typescript)]
    pub fn new() -> Result<Self, JsError> {
        MODULE.with_borrow_mut(|module| match module.decider() {
            Ok(_) => Ok(Self(())),
            Err(reason) => Err(JsError::new(&reason)),
        })
    }

    /// One decision: the bytes of a request in, the bytes of an answer out.
    #[wasm_bindgen(skip_typescript)]
    pub fn decide(&self, request: &[u8]) -> Vec<u8> {
        MODULE.with_borrow_mut(|module| {
            module.decide(request);
            module.output.clone()
        })
    }

    /// The derived fields of an application: a request's bytes in, a JSON object out.
    #[wasm_bindgen(skip_typescript)]
    pub fn computed(&self, request: &[u8]) -> Vec<u8> {
        MODULE.with_borrow_mut(|module| {
            let mut out = Vec::new();
            match module.decider() {
                Ok(decider) => decider.write_computed(request, &mut out),
                Err(_) => out.extend_from_slice(b"{}"),
            }
            out
        })
    }

    /// The counts of a batch: its bytes in, the bytes of a sketch or of a refusal out.
    #[wasm_bindgen(skip_typescript)]
    pub fn sketch(&self, batch: &[u8]) -> Vec<u8> {
        MODULE.with_borrow_mut(|module| {
            module.sketch(batch);
            module.output.clone()
        })
    }

    /// Why a decision came out as it did: the bytes of a request in, those of an explanation or
    /// of a refusal out.
    #[wasm_bindgen(skip_typescript)]
    pub fn explain(&self, request: &[u8]) -> Vec<u8> {
        MODULE.with_borrow_mut(|module| {
            module.explain(request);
            module.output.clone()
        })
    }

    /// The HTTP status of the last decision, explanation or sketch.
    #[wasm_bindgen(getter, skip_typescript)]
    pub fn status(&self) -> u16 {
        MODULE.with_borrow(|module| module.status)
    }

    /// One decision with objects instead of bytes.
    ///
    /// # Errors
    /// When the application cannot be written as JSON.
    #[wasm_bindgen(skip_typescript)]
    pub fn predict(&self, application: &JsValue) -> Result<JsValue, JsError> {
        let request = json::of_application(application)
            .ok_or_else(|| JsError::new("the application cannot be written as JSON"))?;
        json::to_object(&self.decide(request.as_bytes()))
    }

    /// What the model says about itself.
    ///
    /// # Errors
    /// Never for a model that was constructed.
    #[wasm_bindgen(skip_typescript)]
    pub fn describe(&self) -> Result<JsValue, JsError> {
        MODULE.with_borrow_mut(|module| {
            module.describe();
            json::to_object(&module.output)
        })
    }

    /// The probabilities of many rows, in the layout of `abi_batch`.
    ///
    /// # Errors
    /// When `columns` does not hold one value for each input and row.
    #[wasm_bindgen(skip_typescript)]
    pub fn batch(&self, columns: &[f64], rows: usize) -> Result<Vec<f64>, JsError> {
        MODULE.with_borrow_mut(|module| {
            let decider = module.decider().map_err(|reason| JsError::new(&reason))?;
            // Checked before allocating: a wrong number of rows must not ask for all the memory.
            if rows.checked_mul(decider.inputs()) != Some(columns.len()) {
                let (inputs, values) = (decider.inputs(), columns.len());
                let problem =
                    format!("expected {inputs} inputs of {rows} rows, got {values} values");
                return Err(JsError::new(&problem));
            }
            let mut out = vec![0.0; rows];
            let refused = decider.batch(columns, &mut out);
            refused.map(|_| out).map_err(|reason| JsError::new(&reason))
        })
    }
}
