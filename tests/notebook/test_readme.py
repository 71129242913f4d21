"""`pip install` of the wheel into an empty environment, and the ten lines that the pages begin
with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PAGES = ["README.md", "python/README.md"]


def lines(page: str) -> str:
    """The first block of Python on a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.split("```python\n")[1].split("```")[0]


@pytest.fixture(scope="module")
def clean(tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """The Python of an environment with the wheel and pandas, and no other path to the package."""
    folder = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin/python"
    ours = ("PYTHONPATH", "UNDERWRITE_BIN", "UNDERWRITE_PYTHON_PACKAGE")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, os.environ["UNDERWRITE_WHEEL"], "pandas"], check=True, env=environment)
    return python, environment


@pytest.mark.parametrize("page", PAGES)
def test_the_ten_lines_run(page, clean, tmp_path):
    python, environment = clean
    text = lines(page)
    assert len([line for line in text.splitlines() if line]) == 10, text
    shutil.copytree(ROOT / "data", tmp_path / "data")
    ran = subprocess.run(
        [python, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    outcome, probability, *rows, drift = ran.stdout.splitlines()
    assert outcome in ("approve", "refer", "decline")
    assert 0 <= float(probability) <= 1
    assert len(rows) == 3
    assert drift == "False"


def test_the_program_comes_with_it(clean):
    python, environment = clean
    version = subprocess.run(
        [python.parent / "underwrite", "--version"], env=environment, capture_output=True, text=True
    )
    assert version.stdout.startswith("underwrite "), version.stderr
