"""A server with a champion and a challenger, some traffic, and a Prometheus that scrapes it."""

import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

import httpx
import pytest
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
LOAN = {
    "person_age": 35, "person_education": "Bachelor", "person_income": 65000, "person_emp_exp": 5,
    "person_home_ownership": "RENT", "loan_amnt": 10000, "loan_intent": "EDUCATION",
    "loan_int_rate": 11.0, "loan_percent_income": 0.15, "cb_person_cred_hist_length": 5,
    "credit_score": 650, "previous_loan_defaults_on_file": "No",
}


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(what, seconds=60):
    end = time.time() + seconds
    while True:
        try:
            if found := what():
                return found
        except httpx.HTTPError:
            pass
        assert time.time() < end, "not within the time"
        time.sleep(0.2)


def start(*flags, **environment):
    process = subprocess.Popen(
        [os.environ["UNDERWRITE_BIN"], "serve", "--port", "0", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | environment)
    url = re.search(r"http://[^/]+", process.stdout.readline()).group()
    return process, url


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    for version in ["1.0.0", "1.1.0"]:
        folder = models / "loan" / version
        folder.mkdir(parents=True)
        shutil.copy(os.environ["UNDERWRITE_TEST_MODEL"], folder / "model.wasm")
    (models / "loan" / "deployment.toml").write_text(
        'version = "1.0.0"\n[challenger]\nversion = "1.1.0"\nmode = "shadow"\n')
    port = free_port()
    process, url = start("--models", str(models), "--metrics-port", str(port),
                         "--decision-log", str(tmp_path_factory.mktemp("log") / "log"),
                         "--metrics-compat", "fastapi", "--api-key", "k", "--admin-key", "a",
                         # One file under two versions, and under a name of its own.
                         "--allow-mismatch")
    yield {"url": url, "metrics": f"127.0.0.1:{port}", "models": models}
    process.kill()
    process.wait()


@pytest.fixture(scope="session")
def traffic(server):
    """Requests of all kinds until the tests end."""
    stop = threading.Event()

    def ask():
        with httpx.Client(base_url=server["url"], headers={"x-api-key": "k"}) as client:
            while not stop.wait(0.02):
                client.post("/predict", json=LOAN)
                client.post("/predict", json=LOAN | {"person_age": 150})
                client.post("/predict", json=LOAN | {"person_income": -1})
                client.post("/predict", json=LOAN, headers={"x-api-key": "wrong"})
                client.get("/health")

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture(scope="session")
def prometheus(server, traffic, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    config = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["scrape_configs"][0]["static_configs"][0]["targets"] = [server["metrics"]]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    shutil.copy(DEPLOY / "prometheus/alerts.yml", folder)
    port = free_port()
    process = subprocess.Popen(
        [os.environ["PROMETHEUS"], f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
         f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def query(expression):
        answer = httpx.get(url + "/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]

    wait_for(lambda: httpx.get(url + "/-/ready").status_code == 200)
    wait_for(lambda: query("count_over_time(underwrite_model_info[1m]) > 4"))
    wait_for(lambda: query("underwrite_drift_detected"))
    query.url = url
    yield query
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def dashboard():
    return json.loads((DEPLOY / "grafana/dashboards/underwrite.json").read_text())
