"""How fast an imported model decides: in wasmtime, and beside it lleaves and LightGBM's C API, in
turn in one run on one core; and what it takes from Python. Times are of the processor, so that what
else runs on the machine counts for nobody.

`cargo xtask bench import` runs this with the libraries installed and the rows made. LightGBM
trains 200 trees of 31 leaves with 255 bins, and `underwrite import` proves that ours is that model.
"""

import argparse
import ctypes
import json
import os
import pathlib
import statistics
import subprocess
import time
from importlib.metadata import version

import lightgbm
import lleaves
import numpy as np
import pandas as pd

import underwrite

ROWS = 10_000
ROUNDS = 15
SETTINGS = {"objective": "binary", "num_leaves": 31, "max_bin": 255, "learning_rate": 0.1, "seed": 42}
TREES = 200
CATEGORIES = [
    "person_education",
    "person_home_ownership",
    "loan_intent",
    "previous_loan_defaults_on_file",
]
TARGET = "loan_status"


def trained(path, work):
    """LightGBM's model, and rows that it has not seen: as a table, and as it codes them."""
    rows = pd.read_csv(path).drop(columns="person_gender")
    for name in CATEGORIES:
        rows[name] = rows[name].astype("category")
    answers = rows.pop(TARGET)
    known, asked = rows[:-ROWS], rows[-ROWS:].reset_index(drop=True)
    parameters = {**SETTINGS, "num_threads": 1, "verbose": -1}
    booster = lightgbm.train(parameters, lightgbm.Dataset(known, answers[:-ROWS]), TREES)
    booster.save_model(work / "model.txt")
    coded = asked.copy()
    for name in CATEGORIES:
        coded[name] = asked[name].cat.codes
    return lightgbm.Booster(model_file=work / "model.txt"), asked, np.ascontiguousarray(coded, dtype=float)


def imported(program, asked, expected, work):
    """Our file, proved on the rows that are asked about."""
    asked.assign(expected=expected).to_csv(work / "check.csv", index=False)
    schema, out = work / "schema.toml", work / "model.wasm"
    infer = ["schema", "infer", work / "check.csv", "--model", work / "model.txt", "--positive", "yes", "--out", schema]
    subprocess.run([program, *infer], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    read = ["import", "lightgbm", work / "model.txt", "--schema", schema, "--check", work / "check.csv"]
    subprocess.run([program, *read, "--out", out], check=True)
    return underwrite.Model(out)


def loops(work):
    """The loops of loops.c."""
    source, library = pathlib.Path(__file__).with_name("loops.c"), work / "loops.so"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", source, "-o", library], check=True)
    made = ctypes.CDLL(library)
    made.lleaves.restype = made.lightgbm.restype = ctypes.c_double
    return made


class Lleaves:
    """The function that lleaves compiles."""

    def __init__(self, work, loops, coded, out):
        self.model = lleaves.Model(model_file=str(work / "model.txt"))
        self.model.compile()
        entry = ctypes.cast(self.model._c_entry_func, ctypes.c_void_p)
        data = coded.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p)
        self.lap = lambda step: loops.lleaves(entry, *data, len(coded), step) / len(coded)

    def one(self):
        return self.lap(1)

    def batch(self):
        return self.lap(ROWS)


class LightGbm:
    """LightGBM's C API: a call of its fast path for each row, and one for all."""

    def __init__(self, booster, loops, coded, out):
        self.library = ctypes.CDLL(lightgbm.libpath._find_lib_path()[0])
        # The booster frees what it holds.
        self.booster, self.coded, self.out = booster, coded, out
        self.handle = ctypes.c_void_p(booster._handle.value)
        self.data = coded.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p)
        self.fast = ctypes.c_void_p()
        self.parameters = ctypes.c_char_p(b"num_threads=1")
        width = coded.shape[1]
        # A normal prediction of all trees, from numbers of 64 bits.
        arguments = (self.handle, 0, 0, -1, 1, width, self.parameters, ctypes.byref(self.fast))
        self.succeeds(self.library.LGBM_BoosterPredictForMatSingleRowFastInit(*arguments))
        call = ctypes.cast(self.library.LGBM_BoosterPredictForMatSingleRowFast, ctypes.c_void_p)
        self.loop = lambda: loops.lightgbm(call, self.fast, *self.data, len(coded), width)

    @staticmethod
    def succeeds(status):
        if status != 0:
            raise RuntimeError("LightGBM refuses the call")

    def one(self):
        nanoseconds = self.loop()
        self.succeeds(min(nanoseconds, 0))
        return nanoseconds / len(self.coded)

    def batch(self):
        length = ctypes.c_int64()
        rows, width = self.coded.shape
        start = time.thread_time_ns()
        self.succeeds(
            self.library.LGBM_BoosterPredictForMat(
                self.handle, self.data[0], 1, rows, width, 1, 0, 0, -1,
                self.parameters, ctypes.byref(length), self.data[1],
            )
        )  # fmt: skip
        return (time.thread_time_ns() - start) / rows


class Ours:
    """The packed model in wasmtime, in a process of its own on the same core."""

    def __init__(self, laps, work, coded, out):
        coded.T.astype("<f8").tofile(work / "columns.f64")
        arguments = [laps, work / "model.wasm", work / "columns.f64", str(len(coded)), work / "ours.f64"]
        self.program = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.rows = len(coded)
        self.lap("batch")
        out[:] = np.fromfile(work / "ours.f64")

    def lap(self, what):
        before = self.processor_time()
        self.program.stdin.write(f"{what}\n")
        self.program.stdin.flush()
        nanoseconds = float(self.program.stdout.readline())
        return nanoseconds if before is None else (self.processor_time() - before) / self.rows

    def processor_time(self):
        """What the program has taken, in nanoseconds; None where only it knows the time."""
        clock = ctypes.c_int()
        find = getattr(ctypes.CDLL(None), "clock_getcpuclockid", None)
        if find is None or find(self.program.pid, ctypes.byref(clock)) != 0:
            return None
        return time.clock_gettime_ns(clock.value)

    def one(self):
        return self.lap("one")

    def batch(self):
        return self.lap("batch")


def beside(programs, outs, expected):
    """Each program's median nanoseconds of a row, one by one and together."""
    times = {(name, way): [] for name in programs for way in ("one", "batch")}
    for turn in range(ROUNDS + 1):
        for (name, way), found in times.items():
            took = getattr(programs[name], way)()
            # The first round warms up.
            if turn:
                found.append(took)
    for name, out in outs.items():
        assert np.abs(out - expected).max() < 1e-12, f"{name} answers differently"
    return {key: statistics.median(found) for key, found in times.items()}


def from_python(model, asked):
    """Median microseconds of a row of a table, and of one decision."""
    tables = {"pandas, categories": asked, "pandas, text": asked.astype(dict.fromkeys(CATEGORIES, "str"))}
    applications = asked.head(1000).astype(dict.fromkeys(CATEGORIES, object)).to_dict("records")
    times = {}
    for turn in range(ROUNDS + 1):
        for name, table in tables.items():
            start = time.process_time()
            model.predict_proba(table)
            if turn:
                times.setdefault(f"`predict_proba`, {name}", []).append((time.process_time() - start) / len(table))
        start = time.process_time()
        for application in applications:
            model.decide(application)
        if turn:
            times.setdefault("`decide`", []).append((time.process_time() - start) / len(applications))
    return {name: statistics.median(found) * 1e6 for name, found in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--laps", required=True, help="our program that times a module")
    parser.add_argument("--underwrite", required=True, help="our program")
    parser.add_argument("--data", required=True, type=pathlib.Path, help="rows of loans")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="folder for what is made")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        # Children inherit it: everything runs on one core.
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    given.work.mkdir(parents=True, exist_ok=True)
    booster, asked, coded = trained(given.data, given.work)
    expected = booster.predict(coded, num_threads=1)
    model = imported(given.underwrite, asked, expected, given.work)
    made = loops(given.work)
    outs = {name: np.empty(len(coded)) for name in ("LightGBM", "lleaves", "ours")}
    programs = {
        "LightGBM": LightGbm(booster, made, coded, outs["LightGBM"]),
        "lleaves": Lleaves(given.work, made, coded, outs["lleaves"]),
        "ours": Ours(given.laps, given.work, coded, outs["ours"]),
    }
    times = beside(programs, outs, expected)
    about = ", ".join(f"{name} {version(name)}" for name in ("lightgbm", "lleaves", "llvmlite"))
    print(f"\n## An imported model, ns of processor time a row, {ROWS:,} rows of {coded.shape[1]} features, one core ({about})\n")
    print("| | LightGBM, C API | lleaves | ours, wasmtime | ours / lleaves | at most | ours / LightGBM | at most |")
    print("|---|---|---|---|---|---|---|---|")
    for way, name in (("one", "one row"), ("batch", f"batch of {ROWS:,}")):
        theirs, compiled, ours = (times[program, way] for program in programs)
        ratios = f"{ours / compiled:.2f} | 0.5 | {ours / theirs:.3f} | 0.125"
        print(f"| {name} | {theirs:.0f} | {compiled:.0f} | {ours:.0f} | {ratios} |")
    print("\n| from Python, the same model | µs | at most |")
    print("|---|---|---|")
    for name, took in from_python(model, asked).items():
        print(f"| {name} | {took:.2f} | {'10' if 'decide' in name else '0.4 a row'} |")
    figures = {f"{name}, {way}": took for (name, way), took in times.items()}
    (given.work / "figures.json").write_text(json.dumps(figures, indent=1))


main()
