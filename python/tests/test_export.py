"""What the exporter writes down decides as the fitted object does.

The neutral JSON is evaluated here by a few lines of numpy, so that a test fails where the
exporter is wrong, whoever imports.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import underwrite
from underwrite.export import ExportError, sklearn

OPERATIONS = {
    "subtract": np.subtract,
    "add": np.add,
    "multiply": np.multiply,
    "divide": np.divide,
}


def column(about: dict, values: pd.Series) -> np.ndarray:
    missing = values.isna().to_numpy()
    if about["is"] == "missing":
        made = missing.astype(float)
    elif about["is"] == "number":
        made = values.to_numpy(dtype=float, copy=True)
    else:
        filled = about.get("missing_value")
        texts = [filled if gone else str(value) for gone, value in zip(missing, values)]
        missing = missing & (filled is None)
        if about["is"] == "category":
            made = np.array([float(text in about["values"]) for text in texts])
        else:
            other = np.nan if about["other"] is None else about["other"]
            made = np.array([about["codes"].get(text, other) for text in texts], dtype=float)
            made[missing] = np.nan
    if about.get("missing") is not None:
        made[missing] = about["missing"]
    for word, number in about["steps"]:
        made = OPERATIONS[word](made, number)
    return made


def leaf(tree: dict, row: np.ndarray) -> float:
    at = 0
    while tree["feature"][at] >= 0:
        value = row[tree["feature"][at]]
        sets = tree.get("sets")
        if np.isnan(value):
            left = tree["missing_left"][at]
        elif sets and sets[at] is not None:
            left = int(value) in sets[at]
        else:
            left = value <= tree["cut"][at]
        at = tree["left"][at] if left else tree["right"][at]
    return tree["value"][at]


def evaluated(exported: dict, rows: pd.DataFrame) -> np.ndarray:
    exported = json.loads(json.dumps(exported, allow_nan=False))
    matrix = np.column_stack([column(one, rows[one["input"]]) for one in exported["columns"]])
    model = exported["model"]
    if model["type"] == "linear":
        raw = matrix @ np.array(model["weights"]) + model["intercept"]
    else:
        if model["compare"] == "f32":
            matrix = matrix.astype(np.float32).astype(float)
        raw = np.array([sum(leaf(tree, row) for tree in model["trees"]) for row in matrix])
        raw = raw / len(model["trees"]) if model["sum"] == "mean" else raw
        raw = raw + model["base"]
    probability = 1 / (1 + np.exp(-raw)) if model["link"] == "logistic" else raw
    calibration = exported["calibration"]
    if calibration is None:
        return probability
    given = raw if calibration["of"] == "decision" else probability
    if calibration["type"] == "sigmoid":
        return 1 / (1 + np.exp(calibration["a"] * given + calibration["b"]))
    return np.interp(given, calibration["x"], calibration["y"])


@pytest.fixture(scope="module")
def data(labeled):
    rows = labeled.drop(columns="loan_status").head(2000)
    texts = [name for name in rows if not pd.api.types.is_numeric_dtype(rows[name])]
    rows = rows.astype(dict.fromkeys(texts, object))
    rows.loc[::37, "person_income"] = np.nan
    rows.loc[::41, "person_education"] = np.nan
    return rows, labeled["loan_status"].head(2000), texts


def every_step(texts: list[str], numbers: list[str]) -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("scaled", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers[:3]),
            ("robust", make_pipeline(SimpleImputer(), RobustScaler()), numbers[3:5]),
            ("unit", make_pipeline(SimpleImputer(), MinMaxScaler()), numbers[5:]),
            ("hot", make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(drop="first", handle_unknown="ignore")), texts[:2]),
            ("code", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2), texts[2:]),
        ]
    )


def grouped(texts: list[str], numbers: list[str]) -> ColumnTransformer:
    hot = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=300)
    return make_column_transformer((SimpleImputer(), numbers), (hot, texts), remainder="passthrough")


ESTIMATORS = {
    "logistic regression": LogisticRegression(max_iter=300),
    "ridge": Ridge(),
    "tree": DecisionTreeClassifier(max_depth=6, random_state=1),
    "forest": RandomForestClassifier(5, max_depth=6, random_state=1),
    "extra trees": ExtraTreesClassifier(5, max_depth=6, random_state=1),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=1),
    "boosting from zero": GradientBoostingClassifier(n_estimators=5, init="zero", random_state=1),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("steps", [every_step, grouped])
@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_pipeline_is_written_down_exactly(data, steps, name):
    rows, outcome, texts = data
    numbers = [name for name in rows if name not in texts]
    fitted = make_pipeline(steps(texts, numbers), ESTIMATORS[name]).fit(rows, outcome)
    some = rows.head(200)
    expected = fitted.predict(some) if name == "ridge" else fitted.predict_proba(some)[:, 1]
    exported = sklearn(fitted)
    assert exported["classes"] == ["0", "1"]
    assert np.abs(evaluated(exported, some) - expected).max() < 1e-12


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("name", ["forest", "boosting", "logistic regression"])
def test_one_calibrator_is_written_down(data, method, name):
    rows, outcome, texts = data
    numbers = [name for name in rows if name not in texts]
    inner = make_pipeline(grouped(texts, numbers), ESTIMATORS[name])
    frozen = FrozenEstimator(inner.fit(rows, outcome))
    for calibrated in (
        CalibratedClassifierCV(inner, method=method, ensemble=False),
        CalibratedClassifierCV(frozen, method=method, ensemble=False),
    ):
        calibrated.fit(rows, outcome)
        expected = calibrated.predict_proba(rows.head(200))[:, 1]
        assert np.abs(evaluated(sklearn(calibrated), rows.head(200)) - expected).max() < 1e-12


def test_categories_of_histogram_boosting_are_sets(data):
    rows, outcome, texts = data
    typed = rows.astype(dict.fromkeys(texts, "category"))
    fitted = HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype")
    fitted.fit(typed, outcome)
    exported = sklearn(fitted)
    assert any(tree.get("sets") for tree in exported["model"]["trees"])
    expected = fitted.predict_proba(typed.head(200))[:, 1]
    assert np.abs(evaluated(exported, rows.head(200)) - expected).max() < 1e-12


@pytest.mark.parametrize(
    ("estimator", "takes_missing"),
    [
        (GradientBoostingClassifier(n_estimators=2), False),
        (DecisionTreeClassifier(max_depth=3), True),
        (RandomForestClassifier(2, max_depth=3), True),
        (ExtraTreesClassifier(2, max_depth=3), True),
        (HistGradientBoostingClassifier(max_iter=2), True),
    ],
)
def test_trees_say_where_a_missing_value_goes_if_the_estimator_takes_one(data, estimator, takes_missing):
    rows, outcome, _ = data
    numbers = rows[["loan_amnt", "credit_score"]].astype(float)
    fitted = estimator.fit(numbers, outcome)
    said = ["missing_left" in tree for tree in sklearn(fitted)["model"]["trees"]]
    assert set(said) == {takes_missing}
    numbers.iloc[0] = np.nan
    try:
        expected = fitted.predict_proba(numbers)[:, 1]
    except ValueError as error:
        assert not takes_missing and "NaN" in str(error)
    else:
        assert takes_missing
        assert np.abs(evaluated(sklearn(fitted), numbers) - expected).max() < 1e-12


NUMBERS, TEXTS = ["loan_amnt", "person_income"], ["loan_intent", "person_education"]
UNKNOWN = OneHotEncoder(handle_unknown="ignore")


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([(OrdinalEncoder(), TEXTS)], ["loan_intent"]),
        ([(OneHotEncoder(), TEXTS)], ["loan_intent"]),
        ([(OneHotEncoder(), TEXTS), (FunctionTransformer(validate=True), ["loan_amnt"])], ["loan_amnt", "loan_intent"]),
        ([(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), TEXTS)], []),
        ([(UNKNOWN, TEXTS)], []),
        ([(make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder()), TEXTS)], []),
        ([(UNKNOWN, TEXTS), (make_union(SimpleImputer(), MissingIndicator()), NUMBERS)], ["loan_amnt"]),
        ([(UNKNOWN, TEXTS), (make_union(SimpleImputer(), MissingIndicator(error_on_new=False)), NUMBERS)], []),
    ],
)
def test_inputs_that_a_step_never_takes_as_missing_are_listed(data, steps, expected):
    rows, outcome, _ = data
    # Every 37th income and every 41st education is missing.
    rows = rows[NUMBERS + TEXTS].dropna(subset=["loan_amnt", "loan_intent"])
    columns = make_column_transformer(*steps, remainder="passthrough", sparse_threshold=0)
    fitted = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=2)).fit(rows, outcome[rows.index])
    assert sklearn(fitted)["never_missing"] == expected
    for name in rows:
        given = rows.head(3).copy()
        given.loc[given.index[0], name] = np.nan
        if name in expected:
            with pytest.raises(ValueError):
                fitted.predict(given)
        else:
            fitted.predict(given)


def test_a_model_that_refuses_a_missing_value_is_not_imported_as_if_it_did_not(data):
    rows, outcome, _ = data
    numbers = rows[["loan_amnt", "credit_score"]].astype(float)
    fitted = GradientBoostingClassifier(n_estimators=2).fit(numbers, outcome)
    check = numbers.assign(expected=fitted.predict_proba(numbers)[:, 1])
    schema = 'name = "loan"\nversion = "1"\n'
    for name in numbers:
        schema += f'[[feature]]\nname = "{name}"\ntype = "number"\nmissing = "native"\n'
    schema += '[[feature]]\nname = "paid"\ntype = "boolean"\nrole = "target"\n'
    with pytest.raises(underwrite.ProgramError, match="'loan_amnt': missing = .native., and the model takes no missing"):
        underwrite.import_model("sklearn", sklearn(fitted), schema=schema, check=check)
    always_there = schema.replace('missing = "native"\n', "")
    model = underwrite.import_model("sklearn", sklearn(fitted), schema=always_there, check=check)
    with pytest.raises(underwrite.Refused, match="loan_amnt"):
        model.decide({"credit_score": 600})


@pytest.mark.filterwarnings("ignore")
def test_categories_of_a_group_are_imported_as_the_encoder_knows_them(data):
    rows, outcome, texts = data
    numbers = [column for column in rows if column not in texts]
    fitted = make_pipeline(grouped(texts, numbers), ESTIMATORS["logistic regression"]).fit(rows, outcome)
    columns = sklearn(fitted)["columns"]
    assert {"known" in column for column in columns if column.get("other")} == {True}
    check = rows.assign(expected=fitted.predict_proba(rows)[:, 1])
    schema = 'name = "loan"\nversion = "1"\n'
    for column in rows:
        schema += f'[[feature]]\nname = "{column}"\nmissing = "native"\n'
        if column in texts:
            categories = json.dumps(sorted(rows[column].dropna().unique()))
            schema += f'type = "category"\ncategories = {categories}\nunknown = "other"\n'
        else:
            schema += 'type = "number"\n'
    schema += '[[feature]]\nname = "paid"\ntype = "boolean"\nrole = "target"\n'
    model = underwrite.import_model("sklearn", sklearn(fitted), schema=schema, check=check)
    first = check.head(1).to_dict("records")[0]
    expected = first.pop("expected")
    assert model.decide(first)["probability"] == pytest.approx(expected, abs=1e-12)


def test_a_search_and_an_array_are_taken(data, tmp_path):
    rows, outcome, texts = data
    numbers = rows[["loan_amnt", "credit_score"]]
    search = GridSearchCV(DecisionTreeClassifier(random_state=1), {"max_depth": [2, 3]}, cv=3)
    fitted = search.fit(numbers.to_numpy(), outcome)
    with pytest.raises(ExportError, match="give feature_names"):
        sklearn(fitted)
    exported = sklearn(fitted, tmp_path / "tree.json", feature_names=list(numbers))
    assert json.loads((tmp_path / "tree.json").read_text()) == exported
    expected = fitted.predict_proba(numbers.to_numpy())[:, 1]
    assert np.abs(evaluated(exported, numbers) - expected).max() < 1e-12


@pytest.mark.parametrize(
    ("fitted", "says"),
    [
        (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), "step 'functiontransformer': the function log1p"),
        (make_pipeline(PolynomialFeatures(), LogisticRegression()), "step 'polynomialfeatures': PolynomialFeatures"),
        (make_pipeline(MinMaxScaler(clip=True), LogisticRegression()), "clip=True"),
        (make_pipeline(SimpleImputer(missing_values=-1), LogisticRegression()), "-1 stands for missing"),
        (make_pipeline(StandardScaler(), SimpleImputer(), LogisticRegression()), "impute before scaling"),
        (CalibratedClassifierCV(LogisticRegression(), cv=3), "averages 3 models"),
        (GradientBoostingClassifier(n_estimators=2, loss="exponential"), "loss='exponential'"),
        (SVC(), "SVC cannot be written down"),
    ],
)  # fmt: skip
def test_what_cannot_be_said_is_refused(data, fitted, says):
    rows, outcome, _ = data
    with pytest.raises(ExportError, match=says):
        sklearn(fitted.fit(rows[["loan_amnt", "credit_score"]], outcome))


def test_none_beside_nan_is_refused(data):
    rows, outcome, _ = data
    rows = rows[["person_education"]].copy()
    rows.loc[::50, "person_education"] = None
    steps = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder())
    fitted = make_pipeline(steps, LogisticRegression()).fit(rows, outcome)
    with pytest.raises(ExportError, match="'person_education': None is a category beside NaN"):
        sklearn(fitted)


def test_three_classes_are_refused(data):
    rows, outcome, _ = data
    three = outcome + (rows["loan_amnt"] > 15_000)
    with pytest.raises(ExportError, match="expected two classes, got 3"):
        sklearn(DecisionTreeClassifier(max_depth=2).fit(rows[["loan_amnt"]], three))
