//! What a training run knows of its own making, for the model card.

use model_core::artifact::Artifact;
use model_report::number::{count, fixed};

use super::job::Job;
use super::trained::TrainedModel;
use crate::card::Known;
use crate::moment::Moment;
use crate::report::{kind_in_words, threshold_in_words};
use crate::tune::FoldsBy;

/// The window of the rows, what was kept out, what was chosen, and the figures of the folds.
#[must_use]
pub fn development(job: &Job, trained: &TrainedModel) -> Known {
    Known {
        window: window(job),
        exclusions: job.inputs.kept_out_in_words(),
        choices: Some(choices(job, trained)),
        validation: trained.cross_validated.as_ref().map(|folds| {
            let by = match folds.by {
                FoldsBy::Chance => "",
                FoldsBy::Time => " by time",
            };
            let figures = folds.mean.named().into_iter().zip(folds.deviation.named());
            let figures = figures.map(|((name, mean), (_, deviation))| {
                format!("`{name}` {} ± {}", fixed(mean, 4), fixed(deviation, 4))
            });
            let figures: Vec<String> = figures.collect();
            format!(
                "Mean and standard deviation over {} folds{by} of the training rows: {}.",
                folds.folds,
                figures.join(", ")
            )
        }),
    }
}

/// From when to when the rows are, where the file says so.
fn window(job: &Job) -> Option<String> {
    let (dataset, split) = (&job.inputs.dataset, &job.inputs.split);
    let ends = |rows: &[usize]| -> Option<[Moment; 2]> {
        let times = || rows.iter().filter_map(|&row| dataset.sample.moment(row));
        Some([times().min()?, times().max()?])
    };
    let ([first, last], [test_first, test_last]) = (ends(&split.train)?, ends(&split.test)?);
    Some(format!(
        "Trained on {} rows from {first} to {last}, measured on {} rows from {test_first} to \
         {test_last}.",
        count(split.train.len()),
        count(split.test.len())
    ))
}

fn choices(job: &Job, trained: &TrainedModel) -> String {
    let options = &job.options;
    let threshold = Artifact::decode(&trained.artifact).map_or(f64::NAN, |a| a.threshold);
    let params = serde_json::to_string(&trained.params).unwrap_or_default();
    let found = match &trained.selection {
        Some(selection) => format!(
            "chosen by {} from {} trials over {} folds",
            selection.settings.metric.word(),
            count(selection.trials.len()),
            selection.settings.folds
        ),
        None => "with given or default hyperparameters, without a search".to_owned(),
    };
    format!(
        "A {}, {found}: `{params}`. Calibration: {}. Threshold: {} ({}). Inputs: {}.",
        kind_in_words(trained.params.kind().word()),
        options.calibration_of(&trained.params).word(),
        fixed(threshold, 4),
        threshold_in_words(options.threshold),
        job.inputs.schema.inputs().count()
    )
}
