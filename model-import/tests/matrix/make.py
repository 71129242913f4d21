"""Trains models with the real libraries and writes what they answer, for tests/matrix.rs.

    python make.py FOLDER

Each model has a folder: the file of the library, `schema.toml`, `case.json`, and little-endian
arrays: `rows.f64` (input after input, in the terms of the schema: categories are their index, -1 is
an unknown one), `probability.f64`, `raw.f64` (log odds, where they must agree to the bit) and
`leaves.u32` (tree after tree, the number of the leaf that each row reaches).
"""

import json
import pathlib
import shutil
import sys
import types
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
ROWS = 10_000
HOMES = ["RENT", "OWN", "MORTGAGE", "OTHER"]
PURPOSES = ["car", "home", "medical", "school", "wedding", "travel", "venture", "debt"]


class Data:
    """Applications: four numbers, a boolean and two categories; the truth is not linear."""

    def __init__(self, seed, rows, missing=0.0, zeros=0.0):
        r = np.random.default_rng(seed)
        self.frame = pd.DataFrame({
            "income": np.round(r.lognormal(10.8, 0.6, rows), 2),
            "rate": r.uniform(5, 25, rows),
            "score": r.integers(300, 851, rows).astype(float),
            "debt": r.normal(0, 1, rows) * 10.0 ** r.integers(-3, 4, rows),
            "owner": r.integers(0, 2, rows).astype(float),
            "home": pd.Categorical(r.choice(HOMES, rows, p=[0.5, 0.1, 0.38, 0.02])),
            "purpose": pd.Categorical(r.choice(PURPOSES, rows)),
        })
        f = self.frame
        x = (np.log(f.income) - 10.8) - (f.rate - 15) / 6 + (f.score - 600) / 150
        x += (f.home == "OWN") * 1.0 + (f.purpose.cat.codes % 3 == 0) * 0.8 + f.owner * (f.rate > 12)
        self.y = (r.random(rows) < 1 / (1 + np.exp(-x))).astype(int)
        if zeros:
            f.loc[r.random(rows) < zeros, "debt"] = 0.0
        for name in ["income", "rate", "score", "debt"]:
            if missing:
                f.loc[r.random(rows) < missing, name] = np.nan


NUMBERS = ["income", "rate", "score", "debt", "owner"]
CATEGORIES = {"home": HOMES, "purpose": PURPOSES}


def schema(columns, missing, positive, extra=""):
    """The schema of some columns."""
    text = 'name = "matrix"\nversion = "1.0.0"\n'
    for name in columns:
        text += f'\n[[feature]]\nname = "{name}"\n'
        if name in CATEGORIES:
            text += f'type = "category"\ncategories = {json.dumps(CATEGORIES[name])}\n'
        else:
            text += 'type = "number"\n'
        if name in missing:
            text += 'missing = "native"\n'
        text += extra.get(name, "") if extra else ""
    text += f'\n[[feature]]\nname = "paid"\ntype = "boolean"\nrole = "target"\npositive = {json.dumps(positive)}\n'
    return text


def beside(values, cuts, rng, single):
    """Puts cuts, and their neighbours, in place of half of the values."""
    if not len(cuts):
        return values
    chosen = rng.choice(np.asarray(cuts, dtype=float), len(values))
    down = np.nextafter(chosen, -np.inf)
    up = np.nextafter(chosen, np.inf)
    near = [chosen, down, up]
    if single:
        f = chosen.astype(np.float32)
        near += [np.nextafter(f, np.float32(-np.inf)).astype(float), np.nextafter(f, np.float32(np.inf)).astype(float)]
        near += [(near[-1] + f) / 2, (near[-2] + f) / 2]
    picked = np.choose(rng.integers(0, len(near), len(values)), near)
    return np.where(rng.random(len(values)) < 0.5, picked, values)


def probes(data, columns, cuts, rng, single, missing):
    """Rows to compare: drawn from the data, with values at and beside the cuts."""
    frame = data.frame[columns].sample(ROWS, replace=True, random_state=1).reset_index(drop=True)
    for name in columns:
        if name in NUMBERS:
            values = beside(frame[name].to_numpy(float), cuts.get(name, []), rng, single)
            values = np.where(np.isfinite(values) | np.isnan(values), values, 0.0)
            if name in missing:
                values = np.where(rng.random(ROWS) < 0.1, np.nan, values)
            frame[name] = values
    return frame


class Case:
    def __init__(self, root, library, name):
        self.folder = root / f"{library}-{name}"
        self.folder.mkdir(parents=True)
        self.meta = {"library": library, "name": name, "trees": 0}

    def write(self, frame, codes, probability, raw=None, leaves=None, **meta):
        rows = [codes[name](frame[name]) for name in frame.columns]
        np.concatenate(rows).astype("<f8").tofile(self.folder / "rows.f64")
        np.asarray(probability).astype("<f8").tofile(self.folder / "probability.f64")
        if raw is not None:
            np.asarray(raw).astype("<f8").tofile(self.folder / "raw.f64")
        if leaves is not None:
            leaves = np.asarray(leaves).reshape(len(frame), -1)
            self.meta["trees"] = leaves.shape[1]
            leaves.T.astype("<u4").tofile(self.folder / "leaves.u32")
        self.meta.update(meta, rows=len(frame), raw=raw is not None)
        (self.folder / "case.json").write_text(json.dumps(self.meta))

    def schema(self, text):
        (self.folder / "schema.toml").write_text(text)


def coded(columns):
    codes = {}
    for name in columns:
        if name in CATEGORIES:
            index = {text: i for i, text in enumerate(CATEGORIES[name])}
            codes[name] = lambda column, index=index: np.array([index.get(v, np.nan if pd.isna(v) else -1) for v in column], float)
        else:
            codes[name] = lambda column: column.to_numpy(float)
    return codes


# --- LightGBM

LIGHTGBM = [
    # name, parameters, what is special about its rows and schema
    ("plain", {}, {}),
    ("one-tree", {"n_estimators": 1}, {}),
    ("stumps", {"num_leaves": 2, "n_estimators": 40}, {}),
    ("deep", {"num_leaves": 255, "min_child_samples": 2, "n_estimators": 30}, {}),
    ("chain", {"num_leaves": 60, "max_depth": -1, "min_child_samples": 1, "n_estimators": 5, "min_sum_hessian_in_leaf": 0.0}, {"rows": 800}),
    ("large", {"num_leaves": 31, "n_estimators": 200}, {}),
    ("missing", {}, {"missing": 0.2}),
    ("missing-deep", {"num_leaves": 127, "n_estimators": 50, "min_child_samples": 3}, {"missing": 0.3}),
    ("missing-unseen", {}, {"ask_missing": True}),
    ("no-missing", {"use_missing": False}, {"missing": 0.2}),
    ("categories", {}, {"categories": True}),
    ("categories-many", {"max_cat_to_onehot": 1, "min_data_per_group": 5, "cat_smooth": 1, "num_leaves": 63}, {"categories": True}),
    ("categories-onehot", {"max_cat_to_onehot": 32}, {"categories": True}),
    ("categories-missing", {"min_data_per_group": 5}, {"categories": True, "missing": 0.2}),
    ("categories-codes", {"min_data_per_group": 5}, {"categories": True, "numpy": True}),
    ("dart", {"boosting_type": "dart", "drop_rate": 0.3, "n_estimators": 40}, {}),
    ("rf", {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "n_estimators": 30, "num_leaves": 63}, {}),
    ("rf-missing", {"boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6, "n_estimators": 17}, {"missing": 0.2, "categories": True}),
    ("goss", {"data_sample_strategy": "goss"}, {}),
    ("sigmoid", {"sigmoid": 0.7}, {}),
    ("sigmoid-2", {"sigmoid": 2.0, "n_estimators": 20}, {"positive": False}),
    ("negative", {}, {"positive": False, "missing": 0.1, "categories": True}),
    ("cross-entropy", {"objective": "cross_entropy"}, {}),
    ("custom", {"custom": True}, {"link": "logistic"}),
    ("regression", {"objective": "regression"}, {"link": "identity"}),
    ("extra-trees", {"extra_trees": True, "num_leaves": 63}, {"missing": 0.05}),
    ("unbalanced", {"is_unbalance": True, "reg_lambda": 5.0}, {}),
    ("early", {"n_estimators": 400, "learning_rate": 0.2}, {"early": True}),
    ("zero-as-missing", {"zero_as_missing": True}, {"zeros": 0.3, "positive_debt": True}),
    ("missing-alone", {}, {"telling": True, "ask_missing": True}),
]


def lightgbm(root):
    import lightgbm as lgb

    for seed, (name, parameters, options) in enumerate(LIGHTGBM):
        data = Data(seed, options.get("rows", 4000), options.get("missing", 0.0), options.get("zeros", 0.0))
        columns = NUMBERS + (list(CATEGORIES) if options.get("categories") else [])
        extra = {}
        if options.get("telling"):
            # That a debt is missing says more than what it is: such splits have the threshold inf.
            data.frame.loc[(data.y == 1) & (np.arange(len(data.y)) % 3 == 0), "debt"] = np.nan
        if options.get("positive_debt"):
            # Nothing but a missing value is near 0, and no rate, income or score is.
            data.frame["debt"] = data.frame["debt"].abs()
            data.frame.loc[data.frame["debt"] == 0.0, "debt"] = np.nan
            data.frame["owner"] += 1.0
            extra = {n: "exclusive_minimum = 1e-30\n" for n in NUMBERS}
        frame, y = data.frame[columns], data.y
        parameters = {"num_leaves": 15, "n_estimators": 60, "verbose": -1, "seed": seed, "num_threads": 2, "objective": "binary", **parameters}
        rounds = parameters.pop("n_estimators")
        custom = parameters.pop("custom", False)
        if custom:
            def objective(scores, dataset):
                p = 1 / (1 + np.exp(-scores))
                return p - dataset.get_label(), p * (1 - p)
            parameters["objective"] = objective
        if options.get("numpy"):
            inputs = frame.copy()
            for c in CATEGORIES:
                inputs[c] = frame[c].map({t: i for i, t in enumerate(CATEGORIES[c])}).astype(float)
            training = lgb.Dataset(inputs.to_numpy(), y, feature_name=columns, categorical_feature=list(CATEGORIES))
        else:
            training = lgb.Dataset(frame, y)
        callbacks, valid = [], []
        if options.get("early"):
            more = Data(1000 + seed, 2000)
            valid = [lgb.Dataset(more.frame[columns], more.y, reference=training)]
            callbacks = [lgb.early_stopping(5, verbose=False)]
        booster = lgb.train(parameters, training, rounds, valid_sets=valid, callbacks=callbacks)
        case = Case(root, "lightgbm", name)
        booster.save_model(case.folder / "model.txt")
        missing = [n for n in NUMBERS if options.get("missing") or options.get("ask_missing") or (options.get("zeros") and n == "debt")]
        rng = np.random.default_rng(seed)
        cuts = {}
        nodes = booster.trees_to_dataframe()
        for n in NUMBERS:
            found = nodes[nodes.split_feature == n].threshold
            cuts[n] = [float(c) for c in found]
        probe = probes(data, columns, cuts, rng, False, missing)
        if options.get("positive_debt"):
            for n in NUMBERS:
                probe[n] = probe[n].where(~(probe[n] <= 1e-30), 1.0)
        asked = probe
        if options.get("numpy"):
            asked = probe.copy()
            for c in CATEGORIES:
                asked[c] = probe[c].map({t: i for i, t in enumerate(CATEGORIES[c])}).astype(float)
            asked = asked.to_numpy()
        raw = booster.predict(asked, raw_score=True)
        probability = booster.predict(asked)
        if custom:
            probability = 1 / (1 + np.exp(-probability))
        text = schema(columns, missing, options.get("positive", True), extra)
        if options.get("numpy"):
            for c, values in CATEGORIES.items():
                codes = ", ".join(f'"{t}" = {i}' for i, t in enumerate(values))
                text = text.replace(f'categories = {json.dumps(values)}\n', f'categories = {json.dumps(values)}\ncodes = {{ {codes} }}\n')
        case.schema(text)
        leaves = booster.predict(asked, pred_leaf=True)
        case.write(probe, coded(columns), probability, raw, leaves, file="model.txt", link=options.get("link"))


# --- XGBoost

XGBOOST = [
    ("plain", {}, {}),
    ("one-tree", {"n_estimators": 1}, {}),
    ("stumps", {"max_depth": 1, "n_estimators": 50}, {}),
    ("deep", {"max_depth": 12, "n_estimators": 40, "min_child_weight": 0}, {}),
    ("large", {"n_estimators": 400, "max_depth": 5, "learning_rate": 0.05}, {}),
    ("large-fast", {"n_estimators": 300, "max_depth": 8, "learning_rate": 0.5}, {}),
    ("missing", {}, {"missing": 0.2}),
    ("missing-deep", {"max_depth": 10}, {"missing": 0.3}),
    ("missing-unseen", {}, {"ask_missing": True}),
    ("categories", {}, {"categories": True}),
    ("categories-partition", {"max_cat_to_onehot": 1, "max_depth": 8}, {"categories": True}),
    ("categories-onehot", {"max_cat_to_onehot": 32}, {"categories": True, "missing": 0.1}),
    ("lossguide", {"grow_policy": "lossguide", "max_leaves": 40, "max_depth": 0}, {}),
    ("exact", {"tree_method": "exact"}, {}),
    ("approx", {"tree_method": "approx"}, {"missing": 0.1}),
    ("dart", {"booster": "dart", "rate_drop": 0.3, "n_estimators": 30}, {}),
    ("forest", {"num_parallel_tree": 10, "n_estimators": 3, "subsample": 0.6, "colsample_bynode": 0.6}, {}),
    ("base-score", {"base_score": 0.9}, {}),
    ("logitraw", {"objective": "binary:logitraw", "base_score": 0.3}, {}),
    ("reg-logistic", {"objective": "reg:logistic"}, {}),
    ("squared", {"objective": "reg:squarederror"}, {"link": "identity"}),
    ("custom", {"custom": True}, {"link": "logistic"}),
    ("early", {"n_estimators": 400, "learning_rate": 0.3}, {"early": True}),
    ("negative", {}, {"positive": False, "missing": 0.1, "categories": True}),
    ("missing-value", {}, {"missing_value": -999.0}),
]


def xgboost(root):
    import xgboost as xgb

    for seed, (name, parameters, options) in enumerate(XGBOOST):
        data = Data(100 + seed, options.get("rows", 4000), options.get("missing", 0.0))
        columns = NUMBERS + (list(CATEGORIES) if options.get("categories") else [])
        frame, y = data.frame[columns], data.y
        sentinel = options.get("missing_value")
        extra, missing = {}, [n for n in NUMBERS if options.get("missing") or options.get("ask_missing")]
        if sentinel is not None:
            rng = np.random.default_rng(seed)
            frame = frame.copy()
            for n in ["income", "rate", "score"]:
                frame.loc[rng.random(len(frame)) < 0.1, n] = sentinel

            missing = ["income", "rate", "score"]
            # The number that means missing is outside every range.
            extra = {n: "minimum = -500\n" for n in NUMBERS}
            frame["debt"] = frame["debt"].clip(lower=-500)
        parameters = {"max_depth": 4, "eta": 0.3, "objective": "binary:logistic", "nthread": 2, "seed": seed, **parameters}
        parameters["eta"] = parameters.pop("learning_rate", parameters["eta"])
        rounds = parameters.pop("n_estimators", 60)
        custom = parameters.pop("custom", False)
        objective = None
        if custom:
            parameters.pop("objective")
            parameters["base_score"] = 0.0
            def objective(scores, matrix):
                p = 1 / (1 + np.exp(-scores))
                return p - matrix.get_label(), p * (1 - p)
        matrix = lambda f, y=None: xgb.DMatrix(f, y, enable_categorical=True, missing=np.nan if sentinel is None else sentinel)
        evals, stop = [], None
        if options.get("early"):
            more = Data(2000 + seed, 2000)
            evals, stop = [(matrix(more.frame[columns], more.y), "valid")], 5
        booster = xgb.train(parameters, matrix(frame, y), rounds, evals=evals, early_stopping_rounds=stop, verbose_eval=False, obj=objective)
        case = Case(root, "xgboost", name)
        booster.save_model(case.folder / "model.json")
        booster.save_model(case.folder / "model.ubj")
        rng = np.random.default_rng(seed)
        nodes = booster.trees_to_dataframe()
        cuts = {n: [float(c) for c in nodes[nodes.Feature == n].Split.dropna()] for n in NUMBERS}
        probe = probes(data, columns, cuts, rng, True, missing)
        asked = probe
        if sentinel is not None:
            for n in missing:
                probe[n] = probe[n].where(~(probe[n] < -500), 0.0)
            probe["debt"] = probe["debt"].clip(lower=-500)
            asked = probe.fillna(sentinel)
        span = (0, booster.best_iteration + 1) if stop else (0, 0)
        probability = booster.predict(matrix(asked), iteration_range=span)
        if custom or parameters.get("objective") == "binary:logitraw":
            probability = 1 / (1 + np.exp(-probability.astype(float)))
        leaves = booster.predict(matrix(asked), pred_leaf=True, iteration_range=span)
        case.schema(schema(columns, missing, options.get("positive", True), extra))
        case.write(probe, coded(columns), probability, None, leaves, file="model.json", twin="model.ubj", link=options.get("link"), missing=sentinel)


# --- scikit-learn

def pipelines():
    """Estimators by name, each with what its rows have: categories, missing values."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import (ExtraTreesClassifier, GradientBoostingClassifier,
                                  HistGradientBoostingClassifier, RandomForestClassifier)
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, RobustScaler, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    def prepared(numbers, categories):
        return ColumnTransformer([("numbers", numbers, NUMBERS), ("categories", categories, list(CATEGORIES))])

    impute = lambda scaler, **k: make_pipeline(SimpleImputer(**k), scaler)
    hot = OneHotEncoder(handle_unknown="ignore")
    both, gaps = {"categories": True}, {"categories": True, "missing": 0.15}
    yield "tree", DecisionTreeClassifier(random_state=0), {}
    yield "tree-missing", DecisionTreeClassifier(max_depth=8, random_state=0), {"missing": 0.2}
    yield "forest", RandomForestClassifier(60, random_state=1, n_jobs=2), {}
    yield "forest-missing", RandomForestClassifier(40, min_samples_leaf=5, random_state=1, n_jobs=2), {"missing": 0.2}
    yield "forest-shallow", RandomForestClassifier(100, max_depth=4, random_state=2, n_jobs=2), {"positive": False}
    yield "extra", ExtraTreesClassifier(40, max_depth=12, random_state=2, n_jobs=2), {}
    yield "forest-onehot", make_pipeline(prepared(StandardScaler(), hot), RandomForestClassifier(40, max_depth=10, random_state=3, n_jobs=2)), both
    yield "forest-ordinal", make_pipeline(prepared("passthrough", OrdinalEncoder()), RandomForestClassifier(40, max_depth=10, random_state=3, n_jobs=2)), both
    yield "forest-imputed", make_pipeline(prepared(impute(MinMaxScaler(), strategy="median"), hot), RandomForestClassifier(40, max_depth=10, random_state=4, n_jobs=2)), gaps
    yield "boosting", GradientBoostingClassifier(n_estimators=60, random_state=0), {}
    yield "boosting-onehot", make_pipeline(prepared(RobustScaler(), hot), GradientBoostingClassifier(n_estimators=80, max_depth=5, random_state=0)), both
    yield "histogram", HistGradientBoostingClassifier(max_iter=60, random_state=0), {}
    yield "histogram-missing", HistGradientBoostingClassifier(max_iter=60, random_state=0), {"missing": 0.2}
    yield "histogram-categories", HistGradientBoostingClassifier(max_iter=60, categorical_features="from_dtype", random_state=0), gaps
    yield "logistic", make_pipeline(prepared(StandardScaler(), hot), LogisticRegression(max_iter=500)), both
    yield "logistic-imputed", make_pipeline(prepared(impute(StandardScaler(), add_indicator=True), OneHotEncoder(drop="first")), LogisticRegression(max_iter=500)), gaps
    yield "logistic-negative", make_pipeline(prepared(MinMaxScaler(), OrdinalEncoder()), LogisticRegression(max_iter=500)), {"categories": True, "positive": False}
    yield "ridge", make_pipeline(prepared(StandardScaler(), hot), Ridge()), both
    yield "sigmoid-forest", CalibratedClassifierCV(RandomForestClassifier(40, max_depth=8, random_state=5), method="sigmoid", ensemble=False), {}
    yield "sigmoid-boosting", CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=30, random_state=5), method="sigmoid", ensemble=False), {}
    yield "isotonic-forest", CalibratedClassifierCV(RandomForestClassifier(30, max_depth=5, random_state=6), method="isotonic", ensemble=False), {}
    rare = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.12)
    yield "logistic-infrequent", make_pipeline(prepared(StandardScaler(), rare), LogisticRegression(max_iter=500)), both
    yield "forest-infrequent", make_pipeline(prepared("passthrough", rare), RandomForestClassifier(40, max_depth=10, random_state=3, n_jobs=2)), both


def cuts_of(exported):
    """The cuts of each input that is a number, before its steps."""
    cuts = {}
    for tree in exported["model"].get("trees", []):
        for feature, cut in zip(tree["feature"], tree["cut"]):
            column = exported["columns"][feature] if feature >= 0 else {}
            if column.get("is") == "number":
                for step, c in reversed(column.get("steps", [])):
                    undo = {"subtract": lambda x: x + c, "add": lambda x: x - c, "multiply": lambda x: x / c, "divide": lambda x: x * c}
                    cut = undo[step](cut)
                # A cut above all numbers asks whether the value is missing.
                if abs(cut) < 1e30:
                    cuts.setdefault(column["input"], []).append(cut)
    return cuts


def leaves_of(estimator, probe):
    """The node that each row ends at in each tree, by scikit-learn's own walk; None without trees."""
    if hasattr(estimator, "calibrated_classifiers_"):
        return leaves_of(estimator.calibrated_classifiers_[0].estimator, probe)
    if hasattr(estimator, "steps"):
        return leaves_of(estimator[-1], estimator[:-1].transform(probe))
    if hasattr(estimator, "apply"):
        return estimator.apply(probe)
    if not hasattr(estimator, "_predictors"):
        return None
    # It has no `apply`: its trees predict once more, with the number of the node as its value.
    seen = estimator._preprocess_X(probe, reset=False)
    known = estimator._bin_mapper.make_known_categories_bitsets()
    leaves = []
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes.copy()
        nodes["value"] = np.arange(len(nodes))
        sets = predictor.binned_left_cat_bitsets, predictor.raw_left_cat_bitsets
        numbered = type(predictor)(nodes, *sets)
        leaves.append(numbered.predict(seen, *known, n_threads=2))
    return np.column_stack(leaves)


def sklearn(root):
    # The exporter alone: what is native in the package need not be built.
    package = types.ModuleType("underwrite")
    package.__path__ = [str(pathlib.Path(__file__).parents[3] / "python" / "underwrite")]
    sys.modules["underwrite"] = package
    from underwrite import export

    for seed, (name, estimator, options) in enumerate(pipelines()):
        data = Data(200 + seed, 3000, options.get("missing", 0.0))
        columns = NUMBERS + (list(CATEGORIES) if options.get("categories") else [])
        if name != "histogram-categories":
            for c in CATEGORIES:
                data.frame[c] = data.frame[c].astype(object)
        estimator.fit(data.frame[columns], data.y)
        case = Case(root, "sklearn", name)
        exported = export.sklearn(estimator, case.folder / "model.json")
        rng = np.random.default_rng(seed)
        missing = NUMBERS[:4] if options.get("missing") else []
        probe = probes(data, columns, cuts_of(exported), rng, True, missing)
        probability = estimator.predict(probe) if name == "ridge" else estimator.predict_proba(probe)[:, 1]
        leaves = leaves_of(estimator, probe)
        case.schema(schema(columns, missing, options.get("positive", True)))
        case.write(probe, coded(columns), probability, None, leaves, file="model.json")


def main():
    root = pathlib.Path(sys.argv[1])
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    wanted = sys.argv[2:] or ["lightgbm", "xgboost", "sklearn"]
    for library in wanted:
        globals()[library](root)


main()
