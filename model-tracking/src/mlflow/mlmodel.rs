//! The folder of a model as MLflow knows it: `MLmodel` with the signature, and the input example.

use serde_json::{Value, json};

use crate::run::{Column, ColumnType, Model, Run, now_ms};

const EXAMPLE: &str = "input_example.json";
const SERVING_EXAMPLE: &str = "serving_input_example.json";
const REQUIREMENTS: &str = "requirements.txt";
/// What `mlflow models serve` installs; `pandas` brings the tables that MLflow hands over.
const REQUIRED: &str = "mlflow\npandas\npyarrow\nunderwrite\n";
const ENVIRONMENT: &str = "python_env.yaml";
const PYTHON_ENVIRONMENT: &str =
    "python: 3.11\nbuild_dependencies: [pip]\ndependencies: [-r requirements.txt]\n";

/// Name and text of the files beside the model itself.
pub(super) fn files(
    run: &Run,
    model: &Model,
    run_id: &str,
    artifact_path: &str,
    model_id: Option<&str>,
) -> Vec<(String, String)> {
    let mut files = vec![
        (
            "MLmodel".to_owned(),
            mlmodel(run, model, run_id, artifact_path, model_id),
        ),
        (REQUIREMENTS.to_owned(), REQUIRED.to_owned()),
        (ENVIRONMENT.to_owned(), PYTHON_ENVIRONMENT.to_owned()),
    ];
    if let Some(example) = example(run) {
        files.push((EXAMPLE.to_owned(), example.to_string()));
        let serving = json!({"dataframe_split": example});
        files.push((SERVING_EXAMPLE.to_owned(), serving.to_string()));
    }
    files
}

/// A column of a signature.
pub(super) fn column(column: &Column) -> Value {
    json!({"type": column.kind, "name": column.name, "required": column.required})
}

/// The example as a table of one row, in the signature's order.
fn example(run: &Run) -> Option<Value> {
    let example = run.input_example.as_ref()?;
    let signature = run.signature.iter().flat_map(|signature| &signature.inputs);
    let there = signature.filter_map(|column| Some((column, example.get(&column.name)?)));
    let (columns, row): (Vec<&String>, Vec<Value>) = there
        .map(|(column, value)| (&column.name, typed(column, value)))
        .unzip();
    Some(json!({"columns": columns, "data": [row]}))
}

/// A whole number in a column of doubles is written as a double: readers go by the digits.
fn typed(column: &Column, value: &Value) -> Value {
    match (column.kind, value.as_f64()) {
        (ColumnType::Double, Some(number)) => json!(number),
        _ => value.clone(),
    }
}

/// YAML in which every text is written as JSON writes it, which YAML reads the same.
fn mlmodel(
    run: &Run,
    model: &Model,
    run_id: &str,
    artifact_path: &str,
    model_id: Option<&str>,
) -> String {
    let time = chrono::DateTime::from_timestamp_millis(now_ms()).unwrap_or_default();
    let mut yaml = format!(
        "artifact_path: {}\nflavors:\n  python_function:\n    loader_module: underwrite.mlflow\n    data: {}\n    env: {{virtualenv: {ENVIRONMENT}}}\n  underwrite:\n    data: {}\n    kind: {}\n    name: {}\n    version: {}\n    digest: {}\n    sha256: {}\nmlflow_version: 3.17.2\n",
        quoted(artifact_path),
        quoted(&model.file),
        quoted(&model.file),
        quoted(&model.kind),
        quoted(&model.name),
        quoted(&model.version),
        quoted(&model.digest),
        quoted(&model.sha256),
    );
    let uuid = model_id.unwrap_or(run_id);
    yaml += &format!("model_uuid: {}\nrun_id: {}\n", quoted(uuid), quoted(run_id));
    if let Some(model_id) = model_id {
        yaml += &format!("model_id: {}\n", quoted(model_id));
    }
    let artifact = run.artifacts.iter().find(|file| file.path == model.file);
    if let Some(artifact) = artifact {
        yaml += &format!("model_size_bytes: {}\n", artifact.bytes);
    }
    if run.input_example.is_some() {
        yaml += &format!(
            "saved_input_example_info:\n  artifact_path: {EXAMPLE}\n  pandas_orient: split\n  serving_input_path: {SERVING_EXAMPLE}\n  type: dataframe\n"
        );
    }
    if let Some(signature) = &run.signature {
        let list = |columns: &[Column]| {
            let columns: Vec<Value> = columns.iter().map(column).collect();
            quoted(&Value::from(columns).to_string())
        };
        yaml += &format!(
            "signature:\n  inputs: {}\n  outputs: {}\n  params: null\n",
            list(&signature.inputs),
            list(&signature.outputs)
        );
    }
    yaml += &format!(
        "utc_time_created: '{}'\n",
        time.format("%Y-%m-%d %H:%M:%S%.6f")
    );
    yaml
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
