"""A model on Spark: every row of a DataFrame scored, and the drift of a DataFrame.

>>> scored = underwrite.spark.score(loans, "model.wasm", columns=["application_id"])
>>> report = underwrite.spark.drift(loans, "model.wasm")
>>> underwrite.spark.register(spark, "model.wasm", "approval")
>>> spark.sql("select application_id, approval(struct(*)).probability from loans")

The bits are those of ``underwrite score``, and a sketch is to the byte the one that a single
machine makes. PySpark 4 is needed, PyArrow, and this package on every worker.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _program, arrow
from ._model import Model
from ._native import merge_sketches
from ._spark_driver import as_model, check_columns, empty_sketch, needed, numbered, ship

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: In how many groups the sketches of partitions are merged before the driver merges the rest:
#: however many partitions there are, it holds no more sketches.
GROUPS = 16

#: What :data:`arrow.SCHEMA` is in Spark.
ADDED = "probability double, outcome string, adjustments int"


def score(
    df: DataFrame,
    model: Model | str | os.PathLike[str],
    *,
    columns: Sequence[str] | None = None,
    on_invalid: str = "raise",
    allow_missing_columns: bool = False,
) -> DataFrame:
    """The chosen ``columns`` of ``df`` [default: all], and behind them ``probability``,
    ``outcome`` and ``adjustments`` of every row.

    Only these columns and the model's leave their files. A column that is missing or of a type
    that the model cannot read is an error before any job begins. A row that the schema refuses
    fails the job, by partition, row and column; with ``on_invalid="null"`` it has no
    probability, and its outcome is ``refused``.
    """
    arrow.check(on_invalid)
    loaded = as_model(model)
    kept = list(df.columns) if columns is None else list(columns)
    check_columns(df, kept, arrow.SCHEMA.names)
    read = needed(df, loaded)
    empty_sketch(df, loaded, read, allow_missing_columns)
    selected = numbered(df, [*kept, *read])
    file = ship(df.sparkSession, loaded)
    work = _on_workers("score_batches", file, kept, read, on_invalid, allow_missing_columns)
    return selected.mapInArrow(work, _with_added(df, kept))


def sketch(
    df: DataFrame, model: Model | str | os.PathLike[str], *, allow_missing_columns: bool = False
) -> bytes:
    """The sketch of a DataFrame: counts for each column, never a row. Each partition is
    sketched where it is, and the sketches are merged; the bytes are those of
    :meth:`Model.sketch` on all rows, however they are parted."""
    loaded = as_model(model)
    read = needed(df, loaded)
    empty = empty_sketch(df, loaded, read, allow_missing_columns)
    file = ship(df.sparkSession, loaded)
    of_partition = _on_workers("sketch_batches", file, read, allow_missing_columns)
    merge = _on_workers("merge_batches")
    schema = "sketch binary"
    parts = numbered(df, read).mapInArrow(of_partition, schema)
    groups = parts.repartition(GROUPS).mapInArrow(merge, schema)
    return merge_sketches([empty, *(bytes(row[0]) for row in groups.collect())])


def drift(
    df: DataFrame,
    model: Model | str | os.PathLike[str],
    *,
    reference: Any = None,
    allow_missing_columns: bool = False,
    **given: Any,
) -> dict[str, Any]:
    """Compare a DataFrame with ``reference`` [default: the rows that the model was trained on];
    the result is that of ``underwrite drift --json``, as :func:`underwrite.drift` gives it.

    Other arguments are the options of ``underwrite drift``: ``out="drift.html"``.
    """
    loaded = as_model(model)
    current = sketch(df, loaded, allow_missing_columns=allow_missing_columns)
    return _program.drift(loaded if reference is None else reference, current, **given)


def register(
    spark: SparkSession,
    model: Model | str | os.PathLike[str],
    name: str = "underwrite",
    *,
    on_invalid: str = "raise",
) -> Any:
    """Register a model as the SQL function ``name``: a struct of columns, such as
    ``struct(*)``, comes to a struct of ``probability``, ``outcome`` and ``adjustments``.
    Returns the function for DataFrames. PySpark 4.1 or newer is needed.

    A row that the schema refuses fails the query; with ``on_invalid="null"`` it has no
    probability.
    """
    from pyspark.sql.functions import arrow_udf

    arrow.check(on_invalid)
    work = _on_workers("score_structs", ship(spark, as_model(model)), name, on_invalid)

    def underwrite(rows):  # type: ignore[no-untyped-def]
        return work(rows)

    underwrite.__annotations__ = {"rows": pa.Array, "return": pa.Array}
    return spark.udf.register(name, arrow_udf(underwrite, returnType=f"struct<{_colons(ADDED)}>"))


def _colons(columns: str) -> str:
    return ", ".join(column.strip().replace(" ", ": ") for column in columns.split(","))


def _with_added(df: DataFrame, kept: list[str]) -> Any:
    from pyspark.sql.types import StructType

    fields = {field.name: field for field in df.schema.fields}
    added = StructType.fromDDL(ADDED)
    return StructType([*(fields[name] for name in kept), *added.fields])


def _on_workers(name: str, *arguments: Any) -> Callable[[Any], Any]:
    """A function of this package's workers, which Spark sends by value: one that it sends by
    name would fail without a sentence where the package is missing."""
    from ._native import __version__ as version

    def work(given):  # type: ignore[no-untyped-def]
        try:
            from underwrite import _spark_worker
        except ImportError as error:
            import socket

            raise RuntimeError(
                f"the worker {socket.gethostname()} lacks the Python package underwrite {version} "
                f"or what it needs ({error}): install it on every worker, with PyArrow"
            ) from None
        return getattr(_spark_worker, name)(given, *arguments)

    return work
