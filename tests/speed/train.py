"""How long boosted trees take to fit, in how much memory: ours and LightGBM's in turn.

`cargo xtask bench train` runs this with LightGBM installed and the rows made. Both read the
same CSV in a process of its own, fit on four rows of five with the same settings on as many
threads, and are measured on the fifth.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

SETTINGS = {"trees": 500, "max_leaves": 31, "learning_rate": 0.1, "max_bins": 1024, "column_share": 0.7}
EDUCATION = {
    level: code for code, level in enumerate(["High School", "Associate", "Bachelor", "Master", "Doctorate"])
}
ONE_HOT = ["person_home_ownership", "loan_intent", "person_gender"]


def fit_lightgbm(path, jobs):
    import lightgbm
    import numpy
    import pandas

    start = time.perf_counter()
    rows = pandas.read_csv(path)
    answers = rows.pop("loan_status").to_numpy()
    rows["person_education"] = rows["person_education"].map(EDUCATION)
    rows["previous_loan_defaults_on_file"] = (rows["previous_loan_defaults_on_file"] == "Yes").astype(int)
    rows = pandas.get_dummies(rows, columns=ONE_HOT)
    is_test = numpy.arange(len(rows)) % 5 == 4
    train, test = rows[~is_test], rows[is_test]
    seconds_read = time.perf_counter() - start
    start = time.perf_counter()
    model = lightgbm.LGBMClassifier(
        n_estimators=SETTINGS["trees"],
        num_leaves=SETTINGS["max_leaves"],
        learning_rate=SETTINGS["learning_rate"],
        max_bin=SETTINGS["max_bins"],
        colsample_bytree=SETTINGS["column_share"],
        max_depth=12,
        reg_lambda=3.0,
        min_child_weight=1.0,
        min_child_samples=1,
        n_jobs=jobs,
        verbose=-1,
    ).fit(train, answers[~is_test])
    seconds_fit = time.perf_counter() - start
    odds = model.predict_proba(test)[:, 1]
    right = numpy.where(answers[is_test] == 1, odds, 1 - odds)
    return {
        "rows": int((~is_test).sum()),
        "seconds_read": seconds_read,
        "seconds_fit": seconds_fit,
        "log_loss": float(-numpy.log(numpy.clip(right, 1e-15, 1)).mean()),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def run(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr}")
    figures = json.loads(done.stdout.splitlines()[-1])
    figures["seconds_cpu"] = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", help="our program")
    parser.add_argument("--data", required=True)
    parser.add_argument("--schema")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lightgbm", action="store_true", help="fit LightGBM here and now")
    arguments = parser.parse_args()
    if arguments.lightgbm:
        print(json.dumps(fit_lightgbm(arguments.data, arguments.jobs)))
        return
    jobs = ["--jobs", arguments.jobs]
    programs = {
        "ours": [arguments.fit, arguments.data, arguments.schema, *jobs, "--params", json.dumps(SETTINGS)],
        "LightGBM": [sys.executable, __file__, "--lightgbm", "--data", arguments.data, *jobs],
    }
    found = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, command in programs.items():
            found[name].append(run(command))
    middle = {
        name: {key: statistics.median(figures[key] for figures in all) for key in all[0]}
        for name, all in found.items()
    }
    rows = middle["ours"]["rows"]
    print(f"\n## Fitting {rows:,.0f} rows, {SETTINGS}, {arguments.jobs} threads, median of {arguments.rounds}\n")
    print("| | ours | LightGBM | ratio | at most |")
    print("|---|---|---|---|---|")
    lines = [
        ("fit, s", "seconds_fit", 1, 2, 1.0),
        ("read and prepare, s", "seconds_read", 1, 2, ""),
        ("processor time of the whole program, s", "seconds_cpu", 1, 1, ""),
        ("peak memory of the whole program, MB", "peak_bytes", 1e6, 0, 1.0),
        ("log loss on the rows left out", "log_loss", 1, 5, 1.01),
    ]
    for text, key, unit, digits, most in lines:
        ours, theirs = (middle[name][key] / unit for name in programs)
        print(f"| {text} | {ours:.{digits}f} | {theirs:.{digits}f} | {ours / theirs:.3f} | {most} |")


main()
