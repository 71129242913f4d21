"""MLflow's flavour ``underwrite``: models that ``underwrite train`` and ``underwrite track push``
register are loaded with ``mlflow.pyfunc.load_model``.

>>> model = mlflow.pyfunc.load_model("models:/loan-approval@champion")
>>> model.predict(applications)

The folder of a model holds ``model.wasm``, and its ``MLmodel`` names this module.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ._model import Model

FLAVOR_NAME = "underwrite"
MODEL_FILE = "model.wasm"


class PythonFunction:
    """What ``mlflow.pyfunc`` predicts with."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def get_raw_model(self) -> Model:
        """The model itself."""
        return self._model

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """A table with the columns of the signature: ``prediction``, ``prediction_label``,
        ``approve``, ``probability``, ``threshold``, ``outcome``, and ``adjustments``, how many
        values of the row were filled in or changed.

        A row that the schema refuses raises an error that names row and column; so does a table
        without a column that the model reads.
        """
        import numpy as np
        import pandas as pd

        scored = self._model.score(model_input)
        about = self._model.describe()
        target = about["target"]
        labels = np.array([target["negative_label"], target["positive_label"]], dtype=object)
        prediction = scored["prediction"].astype("int64")
        return pd.DataFrame(
            {
                "prediction": prediction,
                "prediction_label": labels[prediction],
                "approve": prediction == 1,
                "probability": scored["probability"],
                "threshold": np.full(len(prediction), about["threshold"]),
                "outcome": scored["outcome"].astype(object),
                "adjustments": scored["adjustments"].astype("int64"),
            }
        )


def signature(model: Model) -> Any:
    """The signature of a model: its inputs and the protected columns that its rules may name, of
    any type, and the columns of :meth:`PythonFunction.predict`.

    MLflow refuses whole numbers in a column of doubles, a missing one among whole numbers, and
    yes or no as text, before a model sees them. A model reads a table as it reads a request, and
    names row and column of what it refuses, so that nothing is refused here but a column that
    is not there.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema

    about = model.describe()
    # MLflow leaves out what is not listed.
    read = ["input", "protected"] if about.get("policy", {}).get("allow_protected") else ["input"]
    inputs = [feature for feature in about["features"] if feature["role"] in read]
    # A derived field is computed where it is not given.
    required = [one.get("missing") == "error" and "derived" not in one for one in inputs]
    outputs = {
        "prediction": DataType.long,
        "prediction_label": DataType.string,
        "approve": DataType.boolean,
        "probability": DataType.double,
        "threshold": DataType.double,
        "outcome": DataType.string,
        "adjustments": DataType.long,
    }
    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(AnyType(), one["name"], required=is_required)
                for one, is_required in zip(inputs, required)
            ]
        ),
        outputs=Schema([ColSpec(kind, name) for name, kind in outputs.items()]),
    )


def _load_pyfunc(path: str) -> PythonFunction:
    """Load what ``MLmodel`` names as data; MLflow calls this."""
    return PythonFunction(Model(path))


def load_model(model_uri: str) -> Model:
    """Load a model from a tracking server or a folder."""
    from mlflow.artifacts import download_artifacts

    folder = Path(download_artifacts(artifact_uri=model_uri))
    return Model(folder / MODEL_FILE if folder.is_dir() else folder)


def save_model(model: Model, path: str, **about: Any) -> None:
    """Write the folder of a model; ``about`` may have ``input_example``, and a ``signature`` in
    place of :func:`signature`."""
    from mlflow.models import Model as Metadata
    from mlflow.models.utils import _save_example
    from mlflow.pyfunc import add_to_model

    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=False)
    model.save(folder / MODEL_FILE)
    metadata = about.pop("mlflow_model", None) or Metadata()
    metadata.signature = about.get("signature") or signature(model)
    if about.get("input_example") is not None:
        _save_example(metadata, about["input_example"], path)
    requirements = folder / "requirements.txt"
    requirements.write_text("mlflow\npandas\npyarrow\nunderwrite\n", encoding="utf-8")
    description = model.describe()["model"]
    keys = ("kind", "name", "version", "digest")
    metadata.flavors[FLAVOR_NAME] = {"data": MODEL_FILE, **{key: description[key] for key in keys}}
    add_to_model(metadata, loader_module="underwrite.mlflow", data=MODEL_FILE)
    metadata.save(folder / "MLmodel")


def log_model(model: Model, name: str, **about: Any) -> Any:
    """Log a model to the active run; ``registered_model_name`` registers it too."""
    from mlflow.models import Model as Metadata
    import underwrite.mlflow as flavor

    return Metadata.log(artifact_path=None, name=name, flavor=flavor, model=model, **about)
