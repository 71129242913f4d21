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

#: What a value counts as.
NUMBER, BOOLEAN, TEXT, OTHER = "a number", "a boolean", "text", "something else"


def as_table(table: Any, inputs: Sequence[str], known: Container[str]) -> Any:
    """What the native code takes: the table itself where it speaks Arrow, else its columns.

    ``inputs`` are the model's, in order, for an array whose columns have no names; ``known`` are
    the names of all features.
    """
    if _is_pandas(table):
        # Columns of other objects need not be anything that Arrow knows. Their names help to find a
        # misspelt one.
        present = [name for name in table.columns if name in known]
        is_whole = set(inputs) <= set(present) or not table.columns.is_unique
        table = table[present] if is_whole else table[present].reindex(columns=table.columns)
    if hasattr(table, "__arrow_c_stream__") and (not _is_pandas(table) or _pyarrow_is_there()):
        return table
    columns = [(str(name), values) for name, values in _columns(table, inputs)]
    read = [column(name, values) for name, values in columns if name in known]
    # Nobody looks at the others, whatever they hold; their names help to find a misspelt one.
    others = [(name, values) for name, values in columns if name not in known]
    return read + [(name, "n", _length(values), None, []) for name, values in others]


def _is_pandas(table: Any) -> bool:
    return type(table).__module__.split(".")[0] == "pandas"


def _pyarrow_is_there() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def _length(values: Any) -> int:
    try:
        return len(values)
    except TypeError:
        return 0


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
    if isinstance(table, Sequence) and table and all(map(_is_row, table)):
        # numpy would make one type of all their values: numbers of booleans, texts of numbers.
        for row, values in enumerate(table):
            if len(values) != len(inputs):
                raise ValueError(f"row {row}: {_expected(inputs)}, got {len(values)} values")
        return list(zip(inputs, zip(*table)))
    array = _as_array(table)
    if array.ndim != 2 or array.shape[1] != len(inputs):
        raise ValueError(f"{_expected(inputs)}, got an array of shape {array.shape}")
    return [(name, array[:, index]) for index, name in enumerate(inputs)]


def _is_row(row: Any) -> bool:
    if isinstance(row, np.ndarray):
        return row.ndim == 1
    return isinstance(row, Sequence) and not isinstance(row, (str, bytes))


def _expected(inputs: Sequence[str]) -> str:
    return (
        f"expected a table with named columns, or an array of {len(inputs)} columns in the "
        "order of feature_names_in_"
    )


def _as_array(values: Any) -> np.ndarray:
    """As an array of numpy; one with a mask keeps it, where ``asarray`` gives what lies under it."""
    return values if isinstance(values, np.ma.MaskedArray) else np.asarray(values)


def column(name: str, values: Any) -> Column:
    """A column of numbers, booleans or texts in Arrow's layout."""
    if not hasattr(values, "__array__"):
        # numpy would make texts of a list in which texts and NaN stand side by side.
        return _objects(name, list(values))
    array = _as_array(values)
    if array.ndim != 1:
        raise ValueError(f"column '{name}': expected one value a row, got shape {array.shape}")
    kind = array.dtype.kind
    if kind in "UOT":
        # What is masked is None in the list.
        return _objects(name, array.tolist())
    validity = None
    if isinstance(array, np.ma.MaskedArray):
        validity = _bits(~np.ma.getmaskarray(array))
        array = np.ma.getdata(array)
    if kind == "b":
        return (name, "b", len(array), validity, [_bits(array)])
    letters = f"{kind}{array.dtype.itemsize}"
    if letters in FORMATS:
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        return (name, FORMATS[letters], len(array), validity, [little.tobytes()])
    raise ValueError(
        f"column '{name}': expected numbers, booleans or text, got {array.dtype}: convert it"
    )


def _objects(name: str, values: list[Any]) -> Column:
    """A column of Python's objects: all numbers, all booleans, or all texts, and what is missing."""
    kinds = [None if _is_missing(value) else _kind(value) for value in values]
    first = next((row for row, kind in enumerate(kinds) if kind), None)
    kind = TEXT if first is None else kinds[first]
    for row, (value, its) in enumerate(zip(values, kinds)):
        if its == OTHER or its not in (None, kind):
            expected = f"{kind}, as in row {first}" if row != first else "a number, a boolean or text"
            raise ValueError(
                f"column '{name}', row {row}: expected {expected}, got {type(value).__name__}: {value!r}"
            )
    validity = None if all(kinds) else _bits([its is not None for its in kinds])
    if kind == BOOLEAN:
        bits = _bits([value if its else False for value, its in zip(values, kinds)])
        return (name, "b", len(values), validity, [bits])
    if kind == NUMBER:
        numbers = _numbers(name, [value if its else 0 for value, its in zip(values, kinds)])
        letter = "l" if numbers.dtype.kind == "i" else "g"
        return (name, letter, len(values), validity, [numbers.tobytes()])
    texts = [value.encode() if its else b"" for value, its in zip(values, kinds)]
    ends = np.cumsum([0, *map(len, texts)], dtype="<i8")
    return (name, "U", len(values), validity, [ends.tobytes(), b"".join(texts)])


def _bits(values: Any) -> bytes:
    return np.packbits(np.asarray(values, dtype=bool), bitorder="little").tobytes()


def _kind(value: Any) -> str:
    """What a value that is there counts as; a column has one kind of them."""
    if isinstance(value, str):
        return TEXT
    # Before numbers: Python's booleans are integers.
    if isinstance(value, (bool, np.bool_)):
        return BOOLEAN
    # numpy's durations are integers of its own, and its longdouble would be rounded.
    if isinstance(value, (np.timedelta64, np.longdouble)):
        return OTHER
    return NUMBER if isinstance(value, (int, float, np.integer, np.floating)) else OTHER


def _numbers(name: str, values: list[Any]) -> np.ndarray:
    """Integers where all of them are and fit, else floats."""
    if all(isinstance(v, (int, np.integer)) and -(2**63) <= v < 2**63 for v in values):
        return np.array(values, dtype="<i8")
    for row, value in enumerate(values):
        # Rounded, it could be an integer that the schema takes, where this one is refused.
        if isinstance(value, (int, np.integer)) and not _is_float(int(value)):
            raise ValueError(
                f"column '{name}', row {row}: expected an integer that a 64-bit float holds exactly, "
                f"as other values of the column need one, got {value}"
            )
    return np.array(values, dtype="<f8")


def _is_float(integer: int) -> bool:
    try:
        return float(integer) == integer
    except OverflowError:
        return False


def _is_missing(value: Any) -> bool:
    if value is None or value is np.ma.masked or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, (float, np.floating)) and bool(np.isnan(value))
