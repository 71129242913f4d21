"""MLServer's REST client, with its string and numpy codecs."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request

import numpy
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from expected import ROWS, codes, decisions, model

url = sys.argv[1]
name, version, features = model(url)
expected = decisions(url)


def check(answer):
    outputs = {one.name: one.data.root for one in answer.outputs}
    assert list(outputs["probability"]) == [one["probability"] for one in expected]
    assert list(outputs["prediction"]) == [one["prediction"] for one in expected]
    assert list(outputs["label"]) == [one["prediction_label"] for one in expected]


def post(body):
    address = f"{url}/v2/models/{name}/infer"
    request = urllib.request.Request(address, body.encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return InferenceResponse.model_validate_json(answer.read())


def column(feature):
    values = [row[feature["name"]] for row in ROWS]
    if feature["type"] == "category":
        return StringCodec.encode_input(feature["name"], values, use_bytes=False)
    return NumpyCodec.encode_input(feature["name"], numpy.array(values))


columns = InferenceRequest(inputs=[column(one) for one in features])
check(post(columns.model_dump_json(exclude_none=True)))
tensor = NumpyRequestCodec.encode_request(numpy.array(codes(features)))
check(post(tensor.model_dump_json(exclude_none=True)))


def line(request):
    return request.model_dump_json(exclude_none=True) + "\n"


# Its own client reads requests from a file and writes answers to one.
with tempfile.TemporaryDirectory() as folder:
    source, target = f"{folder}/in.txt", f"{folder}/out.txt"
    with open(source, "w", encoding="utf-8") as file:
        file.write(line(tensor) * 3)
    command = [os.path.join(os.path.dirname(sys.executable), "mlserver"), "infer"]
    command += ["--url", url.removeprefix("http://"), "--model-name", name]
    command += ["--input-data-path", source, "--output-data-path", target]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with open(target, encoding="utf-8") as file:
        answers = [json.loads(one) for one in file]
    assert len(answers) == 3, done.stderr
    for answer in answers:
        answer.pop("parameters", None)
        check(InferenceResponse.model_validate(answer))

print("mlserver: string and numpy codecs, and `mlserver infer`, the same as /predict")
