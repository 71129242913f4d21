//! What comes of a Hub and of the cache, whatever the Hub does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;

use std::fs;

use common::hub_service::{Service, TOKEN};
use common::published::{fetch, files, options, publish, read, repo, walk};
use common::raw_hub::{Gives, RawHub, other_bytes};
use model_files::sha256_file;
use model_hub::{FileToPublish, Hub, HubError, HubOptions, MODEL_FILE};

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
