"""XGBoost trained on the workers becomes one file, which scores there and serves here."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import underwrite
import underwrite.spark
from conftest import assert_equal, scored_by_the_program
from underwrite._program import program

EXAMPLE = Path(__file__).parents[2] / "examples/spark"
sys.path.insert(0, str(EXAMPLE))
from train_xgboost import train  # noqa: E402


def test_a_model_of_the_cluster_is_imported_scores_and_serves(spark, rows, parquet, folder):
    loans = spark.read.parquet(parquet)
    path = folder / "xgboost.wasm"
    model = train(loans, EXAMPLE / "loan.toml", path)
    assert model.describe()["model"]["kind"] == "gradient_boosting"
    scored = underwrite.spark.score(loans, model, columns=["id"])
    assert_equal(scored.toArrow(), scored_by_the_program(model, rows, folder))

    first = {key: value for key, value in rows.slice(0, 1).to_pylist()[0].items() if key not in ("id", "loan_status")}
    expected = model.decide(first)["probability"]
    with serving(path) as url:
        body = json.dumps(first).encode()
        request = urllib.request.Request(f"{url}/predict", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert json.load(answer)["probability"] == expected


class serving:
    """`underwrite serve` on a free port."""

    def __init__(self, model: Path) -> None:
        command = [program(), "serve", "--model", model, "--port", "0"]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def __enter__(self) -> str:
        for line in self.server.stdout:
            if line.startswith("Serving on "):
                return line.split()[2].rstrip("/")
        raise RuntimeError(f"the server ended with {self.server.wait()}")

    def __exit__(self, *_: object) -> None:
        self.server.terminate()
        self.server.wait()
        self.server.stdout.close()
