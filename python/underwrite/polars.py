"""A model as an expression of Polars.

>>> loans.with_columns(underwrite.polars.score("model.wasm").struct.unnest())
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import polars as pl

from . import arrow
from ._model import Model
from ._results import RefusedRow

#: What a row comes to.
DTYPE = pl.Struct({"probability": pl.Float64, "outcome": pl.String, "adjustments": pl.Int32})


def score(
    model: Model | str | os.PathLike[str] | bytes,
    *,
    columns: Sequence[str] | None = None,
    on_invalid: str = "raise",
    allow_missing_columns: bool = False,
) -> pl.Expr:
    """The expression ``score``: a struct of ``probability``, ``outcome`` and ``adjustments`` for
    every row, in lazy and streamed queries too.

    ``columns`` are those that the model reads [default: all of its inputs]. An input that is not
    among them fails the query; with ``allow_missing_columns`` it is missing in every row. A row
    that the schema refuses fails the query; with ``on_invalid="null"`` it has no probability.
    """
    arrow.check(on_invalid)
    loaded = model if isinstance(model, Model) else Model(model)
    names = loaded._inputs if columns is None else list(columns)

    def scored(rows: pl.Series) -> pl.Series:
        table = rows.struct.unnest()
        try:
            batch = arrow.score(
                loaded, table, on_invalid=on_invalid, allow_missing_columns=allow_missing_columns
            )
        except RefusedRow as error:
            # Polars makes an error again from its text alone.
            raise ValueError(str(error)) from None
        return pl.Series("score", batch.to_struct_array(), dtype=DTYPE)

    one_by_one = pl.struct(names).map_batches(scored, return_dtype=DTYPE, is_elementwise=True)
    return one_by_one.alias("score")
