//! Models go to a service that answers as the Hugging Face Hub does, and come back.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use common::hub_service::{Service, TOKEN};
use model_client::{Secret, ServiceError};
use model_files::{sha256_file, sha256_hex};
use model_hub::{
    Fetched, FileToPublish, Hub, HubError, HubOptions, MAX_FILES, MAX_TOTAL_BYTES, MODEL_FILE,
    Publication, Published, RepoId,
};

fn options(endpoint: &str, token: Option<&str>) -> HubOptions {
    HubOptions {
        endpoint: endpoint.to_owned(),
        token: token.map(Secret::new),
        retry: common::impatient(),
        ..HubOptions::default()
    }
}

/// What a [`RawHub`] does with a file that it has announced.
#[derive(Debug, Clone)]
enum Gives {
    Whole(Vec<u8>),
    /// Whole, and announced as another commit's.
    OfAnother(Vec<u8>),
    /// Half of what was announced; then the connection ends.
    Half,
    /// A byte now and then, for ever.
    Drip,
    /// It is not even announced.
    Nothing,
}

/// A Hub that breaks off, from the first byte on by hand.
struct RawHub {
    address: String,
    state: Arc<Mutex<(char, BTreeMap<String, Gives>)>>,
}

impl RawHub {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(('0', BTreeMap::new())));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                // The other side may have gone.
                std::thread::spawn(move || Self::answer(&mut stream?, &shared));
            }
        });
        Self { address, state }
    }

    fn options(&self) -> HubOptions {
        options(&self.address, None)
    }

    /// From now on the newest commit has these files.
    fn gives(&self, commit: char, files: &[(&str, Gives)]) {
        let files = files
            .iter()
            .map(|(name, gives)| ((*name).to_owned(), gives.clone()));
        *self.state.lock().unwrap() = (commit, files.collect());
    }

    fn answer(
        stream: &mut TcpStream,
        state: &Mutex<(char, BTreeMap<String, Gives>)>,
    ) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let (method, path) = head.split_once(' ').unwrap();
        let path = path.split(' ').next().unwrap();
        let (commit, files) = state.lock().unwrap().clone();
        let Some(gives) = files.get(path.rsplit('/').next().unwrap()) else {
            return stream.write_all(
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            );
        };
        let announced = match gives {
            Gives::Whole(bytes) | Gives::OfAnother(bytes) => bytes.clone(),
            Gives::Half | Gives::Drip => b"never given whole".to_vec(),
            Gives::Nothing => return Ok(()),
        };
        let commit = match gives {
            Gives::OfAnother(_) => 'c',
            _ => commit,
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nX-Repo-Commit: {}\r\nX-Linked-Etag: \"{}\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            commit.to_string().repeat(40),
            sha256_hex(&announced),
            announced.len(),
        )?;
        match gives {
            _ if method == "HEAD" => Ok(()),
            Gives::Drip => loop {
                stream.write_all(b"n")?;
                std::thread::sleep(std::time::Duration::from_millis(300));
            },
            Gives::Half => stream.write_all(&announced[..8]),
            _ => stream.write_all(&announced),
        }
    }
}

/// The model of a revision.
fn fetch(
    options: &HubOptions,
    repo: &RepoId,
    revision: &str,
    cache: &Path,
) -> Result<Fetched, HubError> {
    Hub::new(options).fetch(repo, MODEL_FILE, revision, cache)
}

fn repo() -> RepoId {
    "acme/loan".parse().unwrap()
}

/// A model, its card and a report, on the disk.
fn files(folder: &Path) -> Vec<FileToPublish> {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name.replace('/', "-"));
        fs::write(&path, bytes).unwrap();
        FileToPublish {
            name: name.to_owned(),
            path,
            sha256: None,
        }
    };
    vec![
        write(MODEL_FILE, &common::model_bytes()),
        write("README.md", b"---\nlicense: mit\n---\n# Loan\n"),
        write("reports/evaluation.html", "<p>größer".as_bytes()),
    ]
}

fn publish(options: &HubOptions, files: &[FileToPublish]) -> Result<Published, HubError> {
    Hub::new(options).publish(&Publication {
        repo: &repo(),
        revision: "main",
        private: false,
        message: "A model",
        files,
    })
}

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
fn the_cache_is_used_and_works_without_the_hub() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    let published = publish(&known, &files(folder.path())).unwrap();
    let cache = folder.path().join("cache");
    let first = fetch(&known, &repo(), "main", &cache).unwrap();

    service.kept().calls.clear();
    assert_eq!(fetch(&known, &repo(), "main", &cache).unwrap(), first);
    assert_eq!(
        service.kept().calls,
        ["HEAD /acme/loan/resolve/main/model.wasm"]
    );

    // A commit is asked for by nobody twice.
    service.kept().calls.clear();
    fetch(&known, &repo(), &published.commit, &cache).unwrap();
    assert!(service.kept().calls.is_empty());

    // Another Hub's files are not taken for those of one that does not answer.
    let nobody = options(&common::service::nobody(), None);
    let error = fetch(&nobody, &repo(), "main", &cache).unwrap_err();
    assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    service.kept().is_down = true;
    let offline = fetch(&known, &repo(), "main", &cache).unwrap();
    assert_eq!(offline.path, first.path);
    assert!(offline.offline.unwrap().contains("503"));

    // So does a commit, though nobody can say now whether it has a signature.
    let hub = Hub::new(&known);
    let of_commit = hub.fetch_with(
        &repo(),
        MODEL_FILE,
        &["model.sig"],
        &published.commit,
        &cache,
    );
    let of_commit = of_commit.unwrap();
    assert_eq!(of_commit.path, first.path);
    assert!(of_commit.offline.is_some());

    // A cached file that was altered is not used.
    fs::write(&first.path, b"altered").unwrap();
    let error = fetch(&known, &repo(), "main", &cache).unwrap_err();
    assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    service.kept().is_down = false;
    assert_eq!(fetch(&known, &repo(), "main", &cache).unwrap(), first);
    assert_eq!(sha256_file(&first.path).unwrap(), first.sha256);
}

#[test]
fn a_damaged_download_is_refused_and_leaves_nothing() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let options = options(&service.address, Some(TOKEN));
    publish(&options, &files(folder.path())).unwrap();
    service.kept().corrupts = true;
    let cache = folder.path().join("cache");
    let error = fetch(&options, &repo(), "main", &cache).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }), "{error}");
    assert!(walk(&cache).is_empty());
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

#[test]
fn what_is_announced_without_a_digest_is_not_taken() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    publish(&known, &files(folder.path())).unwrap();
    service.kept().tags = Some("of-a-proxy");
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(&known, &repo(), "main", cache.path()).unwrap_err();
    assert!(
        error.to_string().contains("with the file's digest"),
        "{error}"
    );
    assert!(walk(cache.path()).is_empty());
    service.kept().tags = None;
    fetch(&known, &repo(), "main", cache.path()).unwrap();
}

#[test]
fn no_file_is_longer_than_allowed_whatever_is_announced() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    publish(&known, &files(folder.path())).unwrap();
    let bytes = common::model_bytes().len() as u64;
    for (announced, most, expected) in [
        // Told beforehand: the file is not asked for.
        (
            None,
            bytes - 1,
            Some(format!("at most {} bytes", bytes - 1)),
        ),
        // Not told: it is left when it is too long.
        (
            Some(""),
            bytes - 1,
            Some(format!("at most {} bytes", bytes - 1)),
        ),
        // A lie, below the limit and above it.
        (Some("10"), bytes, Some("10 bytes".to_owned())),
        (
            Some("999999999999"),
            bytes,
            Some(format!("at most {bytes} bytes")),
        ),
        (Some(""), bytes, None),
        (None, bytes, None),
    ] {
        service.kept().announces = announced;
        service.kept().calls.clear();
        let cache = tempfile::tempdir().unwrap();
        let limited = HubOptions {
            max_bytes: most,
            ..known.clone()
        };
        let fetched = fetch(&limited, &repo(), "main", cache.path());
        let Some(expected) = expected else {
            fetched.unwrap();
            continue;
        };
        let error = fetched.unwrap_err().to_string();
        assert!(error.contains(&expected), "{announced:?}: {error}");
        let asked = service
            .kept()
            .calls
            .iter()
            .any(|call| call.contains("/_cdn/"));
        assert_eq!(asked, matches!(announced, Some("" | "10")), "{announced:?}");
        assert!(walk(cache.path()).is_empty());
    }
}

/// Every file below a folder.
fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn a_download_ends_where_it_was_announced_to() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    publish(&known, &files(folder.path())).unwrap();
    service.kept().goes_on = true;
    let cache = folder.path().join("cache");
    let error = fetch(&known, &repo(), "main", &cache).unwrap_err();
    assert!(matches!(error, HubError::Damaged { .. }), "{error}");
}

/// Another model of the same length.
fn other_bytes() -> Vec<u8> {
    common::model_bytes().iter().map(|byte| !byte).collect()
}

fn read(fetched: &Fetched) -> Vec<u8> {
    fs::read(&fetched.path).unwrap()
}

#[test]
fn a_file_of_one_hub_is_not_taken_for_another_hubs() {
    let (foreign, genuine) = (RawHub::start(), RawHub::start());
    foreign.gives('c', &[(MODEL_FILE, Gives::Whole(other_bytes()))]);
    genuine.gives('c', &[(MODEL_FILE, Gives::Whole(common::model_bytes()))]);
    for revision in ["main".to_owned(), "c".repeat(40)] {
        let cache = tempfile::tempdir().unwrap();
        let fetch = |hub: &RawHub| fetch(&hub.options(), &repo(), &revision, cache.path()).unwrap();
        assert_eq!(read(&fetch(&foreign)), other_bytes());
        for _ in 0..2 {
            assert_eq!(read(&fetch(&genuine)), common::model_bytes());
            assert_eq!(read(&fetch(&foreign)), other_bytes());
        }
    }
}

#[test]
fn a_cached_file_that_is_not_what_is_announced_is_downloaded_again() {
    let hub = RawHub::start();
    let cache = tempfile::tempdir().unwrap();
    let fetch = || fetch(&hub.options(), &repo(), "main", cache.path()).unwrap();
    hub.gives('c', &[(MODEL_FILE, Gives::Whole(other_bytes()))]);
    assert_eq!(read(&fetch()), other_bytes());
    hub.gives('c', &[(MODEL_FILE, Gives::Whole(common::model_bytes()))]);
    assert_eq!(read(&fetch()), common::model_bytes());
    // And then it is the cached one.
    hub.gives('c', &[(MODEL_FILE, Gives::Nothing)]);
    let cached = fetch();
    assert_eq!(read(&cached), common::model_bytes());
    assert!(cached.offline.is_some());
}

#[test]
fn what_is_announced_and_not_given_does_not_cost_the_cached_file() {
    for broken in [Gives::Half, Gives::Drip, Gives::Nothing] {
        let hub = RawHub::start();
        let cache = tempfile::tempdir().unwrap();
        let mut options = hub.options();
        let cached = |options: &HubOptions| {
            let cached = Hub::new(options).cached(&repo(), MODEL_FILE, "main", cache.path());
            cached.unwrap().map(|fetched| fetched.commit)
        };
        assert_eq!(cached(&options), None);
        hub.gives('b', &[(MODEL_FILE, Gives::Whole(common::model_bytes()))]);
        let first = fetch(&options, &repo(), "main", cache.path()).unwrap();
        assert_eq!((&first.commit, &first.offline), (&"b".repeat(40), &None));
        assert_eq!(cached(&options), Some("b".repeat(40)));

        hub.gives('9', &[(MODEL_FILE, broken.clone())]);
        // What drips ends by this alone.
        options.retry.total = std::time::Duration::from_secs(2);
        let offline = fetch(&options, &repo(), "main", cache.path()).unwrap();
        assert_eq!(offline.path, first.path, "{broken:?}");
        let why = offline.offline.unwrap();
        assert!(why.contains(&hub.address), "{broken:?}: {why}");
        hub.gives('9', &[(MODEL_FILE, Gives::Nothing)]);
        let offline = fetch(&options, &repo(), "main", cache.path()).unwrap();
        assert_eq!(
            (offline.path, cached(&options)),
            (first.path, Some("b".repeat(40)))
        );
        // Nothing of it is left.
        let left = walk(cache.path());
        assert_eq!(left.len(), 3, "{left:?}");
        // And once it is given, it is the newest.
        hub.gives('9', &[(MODEL_FILE, Gives::Whole(other_bytes()))]);
        options.retry = common::impatient();
        let newest = fetch(&options, &repo(), "main", cache.path()).unwrap();
        assert_eq!((newest.commit, newest.offline), ("9".repeat(40), None));
    }
}

#[test]
fn a_broken_download_is_the_hubs_error_and_not_the_disks() {
    let hub = RawHub::start();
    hub.gives('b', &[(MODEL_FILE, Gives::Half)]);
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(&hub.options(), &repo(), "main", cache.path()).unwrap_err();
    assert!(matches!(error, HubError::NotCached { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains(&hub.address), "{error}");
    assert!(error.contains("the download broke off"), "{error}");
    assert!(!error.contains("cannot write"), "{error}");
}

#[test]
fn a_model_and_its_signature_stay_together() {
    const SIGNATURE: &str = "model.sig";
    let hub = RawHub::start();
    let cache = tempfile::tempdir().unwrap();
    let fetch = || {
        let hub = Hub::new(&hub.options());
        hub.fetch_with(&repo(), MODEL_FILE, &[SIGNATURE], "main", cache.path())
    };
    let whole = |bytes: Vec<u8>| (MODEL_FILE, Gives::Whole(bytes));
    let signature = || (SIGNATURE, Gives::Whole(b"of b".to_vec()));
    hub.gives('b', &[whole(common::model_bytes()), signature()]);
    let first = fetch().unwrap();
    let beside = first.path.with_file_name(SIGNATURE);
    assert_eq!(fs::read(&beside).unwrap(), b"of b");
    // The model of the next commit comes, its signature does not.
    hub.gives('9', &[whole(other_bytes()), (SIGNATURE, Gives::Half)]);
    let offline = fetch().unwrap();
    assert_eq!(
        (&offline.path, offline.offline.is_some()),
        (&first.path, true)
    );
    // A model without one is complete.
    hub.gives('9', &[whole(other_bytes())]);
    let unsigned = fetch().unwrap();
    assert_eq!(
        (&unsigned.commit, &unsigned.offline),
        (&"9".repeat(40), &None)
    );
    assert!(!unsigned.path.with_file_name(SIGNATURE).exists());
}

#[test]
fn a_commit_that_was_not_asked_for_is_refused() {
    const SIGNATURE: &str = "model.sig";
    let hub = RawHub::start();
    let cache = tempfile::tempdir().unwrap();
    let fetch = |revision: &str| {
        let hub = Hub::new(&hub.options());
        hub.fetch_with(&repo(), MODEL_FILE, &[SIGNATURE], revision, cache.path())
    };
    let model = (MODEL_FILE, Gives::Whole(common::model_bytes()));
    hub.gives('b', std::slice::from_ref(&model));
    for revision in ["a".repeat(40), "A".repeat(40)] {
        let error = fetch(&revision).unwrap_err();
        assert!(matches!(error, HubError::OtherCommit { .. }), "{error}");
    }
    assert!(walk(cache.path()).is_empty());

    let signature = Gives::OfAnother(b"of c".to_vec());
    hub.gives('b', &[model.clone(), (SIGNATURE, signature)]);
    for revision in ["main".to_owned(), "b".repeat(40)] {
        let error = fetch(&revision).unwrap_err();
        assert!(matches!(error, HubError::OtherCommit { .. }), "{error}");
        assert!(error.to_string().contains(SIGNATURE), "{error}");
    }

    hub.gives('b', &[model]);
    for revision in ["main".to_owned(), "b".repeat(40), "B".repeat(40)] {
        assert_eq!(fetch(&revision).unwrap().commit, "b".repeat(40));
    }
}

#[test]
fn no_file_takes_the_place_of_what_the_cache_notes_of_another() {
    let names = [
        "model.wasm.json",
        MODEL_FILE,
        "card.json/x",
        "card",
        "card.json.json/y",
    ];
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    let files = names.map(|name| {
        let path = folder.path().join(name.replace('/', "-"));
        fs::write(&path, name).unwrap();
        FileToPublish {
            name: name.to_owned(),
            path,
            sha256: None,
        }
    });
    publish(&known, &files).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let hub = Hub::new(&known);
    let fetch = |name: &str| hub.fetch(&repo(), name, "main", cache.path()).unwrap();
    let fetched: Vec<_> = names.iter().map(|name| fetch(name)).collect();
    for (name, fetched) in names.iter().zip(&fetched) {
        assert_eq!(read(fetched), name.as_bytes(), "{name}");
    }
    // All of them stand in.
    service.kept().is_down = true;
    for (name, fetched) in names.iter().zip(&fetched) {
        assert_eq!(fetch(name).path, fetched.path, "{name}");
    }
}

#[test]
fn several_at_once_share_an_empty_cache() {
    let service = Service::start();
    let folder = tempfile::tempdir().unwrap();
    let known = options(&service.address, Some(TOKEN));
    publish(&known, &files(folder.path())).unwrap();
    for _ in 0..5 {
        let cache = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let fetches = (0..6).map(|_| {
                scope.spawn(|| {
                    let fetched = fetch(&known, &repo(), "main", cache.path()).unwrap();
                    assert_eq!(read(&fetched), common::model_bytes());
                })
            });
            let fetches: Vec<_> = fetches.collect();
            fetches.into_iter().for_each(|fetch| fetch.join().unwrap());
        });
        assert_eq!(walk(cache.path()).len(), 3, "file, note, reference");
    }
}
