"""Writes cases.json: the credit tables of three data sets as other programs compute them.

Run with scikit-learn 1.8.0, scipy 1.17.1, statsmodels 0.15.0, pandas 3.1.1 and numpy 2.4.6:

    python make.py

`good` is 1 for the outcome that is approved, `p` and `q` are two models' probabilities of it,
rounded, so that there are ties.
"""

import json
import pathlib

import numpy as np
import pandas as pd
import scipy.stats
import statsmodels.api as sm
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from statsmodels.stats.outliers_influence import variance_inflation_factor

HERE = pathlib.Path(__file__).parent
DATA = HERE / "../../../data"


def scored(frame, good, digits):
    """A linear and a boosted model's probabilities on the second half of the rows."""
    x = pd.get_dummies(frame, dtype=float).fillna(0.0).to_numpy()
    half = len(good) // 2
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=1000))
    boosted = GradientBoostingClassifier(n_estimators=40, max_depth=3, random_state=1)
    p, q = (m.fit(x[:half], good[:half]).predict_proba(x[half:])[:, 1] for m in (linear, boosted))
    return good[half:], np.round(p, digits).clip(0.0001, 0.9999), np.round(q, digits).clip(0.0001, 0.9999)


def german():
    frame = pd.read_csv(DATA / "german_credit.csv")
    target = frame.pop("creditability")
    return scored(frame, (target.astype(str).isin(["good", "1"])).to_numpy().astype(int), 2)


def loans():
    frame = pd.read_csv(DATA / "loan_sample.csv").head(2000)
    target = frame.pop("loan_status")
    return scored(frame, target.to_numpy().astype(int), 3)


def rare():
    """A bad rate of about one in a hundred, as of a mortgage portfolio."""
    rng = np.random.default_rng(7)
    risk = rng.normal(size=1500)
    true = 1 / (1 + np.exp(-(5.0 - 1.1 * risk)))
    good = (rng.random(1500) < true).astype(int)
    p = 1 / (1 + np.exp(-(4.6 - 0.8 * risk - 0.3 * rng.normal(size=1500))))
    q = 1 / (1 + np.exp(-(4.2 - 0.3 * risk - 0.6 * rng.normal(size=1500))))
    return good, np.round(p, 4), np.round(q, 4)


def deciles(good, p):
    frame = pd.DataFrame({"good": good, "p": p})
    first = scipy.stats.rankdata(p, "min") - 1
    frame["decile"] = np.floor(10 * first / len(p)).astype(int) + 1
    table = frame.groupby("decile").agg(
        rows=("good", "size"), goods=("good", "sum"), low=("p", "min"), high=("p", "max"), mean=("p", "mean")
    )
    bad = table.rows - table.goods
    return {
        "first": table.index.tolist(),
        "rows": table.rows.tolist(),
        "bad": bad.tolist(),
        "low": table.low.tolist(),
        "high": table.high.tolist(),
        "expected_bad_rate": (1 - table["mean"]).tolist(),
        "lift": (bad / table.rows / (1 - good.mean())).tolist(),
        "cumulative_bads": (bad.cumsum() / bad.sum()).tolist(),
        "cumulative_goods": (table.goods.cumsum() / good.sum()).tolist(),
        "cumulative_bad_rate": (bad.cumsum() / table.rows.cumsum()).tolist(),
    }


def calibration(good, p):
    log_odds = np.log(p / (1 - p))
    fit = sm.Logit(good, sm.add_constant(log_odds)).fit(disp=0, tol=1e-14, maxiter=200)
    offset = sm.GLM(good, np.ones(len(good)), family=sm.families.Binomial(), offset=log_odds)
    offset = offset.fit(tol=1e-14, tol_criterion="params", maxiter=200)
    return {
        "slope": [fit.params[1], fit.bse[1]],
        "intercept": [fit.params[0], fit.bse[0]],
        "in_the_large": [offset.params[0], offset.bse[0]],
        "log_loss": log_loss(good, p),
        "brier": brier_score_loss(good, p),
    }


def cost(good, p, threshold, false_positive, false_negative, exposure):
    """By brute force over every cut-off."""
    def at(cut):
        approved = p >= cut
        return float(
            (false_positive * exposure)[approved & (good == 0)].sum()
            + (false_negative * exposure)[~approved & (good == 1)].sum()
        )

    cuts = [2.0, *np.unique(p)[::-1]]
    costs = [at(cut) for cut in cuts]
    return {
        "threshold": threshold,
        "at_threshold": at(threshold),
        "approve_everyone": at(0.0),
        "decline_everyone": at(2.0),
        "cheapest": min(costs),
    }


def delong(good, p, q):
    """E. R. DeLong and others, Biometrics 44, 1988, from the definition."""
    ones, zeros = good == 1, good == 0
    areas, by_one, by_zero = [], [], []
    for score in (p, q):
        difference = score[ones][:, None] - score[zeros][None, :]
        psi = (difference > 0) + 0.5 * (difference == 0)
        areas.append(psi.mean())
        by_one.append(psi.mean(axis=1))
        by_zero.append(psi.mean(axis=0))
    covariance = np.cov(by_one) / ones.sum() + np.cov(by_zero) / zeros.sum()
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    z = (areas[1] - areas[0]) / np.sqrt(variance)
    return {
        "areas": areas,
        "standard_error": np.sqrt(variance),
        "z": z,
        "p_value": 2 * scipy.stats.norm.sf(abs(z)),
    }


def swaps(good, p, q, threshold):
    cells = pd.DataFrame({"a": p >= threshold, "b": q >= threshold, "good": good})
    count = lambda a, b: cells[(cells.a == a) & (cells.b == b)]
    return {
        name: [len(count(a, b)), int((1 - count(a, b).good).sum())]
        for name, a, b in [
            ("both_approve", True, True),
            ("only_first", True, False),
            ("only_second", False, True),
            ("both_decline", False, False),
        ]
    }


def case(name, good, p, q, threshold):
    bad = 1 - good
    rarer_is_bad = bad.mean() <= 0.5
    exposure = np.arange(len(good)) % 7 + 1.0
    return {
        "name": name,
        "good": good.tolist(),
        "p": p.tolist(),
        "q": q.tolist(),
        "threshold": threshold,
        "gini": 2 * roc_auc_score(good, p) - 1,
        "ks": scipy.stats.ks_2samp(p[good == 0], p[good == 1]).statistic,
        "average_precision_rarer": (
            average_precision_score(bad, 1 - p) if rarer_is_bad else average_precision_score(good, p)
        ),
        "deciles": deciles(good, p),
        "calibration": calibration(good, p),
        "cost": cost(good, p, threshold, 5.0, 1.0, exposure),
        "delong": delong(good, p, q),
        "swaps": swaps(good, p, q, threshold),
    }


def standard_errors():
    """Logit of three columns that are related, with its standard errors and VIFs."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 3))
    x[:, 2] = 0.7 * x[:, 0] + 0.5 * x[:, 1] + 0.4 * x[:, 2]
    good = (rng.random(400) < 1 / (1 + np.exp(-(0.5 + x @ [1.0, -0.5, 0.3])))).astype(int)
    x = np.round(x, 3)
    fit = sm.Logit(good, sm.add_constant(x)).fit(disp=0, tol=1e-14)
    design = sm.add_constant(x)
    return {
        "x": x.T.tolist(),
        "good": good.tolist(),
        "coefficients": fit.params.tolist(),
        "standard_errors": fit.bse.tolist(),
        "variance_inflation": [variance_inflation_factor(design, i) for i in (1, 2, 3)],
    }


# Those of the exploration: its bins are given, what is measured in them is not.
BREAKS = {
    ("german_credit.csv", "german_credit.toml", "creditability", "bad"): {
        "duration_in_month": [6.0, 10.0, 15.0, 24.0, 30.0, 36.0],
        "credit_amount": [708.0, 3972.0, 5965.0, 9157.0],
        "age_in_years": [25.0, 29.0, 33.0, 60.0],
    },
    ("loan_sample.csv", "loan.toml", "loan_status", 0): {
        "person_income": [27404.0, 42443.0, 50709.0, 62824.0, 71283.0, 81242.0, 118076.0],
        "loan_int_rate": [7.46, 8.7, 10.71, 12.09, 12.88, 13.97, 14.66],
        "loan_percent_income": [0.05, 0.08, 0.11, 0.14, 0.19, 0.25, 0.3],
    },
}


def binned(frame, target, event, column, breaks):
    """pandas' bins, closed on the right; weight of evidence and IV from their definition."""
    bad = (frame[target] == event).astype(int)
    cut = pd.cut(frame[column], [-np.inf, *breaks, np.inf])
    there = frame[column].notna()
    if not there.all():
        cut = cut.cat.add_categories("missing").fillna("missing")
    table = bad.groupby(cut, observed=True).agg(["size", "sum", "mean"])
    bads = table["sum"] / bad.sum()
    goods = (table["size"] - table["sum"]) / (1 - bad).sum()
    evidence = np.log(goods / bads)
    auc = roc_auc_score((1 - bad)[there], frame[column][there])
    return {
        "breaks": breaks,
        "iv": float(((goods - bads) * evidence).sum()),
        "woe": evidence.tolist(),
        "bad_rate": table["mean"].tolist(),
        "gini": abs(2 * auc - 1),
    }


bins = []
for (file, schema, target, event), columns in BREAKS.items():
    frame = pd.read_csv(DATA / file)
    bins.append(
        {
            "file": file,
            "schema": schema,
            "columns": {name: binned(frame, target, event, name, cuts) for name, cuts in columns.items()},
        }
    )

cases = [
    case("german credit", *german(), 0.7),
    case("loans", *loans(), 0.4),
    case("rare bads", *rare(), 0.98),
]
text = json.dumps({"cases": cases, "bins": bins, "standard_errors": standard_errors()})
(HERE / "cases.json").write_text(text.replace("], ", "],\n").replace("}, ", "},\n") + "\n")
for c in cases:
    print(c["name"], len(c["good"]), c["gini"], c["ks"], c["average_precision_rarer"], c["deciles"]["first"], c["cost"], c["delong"]["p_value"], c["swaps"])
