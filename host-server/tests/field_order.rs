//! JSON objects have no order: fields in any order are found at about the same cost.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod common;
#[path = "../../model-core/tests/common/mod.rs"]
mod models;
#[path = "common/recorded.rs"]
mod recorded;

use std::fmt::Write as _;

use recorded::packed_of;
use wasmtime::{Config, Engine, Linker, Memory, Module, OptLevel, Store, TypedFunc};

/// As many as a schema may have beside its target.
const FIELDS: usize = 999;

/// The module of a model with [`FIELDS`] fields. wasmtime counts what it executes.
struct Wide {
    store: Store<()>,
    memory: Memory,
    block: u32,
    decide: TypedFunc<(u32, u32), u64>,
}

impl Wide {
    fn new() -> Self {
        let mut schema = "name = \"wide\"\nversion = \"1.0.0\"\n".to_owned();
        for field in 0..FIELDS {
            let name = name(field);
            writeln!(
                schema,
                "[[feature]]\nname = \"{name}\"\ntype = \"number\"\n"
            )
            .unwrap();
        }
        schema += "[[feature]]\nname = \"approved\"\ntype = \"boolean\"\nrole = \"target\"\n";
        let policy = "[policy]\nversion = \"1\"\nrefer = [0.4, 0.6]\n";
        let wasm = packed_of(models::constant(&schema, 0.5), policy);
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .cranelift_opt_level(OptLevel::None);
        let engine = Engine::new(&config).unwrap();
        let module = Module::new(&engine, wasm).unwrap();
        let mut linker = Linker::new(&engine);
        linker.define_unknown_imports_as_traps(&module).unwrap();
        let mut store = Store::new(&engine, ());
        store.set_fuel(u64::MAX).unwrap();
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let load = instance.get_typed_func::<(), u64>(&mut store, "abi_load");
        assert_eq!(load.unwrap().call(&mut store, ()).unwrap(), 0);
        let alloc = instance.get_typed_func::<u32, u32>(&mut store, "abi_alloc");
        Self {
            memory: instance.get_memory(&mut store, "memory").unwrap(),
            block: alloc.unwrap().call(&mut store, 1 << 16).unwrap(),
            decide: instance.get_typed_func(&mut store, "abi_decide").unwrap(),
            store,
        }
    }

    /// The answer to a request with these fields, and how much was executed for it.
    fn decide(&mut self, fields: &[String]) -> (String, u64) {
        let request = format!("{{{}}}", fields.join(","));
        let bytes = request.as_bytes();
        let block = self.block;
        self.memory
            .write(&mut self.store, block as usize, bytes)
            .unwrap();
        let before = self.store.get_fuel().unwrap();
        let call = (block, u32::try_from(bytes.len()).unwrap());
        let packed = self.decide.call(&mut self.store, call).unwrap();
        let used = before - self.store.get_fuel().unwrap();
        let (start, length) = ((packed >> 32) as usize, packed as u32 as usize);
        let answer = &self.memory.data(&self.store)[start..start + length];
        (String::from_utf8(answer.to_vec()).unwrap(), used)
    }
}

fn name(field: usize) -> String {
    format!("f{field:03}")
}

/// Every field once, `step` apart in the schema.
fn fields(step: usize) -> Vec<String> {
    (0..FIELDS)
        .map(|nth| format!("\"{}\":0.5", name(nth * step % FIELDS)))
        .collect()
}

#[test]
fn another_order_than_the_schemas_costs_little_more() {
    let mut model = Wide::new();
    let (expected, in_order) = model.decide(&fields(1));
    assert!(expected.contains("\"probability\":0.5"), "{expected}");
    // 998 backwards; 500 is far from the field before.
    for step in [998, 500, 7] {
        let (answer, used) = model.decide(&fields(step));
        assert_eq!(answer, expected);
        let limit = 3 * in_order;
        assert!(used < limit, "step {step}: {used} of {limit}");
    }
    // Of one that is repeated only the first hundred are looked for.
    let repeated = vec![format!("\"{}\":0.5", name(FIELDS - 1)); FIELDS];
    let (answer, used) = model.decide(&repeated);
    assert!(answer.contains("duplicate_field"), "{answer}");
    assert!(used < in_order, "repeated: {used} of {in_order}");
}
