"""How fast Spark scores on two workers of one core each.

Usage: measure.py MODEL.WASM PARQUET FOLDER

Prints rows a second; the CPU time that a row costs in all of Spark, and of it in the Python
worker, Arrow's streams included; and what the model alone takes. FOLDER is for Spark's own files.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cluster
import underwrite
import underwrite.spark
from underwrite._spark_driver import as_model, needed, numbered, ship


def timed(spark, name: str, rows: int, work) -> None:
    """Print how long the work takes, and the CPU time of all processes of Spark."""
    began, spent = time.perf_counter(), cluster.cpu_seconds(spark)
    work()
    seconds, cpu = time.perf_counter() - began, cluster.cpu_seconds(spark) - spent
    print(
        f"{name}, {rows} rows: {seconds:.1f} s, {rows / seconds:.0f} rows a second; "
        f"{cpu / rows * 1e6:.2f} us of CPU a row, {2 * rows / cpu:.0f} rows a second on two free cores"
    )


def metered(work, file, read):
    """The work of `underwrite.spark.score`, and behind it the CPU seconds of its process: with all
    that it does, and for the model alone on the same batches at the same time."""

    def meter(batches):
        import time

        import pyarrow as pa

        from underwrite import _spark_worker

        own = 0.0

        def seen():
            nonlocal own
            for batch in batches:
                named = pa.RecordBatch.from_arrays(batch.columns[1:], names=read)
                model, at = _spark_worker.model(file), time.process_time()
                model.score_table(named, False)
                own += time.process_time() - at
                yield batch

        began, rows = time.process_time(), 0
        for batch in work(seen()):
            rows += batch.num_rows
        cpu = time.process_time() - began - own
        yield pa.record_batch([[rows], [cpu], [own]], names=["rows", "cpu", "own"])

    return meter


def main() -> None:
    path, parquet, folder = sys.argv[1:]
    model = as_model(path)
    spark = cluster.start(Path(folder).resolve())
    df = spark.read.parquet(parquet)
    scored = underwrite.spark.score(df, model, columns=["id"])
    save = scored.write.format("noop").mode("overwrite").save
    save()
    rows = df.count()
    for _ in range(2):
        timed(spark, "score", rows, save)

    read, file = needed(df, model), ship(spark, model)
    work = underwrite.spark._on_workers("score_batches", file, ["id"], read, "raise", False)
    meter = metered(work, file, read)
    seen = numbered(df, ["id", *read]).mapInArrow(meter, "rows bigint, cpu double, own double").collect()
    each, own = (sum(row[part] for row in seen) / rows * 1e6 for part in ("cpu", "own"))
    print(f"in the Python worker: {each:.3f} us of CPU a row, {each - own:.3f} above the model's own {own:.3f}")
    timed(spark, "sketch", rows, lambda: underwrite.spark.sketch(df, model))
    spark.stop()


if __name__ == "__main__":
    main()
