"""The lines that people copy run as they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["docs/guides/python.md", "python/README.md"])
def test_the_first_lines_run(page, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    lines = (ROOT / page).read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    exec(compile(lines, page, "exec"), {})
    assert (tmp_path / "model.wasm").is_file()
