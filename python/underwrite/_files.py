"""Tables as files that the program reads as :meth:`Model.score` reads the table."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from struct import unpack_from
from typing import Any

import numpy as np

from ._tables import FORMATS, Column, _columns, _is_missing, _is_pandas, _pyarrow_is_there, column

#: Up to here a float holds every integer, and answers write whole numbers without a point.
MAX_EXACT = 2**53


def write_rows(table: Any, folder: Path, name: str) -> Path:
    """Write a table into ``folder``: Parquet where PyArrow is there, else CSV.

    A float is a number of 64 bits in both, and ``3.0`` the category ``3``, as in a request.
    """
    if hasattr(table, "__arrow_c_stream__") and _pyarrow_is_there():
        path = folder / f"{name}.parquet"
        _write_parquet(table, path)
    else:
        path = folder / f"{name}.csv"
        _write_csv(table, path)
    return path


def _write_parquet(table: Any, path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    if _is_pandas(table):
        series = [(str(name), table.iloc[:, index]) for index, name in enumerate(table.columns)]
        columns = [(name, _from_pandas(name, values)) for name, values in series]
    else:
        arrow = pa.table(table)
        columns = list(zip(arrow.column_names, arrow.columns))
    plain = [_plain(name, values) for name, values in columns]
    made = pa.Table.from_arrays(plain, [name for name, _ in columns])
    parquet.write_table(made, path)


def _from_pandas(name: str, values: Any) -> Any:
    import pyarrow as pa

    try:
        made = pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise ValueError(
            f"column '{name}': expected numbers, booleans or text: {error}: convert it, or leave it out"
        ) from error
    return made if isinstance(made, pa.ChunkedArray) else pa.chunked_array([made])


def _plain(name: str, values: Any) -> Any:
    """A column with the values that the model would see, each itself."""
    import pyarrow as pa
    from pyarrow import types

    if types.is_dictionary(values.type):
        kind = values.type.value_type
        # PyArrow takes nothing out of a dictionary of such texts, which Polars has.
        kind = pa.large_string() if str(kind) == "string_view" else kind
        chunks = [
            pa.DictionaryArray.from_arrays(chunk.indices, chunk.dictionary.cast(kind)).dictionary_decode()
            for chunk in values.chunks
        ]
        values = pa.chunked_array(chunks, kind)
    kind = values.type
    if types.is_float32(kind):
        # The text of a float of 32 bits is that of another one of 64.
        return values.cast(pa.float64())
    if types.is_string(kind) or types.is_large_string(kind) or str(kind) == "string_view":
        return values.cast(pa.large_string())
    if types.is_null(kind):
        return values.cast(pa.string())
    if types.is_boolean(kind) or types.is_integer(kind) or types.is_float64(kind) or _is_time(kind):
        return values
    raise ValueError(
        f"column '{name}': expected numbers, booleans or text, got {kind}: convert it, such as "
        "decimals to float64, or leave it out"
    )


def _is_time(kind: Any) -> bool:
    """What the schema may call the time of a row."""
    from pyarrow import types

    return types.is_date(kind) or types.is_timestamp(kind)


def _write_csv(table: Any, path: Path) -> None:
    columns = [(str(name), _texts(str(name), values)) for name, values in _named(table)]
    lengths = {name: len(texts) for name, texts in columns}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"expected columns of one length, got {lengths}")
    with open(path, "w", encoding="utf-8", newline="") as sink:
        lines = csv.writer(sink, lineterminator="\n")
        lines.writerow(name for name, _ in columns)
        lines.writerows(zip(*(texts for _, texts in columns)))


def _named(table: Any) -> list[tuple[str, Any]]:
    """The columns of a table that says their names."""
    if _is_pandas(table):
        return [(name, table.iloc[:, index].to_numpy()) for index, name in enumerate(table.columns)]
    if type(table).__module__.split(".")[0] == "polars" and hasattr(table, "to_dict"):
        return list(table.to_dict(as_series=False).items())
    is_rows = isinstance(table, Sequence) and table and all(isinstance(row, Mapping) for row in table)
    if isinstance(table, Mapping) or is_rows or getattr(getattr(table, "dtype", None), "names", None):
        return _columns(table, [])
    if hasattr(table, "__arrow_c_stream__"):
        raise TypeError(f"a table of type {type(table).__name__} needs PyArrow: pip install pyarrow")
    kind = type(table).__name__
    raise TypeError(f"expected a table with named columns or the path of a file, got {kind}")


def _texts(name: str, values: Any) -> list[str]:
    """The cells of a column, as a request would have them."""
    if getattr(getattr(values, "dtype", None), "kind", "") == "M":
        values = values.astype("datetime64[us]").tolist()
    if not hasattr(values, "__array__") or values.dtype.kind == "O":
        values = [_of_time(value) for value in values]
    return list(_cells(column(name, values)))


def _of_time(value: Any) -> Any:
    """A date or a time as text, which the schema may call the time of a row."""
    is_time = isinstance(value, (datetime.date, datetime.datetime)) and not _is_missing(value)
    return value.isoformat().replace("+00:00", "Z") if is_time else value


def _cells(column: Column) -> Iterable[str]:
    _, letter, rows, validity, buffers = column
    valid = np.ones(rows, dtype=bool) if validity is None else _from_bits(validity, rows)
    if letter == "b":
        words = ("true" if yes else "false" for yes in _from_bits(buffers[0], rows))
    elif letter == "U":
        ends = unpack_from(f"<{rows + 1}q", buffers[0])
        words = (buffers[1][start:end].decode() for start, end in zip(ends, ends[1:]))
    else:
        dtypes = {letter: f"<{dtype}" for dtype, letter in FORMATS.items()}
        words = map(_number, np.frombuffer(buffers[0], dtype=dtypes[letter]).tolist())
    return (word if there else "" for word, there in zip(words, valid))


def _from_bits(bits: bytes, rows: int) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bits, dtype=np.uint8), count=rows, bitorder="little").astype(bool)


def _number(number: float) -> str:
    if number != number:
        return ""
    is_whole = isinstance(number, float) and number.is_integer() and abs(number) <= MAX_EXACT
    return str(int(number) if is_whole else number)
