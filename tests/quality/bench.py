"""Trains ours and the peers on public data sets, and prints how good the probabilities are.

`cargo xtask bench quality` runs it. Results of the peers are kept in the folder of the work by a
digest of the data, the split and the packages' versions, so that ours can be run again alone.
"""

import argparse
import hashlib
import importlib.metadata
import json
import pathlib
import time
import warnings

import numpy
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

import ours
import peers
import sets
import table

ECE_BINS = 10
EPSILON = 2.0**-52


def calibration_error(answers, probabilities):
    """The expected calibration error over ten bins of equally many rows."""
    order = numpy.argsort(probabilities, kind="stable")
    bins = numpy.array_split(order, ECE_BINS)
    gaps = [abs(answers[b].mean() - probabilities[b].mean()) * len(b) for b in bins if len(b)]
    return float(sum(gaps) / len(answers))


def measured(answers, probabilities, seconds):
    clipped = numpy.clip(probabilities, EPSILON, 1 - EPSILON)
    return {
        "auc": roc_auc_score(answers, probabilities),
        "log_loss": log_loss(answers, clipped),
        "brier": brier_score_loss(answers, probabilities),
        "ece": calibration_error(answers, probabilities),
        "seconds": seconds,
    }


def key(*parts):
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:20]


def peer_result(name, data, split, kept):
    digest, frame, answers = data
    versions = [f"{package}=={importlib.metadata.version(package)}" for package in peers.PACKAGES[name]]
    path = kept / f"{key(name, digest, split, peers.REVISION, *versions)}.json"
    if path.is_file():
        return json.loads(path.read_text())
    test = sets.test_rows(answers, split)
    train = numpy.setdiff1d(numpy.arange(len(answers)), test)
    start = time.perf_counter()
    probabilities = peers.PEERS[name](frame, train, test, answers.to_numpy())
    seconds = time.perf_counter() - start
    result = measured(answers.to_numpy()[test], numpy.asarray(probabilities), seconds)
    path.write_text(json.dumps(result))
    return result


def our_result(name, settings, program, folder, data, split, kept):
    digest, _, answers = data
    with open(program, "rb") as file:
        build = hashlib.file_digest(file, "sha256").hexdigest()
    path = kept / f"{key(name, *settings, digest, split, build)}.json"
    if path.is_file():
        return json.loads(path.read_text())
    start = time.perf_counter()
    probabilities, figures = ours.train(program, settings, folder, split, kept / f"scratch-{key(name, split, digest)}")
    seconds = time.perf_counter() - start
    result = measured(answers.to_numpy()[sets.test_rows(answers, split)], probabilities, seconds)
    result["model"] = figures.get("model")
    path.write_text(json.dumps(result))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--underwrite", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--sets", help="names, separated by commas")
    parser.add_argument("--only", choices=("ours", "peers"))
    parser.add_argument("--settings", help="names of ours, separated by semicolons")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    kept = arguments.work / "results"
    kept.mkdir(parents=True, exist_ok=True)
    chosen = [s for s in sets.BENCHMARK if not arguments.sets or s.name in arguments.sets.split(",")]
    results, described = {}, []
    for dataset in chosen:
        folder = arguments.work / "data" / dataset.name
        data = sets.write(dataset, folder)
        described.append((dataset, data[1].shape, float(data[2].mean())))
        for split in sets.SPLITS:
            for name, settings in ours.SETTINGS.items():
                if arguments.only != "peers" and (not arguments.settings or name in arguments.settings.split(";")):
                    result = our_result(name, settings, arguments.underwrite.resolve(), folder, data, split, kept)
                    results.setdefault(name, {})[dataset.name, split] = result
            for name in peers.PEERS if arguments.only != "ours" else ():
                results.setdefault(name, {})[dataset.name, split] = peer_result(name, data, split, kept)
        print(f"      {dataset.name} is done", flush=True)
    table.show(described, results)


if __name__ == "__main__":
    main()
