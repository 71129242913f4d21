"""The old services' own kind of tests, over HTTP: pytest, requests, no knowledge of the server.

    UNDERWRITE_BIN=target/release/underwrite UNDERWRITE_TEST_MODELS_DIR=target/test-models pytest contract.py
"""

import os
import pathlib
import re
import signal
import subprocess

import httpx
import pytest

UNDERWRITE = os.environ["UNDERWRITE_BIN"]
MODELS = pathlib.Path(os.environ["UNDERWRITE_TEST_MODELS_DIR"])

POINTS = {"income": 50000, "credit_score": 700, "loan_amount": 15000, "years_employed": 5, "points": 60}
LOAN = {
    "person_age": 35, "person_education": "Bachelor", "person_income": 65000, "person_emp_exp": 5,
    "person_home_ownership": "RENT", "loan_amnt": 10000, "loan_intent": "EDUCATION",
    "loan_int_rate": 11.0, "loan_percent_income": 0.15, "cb_person_cred_hist_length": 5,
    "credit_score": 650, "previous_loan_defaults_on_file": "No",
}


def serve(model, *flags):
    command = [UNDERWRITE, "serve", "--model", model, "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    line = process.stdout.readline()
    return process, re.search(r"http://[^/]+", line).group()


@pytest.fixture(scope="module")
def points():
    process, url = serve(MODELS / "points.wasm", "--metrics-compat", "fastapi")
    with httpx.Client(base_url=url) as client:
        yield client
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


@pytest.fixture(scope="module")
def loan():
    process, url = serve(MODELS / "loan.wasm", "--api-key", "first", "--api-key", "second",
                         "--admin-key", "chief")
    with httpx.Client(base_url=url) as client:
        yield client
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


# The second service.

def test_root_says_what_it_is(points):
    answer = points.get("/")
    assert answer.status_code == 200
    assert answer.json()["name"] == "Loan Approval API"
    assert answer.json()["version"] == "1.0.0"
    assert answer.json()["description"]


def test_health(points):
    answer = points.get("/health")
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["model_loaded"], body["version"]) == ("healthy", True, "1.0.0")


def test_a_decision_is_a_boolean(points):
    answer = points.post("/predict", json=POINTS)
    assert answer.status_code == 200
    assert isinstance(answer.json()["approve"], bool)
    assert answer.json()["approve"] == bool(answer.json()["prediction"])


def test_good_and_bad_applications_differ(points):
    good = points.post("/predict", json=POINTS | {"income": 150000, "credit_score": 850, "points": 95}).json()
    bad = points.post("/predict", json=POINTS | {"income": 9000, "credit_score": 320, "points": 5}).json()
    assert good["approve"] is True and bad["approve"] is False


@pytest.mark.parametrize("field, value, kind", [
    ("income", -1, "greater_than"),
    ("income", 0, "greater_than"),
    ("credit_score", 249, "greater_than_equal"),
    ("credit_score", 901, "less_than_equal"),
    ("loan_amount", 0, "greater_than"),
    ("loan_amount", -5000, "greater_than"),
    ("years_employed", -1, "greater_than_equal"),
    ("points", -0.5, "greater_than_equal"),
])
def test_a_value_out_of_range(points, field, value, kind):
    answer = points.post("/predict", json=POINTS | {field: value})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["type"] == kind
    assert problem["loc"] == ["body", field]
    assert problem["msg"].startswith("Input should be ")
    assert problem["input"] == value


@pytest.mark.parametrize("field", list(POINTS))
def test_a_missing_field(points, field):
    answer = points.post("/predict", json={name: POINTS[name] for name in POINTS if name != field})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert (problem["type"], problem["loc"], problem["msg"]) == ("missing", ["body", field], "Field required")


@pytest.mark.parametrize("field, value, kind", [
    ("income", "a lot", "float_parsing"),
    ("income", None, None),
    ("income", [1], "float_type"),
    ("credit_score", "high", "int_parsing"),
    ("credit_score", 700.5, "int_from_float"),
    ("years_employed", {}, "int_type"),
])
def test_a_value_of_the_wrong_type(points, field, value, kind):
    answer = points.post("/predict", json=POINTS | {field: value})
    assert answer.status_code == 422
    [problem] = answer.json()["detail"]
    assert problem["loc"] == ["body", field]
    assert kind is None or problem["type"] == kind


def test_numbers_as_text_are_taken(points):
    as_text = points.post("/predict", json={name: str(value) for name, value in POINTS.items()})
    assert as_text.status_code == 200
    assert as_text.json()["probability"] == points.post("/predict", json=POINTS).json()["probability"]


@pytest.mark.parametrize("edge", [250, 900])
def test_the_edges_of_a_range_are_in_it(points, edge):
    assert points.post("/predict", json=POINTS | {"credit_score": edge}).status_code == 200


def test_all_problems_are_listed_at_once(points):
    answer = points.post("/predict", json={"income": -1, "credit_score": 1000})
    assert answer.status_code == 422
    fields = [problem["loc"][1] for problem in answer.json()["detail"]]
    assert fields == ["income", "credit_score", "loan_amount", "years_employed", "points"]


@pytest.mark.parametrize("body", [b"", b"{", b"not json", b"\xff\xfe"])
def test_no_json(points, body):
    answer = points.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["type"] == "json_invalid"


def test_unknown_paths_and_methods(points):
    assert (points.get("/nothing").status_code, points.get("/nothing").json()) == (404, {"detail": "Not Found"})
    assert points.get("/predict").status_code == 405
    assert points.get("/predict").json() == {"detail": "Method Not Allowed"}


def test_its_metrics_are_there(points):
    points.post("/predict", json=POINTS)
    points.post("/predict", json={})
    text = points.get("/metrics").text
    for sample in [
        'fastapi_requests_total{endpoint="/predict",method="POST",status_code="200"}',
        'fastapi_requests_total{endpoint="/predict",method="POST",status_code="422"}',
        'fastapi_requests_duration_seconds_bucket{le="0.005",endpoint="/predict",method="POST"}',
        'fastapi_requests_in_progress{endpoint="/predict",method="POST"} 0',
        'fastapi_requests_exceptions_total{endpoint="/predict",method="POST"} 0',
    ]:
        assert sample in text, sample


# The first service.

def test_root_counts_features(loan):
    body = loan.get("/").json()
    assert body["status"] == "ok" and body["model_loaded"] is True
    assert (body["features_count"], body["categorical_count"], body["boolean_count"]) == (13, 4, 1)


@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"x-api-key": ""},
                                     {"authorization": "Bearer wrong"}, {"authorization": "Basic first"}])
def test_without_the_key(loan, headers):
    answer = loan.post("/predict", json=LOAN, headers=headers)
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Invalid or missing x-api-key header"}


@pytest.mark.parametrize("headers", [{"x-api-key": "first"}, {"x-api-key": "second"},
                                     {"authorization": "Bearer first"}, {"x-api-key": "chief"}])
def test_with_the_key(loan, headers):
    answer = loan.post("/predict", json=LOAN, headers=headers)
    assert answer.status_code == 200
    body = answer.json()
    assert body["prediction"] in (0, 1)
    assert body["prediction_label"] == ("Approved" if body["prediction"] else "Rejected")
    assert 0 < body["latency_seconds"] < 5
    assert body["features_used"] == list(LOAN)


def test_the_key_is_asked_for_before_the_body_is_read(loan):
    assert loan.post("/predict", content=b"{").status_code == 401


def test_what_is_missing_is_filled_in(loan):
    body = {name: LOAN[name] for name in LOAN if name not in ("person_age", "credit_score")}
    answer = loan.post("/predict", json=body, headers={"x-api-key": "first"})
    assert answer.status_code == 200
    filled = [(one["feature"], one["kind"]) for one in answer.json()["adjustments"]]
    assert filled == [("person_age", "missing"), ("credit_score", "missing")]


@pytest.mark.parametrize("word, same", [("yes", "Yes"), ("Yes", True), ("true", True), ("1", True),
                                        ("no", False), ("False", False), ("0", False)])
def test_words_for_yes_and_no(loan, word, same):
    headers = {"x-api-key": "first"}
    name = "previous_loan_defaults_on_file"
    one = loan.post("/predict", json=LOAN | {name: word}, headers=headers).json()
    other = loan.post("/predict", json=LOAN | {name: same}, headers=headers).json()
    assert one["probability"] == other["probability"]


def test_its_metrics(loan):
    headers = {"x-api-key": "first"}
    before = loan.get("/metrics", headers=headers).text
    loan.post("/predict", json=LOAN, headers=headers)
    after = loan.get("/metrics", headers=headers).text
    count = lambda text, name: float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))
    for name in ["pred_requests_total", "pred_request_latency_seconds_count"]:
        assert count(after, name) == count(before, name) + 1
    assert count(after, "latest_prediction") in (0, 1)


def test_only_the_chief_reloads(loan):
    path = "/models/loan-approval/reload"
    assert loan.post(path).status_code == 401
    assert loan.post(path, headers={"x-api-key": "first"}).status_code == 403
    answer = loan.post(path, headers={"x-api-key": "chief"})
    assert answer.status_code == 200 and answer.json()["refused"] == []


def test_a_server_without_models_says_so(tmp_path):
    command = [UNDERWRITE, "serve", "--models", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    url = re.search(r"http://[^/]+", process.stdout.readline()).group()
    try:
        assert httpx.get(url + "/").json()["model_loaded"] is False
        answer = httpx.post(url + "/predict", json=LOAN)
        assert (answer.status_code, answer.json()) == (503, {"detail": "Model not loaded"})
        assert httpx.get(url + "/health").status_code == 503
    finally:
        process.kill()
        process.wait()
