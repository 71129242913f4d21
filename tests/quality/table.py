"""Prints the results as tables in Markdown."""

import numpy

METRICS = (("log_loss", "log loss", False), ("auc", "ROC AUC", True), ("brier", "Brier", False), ("ece", "ECE", False))
OUR_SEARCH = "ours, all models, 30 trials"
TUNED_PEER = "LightGBM, Optuna 30 trials"


def show(described, results):
    show_sets(described)
    show_means(described, results)
    for metric, title, more in METRICS[:2]:
        show_each(described, results, metric, title, more)
    show_differences(described, results)


def show_sets(described):
    print("\n| set | package | rows | inputs | positive | licence |\n|---|---|---|---|---|---|")
    for dataset, (rows, columns), rate in described:
        print(f"| {dataset.name} | {dataset.package} | {rows:,} | {columns} | {rate:.1%} | {dataset.licence} |")


def of_sets(results, name, metric):
    """The mean over the splits of each set, in the order of the sets."""
    means = {}
    for (dataset, _), result in results[name].items():
        means.setdefault(dataset, []).append(result[metric])
    return {dataset: float(numpy.mean(values)) for dataset, values in means.items()}


def ranks(results, metric, more):
    """The mean rank over the sets; the best has rank 1, equals share the mean of theirs."""
    from scipy.stats import rankdata

    figures = {name: of_sets(results, name, metric) for name in results}
    sets = list(next(iter(figures.values())))
    rows = [rankdata([-figures[n][s] if more else figures[n][s] for n in figures]) for s in sets]
    return dict(zip(figures, numpy.mean(rows, axis=0)))


def show_means(described, results):
    titles = [f"{title} (mean ± SE; range)" for _, title, _ in METRICS]
    print(f"\nMeans over {len(described)} sets; the standard error is over the sets.\n")
    print("| | rank, log loss | rank, AUC | " + " | ".join(titles) + " | seconds, mean (most) |")
    print("|---" * (len(METRICS) + 4) + "|")
    by_loss, by_auc = ranks(results, "log_loss", False), ranks(results, "auc", True)
    for name in sorted(results, key=by_loss.get):
        cells = []
        for metric, _, _ in METRICS:
            values = numpy.array(list(of_sets(results, name, metric).values()))
            error = values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else float("nan")
            cells.append(f"{values.mean():.4f} ± {error:.4f}; {values.min():.4f} to {values.max():.4f}")
        seconds = [result["seconds"] for result in results[name].values()]
        time = f"{numpy.mean(seconds):.1f} ({max(seconds):.1f})"
        print(f"| {name} | {by_loss[name]:.2f} | {by_auc[name]:.2f} | " + " | ".join(cells) + f" | {time} |")


def show_each(described, results, metric, title, more):
    print(f"\n{title}, mean of the splits (**best**)\n\n| | " + " | ".join(d.name for d, *_ in described) + " |")
    print("|---" * (len(described) + 1) + "|")
    figures = {name: of_sets(results, name, metric) for name in results}
    best = {d.name: (max if more else min)(figures[n][d.name] for n in figures) for d, *_ in described}
    for name, values in figures.items():
        cells = [f"**{v:.4f}**" if v == best[s] else f"{v:.4f}" for s, v in values.items()]
        print(f"| {name} | " + " | ".join(cells) + " |")


def paired(results, a, b, metric):
    """Mean and standard error of `a` less `b`: of the sets' means, over the sets."""
    own, other = of_sets(results, a, metric), of_sets(results, b, metric)
    differences = numpy.array([own[s] - other[s] for s in own])
    error = differences.std(ddof=1) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
    return differences.mean(), error


def show_differences(described, results):
    ours = [name for name in results if name.startswith("ours")]
    others = [name for name in results if not name.startswith("ours")]
    if not ours or not others:
        return
    print("\nPaired differences over the sets (ours less theirs ± SE): log loss, below 0 is better; AUC, above 0\n")
    print("| | " + " | ".join(others) + " |")
    print("|---" * (len(others) + 1) + "|")
    for name in ours:
        cells = []
        for other in others:
            loss, auc = (paired(results, name, other, metric) for metric in ("log_loss", "auc"))
            cells.append(f"{loss[0]:+.4f} ± {loss[1]:.4f}; {auc[0]:+.4f} ± {auc[1]:.4f}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    if OUR_SEARCH in results and TUNED_PEER in results:
        show_lost(described, results)


def show_lost(described, results):
    """Sets on which the search is worse than the tuned peer by more than two standard errors of
    the paired difference over the splits."""
    print(f"\n{OUR_SEARCH} against {TUNED_PEER}, paired over the splits of each set (difference / SE)\n")
    print("| set | log loss | AUC |\n|---|---|---|")
    for dataset, *_ in described:
        cells = []
        for metric, worse in (("log_loss", 1), ("auc", -1)):
            a, b = results[OUR_SEARCH], results[TUNED_PEER]
            splits = [key for key in a if key[0] == dataset.name]
            differences = numpy.array([a[key][metric] - b[key][metric] for key in splits])
            error = differences.std(ddof=1) / len(differences) ** 0.5
            lost = worse * differences.mean() > 2 * error
            mark = "**" if lost else ""
            cells.append(f"{mark}{differences.mean():+.4f} / {error:.4f}{mark}")
        print(f"| {dataset.name} | " + " | ".join(cells) + " |")
