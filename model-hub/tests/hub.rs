//! Models go to a service that answers as the Hugging Face Hub does, and come back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;
use std::process::Command;

use common::hub_service::{Service, TOKEN};
use common::published::{fetch, files, options, publish, repo};
use model_client::ServiceError;
use model_files::{sha256_file, sha256_hex};
use model_hub::{FileToPublish, Hub, HubError, MAX_FILES, MAX_TOTAL_BYTES, MODEL_FILE};

#[test]
fn what_is_published_comes_back_to_the_byte() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let options = options(&service.address, Some(TOKEN));
    let published = publish(&options, &files).unwrap();
    assert!(published.url.ends_with(&published.commit));
    {
        let kept = service.kept();
        let commits = &kept.repos["acme/loan"].commits;
        assert_eq!(commits.len(), 1);
        assert!(commits[0].files[MODEL_FILE].is_large);
        assert!(!commits[0].files["README.md"].is_large);
        for file in &files {
            assert_eq!(
                commits[0].files[&file.name].bytes,
                fs::read(&file.path).unwrap()
            );
        }
    }
    let cache = folder.path().join("cache");
    let fetched = fetch(&options, &repo(), "main", &cache).unwrap();
    assert_eq!(fetched.sha256, sha256_file(&files[0].path).unwrap());
    assert_eq!(sha256_file(&fetched.path).unwrap(), fetched.sha256);
    assert_eq!((fetched.commit, fetched.offline), (published.commit, None));

    // A small file has Git's digest, and is checked by that.
    let card = Hub::new(&options)
        .fetch(&repo(), "README.md", "main", &cache)
        .unwrap();
    assert_eq!(
        sha256_file(&card.path).unwrap(),
        sha256_file(&files[1].path).unwrap()
    );

    // The second commit keeps the other files, and the first stays what it was.
    fs::write(&files[0].path, b"\0another").unwrap();
    let second = publish(&options, &files[..1]).unwrap();
    assert_eq!(service.kept().repos["acme/loan"].commits[1].files.len(), 3);
    let newest = fetch(&options, &repo(), "main", &cache).unwrap();
    assert_eq!(newest.commit, second.commit);
    assert_eq!(fs::read(newest.path).unwrap(), b"\0another");
    let first = fetch(&options, &repo(), &card.commit, &cache).unwrap();
    assert_eq!(fs::read(first.path).unwrap(), common::model_bytes());
}

#[test]
fn a_file_that_changes_meanwhile_is_refused() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path());
    let options = options(&service.address, Some(TOKEN));
    let before: Vec<_> = (files.iter())
        .map(|file| fs::read(&file.path).unwrap())
        .collect();
    for (file, before) in files.iter().zip(&before) {
        let mut altered = before.clone();
        altered[0] ^= 1;
        let longer = [before.as_slice(), b"more"].concat();
        for other in [altered, longer, b"other".to_vec(), Vec::new()] {
            service.kept().meanwhile = vec![(file.path.clone(), other.clone())];
            let error = publish(&options, &files).unwrap_err();
            assert_eq!(fs::read(&file.path).unwrap(), other);
            let is_told = matches!(
                error,
                HubError::Changed { .. } | HubError::Service(ServiceError::Changed { .. })
            );
            assert!(is_told, "{}: {error}", file.name);
            let error = error.to_string();
            let path = file.path.display().to_string();
            assert!(
                error.contains(&path) && error.contains("changed"),
                "{error}"
            );
            assert!(service.kept().repos["acme/loan"].commits.is_empty());
            fs::write(&file.path, before).unwrap();
        }
    }
    // What was checked before, and has changed since, is not even announced.
    for (file, before) in files.iter_mut().zip(&before) {
        file.sha256 = Some(sha256_hex(before));
    }
    fs::write(&files[1].path, b"other").unwrap();
    service.kept().calls.clear();
    let error = publish(&options, &files).unwrap_err();
    assert!(matches!(error, HubError::Changed { .. }), "{error}");
    assert!(service.kept().calls.is_empty());
    fs::write(&files[1].path, &before[1]).unwrap();
    publish(&options, &files).unwrap();
    let commit = service.kept().repos["acme/loan"].commits[0].clone();
    for (file, before) in files.iter().zip(&before) {
        assert_eq!(commit.files[&file.name].bytes, *before, "{}", file.name);
    }
}

#[test]
fn a_name_has_one_content() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let mut files = files(folder.path());
    let options = options(&service.address, Some(TOKEN));
    let path = folder.path().join("another.html");
    fs::write(&path, fs::read(&files[2].path).unwrap()).unwrap();
    files.push(FileToPublish {
        path: path.clone(),
        ..files[2].clone()
    });
    let names = publish(&options, &files).unwrap().files;
    assert_eq!(names, [MODEL_FILE, "README.md", "reports/evaluation.html"]);

    fs::write(&path, "another").unwrap();
    service.kept().calls.clear();
    let error = publish(&options, &files).unwrap_err();
    assert!(matches!(error, HubError::Twice { .. }), "{error}");
    let expected = format!(
        "{} and {} differ and would both be published as reports/evaluation.html: rename one, or leave it out",
        files[2].path.display(),
        path.display()
    );
    assert_eq!(error.to_string(), expected);
    assert!(service.kept().calls.is_empty());
}

#[test]
fn no_more_is_published_than_can_be_pulled() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let options = options(&service.address, Some(TOKEN));
    let mut files = files(folder.path());
    let file_of = |name: &str, bytes: u64| {
        let path = folder.path().join(name);
        // It takes no room on the disk.
        fs::File::create(&path).unwrap().set_len(bytes).unwrap();
        FileToPublish {
            name: name.to_owned(),
            path,
            sha256: None,
        }
    };
    let refused = |files: &[FileToPublish], expected: &str| {
        let error = publish(&options, files).unwrap_err();
        assert!(matches!(error, HubError::TooMuch(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        let kept = service.kept();
        let sent = |call: &String| call.starts_with("PUT") || call.contains("/commit/");
        assert!(!kept.calls.iter().any(sent), "{:?}", kept.calls);
    };
    let many = vec![files[1].clone(); MAX_FILES + 1];
    refused(&many, "1001 files: at most 1000 fit; leave some out");
    files.push(file_of("data.bin", MAX_TOTAL_BYTES));
    refused(&files, "more than 1 GiB together: leave some out");
    files.pop();
    assert!(service.kept().calls.is_empty());

    // The Hub takes a text without zeros as a part of the commit, which is held in memory.
    let text = |name: &str, bytes: usize| {
        let file = file_of(name, 0);
        fs::write(&file.path, vec![b'a'; bytes]).unwrap();
        file
    };
    files.push(text("long.csv", (10 << 20) + 1));
    refused(
        &files,
        "long.csv: the Hub takes it as text, which may have at most 10 MiB",
    );
    files.pop();
    files.extend((0..7).map(|i| text(&format!("{i}.csv"), 10 << 20)));
    refused(&files, "texts of more than 64 MiB together");
    files.truncate(4);
    // Of any other length it goes beside the commit.
    files.push(file_of("data.bin", 20 << 20));
    publish(&options, &files).unwrap();
    let commit = service.kept().repos["acme/loan"].commits[0].clone();
    assert_eq!(commit.files["0.csv"].bytes.len(), 10 << 20);
    assert_eq!(commit.files["data.bin"].bytes.len(), 20 << 20);
}

#[test]
fn a_hub_does_not_say_where_an_upload_goes_or_ends() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let options = options(&service.address, Some(TOKEN));
    for field in ["Transfer-Encoding", "host", "Content-length"] {
        service.kept().wants = Some((field, "x"));
        let error = publish(&options, &files).unwrap_err().to_string();
        assert!(
            error.contains(&format!("the header field {field}")),
            "{error}"
        );
        let calls = service.kept().calls.clone();
        assert!(
            !calls.iter().any(|call| call.starts_with("PUT")),
            "{calls:?}"
        );
    }
    service.kept().wants = Some(("x-amz-checksum", "x"));
    publish(&options, &files).unwrap();
}

#[test]
fn refusals_say_what_to_do() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let cache = folder.path().join("cache");
    let known = options(&service.address, Some(TOKEN));

    let wrong = options(&service.address, Some("hf_wrong"));
    let error = publish(&wrong, &files).unwrap_err().to_string();
    assert!(
        error.contains("401") && error.contains("HF_TOKEN"),
        "{error}"
    );
    assert!(!error.contains("hf_wrong"), "{error}");

    let error = fetch(&known, &repo(), "main", &cache).unwrap_err();
    assert!(matches!(error, HubError::NotFound { .. }), "{error}");
    publish(&known, &files).unwrap();
    let error = fetch(&known, &repo(), "no-such-branch", &cache).unwrap_err();
    assert!(matches!(error, HubError::NotFound { .. }), "{error}");

    for (endpoint, word) in [
        (common::service::always(500, "oops"), "500"),
        (
            common::service::always(200, "<html>log in"),
            "unexpected answer",
        ),
        (common::service::always(403, ""), "HF_TOKEN"),
        (common::service::nobody(), "does not answer"),
    ] {
        let error = publish(&options(&endpoint, Some(TOKEN)), &files).unwrap_err();
        assert!(matches!(
            error,
            HubError::Service(
                ServiceError::Unreachable { .. }
                    | ServiceError::Refused { .. }
                    | ServiceError::Unexpected { .. }
                    | ServiceError::Denied { .. }
            )
        ));
        let error = error.to_string();
        assert!(error.contains(word) && !error.contains(TOKEN), "{error}");
    }
}

#[test]
#[ignore = "needs the Python environment that `cargo xtask test` makes"]
fn the_official_client_does_the_same_with_the_same_service() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let files = files(folder.path());
    let options = options(&service.address, Some(TOKEN));
    publish(&options, &files).unwrap();
    let script = common::repository().join("tests/tracking/hub_roundtrip.py");
    let mut python = Command::new(common::python_program("UNDERWRITE_WANDB_BIN", "python"));
    let said = common::run(
        python
            .arg(script)
            .args([
                "acme/loan",
                &sha256_file(&files[0].path).unwrap(),
                "acme/python",
            ])
            .arg(&files[0].path)
            .env("HF_HOME", folder.path().join("home"))
            .env("HF_HUB_DISABLE_XET", "1")
            .env("HF_HUB_DISABLE_TELEMETRY", "1")
            .env("HF_ENDPOINT", &service.address)
            .env("HF_TOKEN", TOKEN),
    );
    assert!(said.contains("round trip"), "{said}");
    // What the official client published, we fetch.
    let python = "acme/python".parse().unwrap();
    let fetched = fetch(&options, &python, "main", &folder.path().join("cache")).unwrap();
    assert_eq!(fetched.sha256, sha256_file(&files[0].path).unwrap());
}

#[test]
fn a_password_in_the_address_is_in_no_message() {
    let with_password = |address: &str| address.replace("://", "://me:s3cret@") + "?token=s3cret";
    for endpoint in [
        common::service::always(500, "oops"),
        common::service::always(404, ""),
        common::service::always(403, ""),
        common::service::nobody(),
    ] {
        let hub = Hub::new(&options(&with_password(&endpoint), None));
        let folder = tempfile::tempdir().unwrap();
        let error = hub.fetch(&repo(), MODEL_FILE, "main", folder.path());
        let error = error.unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
        assert!(error.contains(&endpoint), "{error}");
        let shown = format!("{hub:?} {}", hub.page(&repo()));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn a_revision_is_no_way_out_of_the_repository() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    publish(&known, &files(folder.path())).unwrap();
    service.kept().calls.clear();
    for revision in ["..", ".", "", "a/../b", "/main", "main/"] {
        let error = fetch(&known, &repo(), revision, folder.path()).unwrap_err();
        assert!(
            matches!(error, HubError::Revision(_)),
            "{revision}: {error}"
        );
    }
    assert!(service.kept().calls.is_empty());
}
