"""Tables without Arrow: arrays of numpy, and columns by name."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

#: Name, Arrow format, rows, validity and the other buffers, as the native code takes them.
Column = tuple[str, str, int, "bytes | None", list[bytes]]

#: Arrow's formats of numpy's types.
FORMATS = {
    "f4": "f", "f8": "g",
    "i1": "c", "i2": "s", "i4": "i", "i8": "l",
    "u1": "C", "u2": "S", "u4": "I", "u8": "L",
}  # fmt: skip


def as_table(table: Any, inputs: Sequence[str], known: Container[str]) -> Any:
    """What the native code takes: the table itself where it speaks Arrow, else its columns.

    ``inputs`` are the model's, in order, for an array whose columns have no names; ``known`` are
    the names of all features.
    """
    if _is_pandas(table):
        present = [name for name in table.columns if name in known]
        # Columns of other objects need not be anything that Arrow knows.
        table = table[present] if set(inputs) <= set(present) else table
    if hasattr(table, "__arrow_c_stream__") and (not _is_pandas(table) or _pyarrow_is_there()):
        return table
    return [column(str(name), values) for name, values in _columns(table, inputs)]


def _is_pandas(table: Any) -> bool:
    return type(table).__module__.split(".")[0] == "pandas"


def _pyarrow_is_there() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _columns(table: Any, inputs: Sequence[str]) -> list[tuple[str, Any]]:
    if _is_pandas(table):
        return [(name, table[name].to_numpy()) for name in table.columns]
    if isinstance(table, Mapping):
        return list(table.items())
    if isinstance(table, np.ndarray) and table.dtype.names:
        return [(name, table[name]) for name in table.dtype.names]
    if isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table):
        keys = {key: None for row in table for key in row}
        return [(key, [row.get(key) for row in table]) for key in keys]
    array = np.asarray(table)
    if array.ndim != 2 or array.shape[1] != len(inputs):
        raise ValueError(
            f"expected a table with named columns, or an array of {len(inputs)} columns in the "
            f"order of feature_names_in_, got an array of shape {array.shape}"
        )
    return [(name, array[:, index]) for index, name in enumerate(inputs)]


def column(name: str, values: Any) -> Column:
    """A column of numbers, booleans or texts in Arrow's layout."""
    if not hasattr(values, "__array__"):
        # numpy would make texts of a list in which texts and NaN stand side by side.
        return _objects(name, list(values))
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"column '{name}': expected one value a row, got shape {array.shape}")
    kind = array.dtype.kind
    if kind == "b":
        bits = np.packbits(array, bitorder="little").tobytes()
        return (name, "b", len(array), None, [bits])
    letters = f"{kind}{array.dtype.itemsize}"
    if letters in FORMATS:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return (name, FORMATS[letters], len(array), None, [little.tobytes()])
    if kind in "UOT":
        return _objects(name, array.tolist())
    raise ValueError(
        f"column '{name}': expected numbers, booleans or text, got {array.dtype}: convert it"
    )


def _objects(name: str, values: list[Any]) -> Column:
    """A column of Python's objects: all numbers, all booleans, or texts, and what is missing."""
    there = [not _is_missing(value) for value in values]
    present = [value for value, is_there in zip(values, there) if is_there]
    validity = None if all(there) else np.packbits(there, bitorder="little").tobytes()
    if present and all(isinstance(value, (bool, np.bool_)) for value in present):
        bits = np.packbits([bool(v) if t else False for v, t in zip(values, there)], bitorder="little")
        return (name, "b", len(values), validity, [bits.tobytes()])
    if present and all(isinstance(value, (int, float, np.number)) for value in present):
        whole = all(isinstance(value, (int, np.integer)) for value in present)
        dtype = "<i8" if whole else "<f8"
        filled = [value if is_there else 0 for value, is_there in zip(values, there)]
        numbers = np.array(filled, dtype=dtype).tobytes()
        return (name, "l" if whole else "g", len(values), validity, [numbers])
    texts = []
    for row, (value, is_there) in enumerate(zip(values, there)):
        if is_there and not isinstance(value, str):
            kind = type(value).__name__
            raise ValueError(f"column '{name}', row {row}: expected text, got {kind}: {value!r}")
        texts.append(value.encode() if is_there else b"")
    ends = np.cumsum([0, *map(len, texts)], dtype="<i8")
    return (name, "U", len(values), validity, [ends.tobytes(), b"".join(texts)])


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))
