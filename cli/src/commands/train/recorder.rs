//! Follows a training run: keeps the trials in the run's folder and shows the progress.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use indicatif::ProgressBar;
use model_tracking::folder::RunFolder;
use model_tracking::run::{HistoryPoint, Trial as TrialLine, TrialState, now_ms};
use model_train::pipeline::{Observer, ObserverError};
use model_train::tune::{self, Candidate, Metric, State, Trial};

use super::{run_folder, search_file};
use crate::counted::counted;
use crate::progress;
use crate::terminal;

pub(super) struct Recorder {
    folder: Option<RunFolder>,
    search: Option<Search>,
    /// Of the search, then of the fit.
    bar: ProgressBar,
}

/// What is known of a search while it runs.
struct Search {
    settings: tune::Settings,
    /// When each trial began, in milliseconds since 1970.
    began: BTreeMap<usize, i64>,
    /// The best complete trial so far.
    best: Option<Best>,
    /// The metric of each trial so far in each fold that was computed, with its number.
    figures: Vec<(usize, Vec<f64>)>,
    ended: u64,
}

struct Best {
    value: f64,
    /// Its model and number.
    name: String,
}

impl Recorder {
    pub(super) fn new(folder: Option<RunFolder>) -> Self {
        Self {
            folder,
            search: None,
            bar: ProgressBar::hidden(),
        }
    }

    /// The folder, with every trial in it.
    pub(super) fn finish(self) -> Option<RunFolder> {
        self.bar.finish_and_clear();
        self.folder
    }
}

impl Observer for Recorder {
    fn search_started(&mut self, settings: &tune::Settings, earlier: &[Trial]) {
        let mut search = Search {
            settings: settings.clone(),
            began: BTreeMap::new(),
            best: None,
            figures: Vec::new(),
            ended: 0,
        };
        self.bar = progress::trials(settings.trials as u64);
        for trial in earlier {
            search.count(trial);
            search.show(&self.bar);
        }
        self.bar.reset_eta();
        self.bar.enable_steady_tick(Duration::from_millis(200));
        self.search = Some(search);
    }

    fn trial_started(&mut self, candidate: &Candidate) {
        if let Some(search) = &mut self.search {
            search.began.insert(candidate.number, now_ms());
        }
    }

    fn trial_finished(&mut self, trial: &Trial) -> Result<(), ObserverError> {
        if let Some(search) = &mut self.search {
            search.count(trial);
            search.show(&self.bar);
            if let Some(folder) = &mut self.folder {
                search.keep(folder, trial)?;
            }
            if self.bar.is_hidden() {
                search.log(trial)?;
            }
        }
        Ok(())
    }

    fn fitting(&mut self) {
        self.bar.finish_and_clear();
        self.bar = progress::spinner("Fitting");
    }
}

impl Search {
    fn value(&self, trial: &Trial) -> Option<f64> {
        trial.value(self.settings.metric, &self.settings.budget)
    }

    fn count(&mut self, trial: &Trial) {
        self.ended += 1;
        let (metric, budget) = (self.settings.metric, &self.settings.budget);
        let figures = trial.figures(metric, budget, |point| metric.figure(&point.metrics));
        self.figures.push((trial.number, figures));
        let (Some(value), State::Complete) = (self.value(trial), trial.state) else {
            return;
        };
        let is_better = |best: &Best| metric.loss(value) < metric.loss(best.value);
        if trial.fits(metric, budget) && self.best.as_ref().is_none_or(is_better) {
            let model = trial.params.kind().word();
            let name = format!("{model}, trial {}", trial.number);
            self.best = Some(Best { value, name });
        }
    }

    fn show(&self, bar: &ProgressBar) {
        bar.inc(1);
        if let Some(Best { value, name }) = &self.best {
            let metric = self.settings.metric.word();
            bar.set_message(format!("best {metric} {value:.4} ({name})"));
        }
    }

    fn keep(&self, folder: &mut RunFolder, trial: &Trial) -> Result<()> {
        search_file::append(folder, trial)?;
        let (metric, budget) = (self.settings.metric, &self.settings.budget);
        let value = self.value(trial);
        folder.append_trial(&TrialLine {
            number: trial.number as u64,
            model: trial.params.kind().word().to_owned(),
            state: match trial.state {
                State::Complete => TrialState::Complete,
                State::Pruned => TrialState::Pruned,
                State::Failed => TrialState::Failed,
            },
            params: run_folder::fields(&trial.params),
            value,
            folds: trial.figures(metric, budget, |point| metric.figure(&point.metrics)),
            started_ms: self.began.get(&trial.number).copied().unwrap_or_default(),
            finished_ms: now_ms(),
        })?;
        folder.append_history(&HistoryPoint {
            step: self.ended,
            time_ms: now_ms(),
            metrics: self.history(metric, value),
        })?;
        Ok(())
    }

    fn history(&self, metric: Metric, value: Option<f64>) -> BTreeMap<String, f64> {
        let best = self.best.as_ref().map(|best| best.value);
        let word = metric.word();
        let both = [
            (format!("trial_{word}"), value),
            (format!("best_{word}"), best),
        ];
        both.into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// Of the trials that came as far as a pruned one, the best over the same folds: its mean
    /// there and its number. A mean over all folds cannot be compared with it.
    fn best_over(&self, folds: usize) -> Option<(f64, usize)> {
        let metric = self.settings.metric;
        let mean = |figures: &Vec<f64>| {
            let first = figures.get(..folds).filter(|first| !first.is_empty())?;
            Some(first.iter().sum::<f64>() / folds as f64)
        };
        let means = self.figures.iter();
        let means = means.filter_map(|(number, figures)| Some((mean(figures)?, *number)));
        means.min_by(|a, b| metric.loss(a.0).total_cmp(&metric.loss(b.0)))
    }

    /// A line on standard error, where there is no terminal for the bar.
    fn log(&self, trial: &Trial) -> Result<()> {
        let mut stderr = terminal::stderr();
        let (number, trials) = (trial.number, self.settings.trials);
        let (model, state) = (trial.params.kind().word(), trial.state.word());
        write!(stderr, "trial {number}/{trials} {model} {state}")?;
        if let Some(value) = self.value(trial) {
            let (metric, folds) = (self.settings.metric.word(), trial.folds.len());
            write!(
                stderr,
                ", {metric} {value:.4} over {}",
                counted(folds, "fold")
            )?;
        }
        if let Some(error) = &trial.error {
            write!(stderr, " ({error})")?;
        }
        if trial.state == State::Pruned {
            let folds = trial.folds.len();
            if let Some((best, number)) = self.best_over(folds) {
                write!(
                    stderr,
                    "; best over the same {folds} {best:.4} (trial {number})"
                )?;
            }
            writeln!(stderr)?;
            return Ok(());
        }
        match &self.best {
            Some(Best { value, name }) => writeln!(stderr, "; best {value:.4} ({name})")?,
            None => writeln!(stderr)?,
        }
        Ok(())
    }
}
