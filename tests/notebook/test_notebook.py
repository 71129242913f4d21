"""The example notebook runs from top to bottom, and leaves what the page is asked.

In the folder UNDERWRITE_NOTEBOOK: the three models, and `answers.json`, applications with the
probabilities that the libraries gave, for page.test.mjs.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import nbformat
from conftest import ROOT
from nbclient import NotebookClient

NOTEBOOK = ROOT / "examples/notebook/three_libraries.ipynb"
LIBRARIES = ["lightgbm", "xgboost", "sklearn"]
# A cell of the test's own: what the page is asked, and what the libraries say about it.
ANSWERS = """
asked = [3, 10, 25, 60]
rows = json.loads(test.iloc[asked].to_json(orient="records"))
given = {library: [float(of[row]) for row in asked] for library, of in probability.items()}
json.dump({"applications": rows, "probability": given}, open("answers.json", "w"))
"""


def test_the_notebook_runs(environment, monkeypatch):
    folder = Path(os.environ["UNDERWRITE_NOTEBOOK"])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "keep the notebook without outputs"
    notebook.cells.append(nbformat.v4.new_code_cell(ANSWERS))
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    said = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert said.count("proved      on 2958 rows") == len(LIBRARIES), said
    assert "features</summary>" in said and "<td>Probability" in said
    for library in LIBRARIES:
        assert (folder / f"{library}.wasm").is_file()
    assert json.loads((folder / "answers.json").read_text())["applications"]
