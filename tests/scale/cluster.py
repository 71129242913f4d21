"""A Spark of two worker processes on this machine, as `local-cluster` makes it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

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


def start(folder: Path, more: Mapping[str, str] | None = None) -> SparkSession:
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
    for key, value in {**settings, **(more or {})}.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def executors(spark: SparkSession) -> list[int]:
    """The process ids of the executors."""
    return [
        process
        for process in _processes(spark)
        if b"CoarseGrainedExecutorBackend" in _read(Path(f"/proc/{process}/cmdline"))
    ]


def cpu_seconds(spark: SparkSession) -> float:
    """The CPU time of the driver's Java, the executors and the Python workers so far. Unlike the
    time on a clock, it says little of what else the machine does."""
    ticks = 0
    for process in _processes(spark):
        fields = _status(process)
        if len(fields) > 12:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _processes(spark: SparkSession) -> list[int]:
    """What descends from the driver's Java."""
    java = spark.sparkContext._gateway.proc.pid
    numbers = (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())
    return [process for process in numbers if _descends(process, java)]


def _descends(process: int, ancestor: int) -> bool:
    while process > 1 and process != ancestor:
        process = _parent(process)
    return process == ancestor


def _parent(process: int) -> int:
    fields = _status(process)
    return int(fields[1]) if len(fields) > 1 else 0


def _status(process: int) -> list[bytes]:
    """The fields of `stat` from the third on; none of a process that has ended."""
    # The name in brackets may hold spaces; what follows it does not.
    return _read(Path(f"/proc/{process}/stat")).rpartition(b")")[2].split()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
