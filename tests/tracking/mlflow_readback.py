"""Reads a run back with MLflow's official client and compares it with the run's folder.

Usage: mlflow_readback.py URI RUN_ID MODE VERSION RUN_FOLDER

MODE is `proxied` (artifacts go through the server) or `folder` (they are in a folder of the server;
no logged model). VERSION is the run's version of the registered model, which is the newest.
"""

import hashlib
import json
import math
import pathlib
import sys

import mlflow
from mlflow import MlflowClient

uri, run_id, mode, number, folder = sys.argv[1:]
folder = pathlib.Path(folder)
run = json.loads((folder / "run.json").read_text())
trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]

mlflow.set_tracking_uri(uri)
client = MlflowClient()


def same(what, got, expected):
    assert got == expected, f"{what}: got {got!r}, expected {expected!r}"


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


# The run.
remote = client.get_run(run_id)
experiment = client.get_experiment(remote.info.experiment_id)
same("experiment", experiment.name, run["experiment"])
same("name", remote.info.run_name, run["name"])
same("status", remote.info.status, "FINISHED")
same("start", remote.info.start_time, run["started_ms"])
same("end", remote.info.end_time, run["finished_ms"])
same("params", remote.data.params, {k: as_text(v) for k, v in run["params"].items()})
for key, value in run["tags"].items():
    same(f"tag {key}", remote.data.tags[key], value)
same("run id tag", remote.data.tags["underwrite.run_id"], run["id"])

# Figures, with steps.
for key, value in run["metrics"].items():
    got = remote.data.metrics[key]
    if value == "NaN":
        assert math.isnan(got), f"{key}: {got}"
    else:
        same(key, got, value)
for name in history[0]["metrics"]:
    points = [(m.step, m.value) for m in client.get_metric_history(run_id, name)]
    same(f"history of {name}", sorted(points), [(h["step"], h["metrics"][name]) for h in history])

# Trials are nested runs.
children = client.search_runs(
    [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'"
)
same("trials", len(children), len(trials))
for trial in trials:
    (child,) = [c for c in children if c.data.tags["underwrite.trial"] == str(trial["number"])]
    same("trial params", child.data.params, {k: as_text(v) for k, v in trial["params"].items()})
    same("trial value", child.data.metrics["cv_roc_auc"], trial["value"])
    folds = client.get_metric_history(child.info.run_id, "cv_roc_auc_fold")
    same("folds", [m.value for m in sorted(folds, key=lambda m: m.step)], trial["folds"])
    expected = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}[trial["state"]]
    same("trial state", child.info.status, expected)

# The data.
(data,) = remote.inputs.dataset_inputs
same("dataset", data.dataset.name, run["dataset"]["name"])
assert run["dataset"]["sha256"].startswith(data.dataset.digest), data.dataset.digest
same("rows", json.loads(data.dataset.profile)["num_rows"], run["dataset"]["rows"])
same("context", data.tags[0].value, "training")
columns = [c["name"] for c in json.loads(data.dataset.schema)["mlflow_colspec"]]
same("columns", columns, [c["name"] for c in run["dataset"]["columns"]])

# Artifacts, to the byte.
for artifact in run["artifacts"]:
    path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=artifact["path"])
    got = hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()
    same(artifact["path"], got, artifact["sha256"])

# The model, its signature and its example.
name = run["model"]["name"]
version = client.get_model_version_by_alias(name, "champion")
same("version", version.version, number)
same("run of the version", version.run_id, run_id)
assert run["model"]["sha256"] in version.description, version.description
same("tag of the version", version.tags["underwrite.sha256"], run["model"]["sha256"])
assert run["dataset"]["target"] in client.get_registered_model(name).description
model_uri = f"models:/{name}@champion"
info = mlflow.models.get_model_info(model_uri)
for ours, theirs in [
    (run["signature"]["inputs"], info.signature.inputs),
    (run["signature"]["outputs"], info.signature.outputs),
]:
    same("signature", theirs.to_dict(), [
        {"type": c["type"], "name": c["name"], "required": c["required"]} for c in ours
    ])
example = mlflow.models.Model.load(model_uri).load_input_example()
assert example is not None, "no input example"
same("input example", example.iloc[0].to_dict(), run["input_example"])
# It fits the signature as MLflow itself enforces it.
mlflow.models.utils._enforce_schema(example, info.signature.inputs)
path = mlflow.artifacts.download_artifacts(artifact_uri=model_uri)
got = hashlib.sha256((pathlib.Path(path) / "model.wasm").read_bytes()).hexdigest()
same("model.wasm of the version", got, run["model"]["sha256"])

# Every version has the file that it was registered with.
versions = client.search_model_versions(f"name = '{name}'")
same("versions", len(versions), int(number))
for one in versions:
    path = mlflow.artifacts.download_artifacts(artifact_uri=f"models:/{name}/{one.version}")
    got = hashlib.sha256((pathlib.Path(path) / "model.wasm").read_bytes()).hexdigest()
    same(f"model.wasm of version {one.version}", got, one.tags["underwrite.sha256"])

if mode != "folder":
    model_id = version.source.removeprefix("models:/")
    logged = client.get_logged_model(model_id)
    same("status of the model", str(logged.status), "READY")
    same("run of the model", logged.source_run_id, run_id)
    figures = {m.key: m.value for m in logged.metrics}
    same("figure of the model", figures["roc_auc"], run["metrics"]["roc_auc"])
    same("data of the figure", {m.dataset_name for m in logged.metrics}, {run["dataset"]["name"]})
    same("outputs", [m.model_id for m in remote.outputs.model_outputs], [model_id])

print("all read back")
