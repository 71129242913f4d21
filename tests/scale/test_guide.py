"""The guide is followed as it stands, from a folder of Parquet to scored Parquet and a report."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.dataset

ROOT = Path(__file__).parents[2]
GUIDE = "docs/guides/score-a-billion-rows.md"


def test_the_guide_is_followed(spark, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    parts = (ROOT / GUIDE).read_text(encoding="utf-8").split("```python\n")[1:]
    for number, part in enumerate(parts, 1):
        exec(compile(part.split("```")[0], f"{GUIDE}, block {number}", "exec"), names)
    scored = pyarrow.dataset.dataset("scored").to_table()
    assert (len(scored), scored.column_names) == (
        5000,
        ["application_id", "probability", "outcome", "adjustments"],
    )
    assert (tmp_path / "scored/_SUCCESS").is_file()
    assert names["differ"] == [(0,)]
    assert len(names["approved"]) == scored["outcome"].to_pylist().count("approve")
    assert names["report"]["dataset_drift"] is False
    assert (tmp_path / "drift.html").stat().st_size > 10_000
    assert (tmp_path / "2026-11.sketch").read_bytes().startswith(b"UWDRIFT")
