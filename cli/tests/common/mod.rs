//! The real program, run on files in a folder of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail"
)]
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod serving;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_train::pack::pack;
use model_train::unpack::{Unpacked, unpack};
use tempfile::TempDir;

/// A file of the project's `data` folder.
pub(crate) fn data(name: &str) -> String {
    format!("{}/../data/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A folder with files, in which the program runs.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, bytes) in files {
            std::fs::write(folder.path(name), bytes).unwrap();
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_underwrite"));
        command.current_dir(self.0.path());
        command
    }

    /// Runs the program with arguments separated by white space.
    pub(crate) fn run(&self, args: &str) -> Output {
        self.command()
            .args(args.split_whitespace())
            .output()
            .unwrap()
    }

    /// The same with a text on standard input.
    pub(crate) fn pipe(&self, args: &str, input: &[u8]) -> Output {
        let mut child = self
            .command()
            .args(args.split_whitespace())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs the program, which must succeed, and answers what it printed.
    pub(crate) fn succeed(&self, args: &str) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{args}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs the program, which must succeed, and answers what it warned about.
    pub(crate) fn warnings(&self, args: &str) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{args}: {stderr}");
        stderr
    }

    /// Runs the program, which must fail with one line on standard error, nothing on standard
    /// output and exit code 2; answers the line.
    pub(crate) fn fail(&self, args: &str) -> String {
        let output = self.run(args);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{args}: {stderr}");
        assert_eq!(stderr.lines().count(), 1, "{args}: {stderr}");
        assert!(output.stdout.is_empty(), "{args}");
        stderr
            .trim_end()
            .strip_prefix("error: ")
            .unwrap()
            .to_owned()
    }
}

/// A small model of `points_sample.csv`, trained once.
pub(crate) fn points_model() -> &'static [u8] {
    static MODEL: OnceLock<Vec<u8>> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = Folder::new(&[]);
        folder.succeed(&train_points("model.wasm"));
        folder.read("model.wasm")
    })
}

/// [`points_model`] with its artifact changed and packed again.
pub(crate) fn changed_points_model(change: impl FnOnce(&mut Artifact)) -> Vec<u8> {
    let Unpacked { engine, glue, .. } = unpack(points_model()).unwrap();
    let mut artifact =
        Artifact::decode(ModelFile::open(points_model()).unwrap().artifact()).unwrap();
    change(&mut artifact);
    pack(&engine, &glue, &artifact.encode().unwrap()).unwrap()
}

/// The command that trains [`points_model`].
pub(crate) fn train_points(out: &str) -> String {
    format!(
        "train --data {} --schema {} --out {out} --model logistic_regression",
        data("points_sample.csv"),
        data("points.toml")
    )
}

/// Checks that an HTML page is well formed and loads nothing; answers the ids of its sections.
pub(crate) fn check_page(html: &str) -> Vec<String> {
    let options = roxmltree::ParsingOptions {
        allow_dtd: true,
        ..roxmltree::ParsingOptions::default()
    };
    let document =
        roxmltree::Document::parse_with_options(&as_xml(html), options).map(|document| {
            let sections = document
                .descendants()
                .filter(|node| node.has_tag_name("section"));
            let ids: Vec<String> = sections
                .filter_map(|node| node.attribute("id").map(str::to_owned))
                .collect();
            for node in document.descendants() {
                let tag = node.tag_name().name();
                assert!(
                    !matches!(tag, "script" | "link" | "img" | "iframe"),
                    "<{tag}>"
                );
                for attribute in node.attributes() {
                    let (name, value) = (attribute.name(), attribute.value());
                    assert!(
                        !matches!(name, "src" | "srcset") && !name.starts_with("on"),
                        "{name}"
                    );
                    let own = name != "href" || value.starts_with('#');
                    assert!(own, "a link to {value}");
                }
                if tag == "svg" {
                    assert!(
                        node.attribute("aria-label")
                            .is_some_and(|label| label.len() > 10)
                    );
                }
                if node.is_text() && node.parent().is_some_and(|p| p.has_tag_name("style")) {
                    let style = node.text().unwrap_or_default();
                    assert!(!style.contains("url(") && !style.contains("@import"));
                }
            }
            ids
        });
    document.unwrap_or_else(|error| panic!("{error} in\n{html}"))
}

/// HTML as XML: what may stay open in HTML is closed.
fn as_xml(html: &str) -> String {
    let mut xml = html.replacen("<!doctype html>", "", 1);
    for line in html.lines().filter(|line| line.starts_with("<meta ")) {
        xml = xml.replacen(line, &line.replace('>', "/>"), 1);
    }
    xml.replace("<wbr>", "")
}
