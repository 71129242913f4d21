//! LightGBM's `model.txt`, version 3 and 4.
//!
//! The file is lines `key=value`: a head, a block for each tree, and at the end what the
//! Python package knows of categories. Thresholds and leaves have 17 digits, so that they read
//! back to the bit.

mod lines;
mod tree;

use model_core::calibration::Calibration;
use model_core::model::ModelKind;

use crate::error::{ImportError, broken, short, unsupported};
use crate::source::{Column, Content, Form, Library, Node, Source, Test, Trees};
use crate::{Link, Options};
use lines::{Block, File};

/// Reads a model; `text` is the whole file.
///
/// # Errors
/// When it is truncated or of another program, and when the model cannot be said exactly.
pub fn read(bytes: &[u8], options: &Options) -> Result<Source, ImportError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| broken("the file is not text: expected a model.txt of LightGBM"))?;
    let file = File::split(text)?;
    let head = &file.head;
    let version = version(head)?;
    one_output(head)?;
    let (logistic, sigmoid) = objective(head, options)?;
    let names = names(head)?;
    let infos: Vec<&str> = head.get("feature_infos")?.split(' ').collect();
    if infos.len() != names.len() {
        return Err(broken(format!(
            "the file has {} feature_names and {} feature_infos",
            names.len(),
            infos.len()
        )));
    }
    let mut trees = Vec::with_capacity(file.trees.len());
    for (index, block) in file.trees.iter().enumerate() {
        trees.push(tree::read(index, block)?);
    }
    let trees = Trees {
        trees,
        mean: head.has("average_output"),
        single: false,
        base: 0.0,
        weight: sigmoid,
        logistic,
        takes_missing: true,
    };
    let columns = columns(&names, &infos, &file, &trees)?;
    trees.check(&columns)?;
    Ok(Source {
        library: Library::LightGbm,
        version,
        kind: match (trees.mean, trees.trees.len()) {
            (true, 1) => ModelKind::DecisionTree,
            (true, _) => ModelKind::RandomForest,
            (false, _) => ModelKind::GradientBoosting,
        },
        columns,
        never_missing: Vec::new(),
        form: Form::Trees(trees),
        calibration: Calibration::None,
        classes: None,
        choices: match options.link {
            Some(link) => vec![("link", link.word().to_owned())],
            None => Vec::new(),
        },
    })
}

fn version(head: &Block<'_>) -> Result<String, ImportError> {
    match head.get("version")? {
        version @ ("v3" | "v4") => Ok(format!("format {version}")),
        other => Err(unsupported(format!(
            "the file has format '{}', supported are v3 and v4: save the model with LightGBM 2.3 to 4",
            short(other)
        ))),
    }
}

fn one_output(head: &Block<'_>) -> Result<(), ImportError> {
    let (classes, trees) = (head.get("num_class")?, head.get("num_tree_per_iteration")?);
    if classes == "1" && trees == "1" {
        return Ok(());
    }
    let classes = short(if classes == "1" { trees } else { classes });
    Err(unsupported(format!(
        "the model has {classes} classes (multiclass): only a model of two classes, with one probability, can be imported"
    )))
}

/// Whether the sum is log odds, and what it is multiplied by.
fn objective(head: &Block<'_>, options: &Options) -> Result<(bool, f64), ImportError> {
    let mut words = head.find("objective").unwrap_or_default().split(' ');
    let word = words.next().unwrap_or_default();
    match (word, options.link) {
        ("binary", None) => {
            let sigmoid = words.find_map(|word| word.strip_prefix("sigmoid:"));
            let factor = lines::number("objective", sigmoid.unwrap_or("1"))?;
            if factor > 0.0 && factor <= 100.0 {
                return Ok((true, factor));
            }
            Err(unsupported(format!(
                "the objective's sigmoid is {factor}, supported are numbers above 0 and at most 100"
            )))
        }
        ("cross_entropy" | "xentropy", None) => Ok((true, 1.0)),
        ("binary" | "cross_entropy" | "xentropy", Some(_)) => Err(unsupported(format!(
            "--link: the file says its objective, {word}, and with it how a sum becomes a probability: leave --link out"
        ))),
        ("" | "custom" | "none", Some(link)) => Ok((link == Link::Logistic, 1.0)),
        ("" | "custom" | "none", None) => Err(unsupported(
            "the model was trained with an objective of its own, and the file does not say how its sum becomes a probability: pass --link logistic or --link identity",
        )),
        ("regression" | "regression_l2", Some(Link::Identity))
            if words.all(|word| word != "sqrt") =>
        {
            Ok((false, 1.0))
        }
        ("regression" | "regression_l2", _) => Err(unsupported(
            "the objective is regression: its answer is no probability; where it was trained on 0 and 1, pass --link identity",
        )),
        (other, _) => Err(unsupported(format!(
            "the objective is {}: expected binary or cross_entropy, whose answer is the probability of a yes",
            short(other)
        ))),
    }
}

fn names<'a>(head: &Block<'a>) -> Result<Vec<&'a str>, ImportError> {
    let names: Vec<&str> = head.get("feature_names")?.split(' ').collect();
    let last: usize = lines::whole("max_feature_idx", head.get("max_feature_idx")?)?;
    if last.checked_add(1) != Some(names.len()) {
        return Err(broken(format!(
            "the file has {} feature_names and max_feature_idx {last}",
            names.len()
        )));
    }
    Ok(names)
}

fn columns(
    names: &[&str],
    infos: &[&str],
    file: &File<'_>,
    trees: &Trees,
) -> Result<Vec<Column>, ImportError> {
    let mut is_category: Vec<bool> = infos.iter().map(|info| lists_codes(info)).collect();
    for column in file.categorical_columns()? {
        if let Some(is_category) = is_category.get_mut(column) {
            *is_category = true;
        }
    }
    for node in trees.trees.iter().flat_map(|tree| &tree.nodes) {
        if let Node::Split {
            column,
            test: Test::Set(_),
            ..
        } = node
            && let Some(is_category) = is_category.get_mut(*column)
        {
            *is_category = true;
        }
    }
    let mut texts = file.pandas_categories()?;
    let count = is_category.iter().filter(|is| **is).count();
    if let Some(texts) = &texts
        && texts.len() != count
    {
        return Err(broken(format!(
            "the file has categories of {} columns, and {count} of its columns are categorical",
            texts.len()
        )));
    }
    let mut texts = texts.iter_mut().flatten();
    let columns = names.iter().zip(is_category).map(|(name, is_category)| {
        let mut column = Column::number(*name);
        if is_category {
            let names = texts.next().map(std::mem::take);
            column.content = Content::Category { names };
        }
        column
    });
    Ok(columns.collect())
}

/// `0:2:1`, where a number has `[0:2]` and a column that is not used `none`.
fn lists_codes(info: &str) -> bool {
    !info.is_empty() && info.split(':').all(|code| code.parse::<i64>().is_ok())
}
