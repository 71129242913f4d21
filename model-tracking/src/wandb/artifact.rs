//! The model as an artifact: a list of files with their MD5, and a digest over the list.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use model_files::hex;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::folder::{Checked, RunError, RunFolder};

/// Begins the text that an artifact's digest is of.
const MANIFEST: &str = "wandb-artifact-manifest-v1\n";
/// How many letters a client's id has.
const ID_LETTERS: usize = 128;

/// A named, versioned set of files.
pub(super) struct Artifact {
    /// Its collection, such as `loan`.
    pub(super) name: String,
    pub(super) description: String,
    /// JSON.
    pub(super) metadata: String,
    pub(super) aliases: Vec<String>,
    pub(super) files: Vec<Entry>,
    /// Of the files' names and contents, hexadecimal.
    pub(super) digest: String,
    /// This version, and the collection: the same each time that the run is sent.
    pub(super) client_id: String,
    pub(super) sequence_client_id: String,
}

/// The type of the artifact.
pub(super) const TYPE: &str = "model";

/// One file.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) checked: Checked,
    pub(super) bytes: u64,
    /// In base64.
    pub(super) md5: String,
}

impl Artifact {
    /// The model of a run, where it has one.
    pub(super) fn read(folder: &RunFolder, alias: Option<&str>) -> Result<Option<Self>, RunError> {
        let run = folder.run();
        let Some(model) = &run.model else {
            return Ok(None);
        };
        let entry = entry(&model.file, folder.checked(&model.file)?)?;
        let files = vec![entry];
        let digest = digest(&files);
        let figures: serde_json::Map<String, Value> = run
            .metrics
            .iter()
            .map(|(name, &value)| (name.clone(), super::content::number(value)))
            .collect();
        let metadata = json!({
            "kind": model.kind, "version": model.version, "digest": model.digest,
            "sha256": model.sha256, "metrics": figures,
        });
        let name: String = model
            .name
            .chars()
            .map(|c| match c {
                '/' | ':' | ' ' => '-',
                c => c,
            })
            .collect();
        Ok(Some(Self {
            description: format!("{} {} ({})", model.name, model.version, model.kind),
            metadata: metadata.to_string(),
            aliases: alias
                .into_iter()
                .chain(["latest"])
                .map(str::to_owned)
                .collect(),
            client_id: letters(&format!("{}/{name}/{digest}", run.id)),
            sequence_client_id: letters(&format!("{}/{name}", run.id)),
            name,
            files,
            digest,
        }))
    }

    /// The file that lists the artifact's files.
    pub(super) fn manifest(&self, artifact_id: &str) -> Value {
        let contents = self.files.iter().map(|file| {
            let entry = json!({
                "digest": file.md5, "size": file.bytes, "birthArtifactID": artifact_id,
                "skip_cache": false,
            });
            (file.name.clone(), entry)
        });
        json!({
            "version": 1,
            "storagePolicy": "wandb-storage-policy-v1",
            "storagePolicyConfig": {"storageLayout": "V2"},
            "contents": contents.collect::<serde_json::Map<_, _>>(),
        })
    }
}

/// MD5 in base64, as the service has it everywhere but in an artifact's digest.
pub(super) fn md5_base64(bytes: &[u8]) -> String {
    STANDARD.encode(Md5::digest(bytes))
}

fn entry(name: &str, checked: Checked) -> Result<Entry, RunError> {
    let (bytes, md5) = length_and_md5(&checked.path).map_err(|cause| RunError::Io {
        doing: "read",
        path: checked.path.clone(),
        cause,
    })?;
    Ok(Entry {
        name: name.to_owned(),
        checked,
        bytes,
        md5,
    })
}

fn length_and_md5(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut block = vec![0; 64 * 1024];
    let (mut length, mut hasher) = (0, Md5::new());
    loop {
        match file.read(&mut block)? {
            0 => return Ok((length, STANDARD.encode(hasher.finalize()))),
            read => {
                hasher.update(&block[..read]);
                length += read as u64;
            }
        }
    }
}

fn digest(files: &[Entry]) -> String {
    let mut lines: Vec<String> = files
        .iter()
        .map(|file| format!("{}:{}\n", file.name, file.md5))
        .collect();
    lines.sort();
    hex(&Md5::digest(format!("{MANIFEST}{}", lines.concat())))
}

/// An id in the form that clients draw at random, drawn from a text instead.
fn letters(from: &str) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let blocks = (0u8..).flat_map(|block| {
        let mut hasher = Sha256::new();
        hasher.update([block]);
        hasher.update(from);
        hasher.finalize()
    });
    let letters = blocks.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
    letters.take(ID_LETTERS).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_digest_is_the_official_clients() {
        // Made by the official client for this file.
        let file = Entry {
            name: "model.bin".to_owned(),
            checked: Checked {
                path: PathBuf::new(),
                sha256: String::new(),
            },
            bytes: 120,
            md5: md5_base64("model bytes ".repeat(10).as_bytes()),
        };
        assert_eq!(file.md5, "/CJzxqIyQIjz7TD2hj8IrQ==");
        assert_eq!(digest(&[file]), "1f2fd996119315485c8dda886bc512d2");
    }

    #[test]
    fn ids_are_long_and_their_own() {
        assert_eq!(letters("a").len(), ID_LETTERS);
        assert_eq!(letters("a"), letters("a"));
        assert_ne!(letters("a"), letters("b"));
    }
}
