"""Clients that other people's generators make of /openapi.json: they compile, and they ask."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import httpx
import pytest

HERE = pathlib.Path(__file__).resolve().parent
NODE = HERE.parent / "node_modules"
# Age is clamped, so that the decision has an adjustment.
LOAN = {
    "person_age": 144, "person_education": "Bachelor", "person_income": 65000, "person_emp_exp": 5,
    "person_home_ownership": "RENT", "loan_amnt": 10000, "loan_intent": "EDUCATION",
    "loan_int_rate": 11.0, "cb_person_cred_hist_length": 5, "credit_score": 650,
    "previous_loan_defaults_on_file": "No",
}


@pytest.fixture(scope="session")
def server():
    process = subprocess.Popen(
        [os.environ["UNDERWRITE_BIN"], "serve", "--model", os.environ["UNDERWRITE_TEST_MODEL"], "--port", "0",
         "--api-key", "k", "--admin-key", "a"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    yield re.search(r"http://[^/]+", process.stdout.readline()).group()
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def document(server, tmp_path_factory):
    path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_text(json.dumps(httpx.get(server + "/openapi.json").json()))
    return path


@pytest.fixture(scope="session")
def expected(server):
    answer = httpx.post(server + "/predict", json=LOAN, headers={"x-api-key": "k"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def run(command, folder, **environment):
    done = subprocess.run(command, cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def check(printed, expected):
    """What each client prints: the probability, then the adjustments."""
    assert json.loads(printed.splitlines()[-1]) == [
        expected["probability"],
        [[one["feature"], one["kind"], one["to"]] for one in expected["adjustments"]],
        expected["probability"],
    ], printed


def test_every_route_that_takes_a_request_is_described(document):
    paths = json.loads(document.read_text())["paths"]
    posts = {path for path, item in paths.items() if "post" in item}
    assert posts == {
        "/predict", "/predict/batch", "/explain",
        "/models/{name}/predict", "/models/{name}/predict/batch", "/models/{name}/explain",
        "/models/{name}/versions/{version}/predict", "/models/{name}/versions/{version}/explain",
        "/models/{name}/reload", "/models/{name}/rollback"}
    for media in ["application/json", "application/x-ndjson", "text/csv"]:
        batch = paths["/predict/batch"]["post"]
        assert media in batch["requestBody"]["content"] and media in batch["responses"]["200"]["content"]


def test_typescript(server, document, expected, tmp_path):
    for name in ["ask.ts", "tsconfig.json"]:
        shutil.copy(HERE / "typescript" / name, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(NODE)
    run([NODE / ".bin/openapi-typescript", document, "--output", "api.d.ts"], tmp_path)
    run([NODE / ".bin/tsc", "--project", "."], tmp_path)
    check(run(["node", "ask.js"], tmp_path, URL=server, APPLICATION=json.dumps(LOAN)), expected)


def test_python(server, document, expected, tmp_path):
    # It warns that it knows no CSV and no NDJSON.
    run(["openapi-python-client", "generate", "--path", document, "--output-path", "client", "--meta", "none"], tmp_path)
    shutil.copy(HERE / "ask.py", tmp_path)
    check(run([sys.executable, "ask.py"], tmp_path, URL=server, APPLICATION=json.dumps(LOAN)), expected)


def test_go(server, document, expected, tmp_path):
    run(["openapi-generator-cli", "generate", "-i", document, "-g", "go", "-o", "client",
         "--additional-properties=packageName=client,withGoMod=false", "--git-user-id=ask", "--git-repo-id=client"],
        tmp_path)
    shutil.copy(HERE / "go/ask.go", tmp_path / "main.go")
    go = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    run(["go", "mod", "init", "ask"], tmp_path, **go)
    run(["go", "build", "-o", "ask", "."], tmp_path, **go)
    check(run(["./ask"], tmp_path, URL=server, APPLICATION=json.dumps(LOAN)), expected)
