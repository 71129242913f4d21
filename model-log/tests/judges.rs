//! Independent implementations judge ours: `signed_note` and `tlog_tiles` (those of Cloudflare's
//! log), `ct-merkle`, and the Python checker of `examples/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may fail, and says what it measured"
)]

mod common;

use std::path::Path;
use std::process::Command;

use common::decision;
use ct_merkle::InclusionProof;
use ct_merkle::mem_backed_tree::MemoryBackedTree;
use model_log::{Options, Reader, Writer};
use sha2::Sha256;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, Error, Hash, Tile, TileHashReader, TileReader, check_record, prove_record,
    record_hash, tree_hash,
};

/// Tiles as a client of the log would get them, through its reader.
struct Tiles<'a>(&'a Reader);

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            // Their path names the height of the tiles, the one of C2SP does not.
            let path = tile.path().replace("tile/8/", "tile/");
            self.0.tile(&path).ok().flatten().unwrap_or_default()
        };
        Ok(tiles.iter().map(read).collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

/// The leaves, out of the bundles.
fn leaves(reader: &Reader, size: u64) -> Vec<Vec<u8>> {
    let mut leaves = Vec::new();
    let mut first = 0;
    while first < size {
        let (number, width) = (first / 256, (size - first).min(256));
        let mut path = format!("tile/entries/{number:03}");
        if width < 256 {
            path += &format!(".p/{width}");
        }
        let bundle = reader.tile(&path).unwrap().expect("a bundle");
        let mut rest = &bundle[..];
        while let Some((length, after)) = rest.split_first_chunk::<2>() {
            let (leaf, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
            leaves.push(leaf.to_vec());
            rest = after;
        }
        first += width;
    }
    leaves
}

fn judge(folder: &Path, size: u64) {
    let reader = Reader::open(folder, None).unwrap();
    // The note, by signed_note.
    let note = Note::from_bytes(reader.checkpoint().unwrap().as_bytes()).unwrap();
    let verifier = StandardVerifier::new(&reader.verifier_key()).unwrap();
    let (signed, others) = note
        .verify(&VerifierList::new(vec![Box::new(verifier)]))
        .unwrap();
    assert_eq!((signed.len(), others.len()), (1, 0));
    // The checkpoint, by tlog_tiles.
    let checkpoint = Checkpoint::from_bytes(note.text()).unwrap();
    assert_eq!(
        (checkpoint.size(), checkpoint.origin()),
        (size, "underwrite")
    );
    let root = *checkpoint.hash();
    // The root, by ct-merkle from the leaves.
    let leaves = leaves(&reader, size);
    assert_eq!(leaves.len() as u64, size);
    let mut tree = MemoryBackedTree::<Sha256, Vec<u8>>::new();
    leaves.iter().for_each(|leaf| tree.push(leaf.clone()));
    assert_eq!(tree.root().as_bytes().as_slice(), root.0);
    // The tiles, each checked against the root as they are read.
    let tiles = Tiles(&reader);
    let hashes = TileHashReader::new(size, root, &tiles);
    assert_eq!(tree_hash(size, &hashes).unwrap(), root);
    for index in (0..size).step_by(1 + size as usize / 50).chain([size - 1]) {
        let leaf = &leaves[index as usize];
        let ours = reader.prove(index).unwrap();
        let path = ours.lines().skip(3).take_while(|line| !line.is_empty());
        let path: Vec<Hash> = path.map(|line| Hash::parse_hash(line).unwrap()).collect();
        let theirs = prove_record(size, index, &hashes).unwrap();
        assert_eq!(path, theirs, "record {index} of {size}");
        check_record(&path, size, root, index, record_hash(leaf)).unwrap();
        let bytes: Vec<u8> = path.iter().flat_map(|hash| hash.0).collect();
        let proof = InclusionProof::<Sha256>::try_from_bytes(bytes).unwrap();
        tree.root().verify_inclusion(leaf, index, &proof).unwrap();
    }
}

#[test]
fn others_agree_on_every_root_and_proof() {
    let folder = tempfile::tempdir().unwrap();
    let mut size = 0;
    for more in [1, 1, 1, 2, 3, 120, 127, 1, 1, 254, 2, 800] {
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        log.append((size..size + more).map(decision).collect())
            .unwrap()
            .wait()
            .unwrap();
        log.close().unwrap();
        size += more;
        judge(folder.path(), size);
    }
}

#[test]
fn others_agree_beyond_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let size = 65_536 + 300;
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    log.append((0..size).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    judge(folder.path(), size);
}

fn python(arguments: &[&str]) -> (bool, String) {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../examples/check-proof/check_proof.py"
    );
    let output = Command::new("python3").arg(script).args(arguments).output();
    let output = output.expect("python3 is there");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn the_python_checker_accepts_proofs_and_refuses_altered_ones() {
    let folder = tempfile::tempdir().unwrap();
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    let receipts = log
        .append((0..300).map(decision).collect())
        .unwrap()
        .wait()
        .unwrap();
    log.close().unwrap();
    let proof = Reader::open(folder.path(), None)
        .unwrap()
        .prove(259)
        .unwrap();
    let file = folder.path().join("259.tlog-proof");
    let key = folder.path().join("verifier-key");
    let (file, key) = (file.to_str().unwrap(), key.to_str().unwrap());
    std::fs::write(file, &proof).unwrap();
    let (good, said) = python(&[file, key, &receipts[259].to_string()]);
    assert!(good, "{said}");
    assert!(
        said.starts_with("record 259 of 300 is in the log underwrite"),
        "{said}"
    );
    let (good, said) = python(&[file, key, &receipts[258].to_string()]);
    assert!(!good && said.contains("another record"), "{said}");
    // The header of a batch has the leaf of its last record.
    let batch = |last: usize| format!("250-{}", receipts[last]);
    let (good, said) = python(&[file, key, &batch(259)]);
    assert!(good, "{said}");
    let (good, said) = python(&[file, key, &batch(260)]);
    assert!(!good && said.contains("last record, 260"), "{said}");
    let other = batch(259).replace(&receipts[259].leaf.to_string(), &"0".repeat(64));
    let (good, said) = python(&[file, key, &other]);
    assert!(!good && said.contains("another record"), "{said}");
    // One character of the leaf, of each hash, of the checkpoint and of the signature.
    for (line, _) in proof
        .lines()
        .enumerate()
        .filter(|(_, line)| line.len() > 40)
    {
        let altered: Vec<String> = proof
            .lines()
            .enumerate()
            .map(|(at, text)| match at == line {
                true => {
                    let middle = text.len() / 2;
                    let other = if &text[middle..=middle] == "A" {
                        "B"
                    } else {
                        "A"
                    };
                    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
                }
                false => text.to_owned(),
            })
            .collect();
        std::fs::write(file, altered.join("\n") + "\n").unwrap();
        let (good, said) = python(&[file, key]);
        assert!(!good, "line {line}: {said}");
    }
}
