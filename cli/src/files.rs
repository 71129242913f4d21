//! Reading and writing the files that commands name; errors name the file.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::path::{self, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use model_core::artifact::Artifact;
use model_core::model_file::ModelFile;
use model_core::policy::{Policy, PolicyFile};
use model_core::schema::{Schema, SchemaFile};
use model_drift::read::read_numbers_as_json;
use model_files::parquet::{CsvText, MAGIC, ParquetFile};
use model_files::{ReadyFile, WholeFile, read_small, resolved};
use model_log::enclosing_log;
use model_train::card::Document;

/// Means standard input, or standard output.
const DASH: &str = "-";

/// All of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

/// All of a file that holds settings or keys: a regular file of at most 4 MiB, since a server reads
/// it again while it runs.
pub(crate) fn read_settings(path: &Path) -> Result<Vec<u8>> {
    const LONGEST: u64 = 4 << 20;
    read_small(path, LONGEST).with_context(|| format!("cannot read {}", path.display()))
}

/// A text; `what` says what it should be where it is something else.
fn text(path: &Path, what: &str) -> Result<String> {
    let name = path.display();
    let bytes = read(path)?;
    if bytes.starts_with(b"\0asm") {
        bail!("{name} is a WebAssembly module: expected {what} in TOML");
    }
    if bytes.contains(&0) {
        bail!("{name} is a binary file: expected {what} in TOML");
    }
    String::from_utf8(bytes)
        .map_err(|_| anyhow!("{name}: the text is not UTF-8: save the file as UTF-8"))
}

/// A schema in TOML.
pub(crate) fn read_schema(path: &Path) -> Result<Schema> {
    read_schema_file(path).map(|file| file.schema)
}

/// The schema of a model.
pub(crate) fn schema_of(path: &Path, artifact: &[u8]) -> Result<Schema> {
    let artifact = Artifact::decode(artifact).with_context(|| path.display().to_string())?;
    Ok(artifact.schema)
}

/// A schema in TOML, with what its file lacks.
pub(crate) fn read_schema_file(path: &Path) -> Result<SchemaFile> {
    parse_schema_file(path, &schema_text(path)?)
}

/// The text of a schema.
pub(crate) fn schema_text(path: &Path) -> Result<String> {
    text(path, "a schema")
}

/// The schema that a file's text says.
pub(crate) fn parse_schema_file(path: &Path, text: &str) -> Result<SchemaFile> {
    let name = path.display();
    SchemaFile::from_toml(text).map_err(|error| anyhow!("{name}, {error}"))
}

/// What a person wrote for a model card, in TOML.
pub(crate) fn read_document(path: &Path) -> Result<Document> {
    let text = text(path, "the texts of a model card")?;
    Document::from_toml(&text).map_err(|problem| anyhow!("{}, {problem}", path.display()))
}

/// What a file lacks, each with its line: an error where that is asked for, else a line each.
pub(crate) fn report_warnings<W: Display>(
    out: &mut impl Write,
    path: &Path,
    warnings: &[W],
    are_errors: bool,
) -> Result<()> {
    let name = path.display();
    match (are_errors, warnings) {
        (true, [only]) => bail!("{name}, {only}"),
        (true, [first, more @ ..]) => bail!("{name}, {first} ({} more like it)", more.len()),
        _ => Ok((warnings.iter()).try_for_each(|warning| writeln!(out, "{name}, {warning}"))?),
    }
}

/// A policy in TOML, checked against a schema.
pub(crate) fn read_policy(path: &Path, schema: &Schema) -> Result<PolicyFile> {
    let name = path.display();
    let text = text(path, "a policy")?;
    Policy::from_toml(&text, schema, &schema.languages).map_err(|error| anyhow!("{name}, {error}"))
}

/// A `model.wasm` with a valid seal; `path` is what errors call it.
pub(crate) fn open_model<'a>(path: &Path, wasm: &'a [u8]) -> Result<ModelFile<'a>> {
    ModelFile::open(wasm).with_context(|| path.display().to_string())
}

/// A file to read from, or standard input.
pub(crate) struct Source {
    /// What errors call it.
    pub(crate) name: String,
    /// Its length in bytes, where it has one.
    pub(crate) len: Option<u64>,
    /// Its bytes; of a Parquet file its rows as CSV.
    pub(crate) bytes: Box<dyn Read>,
}

impl Source {
    /// `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::open_for(path, &[])
    }

    /// The same for these schemas: a number of a Parquet file means what it means in JSON, to the
    /// first that knows it.
    pub(crate) fn open_for(path: &Path, schemas: &[&Schema]) -> Result<Self> {
        if path == Path::new(DASH) {
            return Self::stream("standard input".to_owned(), io::stdin().lock());
        }
        let name = path.display().to_string();
        let file = File::open(path).with_context(|| format!("cannot read {name}"))?;
        let metadata = file
            .metadata()
            .with_context(|| format!("cannot read {name}"))?;
        ensure!(!metadata.is_dir(), "cannot read {name}: it is a folder");
        if is_parquet(path)? {
            let mut file = ParquetFile::open(path, &name)?;
            for schema in schemas {
                read_numbers_as_json(&mut file, schema);
            }
            return Ok(Self {
                bytes: Box::new(CsvText::new(file)?),
                // Of the text, which nobody knows before it is made.
                len: None,
                name,
            });
        }
        if !metadata.is_file() {
            return Self::stream(name, file);
        }
        Ok(Self {
            name,
            len: Some(metadata.len()),
            bytes: Box::new(file),
        })
    }

    /// What is read from the front to the end, once: a pipe.
    fn stream(name: String, mut stream: impl Read + 'static) -> Result<Self> {
        let mut begin = Vec::new();
        let read = (&mut stream)
            .take(MAGIC.len() as u64)
            .read_to_end(&mut begin);
        read.with_context(|| format!("cannot read {name}"))?;
        ensure!(
            begin != MAGIC,
            "{name}: Parquet is read from a file, because its columns are listed at its end: save \
             it, and name the file"
        );
        Ok(Self {
            name,
            len: None,
            bytes: Box::new(Cursor::new(begin).chain(stream)),
        })
    }
}

/// Whether a file is Parquet. A pipe could not be looked into and read from the front: it is not.
pub(crate) fn is_parquet(path: &Path) -> Result<bool> {
    let is_file = path.is_file();
    let begins = || model_files::parquet::is_parquet(path);
    Ok(is_file && begins().with_context(|| format!("cannot read {}", path.display()))?)
}

/// A file to write, or standard output.
pub(crate) enum Sink {
    /// Written aside until it is complete.
    File(WholeFile, String),
    /// As it comes.
    Stdout(io::BufWriter<io::StdoutLock<'static>>),
}

impl Sink {
    /// `-` is standard output. A folder that does not exist is created.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        if path == Path::new(DASH) {
            return Ok(Self::Stdout(io::BufWriter::new(io::stdout().lock())));
        }
        Ok(Self::File(
            Self::create_file(path)?,
            path.display().to_string(),
        ))
    }

    /// The file alone.
    pub(crate) fn create_file(path: &Path) -> Result<WholeFile> {
        let name = path.display();
        ensure!(!path.is_dir(), "cannot write {name}: it is a folder");
        keep_out_of_logs(path)?;
        make_folder_of(path)?;
        WholeFile::create(path).map_err(|error| {
            // What is wrong, without the name that the file has until it is whole.
            let text = error.to_string();
            let cause = text.split(" at path ").next().unwrap_or_default();
            anyhow!("cannot write {name}: {cause}")
        })
    }

    /// Completes the output: only now does the file replace its target.
    pub(crate) fn finish(self) -> Result<()> {
        match self {
            Self::File(file, name) => file
                .commit()
                .with_context(|| format!("cannot write {name}")),
            Self::Stdout(mut stdout) => Ok(stdout.flush()?),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file, _) => file.write(bytes),
            Self::Stdout(stdout) => stdout.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file, _) => file.flush(),
            Self::Stdout(stdout) => stdout.flush(),
        }
    }
}

/// Writes a whole file, or nothing.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut sink = Sink::create(path)?;
    sink.write_all(bytes)
        .with_context(|| format!("cannot write {}", path.display()))?;
    sink.finish()
}

/// A whole file on the disk that has not replaced its target yet.
pub(crate) struct Aside(ReadyFile, String);

impl Aside {
    /// Writes all of `from`.
    pub(crate) fn write(path: &Path, mut from: impl Read) -> Result<Self> {
        let mut file = Sink::create_file(path)?;
        let written = io::copy(&mut from, &mut file).and_then(|_| file.ready());
        let name = path.display().to_string();
        let ready = written.with_context(|| format!("cannot write {name}"))?;
        Ok(Self(ready, name))
    }

    /// Copies a whole file.
    pub(crate) fn copy(from: &Path, to: &Path) -> Result<Self> {
        let source = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
        Self::write(to, source)
    }

    /// Replaces the target.
    pub(crate) fn finish(self) -> Result<()> {
        let Self(file, name) = self;
        let replaced = file.commit();
        replaced.with_context(|| format!("cannot write {name}"))
    }
}

/// Creates the folder that a file goes into, if it does not exist.
fn make_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder {}", folder.display())),
        _ => Ok(()),
    }
}

/// Fails early when a file could not be written at the end.
pub(crate) fn check_writable(path: &Path) -> Result<()> {
    drop(Sink::create(path)?);
    Ok(())
}

/// Refuses to write into the folder of a decision log, or of its keys. Whatever is there belongs
/// to the log: a file that is replaced takes decisions or keys with it for good, and any other
/// is a problem to `log verify`.
pub(crate) fn keep_out_of_logs(path: &Path) -> Result<()> {
    let named = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    // As it is named too: a folder in the log may be a link to another volume.
    let log = enclosing_log(&resolved(path)).or_else(|| enclosing_log(&named));
    log.map_or(Ok(()), |log| {
        bail!(
            "cannot write {}: {} holds a decision log or its keys, and nothing else: name a file outside of it",
            path.display(),
            log.display()
        )
    })
}

/// Refuses to write to a file that is read, to one file twice, or into a decision log. Each path
/// comes with its flag.
pub(crate) fn keep_apart(
    read: &[(&str, Option<&Path>)],
    written: &[(&str, Option<&Path>)],
) -> Result<()> {
    for path in written.iter().filter_map(|(_, path)| *path) {
        if path != Path::new(DASH) {
            keep_out_of_logs(path)?;
        }
    }
    let named = |files: &[(&str, Option<&Path>)]| -> Vec<(String, PathBuf)> {
        let files = files
            .iter()
            .filter_map(|(flag, path)| Some((*flag, (*path)?)));
        files
            .filter(|(_, path)| *path != Path::new(DASH))
            .map(|(flag, path)| (flag.to_owned(), resolved(path)))
            .collect()
    };
    let mut taken = named(read);
    for (flag, path) in named(written) {
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == path) {
            bail!(
                "{flag} {}: that is the file of {other}, which would be overwritten: name another one",
                path.display()
            );
        }
        taken.push((flag, path));
    }
    Ok(())
}
