"""The program ``underwrite``, which this package carries."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ._files import write_rows
from ._model import Model


class ProgramError(RuntimeError):
    """The program refused what it was asked for; the message says what and why."""


def program() -> Path:
    """The path of the program; ``UNDERWRITE_BIN`` names another one."""
    named = os.environ.get("UNDERWRITE_BIN")
    name = "underwrite.exe" if os.name == "nt" else "underwrite"
    return Path(named) if named else Path(__file__).parent / "bin" / name


def main() -> None:
    """The script ``underwrite``."""
    path = str(program())
    if os.name == "nt":
        sys.exit(subprocess.call([path, *sys.argv[1:]]))
    os.execv(path, ["underwrite", *sys.argv[1:]])


def run(arguments: Iterable[Any], *, quiet: bool = True) -> None:
    """Run the program; ``quiet=False`` shows its progress."""
    command = [str(program()), *map(str, arguments)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if not quiet:
        print(ended.stderr, end="", file=sys.stderr)
    if ended.returncode != 0:
        message = ended.stderr.strip().removeprefix("error: ")
        raise ProgramError(message or f"underwrite ended with {ended.returncode}")


def options(given: dict[str, Any]) -> list[str]:
    """``max_size="300KB"`` as ``--max-size 300KB``: each option is that of the program."""
    arguments = []
    for name, value in given.items():
        flag = "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif isinstance(value, (list, tuple)):
            arguments += [flag, ",".join(map(str, value))]
        elif value is not None and value is not False:
            arguments += [flag, str(value)]
    return arguments


def train(data: Any, schema: Any, *, out: Any = None, quiet: bool = True, **given: Any) -> Model:
    """Train a model on a table or a file of rows.

    ``schema`` is the path of a schema in TOML, or its text. Other arguments are the options of
    ``underwrite train``: ``trials=60``, ``threshold="f1"``, ``calibration="platt"``. Without
    ``out`` the file lives in memory alone, and without ``runs`` no run folder is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(out) if out is not None else Path(folder) / "model.wasm"
        given = {"runs": Path(folder) / "runs", "trackers": "none", **given}
        arguments = ["train", "--data", _rows(data, folder), "--schema", _schema(schema, folder)]
        run([*arguments, "--out", made, *options(given)], quiet=quiet)
        return Model(made)


def evaluate(model: Model | str | os.PathLike[str], data: Any, **given: Any) -> dict[str, Any]:
    """Evaluate a model on labeled rows; the result is that of ``underwrite evaluate --json``."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "evaluation.json"
        arguments = ["evaluate", "--model", _model(model, folder), "--data", _rows(data, folder)]
        run([*arguments, "--json", result, *options(given)])
        return json.loads(result.read_text(encoding="utf-8"))


def drift(reference: Any, current: Any, **given: Any) -> dict[str, Any]:
    """Compare a batch with a reference; the result is that of ``underwrite drift --json``.

    Either may be a table, a sketch (:meth:`Model.sketch`) or a file; the reference may also
    be a model, which carries a sketch of its training rows.
    """
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "drift.json"
        given = {"out": Path(folder) / "drift.html", "runs": Path(folder) / "runs", **given}
        arguments = ["drift", "--reference", _batch(reference, folder, "reference")]
        arguments += ["--current", _batch(current, folder, "current"), "--trackers", "none"]
        run([*arguments, "--json", result, *options(given)])
        return json.loads(result.read_text(encoding="utf-8"))


def import_model(library: str, file: Any, *, schema: Any, check: Any, out: Any = None, **given: Any) -> Model:
    """Import a model of ``lightgbm``, ``xgboost`` or ``sklearn``, proved on the rows of ``check``.

    ``file`` is what that library saved; of scikit-learn, what :func:`underwrite.export.sklearn`
    returned or saved. Other arguments are the options of ``underwrite import``.
    """
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(file, dict):
            path = Path(folder) / "exported.json"
            path.write_text(json.dumps(file), encoding="utf-8")
            file = path
        made = Path(out) if out is not None else Path(folder) / "model.wasm"
        arguments = ["import", library, file, "--schema", _schema(schema, folder)]
        run([*arguments, "--check", _rows(check, folder), "--out", made, *options(given)])
        return Model(made)


def _model(model: Any, folder: str) -> Path:
    if isinstance(model, Model):
        path = Path(folder) / "given.wasm"
        model.save(path)
        return path
    return Path(model)


def _schema(schema: Any, folder: str) -> Path:
    if isinstance(schema, str) and "\n" in schema:
        path = Path(folder) / "schema.toml"
        path.write_text(schema, encoding="utf-8")
        return path
    return Path(schema)


def _batch(batch: Any, folder: str, name: str) -> Path:
    if isinstance(batch, Model):
        return _model(batch, folder)
    if isinstance(batch, bytes):
        path = Path(folder) / f"{name}.sketch"
        path.write_bytes(batch)
        return path
    return _rows(batch, folder, name)


def _rows(data: Any, folder: str, name: str = "rows") -> Path:
    """The path of a file with the rows of a table."""
    if isinstance(data, (str, os.PathLike)):
        return Path(data)
    return write_rows(data, Path(folder), name)
