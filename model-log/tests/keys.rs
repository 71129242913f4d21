//! The keys of a log: who may read them, and whose they are.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::watched::{Act, Watched};
use common::{append, change, copy, decision, filled, sound};
use model_log::verify::{Against, Report, verify};
use model_log::{LogError, Options, Reader, Writer};

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).close().unwrap();
    let key = folder.path().join("keys/signing.pk8");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Writer::open(folder.path(), Options::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("chmod 600"), "{refused}");
}

/// A log whose keys are in a folder of their own.
fn with_keys(keys: &Path) -> Options {
    Options {
        keys: Some(keys.to_owned()),
        ..Options::default()
    }
}

fn sound_with_keys(folder: &Path, keys: &Path) -> Report {
    let against = Against {
        keys: Some(keys.to_owned()),
        ..Against::default()
    };
    let report = verify(folder, &against).unwrap();
    assert_eq!(report.problems, [], "a log without problems");
    report
}

/// The names in a folder and what is in the files.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    });
    let mut content: Vec<_> = entries.collect();
    content.sort();
    content
}

#[test]
fn a_new_log_does_not_take_the_keys_of_another() {
    let place = tempfile::tempdir().unwrap();
    let [log, other, keys] = ["log", "other", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..5);
    first.close().unwrap();
    let before = content(&keys);
    let refused = |folder: &Path| {
        let error = Writer::open(folder, with_keys(&keys)).unwrap_err();
        assert!(matches!(error, LogError::Key { .. }), "{error}");
        assert!(
            error.to_string().contains("belong to another log"),
            "{error}"
        );
        assert_eq!(content(&keys), before, "nothing is changed");
    };
    refused(&other);
    refused(&other);
    // The log's volume is not mounted: an empty folder is there instead.
    let away = place.path().join("away");
    std::fs::rename(&log, &away).unwrap();
    refused(&log);
    std::fs::remove_dir_all(&log).unwrap();
    // A half copy of the log itself: what names its keys is there, its records are not.
    std::fs::create_dir(&log).unwrap();
    std::fs::copy(away.join("verifier-key"), log.join("verifier-key")).unwrap();
    refused(&log);
    std::fs::remove_dir_all(&log).unwrap();
    std::fs::rename(&away, &log).unwrap();
    let log = Writer::open(&log, with_keys(&keys)).unwrap();
    let body = log.reader().record(3).unwrap().body.unwrap();
    assert_eq!(body.request, decision(3).request);
    log.close().unwrap();
}

#[test]
fn two_logs_at_once_do_not_share_keys() {
    let place = tempfile::tempdir().unwrap();
    let [log, other, keys] = ["log", "other", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    let error = Writer::open(&other, with_keys(&keys)).unwrap_err();
    assert!(matches!(error, LogError::KeysLocked(_)), "{error}");
    append(&first, 0..5);
    first.close().unwrap();
    assert_eq!(sound_with_keys(&log, &keys).records, 5);
    // A copy of the log beside it neither.
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::create_dir(&other).unwrap();
    copy(&log, &other);
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    let error = Writer::open(&other, with_keys(&keys)).unwrap_err();
    assert!(matches!(error, LogError::KeysLocked(_)), "{error}");
    first.close().unwrap();
}

#[test]
fn keys_of_an_earlier_version_have_no_lock_and_are_taken() {
    let place = tempfile::tempdir().unwrap();
    let [log, keys] = ["log", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..5);
    first.close().unwrap();
    let expected = ["epoch-00000000-00000001.key", "index.key", "signing.pk8"];
    std::fs::remove_file(keys.join("keys.lock")).unwrap();
    let names: Vec<_> = content(&keys).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, expected, "nothing else is left by a start");
    assert_eq!(sound_with_keys(&log, &keys).records, 5);
    let log = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&log, 5..6);
    log.close().unwrap();
}

#[test]
fn a_log_whose_format_is_missing_is_not_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 5).close().unwrap();
    let format = folder.path().join("format");
    let text = std::fs::read(&format).unwrap();
    std::fs::remove_file(&format).unwrap();
    let error = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("restore it"), "{error}");
    std::fs::write(&format, text).unwrap();
    assert_eq!(sound(folder.path()).records, 5);
}

/// An older copy comes to an epoch that the log has begun already.
#[test]
fn an_epoch_of_a_copy_destroys_no_key_of_the_log() {
    let place = tempfile::tempdir().unwrap();
    let [log, older, keys] = ["log", "older", "keys"].map(|name| place.path().join(name));
    let first = Writer::open(&log, with_keys(&keys)).unwrap();
    append(&first, 0..65_530);
    first.close().unwrap();
    std::fs::create_dir(&older).unwrap();
    copy(&log, &older);
    for folder in [&log, &older] {
        let log = Writer::open(folder, with_keys(&keys)).unwrap();
        append(&log, 65_530..65_540);
        log.close().unwrap();
    }
    for folder in [&older, &log] {
        let log = Writer::open(folder, with_keys(&keys)).unwrap();
        let body = log.reader().record(65_538).unwrap().body.unwrap();
        assert_eq!(body.request, decision(65_538).request);
        log.close().unwrap();
        assert_eq!(sound_with_keys(folder, &keys).records, 65_540);
    }
}

/// An erasure overwrites the old key with zeros before it removes it. Who had read the seeds before
/// met the zeros, and called the seeds damaged.
#[test]
fn seeds_whose_key_is_overwritten_meanwhile_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 20);
    let key = folder.path().join("keys/epoch-00000000-00000001.key");
    let aside = tempfile::tempdir().unwrap();
    // With its permissions.
    let zeros = aside.path().join("key");
    std::fs::copy(&key, &zeros).unwrap();
    std::fs::write(&zeros, [0; 32]).unwrap();
    let disk = Watched::default();
    let reader = Reader::open_on(Arc::new(disk.clone()), folder.path(), None).unwrap();
    disk.close(|step| matches!(step.act, Act::Read(_)) && step.path.ends_with("seeds/00000000"));
    let [erased, other] = std::thread::scope(|scope| {
        let look = || [3, 4].map(|index| reader.record(index).map(|record| record.body));
        let look = scope.spawn(look);
        // The seeds are read, of the first generation; their key is not.
        disk.wait_for_one();
        log.erase(&change(&[3]), "tester").unwrap();
        std::fs::copy(&zeros, &key).unwrap();
        disk.open();
        look.join().unwrap()
    });
    assert_eq!(erased.unwrap(), None);
    assert_eq!(other.unwrap().unwrap().request, decision(4).request);
    // Where nothing replaces the seeds, it is an error, and no loop.
    let newest = folder.path().join("keys/epoch-00000000-00000002.key");
    std::fs::copy(&zeros, &newest).unwrap();
    let error = reader.record(4).unwrap_err();
    assert!(matches!(error, LogError::Damaged { .. }), "{error}");
}
