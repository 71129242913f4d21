"""What the driver does before a job of Spark: it looks at columns, and sends the model out."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ._model import Model

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: A model on its way: the name of the file that workers find it by, and its SHA-256.
Shipped = tuple[str, str]

#: The folder that workers fetch models from: it lives as long as this process, since a worker
#: may be replaced at any time.
_folder: tempfile.TemporaryDirectory[str] | None = None
#: What was sent out: the id of the application, and the digest.
_sent: set[tuple[str, str]] = set()


def as_model(model: Model | str | os.PathLike[str]) -> Model:
    """A model that is given itself or by its path."""
    return model if isinstance(model, Model) else Model(model)


def ship(spark: SparkSession, model: Model) -> Shipped:
    """Add the file to the application, once. Its name is its digest, so that no other version
    can take its place."""
    global _folder
    data = model.to_bytes()
    digest = hashlib.sha256(data).hexdigest()
    name = f"underwrite-{digest}.wasm"
    context = spark.sparkContext
    if (context.applicationId, digest) not in _sent:
        if _folder is None:
            _folder = tempfile.TemporaryDirectory(prefix="underwrite-models-")
        path = Path(_folder.name) / name
        path.write_bytes(data)
        context.addFile(str(path))
        _sent.add((context.applicationId, digest))
    return (name, digest)


def needed(df: DataFrame, model: Model) -> list[str]:
    """The columns of ``df`` that the model has a feature for."""
    known = {feature["name"] for feature in model._description["features"]}
    names = [name for name in df.columns if name in known]
    _refuse_twice(df, names)
    return names


def check_columns(df: DataFrame, kept: Sequence[str], added: Sequence[str]) -> None:
    """Refuse columns that are not there, are there twice, or have the name of an added one."""
    there = set(df.columns)
    for name in kept:
        if name not in there:
            raise ValueError(f"columns: there is no column '{name}': there are {', '.join(df.columns)}")
        if name in added:
            raise ValueError(
                f"column '{name}': its name is that of an added one: rename it, or leave it out of columns"
            )
    _refuse_twice(df, kept)


def _refuse_twice(df: DataFrame, names: Sequence[str]) -> None:
    # As Spark finds columns, capitals do not count unless it is told so.
    counts: Counter[Any] = Counter(name.lower() for name in df.columns)
    for name in names:
        if counts[name.lower()] > 1:
            raise ValueError(f"column '{name}': it is there {counts[name.lower()]} times: rename the others")


def numbered(df: DataFrame, names: Sequence[str]) -> DataFrame:
    """These columns under their numbers: Spark's functions on batches cannot take a name with a
    dot in it, and a column may be there twice, to be read and to be kept."""
    from pyspark.sql import functions

    columns = (functions.col("`" + name.replace("`", "``") + "`") for name in names)
    return df.select(*[column.alias(f"c{at}") for at, column in enumerate(columns)])


def empty_sketch(
    df: DataFrame, model: Model, read: Sequence[str], allow_missing_columns: bool
) -> bytes:
    """The sketch of no rows, which the model makes after it has looked at the types: names the
    column that is missing or that it cannot read. Spark gives no rows without a job."""
    types = [field.type for field in numbered(df, read).limit(0).toArrow().schema]
    fields = [pa.field(name, kind) for name, kind in zip(read, types)]
    # The other names, so that the error can say which of them may be meant.
    others = dict.fromkeys(name for name in df.columns if name not in read)
    schema = pa.schema([*fields, *(pa.field(name, pa.null()) for name in others)])
    nothing = pa.record_batch([pa.array([], field.type) for field in schema], schema=schema)
    stream = pa.RecordBatchReader.from_batches(schema, [nothing])
    return model.sketch(stream, allow_missing_columns=allow_missing_columns)
