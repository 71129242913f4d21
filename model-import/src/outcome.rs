//! Which outcome the model's probability is of, and whether the check rows agree.

use model_core::schema::{Coding, SchemaFile, Target, TargetKind};
use model_core::value::boolean_word;
use model_train::dataset::outcome_in_file;
use model_train::evaluate::roc_auc;

use crate::error::{ImportError, mismatch, short};
use crate::forest::Outcome;
use crate::source::Source;

/// Standard deviations below one half at which an area under the curve is no accident.
const BY_CHANCE: f64 = 1.96;

/// What the classes of a model mean in a schema.
#[derive(Debug, Clone)]
pub(crate) struct Class {
    /// Whether the class whose probability the file gives is the positive outcome.
    pub(crate) outcome: Outcome,
    /// That class, where the schema had to say it, as `name = value`.
    pub(crate) said: Option<String>,
    /// The class that is approved.
    approved: String,
}

/// Finds out which outcome the class is whose probability the file gives.
///
/// # Errors
/// When neither the file nor the schema says it, or they contradict each other.
pub(crate) fn class(source: &Source, file: &SchemaFile) -> Result<Class, ImportError> {
    let target = &file.schema.target;
    let mut codings = file.codings.iter();
    let coding = codings.find(|coding| coding.feature == target.name);
    // Libraries that know only 0 and 1.
    let numbers = || ["0", "1"].map(str::to_owned);
    let [no, yes] = source.classes.clone().unwrap_or_else(numbers);
    let outcome = match [&no, &yes].map(|class| is_positive(class, target, coding)) {
        [Some(false), Some(true)] => Outcome::Positive,
        [Some(true), Some(false)] => Outcome::Negative,
        _ => return Err(unknown([&no, &yes], source, target, coding)),
    };
    let category = |coding: &Coding| {
        let mut codes = coding.codes.iter();
        let (category, _) = codes.find(|(_, code)| yes.parse() == Ok(**code))?;
        Some(format!("class_{yes} = {category}"))
    };
    Ok(Class {
        said: coding.and_then(category),
        approved: if outcome == Outcome::Positive {
            yes
        } else {
            no
        },
        outcome,
    })
}

/// Whether a class of a model is the positive outcome; `None` where nothing says it.
fn is_positive(class: &str, target: &Target, coding: Option<&Coding>) -> Option<bool> {
    match &target.kind {
        TargetKind::Boolean { positive } => {
            boolean_word(&class.to_lowercase()).map(|value| value == *positive)
        }
        kind @ TargetKind::Category { .. } => {
            let number = class.parse::<f64>().ok();
            let mut codes = coding.into_iter().flat_map(|coding| &coding.codes);
            let coded = codes.find(|(_, code)| Some(**code) == number);
            kind.outcome(coded.map_or(class, |(category, _)| category))
        }
    }
}

fn unknown(
    [no, yes]: [&str; 2],
    source: &Source,
    target: &Target,
    coding: Option<&Coding>,
) -> ImportError {
    let (name, library) = (&target.name, source.library.name());
    let [negative, positive] = target.kind.texts();
    let (no, yes) = (short(no), short(yes));
    let is_category = matches!(target.kind, TargetKind::Category { .. });
    if source.classes.is_none() && is_category && coding.is_none() {
        return mismatch(format!(
            "target '{name}': a file of {library} does not say whether its class 1, which the probability is of, is '{positive}' or '{negative}': say the class of each with codes, such as codes = {{ \"{negative}\" = 1, \"{positive}\" = 0 }} where 1 was '{negative}' in training"
        ));
    }
    let what_to_do = if is_category {
        "say the class of each with codes"
    } else {
        "make it a category with these two"
    };
    mismatch(format!(
        "target '{name}': the model has the classes '{no}' and '{yes}', the schema '{negative}' and '{positive}': {what_to_do}"
    ))
}

impl Class {
    /// Whom the model approves, for people.
    pub(crate) fn approves(&self, target: &Target) -> String {
        format!(
            "applications likely to be {}, class {} of the model",
            outcome_in_file(target, true),
            short(&self.approved)
        )
    }
}

/// Compares the probabilities of the positive outcome with what became of the check rows, where
/// they say it. A model that is the wrong way round is far below an area under the ROC curve of
/// one half; by chance it has the standard deviation `sqrt((m + n + 1) / (12 m n))` for `m` and
/// `n` rows of the two outcomes (Mann and Whitney, 1947).
///
/// # Errors
/// When the area is below one half by more than chance.
pub(crate) fn agrees(
    outcomes: &[Option<bool>],
    ours: &[f64],
    target: &Target,
    class: &Class,
) -> Result<Option<String>, ImportError> {
    let known = outcomes.iter().zip(ours);
    let known = known.filter_map(|(outcome, ours)| Some(((*outcome)?, *ours)));
    let (answers, ours): (Vec<bool>, Vec<f64>) = known.unzip();
    let Some(area) = roc_auc(&answers, &ours).filter(|area| *area < 0.5) else {
        return Ok(None);
    };
    let rows = answers.len();
    let positive = answers.iter().filter(|yes| **yes).count();
    let pairs = positive as f64 * (rows - positive) as f64;
    let deviation = ((rows + 1) as f64 / (12.0 * pairs)).sqrt();
    let (name, approved) = (&target.name, class.approves(target));
    let found = format!(
        "the model approves {approved}, and of {rows} check rows those have the lower probabilities (ROC AUC {area:.3} against their column '{name}')"
    );
    if 0.5 - area <= BY_CHANCE * deviation {
        return Ok(Some(found));
    }
    let kind = match target.kind {
        TargetKind::Boolean { .. } => "positive in the schema",
        TargetKind::Category { .. } => "positive and codes in the schema",
    };
    Err(ImportError::Check(format!(
        "{found}: it may be the wrong way round; nothing was written; correct {kind}, or leave the column out of the check rows if it is right"
    )))
}
