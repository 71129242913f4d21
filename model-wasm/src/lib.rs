//! The module: one engine with two interfaces to the same code.
//!
//! `abi` has the plain exports, for any WebAssembly runtime; `javascript` has the class
//! [`Model`], for JavaScript. Both are described in `docs/reference/module-abi.md`. Neither holds any
//! logic: every decision is made in `model-core`.

mod abi;
mod columns;
mod javascript;
mod json;

use std::cell::RefCell;

use model_core::decide::{Decider, write_detail, write_unavailable};
use model_recourse::{Budget, explain};
use model_sketch::answer_batch;

pub use abi::*;
pub use javascript::Model;

/// What an instance keeps between calls. WebAssembly without threads has one of each.
#[derive(Default)]
struct Module {
    /// The model, or why there is none; `None` before the first call. The module is gone before
    /// the model is, so that no code to drop one is in it.
    loaded: Option<Result<&'static mut Decider, String>>,
    /// The bytes that the last call returned.
    output: Vec<u8>,
    /// The HTTP status of the last decision, explanation or sketch.
    status: u16,
    /// What a search for recourse may spend.
    budget: Budget,
}

thread_local! {
    static MODULE: RefCell<Module> = RefCell::default();
}

impl Module {
    /// The model, loaded when it was not.
    fn decider(&mut self) -> Result<&mut Decider, String> {
        let load = || {
            let artifact =
                abi::artifact().ok_or("this module has no model: it is a bare engine")?;
            match Decider::load(artifact) {
                Ok(decider) => Ok(Box::leak(Box::new(decider))),
                Err(error) => Err(error.to_string()),
            }
        };
        match self.loaded.get_or_insert_with(load) {
            Ok(decider) => Ok(decider),
            Err(reason) => Err(reason.clone()),
        }
    }

    /// One decision into `output`.
    fn decide(&mut self, request: &[u8]) {
        self.status = self.answer(|decider, output| decider.decide(request, output));
    }

    /// An explanation into `output`.
    fn explain(&mut self, request: &[u8]) {
        let budget = self.budget;
        self.status = self.answer(|decider, output| explain(decider, request, budget, output));
    }

    /// The counts of a batch into `output`.
    fn sketch(&mut self, batch: &[u8]) {
        self.status = self.answer(|decider, output| answer_batch(decider, batch, output));
    }

    /// Decides the rows of columns into `out`: how many are refused, or `None` and why it cannot
    /// be done in `output`.
    fn columns(
        &mut self,
        memory: columns::Memory<'_, '_>,
        described: (usize, usize),
        out: (usize, &mut [u8]),
    ) -> Option<u32> {
        let mut refused = None;
        self.answer(
            |decider, output| match columns::decide(decider, memory, described, out) {
                Ok(count) => {
                    refused = Some(count);
                    200
                }
                Err(error) => {
                    write_detail(&error.to_string(), output);
                    422
                }
            },
        );
        refused
    }

    /// The description, or the reason why there is none, into `output`.
    fn describe(&mut self) {
        self.answer(|decider, output| {
            decider.describe(output);
            200
        });
    }

    /// Writes what `of` appends to the output, or why there is no model; returns the HTTP status.
    fn answer(&mut self, of: impl FnOnce(&mut Decider, &mut Vec<u8>) -> u16) -> u16 {
        let mut output = std::mem::take(&mut self.output);
        output.clear();
        let status = match self.decider() {
            Ok(decider) => of(decider, &mut output),
            Err(reason) => write_unavailable(&reason, &mut output),
        };
        self.output = output;
        status
    }
}
