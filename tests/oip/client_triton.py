"""tritonclient[http]: columns by name and one tensor, as JSON, as bytes, packed with gzip."""

import sys

import numpy
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from expected import ROWS, codes, decisions, model

url = sys.argv[1]
name, version, features = model(url)
expected = decisions(url)
client = triton.InferenceServerClient(url.removeprefix("http://"))

assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(name) and client.is_model_ready(name, version)
assert not client.is_model_ready("nobody")
assert client.get_server_metadata()["name"] == "underwrite"
metadata = client.get_model_metadata(name)
assert metadata["versions"] == [version]
assert [one["name"] for one in metadata["inputs"]] == list(ROWS[0])
assert client.get_model_repository_index()[0]["name"] == name

TYPES = {"number": ("FP64", numpy.float64), "integer": ("INT64", numpy.int64),
         "boolean": ("BOOL", numpy.bool_), "category": ("BYTES", object)}


def named(binary, single=False):
    inputs = []
    for feature in features:
        datatype, dtype = TYPES[feature["type"]]
        if single and datatype == "FP64":
            datatype, dtype = "FP32", numpy.float32
        values = numpy.array([[row[feature["name"]]] for row in ROWS], dtype=dtype)
        tensor = triton.InferInput(feature["name"], list(values.shape), datatype)
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    return inputs


def one(binary):
    values = numpy.array(codes(features), dtype=numpy.float64)
    tensor = triton.InferInput("input-0", list(values.shape), "FP64")
    tensor.set_data_from_numpy(values, binary_data=binary)
    return [tensor]


def check(result):
    assert result.get_response()["model_name"] == name
    numpy.testing.assert_array_equal(
        result.as_numpy("probability").ravel(), [one["probability"] for one in expected])
    numpy.testing.assert_array_equal(
        result.as_numpy("prediction").ravel(), [one["prediction"] for one in expected])
    labels = [one.decode() if isinstance(one, bytes) else one
              for one in result.as_numpy("label").ravel()]
    assert labels == [one["prediction_label"] for one in expected]


calls = 0
for binary_in in [True, False]:
    for inputs in [named(binary_in), named(binary_in, single=True), one(binary_in)]:
        for binary_out in [True, False]:
            outputs = [triton.InferRequestedOutput(output, binary_data=binary_out)
                       for output in ["prediction", "probability", "label"]]
            check(client.infer(name, inputs, outputs=outputs, request_id="r1"))
            check(client.infer(name, inputs, model_version=version, outputs=outputs))
            calls += 2
        # By default it names no outputs and asks for bytes.
        result = client.infer(name, inputs, request_id="r2")
        check(result)
        assert result.get_response()["id"] == "r2"
        check(client.infer(name, inputs, request_compression_algorithm="gzip"))
        calls += 2

wrong = named(True)
wrong[0].set_data_from_numpy(numpy.array([[35.0], [-1.0]]))
wrong[2].set_data_from_numpy(numpy.array([[65000.0], [-5.0]]))
try:
    client.infer(name, wrong)
except InferenceServerException as error:
    assert "row 1: person_income: " in error.message(), error.message()
else:
    raise AssertionError("a negative income was taken")
print(f"tritonclient: {calls} inferences, the same as /predict")
