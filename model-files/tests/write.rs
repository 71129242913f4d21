//! Files are written whole or not at all.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;
use std::path::Path;

use model_files::{
    WholeFile, append_line, copy_whole, is_aside, is_held, resolved, sha256_file, write_whole,
    write_whole_with_mode,
};

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_file_is_replaced_only_when_committed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.txt");
    write_whole(&target, b"old").unwrap();

    let mut abandoned = WholeFile::create(&target).unwrap();
    abandoned.write_all(b"half").unwrap();
    drop(abandoned);
    assert_eq!(std::fs::read(&target).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["a.txt"]);

    write_whole(&target, b"new").unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["a.txt"]);
}

#[test]
fn a_copy_comes_with_length_and_digest() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("a.bin");
    let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let (length, sha256) = copy_whole(&bytes[..], &target).unwrap();
    assert_eq!(length, 200_000);
    assert_eq!(sha256, sha256_file(&target).unwrap());
    assert_eq!(std::fs::read(&target).unwrap(), bytes);
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("a.txt"), folder.path().join("link"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    std::fs::write(&target, b"old").unwrap();
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&target, &link).unwrap();
    write_whole(&link, b"new").unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"new");
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(mode(&target), 0o640);

    write_whole_with_mode(&target, b"secret", 0o600).unwrap();
    assert_eq!(mode(&target), 0o600);
}

#[cfg(unix)]
#[test]
fn all_names_of_a_file_resolve_to_one_path() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let real = std::fs::canonicalize(folder.path()).unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("log")).unwrap();
    std::fs::write(path("log/checkpoint"), b"signed").unwrap();
    symlink(path("log"), path("link")).unwrap();
    symlink(path("log/checkpoint"), path("file")).unwrap();
    symlink(path("log/nothing"), path("dangling")).unwrap();
    for (name, expect) in [
        ("log/checkpoint", "log/checkpoint"),
        ("log/./../link/checkpoint", "log/checkpoint"),
        ("file", "log/checkpoint"),
        // What does not exist, in folders that do and do not.
        ("link/new", "log/new"),
        ("link/new/newer/x.html", "log/new/newer/x.html"),
        ("none/../link/x.html", "log/x.html"),
        ("none/../link/../x.html", "x.html"),
        ("none/x.html", "none/x.html"),
        // A link that leads nowhere is replaced itself.
        ("dangling", "dangling"),
    ] {
        assert_eq!(resolved(&path(name)), real.join(expect), "{name}");
    }
    let here = std::env::current_dir().unwrap();
    let expect = std::fs::canonicalize(here).unwrap().join("new.html");
    assert_eq!(resolved(Path::new("none/../new.html")), expect);
}

#[cfg(unix)]
#[test]
fn only_regular_files_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for target in [folder.path(), &socket] {
        let error = write_whole(target, b"x").unwrap_err();
        assert!(error.to_string().contains("not a regular file"), "{error}");
    }
    assert_eq!(names(folder.path()), ["socket"]);
}

#[test]
fn a_missing_folder_is_an_error() {
    assert!(write_whole(Path::new("/nowhere/at/all/a.txt"), b"x").is_err());
}

#[test]
fn an_incomplete_last_line_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("trials.jsonl");
    append_line(&target, "1").unwrap();
    std::fs::write(&target, b"1\n2\n{\"half").unwrap();
    append_line(&target, "3").unwrap();
    append_line(&target, "4").unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"1\n2\n3\n4\n");
}

#[cfg(unix)]
#[test]
fn half_a_file_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let target = folder.path().join("scores.csv");
    let mut file = WholeFile::create(&target).unwrap();
    file.write_all(b"an applicant's row").unwrap();
    file.flush().unwrap();
    let aside = folder.path().join(&names(folder.path())[0]);
    assert_eq!(mode(&aside), 0o600);
    file.commit().unwrap();
    // Whole, it is as any new file.
    std::fs::write(folder.path().join("other"), b"").unwrap();
    assert_eq!(mode(&target), mode(&folder.path().join("other")));
}

#[test]
fn what_a_killed_process_left_is_swept_later() {
    use std::time::{Duration, SystemTime};
    let folder = tempfile::tempdir().unwrap();
    let left = |name: &str, hours: u64| {
        let file = std::fs::File::create(folder.path().join(name)).unwrap();
        let age = Duration::from_secs(hours * 3600);
        file.set_modified(SystemTime::now() - age).unwrap();
    };
    left(".underwrite-a1B2c3", 2);
    left(".underwrite-notours", 2);
    left("underwrite-a1B2c3", 2);
    // Somebody may still write it.
    left(".underwrite-d4E5f6", 0);
    write_whole(&folder.path().join("a.txt"), b"x").unwrap();
    let mut names = names(folder.path());
    names.sort();
    assert_eq!(
        names,
        [
            ".underwrite-d4E5f6",
            ".underwrite-notours",
            "a.txt",
            "underwrite-a1B2c3"
        ]
    );
}

/// A pipe may be silent for hours.
#[cfg(unix)]
#[test]
fn what_is_written_slowly_is_not_swept() {
    use std::time::{Duration, SystemTime};
    let folder = tempfile::tempdir().unwrap();
    let slow = folder.path().join("slow.txt");
    let mut file = WholeFile::create(&slow).unwrap();
    file.write_all(b"half").unwrap();
    let aside = std::fs::File::open(file.written().unwrap()).unwrap();
    aside
        .set_modified(SystemTime::now() - Duration::from_secs(2 * 3600))
        .unwrap();
    write_whole(&folder.path().join("other.txt"), b"x").unwrap();
    file.write_all(b" and half").unwrap();
    file.commit().unwrap();
    assert_eq!(std::fs::read(&slow).unwrap(), b"half and half");
}

#[cfg(unix)]
#[test]
fn what_a_killed_process_left_is_told_from_what_is_being_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut file = WholeFile::create(&folder.path().join("a.txt")).unwrap();
    let left = folder.path().join(".underwrite-d4E5f6");
    std::fs::write(&left, b"half").unwrap();
    for (path, held) in [(file.written().unwrap(), true), (&left, false)] {
        assert!(is_aside(path.file_name().unwrap().to_str().unwrap()));
        assert_eq!(is_held(path), held, "{path:?}");
    }
    // One for readers alone as well, which only an administrator may write to.
    let mut permissions = std::fs::metadata(&left).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(&left, permissions.clone()).unwrap();
    assert!(!is_held(&left));
    let aside = file.written().unwrap().to_owned();
    std::fs::set_permissions(&aside, permissions).unwrap();
    assert!(is_held(&aside));
    file.commit().unwrap();
    assert!(!is_held(&folder.path().join("a.txt")));
    assert!(!is_aside("a.txt") && !is_aside(".underwrite-notours"));
}

#[test]
fn files_that_belong_together_are_ready_before_one_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ready = |name: &str| {
        std::fs::write(path(name), b"old").unwrap();
        let mut file = WholeFile::create(&path(name)).unwrap();
        file.write_all(b"new").unwrap();
        file.ready().unwrap()
    };
    let (first, second) = (ready("a.txt"), ready("b.txt"));
    assert_eq!(std::fs::read(path("a.txt")).unwrap(), b"old");
    first.commit().unwrap();
    assert_eq!(std::fs::read(path("a.txt")).unwrap(), b"new");
    drop(second);
    assert_eq!(std::fs::read(path("b.txt")).unwrap(), b"old");
    assert_eq!(names(folder.path()).len(), 2);
}
