"""Writes weighted.json: figures of weighted rows as scikit-learn and statsmodels compute them.

Run with scikit-learn 1.8.0, statsmodels 0.15.0 and numpy 2.4.6:

    python weighted.py

Scores are rounded, so that there are ties; the weights are those of a sample from which goods
were drawn less often than bads, times an exposure.
"""

import json
import pathlib

import numpy as np
import statsmodels.api as sm
from sklearn import metrics

HERE = pathlib.Path(__file__).parent


def main():
    rng = np.random.default_rng(11)
    rows, threshold = 600, 0.7
    p = np.round(rng.beta(4, 1.5, rows), 2).clip(0.01, 0.99)
    good = (rng.random(rows) < p**1.3).astype(int)
    weights = np.round(np.where(good == 1, 4.0, 1.0) * rng.lognormal(0, 0.6, rows), 3)
    approved = p >= threshold
    weigh = {"sample_weight": weights}
    bad = 1 - good
    fpr, tpr, _ = metrics.roc_curve(good, p, **weigh)
    confusion = metrics.confusion_matrix(good, approved, **weigh)
    log_odds = np.log(p / (1 - p))
    effective = weights.sum() ** 2 / (weights**2).sum()
    scaled = weights * effective / weights.sum()
    family = sm.families.Binomial()
    fit = sm.GLM(good, sm.add_constant(log_odds), family=family, freq_weights=scaled)
    fit = fit.fit(tol=1e-14, tol_criterion="params", maxiter=200)
    edges = np.ceil(p * 10 - 1e-9).clip(1) - 1
    lowest = np.searchsorted(np.sort(p), p) < rows // 10
    bins = [edges == bin for bin in range(10)]
    json.dump(
        {
            "good": good.tolist(),
            "p": p.tolist(),
            "weights": weights.tolist(),
            "threshold": threshold,
            "figures": {
                "roc_auc": metrics.roc_auc_score(good, p, **weigh),
                "average_precision": metrics.average_precision_score(good, p, **weigh),
                "log_loss": metrics.log_loss(good, p, **weigh),
                "brier": metrics.brier_score_loss(good, p, **weigh),
                "accuracy": metrics.accuracy_score(good, approved, **weigh),
                "balanced_accuracy": metrics.balanced_accuracy_score(good, approved, **weigh),
                "f1": metrics.f1_score(good, approved, **weigh),
                "f1_weighted": metrics.f1_score(good, approved, average="weighted", **weigh),
                "precision": metrics.precision_score(good, approved, **weigh),
                "recall": metrics.recall_score(good, approved, **weigh),
                "matthews_corrcoef": metrics.matthews_corrcoef(good, approved, **weigh),
                "approval_rate": np.average(approved, weights=weights),
                "expected_calibration_error": sum(
                    abs((weights * (p - good))[bin].sum()) for bin in bins
                )
                / weights.sum(),
            },
            "ks": np.abs(tpr - fpr).max(),
            "bad_rate_at_cut_off": confusion[0, 1] / confusion[:, 1].sum(),
            "bads_declined": confusion[0, 0] / confusion[0].sum(),
            "average_precision_of_bads": metrics.average_precision_score(bad, 1 - p, **weigh),
            "slope": [fit.params[1], fit.bse[1]],
            "intercept": [fit.params[0], fit.bse[0]],
            "lowest_decile": {
                "bad_rate": np.average(bad[lowest], weights=weights[lowest]),
                "rows": int(lowest.sum()),
            },
        },
        open(HERE / "weighted.json", "w"),
    )


main()
