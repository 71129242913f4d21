//! `underwrite pull`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use model_files::read_small;
use model_hub::{DEFAULT_REVISION, Fetched, Hub, MAX_FILES, MAX_TOTAL_BYTES, MODEL_FILE, RepoId};
use model_signing::{Bundle, LONGEST_BUNDLE, SIGNATURE_FILE, SigningError};

use crate::hub::HubArgs;
use crate::{config_file, files, hub, progress, signature};

const EXAMPLES: &str = "\
Examples:
  underwrite pull acme/loan-approval --out model.wasm
  underwrite pull acme/loan-approval --out model.wasm \\
      --revision 9f2c1e0b7a64d3855c0e6a1f4b8d2739e5c60718";

/// Download a model.wasm from the Hugging Face Hub.
///
/// A damaged file, or one that is not a model, is rejected and the existing file is kept.
/// Without a network, the last downloaded file is used, with a warning. The signature of a signed
/// model comes with it where FILE is named model.wasm, as it was signed, and so do the other files
/// that it covers. These need a folder of their own: where anything else is in it, nothing is
/// written, or, of a model that is signed alone, the model without its signature.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Model repository.
    #[arg(
        env = "HF_MODEL_REPO",
        hide_env_values = true,
        value_name = "OWNER/NAME"
    )]
    repo: String,
    /// Write the model to this file.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Branch, tag or commit to download.
    #[arg(long, default_value = DEFAULT_REVISION)]
    revision: String,
    /// Folder for downloaded files [default: underwrite/hub in the user's cache folder].
    #[arg(long, value_name = "FOLDER")]
    cache: Option<PathBuf>,
    #[command(flatten)]
    hub: HubArgs,
}

impl Args {
    pub(crate) fn run(self) -> Result<()> {
        let repo: RepoId = self.repo.parse()?;
        files::keep_apart(
            &[("--token-file", self.hub.token_file())],
            &[("--out", Some(&self.out))],
        )?;
        files::check_writable(&self.out)?;
        let cache = hub::cache(self.cache.clone())?;
        let spinner = progress::spinner("Downloading");
        let hub = Hub::new(&self.hub.options()?);
        let beside = [SIGNATURE_FILE];
        let fetched = hub.fetch_with(&repo, MODEL_FILE, &beside, &self.revision, &cache);
        spinner.finish_and_clear();
        let fetched = fetched?;
        if let Some(why) = &fetched.offline {
            let mut stderr = anstream::stderr().lock();
            writeln!(stderr, "warning: {why}; using the last downloaded file")?;
        }
        let wasm = files::read(&fetched.path)?;
        files::open_model(&fetched.path, &wasm)?;
        let signed = self.signed(&hub, &repo, &fetched, &cache)?;
        for (path, _) in &signed {
            files::check_writable(path)?;
        }
        files::write(&self.out, &wasm)?;
        for (path, cached) in &signed {
            files::copy(cached, path)?;
        }
        signature::warn_if_outdated(&self.out, &wasm)?;
        let mut stdout = anstream::stdout().lock();
        writeln!(
            stdout,
            "{} ({} KB)",
            self.out.display(),
            wasm.len().div_ceil(1000)
        )?;
        writeln!(
            stdout,
            "  {MODEL_FILE} of {repo} at commit {}",
            fetched.commit
        )?;
        writeln!(stdout, "  SHA-256 {}", fetched.sha256)?;
        for (path, _) in signed {
            writeln!(stdout, "  signed: {}", path.display())?;
        }
        Ok(())
    }

    /// The model's signature, if one came with it, and the other files that it covers, which are
    /// downloaded: where they go, beside the model, and where they are now.
    fn signed(
        &self,
        hub: &Hub,
        repo: &RepoId,
        model: &Fetched,
        cache: &Path,
    ) -> Result<Vec<(PathBuf, PathBuf)>> {
        let Some(signature) = hub.cached(repo, SIGNATURE_FILE, &model.commit, cache)? else {
            return Ok(Vec::new());
        };
        // It names the file that it covers, and could not hold for another one.
        if self.out.file_name().is_none_or(|name| name != MODEL_FILE) {
            let mut stderr = anstream::stderr().lock();
            writeln!(
                stderr,
                "warning: the model is signed as {MODEL_FILE}: its signature was not written; name a file {MODEL_FILE} with --out to get it"
            )?;
            return Ok(Vec::new());
        }
        let its_signature = || format!("{SIGNATURE_FILE} of {repo} at {}", model.commit);
        let bytes = read_small(&signature.path, LONGEST_BUNDLE as u64);
        let bundle = Bundle::parse(&bytes.with_context(its_signature)?);
        let bundle = bundle.with_context(its_signature)?;
        match self.check_target(&bundle).with_context(its_signature)? {
            Target::Own => {}
            Target::Shared(problem) => {
                let mut stderr = anstream::stderr().lock();
                writeln!(
                    stderr,
                    "warning: its signature would not hold and was not written: {problem}"
                )?;
                return Ok(Vec::new());
            }
        }
        let mut signed = vec![(self.out.with_file_name(SIGNATURE_FILE), signature.path)];
        let mut bytes = 0;
        let covered = bundle.resources().iter();
        for one in covered.filter(|one| one.name != MODEL_FILE) {
            let fetched = hub.fetch(repo, &one.name, &model.commit, cache)?;
            ensure!(
                fetched.sha256 == one.digest,
                "{}: {} has another content than was signed",
                its_signature(),
                one.name
            );
            bytes += fs::metadata(&fetched.path).map_or(0, |file| file.len());
            ensure!(
                bytes <= MAX_TOTAL_BYTES,
                "{}: the files that it names have more than 1 GiB together",
                its_signature()
            );
            signed.push((self.out.with_file_name(&one.name), fetched.path));
        }
        Ok(signed)
    }

    /// Refuses to write files whose names the repository chose beside others than its own. A
    /// model that is signed alone may go there, without its signature.
    fn check_target(&self, bundle: &Bundle) -> Result<Target> {
        let names = || bundle.resources().iter().map(|one| one.name.as_str());
        ensure!(
            names().count() <= MAX_FILES,
            "it names more than {MAX_FILES} files"
        );
        let is_config = |part: &str| part.eq_ignore_ascii_case(config_file::DEFAULT);
        ensure!(
            !names().any(|name| name.split('/').any(is_config)),
            "it names a file {}, whose settings would be used where it is",
            config_file::DEFAULT
        );
        let is_alone = names().all(|name| name == MODEL_FILE);
        match bundle.check_target(signature::folder_of(&self.out), MODEL_FILE) {
            Ok(()) => Ok(Target::Own),
            Err(problem @ SigningError::Occupied(_)) if is_alone => Ok(Target::Shared(problem)),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// The folder that a model goes into.
enum Target {
    /// All that is in it is signed.
    Own,
    /// It has other files, of which this names one: no signature of the model alone holds there.
    Shared(SigningError),
}
