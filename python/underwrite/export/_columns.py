"""What a fitted transformer does to the columns, one at a time.

A column is a dictionary as the neutral JSON has it; ``"is": "raw"`` until it is known whether
its values are numbers or texts. ``"never_missing"`` is one set that all columns share: the inputs
of which a step refuses a missing value.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Column = dict[str, Any]


class ExportError(ValueError):
    """A model that cannot be written down exactly; the message names the step and why."""


def text(value: Any) -> str:
    """A category or class as text: whole numbers without a point, booleans in lower case."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)


def is_missing(value: Any) -> bool:
    """Whether a fitted category stands for missing."""
    if value is None or type(value).__name__ == "NAType":
        return True
    return isinstance(value, (float, np.floating)) and math.isnan(value)


def first_columns(fitted: Any, feature_names: list[str] | None, never_missing: set[str]) -> list[Column]:
    """The columns of the table that the object was fitted on."""
    names = feature_names
    if names is None:
        names = getattr(fitted, "feature_names_in_", None)
    if names is None and hasattr(fitted, "steps"):
        names = getattr(fitted.steps[0][1], "feature_names_in_", None)
    if names is None:
        raise ExportError(
            "the model was fitted on an array without names: give feature_names, or fit it on a DataFrame"
        )
    return [
        {"input": str(name), "is": "raw", "steps": [], "never_missing": never_missing}
        for name in names
    ]


def finished(columns: list[Column]) -> list[Column]:
    """As the JSON has them: what is neither encoded nor an indicator is a number."""
    own = [{key: column[key] for key in column if key != "never_missing"} for column in columns]
    return [{**column, "is": "number"} if column["is"] == "raw" else column for column in own]


def _never_missing(column: Column) -> None:
    """Note that a step refuses a missing value of the column, unless it was filled in before."""
    is_filled = "missing_value" in column or column.get("missing") is not None
    if column["is"] in ("raw", "code") and not is_filled:
        column["never_missing"].add(column["input"])


def after(columns: list[Column], step: Any, name: str) -> list[Column]:
    """The columns behind a fitted transformer, which is called `name` in its pipeline."""
    if step is None or step == "passthrough":
        return columns
    if step == "drop":
        return []
    kind = type(step).__name__
    apply = STEPS.get(kind)
    if apply is None:
        raise ExportError(
            f"step '{name}': {kind} cannot be written down exactly; compute its columns before "
            "the pipeline, and name them as inputs of the schema"
        )
    return apply(columns, step, name)


def _pipeline(columns: list[Column], step: Any, name: str) -> list[Column]:
    for inner, transformer in step.steps:
        columns = after(columns, transformer, f"{name}.{inner}")
    return columns


def _column_transformer(columns: list[Column], step: Any, name: str) -> list[Column]:
    indices = step._transformer_to_input_indices
    made: list[Column] = []
    for inner, transformer, chosen in step.transformers_:
        # A transformer without columns is never fitted.
        if len(indices[inner]) == 0:
            continue
        if isinstance(chosen, (str, int)) and transformer not in ("drop", "passthrough"):
            raise ExportError(f"step '{name}.{inner}': name its column in a list")
        taken = [columns[index] for index in indices[inner]]
        made += after(taken, transformer, f"{name}.{inner}")
    return made


def _union(columns: list[Column], step: Any, name: str) -> list[Column]:
    made: list[Column] = []
    for inner, transformer in step.transformer_list:
        made += after(columns, transformer, f"{name}.{inner}")
    return made


def _function(columns: list[Column], step: Any, name: str) -> list[Column]:
    if step.func is not None:
        function = getattr(step.func, "__name__", step.func)
        raise ExportError(
            f"step '{name}': the function {function} cannot be written down; compute its columns "
            "before the pipeline, and name them as inputs of the schema"
        )
    if step.validate:
        for column in columns:
            _never_missing(column)
    return columns


def _imputer(columns: list[Column], step: Any, name: str) -> list[Column]:
    if not is_missing(step.missing_values):
        raise ExportError(
            f"step '{name}': {step.missing_values!r} stands for missing; replace it by NaN before "
            "the pipeline, and name it in the schema's missing_values"
        )
    made = []
    for column, statistic in zip(columns, step.statistics_, strict=True):
        where = f"step '{name}', column '{column['input']}'"
        if is_missing(statistic):
            raise ExportError(f"{where}: it was missing in every row: drop the column")
        if column["is"] != "raw" or column["steps"]:
            raise ExportError(f"{where}: impute before scaling and encoding")
        if "missing" in column or "missing_value" in column:
            made.append(column)
        elif isinstance(statistic, str):
            made.append({**column, "missing_value": statistic})
        else:
            made.append({**column, "missing": float(statistic)})
    return made + _indicators(columns, step)


def _indicators(columns: list[Column], step: Any) -> list[Column]:
    if not step.add_indicator or step.indicator_ is None:
        return []
    inputs = [columns[index]["input"] for index in step.indicator_.features_]
    return [{"input": name, "is": "missing", "steps": []} for name in inputs]


def _indicator(columns: list[Column], step: Any, name: str) -> list[Column]:
    if not is_missing(step.missing_values):
        raise ExportError(f"step '{name}': {step.missing_values!r} stands for missing; use NaN")
    if step.features == "missing-only" and step.error_on_new:
        learned = set(step.features_)
        for index, column in enumerate(columns):
            if index not in learned:
                _never_missing(column)
    inputs = [columns[index]["input"] for index in step.features_]
    return [{"input": one, "is": "missing", "steps": []} for one in inputs]


def _scaled(columns: list[Column], name: str, steps: list[tuple[str, Any]]) -> list[Column]:
    """Each column with these operations added; `None` in place of the numbers is none."""
    made = []
    for index, column in enumerate(columns):
        if "missing_value" in column and column["is"] == "raw":
            raise ExportError(f"step '{name}', column '{column['input']}': it holds texts")
        added = [[word, float(numbers[index])] for word, numbers in steps if numbers is not None]
        made.append({**column, "steps": [*column["steps"], *added]})
    return made


def _standard(columns: list[Column], step: Any, name: str) -> list[Column]:
    mean = step.mean_ if step.with_mean else None
    return _scaled(columns, name, [("subtract", mean), ("divide", step.scale_)])


def _min_max(columns: list[Column], step: Any, name: str) -> list[Column]:
    if step.clip:
        raise ExportError(f"step '{name}': clip=True cannot be written down; clamp by the schema")
    return _scaled(columns, name, [("multiply", step.scale_), ("add", step.min_)])


def _max_abs(columns: list[Column], step: Any, name: str) -> list[Column]:
    return _scaled(columns, name, [("divide", step.scale_)])


def _robust(columns: list[Column], step: Any, name: str) -> list[Column]:
    center = step.center_ if step.with_centering else None
    scale = step.scale_ if step.with_scaling else None
    return _scaled(columns, name, [("subtract", center), ("divide", scale)])


def _check_encodable(column: Column, categories: Any, name: str) -> None:
    if column["is"] != "raw" or column["steps"]:
        raise ExportError(f"step '{name}', column '{column['input']}': it is encoded twice")
    if "missing" in column:
        # A number that was filled in is a category to the encoder.
        column["missing_value"] = text(column.pop("missing"))
    if "missing_value" in column and any(is_missing(one) for one in categories):
        where = f"step '{name}', column '{column['input']}'"
        raise ExportError(
            f"{where}: None is a category beside NaN, which is filled in: replace None by NaN"
        )


def _one_hot(columns: list[Column], step: Any, name: str) -> list[Column]:
    made = []
    infrequent = getattr(step, "infrequent_categories_", None) or [None] * len(columns)
    if not getattr(step, "_infrequent_enabled", False):
        infrequent = [None] * len(columns)
    drops = step.drop_idx_ if step.drop_idx_ is not None else [None] * len(columns)
    for column, categories, rare, drop in zip(
        columns, step.categories_, infrequent, drops, strict=True
    ):
        column = dict(column)
        _check_encodable(column, categories, name)
        made += _indicator_columns(column, categories, rare, drop, step.handle_unknown)
    return made


def _indicator_columns(
    column: Column, categories: Any, rare: Any, drop: Any, unknown: str
) -> list[Column]:
    drops, dropped = drop is not None, None if drop is None else categories[drop]
    known = [text(one) for one in categories if not is_missing(one)]
    learns_missing = any(is_missing(one) for one in categories)
    rare_texts = [] if rare is None else [text(one) for one in rare if not is_missing(one)]
    rare_missing = rare is not None and any(is_missing(one) for one in rare)
    if unknown == "error" and not learns_missing:
        _never_missing(column)

    def made(values: list[str], is_rare: bool) -> Column:
        one = {**column, "is": "category", "values": values}
        if unknown == "error":
            one |= {"unknown": "error", "known": known}
        else:
            one["other"] = is_rare and unknown in ("infrequent_if_exist", "warn")
            if one["other"]:
                one["known"] = known
        if "missing_value" not in one:
            if learns_missing:
                one["missing"] = float(is_rare and rare_missing)
            elif unknown != "error":
                # Missing is one more unknown text to the encoder.
                one["missing"] = float(one["other"])
        return one

    columns = []
    for one in categories:
        if rare_missing if is_missing(one) else text(one) in rare_texts:
            continue
        if drops and (one == dropped or (is_missing(one) and is_missing(dropped))):
            continue
        if is_missing(one):
            columns.append({"input": column["input"], "is": "missing", "steps": []})
        else:
            columns.append(made([text(one)], False))
    if rare is not None and not (drops and text(dropped) in rare_texts):
        columns.append(made(rare_texts, True))
    return columns


def _ordinal(columns: list[Column], step: Any, name: str) -> list[Column]:
    if getattr(step, "_infrequent_enabled", False):
        raise ExportError(f"step '{name}': an infrequent group of OrdinalEncoder cannot be written down")
    made = []
    for column, categories in zip(columns, step.categories_, strict=True):
        column = dict(column)
        _check_encodable(column, categories, name)
        codes = {text(one): float(code) for code, one in enumerate(categories) if not is_missing(one)}
        one = {**column, "is": "code", "codes": codes, "other": None}
        encoded = step.handle_unknown == "use_encoded_value"
        if encoded and is_missing(step.unknown_value):
            one["unknown_is_missing"] = True
        elif encoded:
            one["other"] = float(step.unknown_value)
        if "missing_value" not in one:
            learns_missing = any(is_missing(each) for each in categories)
            if not learns_missing and not encoded:
                _never_missing(column)
            value = step.encoded_missing_value if learns_missing else one["other"]
            one["missing"] = None if value is None or is_missing(value) else float(value)
        made.append(one)
    return made


STEPS = {
    "ColumnTransformer": _column_transformer,
    "FeatureUnion": _union,
    "FunctionTransformer": _function,
    "MaxAbsScaler": _max_abs,
    "MinMaxScaler": _min_max,
    "MissingIndicator": _indicator,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "Pipeline": _pipeline,
    "RobustScaler": _robust,
    "SimpleImputer": _imputer,
    "StandardScaler": _standard,
}
