"""The guides about Python and imports run as they stand.

Blocks marked `python` and `bash` are run in order, each guide in a folder of its own with data/;
blocks marked `py`, `console` and others are not: they need a service, or build the package.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from conftest import ROOT

BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVE = "underwrite serve "


def blocks(page: str) -> list[tuple[str, str]]:
    """The blocks that are run: the language, and the text."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def run(command: str, environment: dict[str, str]) -> None:
    """A command line of a guide; a server is asked whether it is well, and stopped."""
    if not command.startswith(SERVE):
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], check=True, env=environment)
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([*command.split(), "--port", str(port)], env=environment)
    try:
        well(f"http://127.0.0.1:{port}/health", server)
    finally:
        server.terminate()
        server.wait()


def well(address: str, server: subprocess.Popen) -> None:
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(address).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.mark.parametrize(
    ("page", "least", "made"),
    [
        ("docs/guides/python.md", 5, ["model.wasm", "loan.toml", "pipeline.json"]),
        ("docs/guides/import-a-model.md", 6, ["model.wasm", "xgboost.wasm", "sklearn.wasm", "scored.csv"]),
    ],
)  # fmt: skip
def test_a_guide_runs(page, least, made, environment, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "data", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    found = blocks(page)
    assert len(found) >= least, found
    names: dict[str, object] = {}
    for language, text in found:
        if language == "python":
            exec(compile(text, page, "exec"), names)
        else:
            for command in text.splitlines():
                run(command, {**environment, "PWD": os.getcwd()})
    assert not [name for name in made if not (tmp_path / name).is_file()]
