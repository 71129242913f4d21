"""Loan-approval models in one file that decides the same everywhere.

>>> model = underwrite.Model("model.wasm")
>>> model.decide({"income": 52_000, "loan_amount": 8_000, ...})
>>> model.predict_proba(applications)

A model decides in this process, by the code that decides in the browser, the Worker and the
server: the answers are the same to the byte. Tables may be of pandas, Polars, PyArrow or DuckDB.
"""

from ._model import Model
from ._native import __version__, merge_sketches
from ._program import ProgramError, drift, evaluate, import_model, train
from ._results import Decision, Explanation, Refused, RefusedRow

__all__ = [
    "Decision",
    "Explanation",
    "Model",
    "ProgramError",
    "Refused",
    "RefusedRow",
    "__version__",
    "drift",
    "evaluate",
    "import_model",
    "merge_sketches",
    "train",
]
