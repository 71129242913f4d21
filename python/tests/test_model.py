"""One application, the model itself, and scikit-learn."""

from __future__ import annotations

import copy
import pickle
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV, CalibrationDisplay
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.metrics import RocCurveDisplay, get_scorer, log_loss, roc_auc_score

import underwrite
from underwrite.mlflow import PythonFunction


def test_a_decision_has_the_keys_of_the_contract(model, applications):
    decision = model.decide(applications[0])
    assert decision["outcome"] in ("approve", "refer", "decline")
    assert decision["model"]["digest"] == model.describe()["model"]["digest"]
    status, body = model.decide_json(b"{}")
    assert status == 422 and body.startswith(b'{"detail":[')
    # Numbers of numpy and pandas, NaN and NA are what they stand for.
    odd = {key: np.float32(v) if isinstance(v, float) else v for key, v in applications[0].items()}
    odd |= {"person_income": np.nan, "person_emp_exp": pd.NA, "credit_score": np.int64(600)}
    assert [one["kind"] for one in model.decide(odd)["adjustments"]] == ["missing", "missing"]


@pytest.mark.parametrize(
    "masked",
    [
        np.ma.masked,
        np.ma.array([1, 2], mask=[True, False])[0],
        np.ma.array(1, mask=True),
        np.ma.array([(True, 1.0)], dtype=[("a", "?"), ("b", "f8")], mask=[(True, False)])[0]["a"],
    ],
)
def test_what_numpy_masks_is_missing(model, applications, masked):
    for name in ("person_age", "previous_loan_defaults_on_file"):
        expected = model.decide({**applications[0], name: None})
        decided = model.decide({**applications[0], name: masked})
        assert decided == expected
        assert [one["kind"] for one in decided["adjustments"]] == ["missing"]
        assert model.explain({**applications[0], name: masked})["decision"] == expected


def test_what_is_no_number_is_not_read_as_one(model, applications):
    assert model.decide({**applications[0], "person_age": np.ma.array(26.0)}) == model.decide(applications[0])
    with pytest.raises(underwrite.Refused, match="person_age"):
        model.decide({**applications[0], "person_age": np.ma.array([26], mask=[True])})
    for value in (
        np.timedelta64(26, "ns"),
        np.datetime64("2026-01-01", "ns"),
        np.complex128(26 + 9j),
        np.longdouble(26),
    ):
        with pytest.raises(TypeError, match="field 'person_age': expected a number.* got "):
            model.decide({**applications[0], "person_age": value})


def test_an_integer_is_written_as_its_digits(model, applications):
    class Hostile(int):
        def __str__(self) -> str:
            return '26,"person_income":1000000'

        __repr__ = __str__

    assert model.decide({**applications[0], "person_age": Hostile(26)}) == model.decide(applications[0])


def test_an_explanation_explains(model, applications):
    explanation = model.explain(applications[0], language="de", recourse=True)
    assert explanation["decision"]["probability"] == model.decide(applications[0])["probability"]
    assert "recourse" in explanation
    with pytest.raises(underwrite.Refused, match="language"):
        model.explain(applications[0], language="xx")


def test_a_refusal_names_the_field(model):
    with pytest.raises(underwrite.Refused) as refused:
        model.decide({"person_incom": 1})
    assert "column 'person_incom': Unknown field: did you mean 'person_income'?" in str(refused.value)
    assert refused.value.detail[0]["type"] == "extra_forbidden"
    assert pickle.loads(pickle.dumps(refused.value)).detail == refused.value.detail
    with pytest.raises(TypeError, match="field 'person_age': expected a number.* got set"):
        model.decide({"person_age": {1}})
    with pytest.raises(TypeError, match="names of features as keys"):
        model.decide({1: 2})


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="not a WebAssembly module"):
        underwrite.Model(b"x" * 200)
    with pytest.raises(FileNotFoundError):
        underwrite.Model(tmp_path / "none.wasm")
    with pytest.raises(ValueError, match="cut off|altered|no underwrite seal"):
        underwrite.Model(b"\0asm\x01\0\0\0" + b"x" * 200)


def test_a_model_is_copied_as_its_bytes(model, rows, probability):
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), underwrite.Model(model.to_bytes())):
        assert (other.predict_proba(rows)[:, 1] == np.array(probability)).all()


def test_threads_share_a_model(model, rows, probability):
    wrong = []

    def score() -> None:
        for _ in range(3):
            if not (model.predict_proba(rows)[:, 1] == np.array(probability)).all():
                wrong.append(1)

    threads = [threading.Thread(target=score) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_scikit_learn_takes_the_model(model, labeled, rows):
    outcome = labeled["loan_status"]
    assert model.classes_.tolist() == [0, 1]
    assert len(model.feature_names_in_) == model.n_features_in_ == 12
    auc = roc_auc_score(outcome, model.predict_proba(rows)[:, 1])
    assert get_scorer("roc_auc")(model, rows, outcome) == auc > 0.9
    assert get_scorer("accuracy")(model, rows, outcome) == (model.predict(rows) == outcome).mean()
    RocCurveDisplay.from_estimator(model, rows, outcome)
    CalibrationDisplay.from_estimator(model, rows, outcome)
    some = rows.head(200)
    PartialDependenceDisplay.from_estimator(model, some, ["person_income"], grid_resolution=5)
    importance = permutation_importance(model, some, outcome.head(200), scoring="roc_auc", n_repeats=2)
    assert importance.importances_mean.shape == (rows.shape[1],)
    with pytest.raises(TypeError, match="fitted already"):
        model.fit(rows, outcome)


@pytest.mark.parametrize(
    ("target", "positive", "negative"),
    [
        ('type = "category"\ncategories = ["bad", "ok"]\npositive = "ok"', "ok", "bad"),
        ('type = "category"\ncategories = ["approved", "rejected"]\npositive = "approved"', "approved", "rejected"),
        ('type = "boolean"\npositive = true', 1, 0),
        ('type = "boolean"\npositive = false', 0, 1),
    ],
)
def test_scikit_learn_knows_which_class_is_positive(target, positive, negative):
    random = np.random.default_rng(0)
    inputs = pd.DataFrame({name: random.normal(50, 20, 400) for name in "ab"})
    is_good = inputs["a"] + random.normal(0, 15, 400) > 50
    outcome = np.where(is_good, positive, negative)
    schema = 'name = "t"\nversion = "1"\n'
    for name in inputs:
        schema += f'[[feature]]\nname = "{name}"\ntype = "number"\n'
    schema += f'[[feature]]\nname = "y"\nrole = "target"\n{target}\n'
    labels = outcome.astype(bool) if isinstance(positive, int) else outcome
    model = underwrite.train(inputs.assign(y=labels), schema, model="ridge")
    probability = model.score(inputs)["probability"]
    assert model.classes_.tolist() == sorted([positive, negative])
    assert model.positive_class_ == positive
    column = model.classes_.tolist().index(positive)
    assert (model.predict_proba(inputs)[:, column] == probability).all()
    right = roc_auc_score(is_good, probability)
    assert right > 0.8
    assert get_scorer("roc_auc")(model, inputs, outcome) == pytest.approx(right)
    expected = -log_loss(is_good, probability)
    assert get_scorer("neg_log_loss")(model, inputs, outcome) == pytest.approx(expected)
    accuracy = get_scorer("accuracy")(model, inputs, outcome)
    assert accuracy == ((probability >= model.describe()["threshold"]) == is_good).mean()
    calibrated = CalibratedClassifierCV(FrozenEstimator(model), ensemble=False).fit(inputs, outcome)
    assert roc_auc_score(is_good, calibrated.predict_proba(inputs)[:, column]) == pytest.approx(right, abs=0.01)


def test_mlflow_is_told_of_adjustments_and_gets_no_table_with_a_column_missing(model, rows, applications):
    function = PythonFunction(model)
    some = rows.head(3).copy()
    some.loc[1, "person_income"] = np.nan
    told = function.predict(some)
    assert told["adjustments"].tolist() == [len(model.decide(one)["adjustments"]) for one in some.to_dict("records")]
    assert told["adjustments"].tolist()[1] == 1
    with pytest.raises(ValueError, match="'person_income': the column is missing: did you mean it by 'person_incom'"):
        function.predict(some.rename(columns={"person_income": "person_incom"}))
    # As MLflow passes it on.
    with pytest.raises(ValueError, match="'person_income': the column is missing"):
        function.predict(some.drop(columns="person_income"))


def test_notebooks_show_it(model, applications):
    assert "loan-approval" in repr(model)
    assert "roc_auc" in model._repr_html_()
    assert "Probability" in model.decide(applications[0])._repr_html_()
    assert "<table>" in model.explain(applications[0])._repr_html_()
    hostile = underwrite.Decision(
        prediction_label="<script>", approve=False, probability=0.1, threshold=0.5, adjustments=[]
    )
    assert "<script>" not in hostile._repr_html_()


def test_it_trains_evaluates_and_watches(labeled, rows, tmp_path):
    schema = Path(__file__).parents[2] / "data/loan.toml"
    trained = underwrite.train(labeled, schema, model="logistic_regression")
    assert trained.describe()["model"]["kind"] == "logistic_regression"
    again = underwrite.train(labeled, schema.read_text(), model="logistic_regression", out=tmp_path / "m.wasm")
    assert again.to_bytes() == (tmp_path / "m.wasm").read_bytes()
    figures = underwrite.evaluate(trained, labeled, resamples=10)
    assert "roc_auc" in str(figures)
    report = underwrite.drift(trained, rows)
    sketched = underwrite.drift(trained, trained.sketch(rows))
    assert set(sketched["columns"]) >= set(trained.feature_names_in_)
    assert report["dataset_drift"] is sketched["dataset_drift"] is False
    with pytest.raises(underwrite.ProgramError, match="none.toml"):
        underwrite.train(labeled, tmp_path / "none.toml")
