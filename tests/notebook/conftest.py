"""Where the package is, and what is run: `cargo xtask test python` says both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """With the script `underwrite` of the package on the search path."""
    scripts = Path(os.environ["UNDERWRITE_PYTHON_PACKAGE"]) / "bin"
    path = os.pathsep.join([str(scripts), os.environ["PATH"]])
    without = ("API_KEY", "ADMIN_KEY", "METRICS_KEY", "MLFLOW_TRACKING_URI")
    return {**{k: v for k, v in os.environ.items() if k not in without}, "PATH": path}
