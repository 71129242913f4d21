//! Applications from a CSV file, as a decision reads them: nothing is filled in, clamped or
//! computed before the model does it.

use std::collections::BTreeMap;
use std::io::Read;

use model_core::decide::{Decider, Judgement};
use model_core::json::Writer;
use model_core::schema::{Categories, Feature, FeatureKind, MissingValues, Role, Schema};
use model_core::value::{Value, number_text, read};
use model_files::csv::{Row, Table};

use crate::error::{DataError, DataErrorKind, shortened};

/// Applications, column by column.
#[derive(Debug, Clone)]
pub struct Applications {
    /// The line of each row in its file; the first is 1.
    pub lines: Vec<u64>,
    /// The text of the column that was asked for beside the schema's, a cell a row.
    pub extra: Vec<String>,
    /// For each feature of the schema one value a row in the model's terms, NaN where it is
    /// missing; nothing where the file lacks the column or it has no meaning.
    columns: Vec<Option<Vec<f64>>>,
    /// For each row with a value that cannot be read, what is wrong with it.
    unreadable: BTreeMap<usize, String>,
    schema: Schema,
    name: String,
}

/// What happens to a row with a value that cannot be read, such as a word for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// The file is wrong, unless another schema that it is read by can read the row: then the
    /// model refuses it.
    Fail,
    /// The model refuses the row, as it refuses such a request.
    Refuse,
}

/// Where the columns of a file are.
struct Places {
    /// For each feature of the schema.
    features: Vec<Option<usize>>,
    extra: Option<usize>,
}

impl Applications {
    /// Reads a file by the schema of a model. `name` is what errors call the file, `extra` a
    /// column beside those of the schema. `progress` is called with the bytes read so far.
    ///
    /// # Errors
    /// Names file, line and column, what was expected and what came.
    pub fn read(
        source: impl Read,
        name: &str,
        schema: &Schema,
        extra: Option<&str>,
        unreadable: Unreadable,
        progress: impl FnMut(u64),
    ) -> Result<Self, DataError> {
        let read = Self::read_each(source, name, [schema], extra, unreadable, progress);
        read.map(|[applications]| applications)
    }

    /// The same by the schemas of several models in one pass: what means missing, and what
    /// cannot be read, may differ.
    ///
    /// # Errors
    /// As [`Applications::read`].
    pub fn read_each<const N: usize>(
        source: impl Read,
        name: &str,
        schemas: [&Schema; N],
        extra: Option<&str>,
        unreadable: Unreadable,
        mut progress: impl FnMut(u64),
    ) -> Result<[Self; N], DataError> {
        let mut table = Table::open(source, name)?;
        Places::check(&table, &schemas, extra)?;
        let places = schemas.map(|schema| Places::find(&table, schema, extra));
        let mut each: [Self; N] =
            std::array::from_fn(|nth| Self::new(name, schemas[nth], &places[nth]));
        let mut rows = 0;
        while let Some(row) = table.next_row()? {
            rows += 1;
            let read = each.iter_mut().zip(&places);
            let errors = read.filter_map(|(one, places)| one.push(&row, places));
            let errors: Vec<DataError> = errors.collect();
            let fails = unreadable == Unreadable::Fail && errors.len() == N;
            if let Some(error) = errors.into_iter().next().filter(|_| fails) {
                return Err(error);
            }
        }
        progress(table.bytes_read());
        match rows {
            0 => Err(DataError::in_file(
                name,
                DataErrorKind::NoRows { expected: 1 },
            )),
            _ => Ok(each),
        }
    }

    fn new(name: &str, schema: &Schema, places: &Places) -> Self {
        let column = |place: &Option<usize>| place.map(|_| Vec::new());
        Self {
            lines: Vec::new(),
            extra: Vec::new(),
            columns: places.features.iter().map(column).collect(),
            unreadable: BTreeMap::new(),
            schema: schema.clone(),
            name: name.to_owned(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// What errors call the file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Answers what is wrong with the first value that cannot be read.
    fn push(&mut self, row: &Row<'_>, places: &Places) -> Option<DataError> {
        let at = self.lines.len();
        let mut wrong = None;
        let features = self.schema.features.iter().zip(&places.features);
        for ((feature, place), column) in features.zip(&mut self.columns) {
            if let (Some(place), Some(column)) = (place, column) {
                let cell = row.field(*place);
                let value = Value::from_text(cell);
                column.push(match read(feature, value, &self.schema.missing_values) {
                    Ok(reading) => reading.code(),
                    Err(error) => {
                        let reason = format!("{}: {}", feature.name, error.message);
                        self.unreadable.entry(at).or_insert(reason);
                        wrong.get_or_insert_with(|| {
                            let (file, line) = (&self.name, row.line);
                            DataError::invalid_value(file, line, &feature.name, error, cell)
                        });
                        f64::NAN
                    }
                });
            }
        }
        self.extra
            .extend(places.extra.map(|place| row.field(place).trim().to_owned()));
        self.lines.push(row.line);
        wrong
    }

    /// Decides every row in order: calls `each` with its index, its judgement, or `None` where
    /// the model refuses it, and the decider, which then tells which rules matched.
    ///
    /// # Errors
    /// When the model asks for other columns.
    pub fn judge(
        &self,
        decider: &mut Decider,
        mut each: impl FnMut(usize, Option<Judgement>, &Decider),
    ) -> Result<(), String> {
        let schema = &decider.artifact().schema;
        check_columns(schema, &self.schema)?;
        if let Some(value) = other_missing_value(schema, &self.schema) {
            return Err(format!(
                "its schema has other missing_values than the one that the file was read by (only one has '{value}')"
            ));
        }
        let features = self.schema.features.iter().enumerate();
        let inputs = features.filter(|(_, feature)| feature.role == Role::Input);
        let inputs = inputs.map(|(index, _)| index);
        let mut values = Vec::with_capacity(self.rows() * self.columns.len());
        for index in inputs.chain(decider.rule_columns().iter().copied()) {
            match &self.columns[index] {
                Some(column) => values.extend_from_slice(column),
                None => values.resize(values.len() + self.rows(), f64::NAN),
            }
        }
        decider.judge_rows(&values, self.rows(), |row, judgement, decider| {
            let is_readable = !self.unreadable.contains_key(&row);
            each(row, judgement.filter(|_| is_readable), decider);
        })
    }

    /// Why the model refuses a row, as an answer says it: the field, and what is wrong.
    #[must_use]
    pub fn refusal(&self, decider: &mut Decider, row: usize) -> String {
        if let Some(reason) = self.unreadable.get(&row) {
            return reason.clone();
        }
        let features = self.schema.features.iter().zip(&self.columns);
        let given = features.filter_map(|(feature, column)| Some((feature, column.as_ref()?[row])));
        refusal(decider, given).message
    }
}

/// Whether a file is read for the model of a schema as for that of another one, but for what
/// means missing.
pub(crate) fn check_columns(schema: &Schema, other: &Schema) -> Result<(), String> {
    let asked = |schema: &Schema| -> Vec<_> {
        let features = schema.features.iter();
        features
            .map(|f| (f.name.clone(), read_as(f), f.role))
            .collect()
    };
    match asked(schema) == asked(other) {
        true => Ok(()),
        false => Err("its schema has other columns than the one that the file was read by".into()),
    }
}

/// The type, without what people call its categories.
pub(crate) fn read_as(feature: &Feature) -> FeatureKind {
    match &feature.kind {
        FeatureKind::Category(categories) => FeatureKind::Category(Categories {
            labels: Vec::new(),
            ..categories.clone()
        }),
        other => other.clone(),
    }
}

/// Whether every cell has the same code by both types. Ranges change no code, nor does what happens
/// to a category that is not listed.
pub(crate) fn same_codes(one: &FeatureKind, other: &FeatureKind) -> bool {
    match (one, other) {
        (FeatureKind::Category(one), FeatureKind::Category(other)) => one.values == other.values,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}

/// The first value that means missing to only one of two models.
pub(crate) fn other_missing_value(one: &Schema, other: &Schema) -> Option<String> {
    let only = |one: &Schema, other: &Schema| {
        let mut texts = one.missing_values.texts().iter();
        texts
            .find(|text| !other.missing_values.has_text(text))
            .cloned()
    };
    only(one, other).or_else(|| only(other, one))
}

/// Why a model refuses an application.
pub(crate) struct Refusal {
    /// Pydantic's error type.
    pub(crate) kind: String,
    /// The field, and what is wrong.
    pub(crate) message: String,
}

/// Asks a model why it refuses an application: fields with values in the model's terms.
pub(crate) fn refusal<'f>(
    decider: &mut Decider,
    values: impl Iterator<Item = (&'f Feature, f64)>,
) -> Refusal {
    let mut answer = Vec::new();
    let request = request(&decider.artifact().schema, values);
    decider.decide(&request, &mut answer);
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
    let first = &answer["detail"][0];
    let message = first["msg"].as_str().unwrap_or("the model refuses the row");
    let field = first["loc"].as_array().and_then(|path| path.last());
    Refusal {
        kind: first["type"].as_str().unwrap_or_default().to_owned(),
        message: match field.and_then(serde_json::Value::as_str) {
            Some(field) if field != "body" => format!("{field}: {message}"),
            _ => message.to_owned(),
        },
    }
}

/// The codes of the reasons why an application is no approval, the most important first,
/// separated by semicolons; empty for an approval, and for a model without profiles.
pub(crate) fn reason_codes<'f>(
    decider: &mut Decider,
    values: impl Iterator<Item = (&'f Feature, f64)>,
) -> String {
    let mut explanation = Vec::new();
    let request = request(&decider.artifact().schema, values);
    decider.explain(&request, &mut explanation);
    let explanation: serde_json::Value = serde_json::from_slice(&explanation).unwrap_or_default();
    let reasons = explanation["reasons"].as_array().into_iter().flatten();
    let codes: Vec<&str> = reasons
        .filter_map(|reason| reason["code"].as_str())
        .collect();
    codes.join(";")
}

/// What a decision about an application adjusted, as `feature:kind:to` joined by semicolons. `to`
/// is empty where the value stays missing.
pub(crate) fn adjustments<'f>(
    decider: &mut Decider,
    values: impl Iterator<Item = (&'f Feature, f64)>,
) -> String {
    let mut answer = Vec::new();
    let request = request(&decider.artifact().schema, values);
    decider.decide(&request, &mut answer);
    let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
    let list = answer["adjustments"].as_array().into_iter().flatten();
    let each = list.map(|one| {
        let to = match &one["to"] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let text = |key: &str| one[key].as_str().unwrap_or_default();
        format!("{}:{}:{to}", text("feature"), text("kind"))
    });
    each.collect::<Vec<_>>().join(";")
}

/// A text as a cell of a CSV file: names and categories may hold anything.
pub(crate) fn cell(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// An application as JSON: fields with values in the model's terms.
pub(crate) fn request<'f>(
    schema: &Schema,
    values: impl Iterator<Item = (&'f Feature, f64)>,
) -> Vec<u8> {
    let missing = &schema.missing_values;
    let mut request = Vec::new();
    Writer::new(&mut request).object(|json| {
        for (feature, value) in values.filter(|(_, value)| !value.is_nan()) {
            write(json.key(&feature.name), feature, value, missing);
        }
    });
    request
}

fn write(json: &mut Writer<'_>, feature: &Feature, value: f64, missing: &MissingValues) {
    match &feature.kind {
        FeatureKind::Boolean => json.boolean(value != 0.0),
        FeatureKind::Category(categories) => {
            // A negative code saturates to the first category when it is cast.
            let known = (value >= 0.0).then(|| categories.values.get(value as usize));
            match known.flatten() {
                Some(known) => json.text(known),
                None => json.text(&not_listed(&categories.values, missing)),
            }
        }
        FeatureKind::Number(_) | FeatureKind::Integer(_) => json.raw(&number_text(value)),
    }
}

/// A text that is none of the categories, and does not mean missing.
fn not_listed(categories: &[String], missing: &MissingValues) -> String {
    let mut text = "(unknown)".to_owned();
    while missing.has_text(&text) || categories.contains(&text) {
        text.push('?');
    }
    text
}

impl Places {
    /// Whether the file has the column that was asked for, and none that no schema knows.
    fn check<R: Read>(
        table: &Table<R>,
        schemas: &[&Schema],
        extra: Option<&str>,
    ) -> Result<(), DataError> {
        let header = table.header();
        let is_there = |name: &str| header.iter().any(|column| column == name);
        if let Some(name) = extra.filter(|name| !is_there(name)) {
            let columns = header.to_vec();
            let kind = DataErrorKind::MissingColumn { columns };
            return Err(DataError::in_file(table.name(), kind).in_column(name));
        }
        let knows = |schema: &Schema, name: &str| {
            name == schema.target.name || schema.features.iter().any(|feature| feature.name == name)
        };
        let known =
            |name: &str| extra == Some(name) || schemas.iter().any(|schema| knows(schema, name));
        if let Some(stranger) = header.iter().find(|name| !known(name)) {
            let mut nearest = schemas
                .iter()
                .map(|schema| schema.nearest_feature(stranger));
            let nearest = nearest.next().flatten().map(str::to_owned);
            let kind = DataErrorKind::UnknownColumn { nearest };
            return Err(DataError::in_file(table.name(), kind)
                .at_line(1)
                .in_column(&shortened(stranger)));
        }
        Ok(())
    }

    fn find<R: Read>(table: &Table<R>, schema: &Schema, extra: Option<&str>) -> Self {
        let header = table.header();
        let place = |name: &str| header.iter().position(|column| column == name);
        let feature = |feature: &Feature| {
            (feature.role != Role::Ignored)
                .then(|| place(&feature.name))
                .flatten()
        };
        Self {
            features: schema.features.iter().map(feature).collect(),
            extra: extra.and_then(place),
        }
    }
}
