"""A model that `underwrite train` registers is loaded and predicts with MLflow's own client.

Usage: UNDERWRITE_BIN=underwrite mlflow_predict.py FOLDER

Starts an MLflow server in FOLDER, trains and registers, and compares `mlflow.pyfunc` with the
package itself; then the same for a model that the package's flavour logs.
"""

import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import mlflow
import pandas as pd

import underwrite
import underwrite.mlflow

DATA = pathlib.Path(__file__).parents[2] / "data"
folder = pathlib.Path(sys.argv[1])
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
uri = f"http://127.0.0.1:{port}"
environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
server = subprocess.Popen(
    [pathlib.Path(sys.executable).parent / "mlflow", "server", "--host", "127.0.0.1"]
    + ["--workers", "1", "--port", str(port), "--backend-store-uri", "sqlite:///mlflow.db"]
    + ["--serve-artifacts", "--artifacts-destination", "./artifacts"],
    cwd=folder,
    env=environment,
    stdout=(folder / "server.log").open("w"),
    stderr=subprocess.STDOUT,
)


def wait() -> None:
    for _ in range(1200):
        assert server.poll() is None, (folder / "server.log").read_text()
        try:
            urllib.request.urlopen(f"{uri}/health").close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.25)
    raise AssertionError("the server did not start")


def tables(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The same rows as people have them: as read, with text as categories, without an index that
    counts, as Arrow's types, and all as objects."""
    texts = rows.select_dtypes(exclude="number").columns
    return [
        rows,
        rows.astype(dict.fromkeys(texts, "category")),
        rows.set_index(rows.index + 7),
        rows.convert_dtypes(dtype_backend="pyarrow"),
        rows.astype(object),
    ]


def same(uri: str, expected: dict, rows: pd.DataFrame) -> None:
    loaded = mlflow.pyfunc.load_model(uri)
    for table in tables(rows):
        compare(uri, loaded.predict(table), expected)
    # MLflow does not pass on what the signature does not name.
    for table in (rows.rename(columns={"person_income": "person_incom"}), rows.drop(columns="person_income")):
        try:
            loaded.predict(table)
        except ValueError as error:
            assert "column 'person_income': the column is missing" in str(error), error
        else:
            raise AssertionError(f"{uri}: decided without person_income")


def compare(uri: str, got: pd.DataFrame, expected: dict) -> None:
    assert (got["probability"] == expected["probability"]).all(), uri
    assert (got["outcome"] == expected["outcome"]).all(), uri
    assert (got["adjustments"] == expected["adjustments"]).all(), uri
    assert set(got["prediction_label"]) <= {"Approved", "Rejected"}, uri


try:
    wait()
    wasm = folder / "model.wasm"
    train = ["train", "--data", DATA / "loan_sample.csv", "--schema", DATA / "loan.toml"]
    train += ["--model", "logistic_regression", "--out", wasm, "--runs", folder / "runs"]
    train += ["--trackers", "mlflow", "--mlflow-tracking-uri", uri]
    subprocess.run([os.environ["UNDERWRITE_BIN"], *train], check=True, stdout=subprocess.DEVNULL)
    mlflow.set_tracking_uri(uri)
    model = underwrite.Model(wasm)
    rows = pd.read_csv(DATA / "loan_sample.csv").drop(columns=["loan_status", "person_gender"])
    assert rows.isna().any().sum() >= 3 and rows["person_emp_exp"].isna().any(), rows.isna().sum()
    expected = model.score(rows)
    assert expected["adjustments"].any()
    same("models:/loan-approval@champion", expected, rows)
    assert underwrite.mlflow.load_model("models:/loan-approval@champion").to_bytes() == wasm.read_bytes()
    with mlflow.start_run():
        logged = underwrite.mlflow.log_model(model, "logged", registered_model_name="again")
    same(logged.model_uri, expected, rows)
    same("models:/again/1", expected, rows)
    print("loaded, and predicts the same")
finally:
    server.terminate()
    server.wait()
