"""The last step: trees and weighted sums."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ._columns import Column, ExportError, after


def model_of(estimator: Any, columns: list[Column]) -> tuple[dict[str, Any], list[Column]]:
    """The model, and the columns as it sees them."""
    kind = type(estimator).__name__
    if kind == "HistGradientBoostingClassifier":
        columns = _own_categories(estimator, columns)
        return _hist_gradient_boosting(estimator), columns
    exported = MODELS.get(kind)
    if exported is None:
        raise ExportError(f"{kind} cannot be written down: expected one of {', '.join(sorted(MODELS))}")
    if estimator.n_features_in_ != len(columns):
        raise ExportError(
            f"{kind} was fitted on {estimator.n_features_in_} columns, and the steps before make {len(columns)}"
        )
    return exported(estimator), columns


def _own_categories(estimator: Any, columns: list[Column]) -> list[Column]:
    """Categories come first to HistGradientBoosting, as codes of its own."""
    preprocessor = getattr(estimator, "_preprocessor", None)
    if preprocessor is None:
        return columns
    indices = preprocessor._transformer_to_input_indices
    encoded = [columns[index] for index in indices["encoder"]]
    numbers = [columns[index] for index in indices["numerical"]]
    encoder = preprocessor.named_transformers_["encoder"]
    return after(encoded, encoder, "HistGradientBoostingClassifier") + numbers


def _two_outputs(estimator: Any) -> None:
    if getattr(estimator, "n_outputs_", 1) != 1:
        raise ExportError(f"expected one target, got {estimator.n_outputs_}")


def _takes_missing(estimator: Any) -> bool:
    """Whether it decides about missing values, which its class, its options and the version of
    scikit-learn tell together."""
    row = np.full((1, estimator.n_features_in_), np.nan)
    with warnings.catch_warnings():
        # It may have been fitted on columns with names.
        warnings.simplefilter("ignore")
        try:
            estimator.predict(row)
        except ValueError:
            return False
    return True


def _tree_nodes(tree: Any, leaf: np.ndarray, takes_missing: bool) -> dict[str, Any]:
    is_leaf = tree.children_left < 0
    nodes = {
        "feature": np.where(is_leaf, -1, tree.feature).tolist(),
        # A cut of infinity asks whether the value is missing.
        "cut": np.clip(np.where(is_leaf, 0.0, tree.threshold), -MOST, MOST).tolist(),
        "left": tree.children_left.tolist(),
        "right": tree.children_right.tolist(),
        "value": np.where(is_leaf, leaf, 0.0).tolist(),
        "count": tree.n_node_samples.tolist(),
    }
    if takes_missing:
        sides = zip(tree.missing_go_to_left, is_leaf)
        nodes["missing_left"] = [bool(left) and not end for left, end in sides]
    return nodes


def _shares(tree: Any) -> np.ndarray:
    """The share of the second class in each node."""
    values = tree.value[:, 0, :]
    return values[:, 1] / values.sum(axis=1)


def _trees(trees: list[dict[str, Any]], **about: Any) -> dict[str, Any]:
    plain = {"type": "trees", "compare": "f32", "sum": "sum", "base": 0.0, "link": "identity"}
    return {**plain, **about, "trees": trees}


def _tree(estimator: Any) -> dict[str, Any]:
    _two_outputs(estimator)
    tree = estimator.tree_
    return _trees([_tree_nodes(tree, _shares(tree), _takes_missing(estimator))])


def _forest(estimator: Any) -> dict[str, Any]:
    _two_outputs(estimator)
    trees, takes_missing = [one.tree_ for one in estimator.estimators_], _takes_missing(estimator)
    return _trees([_tree_nodes(tree, _shares(tree), takes_missing) for tree in trees], sum="mean")


def _gradient_boosting(estimator: Any) -> dict[str, Any]:
    if estimator.loss != "log_loss":
        raise ExportError(f"loss='{estimator.loss}' cannot be written down: use log_loss")
    start = estimator.init_
    if isinstance(start, str):
        base = 0.0
    elif type(start).__name__ == "DummyClassifier":
        base = float(estimator._raw_predict_init(np.zeros((1, estimator.n_features_in_)))[0, 0])
    else:
        raise ExportError(f"init={type(start).__name__} cannot be written down: leave it out")
    rate = estimator.learning_rate
    trees = [stage[0].tree_ for stage in estimator.estimators_]
    takes_missing = _takes_missing(estimator)
    nodes = [_tree_nodes(tree, rate * tree.value[:, 0, 0], takes_missing) for tree in trees]
    return _trees(nodes, base=base, link="logistic")


def _hist_gradient_boosting(estimator: Any) -> dict[str, Any]:
    trees = []
    for (predictor,) in estimator._predictors:
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        by_category = nodes["is_categorical"].astype(bool) & ~is_leaf
        sets = [
            _codes(predictor.raw_left_cat_bitsets[node["bitset_idx"]]) if is_set else None
            for node, is_set in zip(nodes, by_category)
        ]
        tree = {
            "feature": np.where(is_leaf, -1, nodes["feature_idx"].astype(np.int64)).tolist(),
            "cut": np.where(is_leaf | by_category, 0.0, nodes["num_threshold"]).tolist(),
            "left": np.where(is_leaf, -1, nodes["left"].astype(np.int64)).tolist(),
            "right": np.where(is_leaf, -1, nodes["right"].astype(np.int64)).tolist(),
            "missing_left": (nodes["missing_go_to_left"].astype(bool) & ~is_leaf).tolist(),
            "value": np.where(is_leaf, nodes["value"], 0.0).tolist(),
            "count": nodes["count"].tolist(),
        }
        if by_category.any():
            tree["sets"] = sets
        # A cut of infinity sends every number to the left.
        tree["cut"] = [float(np.clip(cut, -MOST, MOST)) for cut in tree["cut"]]
        trees.append(tree)
    base = float(np.ravel(estimator._baseline_prediction)[0])
    return _trees(trees, compare="f64", base=base, link="logistic")


MOST = float(np.finfo(np.float64).max)


def _codes(bitset: np.ndarray) -> list[int]:
    return [32 * word + bit for word, bits in enumerate(bitset) for bit in range(32) if int(bits) >> bit & 1]


def _logistic(estimator: Any) -> dict[str, Any]:
    return _linear(estimator.coef_[0], estimator.intercept_[0], "logistic")


def _ridge(estimator: Any) -> dict[str, Any]:
    if np.ndim(estimator.coef_) != 1:
        raise ExportError("expected one target of Ridge, got several")
    return _linear(estimator.coef_, estimator.intercept_, "identity")


def _linear(weights: Any, intercept: Any, link: str) -> dict[str, Any]:
    numbers = [float(weight) for weight in weights]
    return {"type": "linear", "weights": numbers, "intercept": float(intercept), "link": link}


MODELS = {
    "DecisionTreeClassifier": _tree,
    "ExtraTreesClassifier": _forest,
    "GradientBoostingClassifier": _gradient_boosting,
    "LogisticRegression": _logistic,
    "RandomForestClassifier": _forest,
    "Ridge": _ridge,
}
