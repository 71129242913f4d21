//! Compiled modules are kept from one start to the next, and whatever is wrong with what is
//! kept costs time alone.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use common::{ANSWER, limits, stand_in};
use host_server::{Limits, ModelHost};
use tempfile::TempDir;

/// Loads the stand-in with `folder` as its cache: it must decide, whatever is in there.
fn load(folder: &Path) {
    let limits = Limits {
        cache: Some(folder.to_owned()),
        ..limits()
    };
    let host = ModelHost::load(stand_in(&[]), limits).unwrap();
    let decision = host.decide(b"{}").unwrap();
    assert_eq!((decision.status, &*decision.body), (200, ANSWER.as_bytes()));
}

fn cache() -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("modules");
    (temporary, folder)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// The one file with machine code.
fn code(folder: &Path) -> PathBuf {
    let mut found = files(folder);
    found.retain(|file| {
        let in_modules = file.components().any(|part| part.as_os_str() == "modules");
        in_modules && file.extension().is_none() && !file.ends_with("sha256sums")
    });
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

/// Which file it is: one that is written again is another.
fn identity(file: &Path) -> u64 {
    fs::metadata(file).unwrap().ino()
}

#[test]
fn the_second_load_takes_what_the_first_compiled() {
    let (_temporary, folder) = cache();
    load(&folder);
    let first = code(&folder);
    let before = identity(&first);
    assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
    load(&folder);
    assert_eq!(code(&folder), first);
    assert_eq!(identity(&first), before, "it was compiled again");
}

#[test]
fn altered_code_is_compiled_again() {
    let (_temporary, folder) = cache();
    load(&folder);
    let file = code(&folder);
    let good = fs::read(&file).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    for bad in [
        flipped(0),
        flipped(good.len() / 2),
        flipped(good.len() - 1),
        good[..good.len() / 2].to_vec(),
        Vec::new(),
        b"something else".to_vec(),
    ] {
        fs::write(&file, bad).unwrap();
        load(&folder);
        assert_eq!(fs::read(&file).unwrap(), good);
    }
}

#[test]
fn code_that_nobody_vouches_for_is_compiled_again() {
    let (_temporary, folder) = cache();
    load(&folder);
    let file = code(&folder);
    let sums = files(&folder)
        .into_iter()
        .find(|file| file.ends_with("sha256sums"))
        .unwrap();
    // A link keeps the old file's number from being given to the new one.
    let old = folder.join("old");
    fs::hard_link(&file, &old).unwrap();
    fs::remove_file(sums).unwrap();
    load(&folder);
    assert_ne!(identity(&file), identity(&old));
}

#[test]
fn nothing_is_kept_where_others_can_write() {
    let (_temporary, folder) = cache();
    fs::create_dir(&folder).unwrap();
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&folder, Permissions::from_mode(mode)).unwrap();
        load(&folder);
        assert_eq!(files(&folder), Vec::<PathBuf>::new(), "mode {mode:o}");
    }
}

/// Whoever can rename the folder could once exchange it for another between the check and the use.
#[test]
fn nothing_is_kept_where_others_can_exchange_the_folder() {
    for (mode, is_kept) in [
        (0o777, false),
        (0o775, false),
        (0o1777, true),
        (0o755, true),
    ] {
        let (temporary, folder) = cache();
        fs::set_permissions(temporary.path(), Permissions::from_mode(mode)).unwrap();
        load(&folder);
        assert_eq!(!files(&folder).is_empty(), is_kept, "mode {mode:o}");
    }
    let (temporary, folder) = cache();
    // Only root can give a folder away.
    if chown(temporary.path(), Some(54_321), None).is_ok() {
        load(&folder);
        assert_eq!(files(&folder), Vec::<PathBuf>::new());
    }
}

/// A link that leads to a good folder was once followed again after the check.
#[test]
fn a_link_is_followed_once() {
    let (temporary, folder) = cache();
    let open = temporary.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let link = open.join("link");
    symlink(&folder, &link).unwrap();
    // It writes down what it is asked, and keeps nothing.
    let compiler = temporary.path().join("compiler");
    let asked = temporary.path().join("asked");
    let script = format!(
        "#!/bin/sh\necho \"$@\" > {}\ncat > /dev/null\nexit 3\n",
        asked.display()
    );
    fs::write(&compiler, script).unwrap();
    fs::set_permissions(&compiler, Permissions::from_mode(0o700)).unwrap();
    let limits = Limits {
        cache: Some(link.clone()),
        compiler: Some(compiler),
        ..limits()
    };
    ModelHost::load(stand_in(&[]), limits).unwrap();
    let asked = fs::read_to_string(asked).unwrap();
    let folder = fs::canonicalize(folder).unwrap();
    assert!(
        asked.contains(&format!(" --cache-dir {} ", folder.display())),
        "{asked}"
    );
    assert!(!asked.contains("link"), "{asked}");
}

/// The process that compiles is handed a folder that was made for it, wherever that is.
#[test]
fn code_is_compiled_into_a_folder_in_a_place_that_is_open_to_all() {
    let (temporary, folder) = cache();
    fs::set_permissions(temporary.path(), Permissions::from_mode(0o777)).unwrap();
    let limits = Limits {
        cache: Some(folder.clone()),
        ..limits()
    };
    host_server::compile(&stand_in(&[]), &limits).unwrap();
    assert!(!files(&folder).is_empty());
}

#[test]
fn nothing_is_kept_in_another_users_folder() {
    let (_temporary, folder) = cache();
    fs::create_dir(&folder).unwrap();
    // A name that was written to before the owner was looked at.
    let ours = folder.with_file_name("ours");
    fs::write(&ours, "ours").unwrap();
    let link = folder.join(format!("owner.{}.new", std::process::id()));
    symlink(&ours, &link).unwrap();
    // Only root can give a folder away; for anybody else there is nothing to test.
    if chown(&folder, Some(54_321), None).is_ok() {
        load(&folder);
        assert_eq!(fs::read(&ours).unwrap(), b"ours");
        fs::remove_file(&link).unwrap();
        assert_eq!(files(&folder), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_folder_that_cannot_be_there_is_no_reason_not_to_start() {
    let (temporary, _) = cache();
    let file = temporary.path().join("file");
    fs::write(&file, "").unwrap();
    load(&file);
    load(&file.join("below"));
}
