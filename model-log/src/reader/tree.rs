//! Tiles and proofs, read from the files of the tiles.

use std::collections::BTreeMap;

use super::Reader;
use crate::error::LogError;
use crate::proof::Proof;
use crate::tiles::{Tile, WIDTH, element, full_path};
use crate::tree::{Hash, inclusion_proof, root, root_of_proof};

impl Reader {
    /// A tile by its path, such as `tile/0/x001/067` or `tile/entries/000.p/5`; `None` when
    /// there is none of this path. What a larger partial or the full tile holds is cut to the
    /// width that was asked for.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn tile(&self, path: &str) -> Result<Option<Vec<u8>>, LogError> {
        let Some(tile) = Tile::parse(path) else {
            return Ok(None);
        };
        let wanted = tile.width * element(tile.level);
        let bytes = self.widest(tile.level, tile.number)?;
        Ok(bytes.and_then(|mut bytes| {
            bytes.truncate(wanted);
            (bytes.len() == wanted).then_some(bytes)
        }))
    }

    /// The full tile, or the widest partial one.
    fn widest(&self, level: Option<usize>, number: u64) -> Result<Option<Vec<u8>>, LogError> {
        // Twice: a checkpoint may replace the files between the listing and the reading.
        for _ in 0..2 {
            let full = full_path(level, number);
            let mut paths = vec![self.layout.path(&full)];
            let partial = self.layout.path(&format!("{full}.p"));
            let names = self.disk.list(&partial).unwrap_or_default();
            let widths = names
                .iter()
                .filter_map(|(name, _)| name.parse::<usize>().ok());
            paths.extend(widths.max().map(|width| partial.join(width.to_string())));
            for path in paths {
                match self.disk.read(&path) {
                    Ok(bytes) => return Ok(Some(bytes)),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                    Err(error) => return Err(LogError::io(&path, error)),
                }
            }
        }
        Ok(None)
    }

    /// A C2SP tlog-proof of one record against the last checkpoint; its leaf is in the line
    /// `extra`.
    ///
    /// # Errors
    /// When no checkpoint covers the record, or the files do not lead to what it signs.
    pub fn prove(&self, index: u64) -> Result<String, LogError> {
        let (note, checkpoint) = self.signed()?;
        let entry = self.entry(index)?;
        if index >= checkpoint.size {
            let covered = checkpoint.size;
            return Err(LogError::NotSigned { index, covered });
        }
        let bytes = self.frame_bytes(index, &entry)?;
        let leaf = self.parse(index, &bytes)?.leaf;
        let mut nodes = Nodes {
            reader: self,
            tiles: BTreeMap::new(),
        };
        let mut node = |height, position| nodes.node(height, position);
        let hashes = inclusion_proof(index, checkpoint.size, &mut node)?;
        let root = root_of_proof(index, checkpoint.size, leaf.hash(), &hashes);
        if root != Some(checkpoint.root.0) {
            let place = self.layout.path("tile").display().to_string();
            return Err(LogError::damaged(
                place,
                "these tiles and the record do not lead to the root that was signed: run `underwrite log verify`; where it names tiles alone, stop the server, remove this folder, and start the server, which builds it again",
            ));
        }
        let proof = Proof {
            index,
            leaf,
            hashes,
            checkpoint: &note,
        };
        Ok(proof.to_text())
    }
}

/// Nodes of the tree out of tiles, each tile read once.
struct Nodes<'a> {
    reader: &'a Reader,
    tiles: BTreeMap<(usize, u64), Vec<Hash>>,
}

impl Nodes<'_> {
    fn node(&mut self, height: u32, position: u64) -> Result<Hash, LogError> {
        let level = (height / 8) as usize;
        // The node is the root over so many hashes of its level.
        let count = 1 << (height % 8);
        let first = position * count;
        let number = first / WIDTH as u64;
        let at = (first % WIDTH as u64) as usize;
        let tile = self.tile(level, number)?;
        let hashes = tile.get(at..at + count as usize).ok_or_else(|| {
            let path = full_path(Some(level), number);
            LogError::damaged(
                path,
                "the tile is missing or too short: start the server, which builds it again",
            )
        })?;
        Ok(root(hashes.iter().copied()))
    }

    fn tile(&mut self, level: usize, number: u64) -> Result<&Vec<Hash>, LogError> {
        if !self.tiles.contains_key(&(level, number)) {
            let bytes = self.reader.widest(Some(level), number)?.unwrap_or_default();
            let hashes = bytes.as_chunks::<32>().0.to_vec();
            self.tiles.insert((level, number), hashes);
        }
        let tile = self.tiles.get(&(level, number));
        tile.ok_or_else(|| LogError::damaged(full_path(Some(level), number), "the tile is missing"))
    }
}
