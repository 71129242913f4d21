//! The JavaScript that a model's file carries, as programs use it.
//!
//! wasm-bindgen writes it for a module called `model_bg.wasm`, and loads that with `fetch`. Ours is
//! called `model.wasm`, and Node's `fetch` reads no files: two lines are written anew, in files of
//! earlier releases as well.

use std::borrow::Cow;

/// The types of `model.js`, which TypeScript finds beside it as `model.d.ts`: for files that carry
/// none of their own. Types only grow.
pub const MODEL_TYPES: &str = concat!(
    include_str!("../../model-wasm/src/model.d.ts"),
    include_str!("init.d.ts")
);

/// What is written anew, each with what takes its place.
const CHANGES: [(&str, &str); 2] = [
    (
        "new URL('model_bg.wasm', import.meta.url)",
        "new URL('model.wasm', import.meta.url)",
    ),
    (
        "        module_or_path = fetch(module_or_path);\n",
        "        if (String(module_or_path.url ?? module_or_path).startsWith('file:')) {
            // Node's fetch reads no files. Bundlers must not look for this module.
            const files = 'node:fs/promises';
            const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ files);
            module_or_path = readFile(new URL(module_or_path));
        } else {
            module_or_path = fetch(module_or_path);
        }
",
    ),
];

/// The glue so that `await init()` finds the `model.wasm` beside it: in pages, in workers, behind
/// bundlers and in Node. Glue that is written in another way stays as it is.
#[must_use]
pub fn beside_model(glue: &str) -> Cow<'_, str> {
    CHANGES
        .iter()
        .fold(Cow::Borrowed(glue), |glue, (from, to)| {
            match glue.contains(from) {
                true => Cow::Owned(glue.replacen(from, to, 1)),
                false => glue,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glue_is_written_anew_once() {
        let lines: String = CHANGES.iter().map(|(from, _)| *from).collect();
        let changed = beside_model(&lines);
        assert!(!changed.contains("model_bg"), "{changed}");
        assert_eq!(beside_model("export default 1;"), "export default 1;");
    }
}
