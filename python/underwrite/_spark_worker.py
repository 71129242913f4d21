"""What a worker of Spark does with the batches of its partition."""

from __future__ import annotations

import hashlib
import itertools
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
from pyspark import SparkFiles, TaskContext

from . import arrow
from ._model import Model
from ._native import merge_sketches
from ._results import RefusedRow, sentences

Batches = Iterator[pa.RecordBatch]

#: Models of this process by their SHA-256: each is loaded once, and serves all tasks.
_models: dict[str, Model] = {}
#: How many are kept: a process that served others before does not grow.
_MOST = 8


class PartitionError(RuntimeError):
    """A partition that cannot be scored or sketched; the message names it, and the column."""


class ModelError(RuntimeError):
    """The model that a worker holds is not the one that the driver sent."""


def model(file: tuple[str, str]) -> Model:
    """The model of this digest, loaded once a process."""
    name, digest = file
    known = _models.get(digest)
    if known is None:
        data = _read(name)
        found = hashlib.sha256(data).hexdigest()
        if found != digest:
            raise ModelError(
                f"the worker {socket.gethostname()} has another version of the model: expected "
                f"SHA-256 {digest}, got {found} in {SparkFiles.get(name)}: end the application, "
                "delete the file and submit again"
            )
        while len(_models) >= _MOST:
            del _models[next(iter(_models))]
        known = _models[digest] = Model(data)
    return known


def _read(name: str) -> bytes:
    try:
        return Path(SparkFiles.get(name)).read_bytes()
    except OSError as error:
        raise ModelError(
            f"the worker {socket.gethostname()} did not get the model: {error}"
        ) from None


def score_batches(
    batches: Batches,
    file: tuple[str, str],
    kept: Sequence[str],
    read: Sequence[str],
    on_invalid: str,
    allow_missing_columns: bool,
) -> Batches:
    """The kept columns of each batch, and what the model says to its rows. A batch has the kept
    columns first, and those behind them that the model reads."""
    before = 0
    for batch in batches:
        columns = batch.columns
        given = pa.RecordBatch.from_arrays(columns[len(kept) :], names=list(read))
        try:
            added = arrow.score(
                model(file),
                given,
                on_invalid=on_invalid,
                allow_missing_columns=allow_missing_columns,
            )
        except ValueError as error:
            raise _in_partition(error, before) from None
        names = [*kept, *added.schema.names]
        yield pa.RecordBatch.from_arrays(columns[: len(kept)] + added.columns, names=names)
        before += batch.num_rows


def score_structs(rows: pa.Array, file: tuple[str, str], name: str, on_invalid: str) -> pa.Array:
    """What the model says to each struct of an array, as structs."""
    if not isinstance(rows, pa.StructArray):
        message = f"{name}: expected a struct of columns, as in {name}(struct(*)), got {rows.type}"
        raise PartitionError(message)
    try:
        batch = pa.RecordBatch.from_struct_array(rows)
        return arrow.score(model(file), batch, on_invalid=on_invalid).to_struct_array()
    except ValueError as error:
        raise _in_partition(error, None) from None


def sketch_batches(
    batches: Batches, file: tuple[str, str], read: Sequence[str], allow_missing_columns: bool
) -> Batches:
    """The sketch of a partition; nothing of one without rows."""
    first = next(batches, None)
    if first is None:
        return
    named = (
        pa.RecordBatch.from_arrays(batch.columns, names=list(read))
        for batch in itertools.chain([first], batches)
    )
    schema = pa.schema([pa.field(name, field.type) for name, field in zip(read, first.schema)])
    stream = pa.RecordBatchReader.from_batches(schema, named)
    try:
        sketch = model(file).sketch(stream, allow_missing_columns=allow_missing_columns)
    except ValueError as error:
        raise _in_partition(error, 0) from None
    yield _batch(sketch)


def merge_batches(batches: Batches) -> Batches:
    """One sketch in place of all; nothing of none."""
    sketches = [sketch for batch in batches for sketch in batch.column(0).to_pylist()]
    if sketches:
        yield _batch(merge_sketches(sketches))


def _batch(sketch: bytes) -> pa.RecordBatch:
    return pa.record_batch([pa.array([sketch], pa.binary())], names=["sketch"])


def _in_partition(error: ValueError, before: int | None) -> PartitionError:
    """The error with its partition; ``before`` counts the rows of earlier batches, where known.

    No value of an applicant is in it: what a worker raises is in the logs of the cluster.
    """
    context = TaskContext.get()
    where = f"partition {context.partitionId()}" if context is not None else "no partition"
    if isinstance(error, RefusedRow):
        row = f"row {before + error.row}" if before is not None else f"row {error.row} of a batch"
        what = sentences(error.detail, values=False)
        return PartitionError(
            f'{where}, {row}: {what}; on_invalid="null" gives such rows no probability'
        )
    behind = f", behind row {before}" if before else ""
    return PartitionError(f"{where}{behind}: {error}")
