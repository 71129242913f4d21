//! Signatures through the public interface: what holds, and every way in which one does not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model_signing::{
    Bundle, PublicKey, SIGNATURE_FILE, SigningError, SigningKey, TrustedKeys, sign_folder,
};
use tempfile::TempDir;

/// A bundle that `model_signing` 1.1.1 wrote for a folder with the file `model.wasm` of the
/// bytes `\0asm`, and its public key.
const THEIRS: &str = include_str!("reference/model.sig");
const THEIR_KEY: &str = include_str!("reference/key.pub.pem");

struct Folder {
    folder: TempDir,
    trusted: TrustedKeys,
}

impl Folder {
    fn signed() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("model.wasm"), b"\0asm").unwrap();
        fs::create_dir(folder.path().join("reports")).unwrap();
        fs::write(folder.path().join("reports/card.md"), "a card").unwrap();
        let (_, key) = SigningKey::generate().unwrap();
        let bundle = sign_folder(folder.path(), &key).unwrap();
        fs::write(folder.path().join(SIGNATURE_FILE), bundle).unwrap();
        Self {
            folder,
            trusted: TrustedKeys::one("risk", key.public().clone()),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn check(&self) -> Result<(), SigningError> {
        check(self.folder.path(), &self.trusted)
    }

    /// The sentence that refuses the folder after a change.
    fn refused(change: impl FnOnce(&Self)) -> String {
        let folder = Self::signed();
        folder.check().unwrap();
        change(&folder);
        folder.check().unwrap_err().to_string()
    }

    /// The same after a change of the bundle's text.
    fn refused_bundle(change: impl FnOnce(String) -> String) -> String {
        Self::refused(|folder| {
            let path = folder.path(SIGNATURE_FILE);
            let bundle = fs::read_to_string(&path).unwrap();
            fs::write(path, change(bundle)).unwrap();
        })
    }
}

fn check(folder: &Path, trusted: &TrustedKeys) -> Result<(), SigningError> {
    let bundle = fs::read(folder.join(SIGNATURE_FILE)).unwrap();
    Bundle::parse(&bundle)?
        .verify(trusted)?
        .check_folder(folder)
}

/// The bundle with another statement, under the old signature.
fn with_statement(bundle: &str, change: impl FnOnce(String) -> String) -> String {
    let mut json: serde_json::Value = serde_json::from_str(bundle).unwrap();
    let payload = json["dsseEnvelope"]["payload"].as_str().unwrap();
    let statement = String::from_utf8(STANDARD.decode(payload).unwrap()).unwrap();
    json["dsseEnvelope"]["payload"] = STANDARD.encode(change(statement)).into();
    json.to_string()
}

#[test]
fn what_git_keeps_is_not_part_of_a_model() {
    let folder = Folder::signed();
    fs::create_dir(folder.path(".git")).unwrap();
    fs::write(folder.path(".git/config"), "").unwrap();
    fs::write(folder.path(".gitignore"), "").unwrap();
    folder.check().unwrap();
}

/// Whoever gets a signed folder gets its files.
#[test]
fn a_private_key_is_not_signed() {
    let (own, key) = SigningKey::generate().unwrap();
    let other = |label: &str| format!("Made today\r\n-----BEGIN {label}-----\r\nMIGH\r\n");
    let sign = |name: &str, text: &str| {
        let folder = Folder::signed();
        fs::write(folder.path(name), text).unwrap();
        sign_folder(folder.folder.path(), &key)
    };
    let labels = [
        "RSA PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "PGP PRIVATE KEY BLOCK",
    ];
    for text in labels.map(other).iter().chain([&own]) {
        for name in ["risk.pem", "reports/notes"] {
            assert_eq!(
                sign(name, text).unwrap_err().to_string(),
                format!(
                    "the folder cannot be signed: {name} has a private key, which would go \
                     wherever the folder goes: keep it elsewhere"
                )
            );
        }
    }
    // However far behind other text it is.
    for before in [(64 << 10) - 20, 64 << 10, 200 << 10] {
        let text = format!("{}\n{own}", "a".repeat(before));
        let error = sign("chain.pem", &text).unwrap_err().to_string();
        assert!(error.contains("chain.pem has a private key"), "{error}");
    }
    // A public one is nobody's secret, and a text may speak of keys.
    let text = format!("{}A PRIVATE KEY stays at home.\n", key.public().to_pem());
    sign("risk.pub.pem", &text).unwrap();
}

#[test]
fn an_altered_folder_is_refused_and_the_file_is_named() {
    let write = |name: &'static str, text: &'static str| {
        Folder::refused(move |folder| fs::write(folder.path(name), text).unwrap())
    };
    let altered = write("model.wasm", "\0asn");
    assert!(altered.starts_with("model.wasm was altered"), "{altered}");
    let altered = write("reports/card.md", "a cart");
    assert!(altered.starts_with("reports/card.md was alt"), "{altered}");
    assert_eq!(write("notes.txt", ""), "notes.txt was not signed");
    assert_eq!(
        Folder::refused(|folder| fs::remove_file(folder.path("reports/card.md")).unwrap()),
        "reports/card.md is missing"
    );
    let many = Folder::refused(|folder| {
        for name in ["a", "b", "c", "d", "e"] {
            fs::write(folder.path(name), "").unwrap();
        }
    });
    assert_eq!(
        many,
        "a was not signed; b was not signed; c was not signed; and 2 more"
    );
}

/// A file too many is named without being read: this one would take hours.
#[test]
fn a_long_file_that_nobody_signed_costs_nothing() {
    let start = Instant::now();
    let refused = Folder::refused(|folder| {
        let long = fs::File::create(folder.path("long")).unwrap();
        long.set_len(4 << 40).unwrap();
    });
    assert_eq!(refused, "long was not signed");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[cfg(unix)]
#[test]
fn what_is_no_key_file_is_not_waited_for_and_not_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("k.pem");
    let refused = || {
        TrustedKeys::from_folder(folder.path())
            .unwrap_err()
            .to_string()
    };
    fs::File::create(&path).unwrap().set_len(8 << 30).unwrap();
    assert!(
        refused().contains("k.pem: it is longer than 64 KiB"),
        "{}",
        refused()
    );
    let alone = TrustedKeys::from_file(&path).unwrap_err().to_string();
    assert!(alone.contains("it is longer than 64 KiB"), "{alone}");
    let private = SigningKey::from_file(&path).unwrap_err().to_string();
    assert!(
        private.contains("k.pem: it is longer than 64 KiB"),
        "{private}"
    );
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let (tell, told) = mpsc::channel();
    let at = folder.path().to_owned();
    std::thread::spawn(move || {
        let read = TrustedKeys::from_folder(&at);
        let _ = tell.send(read.unwrap_err().to_string());
    });
    let refused = told.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(
        refused.contains("k.pem: it is not a regular file"),
        "{refused}"
    );
}

#[cfg(unix)]
#[test]
fn a_symbolic_link_is_neither_signed_nor_accepted() {
    let refused = Folder::refused(|folder| {
        std::os::unix::fs::symlink("/etc/hostname", folder.path("link")).unwrap();
    });
    assert!(refused.contains("link is a symbolic link"), "{refused}");
}

#[test]
fn another_key_is_refused_by_its_id() {
    let folder = Folder::signed();
    let (_, other) = SigningKey::generate().unwrap();
    let trusted = TrustedKeys::one("other", other.public().clone());
    let error = check(folder.folder.path(), &trusted).unwrap_err();
    assert!(
        matches!(&error, SigningError::Untrusted { trusted, .. } if trusted == "other"),
        "{error}"
    );
    // One that claims to be of the other key is found out by the signature.
    let bundle = fs::read_to_string(folder.path(SIGNATURE_FILE)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let hint = json["verificationMaterial"]["publicKey"]["hint"].as_str();
    let claimed = bundle.replace(hint.unwrap(), other.public().id());
    let error = Bundle::parse(claimed.as_bytes()).unwrap().verify(&trusted);
    assert!(matches!(error.unwrap_err(), SigningError::Signature));
}

#[test]
fn a_changed_bundle_is_refused() {
    let wrong = "the signature is wrong: the statement was altered, or another key signed it";
    let statement = |from: &'static str, to: &'static str| {
        Folder::refused_bundle(|bundle| {
            with_statement(&bundle, |text| {
                assert!(text.contains(from), "{text}");
                text.replacen(from, to, 1)
            })
        })
    };
    assert_eq!(statement("\"name\":\"", "\"name\":\"x"), wrong);
    assert_eq!(
        statement("\"allow_symlinks\":false", "\"allow_symlinks\":true"),
        wrong
    );
    let form = |text: String, expected: &str| assert!(text.contains(expected), "{text}");
    form(
        statement("signature/v1.0", "signature/v2.0"),
        "the predicate is `https://model_signing/signature/v2.0`",
    );
    form(
        statement("Statement/v1", "Statement/v2"),
        "the statement's type is `https://in-toto.io/Statement/v2`",
    );
    form(
        statement("\"method\":\"files\"", "\"method\":\"shards\""),
        "only `files` is supported",
    );
    form(
        statement("\"name\":\"model.wasm\"", "\"name\":\"../model.wasm\""),
        "expected a path inside the folder",
    );
    form(
        statement("\"digest\":\"", "\"digest\":\"0"),
        "expected 64 hexadecimal digits",
    );
    let bundle = |from: &'static str, to: &'static str| {
        Folder::refused_bundle(|bundle| {
            assert!(bundle.contains(from), "{bundle}");
            bundle.replacen(from, to, 1)
        })
    };
    form(bundle("v0.3+json", "v0.2+json"), "its media type is");
    form(bundle("in-toto+json", "in-toto"), "its payload is");
    form(bundle("\"payload\":\"", "\"payload\":\"*"), "not base64");
    form(bundle("\"sig\":\"", "\"sig\":\"*"), "not base64");
    form(bundle("{\"sig\":\"", "{\"sig\":\"\"},{\"sig\":\""), "2 sig");
    form(
        bundle("\"publicKey\":{", "\"certificate\":{"),
        "only the method `key` is supported",
    );
    form(Folder::refused_bundle(|_| String::new()), "EOF");
}

#[test]
fn a_flipped_bit_anywhere_in_the_signature_or_the_statement_is_found() {
    let folder = Folder::signed();
    let bundle = fs::read_to_string(folder.path(SIGNATURE_FILE)).unwrap();
    let json: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let decoded = |value: &serde_json::Value| STANDARD.decode(value.as_str().unwrap()).unwrap();
    let envelope = &json["dsseEnvelope"];
    let parts = [
        ("payload", decoded(&envelope["payload"])),
        ("sig", decoded(&envelope["signatures"][0]["sig"])),
    ];
    for (part, bytes) in parts {
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            let mut json = json.clone();
            let envelope = &mut json["dsseEnvelope"];
            match part {
                "payload" => envelope["payload"] = STANDARD.encode(altered).into(),
                _ => envelope["signatures"][0]["sig"] = STANDARD.encode(altered).into(),
            }
            let parsed = Bundle::parse(json.to_string().as_bytes());
            let verified = parsed.and_then(|bundle| bundle.verify(&folder.trusted));
            assert!(verified.is_err(), "byte {at} of the {part}");
        }
    }
}

#[test]
fn the_reference_implementations_bundle_is_accepted() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("model.wasm"), b"\0asm").unwrap();
    fs::write(folder.path().join(SIGNATURE_FILE), THEIRS).unwrap();
    let trusted = TrustedKeys::one("theirs", PublicKey::from_pem(THEIR_KEY).unwrap());
    check(folder.path(), &trusted).unwrap();
    fs::write(folder.path().join("model.wasm"), b"\0asn").unwrap();
    check(folder.path(), &trusted).unwrap_err();
}

#[test]
fn keys_are_read_as_they_were_written() {
    let (pem, key) = SigningKey::generate().unwrap();
    let again = SigningKey::from_pem(&pem).unwrap();
    assert_eq!(again.public(), key.public());
    let public = PublicKey::from_pem(key.public().to_pem()).unwrap();
    assert_eq!(&public, key.public());
    assert!(!format!("{key:?}").contains(pem.lines().nth(1).unwrap()));

    let refused = |text: &str| SigningKey::from_pem(text).unwrap_err().to_string();
    let labelled = |label: &str| pem.replace("PRIVATE KEY", label);
    assert!(refused(public.to_pem()).contains("expected the private one"));
    assert!(refused(&labelled("EC PRIVATE KEY")).contains("openssl pkcs8 -topk8"));
    assert!(refused(&labelled("ENCRYPTED PRIVATE KEY")).contains("decrypt it"));
    assert!(refused("").contains("underwrite keygen"));
    assert!(
        refused("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").contains("P-256")
    );
    let refused = |text: &str| PublicKey::from_pem(text).unwrap_err().to_string();
    assert!(refused(&pem).contains("keep the private key"));
    assert!(refused(&labelled("PUBLIC KEY")).contains("on P-256"));
}

#[test]
fn a_folder_of_keys_names_each_and_refuses_what_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let empty = TrustedKeys::from_folder(folder.path()).unwrap_err();
    assert!(empty.to_string().contains("has no public key (*.pem)"));
    let signed = Folder::signed();
    let (_, key) = SigningKey::generate().unwrap();
    fs::write(folder.path().join("audit.pub.pem"), key.public().to_pem()).unwrap();
    fs::write(folder.path().join("README.md"), "our keys").unwrap();
    let trusted = TrustedKeys::from_folder(folder.path()).unwrap();
    let error = check(signed.folder.path(), &trusted).unwrap_err();
    assert!(
        error.to_string().ends_with("trusted ones (audit)"),
        "{error}"
    );
    fs::write(folder.path().join("bad.pem"), "").unwrap();
    let error = TrustedKeys::from_folder(folder.path()).unwrap_err();
    assert!(error.to_string().contains("bad.pem: expected a PEM file"));
}

#[test]
fn a_file_is_handed_out_only_as_it_was_named() {
    let found = |change: &dyn Fn(&Folder), name: &str| {
        let folder = Folder::signed();
        change(&folder);
        let bundle = Bundle::parse(&fs::read(folder.path(SIGNATURE_FILE)).unwrap()).unwrap();
        let file = bundle.file(folder.folder.path(), name);
        file.map(|path| fs::read_to_string(path).unwrap())
            .map_err(|error| error.to_string())
    };
    let card = "reports/card.md";
    // Another file in the folder is nothing to it.
    let add = |folder: &Folder| fs::write(folder.path("other"), "x").unwrap();
    assert_eq!(found(&add, card).unwrap(), "a card");
    let refused = |change: &dyn Fn(&Folder), name: &str, expect: &str| {
        let error = found(change, name).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    refused(&add, "other", "other was not signed");
    let alter = |folder: &Folder| fs::write(folder.path(card), "a lie").unwrap();
    refused(&alter, card, "reports/card.md was altered");
    let remove = |folder: &Folder| fs::remove_file(folder.path(card)).unwrap();
    refused(&remove, card, "reports/card.md is missing");
    let replace = |folder: &Folder| {
        remove(folder);
        fs::create_dir(folder.path(card)).unwrap();
    };
    refused(&replace, card, "reports/card.md is not a file");
}

#[cfg(unix)]
#[test]
fn a_file_behind_a_link_is_not_handed_out() {
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("card.md"), "a card").unwrap();
    let check = |link: &str, to: std::path::PathBuf, remove: &dyn Fn(&Folder)| {
        let folder = Folder::signed();
        remove(&folder);
        std::os::unix::fs::symlink(to, folder.path(link)).unwrap();
        let bundle = Bundle::parse(&fs::read(folder.path(SIGNATURE_FILE)).unwrap()).unwrap();
        let error = bundle.file(folder.folder.path(), "reports/card.md");
        // The content would be the same.
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("reports/card.md is a symbolic link"),
            "{error}"
        );
    };
    check(
        "reports/card.md",
        elsewhere.path().join("card.md"),
        &|folder| fs::remove_file(folder.path("reports/card.md")).unwrap(),
    );
    check("reports", elsewhere.path().to_owned(), &|folder| {
        fs::remove_dir_all(folder.path("reports")).unwrap();
    });
}

/// A folder with these files, signed, and its bundle.
fn bundle_of(files: &[(&str, &str)]) -> (TempDir, Bundle) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let (_, key) = SigningKey::generate().unwrap();
    let bundle = sign_folder(folder.path(), &key).unwrap();
    fs::write(folder.path().join(SIGNATURE_FILE), &bundle).unwrap();
    (folder, Bundle::parse(bundle.as_bytes()).unwrap())
}

/// What a write leaves when it breaks off, under names of its caller's choice.
fn is_left(name: &str) -> bool {
    name.starts_with(".left")
}

/// Whoever made a bundle chose the names in it: they replace nothing of somebody else's.
#[test]
fn what_a_bundle_names_goes_into_a_folder_of_its_own() {
    const MODEL: &str = "model.wasm";
    let (here, new) = bundle_of(&[(MODEL, "new"), ("README.md", "new"), ("reports/a.md", "a")]);
    let (old, _) = bundle_of(&[(MODEL, "old"), ("README.md", "old"), ("reports/a.md", "a")]);
    let fits = |folder: &Path| {
        let found = new.check_target(folder, MODEL, is_left);
        found.map_err(|error| error.to_string())
    };
    let refused = |folder: &Path, expect: &str| {
        let error = fits(folder).unwrap_err();
        assert!(error.contains(expect), "{error}");
    };
    let empty = tempfile::tempdir().unwrap();
    fits(&empty.path().join("new")).unwrap();
    fits(empty.path()).unwrap();
    // What it names itself, an earlier version, and what is never signed.
    fits(here.path()).unwrap();
    fs::create_dir(old.path().join(".git")).unwrap();
    fits(old.path()).unwrap();
    fs::write(old.path().join("README.md"), "mine").unwrap();
    refused(old.path(), "README.md was changed by somebody else");
    fs::write(old.path().join("README.md"), "old").unwrap();
    fs::write(old.path().join("notes.txt"), "mine").unwrap();
    refused(
        old.path(),
        "notes.txt exists, and what is signed goes into a folder of its own",
    );

    // A project, whose files nobody signed.
    let project = tempfile::tempdir().unwrap();
    fs::write(project.path().join("train.csv"), "mine").unwrap();
    refused(project.path(), "train.csv exists");

    for (name, expect) in [
        (".envrc", "it names the hidden file .envrc"),
        ("a/.ssh/config", "it names the hidden file a/.ssh/config"),
        ("a\u{1b}[2Jb", "with a control character"),
    ] {
        let (_, hidden) = bundle_of(&[(MODEL, "new"), (name, "x")]);
        let error = hidden
            .check_target(empty.path(), MODEL, is_left)
            .unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    }
}

/// Where such a file stayed, the new signature would not hold.
#[test]
fn no_file_stays_that_the_new_signature_does_not_cover() {
    const MODEL: &str = "model.wasm";
    let (old, same) = bundle_of(&[(MODEL, "old"), ("README.md", "a"), ("reports/a.md", "a")]);
    let (_, fewer) = bundle_of(&[(MODEL, "new"), ("README.md", "b")]);
    let (_, alone) = bundle_of(&[(MODEL, "new")]);
    let refused = |bundle: &Bundle, expect: &str| {
        let error = bundle.check_target(old.path(), MODEL, is_left).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    refused(&fewer, "a.md is of an earlier version alone");
    refused(&alone, "README.md is of an earlier version alone");
    let mine = old.path().join("reports/mine.md");
    fs::write(&mine, "mine").unwrap();
    refused(&same, "mine.md exists");
    fs::remove_file(mine).unwrap();
    same.check_target(old.path(), MODEL, is_left).unwrap();
    fs::remove_file(old.path().join("reports/a.md")).unwrap();
    fewer.check_target(old.path(), MODEL, is_left).unwrap();

    // Whatever a model that is signed alone may go beside, its signature holds there.
    for (beside, fits) in [
        (&[][..], true),
        (&[MODEL, SIGNATURE_FILE, ".git/config"], true),
        (&["notes.md"], false),
        (&[MODEL, "reports/mine.md"], false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for name in beside {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "mine").unwrap();
        }
        let found = alone.check_target(folder.path(), MODEL, is_left);
        let as_expected = match &found {
            Ok(_) => fits,
            Err(error) => !fits && matches!(error, SigningError::Occupied(_)),
        };
        assert!(as_expected, "{beside:?}: {found:?}");
    }
}

/// It is told by the signatures that are there: the folder's own, that of the write, and the new one.
#[test]
fn what_a_write_left_that_broke_off_is_in_nobodys_way() {
    const MODEL: &str = "model.wasm";
    let (old, _) = bundle_of(&[(MODEL, "1"), ("README.md", "1"), ("reports/a.md", "1")]);
    let names = [(MODEL, "2"), ("README.md", "2"), ("reports/a.md", "2")];
    let (broken, _) = bundle_of(&[&names[..], &[("new/b.md", "2")]].concat());
    let (_, new) = bundle_of(&[(MODEL, "3"), ("README.md", "3"), ("reports/a.md", "3")]);
    let path = |name: &str| old.path().join(name);
    fs::copy(broken.path().join("README.md"), path("README.md")).unwrap();
    fs::create_dir_all(path("new/newer")).unwrap();
    for name in [".left1", "reports/.left2", "new/newer/.left3"] {
        fs::write(path(name), "half").unwrap();
    }
    let refused = |expect: &str| {
        let error = new.check_target(old.path(), MODEL, is_left).unwrap_err();
        assert!(error.to_string().contains(expect), "{error}");
    };
    refused("README.md was changed by somebody else");
    fs::copy(broken.path().join(SIGNATURE_FILE), path(".left4")).unwrap();
    let left = new.check_target(old.path(), MODEL, is_left).unwrap();
    let expect = [".left1", "new/newer/.left3", "reports/.left2"].map(path);
    assert_eq!(left.files, expect);
    assert_eq!(left.signatures, [path(".left4")]);
    fs::write(path("new/mine.md"), "mine").unwrap();
    refused("new");
    // Of the first version that came there, nothing but its files may be there.
    let fresh = tempfile::tempdir().unwrap();
    fs::write(fresh.path().join("README.md"), "3").unwrap();
    fs::create_dir(fresh.path().join("reports")).unwrap();
    new.check_target(fresh.path(), MODEL, is_left).unwrap();
    fs::write(fresh.path().join("README.md"), "mine").unwrap();
    let error = new.check_target(fresh.path(), MODEL, is_left).unwrap_err();
    assert!(error.to_string().contains("README.md exists"), "{error}");
}

#[cfg(unix)]
#[test]
fn what_a_bundle_names_goes_through_no_link() {
    let (folder, _) = bundle_of(&[("model.wasm", "old"), ("reports/a.md", "a")]);
    let (_, new) = bundle_of(&[
        ("model.wasm", "new"),
        ("reports/a.md", "b"),
        ("reports/b.md", "b"),
    ]);
    new.check_target(folder.path(), "model.wasm", is_left)
        .unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::remove_dir_all(folder.path().join("reports")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("reports")).unwrap();
    let error = new
        .check_target(folder.path(), "model.wasm", is_left)
        .unwrap_err();
    assert!(
        error.to_string().contains("reports is a symbolic link"),
        "{error}"
    );
}
