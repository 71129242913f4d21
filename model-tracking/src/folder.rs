//! A run on disk.
//!
//! ```text
//! runs/20261122-101500-3f9a1c2b/
//!   run.json         the run itself (run::Run)
//!   trials.jsonl     one line per trial of the search (run::Trial)
//!   history.jsonl    one line per step (run::HistoryPoint)
//!   tracked.json     which trackers have it (run::Pushed, by name)
//!   running.lock     held by the process of the run
//!   artifacts/       model.wasm, schema, card, reports
//! ```

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use model_client::{Body, FileBody, one_line, shorten};
use model_files::{append_line, copy_whole, sha256_file, write_whole};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::command_line;
pub use crate::error::RunError;
use crate::inside::{check_name, is_id, plain_path};
use crate::run::{Artifact, Dataset, FORMAT, HistoryPoint, Pushed, Run, Status, Trial, now_ms};
use crate::running::{self, RunningLock};

const RUN: &str = "run.json";
const TRIALS: &str = "trials.jsonl";
const HISTORY: &str = "history.jsonl";
const TRACKED: &str = "tracked.json";
const ARTIFACTS: &str = "artifacts";

/// What is known when a run starts.
#[derive(Debug, Clone, Default)]
pub struct NewRun {
    /// Its display name; by default the id.
    pub name: Option<String>,
    /// The experiment or project that it belongs to.
    pub experiment: String,
    /// The command line, program first. The run has its addresses without user, password and
    /// query.
    pub command: Vec<String>,
    /// Settings of the run.
    pub params: BTreeMap<String, Value>,
    /// Labels to search by.
    pub tags: BTreeMap<String, String>,
    /// The training data.
    pub dataset: Option<Dataset>,
}

/// A file of a run that was compared with its SHA-256.
pub(crate) struct Checked {
    pub(crate) path: PathBuf,
    /// 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
}

impl Checked {
    /// It as the body of a request: what is sent is what was checked.
    pub(crate) fn body<'a>(&'a self, media_type: &'a str) -> Body<'a> {
        Body::File(FileBody {
            path: &self.path,
            media_type,
            sha256: &self.sha256,
        })
    }
}

/// A run's folder and the content of its `run.json`.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    run: Run,
    /// There while this process works on the run.
    lock: Option<RunningLock>,
    latest: Latest,
}

/// The latest times of the trials and of the steps. What is recorded next is not before them,
/// though the clock was set back: by their times, the lines of both files have one order, that in
/// which they were recorded. Of one moment, the trial is the earlier one.
#[derive(Debug, Clone, Copy)]
struct Latest {
    trial_ms: i64,
    point_ms: i64,
}

impl Latest {
    const NOTHING: Self = Self {
        trial_ms: i64::MIN,
        point_ms: i64::MIN,
    };

    fn of(trials: &[Trial], points: &[HistoryPoint]) -> Self {
        let trials = trials.iter().map(|trial| trial.finished_ms);
        let points = points.iter().map(|point| point.time_ms);
        Self {
            trial_ms: trials.max().unwrap_or(i64::MIN),
            point_ms: points.max().unwrap_or(i64::MIN),
        }
    }

    /// The time of a trial that ends at `time_ms` by the clock.
    fn trial(&mut self, time_ms: i64) -> i64 {
        let after_steps = self.point_ms.saturating_add(1);
        self.trial_ms = time_ms.max(self.trial_ms).max(after_steps);
        self.trial_ms
    }

    /// The time of a step at `time_ms` by the clock.
    fn point(&mut self, time_ms: i64) -> i64 {
        self.point_ms = time_ms.max(self.trial_ms).max(self.point_ms);
        self.point_ms
    }
}

impl RunFolder {
    /// Starts a run: a new folder under `runs`, with a `run.json` of status `running`.
    ///
    /// # Errors
    /// When the folder cannot be created or written.
    pub fn create(runs: &Path, new: NewRun) -> Result<Self, RunError> {
        fs::create_dir_all(runs).map_err(writing(runs))?;
        let started_ms = now_ms();
        let (id, path) = loop {
            let id = new_id(started_ms);
            let path = runs.join(&id);
            match fs::create_dir(&path) {
                Ok(()) => break (id, path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(writing(&path)(error)),
            }
        };
        let artifacts = path.join(ARTIFACTS);
        fs::create_dir(&artifacts).map_err(writing(&artifacts))?;
        let run = Run {
            format: FORMAT,
            name: new.name.unwrap_or_else(|| id.clone()),
            id,
            experiment: new.experiment,
            status: Status::Running,
            started_ms,
            finished_ms: None,
            command: command_line::shown(new.command),
            params: new.params,
            metrics: BTreeMap::new(),
            tags: new.tags,
            dataset: new.dataset,
            model: None,
            signature: None,
            input_example: None,
            artifacts: Vec::new(),
        };
        let mut folder = Self {
            path,
            run,
            lock: None,
            latest: Latest::NOTHING,
        };
        folder.lock()?;
        folder.write_run()?;
        Ok(folder)
    }

    /// Goes on with a run that has ended: its status is `running` again.
    ///
    /// # Errors
    /// When another process works on it, or `run.json` cannot be written.
    pub fn resume(&mut self) -> Result<(), RunError> {
        self.lock()?;
        // Of lines that cannot be read, whoever wants them is told.
        let trials = self.trials().unwrap_or_default();
        let points = self.history().unwrap_or_default();
        self.latest = Latest::of(&trials, &points);
        self.update(|run| {
            run.status = Status::Running;
            run.finished_ms = None;
        })
    }

    /// Opens an existing run. One that says that it is running, and whose process has ended
    /// without a word, was interrupted.
    ///
    /// # Errors
    /// When `run.json` cannot be read or has an unknown format, when its id is none that
    /// [`Self::create`] makes, or when it names an artifact outside of the folder.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let file = plain_path(path, RUN)?;
        let text = fs::read_to_string(&file).map_err(reading(&file))?;
        let mut run: Run = parse(&file, 0, &text)?;
        if run.format != FORMAT {
            return Err(RunError::Form {
                path: file,
                line: 1,
                problem: format!("format {}, expected {FORMAT}", run.format),
            });
        }
        check_names(&file, &run)?;
        // Earlier versions wrote it as it was given.
        run.command = command_line::shown(run.command);
        if run.status == Status::Running && !running::is_held(path) {
            run.status = Status::Interrupted;
        }
        Ok(Self {
            path: path.to_owned(),
            run,
            lock: None,
            latest: Latest::NOTHING,
        })
    }

    /// Finds a run by the path of its folder, by its id or name within `runs` (the newest of one
    /// name), or as `latest`.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn find(runs: &Path, name: &str) -> Result<Self, RunError> {
        if Path::new(name).join(RUN).is_file() {
            return Self::open(Path::new(name));
        }
        let newest_first = Self::list(runs)?.into_iter().rev();
        let mut found = newest_first
            .filter(|folder| name == "latest" || folder.run.id == name || folder.run.name == name);
        found.next().ok_or_else(|| RunError::NotFound {
            name: name.to_owned(),
            folder: runs.to_owned(),
        })
    }

    /// Every run under `runs` that can be read, oldest first; none where the folder is not
    /// there. One that is damaged hides no other: see [`RunFolder::list_all`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(runs: &Path) -> Result<Vec<Self>, RunError> {
        Self::list_all(runs).map(|(folders, _)| folders)
    }

    /// The same, and why the others cannot be read.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list_all(runs: &Path) -> Result<(Vec<Self>, Vec<RunError>), RunError> {
        let entries = match fs::read_dir(runs) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Default::default()),
            Err(error) => return Err(reading(runs)(error)),
        };
        let (mut folders, mut damaged) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry.map_err(reading(runs))?.path();
            if path.join(RUN).is_file() {
                match Self::open(&path) {
                    Ok(folder) => folders.push(folder),
                    Err(error) => damaged.push(error),
                }
            }
        }
        folders.sort_by(|a, b| (a.run.started_ms, &a.run.id).cmp(&(b.run.started_ms, &b.run.id)));
        Ok((folders, damaged))
    }

    /// The content of `run.json`.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where an artifact is; this says nothing about what is there: see
    /// [`Self::checked_artifact`].
    #[must_use]
    pub fn artifact_path(&self, artifact: &str) -> PathBuf {
        self.path.join(ARTIFACTS).join(artifact)
    }

    /// The path of an artifact that is to be read: a plain file inside the folder, whose SHA-256
    /// is the one in `run.json`. The folder may have come from anywhere.
    ///
    /// # Errors
    /// When the name would leave the folder, the file cannot be read, is a link or lies behind
    /// one, or was altered.
    pub fn checked_artifact(&self, artifact: &str) -> Result<PathBuf, RunError> {
        self.checked(artifact).map(|checked| checked.path)
    }

    /// The same with its SHA-256, by which it is told from what is there a moment later.
    pub(crate) fn checked(&self, artifact: &str) -> Result<Checked, RunError> {
        check_name(artifact)?;
        let path = plain_path(&self.path, &format!("{ARTIFACTS}/{artifact}"))?;
        let found = sha256_file(&path).map_err(reading(&path))?;
        let listed = self.run.artifacts.iter();
        let listed = listed.filter(|one| one.path == artifact);
        let model = self.run.model.iter().filter(|one| one.file == artifact);
        let expected = listed
            .map(|one| &one.sha256)
            .chain(model.map(|one| &one.sha256));
        match { expected }.find(|expected| **expected != found) {
            None => Ok(Checked {
                path,
                sha256: found,
            }),
            Some(expected) => Err(RunError::Altered {
                path,
                expected: expected.clone(),
                found,
            }),
        }
    }

    /// The path of another file of the folder, such as `search.jsonl`, to read or to write.
    ///
    /// # Errors
    /// When the name would leave the folder, or a link or anything but a file is there.
    pub fn file(&self, name: &str) -> Result<PathBuf, RunError> {
        check_name(name)?;
        plain_path(&self.path, name)
    }

    /// Changes the run and writes `run.json`. As in a new run, the command line has its addresses
    /// without user, password and query.
    ///
    /// # Errors
    /// When `run.json` cannot be written; the old file is kept.
    pub fn update(&mut self, change: impl FnOnce(&mut Run)) -> Result<(), RunError> {
        change(&mut self.run);
        self.run.command = command_line::shown(std::mem::take(&mut self.run.command));
        self.write_run()
    }

    /// Ends the run with a status.
    ///
    /// # Errors
    /// As [`Self::update`].
    pub fn finish(&mut self, status: Status) -> Result<(), RunError> {
        self.update(|run| {
            run.status = status;
            run.finished_ms = Some(now_ms());
        })?;
        if let Some(lock) = self.lock.take() {
            lock.remove();
        }
        Ok(())
    }

    /// Adds a trial. It ends after everything that was recorded before, though the clock was set
    /// back.
    ///
    /// # Errors
    /// When the line cannot be written; earlier lines are not affected.
    pub fn append_trial(&mut self, trial: &Trial) -> Result<(), RunError> {
        let trial = Trial {
            finished_ms: self.latest.trial(trial.finished_ms),
            ..trial.clone()
        };
        self.append(TRIALS, &trial)
    }

    /// Adds a step. It is not before anything that was recorded before.
    ///
    /// # Errors
    /// As [`Self::append_trial`].
    pub fn append_history(&mut self, point: &HistoryPoint) -> Result<(), RunError> {
        let point = HistoryPoint {
            time_ms: self.latest.point(point.time_ms),
            ..point.clone()
        };
        self.append(HISTORY, &point)
    }

    /// The trials, in the order in which they ended.
    ///
    /// # Errors
    /// When the file cannot be read; an incomplete last line is ignored.
    pub fn trials(&self) -> Result<Vec<Trial>, RunError> {
        self.lines(TRIALS)
    }

    /// The steps.
    ///
    /// # Errors
    /// As [`Self::trials`].
    pub fn history(&self) -> Result<Vec<HistoryPoint>, RunError> {
        self.lines(HISTORY)
    }

    /// Saves `content` as the artifact `name`, such as `reports/evaluation.html`, and lists it in
    /// `run.json`; an artifact of that name is replaced.
    ///
    /// # Errors
    /// When the name would leave the folder, or the file cannot be written.
    pub fn add_artifact(&mut self, name: &str, content: impl Read) -> Result<(), RunError> {
        check_name(name)?;
        let path = plain_path(&self.path, &format!("{ARTIFACTS}/{name}"))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(writing(parent))?;
        }
        let (bytes, sha256) = copy_whole(content, &path).map_err(writing(&path))?;
        let artifact = Artifact {
            path: name.to_owned(),
            bytes,
            sha256,
        };
        self.update(|run| {
            run.artifacts.retain(|other| other.path != name);
            run.artifacts.push(artifact);
            run.artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        })
    }

    /// As [`Self::add_artifact`], from a file.
    ///
    /// # Errors
    /// Also when the file cannot be read.
    pub fn add_file(&mut self, name: &str, file: &Path) -> Result<(), RunError> {
        let content = File::open(file).map_err(reading(file))?;
        self.add_artifact(name, content)
    }

    /// Removes the artifacts whose names are not to be kept: from `run.json`, then from the
    /// folder.
    ///
    /// # Errors
    /// When `run.json` cannot be written, or a file cannot be removed or is none.
    pub fn retain_artifacts(&mut self, is_kept: impl Fn(&str) -> bool) -> Result<(), RunError> {
        let listed = self.run.artifacts.iter().map(|artifact| &artifact.path);
        let removed: Vec<String> = listed.filter(|name| !is_kept(name)).cloned().collect();
        self.update(|run| run.artifacts.retain(|artifact| is_kept(&artifact.path)))?;
        for name in removed {
            let path = plain_path(&self.path, &format!("{ARTIFACTS}/{name}"))?;
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("remove", &path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Which trackers have the run, by [`crate::tracker::Tracker::name`].
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn tracked(&self) -> Result<BTreeMap<String, Pushed>, RunError> {
        let file = plain_path(&self.path, TRACKED)?;
        match fs::read_to_string(&file) {
            Ok(text) => parse(&file, 0, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
            Err(error) => Err(reading(&file)(error)),
        }
    }

    /// Notes that a tracker has the run.
    ///
    /// # Errors
    /// When the note cannot be read or written.
    pub fn record(&self, tracker: &str, pushed: Pushed) -> Result<(), RunError> {
        let mut tracked = self.tracked()?;
        tracked.insert(tracker.to_owned(), pushed);
        self.write_json(TRACKED, &tracked)
    }

    fn lock(&mut self) -> Result<(), RunError> {
        plain_path(&self.path, running::FILE)?;
        let taken = RunningLock::take(&self.path).map_err(writing(&self.path))?;
        self.lock = Some(taken.ok_or_else(|| RunError::Running(self.run.id.clone()))?);
        Ok(())
    }

    fn write_run(&self) -> Result<(), RunError> {
        self.write_json(RUN, &self.run)
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let path = plain_path(&self.path, name)?;
        let json = serde_json::to_string_pretty(value).map_err(|e| writing(&path)(e.into()))?;
        write_whole(&path, format!("{json}\n").as_bytes()).map_err(writing(&path))
    }

    fn append(&self, name: &str, value: &impl Serialize) -> Result<(), RunError> {
        let path = plain_path(&self.path, name)?;
        let line = serde_json::to_string(value).map_err(|e| writing(&path)(e.into()))?;
        append_line(&path, &line).map_err(writing(&path))
    }

    fn lines<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, RunError> {
        let path = plain_path(&self.path, name)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(reading(&path)(error)),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let lines = whole.lines().enumerate();
        lines.map(|(line, text)| parse(&path, line, text)).collect()
    }
}

/// Sorts by time; eight random digits distinguish runs of one second and of several machines.
fn new_id(started_ms: i64) -> String {
    let time = DateTime::from_timestamp_millis(started_ms).unwrap_or_default();
    // Without randomness, an existing folder makes the caller try again with a later time.
    let random = getrandom::u32().unwrap_or_else(|_| now_ms() as u32);
    format!("{}-{random:08x}", time.format("%Y%m%d-%H%M%S"))
}

/// What of a run becomes paths.
fn check_names(file: &Path, run: &Run) -> Result<(), RunError> {
    let form = |problem: String| RunError::Form {
        path: file.to_owned(),
        line: 1,
        problem,
    };
    if !is_id(&run.id) {
        let problem = "expected YYYYMMDD-HHMMSS- and eight hexadecimal digits";
        return Err(form(format!("the id is {:?}, {problem}", shorten(&run.id))));
    }
    let artifacts = run.artifacts.iter().map(|artifact| &artifact.path);
    let model = run.model.iter().map(|model| &model.file);
    for name in artifacts.chain(model) {
        check_name(name).map_err(|error| form(error.to_string()))?;
    }
    Ok(())
}

/// `lines_before` is how many lines of the file come before `text`.
fn parse<T: DeserializeOwned>(path: &Path, lines_before: usize, text: &str) -> Result<T, RunError> {
    serde_json::from_str(text).map_err(|error| RunError::Form {
        path: path.to_owned(),
        line: lines_before + error.line().max(1),
        // It repeats what it found.
        problem: one_line(&error.to_string()),
    })
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    io_error("read", path)
}

fn writing(path: &Path) -> impl FnOnce(io::Error) -> RunError {
    io_error("write", path)
}

fn io_error(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RunError {
    let path = path.to_owned();
    move |cause| RunError::Io { doing, path, cause }
}
