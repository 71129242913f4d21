"""What a model says to a batch of rows, as Arrow: the callable that Spark, DuckDB, Polars, Ray
and Dask have in common.

>>> underwrite.arrow.score(model, batch)  # a pyarrow.RecordBatch
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from ._model import OUTCOMES, Model

#: What is added to a row. ``probability`` is null and ``outcome`` is ``refused`` where
#: ``on_invalid="null"`` lets a row pass that the schema refuses.
SCHEMA = pa.schema(
    [
        pa.field("probability", pa.float64()),
        pa.field("outcome", pa.string()),
        pa.field("adjustments", pa.int32()),
    ]
)

_OUTCOMES = pa.array(OUTCOMES.tolist(), pa.string())
_REFUSED = OUTCOMES.tolist().index("refused")


def check(on_invalid: str) -> None:
    """Refuse what :func:`score` does not know."""
    if on_invalid not in ("raise", "null"):
        raise ValueError(f'on_invalid: expected "raise" or "null", got {on_invalid!r}')


def score(
    model: Model, rows: Any, *, on_invalid: str = "raise", allow_missing_columns: bool = False
) -> pa.RecordBatch:
    """Probability, outcome and number of adjustments of every row, with :data:`SCHEMA`.

    ``rows`` is what :meth:`Model.score` takes. A row that the schema refuses raises
    :class:`RefusedRow`; with ``on_invalid="null"`` it has no probability.
    """
    scored = model._scored(rows, on_invalid, "null", allow_missing_columns)
    outcome = np.frombuffer(scored["outcome"], dtype=np.uint8)
    refused = outcome == _REFUSED if scored["refused"] else None
    probability = pa.array(np.frombuffer(scored["probability"]), mask=refused)
    codes = pa.array(outcome.view(np.int8))
    adjustments = np.frombuffer(scored["adjustments"], dtype=np.int32)
    return pa.record_batch(
        [probability, _OUTCOMES.take(codes), pa.array(adjustments)], schema=SCHEMA
    )
