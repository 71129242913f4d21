//! From the schema's inputs to the columns that a model sees.

pub(crate) mod policies;
mod texts;

use model_core::schema::{Coding, Feature, FeatureKind, Missing, Schema, SchemaFile, Unknown};

use crate::error::{ImportError, listed, mismatch, short};
use crate::source::{Column, Content, Library, Source, Step};

/// A column as a function of one input.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    /// The number of the input, in schema order.
    pub(crate) input: usize,
    pub(crate) given: Given,
    /// What the column holds where the input is missing, before the steps.
    pub(crate) missing: f64,
    pub(crate) steps: Vec<Step>,
}

/// What a column holds where the input has a value, before the steps.
#[derive(Debug, Clone)]
pub(crate) enum Given {
    /// The number.
    Itself,
    /// The same for every number.
    Constant(f64),
    /// For false and for true.
    Boolean([f64; 2]),
    /// For each category of the schema, and for all others.
    Texts { of: Vec<f64>, other: f64 },
}

/// What of a model and a schema belongs together.
pub(crate) struct Binding {
    /// In the order of the model's columns.
    pub(crate) columns: Vec<Bound>,
    /// What is not wrong, and worth knowing.
    pub(crate) notes: Vec<String>,
}

impl Bound {
    /// What the model sees for a value of the column; NaN is missing.
    pub(crate) fn after_steps(&self, x: f64) -> f64 {
        self.steps.iter().fold(x, |x, step| step.apply(x))
    }

    /// Checks that nothing is decided that a model refuses which takes no missing values.
    ///
    /// # Errors
    /// Names the input whose policy lets such a value through.
    pub(crate) fn refuse_missing(&self, feature: &Feature) -> Result<(), ImportError> {
        let name = &feature.name;
        if decides_missing(feature) && self.after_steps(self.missing).is_nan() {
            let policy = feature.missing.word();
            return Err(mismatch(format!(
                "feature '{name}': missing = \"{policy}\", and the model takes no missing values: use error"
            )));
        }
        let unknown = feature.categories().map(|categories| categories.unknown);
        match &self.given {
            Given::Texts { other, .. } if unknown == Some(Unknown::Other) && other.is_nan() => {
                Err(mismatch(format!(
                    "feature '{name}': unknown = \"other\", which is a missing value to the model, and it takes none: use unknown = \"error\""
                )))
            }
            _ => Ok(()),
        }
    }
}

/// Whether the schema lets a missing value come to the model, or puts something in its place that
/// is not compared with the model's own imputer.
fn decides_missing(feature: &Feature) -> bool {
    match feature.missing {
        Missing::Native | Missing::Zero | Missing::Other => true,
        Missing::Error | Missing::Impute | Missing::MostFrequent => false,
    }
}

/// Finds for each column of the model the input that it is made from.
///
/// # Errors
/// Names a column that no input makes, an input that no column takes, or a category that one
/// side does not know.
pub(crate) fn bind(source: &Source, file: &SchemaFile) -> Result<Binding, ImportError> {
    let schema = &file.schema;
    let mut binding = Binding {
        columns: Vec::with_capacity(source.columns.len()),
        notes: Vec::new(),
    };
    let inputs: Vec<&Feature> = schema.inputs().collect();
    for (index, column) in source.columns.iter().enumerate() {
        let twice = source.columns[..index]
            .iter()
            .any(|c| c.name == column.name);
        if twice && source.library != Library::Sklearn {
            let name = short(&column.name);
            return Err(mismatch(format!(
                "the model has two columns named '{name}'"
            )));
        }
        let bound = match indicator(&column.name, &inputs, &file.codings) {
            Some((input, code)) => one_of(column, inputs[input], input, code)?,
            None => {
                let input = input_named(&column.name, &inputs, source.library)
                    .ok_or_else(|| no_input(column, source, file))?;
                let coding = file
                    .codings
                    .iter()
                    .find(|c| c.feature == inputs[input].name);
                bind_column(
                    column,
                    inputs[input],
                    input,
                    coding,
                    source,
                    &mut binding.notes,
                )?
            }
        };
        binding.columns.push(bound);
    }
    every_input_is_taken(schema, &inputs, &binding.columns, source)?;
    Ok(binding)
}

/// The input and its category that the schema says a column is the indicator of.
fn indicator(name: &str, inputs: &[&Feature], codings: &[Coding]) -> Option<(usize, usize)> {
    inputs.iter().enumerate().find_map(|(input, feature)| {
        let coding = codings
            .iter()
            .find(|coding| coding.feature == feature.name)?;
        let mut columns = coding.columns.iter();
        let (category, _) = columns.find(|(_, column)| same_name(column, name))?;
        let mut values = feature.categories()?.values.iter();
        Some((input, values.position(|value| value == category)?))
    })
}

/// LightGBM writes an underscore for a space.
fn same_name(ours: &str, theirs: &str) -> bool {
    ours == theirs || ours.replace(' ', "_") == theirs
}

fn input_named(name: &str, inputs: &[&Feature], library: Library) -> Option<usize> {
    let exact = inputs.iter().position(|feature| feature.name == name);
    let close = || {
        inputs
            .iter()
            .position(|feature| same_name(&feature.name, name))
    };
    match library {
        Library::LightGbm => exact.or_else(close),
        Library::XgBoost | Library::Sklearn => exact,
    }
}

fn one_of(
    column: &Column,
    feature: &Feature,
    input: usize,
    code: usize,
) -> Result<Bound, ImportError> {
    if column.content != Content::Number {
        let (name, column) = (&feature.name, short(&column.name));
        return Err(mismatch(format!(
            "feature '{name}': columns names '{column}', which is a category to the model, not an indicator of 0 and 1"
        )));
    }
    let categories = feature.categories().map_or(0, |c| c.values.len());
    let mut of = vec![0.0; categories];
    of[code] = 1.0;
    Ok(Bound {
        input,
        given: Given::Texts { of, other: 0.0 },
        // Nothing is set where nothing is known.
        missing: 0.0,
        steps: column.steps.clone(),
    })
}

fn bind_column(
    column: &Column,
    feature: &Feature,
    input: usize,
    coding: Option<&Coding>,
    source: &Source,
    notes: &mut Vec<String>,
) -> Result<Bound, ImportError> {
    let bound = |given, missing| Bound {
        input,
        given,
        missing,
        steps: column.steps.clone(),
    };
    let name = &feature.name;
    match (&column.content, &feature.kind) {
        (Content::Number, FeatureKind::Category(_)) => {
            let coding = coding.filter(|coding| !coding.codes.is_empty()).ok_or_else(|| {
                mismatch(format!(
                    "feature '{name}': the model takes it as a number and the schema as a category: say the number of each category (codes = {{ \"…\" = 0 }}), or make it a number"
                ))
            })?;
            Ok(bound(
                texts::coded(feature, coding)?,
                column.missing.unwrap_or(f64::NAN),
            ))
        }
        (Content::Number, _) => Ok(bound(Given::Itself, column.missing.unwrap_or(f64::NAN))),
        (Content::Category { names }, FeatureKind::Category(_)) => {
            let given = texts::category(feature, coding, names.as_deref(), source.library, notes)?;
            Ok(bound(given, f64::NAN))
        }
        (Content::Category { .. }, _) => Err(mismatch(format!(
            "feature '{name}': the model takes it as a category, the schema as a {}: give it type = \"category\" with its categories",
            feature.kind.word()
        ))),
        (Content::Texts { of, other, missing }, _) => {
            let given = texts::listed_texts(feature, of, *other)?;
            let filled = column.fill.as_deref().and_then(|fill| find(of, fill));
            let missing = match filled.or(*missing) {
                Some(missing) => missing,
                None if decides_missing(feature) => {
                    return Err(mismatch(format!(
                        "feature '{name}': missing = \"{}\", and the model has never seen a missing value of it: use error",
                        feature.missing.word()
                    )));
                }
                None => f64::NAN,
            };
            Ok(bound(given, missing))
        }
        (Content::IsMissing, FeatureKind::Category(categories)) => {
            let of = vec![0.0; categories.values.len()];
            Ok(bound(Given::Texts { of, other: 0.0 }, 1.0))
        }
        (Content::IsMissing, _) => Ok(bound(Given::Constant(0.0), 1.0)),
    }
}

fn find(texts: &[(String, f64)], text: &str) -> Option<f64> {
    let mut texts = texts.iter();
    texts.find_map(|(name, number)| (name == text).then_some(*number))
}

fn no_input(column: &Column, source: &Source, file: &SchemaFile) -> ImportError {
    let name = short(&column.name);
    if source
        .columns
        .iter()
        .enumerate()
        .all(|(index, column)| is_made_up(&column.name, index))
    {
        return mismatch(format!(
            "the file does not know the names of its columns ('{name}' and so on): train from a DataFrame, or pass the names when training"
        ));
    }
    if let Some(feature) = file.schema.features.iter().find(|f| f.name == column.name) {
        return mismatch(format!(
            "the model decides on '{name}', and the schema gives it the role {}: make it an input",
            feature.role.word(),
        ));
    }
    let nearest = file.schema.nearest_feature(&column.name);
    let hint = nearest.map_or(String::new(), |nearest| {
        format!(" (did you mean '{nearest}'?)")
    });
    mismatch(format!(
        "the model has a column '{name}' that no input of the schema makes{hint}: add a feature of that name, where it is computed one with derived, or where it is the indicator of a category say so with columns"
    ))
}

/// `Column_3` or `f3`: the names of columns that had none.
fn is_made_up(name: &str, index: usize) -> bool {
    let number = name
        .strip_prefix("Column_")
        .or_else(|| name.strip_prefix('f'));
    number.is_some_and(|number| number.parse() == Ok(index))
}

/// An input that no column takes may still be what a derived one is computed from.
fn every_input_is_taken(
    schema: &Schema,
    inputs: &[&Feature],
    columns: &[Bound],
    source: &Source,
) -> Result<(), ImportError> {
    let is_needed = |feature: &Feature| {
        let place = schema
            .features
            .iter()
            .position(|other| other.name == feature.name);
        let formulas = inputs.iter().filter_map(|input| input.derived.as_deref());
        let mut needed = formulas.flat_map(|derived| derived.formula.fields());
        needed.any(|field| Some(usize::from(field)) == place)
    };
    let is_taken = |input: usize| columns.iter().any(|column| column.input == input);
    let mut left = inputs
        .iter()
        .enumerate()
        .filter(|(input, feature)| !is_taken(*input) && !is_needed(feature));
    match left.next() {
        None => Ok(()),
        Some((_, feature)) => Err(mismatch(format!(
            "the model does not know the input '{}': give it role = \"ignored\" (the model has {})",
            feature.name,
            listed(source.columns.iter().map(|column| column.name.as_str()))
        ))),
    }
}
