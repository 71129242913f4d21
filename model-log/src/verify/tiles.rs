//! The files of the tiles against the tree.

use std::path::{Path, PathBuf};

use super::derived::{Crash, Difference};
use super::epoch::Epoch;
use super::{Check, Report};
use crate::error::LogError;
use crate::seeds::EPOCH;
use crate::tiles::{Tile, WIDTH, add_entry, element};
use crate::tree::{Hash, leaf_hash, root};

/// The hashes of the tree, as far as tiles of the last epoch and above need them.
struct Tree<'a> {
    first: u64,
    leaves: &'a [[u8; crate::leaf::LEN]],
    hashes: Vec<Hash>,
    blocks: Vec<Hash>,
    roots: Vec<Hash>,
}

impl<'a> Tree<'a> {
    fn new(read: &'a [Epoch]) -> Self {
        let last = read.last();
        let leaves = last.map_or(&[][..], |last| &last.leaves);
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let blocks = hashes.as_chunks::<WIDTH>().0.iter();
        let blocks: Vec<Hash> = blocks.map(|block| root(block.iter().copied())).collect();
        let full = read.iter().filter(|epoch| epoch.count == EPOCH);
        Self {
            first: last.map_or(0, |last| last.number * EPOCH),
            leaves,
            roots: full.map(|epoch| epoch.root).collect(),
            hashes,
            blocks,
        }
    }

    /// What a tile holds; `None` when it lies before the last epoch, or beyond the tree.
    fn expected(&self, tile: &Tile) -> Option<Vec<u8>> {
        let begin = tile.number.checked_mul(WIDTH as u64)?;
        let part = |hashes: &[Hash], first: u64| {
            let at = usize::try_from(begin.checked_sub(first)?).ok()?;
            Some(hashes.get(at..at.checked_add(tile.width)?)?.concat())
        };
        match tile.level {
            None => {
                let at = usize::try_from(begin.checked_sub(self.first)?).ok()?;
                let mut bytes = Vec::with_capacity(tile.width * element(None));
                for leaf in self.leaves.get(at..at + tile.width)? {
                    add_entry(&mut bytes, leaf);
                }
                Some(bytes)
            }
            Some(0) => part(&self.hashes, self.first),
            Some(1) => part(&self.blocks, self.first / WIDTH as u64),
            Some(2) => part(&self.roots, 0),
            Some(level) => {
                let mut hashes = self.roots.clone();
                for _ in 2..level {
                    let above = hashes.as_chunks::<WIDTH>().0.iter();
                    hashes = above.map(|some| root(some.iter().copied())).collect();
                }
                part(&hashes, 0)
            }
        }
    }
}

/// The tiles of a tree of `size` leaves from the last epoch on, and all above level 1.
fn wanted(size: u64, first: u64) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let levels = [None, Some(0), Some(1), Some(2), Some(3)];
    for level in levels {
        let hashes = size >> (8 * level.unwrap_or(0));
        let begin = match level {
            None | Some(0) => first / WIDTH as u64,
            Some(1) => first / EPOCH,
            _ => 0,
        };
        let full = hashes / WIDTH as u64;
        tiles.extend((begin..full).map(|number| Tile::full(level, number)));
        let width = (hashes % WIDTH as u64) as usize;
        if width > 0 && full >= begin {
            tiles.push(Tile {
                level,
                number: full,
                width,
            });
        }
    }
    tiles
}

/// Compares the tiles of the last epoch and those above, and lists files that are no tile of
/// the tree.
pub(super) fn check(check: &Check, read: &[Epoch], files: Vec<PathBuf>, report: &mut Report) {
    let tree = Tree::new(read);
    let wanted = wanted(report.signed, tree.first);
    for tile in &wanted {
        if let Some(expected) = tree.expected(tile) {
            let path = tile.path();
            match check.derived(&path, &expected, Crash::TILE) {
                Difference::None => {}
                Difference::Note(note) => report.notes.push(note),
                Difference::Problem(problem) => report.problem(path, problem),
            }
        }
    }
    for path in files {
        let name = path.strip_prefix(check.layout.folder()).unwrap_or(&path);
        let name = name.to_string_lossy().replace('\\', "/");
        let Some(tile) = Tile::parse(&name) else {
            if !(check.open && name.ends_with(".new")) {
                report.problem(name, "not a file of the tree");
            }
            continue;
        };
        let ended = match tile.level {
            None | Some(0) => tile.number < tree.first / WIDTH as u64,
            Some(1) => tile.number < tree.first / EPOCH,
            _ => false,
        };
        if ended && tile.width == WIDTH || wanted.contains(&tile) {
            continue;
        }
        // Beside a running server, or after a crash: tiles that a newer checkpoint needs, or an
        // older one needed.
        match tree.expected(&tile).filter(|_| check.open) {
            Some(expected) => {
                if let Difference::Problem(problem) = check.derived(&name, &expected, Crash::TILE) {
                    report.problem(name, problem);
                }
            }
            None if check.open && ended => {
                report
                    .notes
                    .push(format!("{name}: a full tile has replaced this one"));
            }
            None => report.problem(name, "not a tile of the tree"),
        }
    }
}

/// The files among the tiles.
pub(super) fn files(check: &Check) -> Result<Vec<PathBuf>, LogError> {
    let mut files = Vec::new();
    list(check, &check.layout.path("tile"), &mut files)?;
    Ok(files)
}

fn list(check: &Check, folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), LogError> {
    let names = match check.disk.list(folder) {
        Ok(names) => names,
        Err(error) if check.open || error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(LogError::io(folder, error)),
    };
    for (name, is_folder) in names {
        let path = folder.join(name);
        if is_folder {
            list(check, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
