"""Makes the synthetic batches beside this file and what Evidently 0.4.33 says of them.

    python3 -m venv venv
    venv/bin/pip install evidently==0.4.33 numpy==1.26.4 pandas==2.2.3 scipy==1.13.1
    venv/bin/python make.py
"""
import json, os, warnings
import numpy as np, pandas as pd
from evidently import ColumnMapping
from evidently.report import Report
from evidently.metric_preset import DataDriftPreset

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.abspath(__file__))
rng = np.random.default_rng(20240607)


def batch(rows, shift, new_category, missing):
    normal = rng.normal(shift, 1, rows).round(3)
    frame = pd.DataFrame({
        "normal": normal,
        "income": np.exp(rng.normal(10.5 + shift / 4, 0.6, rows)).round(0),
        "whole": rng.poisson(12 + 3 * shift, rows),
        "few": rng.choice([0, 1, 2, 3], rows, p=[.4, .3, .2, .1] if shift < .1 else [.3, .3, .2, .2]),
        "binary": (rng.random(rows) < 0.3 + shift / 8).astype(int),
        "tenths": rng.integers(0, 40, rows) / 10 + (shift > .1) * 0.1,
        "negative": rng.normal(-5, 3 + shift, rows).round(2),
        "constant": 7,
        "moved": 3 if shift < .1 else 4,
        "home": rng.choice(["RENT", "OWN", "MORTGAGE"], rows, p=[.5, .1, .4] if shift < .1 else [.45, .15, .4]),
        "sex": rng.choice(["f", "m"], rows, p=[.45, .55]),
        "flag": rng.random(rows) < 0.6 + shift / 10,
        "one": "only",
        "city": rng.choice([f"c{i:02}" for i in range(30)], rows),
    })
    if new_category:
        frame.loc[rng.random(rows) < 0.02, "city"] = "Ünknown, new"
    if missing:
        for name in ["income", "whole", "home", "flag"]:
            frame[name] = frame[name].astype(object)
            frame.loc[rng.random(rows) < missing, name] = np.nan
    return frame


def task(rows, shift):
    return pd.DataFrame({
        "target": (rng.random(rows) < 0.4 + shift / 5).astype(int),
        "prediction": rng.beta(2 + shift, 3, rows).round(4),
        "x": rng.normal(shift, 1, rows).round(4),
    })


CASES = {
    "small": (batch(300, 0, False, 0), batch(200, .3, True, 0)),
    "small_missing": (batch(400, 0, False, .05), batch(400, .05, False, .1)),
    "small_same": (batch(250, 0, False, 0), batch(250, 0, False, 0)),
    "tiny": (batch(12, 0, False, 0), batch(9, .3, False, 0)),
    "large": (batch(1500, 0, False, 0), batch(900, .2, True, 0)),
    "large_missing": (batch(1300, 0, False, .03), batch(60, .4, True, .2)),
    "large_same": (batch(1200, 0, False, 0), batch(1200, 0, False, 0)),
    "edge_1000": (batch(1000, 0, False, 0), batch(700, .1, False, 0)),
    "edge_1001": (batch(1001, 0, False, 0), batch(700, .1, False, 0)),
    "wide": (task(600, 0)[["x"]], task(10400, .03)[["x"]]),
    "wide_near": (task(120, 0)[["x"]], task(10400, .1)[["x"]]),
    "wide_far": (task(900, 0)[["x"]], task(10100, .4)[["x"]]),
    "task": (task(500, 0), task(300, .4)),
    "task_large": (task(1100, 0), task(600, .1)),
}
TESTS = {
    "num": ["ks", "wasserstein", "jensenshannon", "kl_div", "psi", "anderson", "cramer_von_mises", "hellinger"],
    "cat": ["chisquare", "z", "jensenshannon", "kl_div", "psi", "hellinger"],
}


def column(result):
    return {"score": float(result["drift_score"]), "threshold": result["stattest_threshold"],
            "drift": bool(result["drift_detected"]), "test": result["stattest_name"]}


figures = {}
for name, (reference, current) in CASES.items():
    for side, frame in (("ref", reference), ("cur", current)):
        frame.to_csv(f"{HERE}/{name}.{side}.csv", index=False)
    reference = pd.read_csv(f"{HERE}/{name}.ref.csv")
    current = pd.read_csv(f"{HERE}/{name}.cur.csv")
    report = Report(metrics=[DataDriftPreset()])
    report.run(reference_data=reference.copy(), current_data=current.copy())
    summary, table = [m["result"] for m in report.as_dict()["metrics"]]
    case = {
        "dataset_drift": bool(summary["dataset_drift"]),
        "share_drifted": summary["share_of_drifted_columns"],
        "columns": {k: column(v) for k, v in table["drift_by_columns"].items()},
        "forced": {},
    }
    if name in ("small", "small_missing", "tiny", "large", "wide"):
        for test in sorted(set(TESTS["num"] + TESTS["cat"])):
            for feature, value in table["drift_by_columns"].items():
                if test not in TESTS[value["column_type"]]:
                    continue
                try:
                    forced = Report(metrics=[DataDriftPreset(columns=[feature], per_column_stattest={feature: test})])
                    forced.run(reference_data=reference.copy(), current_data=current.copy())
                    result = forced.as_dict()["metrics"][1]["result"]["drift_by_columns"][feature]
                    if np.isfinite(result["drift_score"]):
                        case["forced"].setdefault(test, {})[feature] = column(result)
                except Exception as error:
                    print(name, test, feature, error)
    figures[name] = case
json.dump(figures, open(f"{HERE}/evidently.json", "w"), indent=1)
