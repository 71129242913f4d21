//! The operations: what each route takes and answers.

use serde_json::{Map, Value, json};

use super::reference::reference;
use crate::app::App;

/// What the operations have in common.
struct Operations<'a> {
    app: &'a App,
}

/// All paths.
pub(super) fn all(app: &App) -> Value {
    let operations = Operations { app };
    let mut paths = Map::new();
    operations.information(&mut paths);
    operations.decisions(&mut paths);
    operations.administration(&mut paths);
    if !app.has_metrics_port() {
        operations.monitoring(&mut paths);
    }
    Value::Object(paths)
}

impl Operations<'_> {
    fn information(&self, paths: &mut Map<String, Value>) {
        let mut read = |path: &str, id: &str, summary: &str, schema: &str| {
            let mut statuses = vec![];
            let mut parameters = vec![];
            if path.contains("{name}") {
                statuses.push("404");
                parameters.push(self.name());
            }
            if id == "health" {
                statuses.push("503");
            }
            let operation = json!({
                "operationId": id,
                "summary": summary,
                "parameters": parameters,
                "responses": answers("The requested information.", json_of(reference(schema)), &statuses),
            });
            paths.insert(path.to_owned(), json!({ "get": operation }));
        };
        read("/", "home", "What the server serves", "Home");
        read("/health", "health", "Health check", "Health");
        read("/models", "models", "All models", "Models");
        read("/models/{name}", "model", "One model", "Model");
        read(
            "/models/{name}/schema",
            "schema",
            "A model's description of itself",
            "Description",
        );
    }

    fn decisions(&self, paths: &mut Map<String, Value>) {
        let named = [self.name()];
        let version = [self.name(), version()];
        for (path, id, summary, parameters) in [
            ("/predict", "predict", "Decide one application", &[][..]),
            (
                "/models/{name}/predict",
                "predict_named",
                "Decide with a named model",
                &named,
            ),
            (
                "/models/{name}/versions/{version}/predict",
                "predict_version",
                "Decide with a named version of a model",
                &version,
            ),
        ] {
            let operation = self.post(
                id,
                summary,
                parameters,
                json_of(reference("Application")),
                answers(
                    "The decision.",
                    json_of(reference("Decision")),
                    &["400", "401", "403", "404", "413", "415", "422", "429"],
                ),
            );
            paths.insert(path.to_owned(), operation);
        }
        for (path, id, parameters) in [
            ("/predict/batch", "predict_batch", &[][..]),
            (
                "/models/{name}/predict/batch",
                "predict_batch_named",
                &named,
            ),
        ] {
            paths.insert(path.to_owned(), self.batch(id, parameters));
        }
        for (path, id, parameters) in [
            ("/explain", "explain", &[][..]),
            ("/models/{name}/explain", "explain_named", &named),
            (
                "/models/{name}/versions/{version}/explain",
                "explain_version",
                &version,
            ),
        ] {
            let operation = self.post(
                id,
                "Explain a decision",
                parameters,
                json_of(reference("Question")),
                answers(
                    "The decision, and why it came out so.",
                    json_of(reference("Explanation")),
                    &[
                        "400", "401", "403", "404", "413", "415", "422", "429", "501",
                    ],
                ),
            );
            paths.insert(path.to_owned(), operation);
        }
    }

    fn batch(&self, id: &str, parameters: &[Value]) -> Value {
        let lines = json!({ "type": "string", "description": "A JSON object on each line." });
        let csv = json!({ "type": "string", "description": "A line of names, then a line for each row." });
        let rows = json!({
            "type": "array",
            "items": reference("Application"),
            "maxItems": self.app.limits().batch_rows,
            "description": "Applications. Each is validated by itself: one that does not fit the schema is answered with its error, and the others are decided.",
        });
        let content = json!({
            "application/json": { "schema": rows },
            "application/x-ndjson": { "schema": lines },
            "text/csv": { "schema": csv },
        });
        let answer = json!({
            "application/json": { "schema": { "type": "array", "items": reference("BatchAnswer") } },
            "application/x-ndjson": { "schema": lines },
            "text/csv": { "schema": csv },
        });
        let mut operation = self.post(
            id,
            "Decide many applications, answered in order",
            parameters,
            content,
            answers(
                "An answer for each row, in the form of the request.",
                answer,
                &["400", "401", "403", "404", "413", "415", "422", "429"],
            ),
        );
        operation["post"]["description"] = "Each row is validated as in `/predict`; a refused row does not fail the others. NDJSON is streamed both ways. A CSV answer has the columns `prediction`, `prediction_label`, `approve`, `probability`, `detail`, `outcome`, `rules` where the model has a policy, `adjustments` (`feature:kind:to`, joined by semicolons), `model_version`, and those of the request that the model ignores.".into();
        operation
    }

    fn administration(&self, paths: &mut Map<String, Value>) {
        for (path, id, summary) in [
            (
                "/models/{name}/reload",
                "reload",
                "Read a model's files again",
            ),
            (
                "/models/{name}/rollback",
                "rollback",
                "Let the version before answer again",
            ),
        ] {
            let change = json_of(json!({ "anyOf": [reference("Change"), reference("Error")] }));
            let mut responses = answers(
                "What was done.",
                json_of(reference("Change")),
                &["401", "403", "404"],
            );
            responses["409"] = json!({
                "description": "A file was refused, or there is no version before; the one that answered goes on.",
                "content": change,
            });
            let operation = json!({
                "operationId": id,
                "summary": summary,
                "description": "Needs an admin key.",
                "parameters": [self.name()],
                "responses": responses,
            });
            paths.insert(path.to_owned(), json!({ "post": operation }));
        }
    }

    fn monitoring(&self, paths: &mut Map<String, Value>) {
        let needs = "Needs a metrics key if one is configured, else the key for decisions.";
        let drift = |id: &str, parameters: Value| {
            let answer = json_of(reference("Drift"));
            json!({ "get": {
                "operationId": id,
                "summary": "Whether requests still look like the training rows",
                "description": format!("`status` is `waiting`, and `dataset_drift` is null, until there are enough requests. `/drift/report` is the same as a page. {needs}"),
                "parameters": parameters,
                "responses": answers("The comparison.", answer, &["401", "403", "404"]),
            } })
        };
        paths.insert("/drift".to_owned(), drift("drift", json!([])));
        let named = drift("model_drift", json!([self.name()]));
        paths.insert("/models/{name}/drift".to_owned(), named);
        let text = json!({
            "text/plain": { "schema": { "type": "string" } },
            "application/openmetrics-text": { "schema": { "type": "string" } },
        });
        let metrics = json!({ "get": {
            "operationId": "metrics",
            "summary": "Metrics for Prometheus",
            "description": needs,
            "responses": answers("Samples as text.", text, &["401", "403"]),
        } });
        paths.insert("/metrics".to_owned(), metrics);
    }

    fn post(
        &self,
        id: &str,
        summary: &str,
        parameters: &[Value],
        content: Value,
        responses: Value,
    ) -> Value {
        let operation = json!({
            "operationId": id,
            "summary": summary,
            "parameters": parameters,
            "requestBody": { "required": true, "content": content },
            "responses": responses,
        });
        json!({ "post": operation })
    }

    fn name(&self) -> Value {
        let example = self.app.champion().map(|served| served.name().to_owned());
        json!({
            "name": "name", "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1 },
            "example": example,
        })
    }
}

fn version() -> Value {
    json!({
        "name": "version", "in": "path", "required": true,
        "schema": { "type": "string", "minLength": 1 },
    })
}

fn json_of(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

/// A 200 answer, and the errors.
fn answers(description: &str, content: Value, statuses: &[&str]) -> Value {
    let mut answers = json!({
        "200": { "description": description, "content": content },
        "default": {
            "description": "The request failed; `detail` says why.",
            "content": json_of(reference("Error")),
        },
    });
    for status in statuses {
        let (description, name) = match *status {
            "400" => ("The body is not what the route takes.", "Error"),
            "401" => ("The key is missing or unknown.", "Error"),
            "403" => ("The key does not permit this.", "Error"),
            "404" => ("There is no such model or version.", "Error"),
            "413" => ("The body is too long, or has too many rows.", "AnyError"),
            "415" => ("The content type or encoding is not one of these.", "Error"),
            "429" => (
                "Too many requests with this key, or from this address; `retry-after` says when to ask again.",
                "Error",
            ),
            "501" => (
                "The model's file was packed before models could explain.",
                "Error",
            ),
            "503" => ("There is no model.", "Unhealthy"),
            _ => (
                "The request was refused; each entry names a field.",
                "ValidationError",
            ),
        };
        answers[*status] =
            json!({ "description": description, "content": json_of(reference(name)) });
    }
    answers
}
