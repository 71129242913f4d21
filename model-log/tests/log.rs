//! A log through its public interface: append, read, prove, close, open again.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use std::sync::{Arc, Mutex};

use common::{decision, filled, sound};
use model_log::verify::{Against, verify};
use model_log::{Event, LogError, Options, Reader, Verifier, Writer, check_proof, enclosing_log};

#[test]
fn what_was_appended_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 700);
    let receipt = log.append(vec![decision(700)]).unwrap().wait().unwrap()[0];
    assert_eq!(receipt.index, 700);
    let opened = log.reader().record(700).unwrap();
    assert_eq!(opened.leaf, receipt.leaf);
    let body = opened.body.unwrap();
    assert_eq!(body.request, decision(700).request);
    assert_eq!(body.answer, decision(700).answer);
    assert!(body.details.time > 0);
    log.close().unwrap();
    assert_eq!(sound(folder.path()).records, 701);

    // Opened again and closed, nothing is added.
    let log = Writer::open(folder.path(), Options::default()).unwrap();
    assert_eq!(log.status().records, 701);
    log.append(vec![decision(701)]).unwrap().wait().unwrap();
    drop(log);
    let report = sound(folder.path());
    assert_eq!((report.records, report.signed), (702, 702));
    let reader = Reader::open(folder.path(), None).unwrap();
    let mut seen = 0;
    reader
        .scan(100, u64::MAX, |record| {
            assert_eq!(record.index, 100 + seen);
            assert_eq!(record.body.unwrap().request, decision(100 + seen).request);
            seen += 1;
            Ok::<_, LogError>(())
        })
        .unwrap();
    assert_eq!(seen, 602);
}

#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 1);
    let refused = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, LogError::Locked(_)), "{refused}");
    drop(log);
    Writer::open(folder.path(), Options::default()).unwrap();
}

#[test]
fn a_folder_with_other_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let refused = Writer::open(folder.path(), Options::default()).unwrap_err();
    assert!(matches!(refused, LogError::NotEmpty(_)), "{refused}");
    assert!(matches!(
        Reader::open(folder.path(), None),
        Err(LogError::NoLog(_))
    ));
}

#[test]
fn a_log_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1).close().unwrap();
    std::fs::write(
        folder.path().join("format"),
        "underwrite decision log 2\nx\n",
    )
    .unwrap();
    let refused = Writer::open(folder.path(), Options::default())
        .unwrap_err()
        .to_string();
    assert!(refused.contains("underwrite decision log 2"), "{refused}");
}

#[test]
fn every_record_of_a_checkpoint_can_be_proved() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 1000).close().unwrap();
    let reader = Reader::open(folder.path(), None).unwrap();
    let verifier = Verifier::parse(&reader.verifier_key()).unwrap();
    for index in (0..1000).step_by(37).chain([255, 256, 999]) {
        let proof = reader.prove(index).unwrap();
        let (proved, leaf, checkpoint) = check_proof(&proof, &verifier).unwrap();
        assert_eq!((proved, checkpoint.size), (index, 1000));
        assert_eq!(leaf, reader.record(index).unwrap().leaf);
        let other = proof.replace(&format!("index {index}"), &format!("index {}", index ^ 1));
        check_proof(&other, &verifier).unwrap_err();
    }
    assert!(matches!(reader.prove(1000), Err(LogError::Unknown { .. })));
}

/// A record was said not to exist until a checkpoint covers it, though its receipt was there.
#[test]
fn what_no_checkpoint_covers_yet_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 5);
    let reader = log.reader();
    let refused = reader.prove(4).unwrap_err();
    assert!(
        matches!(refused, LogError::NotSigned { index: 4, covered } if covered < 5),
        "{refused}"
    );
    let beyond = reader.prove(5).unwrap_err();
    assert!(
        matches!(beyond, LogError::Unknown { index: 5, size: 5 }),
        "{beyond}"
    );
    log.close().unwrap();
    reader.prove(4).unwrap();
}

/// A proof that does not hold was given for a good record whose tile was damaged.
#[test]
fn no_proof_is_given_that_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path(), 600).close().unwrap();
    for name in ["tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2"] {
        let path = folder.path().join(name);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let reader = Reader::open(folder.path(), None).unwrap();
        let error = reader.prove(3).unwrap_err();
        assert!(matches!(error, LogError::Damaged { .. }), "{error}");
        // What the error says to do.
        std::fs::remove_dir_all(folder.path().join("tile")).unwrap();
        let log = Writer::open(folder.path(), Options::default()).unwrap();
        log.close().unwrap();
        reader.prove(3).unwrap();
        sound(folder.path());
    }
}

#[test]
fn no_log_is_made_where_one_has_to_be_there() {
    let folder = tempfile::tempdir().unwrap();
    let typo = folder.path().join("typo");
    let error = Writer::open_existing(&typo, Options::default()).unwrap_err();
    assert!(matches!(error, LogError::NoLog(_)), "{error}");
    assert!(!typo.exists());
    filled(&typo, 1).close().unwrap();
    let log = Writer::open_existing(&typo, Options::default()).unwrap();
    assert_eq!(log.status().records, 1);
}

#[test]
fn an_observer_hears_of_checkpoints_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let observer = Arc::clone(&heard);
    let options = Options {
        observer: Some(Arc::new(move |event| {
            observer.lock().unwrap().push(event.clone())
        })),
        ..Options::default()
    };
    let log = Writer::open(folder.path(), options).unwrap();
    log.append(vec![decision(0)]).unwrap().wait().unwrap();
    log.close().unwrap();
    let heard = heard.lock().unwrap();
    assert!(
        matches!(heard.first(), Some(Event::KeysMade(_))),
        "{heard:?}"
    );
    assert!(
        matches!(heard.last(), Some(Event::Checkpoint(_))),
        "{heard:?}"
    );
}

#[test]
fn a_checkpoint_kept_elsewhere_shows_that_the_end_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let log = filled(folder.path(), 20);
    log.close().unwrap();
    let status = std::process::Command::new("cp")
        .args(["-a", &format!("{}/.", folder.path().display())])
        .arg(copy.path())
        .status();
    assert!(status.unwrap().success());
    let log = filled(folder.path(), 5);
    let kept = Against {
        checkpoint: {
            log.close().unwrap();
            Some(
                Reader::open(folder.path(), None)
                    .unwrap()
                    .checkpoint()
                    .unwrap(),
            )
        },
        ..Against::default()
    };
    let report = verify(folder.path(), &kept).unwrap();
    assert_eq!((report.problems, report.covered), (vec![], Some(25)));
    let report = verify(copy.path(), &kept).unwrap();
    assert!(
        report.problems[0].problem.contains("the end is missing"),
        "{report:?}"
    );
}

#[test]
fn a_path_into_a_log_or_its_keys_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (log, keys) = (folder.path().join("log"), folder.path().join("keys"));
    let options = Options {
        keys: Some(keys.clone()),
        ..Options::default()
    };
    Writer::open(&log, options).unwrap().close().unwrap();
    for name in ["checkpoint", "records/00000000", "new", "new/newer/x.html"] {
        assert_eq!(enclosing_log(&log.join(name)), Some(log.clone()), "{name}");
    }
    for name in ["signing.pk8", "epoch-00000000-00000001.key", "new"] {
        assert_eq!(
            enclosing_log(&keys.join(name)),
            Some(keys.clone()),
            "{name}"
        );
    }
    // The folder itself is in none, nor is what lies beside it.
    for path in [&log, &keys, &folder.path().join("x.html")] {
        assert_eq!(enclosing_log(path), None, "{}", path.display());
    }
    // Of whatever version; a file `format` of something else makes no log.
    std::fs::write(log.join("format"), "underwrite decision log 2\n").unwrap();
    assert_eq!(enclosing_log(&log.join("new")), Some(log.clone()));
    std::fs::write(log.join("format"), "PNG\n").unwrap();
    std::fs::write(keys.join("index.key"), "of a book").unwrap();
    assert_eq!(enclosing_log(&log.join("new")), None);
    assert_eq!(enclosing_log(&keys.join("new")), None);
}
