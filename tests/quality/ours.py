"""What `underwrite train` reaches: the model file decides the test rows."""

import json
import os
import shutil
import subprocess

import pandas

SETTINGS = {
    "ours, logistic regression": ["--model", "logistic_regression"],
    "ours, boosting": ["--model", "gradient_boosting"],
    "ours, boosting, 30 trials": ["--models", "gradient_boosting", "--trials", "30"],
    "ours, all models, 30 trials": ["--trials", "30"],
}


def environment():
    """No tracker is asked, whatever is set outside."""
    return {**os.environ, "WANDB_MODE": "disabled"}


def train(program, settings, folder, split, scratch):
    """The probabilities of the test rows, the model's word, and what was chosen."""
    scratch.mkdir(parents=True, exist_ok=True)
    model, figures = scratch / "model.wasm", scratch / "metrics.json"
    command = [
        program, "train", "--data", folder / "data.csv", "--schema", folder / "schema.toml",
        "--test-rows", folder / f"test-{split}.csv", "--out", model, "--metrics", figures,
        "--trackers", "none", "--seed", "42", "--jobs", "1", *settings,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=scratch)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    scored = scratch / "scored.csv"
    score = [program, "score", "--model", model, "--input", folder / f"inputs-{split}.csv", "--output", scored]
    subprocess.run(score, check=True, capture_output=True)
    probabilities = pandas.read_csv(scored, float_precision="round_trip")["probability"].to_numpy()
    chosen = json.loads(figures.read_text())
    shutil.rmtree(scratch, ignore_errors=True)
    return probabilities, chosen

