//! `underwrite publish`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use model_client::one_line;
use model_core::decide::Decider;
use model_files::{sha256_file, sha256_hex, write_whole};
use model_hub::{DEFAULT_REVISION, FileToPublish, Hub, MODEL_FILE, Publication, RepoId};
use model_signing::SIGNATURE_FILE;
use model_tracking::folder::RunFolder;

use crate::hub::HubArgs;
use crate::signature::{self, is_outdated};
use crate::tracking::RUNS;
use crate::{files, progress, terminal};

const EXAMPLES: &str = "\
Examples:
  HF_TOKEN=... underwrite publish model.wasm --repo acme/loan-approval
  underwrite publish model.wasm --repo acme/loan-approval --token-file token --private \\
      --card README.md --report reports/evaluation.html

Card, schema and reports default to those of the run that trained the model, if it is in the
folder of the runs. All files go into one commit.";

/// The card's name in the repository: the Hub shows it as the model's page.
const CARD: &str = "README.md";
/// The module's own description, for readers without a WebAssembly runtime.
const DESCRIPTION: &str = "description.json";
/// The card's names in a run.
const CARDS: [&str; 3] = [CARD, "model_card.md", "model-card.md"];

/// Publish a model.wasm with its schema, card and reports to the Hugging Face Hub.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model to publish.
    #[arg(value_name = "MODEL.WASM")]
    model: PathBuf,
    /// Model repository; it is created if it does not exist.
    #[arg(
        long,
        env = "HF_MODEL_REPO",
        hide_env_values = true,
        value_name = "OWNER/NAME"
    )]
    repo: String,
    /// Branch to commit to.
    #[arg(long, default_value = DEFAULT_REVISION)]
    revision: String,
    /// Commit message [default: name and version of the model].
    #[arg(long, value_name = "TEXT")]
    message: Option<String>,
    /// Create the repository as private; an existing one is not changed.
    #[arg(long)]
    private: bool,
    /// Model card in Markdown.
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Schema in TOML.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Report to publish; may be given several times.
    #[arg(long = "report", value_name = "FILE")]
    reports: Vec<PathBuf>,
    /// Folder of the runs.
    #[arg(long, value_name = "FOLDER", default_value = RUNS)]
    runs: PathBuf,
    #[command(flatten)]
    hub: HubArgs,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let repo: RepoId = self.repo.parse()?;
        let wasm = files::read(&self.model)?;
        let artifact = files::open_model(&self.model, &wasm)?.artifact();
        let decider = Decider::load(artifact).with_context(|| self.model.display().to_string())?;
        let sha256 = sha256_hex(&wasm);
        let scratch = tempfile::tempdir().context("cannot create a temporary folder")?;
        let files = self.files(&decider, &sha256, scratch.path())?;
        let schema = &decider.artifact().schema;
        let message = self.message.clone();
        let message = message.unwrap_or_else(|| format!("{} {}", schema.name, schema.version));
        let hub = Hub::new(&self.hub.options()?);
        let spinner = progress::spinner("Publishing");
        let published = hub.publish(&Publication {
            repo: &repo,
            revision: &self.revision,
            private: self.private,
            message: &message,
            files: &files,
        });
        spinner.finish_and_clear();
        let published = published?;
        let mut stdout = terminal::stdout();
        for name in &published.files {
            writeln!(stdout, "  {}", one_line(name))?;
        }
        writeln!(stdout, "{}", one_line(&published.url))?;
        writeln!(stdout, "{MODEL_FILE} has the SHA-256 {sha256}")?;
        Ok(())
    }

    /// The signature beside the model, and the other files that it covers.
    fn signature(&self, sha256: &str) -> Result<Vec<FileToPublish>> {
        let Some((bundle, digest)) = signature::beside_with_digest(&self.model) else {
            return Ok(Vec::new());
        };
        let path = self.model.with_file_name(SIGNATURE_FILE);
        ensure!(
            !is_outdated(&bundle, Path::new(MODEL_FILE), sha256),
            "the signature {} is not of this file as {MODEL_FILE}: sign the folder again, or remove it",
            path.display()
        );
        let covered = bundle.resources().iter();
        let covered = covered.filter(|one| one.name != MODEL_FILE);
        let others = covered.map(|one| {
            // Anybody can write a bundle: what it names is published only as it was signed.
            let found = bundle.file(signature::folder_of(&self.model), &one.name);
            let found = found.with_context(|| {
                format!(
                    "the signature {} does not hold: sign the folder again, or remove it",
                    path.display()
                )
            });
            Ok(checked(&one.name, &found?, &one.digest))
        });
        [Ok(checked(SIGNATURE_FILE, &path, &digest))]
            .into_iter()
            .chain(others)
            .collect()
    }

    /// The files that the flags name, without those that are covered by the signature as they are.
    fn named(&self, covered: &[FileToPublish]) -> Result<Vec<FileToPublish>> {
        if let Some(schema) = &self.schema {
            files::read_schema(schema)?;
        }
        let schema = self.schema.iter();
        let schema = schema.map(|path| ("--schema", "schema.toml".to_owned(), path));
        let card = self
            .card
            .iter()
            .map(|path| ("--card", CARD.to_owned(), path));
        let reports = self.reports.iter().map(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            ("--report", format!("reports/{name}"), path)
        });
        let mut named = Vec::new();
        for (flag, name, path) in schema.chain(card).chain(reports) {
            ensure!(
                path.is_file(),
                "cannot read {}: it is not a file",
                path.display()
            );
            let Some(known) = covered.iter().find(|known| known.name == name) else {
                named.push(file(&name, path));
                continue;
            };
            let digest = sha256_file(path);
            let digest = digest.with_context(|| format!("cannot read {}", path.display()))?;
            ensure!(
                known.sha256.as_ref() == Some(&digest),
                "{name} is covered by the signature {}, and {} has another content: copy it there and sign the folder again, or leave out {flag}",
                self.model.with_file_name(SIGNATURE_FILE).display(),
                path.display()
            );
        }
        Ok(named)
    }

    /// What the signature covers, the named files, and those that were not named from the model's
    /// run.
    fn files(&self, decider: &Decider, sha256: &str, scratch: &Path) -> Result<Vec<FileToPublish>> {
        let mut files = vec![checked(MODEL_FILE, &self.model, sha256)];
        files.extend(self.signature(sha256)?);
        let named = self.named(&files)?;
        files.extend(named);
        files.extend(describe(decider, &files, scratch)?);
        let run = RunFolder::list(&self.runs)?.into_iter().rev().find(|run| {
            run.run()
                .model
                .as_ref()
                .is_some_and(|model| model.sha256 == sha256)
        });
        for artifact in run.iter().flat_map(|run| &run.run().artifacts) {
            let name = match artifact.path.as_str() {
                path if CARDS.contains(&path) => CARD,
                path => path,
            };
            if let Some(run) = &run
                && !files.iter().any(|file| file.name == name)
            {
                let path = run.checked_artifact(&artifact.path);
                let path = path.with_context(|| {
                    let id = &run.run().id;
                    format!("run {id} trained this model, but is not as it was left (name another folder with --runs)")
                })?;
                files.push(checked(name, &path, &artifact.sha256));
            }
        }
        if !files.iter().any(|file| file.name == CARD) {
            writeln!(
                terminal::stderr(),
                "warning: no model card: name one with --card, or name the folder of the model's run with --runs ({} has no run of this model)",
                self.runs.display()
            )?;
        }
        Ok(files)
    }
}

/// The module's description as a file, unless the signature covers one.
fn describe(
    decider: &Decider,
    covered: &[FileToPublish],
    scratch: &Path,
) -> Result<Option<FileToPublish>> {
    let mut text = Vec::new();
    decider.describe(&mut text);
    if let Some(signed) = covered.iter().find(|known| known.name == DESCRIPTION) {
        if signed.sha256 != Some(sha256_hex(&text)) {
            writeln!(
                terminal::stderr(),
                "warning: {} is published as it was signed, but this model describes itself otherwise: remove the file and sign the folder again",
                signed.path.display()
            )?;
        }
        return Ok(None);
    }
    let path = scratch.join(DESCRIPTION);
    write_whole(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(checked(DESCRIPTION, &path, &sha256_hex(&text))))
}

/// A file that was checked with this SHA-256.
fn checked(name: &str, path: &Path, sha256: &str) -> FileToPublish {
    FileToPublish {
        sha256: Some(sha256.to_owned()),
        ..file(name, path)
    }
}

fn file(name: &str, path: &Path) -> FileToPublish {
    FileToPublish {
        sha256: None,
        name: name.to_owned(),
        path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
    }
}
