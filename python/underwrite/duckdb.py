"""A model as a function of DuckDB's SQL.

>>> underwrite.duckdb.register(con, "model.wasm")
>>> con.sql("select id, underwrite(loans).probability from 'loans.parquet' as loans")
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa

from . import arrow
from ._model import Model


def register(
    con: Any,
    model: Model | str | os.PathLike[str] | bytes,
    name: str = "underwrite",
    *,
    on_invalid: str = "raise",
) -> None:
    """Register a model as ``name``: a row, such as the alias of a table, comes to a struct of
    ``probability``, ``outcome`` and ``adjustments``.

    Columns that the model has no feature for are not looked at. A row that the schema refuses
    fails the query; with ``on_invalid="null"`` it has no probability.
    """
    import duckdb
    from duckdb.sqltypes import DOUBLE, INTEGER, VARCHAR

    arrow.check(on_invalid)
    loaded = model if isinstance(model, Model) else Model(model)

    def score(*arguments: Any) -> pa.Array:
        if len(arguments) != 1:
            raise ValueError(f"{name}: expected a row, as in {name}(loans) from loans, got {len(arguments)} values")
        rows = arguments[0]
        rows = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
        if not isinstance(rows, pa.StructArray):
            raise ValueError(f"{name}: expected a row, as in {name}(loans) from loans, got {rows.type}")
        batch = pa.RecordBatch.from_struct_array(rows)
        return arrow.score(loaded, batch, on_invalid=on_invalid).to_struct_array()

    result = duckdb.struct_type({"probability": DOUBLE, "outcome": VARCHAR, "adjustments": INTEGER})
    con.create_function(name, score, None, result, type="arrow", null_handling="special")
