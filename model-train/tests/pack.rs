//! Packing, on small hand-written engines.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use model_core::artifact::Artifact;
use model_core::model_file::{self, ModelFile};
use model_files::sha256_hex;
use model_train::pack::pack;
use model_train::unpack::{UnpackError, unpack};
use wasmparser::{Parser, Payload, Validator};

const ENGINE: &str = r#"(module
  (import "./x.js" "never" (func))
  (type $t (func (result i32)))
  (memory (export "memory") 2 40)
  (global $g i32 (i32.const 7))
  (global (export "ABI_ARTIFACT") i32 (i32.const 1024))
  (func (export "pages") (type $t) memory.size)
  (data (i32.const 1024) "\00\00\00\00\00\00\00\00")
  (data (i32.const 2048) "kept")
  (@custom "note" "hello"))"#;

fn engine(wat: &str) -> Vec<u8> {
    wat::parse_str(wat).unwrap()
}

/// Sections by name, their bytes as they are.
fn sections(module: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.unwrap();
        let name = match &payload {
            Payload::CustomSection(section) => section.name().to_owned(),
            other => match other.as_section() {
                Some((id, _)) => id.to_string(),
                None => continue,
            },
        };
        let range = payload.as_section().unwrap().1;
        found.push((name, module[range].to_vec()));
    }
    found
}

/// Initial memory as active segments leave it.
fn initial_memory(module: &[u8]) -> Vec<u8> {
    let mut memory = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::MemorySection(section) => {
                let pages = section.into_iter().next().unwrap().unwrap().initial;
                memory = vec![0; pages as usize * 65_536];
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.unwrap();
                    let wasmparser::DataKind::Active { offset_expr, .. } = data.kind else {
                        panic!("passive");
                    };
                    let mut reader = offset_expr.get_operators_reader();
                    let wasmparser::Operator::I32Const { value } = reader.read().unwrap() else {
                        panic!("offset");
                    };
                    let at = value as u32 as usize;
                    memory[at..at + data.data.len()].copy_from_slice(data.data);
                }
            }
            _ => {}
        }
    }
    memory
}

#[test]
fn the_artifact_is_in_memory_and_behind_the_slot() {
    for len in [1, 16, 65_535, 65_536, 65_537, 200_000] {
        let artifact: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let packed = pack(&engine(ENGINE), b"glue", &artifact).unwrap();
        Validator::new().validate_all(&packed).unwrap();
        let memory = initial_memory(&packed);
        let word = |at: usize| u32::from_le_bytes(memory[at..at + 4].try_into().unwrap()) as usize;
        let (pointer, length) = (word(1024), word(1028));
        assert_eq!(length, len);
        assert_eq!(pointer % 16, 0);
        assert!(pointer >= 2 * 65_536, "in the added pages");
        assert_eq!(&memory[pointer..pointer + length], artifact);
        assert_eq!(&memory[2048..2052], b"kept");
    }
}

#[test]
fn the_seal_finds_artifact_and_glue() {
    let packed = pack(&engine(ENGINE), b"glue", b"the artifact").unwrap();
    let file = ModelFile::open(&packed).unwrap();
    assert_eq!(file.artifact(), b"the artifact");
    assert_eq!(file.custom_section("underwrite.glue"), Some(&b"glue"[..]));
    assert_eq!(file.custom_section("note"), Some(&b"hello"[..]));
}

#[test]
fn all_else_stays_byte_for_byte() {
    let engine = engine(ENGINE);
    let packed = pack(&engine, b"glue", b"artifact").unwrap();
    let (before, after) = (sections(&engine), sections(&packed));
    let names = |list: &[(String, Vec<u8>)]| -> Vec<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    };
    let mut expected = names(&before);
    expected.extend(["underwrite.glue".to_owned(), "underwrite.seal".to_owned()]);
    assert_eq!(names(&after), expected);
    let (memory, data) = ("5", "11");
    for (old, new) in before.iter().zip(&after) {
        let changed = old.0 == memory || old.0 == data;
        assert_eq!(old.1 != new.1, changed, "section {}", old.0);
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let pack = || pack(&engine(ENGINE), b"glue", b"artifact").unwrap();
    assert_eq!(pack(), pack());
}

#[test]
fn the_data_count_is_updated() {
    let wat = ENGINE.replace(
        "memory.size)",
        "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) memory.size)",
    );
    let packed = pack(&engine(&wat), b"", b"artifact").unwrap();
    Validator::new().validate_all(&packed).unwrap();
    let count = sections(&packed).into_iter().find(|(name, _)| name == "12");
    assert_eq!(count, Some(("12".to_owned(), vec![4])));
}

#[test]
fn an_engine_without_data_gets_a_data_section() {
    let wat =
        r#"(module (memory 1) (global (export "ABI_ARTIFACT") i32 (i32.const 16)) (func nop))"#;
    let packed = pack(&engine(wat), b"", b"artifact").unwrap();
    Validator::new().validate_all(&packed).unwrap();
    assert_eq!(&initial_memory(&packed)[65_536..65_544], b"artifact");
}

#[test]
fn a_wrong_engine_is_refused_with_the_reason() {
    let check = |bytes: &[u8], expect: &str| {
        let error = pack(bytes, b"", b"artifact").unwrap_err().to_string();
        assert!(error.contains(expect), "{error:?} should say {expect:?}");
    };
    let wat = |from: &str, to: &str| engine(&ENGINE.replace(from, to));
    check(b"", "not a valid WebAssembly module");
    check(b"PK\x03\x04", "not a valid WebAssembly module");
    check(&engine(ENGINE)[..60], "not a valid WebAssembly module");
    check(&engine("(component)"), "encoded as a component");
    check(
        &wat("ABI_ARTIFACT", "OTHER"),
        "exports no global ABI_ARTIFACT",
    );
    check(
        &wat("(i32.const 1024))", "(i32.const 131068))"),
        "ABI_ARTIFACT is not",
    );
    check(
        &wat("(i32.const 1024))", "(i32.const 1026))"),
        "ABI_ARTIFACT is not",
    );
    check(
        &wat("ABI_ARTIFACT\") i32", "ABI_ARTIFACT\") (mut i32)"),
        "ABI_ARTIFACT is not",
    );
    check(
        &wat("(@custom", "(func $s) (start $s) (@custom"),
        "has a start function",
    );
    check(
        &wat("(@custom", "(func (param externref)) (@custom"),
        "externref",
    );
    check(
        &wat("(@custom", "(table 1 externref) (@custom"),
        "not every host has",
    );
    check(
        &wat("(memory (export \"memory\") 2 40)", "(memory 2 40 shared)"),
        "not every host has",
    );
    check(
        &wat(
            "(memory (export \"memory\") 2 40)",
            "(import \"a\" \"m\" (memory 2))",
        ),
        "one memory of its own",
    );
}

#[test]
fn a_packed_file_comes_apart_into_what_it_was_packed_from() {
    let without_data: String = ENGINE
        .lines()
        .filter(|line| !line.contains("(data "))
        .collect();
    let glue = b"export default 1;";
    for text in [ENGINE, &without_data] {
        let engine = engine(text);
        for artifact in [&b"an artifact"[..], &[7; 70_000]] {
            let unpacked = unpack(&pack(&engine, glue, artifact).unwrap()).unwrap();
            assert_eq!(unpacked.engine, engine);
            assert_eq!(unpacked.glue, glue);
        }
    }
}

/// The real engine: its size fields are those that packing writes.
#[test]
fn models_of_all_formats_come_apart_into_the_engine_that_they_name() {
    for format in ["format-1", "format-2", "format-3"] {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden");
        let file = std::fs::read(format!("{folder}/{format}/model.wasm")).unwrap();
        let unpacked = unpack(&file).unwrap();
        let artifact = ModelFile::open(&file).unwrap().artifact();
        let named = Artifact::decode(artifact).unwrap().engine_sha256;
        assert_eq!(sha256_hex(&unpacked.engine), named, "{format}");
    }
}

#[test]
fn what_packing_does_not_write_is_told() {
    let packed = pack(&engine(ENGINE), b"export default 1;", b"artifact").unwrap();
    let module = &packed[..packed.len() - model_file::SEAL_LEN];
    let artifact_at = packed
        .windows(8)
        .position(|bytes| bytes == b"artifact")
        .unwrap();
    // A section more, after the glue.
    let mut longer = [module, &[0, 5, 4], b"more"].concat();
    model_file::seal(&mut longer, artifact_at as u64, 8);
    assert!(matches!(unpack(&longer), Err(UnpackError::NotPacked)));
    // The artifact somewhere else in the file.
    let mut moved = module.to_vec();
    model_file::seal(&mut moved, artifact_at as u64 - 1, 8);
    assert!(unpack(&moved).is_err());
}
