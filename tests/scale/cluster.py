"""A Spark of two worker processes on this machine, as `local-cluster` makes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyspark
from pyspark.sql import SparkSession

#: Two workers with one core and 1 GiB each.
MASTER = "local-cluster[2,1,1024]"


def home(folder: Path) -> Path:
    """A home of Spark with the programs of PySpark: workers write into it, and what pip has
    installed stays as it is."""
    made = folder / "spark-home"
    made.mkdir(parents=True, exist_ok=True)
    for part in Path(pyspark.__file__).parent.iterdir():
        link = made / part.name
        if part.name != "work" and not link.exists():
            link.symlink_to(part)
    return made


#: For short jobs: less of a machine's time goes into compiling Java.
QUICK = {
    f"spark.{part}.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    for part in ("driver", "executor")
}


def start(folder: Path, more: Mapping[str, str] = {}) -> SparkSession:  # noqa: B006
    """Start it with these settings and `more`, and with everything that it writes in `folder`."""
    os.environ["SPARK_HOME"] = str(home(folder))
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
        # Parts small enough that both workers have work when one of them ends.
        "spark.sql.files.maxPartitionBytes": str(4 << 20),
        "spark.sql.files.openCostInBytes": "0",
    }
    builder = SparkSession.builder.master(MASTER).appName("underwrite")
    for key, value in {**settings, **more}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def executors(spark: SparkSession) -> list[int]:
    """The process ids of the executors: they descend from the driver's Java."""
    java = spark.sparkContext._gateway.proc.pid
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _descends(int(process.name), java):
            if b"CoarseGrainedExecutorBackend" in _read(process / "cmdline"):
                found.append(int(process.name))
    return found


def _descends(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        process = _parent(process)
    return process == ancestor


def _parent(process: int) -> int:
    # The name in brackets may hold spaces; what follows it does not.
    status: Any = _read(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()
    return int(status[1]) if len(status) > 1 else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
