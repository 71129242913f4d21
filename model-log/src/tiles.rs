//! Tiles of C2SP tlog-tiles: the hashes of the tree, and the leaves, in files of 256.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use crate::disk::{Disk, How, write_derived};
use crate::error::LogError;
use crate::layout::Layout;
use crate::leaf;
use crate::tree::{Hash, root};

/// Hashes, or leaves, of a full tile.
pub(crate) const WIDTH: usize = 256;

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tile {
    /// `None` is a bundle of leaves (`entries`).
    pub(crate) level: Option<usize>,
    /// Among the tiles of its level.
    pub(crate) number: u64,
    /// How many it holds, 1 to 256; less than 256 is a partial tile.
    pub(crate) width: usize,
}

impl Tile {
    pub(crate) fn full(level: Option<usize>, number: u64) -> Self {
        Self {
            level,
            number,
            width: WIDTH,
        }
    }

    /// Its path in the folder of the log, as in the URL.
    pub(crate) fn path(&self) -> String {
        let full = full_path(self.level, self.number);
        match self.width {
            WIDTH => full,
            width => format!("{full}.p/{width}"),
        }
    }

    /// Reads a path; `None` when it is none that [`Tile::path`] gives.
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (level, rest) = rest.split_once('/')?;
        let level = match level {
            "entries" => None,
            number => Some(number.parse().ok()?),
        };
        let (rest, width) = match rest.split_once(".p/") {
            Some((rest, width)) => (rest, width.parse().ok()?),
            None => (rest, WIDTH),
        };
        let mut number: u64 = 0;
        for part in rest.split('/') {
            let digits: u64 = part.trim_start_matches('x').parse().ok()?;
            number = number.checked_mul(1000)?.checked_add(digits)?;
        }
        let tile = Self {
            level,
            number,
            width,
        };
        let is_width = (1..=WIDTH).contains(&width) && level.is_none_or(|level| level < 8);
        (is_width && tile.path() == path).then_some(tile)
    }
}

/// The path of a tile without its width: groups of three digits, all but the last with an `x`.
pub(crate) fn full_path(level: Option<usize>, number: u64) -> String {
    let mut path = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    match level {
        Some(level) => format!("tile/{level}/{path}"),
        None => format!("tile/entries/{path}"),
    }
}

/// A leaf as in a bundle: its length in two bytes, then its bytes.
pub(crate) const ENTRY: usize = 2 + leaf::LEN;

pub(crate) fn add_entry(bundle: &mut Vec<u8>, leaf: &[u8; leaf::LEN]) {
    bundle.extend_from_slice(&(leaf::LEN as u16).to_be_bytes());
    bundle.extend_from_slice(leaf);
}

/// Bytes of one element of a tile.
pub(crate) fn element(level: Option<usize>) -> usize {
    if level.is_some() { 32 } else { ENTRY }
}

/// The last, incomplete tile of a level.
#[derive(Debug, Clone, Default)]
struct Level {
    number: u64,
    hashes: Vec<Hash>,
}

/// Builds tiles as leaves arrive.
#[derive(Debug, Clone, Default)]
pub(crate) struct Builder {
    levels: Vec<Level>,
    bundle: Vec<u8>,
    complete: VecDeque<(Tile, Vec<u8>)>,
    /// Tiles that became complete.
    completed: u64,
}

impl Builder {
    /// Goes on after whole epochs, whose roots these are.
    pub(crate) fn after_epochs(roots: &[Hash]) -> Self {
        let mut builder = Self::default();
        builder.begin_at(roots.len() as u64);
        roots.iter().for_each(|root| builder.push_hash(2, *root));
        builder
    }

    /// Begins an epoch of its own; what it gives above level 1 means nothing.
    pub(crate) fn begin_at(&mut self, epoch: u64) {
        for (level, tiles) in [(0, 256), (1, 1)] {
            self.level(level).number = epoch * tiles;
        }
    }

    fn level(&mut self, level: usize) -> &mut Level {
        if self.levels.len() <= level {
            self.levels.resize(level + 1, Level::default());
        }
        &mut self.levels[level]
    }

    fn push_hash(&mut self, at: usize, hash: Hash) {
        let level = self.level(at);
        level.hashes.push(hash);
        if level.hashes.len() == WIDTH {
            let tile = Tile::full(Some(at), level.number);
            let above = root(level.hashes.iter().copied());
            let bytes = level.hashes.concat();
            level.hashes.clear();
            level.number += 1;
            self.complete(tile, bytes);
            self.push_hash(at + 1, above);
        }
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8; leaf::LEN], hash: Hash) {
        let number = self.level(0).number;
        add_entry(&mut self.bundle, leaf);
        if self.bundle.len() == WIDTH * ENTRY {
            let bundle = std::mem::take(&mut self.bundle);
            self.complete(Tile::full(None, number), bundle);
        }
        self.push_hash(0, hash);
    }

    /// The tiles that became complete since the last call.
    pub(crate) fn take_complete(&mut self) -> VecDeque<(Tile, Vec<u8>)> {
        std::mem::take(&mut self.complete)
    }

    /// Whether there are such tiles.
    pub(crate) fn has_complete(&self) -> bool {
        !self.complete.is_empty()
    }

    /// How many there are.
    pub(crate) fn waiting(&self) -> u64 {
        self.complete.len() as u64
    }

    /// How many tiles became complete.
    pub(crate) fn completed(&self) -> u64 {
        self.completed
    }

    fn complete(&mut self, tile: Tile, bytes: Vec<u8>) {
        self.complete.push_back((tile, bytes));
        self.completed += 1;
    }

    /// The partial tiles of the tree as it is.
    pub(crate) fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let mut tiles = Vec::new();
        for (at, level) in self.levels.iter().enumerate() {
            if !level.hashes.is_empty() {
                let tile = Tile {
                    level: Some(at),
                    number: level.number,
                    width: level.hashes.len(),
                };
                tiles.push((tile, level.hashes.concat()));
            }
        }
        if let (Some(level), false) = (self.levels.first(), self.bundle.is_empty()) {
            let tile = Tile {
                level: None,
                number: level.number,
                width: level.hashes.len(),
            };
            tiles.push((tile, self.bundle.clone()));
        }
        tiles
    }
}

/// Writes tiles; what a checkpoint needs is there before the checkpoint is.
#[derive(Debug, Default)]
pub(crate) struct TileFiles {
    partial: Vec<Tile>,
    /// Partial tiles that others have replaced and that are still to be removed.
    stale: Vec<Tile>,
    /// Full tiles that were written last: what the system may not have on the disk yet.
    unsynced: VecDeque<Tile>,
}

/// So many full tiles are synced when a log is closed: more than arrive in the half minute after
/// which a system writes by itself.
const SYNCED_AT_CLOSE: usize = 2048;

/// So many tiles take a thread a millisecond or two.
const SOME: u64 = 4;

impl TileFiles {
    /// Writes the complete tiles and the partial ones, and removes those partial ones that they
    /// replace. With `repair`, only files that differ are written.
    pub(crate) fn write(
        &mut self,
        disk: &dyn Disk,
        layout: &Layout,
        builder: &mut Builder,
        repair: bool,
    ) -> Result<(), LogError> {
        let partial = builder.partial();
        // Before anything is written: a call that fails leaves files that the next one removes.
        let now = partial.iter().map(|(tile, _)| *tile).collect();
        let before = std::mem::replace(&mut self.partial, now);
        self.stale.extend(before);
        self.stale.retain(|old| !self.partial.contains(old));
        while self.write_next(disk, layout, builder, repair)? {}
        for (tile, bytes) in &partial {
            write_tile(disk, layout, tile, bytes, repair)?;
        }
        while let Some(old) = self.stale.pop() {
            if let Err(error) = self.remove_partial(disk, layout, &old) {
                self.stale.push(old);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes a few of the complete tiles, and so many more: what is written before a checkpoint has
    /// not to be written with it.
    pub(crate) fn write_some(
        &mut self,
        disk: &dyn Disk,
        layout: &Layout,
        builder: &mut Builder,
        more: u64,
    ) -> Result<(), LogError> {
        for _ in 0..SOME + more {
            self.write_next(disk, layout, builder, false)?;
        }
        Ok(())
    }

    /// Writes the next complete tile; answers whether there was one.
    fn write_next(
        &mut self,
        disk: &dyn Disk,
        layout: &Layout,
        builder: &mut Builder,
        repair: bool,
    ) -> Result<bool, LogError> {
        let Some((tile, bytes)) = builder.complete.front() else {
            return Ok(false);
        };
        write_tile(disk, layout, tile, bytes, repair)?;
        // Only now: what failed is written by the next call.
        self.unsynced.push_back(*tile);
        builder.complete.pop_front();
        if self.unsynced.len() > SYNCED_AT_CLOSE {
            self.unsynced.pop_front();
        }
        Ok(true)
    }

    /// Removes a partial tile, and its folder where no other is of the same tile.
    fn remove_partial(&self, disk: &dyn Disk, layout: &Layout, old: &Tile) -> Result<(), LogError> {
        let path = layout.path(&old.path());
        remove(disk, &path)?;
        let same = |new: &Tile| (new.level, new.number) == (old.level, old.number);
        match path.parent() {
            Some(folder) if !self.partial.iter().chain(&self.stale).any(same) => {
                remove(disk, folder)
            }
            _ => Ok(()),
        }
    }

    /// Makes the last tiles durable, and the names that were removed.
    pub(crate) fn sync(&mut self, disk: &dyn Disk, layout: &Layout) -> Result<(), LogError> {
        let mut folders = BTreeSet::new();
        for tile in self.unsynced.drain(..).chain(self.partial.iter().copied()) {
            let path = layout.path(&tile.path());
            disk.open(&path, How::Existing)
                .and_then(|mut file| file.sync())
                .map_err(|error| LogError::io(&path, error))?;
            // With the folder of partial tiles, the one that it is in.
            let above = path
                .ancestors()
                .skip(1)
                .take_while(|path| *path != layout.folder());
            folders.extend(above.map(PathBuf::from));
        }
        for folder in folders {
            disk.sync_folder(&folder)
                .map_err(|error| LogError::io(&folder, error))?;
        }
        Ok(())
    }

    /// Writes the complete tiles of an ended epoch where they differ; not those above level 1,
    /// which hold more than this epoch.
    pub(crate) fn write_epoch(
        disk: &dyn Disk,
        layout: &Layout,
        builder: &mut Builder,
    ) -> Result<(), LogError> {
        for (tile, bytes) in builder.take_complete() {
            if tile.level.is_none_or(|level| level <= 1) {
                write_tile(disk, layout, &tile, &bytes, true)?;
            }
        }
        Ok(())
    }

    /// Removes partial tiles and unfinished files that a crash has left among the tiles of the
    /// current epoch.
    pub(crate) fn sweep(
        &self,
        disk: &dyn Disk,
        layout: &Layout,
        epoch: u64,
    ) -> Result<(), LogError> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for (level, first, last) in [
            (None, epoch * 256, epoch * 256 + 255),
            (Some(0), epoch * 256, epoch * 256 + 255),
            (Some(1), epoch, epoch),
            (Some(2), epoch / 256, epoch / 256),
            (Some(3), 0, 0),
        ] {
            for number in [first, last] {
                let path = layout.path(&full_path(level, number));
                folders.extend(path.parent().map(PathBuf::from));
            }
        }
        folders.sort();
        folders.dedup();
        let kept: Vec<PathBuf> = self
            .partial
            .iter()
            .map(|tile| layout.path(&tile.path()))
            .collect();
        for folder in folders {
            for (name, is_folder) in disk.list(&folder).unwrap_or_default() {
                let path = folder.join(&name);
                if name.ends_with(".new") {
                    remove(disk, &path)?;
                } else if is_folder && name.ends_with(".p") {
                    for (name, _) in disk.list(&path).unwrap_or_default() {
                        let file = path.join(name);
                        if !kept.contains(&file) {
                            remove(disk, &file)?;
                        }
                    }
                    if !kept.iter().any(|file| file.starts_with(&path)) {
                        remove(disk, &path)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Writes a tile; with `repair` only where the file differs.
fn write_tile(
    disk: &dyn Disk,
    layout: &Layout,
    tile: &Tile,
    bytes: &[u8],
    repair: bool,
) -> Result<(), LogError> {
    let path = layout.path(&tile.path());
    if repair && disk.read(&path).is_ok_and(|found| found == bytes) {
        return Ok(());
    }
    match write_derived(disk, &path, bytes) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(&path);
            disk.make_folder(folder)
                .and_then(|()| write_derived(disk, &path, bytes))
        }
        written => written,
    }
    .map_err(|error| LogError::io(&path, error))
}

fn remove(disk: &dyn Disk, path: &std::path::Path) -> Result<(), LogError> {
    match disk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(LogError::io(path, error))
        }
        _ => Ok(()),
    }
}
