//! `underwrite keygen`, `sign`, `verify --key` and `serve --trusted-keys`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]

mod common;
#[path = "../../model-hub/tests/common/mod.rs"]
mod services;

use std::fs;
use std::process::Command;

use common::serving::Serving;
use common::{Folder, points_model, train_points};
use services::hub_service;

const VERSION: &str = "models/points-approval/1.0.0";

/// A folder with a model in a folder of its own, a key for it and another key.
fn folder() -> Folder {
    let folder = Folder::new(&[]);
    fs::create_dir_all(folder.path(VERSION)).unwrap();
    fs::create_dir(folder.path("keys")).unwrap();
    fs::write(folder.path(VERSION).join("model.wasm"), points_model()).unwrap();
    folder.succeed("keygen --out risk.pem --public keys/risk.pub.pem");
    folder.succeed("keygen --out other.pem");
    folder
}

fn signed() -> Folder {
    let folder = folder();
    let said = folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    assert!(said.contains("signed  model.wasm sha256:"), "{said}");
    folder
}

fn serve(folder: &Folder) -> Serving {
    let flags = "serve --models models --trusted-keys keys --admin-key chief";
    Serving::start(folder.command().args(flags.split(' ')))
}

fn ask(serving: &Serving, method: &str, path: &str) -> String {
    let head = "host: x\r\nx-api-key: chief\r\ncontent-length: 0\r\nconnection: close";
    serving.ask(&format!("{method} {path} HTTP/1.1\r\n{head}\r\n\r\n"))
}

fn reload(serving: &Serving) -> String {
    ask(serving, "POST", "/models/points-approval/reload")
}

#[test]
fn a_key_is_written_once_and_for_its_owner_alone() {
    let folder = Folder::new(&[]);
    let said = folder.succeed("keygen --out k.pem");
    assert!(said.contains("public key   k.pub.pem"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path("k.pem")).unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }
    let before = folder.read("k.pem");
    let error = folder.fail("keygen --out k.pem --public p.pem");
    assert!(error.contains("a key is never overwritten"), "{error}");
    assert_eq!(folder.read("k.pem"), before);
    assert_eq!(folder.names(), ["k.pem", "k.pub.pem"]);
}

#[test]
fn a_signed_folder_is_verified_by_its_key_and_no_other() {
    let folder = signed();
    let verify = |key: &str| format!("verify {VERSION}/model.wasm --key {key}");
    let said = folder.succeed(&verify("keys/risk.pub.pem"));
    assert!(said.contains("  signature   by the key "), "{said}");
    assert!(said.contains("of 1 file, all as they were"), "{said}");
    let error = folder.fail(&verify("other.pub.pem"));
    assert!(
        error.contains("which is not among the trusted ones (other)"),
        "{error}"
    );
    let error = folder.fail(&verify("risk.pem"));
    assert!(error.contains("risk.pem: a private key"), "{error}");
    fs::write(folder.path(VERSION).join("notes.txt"), "").unwrap();
    let error = folder.fail(&verify("keys/risk.pub.pem"));
    assert!(
        error.contains("the signature does not hold: notes.txt was not signed"),
        "{error}"
    );
    fs::remove_file(folder.path(VERSION).join("model.sig")).unwrap();
    let error = folder.fail(&verify("keys/risk.pub.pem"));
    assert!(
        error.contains("it is not signed: there is no model.sig"),
        "{error}"
    );
    // Without a key a signature is not asked for.
    folder.succeed(&format!("verify {VERSION}/model.wasm"));
}

#[test]
fn what_is_no_version_or_no_key_is_not_signed() {
    let folder = folder();
    let error = folder.fail(&format!("sign {VERSION}/model.wasm --key risk.pem"));
    assert!(
        error.contains("is not a folder: name the folder"),
        "{error}"
    );
    let error = folder.fail("sign models --key risk.pem");
    assert!(error.contains("cannot read models/model.wasm"), "{error}");
    let error = folder.fail(&format!("sign {VERSION} --key other.pub.pem"));
    assert!(
        error.contains("not a usable key: other.pub.pem: a public key"),
        "{error}"
    );
    let endless = fs::File::create(folder.path("endless.pem")).unwrap();
    endless.set_len(8 << 30).unwrap();
    let error = folder.fail(&format!("sign {VERSION} --key endless.pem"));
    assert!(
        error.contains("cannot read endless.pem: it is longer than 64 KiB"),
        "{error}"
    );
    let mut damaged = points_model().to_vec();
    damaged[1000] ^= 1;
    fs::write(folder.path(VERSION).join("model.wasm"), damaged).unwrap();
    folder.fail(&format!("sign {VERSION} --key risk.pem"));
    assert!(!folder.path(VERSION).join("model.sig").exists());
}

#[test]
fn a_server_takes_what_trusted_keys_signed_and_says_who() {
    let folder = signed();
    let serving = serve(&folder);
    let models = ask(&serving, "GET", "/models");
    assert!(models.contains(r#""signed_by":{"key":""#), "{models}");
    assert!(models.contains(r#""name":"risk""#), "{models}");
    let metrics = ask(&serving, "GET", "/metrics");
    assert!(metrics.contains(r#"signer="risk"} 1"#), "{metrics}");
}

#[test]
fn a_reload_refuses_what_is_unsigned_or_altered_and_keeps_the_old_one() {
    let folder = signed();
    let serving = serve(&folder);
    let signature = folder.path(VERSION).join("model.sig");
    let bytes = fs::read(&signature).unwrap();
    let refused = |expect: &str| {
        let answer = reload(&serving);
        assert!(answer.contains(expect), "{answer}");
        assert!(answer.contains(r#""serving":"1.0.0""#), "{answer}");
    };
    fs::remove_file(&signature).unwrap();
    refused("it is not signed");
    fs::write(folder.path(VERSION).join("extra"), "").unwrap();
    fs::write(&signature, &bytes).unwrap();
    refused("extra was not signed");
    fs::remove_file(folder.path(VERSION).join("extra")).unwrap();
    let answer = reload(&serving);
    assert!(answer.contains(r#""refused":[]"#), "{answer}");

    // Another model under the old signature, then signed by somebody else, then as it should be.
    folder.succeed(&format!("{} --seed 7", train_points("other.wasm")));
    let model = folder.path(VERSION).join("model.wasm");
    fs::copy(folder.path("other.wasm"), &model).unwrap();
    refused("model.wasm was altered");
    folder.succeed(&format!("sign {VERSION} --key other.pem"));
    refused("not among the trusted ones (risk)");
    // A new key is trusted without a restart.
    fs::copy(
        folder.path("other.pub.pem"),
        folder.path("keys/other.pub.pem"),
    )
    .unwrap();
    let answer = reload(&serving);
    assert!(answer.contains(r#""loaded":["1.0.0"]"#), "{answer}");
    let models = ask(&serving, "GET", "/models");
    assert!(models.contains(r#""name":"other""#), "{models}");
    // The same model signed by the first key again: who signed is brought up to date.
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    let answer = reload(&serving);
    assert!(answer.contains(r#""loaded":["1.0.0"]"#), "{answer}");
    let models = ask(&serving, "GET", "/models");
    assert!(models.contains(r#""name":"risk""#), "{models}");
}

/// A named pipe as a signature hung every reload from then on; a long file took its length in
/// memory.
#[cfg(unix)]
#[test]
fn a_signature_that_is_no_short_file_is_refused_at_once() {
    let folder = signed();
    let serving = serve(&folder);
    let other = folder.path("models/points-approval/1.0.0+b");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("model.wasm"), points_model()).unwrap();
    let signature = other.join("model.sig");
    let made = std::process::Command::new("mkfifo")
        .arg(&signature)
        .status();
    assert!(made.unwrap().success());
    let answer = reload(&serving);
    assert!(answer.contains("it is not a regular file"), "{answer}");
    fs::remove_file(&signature).unwrap();
    let long = fs::File::create(&signature).unwrap();
    long.set_len(64 << 30).unwrap();
    let answer = reload(&serving);
    assert!(answer.contains("it is longer than 4 MiB"), "{answer}");
    // What is good is taken as before.
    fs::remove_file(&signature).unwrap();
    folder.succeed("sign models/points-approval/1.0.0+b --key risk.pem");
    let answer = reload(&serving);
    assert!(answer.contains(r#""serving":"1.0.0+b""#), "{answer}");
}

#[test]
fn a_server_does_not_start_with_an_unsigned_file_or_without_keys() {
    let folder = folder();
    let start = |keys: &str| {
        let model = format!("{VERSION}/model.wasm");
        let output = folder.run(&format!(
            "serve --port 0 --model {model} --trusted-keys {keys}"
        ));
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap()
    };
    let error = start("keys");
    assert!(
        error.contains("it is not signed: there is no model.sig"),
        "{error}"
    );
    let error = start("models");
    assert!(
        error.contains("trusted-keys is models: not a usable key: models has no public key"),
        "{error}"
    );
    let error = start("absent");
    assert!(
        error.contains("trusted-keys is absent: cannot read absent"),
        "{error}"
    );
}

#[test]
fn a_new_policy_ends_a_signature_and_the_command_says_so() {
    let folder = signed();
    let policy = "[policy]\nversion = \"1\"\nrefer = [0.4, 0.6]\n";
    fs::write(folder.path("policy.toml"), policy).unwrap();
    let model = format!("{VERSION}/model.wasm");
    let apply = format!("policy apply {model} --policy policy.toml --out {model}");
    let said = folder.warnings(&apply);
    assert!(
        said.contains("model.sig no longer holds: sign the folder again"),
        "{said}"
    );
    folder.fail(&format!("verify {model} --key keys/risk.pub.pem"));
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    folder.succeed(&format!("verify {model} --key keys/risk.pub.pem"));
}

/// Whoever gets a signed folder gets its files, and `publish` sends them.
#[test]
fn a_key_in_the_folder_signs_nothing() {
    let folder = folder();
    let key = format!("{VERSION}/risk.pem");
    fs::copy(folder.path("risk.pem"), folder.path(&key)).unwrap();
    for key in [key, format!("{VERSION}/../1.0.0/risk.pem")] {
        let error = folder.fail(&format!("sign {VERSION} --key {key}"));
        assert!(
            error.contains("lies in the folder that it signs"),
            "{error}"
        );
    }
    // A copy is as secret as the file that --key names.
    let error = folder.fail(&format!("sign {VERSION} --key risk.pem"));
    assert!(error.contains("risk.pem has a private key"), "{error}");
    assert!(!folder.path(VERSION).join("model.sig").exists());
}

#[cfg(unix)]
#[test]
fn what_a_signature_names_is_published_only_as_it_was_signed() {
    let service = hub_service::Service::start();
    let folder = folder();
    let notes = folder.path(VERSION).join("notes.txt");
    fs::write(&notes, "notes").unwrap();
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    let refused = |expect: &str| {
        let mut command = folder.command();
        let command = command.env("HF_ENDPOINT", &service.address);
        let command = command.env("HF_TOKEN", hub_service::TOKEN);
        let args = format!("publish {VERSION}/model.wasm --repo acme/points");
        let output = command.args(args.split(' ')).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(expect), "{error}");
    };
    fs::write(&notes, "other notes").unwrap();
    refused("notes.txt was altered");
    // What a link leads to is not what was signed, even where it is the same.
    fs::remove_file(&notes).unwrap();
    fs::write(folder.path("secret"), "notes").unwrap();
    std::os::unix::fs::symlink(folder.path("secret"), &notes).unwrap();
    refused("notes.txt is a symbolic link");
    assert!(service.kept().repos.is_empty());
}

#[test]
fn what_a_signature_covers_is_published_once() {
    let service = hub_service::Service::start();
    let folder = folder();
    let write = |name: &str, text: &str| {
        let path = folder.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(&format!("{VERSION}/README.md"), "# A card\n");
    write(&format!("{VERSION}/reports/x.html"), "<p>signed");
    // As publish once made it, of an earlier version.
    write(&format!("{VERSION}/description.json"), "{}");
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    write("card.md", "# Another card\n");
    write("a/x.html", "<p>another");
    write("b/x.html", "<p>signed");
    let publish = |flags: &str| {
        let mut command = folder.command();
        let command = command.env("HF_ENDPOINT", &service.address);
        let command = command.env("HF_TOKEN", hub_service::TOKEN);
        let args = format!("publish {VERSION}/model.wasm --repo acme/points {flags}");
        let output = command.args(args.split_whitespace()).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), error)
    };
    for (flags, flag, name) in [
        ("--card card.md", "--card", "README.md"),
        (
            "--report b/x.html --report a/x.html",
            "--report",
            "reports/x.html",
        ),
    ] {
        let (code, error) = publish(flags);
        assert_eq!(code, Some(2), "{error}");
        let expected = format!("{name} is covered by the signature {VERSION}/model.sig");
        assert!(error.contains(&expected), "{error}");
        assert!(error.contains(&format!("or leave out {flag}")), "{error}");
    }
    assert!(service.kept().repos.is_empty());
    // The same content is what was signed.
    let (code, error) = publish("--report b/x.html");
    assert_eq!(code, Some(0), "{error}");
    assert!(
        error.contains("description.json is published as it was signed"),
        "{error}"
    );
    let mut command = folder.command();
    let command = command.env("HF_ENDPOINT", &service.address);
    let args = "pull acme/points --out pulled/model.wasm --cache cache";
    let output = command.args(args.split(' ')).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(folder.text("pulled/description.json"), "{}");
    folder.succeed("verify pulled/model.wasm --key keys/risk.pub.pem");
}

#[test]
fn no_settings_are_pulled() {
    for name in ["underwrite.toml", "reports/Underwrite.toml"] {
        let service = hub_service::Service::start();
        let folder = folder();
        let settings = folder.path(VERSION).join(name);
        fs::create_dir_all(settings.parent().unwrap()).unwrap();
        fs::write(settings, "").unwrap();
        folder.succeed(&format!("sign {VERSION} --key risk.pem"));
        let hub = |args: &str| {
            let mut command = folder.command();
            let command = command.env("HF_ENDPOINT", &service.address);
            let command = command.env("HF_TOKEN", hub_service::TOKEN);
            let output = command.args(args.split(' ')).output().unwrap();
            let error = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), error)
        };
        let published = hub(&format!("publish {VERSION}/model.wasm --repo acme/points"));
        assert_eq!(published.0, Some(0), "{}", published.1);
        let (code, error) = hub("pull acme/points --out pulled/model.wasm --cache cache");
        assert_eq!(code, Some(2), "{error}");
        assert!(error.contains("whose settings would be used"), "{error}");
        assert!(!folder.path("pulled/model.wasm").exists());
    }
}

/// A project's folder, where the signature of the model alone could not hold.
#[test]
fn a_model_that_is_signed_alone_is_pulled_without_a_signature_beside_other_files() {
    let service = hub_service::Service::start();
    let folder = signed();
    let hub = |args: &str| {
        let mut command = folder.command();
        let command = command.env("HF_ENDPOINT", &service.address);
        let command = command.env("HF_TOKEN", hub_service::TOKEN);
        let output = command.args(args.split(' ')).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args}: {stderr}");
        stderr
    };
    hub(&format!("publish {VERSION}/model.wasm --repo acme/points"));
    // What a command left that was killed is none of them.
    fs::create_dir(folder.path("alone")).unwrap();
    fs::write(folder.path("alone/.underwrite-a1B2c3"), "half").unwrap();
    hub("pull acme/points --out alone/model.wasm --cache cache");
    folder.succeed("verify alone/model.wasm --key keys/risk.pub.pem");
    fs::create_dir(folder.path("project")).unwrap();
    fs::write(folder.path("project/notes.md"), "mine").unwrap();
    let said = hub("pull acme/points --out project/model.wasm --cache cache");
    assert!(
        said.contains("would not hold and was not written"),
        "{said}"
    );
    assert!(said.contains("notes.md exists"), "{said}");
    assert!(!folder.path("project/model.sig").exists());
    assert_eq!(
        folder.read("project/model.wasm"),
        folder.read("alone/model.wasm")
    );
}

/// The Hub of a version that is signed with other files.
struct SignedHub {
    folder: Folder,
    service: hub_service::Service,
    /// The length of `z.bin` in bytes.
    z: usize,
}

impl SignedHub {
    const FILES: [&str; 3] = ["README.md", "reports/e.json", "z.bin"];

    fn new(z: usize) -> Self {
        let (folder, service) = (folder(), hub_service::Service::start());
        fs::create_dir(folder.path(VERSION).join("reports")).unwrap();
        Self { folder, service, z }
    }

    fn command(&self, args: &str) -> Command {
        let mut command = self.folder.command();
        command
            .env("HF_ENDPOINT", &self.service.address)
            .env("HF_TOKEN", hub_service::TOKEN)
            .args(args.split(' '));
        command
    }

    fn run(&self, args: &str) {
        let output = self.command(args).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args}: {stderr}");
    }

    /// Publishes a version whose files say so, and pulls it into a folder of its name.
    fn publish(&self, version: &str) {
        for name in Self::FILES {
            fs::write(self.folder.path(VERSION).join(name), version).unwrap();
        }
        fs::write(self.folder.path(VERSION).join("z.bin"), self.z(version)).unwrap();
        self.folder
            .succeed(&format!("sign {VERSION} --key risk.pem"));
        self.run(&format!("publish {VERSION}/model.wasm --repo acme/points"));
        self.pull(version);
    }

    fn z(&self, version: &str) -> String {
        version.repeat(self.z)
    }

    /// Pulls the version that was published last.
    fn pull(&self, to: &str) {
        self.run(&pull(to));
        let verify = format!("verify {to}/model.wasm --key keys/risk.pub.pem");
        self.folder.succeed(&verify);
    }

    /// Copies a pulled version's file.
    fn copy(&self, from: &str, to: &str) {
        let to = self.folder.path(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(self.folder.path(from), to).unwrap();
    }
}

fn pull(to: &str) -> String {
    format!("pull acme/points --out {to}/model.wasm --cache cache")
}

#[cfg(unix)]
#[test]
fn a_pull_replaces_nothing_before_all_is_written() {
    let hub = SignedHub::new(4 * points_model().len());
    hub.publish("1");
    hub.pull("here");
    hub.publish("2");
    // A file that is longer than the limit ends the program where it stands.
    let blocks = points_model().len().div_ceil(512) + 1;
    let pull = hub.command(&pull("here"));
    let mut shell = Command::new("sh");
    let script = format!("ulimit -c 0; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(pull.get_program());
    shell.args(pull.get_args());
    shell.current_dir(hub.folder.path(""));
    shell.envs(
        pull.get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let output = shell.output().unwrap();
    assert!(!output.status.success(), "{output:?}");
    for name in [
        "model.wasm",
        "model.sig",
        "README.md",
        "reports/e.json",
        "z.bin",
    ] {
        let [here, old] =
            ["here", "1"].map(|version| hub.folder.read(&format!("{version}/{name}")));
        assert!(here == old, "{name}");
    }
    hub.pull("here");
    assert_eq!(hub.folder.text("here/z.bin"), hub.z("2"));
}

/// Also by one of a later version, which knows nothing of the one that broke off.
#[test]
fn a_pull_that_broke_off_is_completed_by_the_next_one() {
    let hub = SignedHub::new(1);
    hub.publish("1");
    hub.publish("2");
    // So many files were replaced; the signature is the last one.
    let broken = |replaced: usize| {
        let _ = fs::remove_dir_all(hub.folder.path("here"));
        for (index, name) in SignedHub::FILES.into_iter().enumerate() {
            let version = if index < replaced { "2" } else { "1" };
            hub.copy(&format!("{version}/{name}"), &format!("here/{name}"));
        }
        hub.copy("1/model.wasm", "here/model.wasm");
        hub.copy("1/model.sig", "here/model.sig");
        hub.copy("2/model.sig", "here/.underwrite-0123ab.sig");
        hub.copy("2/README.md", "here/.underwrite-a1B2c3");
        hub.copy("2/README.md", "here/reports/.underwrite-d4E5f6");
    };
    broken(0);
    hub.pull("here");
    assert_eq!(hub.folder.text("here/z.bin"), hub.z("2"));
    // The first version that came there.
    fs::remove_dir_all(hub.folder.path("here")).unwrap();
    hub.copy("2/README.md", "here/README.md");
    hub.copy("2/README.md", "here/reports/.underwrite-d4E5f6");
    hub.pull("here");
    hub.publish("3");
    broken(SignedHub::FILES.len());
    hub.pull("here");
    assert_eq!(hub.folder.text("here/z.bin"), hub.z("3"));
    // What somebody else changed is none of these.
    broken(1);
    fs::write(hub.folder.path("here/README.md"), "mine").unwrap();
    let output = hub.command(&pull("here")).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(
        error.contains("README.md was changed by somebody else"),
        "{error}"
    );
    assert_eq!(hub.folder.text("here/z.bin"), hub.z("1"));
}

#[test]
fn a_signature_goes_to_the_hub_and_comes_back() {
    let service = hub_service::Service::start();
    let folder = signed();
    fs::write(folder.path(VERSION).join("README.md"), "# A card\n").unwrap();
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    let hub = |args: &str| {
        let mut command = folder.command();
        let command = command.env("HF_ENDPOINT", &service.address);
        let command = command.env("HF_TOKEN", hub_service::TOKEN);
        let output = command.args(args.split(' ')).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args}: {stderr}");
        stderr
    };
    hub(&format!("publish {VERSION}/model.wasm --repo acme/points"));
    hub("pull acme/points --out pulled/model.wasm --cache cache");
    folder.succeed("verify pulled/model.wasm --key keys/risk.pub.pem");
    // What came with a version is replaced by that of the next one, and nothing else is.
    fs::write(folder.path(VERSION).join("README.md"), "# Another card\n").unwrap();
    folder.succeed(&format!("sign {VERSION} --key risk.pem"));
    hub(&format!("publish {VERSION}/model.wasm --repo acme/points"));
    hub("pull acme/points --out pulled/model.wasm --cache cache");
    assert_eq!(folder.text("pulled/README.md"), "# Another card\n");
    folder.succeed("verify pulled/model.wasm --key keys/risk.pub.pem");
    fs::create_dir(folder.path("mine")).unwrap();
    fs::write(folder.path("mine/README.md"), "# My notes\n").unwrap();
    let mut command = folder.command();
    let command = command.env("HF_ENDPOINT", &service.address);
    let args = "pull acme/points --out mine/model.wasm --cache cache";
    let output = command.args(args.split(' ')).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("mine/README.md exists"), "{error}");
    assert_eq!(folder.text("mine/README.md"), "# My notes\n");
    assert!(!folder.path("mine/model.wasm").exists());
    // Under another name the signature cannot hold, and replaces no other one.
    fs::create_dir(folder.path("renamed")).unwrap();
    fs::write(folder.path("renamed/model.sig"), "another").unwrap();
    let said = hub("pull acme/points --out renamed/new.wasm --cache cache");
    assert!(said.contains("its signature was not written"), "{said}");
    assert_eq!(folder.text("renamed/model.sig"), "another");
    assert_eq!(
        folder.read("renamed/new.wasm"),
        folder.read("pulled/model.wasm")
    );
    // Of an unsigned model nothing comes along, and an older signature is told.
    folder.succeed(&format!("{} --seed 7", train_points("other.wasm")));
    hub("publish other.wasm --repo acme/unsigned");
    let said = hub("pull acme/unsigned --out pulled/model.wasm --cache cache");
    assert!(said.contains("model.sig no longer holds"), "{said}");
    // What does not hold is not published.
    fs::copy(
        folder.path("other.wasm"),
        folder.path(VERSION).join("model.wasm"),
    )
    .unwrap();
    let mut command = folder.command();
    let args = format!("publish {VERSION}/model.wasm --repo acme/points");
    let command = command.env("HF_ENDPOINT", &service.address);
    let output = command.args(args.split(' ')).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("sign the folder again, or remove it"),
        "{error}"
    );

    // A server fetches the signature along with the model.
    let serve = |repo: &str| {
        let mut command = folder.command();
        command
            .env("HF_ENDPOINT", &service.address)
            .env("HF_TOKEN", hub_service::TOKEN)
            .args(["serve", "--from-hub", repo, "--trusted-keys", "keys"])
            .args(["--hub-cache", "cache"]);
        command
    };
    drop(Serving::start(&mut serve("acme/points")));
    let mut unsigned = serve("acme/unsigned");
    let output = unsigned.args(["--port", "0"]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains("it is not signed"), "{error}");
}
