"""The class :class:`Model`."""

from __future__ import annotations

import json
import os
from html import escape
from typing import Any

import numpy as np

from ._native import NativeModel
from ._results import Decision, Explanation, Refused, RefusedRow, table
from ._tables import as_table

OUTCOMES = np.array(["decline", "refer", "approve", "refused"])


class Model(NativeModel):
    """A ``model.wasm`` that decides in this process, to the byte as everywhere else.

    Parameters
    ----------
    file
        The path of a ``model.wasm``, or its bytes.

    A model is fitted: scikit-learn's metrics, inspection and displays take it as it is. It
    pickles as the bytes of its file, serves any number of threads, and lets other threads of
    Python run while it scores a table.
    """

    _estimator_type = "classifier"

    def __new__(cls, file: str | os.PathLike[str] | bytes) -> Model:
        if isinstance(file, (str, os.PathLike)):
            with open(file, "rb") as source:
                data = source.read()
        else:
            data = bytes(file)
        return super().__new__(cls, data)

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.file,))

    # One application.

    def decide(self, application: dict[str, Any]) -> Decision:
        """Decide one application: names of features to values.

        Raises :class:`Refused` where the schema refuses it; NaN and ``None`` are missing.
        """
        decision = Decision()
        self.decide_into(application, decision, Refused)
        return decision

    def explain(
        self,
        application: dict[str, Any],
        *,
        language: str | None = None,
        recourse: bool | dict[str, Any] = False,
    ) -> Explanation:
        """Explain the decision on one application.

        ``language`` is one of the schema's; ``recourse=True`` adds the cheapest changes that
        would be approved, or give a dictionary with ``freeze``, ``max_changes`` and
        ``options``.
        """
        question: dict[str, Any] = {"application": application}
        if language is not None:
            question["language"] = language
        if recourse is not False:
            question["recourse"] = {} if recourse is True else recourse
        explanation = Explanation()
        self.explain_into(question, explanation, Refused)
        return explanation

    # Tables.

    def score(self, X: Any, *, on_invalid: str = "raise", allow_missing_columns: bool = False) -> dict[str, Any]:
        """What is decided about every row: arrays ``probability``, ``prediction`` (1 for
        ``approve``), ``outcome`` and ``adjustments``, how many values the policies changed.

        ``X`` is anything with ``__arrow_c_stream__`` (pandas, Polars, PyArrow, DuckDB), a
        dictionary of columns, or an array. Columns that the model has no feature for are not
        looked at; ``allow_missing_columns`` lets an input be missing in every row. A row that
        the schema refuses raises :class:`RefusedRow`; with ``on_invalid="nan"`` its
        probability is NaN and its outcome ``refused``.
        """
        scored = self._scored(X, on_invalid, "nan", allow_missing_columns)
        probability = np.frombuffer(scored["probability"])
        outcome = np.frombuffer(scored["outcome"], dtype=np.uint8)
        probability[outcome == 3] = np.nan
        return {
            "probability": probability,
            "prediction": np.frombuffer(scored["prediction"], dtype=np.uint8),
            "outcome": OUTCOMES[outcome],
            "adjustments": np.frombuffer(scored["adjustments"], dtype=np.uint32),
        }

    def _scored(self, X: Any, on_invalid: str, blank: str, allow_missing_columns: bool) -> dict[str, Any]:
        """What is decided about every row, as bytes; ``blank`` is what lets a row pass that
        the schema refuses."""
        if on_invalid not in ("raise", blank):
            raise ValueError(f'on_invalid: expected "raise" or "{blank}", got {on_invalid!r}')
        scored = self.score_table(self._table(X), allow_missing_columns)
        if scored["refused"] and on_invalid == "raise":
            row, answer = scored["first_refused"]
            raise RefusedRow(row, json.loads(answer)["detail"], scored["refused"], blank)
        return scored

    def predict_proba(self, X: Any, *, on_invalid: str = "raise") -> np.ndarray:
        """The probabilities of :attr:`classes_`, a row each: shape (rows, 2)."""
        positive = self.score(X, on_invalid=on_invalid)["probability"]
        of = {self.positive_class_: positive}
        return np.column_stack([of.get(name, 1.0 - positive) for name in self.classes_.tolist()])

    def predict(self, X: Any) -> np.ndarray:
        """The class of every row: that of an approved application where the outcome, rules
        included, is ``approve``, else the other one."""
        # The positive outcome is last here.
        return np.array(self._outcomes)[self.score(X)["prediction"]]

    def sketch(self, X: Any, *, allow_missing_columns: bool = False) -> bytes:
        """The sketch of a table: counts for each column, never a row. ``underwrite drift``
        compares such files, and :func:`underwrite.merge_sketches` adds up those of parts."""
        return self.sketch_table(self._table(X), allow_missing_columns)

    # What the model says about itself.

    @property
    def _description(self) -> dict[str, Any]:
        known: dict[str, Any] | None = self.__dict__.get("_described")
        if known is None:
            known = self.describe()
            self.__dict__["_described"] = known
        return known

    def _table(self, X: Any) -> Any:
        known = {feature["name"] for feature in self._description["features"]}
        return as_table(X, self._inputs, known)

    @property
    def _inputs(self) -> list[str]:
        return [f["name"] for f in self._description["features"] if f["role"] == "input"]

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the inputs, in the order of the schema."""
        return np.array(self._inputs, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """How many inputs there are."""
        return len(self._inputs)

    @property
    def classes_(self) -> np.ndarray:
        """The values of the target, sorted, as scikit-learn has them: either may be the positive
        outcome, which :attr:`positive_class_` names."""
        return np.sort(np.array(self._outcomes))

    @property
    def positive_class_(self) -> Any:
        """The value of the target that is the positive outcome: its probability is that of
        :meth:`score`."""
        return self._outcomes[-1]

    def to_bytes(self) -> bytes:
        """The bytes of the file."""
        return self.file

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file."""
        with open(path, "wb") as sink:
            sink.write(self.file)

    # scikit-learn.

    def fit(self, X: Any = None, y: Any = None) -> Model:
        """Always fails: a model is fitted, and never changes."""
        raise TypeError("a model.wasm is fitted already: underwrite.train makes a new one")

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=False),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(allow_nan=True, categorical=True, string=True),
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What scikit-learn copies a model by: its file."""
        return {"file": self.file}

    # Notebooks.

    def __repr__(self) -> str:
        model = self._description["model"]
        return f"<underwrite.Model {model['name']} {model['version']}, {model['kind']}, {model['digest'][:19]}>"

    def _repr_html_(self) -> str:
        about = self._description
        model, training = about["model"], about["training"]
        metrics = [(name, f"{value:.4g}") for name, value in training["metrics"].items()]
        features = [
            (feature["name"], feature["type"], feature["role"], feature.get("help"))
            for feature in about["features"]
        ]
        title = escape(f"{model['name']} {model['version']}: {model['kind']}")
        digest = escape(model["digest"])
        measured = f"<details open><summary>Metrics on {training['rows_test']} test rows</summary>{table(metrics)}</details>"
        return (
            f"<p><strong>{title}</strong><br><code>{digest}</code></p>"
            # An imported model was measured by whoever trained it.
            f"{measured if metrics else ''}<details><summary>{len(features)} features</summary>"
            f"{table(features, ('Name', 'Type', 'Role', 'Help'))}</details>"
        )
