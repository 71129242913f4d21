//! XGBoost's JSON and UBJSON, as `save_model` has written them since 1.0.
//!
//! Both say the same document. Keys that nobody asks for are passed over, since every version
//! adds some.

mod document;
mod objective;
mod tree;

pub(crate) use document::{Value, read as read_document};

use model_core::calibration::Calibration;
use model_core::model::ModelKind;

use crate::error::{ImportError, broken, short, unsupported};
use crate::source::{Column, Content, Form, Library, Source, Trees};
use crate::{Options, TreeRange};

/// Reads a model.
///
/// # Errors
/// When the file is damaged or of another program, and when the model cannot be said exactly.
pub fn read(bytes: &[u8], options: &Options) -> Result<Source, ImportError> {
    let document = read_document(bytes)?;
    if document.find("Model").is_some() && document.find("Config").is_some() {
        return Err(broken(
            "the file is a snapshot of memory (with Config and Model): save the model with save_model",
        ));
    }
    let learner = document.get(&["learner"])?;
    let version = version(&document);
    one_output(learner)?;
    let (booster, drops) = booster(learner)?;
    let (logistic, base) = objective::read(learner, options)?;
    let model = booster.get(&["model"])?;
    let (range, mut choices) = tree_range(learner, model, options)?;
    let listed = model
        .get(&["trees"])?
        .list()
        .ok_or_else(|| wrong("trees"))?;
    let listed = listed.get(range.clone()).ok_or_else(|| {
        broken(format!(
            "the file has {} trees, and {} decide: it is incomplete",
            listed.len(),
            range.end
        ))
    })?;
    let columns = columns(learner, model)?;
    let band = options.missing.map(tree::same_single);
    let mut trees = Vec::with_capacity(listed.len());
    for (index, tree) in listed.iter().enumerate() {
        let weight = match drops {
            Some(drops) => *drops.get(index).ok_or_else(|| wrong("weight_drop"))?,
            None => 1.0,
        };
        trees.push(tree::read(index, tree, weight as f32, band)?);
    }
    let trees = Trees {
        trees,
        mean: false,
        single: true,
        base,
        weight: 1.0,
        logistic,
        takes_missing: true,
    };
    trees.check(&columns)?;
    choices.extend(options.link.map(|link| ("link", link.word().to_owned())));
    choices.extend(
        options
            .missing
            .map(|missing| ("missing", missing.to_string())),
    );
    Ok(Source {
        library: Library::XgBoost,
        version,
        kind: ModelKind::GradientBoosting,
        columns,
        never_missing: Vec::new(),
        form: Form::Trees(trees),
        calibration: Calibration::None,
        classes: None,
        choices,
    })
}

fn wrong(key: &str) -> ImportError {
    broken(format!(
        "'{key}' has another form than XGBoost writes: the file is damaged"
    ))
}

fn version(document: &Value) -> String {
    let numbers = document.find("version").and_then(Value::numbers);
    let numbers: Vec<String> = numbers
        .unwrap_or_default()
        .iter()
        .map(f64::to_string)
        .collect();
    if numbers.is_empty() {
        "of unknown version".to_owned()
    } else {
        numbers.join(".")
    }
}

/// A number that the file writes as a text.
fn parameter(learner: &Value, path: &[&str]) -> Result<Option<u64>, ImportError> {
    let Ok(value) = learner.get(path) else {
        return Ok(None);
    };
    let number = value.text().and_then(|text| text.parse().ok());
    let number = number.or_else(|| value.number().map(|number| number as u64));
    number.map(Some).ok_or_else(|| wrong(&path.join(".")))
}

fn one_output(learner: &Value) -> Result<(), ImportError> {
    let classes = parameter(learner, &["learner_model_param", "num_class"])?;
    if let Some(classes @ 2..) = classes {
        return Err(unsupported(format!(
            "the model has {classes} classes (multiclass): only a model of two classes, with one probability, can be imported"
        )));
    }
    let targets = parameter(learner, &["learner_model_param", "num_target"])?;
    if let Some(targets @ 2..) = targets {
        return Err(unsupported(format!(
            "the model has {targets} targets (multi-output): only one can be imported"
        )));
    }
    Ok(())
}

/// The booster, and what DART multiplies its trees by.
fn booster(learner: &Value) -> Result<(&Value, Option<&[f64]>), ImportError> {
    let booster = learner.get(&["gradient_booster"])?;
    let name = booster
        .find("name")
        .and_then(Value::text)
        .unwrap_or_default();
    let drops = |value: &'_ Value| value.numbers().is_some();
    match name {
        "gbtree" => {
            let found = booster.get(&["model"])?.find("weight_drop");
            let found = found.filter(|value| drops(value)).and_then(Value::numbers);
            Ok((booster, found.filter(|numbers| !numbers.is_empty())))
        }
        // Before 3.4.
        "dart" => {
            let weights = booster.get(&["weight_drop"])?.numbers();
            let weights = weights.ok_or_else(|| wrong("weight_drop"))?;
            Ok((booster.get(&["gbtree"])?, Some(weights)))
        }
        "gblinear" => Err(unsupported(
            "the booster is gblinear, a linear model: only trees (gbtree, dart) can be imported from XGBoost",
        )),
        other => Err(unsupported(format!(
            "the booster is '{}': expected gbtree or dart",
            short(other)
        ))),
    }
}

type Choices = Vec<(&'static str, String)>;

/// The trees that decide.
fn tree_range(
    learner: &Value,
    model: &Value,
    options: &Options,
) -> Result<(std::ops::Range<usize>, Choices), ImportError> {
    let all = model.get(&["trees"])?.list().map_or(0, <[Value]>::len);
    let best = learner
        .find("attributes")
        .and_then(|attributes| attributes.find("best_iteration"));
    let Some(best) = best else {
        return Ok((0..all, Vec::new()));
    };
    if options.trees == TreeRange::All {
        return Ok((0..all, vec![("trees", "all".to_owned())]));
    }
    let number = best.text().and_then(|text| text.parse::<usize>().ok());
    let best = number.ok_or_else(|| wrong("attributes.best_iteration"))?;
    let next = best
        .checked_add(1)
        .ok_or_else(|| wrong("attributes.best_iteration"))?;
    let ends = model.find("iteration_indptr").and_then(Value::numbers);
    let end = match ends {
        Some(ends) => ends.get(next).map(|end| *end as usize),
        None => {
            let path = ["gbtree_model_param", "num_parallel_tree"];
            let parallel = parameter(model, &path)?.unwrap_or(1).max(1);
            next.checked_mul(parallel as usize)
        }
    };
    let end = end.ok_or_else(|| wrong("attributes.best_iteration"))?;
    let choice = format!("best, {end} of {all}");
    Ok((0..end, vec![("trees", choice)]))
}

fn columns(learner: &Value, model: &Value) -> Result<Vec<Column>, ImportError> {
    let count = parameter(learner, &["learner_model_param", "num_feature"])?;
    let count = count.and_then(|count| usize::try_from(count).ok());
    let names = learner
        .find("feature_names")
        .and_then(Value::texts)
        .unwrap_or_default();
    let types = learner
        .find("feature_types")
        .and_then(Value::texts)
        .unwrap_or_default();
    let names: Vec<String> = match (names.is_empty(), count) {
        (false, _) => names.into_iter().map(str::to_owned).collect(),
        (true, Some(count)) if count <= model_core::forest::MAX_FEATURES => {
            (0..count).map(|index| format!("f{index}")).collect()
        }
        (true, _) => return Err(broken("the file has neither feature_names nor num_feature")),
    };
    let categories = model
        .find("cats")
        .map(|cats| enc(cats, names.len()))
        .transpose()?;
    let columns = names.into_iter().enumerate().map(|(index, name)| {
        let mut column = Column::number(name);
        if types.get(index) == Some(&"c") {
            let names = categories.as_ref().and_then(|all| all.get(index).cloned());
            column.content = Content::Category {
                names: names.flatten(),
            };
        }
        column
    });
    Ok(columns.collect())
}

/// The texts of the categories of each column that has some.
fn enc(cats: &Value, columns: usize) -> Result<Vec<Option<Vec<String>>>, ImportError> {
    let list = cats
        .get(&["enc"])?
        .list()
        .ok_or_else(|| wrong("cats.enc"))?;
    if !list.is_empty() && list.len() != columns {
        return Err(wrong("cats.enc"));
    }
    list.iter().map(names_of).collect()
}

/// Texts as the ends of each among the bytes of all, or numbers.
fn names_of(column: &Value) -> Result<Option<Vec<String>>, ImportError> {
    let problem = || wrong("cats.enc");
    let values = column.get(&["values"])?.numbers().ok_or_else(problem)?;
    let Some(offsets) = column.find("offsets") else {
        let text = |number: &f64| model_core::value::number_text(*number);
        return Ok(Some(values.iter().map(text).collect()));
    };
    let offsets = offsets.numbers().ok_or_else(problem)?;
    if offsets.is_empty() {
        return Ok(None);
    }
    // Bytes are signed in some versions.
    let bytes: Vec<u8> = values.iter().map(|value| *value as i16 as u8).collect();
    let texts = offsets.windows(2).map(|pair| {
        let bytes = bytes
            .get(pair[0] as usize..pair[1] as usize)
            .ok_or_else(problem)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| {
            broken(
                "'cats.enc' has the name of a category that is not UTF-8: XGBoost cuts letters beyond ASCII when it saves a model; rename the categories and train again",
            )
        })
    });
    texts.collect::<Result<_, _>>().map(Some)
}
