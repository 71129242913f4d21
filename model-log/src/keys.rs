//! The folder of the keys.
//!
//! ```text
//! signing.pk8                   Ed25519, PKCS#8: signs checkpoints
//! index.key                     32 bytes: hides request and application ids in the index
//! epoch-00000000-00000001.key   32 bytes: seals the seeds of an epoch, in one generation
//! keys.lock                     empty: locked while a process writes a log with these keys
//! unfinished                    the verifier key, while the log of these keys is being made
//! ```
//!
//! Keys belong to one log. What signs its checkpoints shows which; a folder with keys of epochs is
//! taken for a new log only by the start that goes on where one was interrupted.
//!
//! An epoch has one key at a time. To erase a record is to seal the seeds that are left under a
//! new key and to destroy the old one, so that an old copy of the seeds is of no use either.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use ring::signature::Ed25519KeyPair;

use crate::disk::{Disk, How, try_whole, write_whole};
use crate::error::LogError;
use crate::layout::number;
use crate::note::{Signer, Verifier};
use crate::seeds::{Key, Seeds};

const SIGNING: &str = "signing.pk8";
const INDEX: &str = "index.key";
pub(crate) const LOCK: &str = "keys.lock";
pub(crate) const UNFINISHED: &str = "unfinished";
/// The files in the folder that are no key of an epoch.
pub(crate) const FILES: [&str; 4] = [SIGNING, INDEX, LOCK, UNFINISHED];
const MAGIC: &[u8; 4] = b"UWE1";
/// Magic, epoch, generation.
const HEAD: usize = 12;
const NONCE: usize = 12;

/// What opens bodies and fills the index.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    index: hmac::Key,
}

/// What a small file takes of a disk, in bytes.
const BLOCK: usize = 4096;

/// The longest index in a record, with its comma.
const NAME: usize = 21;

/// The room that new keys of some epochs take.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Room {
    keys: usize,
    /// Bytes by which the files of seeds grow together, and the most that one of them has: it is
    /// written beside the old one.
    growth: usize,
    longest: usize,
}

impl Room {
    /// Adds an epoch: the length of its seeds, of which so many are destroyed; and what names these
    /// in the record of the erasure.
    pub(crate) fn add(&mut self, len: usize, slots: usize) {
        self.keys += 1;
        let growth = Seeds::growth(slots) + slots * NAME;
        self.growth = self.growth.saturating_add(growth);
        self.longest = self.longest.max(len);
    }
}

/// What a file of seeds holds: head, nonce and the seeds, sealed with the key of a generation.
struct SealedSeeds {
    generation: u32,
    bytes: Vec<u8>,
}

impl SealedSeeds {
    fn open(mut self, path: &Path, key: &Key) -> Result<Seeds, LogError> {
        let (head, rest) = self.bytes.split_at_mut(HEAD);
        let (nonce, sealed) = rest
            .split_first_chunk_mut::<NONCE>()
            .ok_or_else(|| no_seeds(path, "the file is cut off"))?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = cipher(key)?.open_in_place(nonce, Aad::from(head), sealed);
        let seeds = opened.ok().and_then(|plain| Seeds::from_bytes(plain));
        seeds.ok_or_else(|| no_seeds(path, "the seeds do not open with the epoch's key"))
    }
}

fn no_seeds(path: &Path, problem: &str) -> LogError {
    LogError::damaged(path.display().to_string(), problem)
}

/// Random bytes of the system.
pub(crate) fn random(into: &mut [u8]) -> Result<(), LogError> {
    let failed = || LogError::Argument("the system has no random numbers".to_owned());
    SystemRandom::new().fill(into).map_err(|_| failed())
}

fn fresh_key() -> Result<Key, LogError> {
    let mut key = [0; 32];
    random(&mut key)?;
    Ok(key)
}

fn read_private(disk: &dyn Disk, path: &Path) -> Result<Vec<u8>, LogError> {
    let bytes = disk.read(path).map_err(|error| LogError::io(path, error))?;
    check_private(disk, path)?;
    Ok(bytes)
}

fn check_private(disk: &dyn Disk, path: &Path) -> Result<(), LogError> {
    let open = disk.is_open_to_others(path);
    if open.map_err(|error| LogError::io(path, error))? {
        return Err(LogError::Key {
            path: path.to_owned(),
            problem: "others can read this key: expected the permissions 600; run chmod 600 on it, and find out who has read it".to_owned(),
        });
    }
    Ok(())
}

fn read_key(disk: &dyn Disk, path: &Path) -> Result<Key, LogError> {
    let bytes = read_private(disk, path)?;
    bytes.try_into().map_err(|bytes: Vec<u8>| LogError::Key {
        path: path.to_owned(),
        problem: format!("expected a key of 32 bytes, found {}", bytes.len()),
    })
}

/// The epoch and the generation in the name of a key.
pub(crate) fn generation_of(name: &str) -> Option<(u64, u32)> {
    let numbers = name.strip_prefix("epoch-")?.strip_suffix(".key")?;
    let (epoch, generation) = numbers.split_once('-')?;
    Some((number(epoch)?, number(generation)?.try_into().ok()?))
}

/// Whether there are keys in `folder`.
pub(crate) fn are_there(disk: &dyn Disk, folder: &Path) -> bool {
    disk.exists(&folder.join(INDEX))
}

/// Whether `folder` is one of keys: the key of the index is in it from its beginning to its end.
pub(crate) fn are_in(folder: &Path) -> bool {
    let index = std::fs::metadata(folder.join(INDEX));
    index.is_ok_and(|index| index.is_file() && index.len() == size_of::<Key>() as u64)
}

/// Makes the keys of a new log.
pub(crate) fn make(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    disk.make_folder(folder)
        .map_err(|error| LogError::io(folder, error))?;
    let pair = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
        .map_err(|_| LogError::Argument("the system has no random numbers".to_owned()))?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_whole(disk, &path, bytes, How::NewPrivate).map_err(|error| LogError::io(&path, error))
    };
    write(SIGNING, pair.as_ref())?;
    write(INDEX, &fresh_key()?)
}

/// Takes the folder for this process, whichever log it writes with the keys. `None` where the
/// folder is missing or cannot be written, and so nothing in it can be destroyed.
pub(crate) fn lock(
    disk: &dyn Disk,
    folder: &Path,
) -> Result<Option<Box<dyn Debug + Send + Sync>>, LogError> {
    let path = folder.join(LOCK);
    match disk.lock(&path) {
        Ok(Some(lock)) => Ok(Some(lock)),
        Ok(None) => Err(LogError::KeysLocked(folder.to_owned())),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Ok(None)
            }
            _ => Err(LogError::io(&path, error)),
        },
    }
}

/// Refuses keys that a log has, unless it is the one whose making was interrupted: its folder has
/// their verifier key already, which is `own`.
pub(crate) fn check_free(
    disk: &dyn Disk,
    folder: &Path,
    log: &Path,
    own: Option<Verifier>,
) -> Result<(), LogError> {
    let names = disk.list(folder);
    let names = names.map_err(|error| LogError::io(folder, error))?;
    let is_of_epoch = |name: &str| name.starts_with("epoch-") && name.ends_with(".key");
    if !names.iter().any(|(name, _)| is_of_epoch(name)) {
        return Ok(());
    }
    if let Some(own) = own.filter(|_| disk.exists(&folder.join(UNFINISHED)))
        && signer(disk, folder, own.origin())?.verifier() == own
    {
        return Ok(());
    }
    Err(LogError::Key {
        path: folder.to_owned(),
        problem: format!(
            "these keys belong to another log than a new one in {}: name the folder of their log (is its volume mounted?), or an empty folder for the keys of a new one",
            log.display()
        ),
    })
}

/// Marks the keys as those of a log that is being made.
pub(crate) fn begin(disk: &dyn Disk, folder: &Path, verifier: &Verifier) -> Result<(), LogError> {
    let path = folder.join(UNFINISHED);
    let text = format!("{verifier}\n");
    write_whole(disk, &path, text.as_bytes(), How::New).map_err(|error| LogError::io(&path, error))
}

/// Ends [`begin`], once the log is made.
pub(crate) fn finish(disk: &dyn Disk, folder: &Path) -> Result<(), LogError> {
    let path = folder.join(UNFINISHED);
    if !disk.exists(&path) {
        return Ok(());
    }
    let removed = disk.remove(&path).and_then(|()| disk.sync_folder(folder));
    removed.map_err(|error| LogError::io(&path, error))
}

/// The key that signs checkpoints.
pub(crate) fn signer(disk: &dyn Disk, folder: &Path, origin: &str) -> Result<Signer, LogError> {
    let path = folder.join(SIGNING);
    let bytes = read_private(disk, &path)?;
    let pair = Ed25519KeyPair::from_pkcs8(&bytes).map_err(|error| LogError::Key {
        path,
        problem: format!("not an Ed25519 key in PKCS#8: {error}"),
    })?;
    Ok(Signer::new(origin, pair))
}

impl Keys {
    pub(crate) fn open(disk: Arc<dyn Disk>, folder: &Path) -> Result<Self, LogError> {
        let index = read_key(&*disk, &folder.join(INDEX))?;
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            index: hmac::Key::new(hmac::HMAC_SHA256, &index),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the index has in the place of an id: 0 for none, else 8 bytes of an HMAC-SHA256.
    pub(crate) fn hide(&self, domain: &str, id: &str) -> u64 {
        if id.is_empty() {
            return 0;
        }
        let mut context = hmac::Context::with_key(&self.index);
        context.update(domain.as_bytes());
        context.update(&[0]);
        context.update(id.as_bytes());
        let tag = context.sign();
        let (first, _) = tag.as_ref().split_at(8);
        let number = first.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        number.max(1)
    }

    pub(crate) fn path_of(&self, epoch: u64, generation: u32) -> PathBuf {
        let name = format!("epoch-{epoch:08}-{generation:08}.key");
        self.folder.join(name)
    }

    /// Opens a file of seeds; answers its generation too. An erasure may replace the file between two
    /// reads, and overwrite its key, before it removes that: then the file is read again, as often as
    /// it has changed.
    pub(crate) fn seeds(&self, path: &Path, epoch: u64) -> Result<(Seeds, u32), LogError> {
        let mut sealed = self.sealed_seeds(path, epoch)?;
        loop {
            let generation = sealed.generation;
            let key = read_key(&*self.disk, &self.path_of(epoch, generation));
            let error = match key.and_then(|key| sealed.open(path, &key)) {
                Ok(seeds) => return Ok((seeds, generation)),
                Err(error) => error,
            };
            sealed = self.sealed_seeds(path, epoch)?;
            if sealed.generation == generation {
                return Err(error);
            }
        }
    }

    /// Whether the keys of an epoch can be read and overwritten; answers the length of its seeds.
    /// Cheap where they are still of the generation in which they were `read` already: then it looks
    /// for the files and who may use them.
    pub(crate) fn check(
        &self,
        path: &Path,
        epoch: u64,
        read: Option<u32>,
    ) -> Result<usize, LogError> {
        let disk = &*self.disk;
        let is_there = |generation: &u32| disk.exists(&self.path_of(epoch, *generation));
        let generation = match read.filter(is_there) {
            Some(generation) => generation,
            None => self.seeds(path, epoch)?.1,
        };
        check_private(disk, &self.path_of(epoch, generation))?;
        let open = |path: &Path, how| {
            let opened = disk.open(path, how).and_then(|file| file.len());
            opened.map_err(|error| LogError::io(path, error))
        };
        // Every key is overwritten, also one too many, which somebody else may have put there.
        for generation in self.generations(epoch)? {
            open(&self.path_of(epoch, generation), How::Existing)?;
        }
        Ok(usize::try_from(open(path, How::Read)?).unwrap_or(usize::MAX))
    }

    /// Whether new keys can be written where those of an epoch are, and so many bytes beside its seeds.
    pub(crate) fn check_room(&self, path: &Path, epoch: u64, room: Room) -> Result<(), LogError> {
        let newest = self.generations(epoch)?.into_iter().max().unwrap_or(0);
        let key = self.path_of(epoch, newest.saturating_add(1));
        let write = |path: &Path, len, how| {
            let written = try_whole(&*self.disk, path, len, how);
            written.map_err(|error| LogError::io(path, error))
        };
        write(&key, room.keys.saturating_mul(BLOCK), How::NewPrivate)?;
        write(path, room.growth.saturating_add(room.longest), How::New)
    }

    fn sealed_seeds(&self, path: &Path, epoch: u64) -> Result<SealedSeeds, LogError> {
        let bytes = self
            .disk
            .read(path)
            .map_err(|error| LogError::io(path, error))?;
        let (head, _) = bytes
            .split_first_chunk::<HEAD>()
            .filter(|(head, _)| head.starts_with(MAGIC))
            .ok_or_else(|| no_seeds(path, "not a file of seeds"))?;
        let number = |at: usize| {
            head[at..at + 4]
                .iter()
                .fold(0, |n, b| n << 8 | u32::from(*b))
        };
        if u64::from(number(4)) != epoch {
            return Err(no_seeds(path, "the seeds are those of another epoch"));
        }
        let generation = number(8);
        Ok(SealedSeeds { generation, bytes })
    }

    /// Writes the seeds of an epoch that begins, and destroys nothing: a key of this epoch that is
    /// there was left by a crash, or is one of a copy of this log that has come further. It opens
    /// either one's seeds.
    pub(crate) fn begin_epoch(
        &self,
        path: &Path,
        epoch: u64,
        seeds: &Seeds,
    ) -> Result<(), LogError> {
        let (generation, key) = match self.generations(epoch)?.into_iter().max() {
            Some(newest) => (newest, read_key(&*self.disk, &self.path_of(epoch, newest))?),
            None => (1, fresh_key()?),
        };
        // Also one that is there: its name may not be on the disk.
        self.seal(path, epoch, seeds, generation, &key)
    }

    /// Writes the seeds of an epoch under a new key, and destroys the keys of every other
    /// generation.
    pub(crate) fn reseal(&self, path: &Path, epoch: u64, seeds: &Seeds) -> Result<(), LogError> {
        // Never a number that was there: either file of seeds may be the one on the disk.
        let newest = self.generations(epoch)?.into_iter().max();
        let generation = newest.unwrap_or(0) + 1;
        self.seal(path, epoch, seeds, generation, &fresh_key()?)?;
        self.destroy_others(epoch, generation)
    }

    /// Writes a key, and the seeds sealed with it.
    fn seal(
        &self,
        path: &Path,
        epoch: u64,
        seeds: &Seeds,
        generation: u32,
        key: &Key,
    ) -> Result<(), LogError> {
        let key_path = self.path_of(epoch, generation);
        let disk = &*self.disk;
        write_whole(disk, &key_path, key, How::NewPrivate)
            .map_err(|error| LogError::io(&key_path, error))?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&(epoch as u32).to_be_bytes());
        bytes.extend_from_slice(&generation.to_be_bytes());
        let mut nonce = [0; NONCE];
        random(&mut nonce)?;
        let mut sealed = seeds.to_bytes();
        cipher(key)?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&bytes[..]),
                &mut sealed,
            )
            .map_err(|_| LogError::Argument("the seeds of an epoch are too large".to_owned()))?;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        write_whole(disk, path, &bytes, How::New).map_err(|error| LogError::io(path, error))
    }

    /// Ends a change of keys that was interrupted. Which of the two files of seeds will be on the
    /// disk is not certain then, so the seeds are written once more, under a further key.
    pub(crate) fn settle(
        &self,
        path: &Path,
        epoch: u64,
        seeds: &Seeds,
        generation: u32,
    ) -> Result<(), LogError> {
        let generations = self.generations(epoch)?;
        if generations.iter().all(|other| *other == generation) {
            return Ok(());
        }
        // Each attempt that could not destroy the others would leave one key more.
        let mut room = Room::default();
        room.add(self.check(path, epoch, Some(generation))?, 0);
        self.check_room(path, epoch, room)?;
        self.reseal(path, epoch, seeds)
    }

    /// The generations of an epoch whose keys are there.
    fn generations(&self, epoch: u64) -> Result<Vec<u32>, LogError> {
        Ok(self.all()?.remove(&epoch).unwrap_or_default())
    }

    /// The epochs that have a key too many, with the generations of their keys.
    pub(crate) fn doubled(&self) -> Result<BTreeMap<u64, Vec<u32>>, LogError> {
        let mut all = self.all()?;
        all.retain(|_, generations| generations.len() > 1);
        Ok(all)
    }

    /// The generations of each epoch whose keys are there.
    fn all(&self) -> Result<BTreeMap<u64, Vec<u32>>, LogError> {
        let names = self.disk.list(&self.folder);
        let names = names.map_err(|error| LogError::io(&self.folder, error))?;
        let mut all: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
        for (epoch, generation) in names.iter().filter_map(|(name, _)| generation_of(name)) {
            all.entry(epoch).or_default().push(generation);
        }
        Ok(all)
    }

    /// Overwrites and removes the keys of an epoch that are not of this generation.
    fn destroy_others(&self, epoch: u64, generation: u32) -> Result<(), LogError> {
        let failed = |error| LogError::io(&self.folder, error);
        let mut removed = false;
        for other in self.generations(epoch)? {
            if other != generation {
                let path = self.path_of(epoch, other);
                let failed = |error| LogError::io(&path, error);
                let mut file = self.disk.open(&path, How::Existing).map_err(failed)?;
                file.write_at(0, &[0; 32]).map_err(failed)?;
                file.sync().map_err(failed)?;
                self.disk.remove(&path).map_err(failed)?;
                removed = true;
            }
        }
        if removed {
            self.disk.sync_folder(&self.folder).map_err(failed)?;
        }
        Ok(())
    }
}

fn cipher(key: &Key) -> Result<LessSafeKey, LogError> {
    UnboundKey::new(&CHACHA20_POLY1305, key)
        .map(LessSafeKey::new)
        .map_err(|_| LogError::Argument("a key has not 32 bytes".to_owned()))
}
