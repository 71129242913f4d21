"""Asks with the client that openapi-python-client made."""

import json
import os

from client import AuthenticatedClient
from client.api.default import explain, predict, predict_batch
from client.models import Application, Decision, Explanation

connection = AuthenticatedClient(
    base_url=os.environ["URL"], token="k", prefix="", auth_header_name="x-api-key")
application = Application.from_dict(json.loads(os.environ["APPLICATION"]))
decision = predict.sync(client=connection, body=application)
assert isinstance(decision, Decision), decision
batch = predict_batch.sync(client=connection, body=[application])
assert isinstance(batch[0], Decision), batch
explanation = explain.sync(client=connection, body=application)
assert isinstance(explanation, Explanation) or explanation.detail, explanation
adjustments = [[one.feature, str(one.kind.value), one.to] for one in decision.adjustments]
print(json.dumps([decision.probability, adjustments, batch[0].probability]))
