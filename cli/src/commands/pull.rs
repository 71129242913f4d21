//! `underwrite pull`

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use model_files::{is_aside, is_held, read_small, sha256_hex};
use model_hub::{DEFAULT_REVISION, Fetched, Hub, MAX_FILES, MAX_TOTAL_BYTES, MODEL_FILE, RepoId};
use model_signing::{Bundle, LONGEST_BUNDLE, Left, SIGNATURE_FILE, SigningError};

use crate::hub::HubArgs;
use crate::{config_file, files, hub, progress, signature, terminal};

const EXAMPLES: &str = "\
Examples:
  underwrite pull acme/loan-approval --out model.wasm
  underwrite pull acme/loan-approval --out model.wasm \\
      --revision 9f2c1e0b7a64d3855c0e6a1f4b8d2739e5c60718";

/// How the name of a signature ends that is not in its place yet.
const PENDING: &str = ".sig";

/// Download a model.wasm from the Hugging Face Hub.
///
/// A damaged file, or one that is not a model, is rejected and the existing file is kept.
/// Without a network, the last downloaded file is used, with a warning. The signature of a signed
/// model comes with it where FILE is named model.wasm, as it was signed, and so do the other files
/// that it covers. These need a folder of their own: where anything else is in it, nothing is
/// written, or, of a model that is signed alone, the model without its signature. What a pull that
/// broke off left is completed.
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
            let mut stderr = terminal::stderr();
            writeln!(stderr, "warning: {why}; using the last downloaded file")?;
        }
        let wasm = files::read(&fetched.path)?;
        files::open_model(&fetched.path, &wasm)?;
        let signed = self.signed(&hub, &repo, &fetched, &cache)?;
        self.write(&wasm, &signed)?;
        signature::warn_if_outdated(&self.out, &wasm)?;
        let mut stdout = terminal::stdout();
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
        for (path, _) in signed.files {
            writeln!(stdout, "  signed: {}", path.display())?;
        }
        Ok(())
    }

    /// Writes the model and what came with it. All of them are on the disk before the first one
    /// replaces another, and the signature does so last. Until then it is there under another name
    /// as well: if the pull breaks off, the next one knows by the old signature and this one whose
    /// each file is, whatever version it writes.
    fn write(&self, wasm: &[u8], signed: &Signed) -> Result<()> {
        let Some(((path, cached), others)) = signed.files.split_first() else {
            return files::write(&self.out, wasm);
        };
        let name = path.display();
        let bytes = files::read(cached)?;
        // First what takes room, unless another pull still needs it.
        let mut left = signed.left.files.iter().chain(&signed.left.signatures);
        if !left.any(|path| is_held(path)) {
            remove(&signed.left.files)?;
        }
        // Open to the end: the others are held with it.
        let mut signature = files::Sink::create_file(path)?;
        let written = signature.write_all(&bytes).and_then(|()| signature.sync());
        written.with_context(|| format!("cannot write {name}"))?;
        let mut ready = vec![files::Aside::write(&self.out, wasm)?];
        for (path, cached) in others {
            ready.push(files::Aside::copy(cached, path)?);
        }
        let pending = pending_signature(path, &bytes);
        files::write(&pending, &bytes)?;
        for file in ready {
            file.finish()?;
        }
        let earlier = signed.left.signatures.iter();
        remove(earlier.filter(|path| **path != pending && !is_held(path)))?;
        let replaced = signature.commit();
        replaced.with_context(|| format!("cannot write {name}"))?;
        remove([&pending])
    }

    /// The model's signature, if one came with it, and the other files that it covers, which are
    /// downloaded.
    fn signed(&self, hub: &Hub, repo: &RepoId, model: &Fetched, cache: &Path) -> Result<Signed> {
        let Some(signature) = hub.cached(repo, SIGNATURE_FILE, &model.commit, cache)? else {
            return Ok(Signed::default());
        };
        // It names the file that it covers, and could not hold for another one.
        if self.out.file_name().is_none_or(|name| name != MODEL_FILE) {
            let mut stderr = terminal::stderr();
            writeln!(
                stderr,
                "warning: the model is signed as {MODEL_FILE}: its signature was not written; name a file {MODEL_FILE} with --out to get it"
            )?;
            return Ok(Signed::default());
        }
        let its_signature = || format!("{SIGNATURE_FILE} of {repo} at {}", model.commit);
        let bytes = read_small(&signature.path, LONGEST_BUNDLE as u64);
        let bundle = Bundle::parse(&bytes.with_context(its_signature)?);
        let bundle = bundle.with_context(its_signature)?;
        let left = match self.check_target(&bundle).with_context(its_signature)? {
            Target::Own(left) => left,
            Target::Shared(problem) => {
                let mut stderr = terminal::stderr();
                writeln!(
                    stderr,
                    "warning: its signature would not hold and was not written: {problem}"
                )?;
                return Ok(Signed::default());
            }
        };
        let mut files = vec![(self.out.with_file_name(SIGNATURE_FILE), signature.path)];
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
            files.push((self.out.with_file_name(&one.name), fetched.path));
        }
        Ok(Signed { files, left })
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
        match bundle.check_target(signature::folder_of(&self.out), MODEL_FILE, is_left) {
            Ok(left) => Ok(Target::Own(left)),
            Err(problem @ SigningError::Occupied(_)) if is_alone => Ok(Target::Shared(problem)),
            Err(problem) => Err(problem.into()),
        }
    }
}

/// What comes with a model.
#[derive(Default)]
struct Signed {
    /// Where they go, beside the model, and where they are now: the signature first.
    files: Vec<(PathBuf, PathBuf)>,
    /// What a pull that broke off left where they go.
    left: Left,
}

/// Where the new signature is while the files that it covers replace those of an earlier one. No
/// write sweeps it with what is half written.
fn pending_signature(path: &Path, bytes: &[u8]) -> PathBuf {
    const DIGITS: usize = 6;
    let mut digest = sha256_hex(bytes);
    digest.truncate(DIGITS);
    path.with_file_name(format!(".underwrite-{digest}{PENDING}"))
}

/// Whether a pull that broke off left a file of this name.
fn is_left(name: &str) -> bool {
    is_aside(name.strip_suffix(PENDING).unwrap_or(name))
}

/// Removes what a pull left that broke off.
fn remove<'a>(left: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    left.into_iter()
        .try_for_each(|path| match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            // Another pull may have removed it.
            _ => Ok(()),
        })
}

/// The folder that a model goes into.
enum Target {
    /// All that is in it is signed, but for what a pull that broke off left.
    Own(Left),
    /// It has other files, of which this names one: no signature of the model alone holds there.
    Shared(SigningError),
}
