"""kserve's InferenceRESTClient, protocols v2 and v1."""

import asyncio
import sys

from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

from expected import ROWS, codes, decisions, model

url = sys.argv[1]
name, version, features = model(url)
expected = decisions(url)
TYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "category": "BYTES"}


async def talk():
    v2 = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await v2.is_server_live(url) and await v2.is_server_ready(url)
    assert await v2.is_model_ready(url, name)
    inputs = [
        InferInput(one["name"], [len(ROWS), 1], TYPES[one["type"]], [row[one["name"]] for row in ROWS])
        for one in features
    ]
    flat = [value for row in codes(features) for value in row]
    tensor = [InferInput("input-0", [len(ROWS), len(features)], "FP64", flat)]
    for data in [inputs, tensor]:
        answer = await v2.infer(url, InferRequest(name, data), model_name=name)
        outputs = {one.name: one for one in answer.outputs}
        assert outputs["probability"].data == [one["probability"] for one in expected]
        assert outputs["prediction"].data == [one["prediction"] for one in expected]
        assert outputs["label"].data == [one["prediction_label"] for one in expected]

    v1 = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await v1.is_model_ready(url, name)
    for instances in [ROWS, codes(features)]:
        answer = await v1.infer(url, {"instances": instances}, model_name=name)
        assert answer["predictions"] == [one["prediction"] for one in expected], answer


asyncio.run(talk())
print("kserve: v2 with columns and one tensor, v1 with objects and lists, the same as /predict")
