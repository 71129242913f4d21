"""A fitted scikit-learn model as the neutral JSON that ``underwrite import sklearn`` reads."""

from __future__ import annotations

import json
import os
from typing import Any

from ._columns import ExportError, after, first_columns, finished, text
from ._estimators import model_of

__all__ = ["ExportError", "sklearn"]


def sklearn(
    fitted: Any,
    file: str | os.PathLike[str] | None = None,
    *,
    feature_names: list[str] | None = None,
) -> dict[str, Any]:
    """Write down a fitted pipeline or estimator.

    Takes DecisionTree, RandomForest, ExtraTrees, GradientBoosting and
    HistGradientBoosting classifiers, LogisticRegression and Ridge, alone or behind a pipeline of
    imputers, scalers and encoders, and one calibrator. ``feature_names`` are the columns of a
    model that was fitted on an array. The result is returned, and written where ``file`` says.

    Raises :class:`ExportError` with a sentence that names the step where something cannot be
    written down exactly.
    """
    import sklearn as library

    fitted = _best(fitted)
    inner, calibrator = _uncalibrated(fitted)
    never_missing: set[str] = set()
    columns = first_columns(inner, feature_names, never_missing)
    steps, estimator = _taken_apart(inner)
    for name, step in steps:
        columns = after(columns, step, name)
    model, columns = model_of(estimator, columns)
    exported = {
        "format": "underwrite-sklearn",
        "format_version": 1,
        "library": {"name": "scikit-learn", "version": library.__version__},
        "estimator": type(estimator).__name__,
        "classes": _classes(fitted),
        "columns": finished(columns),
        "never_missing": sorted(never_missing),
        "model": model,
        "calibration": _calibration(calibrator, inner),
    }
    if file is not None:
        with open(file, "w", encoding="utf-8") as sink:
            json.dump(exported, sink, allow_nan=False)
    return exported


def _best(fitted: Any) -> Any:
    """What a search found, and what a frozen estimator holds."""
    while True:
        kind = type(fitted).__name__
        if hasattr(fitted, "best_estimator_"):
            fitted = fitted.best_estimator_
        elif kind == "FrozenEstimator":
            fitted = fitted.estimator
        else:
            return fitted


def _uncalibrated(fitted: Any) -> tuple[Any, Any]:
    if type(fitted).__name__ != "CalibratedClassifierCV":
        return fitted, None
    calibrated = fitted.calibrated_classifiers_
    if len(calibrated) != 1:
        raise ExportError(
            f"CalibratedClassifierCV averages {len(calibrated)} models of the folds: calibrate "
            "with ensemble=False, or a FrozenEstimator"
        )
    (calibrator,) = calibrated[0].calibrators
    return _best(calibrated[0].estimator), calibrator


def _taken_apart(fitted: Any) -> tuple[list[tuple[str, Any]], Any]:
    if type(fitted).__name__ != "Pipeline":
        return [], fitted
    *steps, (_, last) = fitted.steps
    inner, estimator = _taken_apart(_best(last))
    return [*steps, *inner], estimator


def _classes(fitted: Any) -> list[str]:
    classes = getattr(fitted, "classes_", None)
    if classes is None:
        return ["0", "1"]
    if len(classes) != 2:
        raise ExportError(f"expected two classes, got {len(classes)}: {list(classes)}")
    return [text(one) for one in classes]


def _calibration(calibrator: Any, inner: Any) -> dict[str, Any] | None:
    if calibrator is None:
        return None
    of = "decision" if hasattr(inner, "decision_function") else "probability"
    kind = type(calibrator).__name__
    if kind == "_SigmoidCalibration":
        return {"type": "sigmoid", "a": float(calibrator.a_), "b": float(calibrator.b_), "of": of}
    if kind == "IsotonicRegression":
        points = {"x": calibrator.X_thresholds_.tolist(), "y": calibrator.y_thresholds_.tolist()}
        return {"type": "isotonic", **points, "of": of}
    raise ExportError(f"calibrator {kind} cannot be written down: use sigmoid or isotonic")
