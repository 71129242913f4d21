"""What deploy/ says is true of the running server."""

import hashlib
import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

import bcrypt
import httpx
import kubernetes_validate
import pytest
import yaml
from grafana_foundation_sdk.models.dashboard import Dashboard

from conftest import DEPLOY, LOAN, free_port, start, wait_for


def test_promtool_takes_the_configuration_and_the_rules():
    for command in [["config", DEPLOY / "prometheus/prometheus.yml"], ["rules", DEPLOY / "prometheus/alerts.yml"]]:
        subprocess.run([os.environ["PROMTOOL"], "check", *command], check=True, capture_output=True)


def test_promtool_takes_the_metrics(server, traffic):
    text = httpx.get(f"http://{server['metrics']}/metrics").text
    done = subprocess.run([os.environ["PROMTOOL"], "check", "metrics"], input=text, text=True, capture_output=True)
    # Hints about names that the old services gave are no errors.
    hints = [line for line in done.stderr.splitlines() if not line.startswith("fastapi_")]
    assert "error" not in done.stderr.lower(), done.stderr
    assert hints == [], done.stderr


def test_openmetrics_is_there_for_who_asks(server):
    answer = httpx.get(f"http://{server['metrics']}/metrics", headers={"accept": "application/openmetrics-text"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


def test_metrics_are_on_their_own_port_alone(server):
    assert httpx.get(server["url"] + "/metrics").status_code == 404


def test_every_panel_has_data(prometheus, dashboard):
    panels = [one for one in dashboard["panels"] if one["type"] != "row"]
    assert [one["title"] for one in panels[:6]] == [
        "Request Rate", "Average Request Duration", "Error Rate",
        "Requests In Progress", "Total Requests by Endpoint", "Requests by Status Code"]
    for panel in panels:
        for target in panel["targets"]:
            # As Grafana does with "All" chosen.
            expression = re.sub(r"\$(job|instance|model)", ".*", target["expr"])
            expression = expression.replace("$__rate_interval", "1m")
            assert "$" not in expression, expression
            assert prometheus(expression), (panel["title"], expression)


def test_every_alert_is_evaluated(prometheus):
    rules = httpx.get(prometheus.url + "/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert len(rules) >= 8
    for rule in rules:
        assert rule["health"] in ("ok", "unknown"), rule
        # Without its threshold the expression gives a number; this server has no certificate.
        if not rule["query"].startswith("absent(") and "certificate" not in rule["query"]:
            expression = rule["query"].rsplit(" > ", 1)[0]
            assert prometheus(expression), rule["query"]


def test_a_bad_file_sets_off_its_alert(server, prometheus):
    (server["models"] / "loan" / "2.0.0").mkdir()
    (server["models"] / "loan" / "2.0.0" / "model.wasm").write_bytes(b"no model")
    wait_for(lambda: prometheus('ALERTS{alertname="UnderwriteReloadRefused",alertstate="firing"}'))
    entry = httpx.get(server["url"] + "/models/loan").json()
    assert (entry["version"], entry["challenger"]["version"]) == ("1.0.0", "1.1.0")


def test_drift_is_seen_and_its_alert_waits(server, prometheus):
    # One application again and again is not what the model was trained on.
    assert prometheus('underwrite_drift_detected{feature="person_income",version="1.0.0"} == 1')
    wait_for(lambda: prometheus('ALERTS{alertname="UnderwriteDrift",version="1.0.0",alertstate="pending"}'))
    answer = httpx.get(f"http://{server['metrics']}/models/loan/drift").json()
    assert (answer["status"], answer["dataset_drift"]) == ("compared", True)
    assert httpx.get(server["url"] + "/drift").status_code == 404


def test_the_challenger_agrees_with_its_twin(prometheus):
    wait_for(lambda: prometheus('underwrite_shadow_total{result="agreed"} > 0'))
    assert not prometheus('underwrite_shadow_total{result="disagreed"} > 0')


def test_the_dashboard_is_one_for_grafana(dashboard):
    again = Dashboard.from_json(dashboard).to_json()
    assert again["title"] == "Underwrite"
    assert len(again["panels"]) == len(dashboard["panels"])
    for mine, theirs in zip(dashboard["panels"], again["panels"]):
        theirs = theirs if isinstance(theirs, dict) else theirs.to_json()
        assert theirs["title"] == mine["title"]
        expressions = [one["expr"] if isinstance(one, dict) else one.to_json()["expr"]
                       for one in theirs.get("targets") or []]
        assert expressions == [one["expr"] for one in mine.get("targets", [])]


OVERLAYS = ["configmap", "volume", "hub", "decision-log", "decision-log-a"]


def kustomize(folder):
    """What `kubectl apply -k` would send, built by the kustomize inside kubectl."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed (Debian: kubernetes-client): the overlays are not built")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(params=OVERLAYS)
def overlay(request, tmp_path):
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes/overlays" / request.param
    if request.param == "configmap":
        shutil.copy(os.environ["UNDERWRITE_TEST_MODEL"], folder / "model.wasm")
    return kustomize(folder)


def kind(documents, name):
    return next(one for one in documents if one["kind"] == name)


def test_kubernetes_takes_the_manifests(overlay):
    for document in overlay:
        kubernetes_validate.validate(document, "1.30", strict=True)
    monitor = yaml.safe_load((DEPLOY / "kubernetes/servicemonitor.yaml").read_text())
    service = kind(overlay, "Service")
    alerts = (DEPLOY / "prometheus/alerts.yml").read_text()
    assert set(re.findall('job="([^"]*)"', alerts)) == {service["metadata"]["labels"][monitor["spec"]["jobLabel"]]}
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}
    deployment = kind(overlay, "Deployment")["spec"]
    pod = deployment["template"]
    for name in ["PodDisruptionBudget", "NetworkPolicy", "Service"]:
        spec = kind(overlay, name)["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        labels = selector.get("matchLabels", selector)
        assert labels.items() <= pod["metadata"]["labels"].items(), name
    assert pod["spec"]["enableServiceLinks"] is False
    names = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    for rule in kind(overlay, "NetworkPolicy")["spec"]["ingress"]:
        assert {port["port"] for port in rule["ports"]} <= names
    # A configuration that is generated is the one that is mounted.
    for volume in pod["spec"]["volumes"]:
        if "configMap" in volume:
            config = kind(overlay, "ConfigMap")
            assert volume["configMap"]["name"] == config["metadata"]["name"]
            assert {item["key"] for item in volume["configMap"]["items"]} <= config["binaryData"].keys()


def test_a_log_has_one_server(overlay, request):
    deployment = kind(overlay, "Deployment")["spec"]
    scaled = any(document["kind"] == "HorizontalPodAutoscaler" for document in overlay)
    if "decision-log" not in request.node.name:
        assert scaled and "replicas" not in deployment
        return
    assert deployment["replicas"] == 1 and deployment["strategy"] == {"type": "Recreate"} and not scaled
    # A mount that gave the group the keys would be refused at the next start.
    assert deployment["template"]["spec"]["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    claims = {document["metadata"]["name"].removeprefix("a-"): document["spec"]["accessModes"] for document in overlay
              if document["kind"] == "PersistentVolumeClaim"}
    assert claims["underwrite-log"] == claims["underwrite-log-keys"] == ["ReadWriteOncePod"]
    assert kind(overlay, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def selected(document):
    """The labels of the pods that a Service, a budget or a policy is about."""
    selector = document["spec"].get("podSelector", document["spec"].get("selector"))
    return selector.get("matchLabels", selector).items()


def test_servers_with_a_log_each_share_no_pod_and_no_origin(tmp_path):
    """A request about a record of one would be taken for one about the same index of the other."""
    shutil.copytree(DEPLOY / "kubernetes", tmp_path / "kubernetes")
    overlays = tmp_path / "kubernetes/overlays"
    shutil.copytree(overlays / "decision-log-a", overlays / "decision-log-b")
    # As its comment says.
    copied = overlays / "decision-log-b/kustomization.yaml"
    text, written = re.subn(r"^(namePrefix: |.*decision-log: |.*origin=underwrite/)a\b", r"\1b", copied.read_text(), flags=re.M)
    assert written == 3
    copied.write_text(text)
    both = [kustomize(overlays / f"decision-log-{one}") for one in "ab"]
    named = [{(document["kind"], document["metadata"]["name"]) for document in one} for one in both]
    assert not named[0] & named[1]
    pods = [kind(one, "Deployment")["spec"]["template"]["metadata"]["labels"].items() for one in both]
    for name in ["Service", "PodDisruptionBudget", "NetworkPolicy", "Deployment"]:
        for at, one in enumerate(both):
            labels = selected(kind(one, name))
            assert labels <= pods[at] and not labels <= pods[1 - at], name
    origins = [[text for text in kind(one, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"]
                if "origin" in text] for one in both]
    assert origins == [["--decision-log-origin=underwrite/a"], ["--decision-log-origin=underwrite/b"]]


def kubelet_environment(service):
    """The variables of a service in every pod of its namespace, where service links are on."""
    name = service["metadata"]["name"].upper().replace("-", "_")
    ports = service["spec"]["ports"]
    address, first = "10.96.12.3", ports[0]["port"]
    variables = {f"{name}_SERVICE_HOST": address, f"{name}_SERVICE_PORT": str(first),
                 f"{name}_PORT": f"tcp://{address}:{first}"}
    for port in ports:
        start = f"{name}_PORT_{port['port']}_TCP"
        variables |= {f"{name}_SERVICE_PORT_{port['name'].upper()}": str(port["port"]),
                      start: f"tcp://{address}:{port['port']}", f"{start}_PROTO": "tcp",
                      f"{start}_PORT": str(port["port"]), f"{start}_ADDR": address}
    return variables


def test_a_pod_of_the_manifest_starts(overlay, tmp_path, request):
    """Its own arguments and variables, and those of a kubelet that was not told to leave them out."""
    pod = kind(overlay, "Deployment")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    for folder in ["models", "keys", "cache", "log", "log-keys"]:
        (tmp_path / folder).mkdir()
    place = tmp_path / "models/loan-approval/1.0.0"
    place.mkdir(parents=True)
    shutil.copy(os.environ["UNDERWRITE_TEST_MODEL"], place / "model.wasm")
    # As a Secret of `kubectl create secret generic underwrite --from-file=api-keys ...` is mounted.
    (tmp_path / "keys/api-keys").write_text("app swordfish\n")
    (tmp_path / "keys/admin-keys").write_text("ops chief\n")
    here = lambda text: re.sub(r"(^|=)/(models|keys|cache|log|log-keys)\b", rf"\1{tmp_path}/\2", text)
    metrics = free_port()
    arguments = [here(text).replace("9464", str(metrics)) for text in container["args"]]
    variables = {one["name"]: here(one["value"]) for one in container["env"]}
    variables["UNDERWRITE_HOST"] = "127.0.0.1"
    for name in ["underwrite", "underwrite-metrics"]:
        service = kind(overlay, "Service")
        variables |= kubelet_environment(service | {"metadata": {"name": name}})
    assert variables["UNDERWRITE_PORT"].startswith("tcp://") and variables["UNDERWRITE_METRICS_PORT"].startswith("tcp://")
    # The manifest's own port is the default one, which may be taken here.
    arguments += ["--port", "0", "--allow-mismatch"]
    process = subprocess.Popen([os.environ["UNDERWRITE_BIN"], *arguments], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=variables)
    try:
        line = process.stdout.readline()
        assert line.startswith("Serving on"), line + process.stderr.read()
        url = re.search(r"http://[^/]+", line).group()
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
            assert httpx.get(url + container[probe]["httpGet"]["path"]).status_code == 200
        assert httpx.post(url + "/predict", json=LOAN).status_code == 401
        assert httpx.post(url + "/predict", json=LOAN, headers={"x-api-key": "swordfish"}).status_code == 200
        recorded = "decision-log" in request.node.name
        answer = httpx.post(url + "/predict", json=LOAN, headers={"x-api-key": "swordfish"})
        assert ("x-decision-log" in answer.headers) == recorded
        assert "underwrite_champion" in httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
        # A rotation: the kubelet changes the mounted files.
        (tmp_path / "keys/api-keys").write_text("app trout\n")
        process.send_signal(signal.SIGHUP)
        wait_for(lambda: httpx.post(url + "/predict", json=LOAN, headers={"x-api-key": "trout"}).status_code == 200)
        assert httpx.post(url + "/predict", json=LOAN, headers={"x-api-key": "swordfish"}).status_code == 401
    finally:
        process.kill()
        process.wait()


def test_compose_gives_a_log_volumes_of_its_own():
    compose = yaml.safe_load((DEPLOY / "docker-compose.decision-log.yml").read_text())
    service = compose["services"]["underwrite"]
    mounted = dict(reversed(volume.split(":")) for volume in service["volumes"])
    for name in ["UNDERWRITE_DECISION_LOG", "UNDERWRITE_DECISION_LOG_KEYS"]:
        folder = "/" + service["environment"][name].split("/")[1]
        assert mounted[folder] in compose["volumes"], name
    base = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())["services"]["underwrite"]
    assert not {volume.split(":")[1] for volume in base["volumes"]} & mounted.keys()


def test_compose_takes_people_from_the_file_that_its_comment_names(tmp_path):
    """The image's own command, in the folder that an image from `scratch` starts in."""
    text = (DEPLOY / "docker-compose.decision-log.yml").read_text()
    (mounted,) = re.findall(r"`\./underwrite\.toml:/(\S+):ro`", text)
    assert "WORKDIR" not in (DEPLOY / "Dockerfile").read_text().rsplit("FROM scratch")[1]
    (tmp_path / mounted).write_text(PEOPLE)
    (command,) = re.findall(r"^CMD (\[.+\])$", (DEPLOY / "Dockerfile").read_text(), re.M)
    metrics = str(free_port())
    models = {"/models": str(tmp_path / "models"), "9464": metrics}
    (tmp_path / "models/loan-approval/1.0.0").mkdir(parents=True)
    shutil.copy(os.environ["UNDERWRITE_TEST_MODEL"], tmp_path / "models/loan-approval/1.0.0/model.wasm")
    variables = yaml.safe_load(text)["services"]["underwrite"]["environment"]
    variables = {name: f"{tmp_path}{folder}" for name, folder in variables.items()}
    process = subprocess.Popen(
        [os.environ["UNDERWRITE_BIN"], *(models.get(one, one) for one in json.loads(command)), "--port", "0",
         "--allow-mismatch"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=tmp_path, env=variables)
    try:
        url = re.search(r"http://[^/]+", process.stdout.readline()).group()
        assert httpx.get(url + "/decisions/me", headers={"x-api-key": "ann"}).json()["name"] == "Ann Lee"
        assert httpx.get(f"http://127.0.0.1:{metrics}/metrics").status_code == 200
    finally:
        process.kill()
        process.wait()


def test_compose_names_files_that_are_there():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    assert set(compose["services"]) == {"underwrite", "prometheus", "grafana", "mlflow"}
    # What serving does not need is not started with it, and nothing without a login leaves the machine.
    assert [name for name, service in compose["services"].items() if "profiles" not in service] == ["underwrite"]
    for name, service in compose["services"].items():
        assert name == "underwrite" or all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./") and source not in ("./models", "./keys"):
                assert (DEPLOY / source).is_dir(), source
            if not source.startswith("./"):
                assert source in compose["volumes"], source
        if build := service.get("build"):
            folder, file = (build["context"], build["dockerfile"]) if isinstance(build, dict) else (build, "Dockerfile")
            assert (DEPLOY / folder / file).is_file(), build


def test_the_unit_is_one_for_systemd(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed (Debian: systemd): the unit is not verified")
    unit = tmp_path / "underwrite@8081.service"
    shutil.copy(DEPLOY / "systemd/underwrite@.service", unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True)
    # The program is not installed where the unit expects it.
    problems = [line for line in done.stderr.splitlines()
                if "underwrite@" in line and "not executable" not in line]
    assert problems == [], done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", unit], capture_output=True, text=True)
    exposure = float(re.search(r"exposure level for \S+: ([0-9.]+)", done.stdout).group(1))
    assert exposure < 2.5, done.stdout


PEOPLE = f"""
[decision_log]
[[decision_log.reason]]
code = "INCOME"
text = "Income verified by documents"
[[decision_log.person]]
name = "Ann Lee"
role = "officer"
key_sha256 = "{hashlib.sha256(b"ann").hexdigest()}"
"""


def test_two_units_serve_one_folder(tmp_path):
    """Their command and their settings, as an administrator has installed them, with a log for each."""
    command = re.search("^ExecStart=(.+)$", (DEPLOY / "systemd/underwrite@.service").read_text(), re.M).group(1)
    settings = (DEPLOY / "systemd/underwrite.toml").read_text() + PEOPLE
    drop_in = (DEPLOY / "systemd/decision-log.conf").read_text()
    log = dict(re.findall(r"^Environment=(\w+)=(.+)$", drop_in, re.M))
    (keys,) = re.findall("^StateDirectory=(.+)$", drop_in, re.M)
    here = lambda text: re.sub("/(etc|var)/", rf"{tmp_path}/\1/", text)
    version = tmp_path / "var/lib/underwrite/models/loan-approval/1.0.0"
    for folder in [version, tmp_path / "etc/underwrite", tmp_path / "var/lib" / keys]:
        folder.mkdir(parents=True)
    shutil.copy(os.environ["UNDERWRITE_TEST_MODEL"], version / "model.wasm")
    (tmp_path / "etc/underwrite/underwrite.toml").write_text(here(settings))
    (tmp_path / "etc/underwrite/api-keys").write_text("portal swordfish\n")
    (tmp_path / "etc/underwrite/admin-keys").write_text("ops chief\n")
    processes, urls = [], []
    try:
        for _ in range(2):
            port = str(free_port())
            program, *arguments = here(command).replace("%i", port).split()
            assert program == "/usr/local/bin/underwrite"
            processes.append(subprocess.Popen(
                [os.environ["UNDERWRITE_BIN"], *arguments, "--allow-mismatch"], stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True,
                env={name: here(value).replace("%i", port) for name, value in log.items()}))
            assert processes[-1].stdout.readline().startswith("Serving on")
            urls.append(f"http://127.0.0.1:{port}")
        for url in urls:
            answer = httpx.post(url + "/predict", json=LOAN, headers={"x-api-key": "swordfish"})
            assert answer.status_code == 200 and "x-decision-log" in answer.headers
            port = url.rsplit(":", 1)[1]
            assert httpx.get(url + "/decisions", headers={"x-api-key": "ann"}).json()["log"].startswith(f"underwrite/{port}+")
        ports = [url.rsplit(":", 1)[1] for url in urls]
        states = [one.name for one in (tmp_path / "var/lib/underwrite").iterdir()]
        assert sorted(states) == sorted(["models"] + [f"{what}-{port}" for what in ["drift", "log"] for port in ports])
        assert sorted(one.name for one in (tmp_path / "var/lib" / keys).iterdir()) == sorted(ports)
        assert any((tmp_path / "var/cache/underwrite/modules").iterdir())
    finally:
        for process in processes:
            process.kill()
            process.wait()


NO_MODEL = "no model"


@pytest.fixture
def balanced(tmp_path, request):
    """Two replicas behind nginx with the configuration of deploy/, its ports and files moved."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("nginx is not installed (Debian: nginx): its configuration is not tried")
    (tmp_path / "empty").mkdir()
    none = getattr(request, "param", None) == NO_MODEL
    models = ["--models", str(tmp_path / "empty")] if none else ["--model", os.environ["UNDERWRITE_TEST_MODEL"]]
    replicas = [start(*models, "--api-key", "k", "--admin-key", "a") for _ in range(2)]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    port = free_port()
    site = (DEPLOY / "nginx/underwrite.conf").read_text().replace("443 ssl", f"127.0.0.1:{port} ssl")
    site = site.replace("/etc/underwrite/tls", str(tmp_path))
    for usual, (_, url) in zip(["127.0.0.1:8081", "127.0.0.1:8082"], replicas):
        assert usual in site
        site = site.replace(usual, url.removeprefix("http://"))
    (tmp_path / "site").write_text(site)
    temporary = "".join(f"{one}_temp_path {tmp_path}/{one};" for one in
                        ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"])
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
        f"events {{}} http {{ access_log off; {temporary} include {tmp_path}/site; }}")
    command = [program, "-p", tmp_path, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    client = httpx.Client(base_url=f"https://localhost:{port}", headers={"x-api-key": "k"},
                          verify=ssl.create_default_context(cafile=tmp_path / "cert.pem"))
    wait_for(lambda: client.get("/version").status_code == 200)
    yield client, replicas
    client.close()
    process.terminate()
    process.wait()
    for replica, _ in replicas:
        replica.kill()
        replica.wait()


def test_nginx_balances_two_replicas(balanced):
    client, replicas = balanced
    decided = lambda: [float(re.search(r"^pred_requests_total (\S+)", httpx.get(
        url + "/metrics", headers={"x-api-key": "k"}).text, re.M).group(1)) for _, url in replicas]
    for _ in range(10):
        assert client.post("/predict", json=LOAN).status_code == 200
    assert min(decided()) >= 4 and sum(decided()) == 10
    # One id from the client to the decision; nginx makes one where the client has none.
    answer = client.post("/predict", json=LOAN, headers={"x-request-id": "mine-1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "mine-1"
    assert re.fullmatch("[0-9a-f]{32}", client.post("/predict", json=LOAN).json()["request_id"])
    # Streams go through, and what one replica alone would do does not.
    lines = "".join(json.dumps(LOAN) + "\n" for _ in range(3))
    answer = client.post("/predict/batch", content=lines, headers={"content-type": "application/x-ndjson"})
    assert len(answer.text.splitlines()) == 3
    for action in ["reload", "rollback"]:
        assert client.post(f"/models/loan-approval/{action}", headers={"x-api-key": "a"}).status_code == 404
    # Each has a log of its own, in which an index is another application.
    for path in ["/officer", "/decisions", "/decisions/1", "/decisions/1/override", "/log/key", "/log/erase"]:
        answer = client.get(path)
        assert answer.status_code == 404 and "address of the replica" in answer.json()["detail"], path
    # A replica dies in the middle: nobody notices.
    for at in range(40):
        if at == 10:
            replicas[0][0].kill()
        assert client.post("/predict", json=LOAN).status_code == 200, at


@pytest.mark.parametrize("balanced", [NO_MODEL], indirect=True)
def test_a_503_does_not_take_replicas_out_of_turn(balanced):
    """503 to one client's requests was once 502 for everybody, for seconds."""
    client, _ = balanced
    for _ in range(5):
        # There is no model: both replicas are asked, and both say so.
        assert client.post("/predict", json=LOAN).status_code == 503
        assert client.get("/version").status_code == 200


def test_the_training_workflow_makes_a_model(tmp_path):
    """Its own commands, on the sample data, without a Hub to publish to."""
    job = yaml.safe_load((DEPLOY / "../.github/workflows/train.yml").read_text())["jobs"]["train"]
    commands = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    names = ["Describe the data", "Train", "Look for drift", "Publish"]
    assert list(commands)[-4:] == names
    binary = pathlib.Path(os.environ["UNDERWRITE_BIN"]).resolve().parent
    data = DEPLOY.parent / "data"
    environment = os.environ | {
        "PATH": f"{binary}:{os.environ['PATH']}", "TRIALS": "5", "CURRENT": str(data / "loan_sample.csv"),
        "DATA": str(data / "loan_sample.csv"), "SCHEMA": str(data / "loan.toml"),
        "HF_MODEL_REPO": "", "HF_TOKEN": "", "MLFLOW_TRACKING_URI": "", "MLFLOW_TRACKING_TOKEN": "",
        "WANDB_API_KEY": "", "WANDB_PROJECT": ""}
    for name in names:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", commands[name]], cwd=tmp_path, env=environment,
                              capture_output=True, text=True)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    assert "not published" in done.stdout
    for file in ["model.wasm", "reports/eda.html", "reports/evaluation.html", "reports/metrics.json",
                 "reports/drift_report.html"]:
        assert (tmp_path / file).stat().st_size > 0, file
    assert json.loads((tmp_path / "reports/drift.json").read_text())["dataset_drift"] is False


@pytest.fixture
def pushgateway(tmp_path):
    port = free_port()
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4)).decode()
    (tmp_path / "web.yml").write_text(f"basic_auth_users:\n  bank: {hashed}\n")
    process = subprocess.Popen(
        [os.environ["PUSHGATEWAY"], f"--web.listen-address=127.0.0.1:{port}", f"--web.config.file={tmp_path}/web.yml"],
        stderr=subprocess.DEVNULL)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


@pytest.mark.parametrize("variable", ["PROM_API_KEY", "PROM_API_KEY_FILE"])
def test_metrics_are_pushed(pushgateway, tmp_path, variable):
    (tmp_path / "password").write_text("secret\n")
    password = {"PROM_API_KEY": "secret", "PROM_API_KEY_FILE": str(tmp_path / "password")}[variable]
    process, url = start(
        "--model", os.environ["UNDERWRITE_TEST_MODEL"], "--push-interval", "0.3", "--push-instance", "branch/7",
        PROM_PUSHGATEWAY=pushgateway, PROM_USERNAME="bank", **{variable: password})
    httpx.post(url + "/predict", json=LOAN)

    def pushed():
        text = httpx.get(pushgateway + "/metrics", auth=("bank", "secret")).text
        return 'pred_requests_total{instance="branch/7",job="loan_model"} 1\n' in text

    wait_for(pushed)
    # What is decided last is pushed at the end.
    httpx.post(url + "/predict", json=LOAN)
    process.terminate()
    assert process.wait(15) == 0
    text = httpx.get(pushgateway + "/metrics", auth=("bank", "secret")).text
    assert 'pred_requests_total{instance="branch/7",job="loan_model"} 2\n' in text


def test_a_gateway_that_hangs_is_not_noticed():
    with socket.socket() as hanging:
        hanging.bind(("127.0.0.1", 0))
        hanging.listen(1)
        process, url = start(
            "--model", os.environ["UNDERWRITE_TEST_MODEL"], "--push-interval", "0.05",
            "--pushgateway", f"http://127.0.0.1:{hanging.getsockname()[1]}")
        with httpx.Client() as client:
            for _ in range(200):
                answer = client.post(url + "/predict", json=LOAN)
                assert answer.status_code == 200 and answer.elapsed.total_seconds() < 1
        process.kill()
        process.wait()


def record(number, fields):
    education, home, intent = fields["person_education"], fields["person_home_ownership"], fields["loan_intent"]
    default = fields["previous_loan_defaults_on_file"]
    text = lambda name, width: f"{fields.get(name, ''):>{width}}"
    return (f"{number:<10}{text('person_age', 3)}{education:<14}{text('person_income', 9)}{text('person_emp_exp', 2)}"
            f"{home:<9}{text('loan_amnt', 9)}{intent:<18}{text('loan_int_rate', 5)}{text('loan_percent_income', 4)}"
            f"{text('cb_person_cred_hist_length', 2)}{text('credit_score', 3)}{default:<3}")


def test_the_legacy_system_gets_its_decisions(tmp_path):
    client = DEPLOY / "legacy-client"
    random.seed(7)
    people = [LOAN | {"person_income": random.randrange(8000, 200000), "credit_score": random.randrange(400, 850)}
              for _ in range(40)]
    people[3] = LOAN | {"person_income": -1}
    people[5] = {name: value for name, value in LOAN.items() if name != "person_age"}
    source, target = tmp_path / "applications.txt", tmp_path / "decisions.txt"
    source.write_text("".join(record(f"A{at:09d}", one) + "\n" for at, one in enumerate(people)))
    # So few a second that it has to wait and try again.
    process, url = start("--model", os.environ["UNDERWRITE_TEST_MODEL"], "--api-key", "k", "--rate-limit", "25")
    command = [sys.executable, client / "score_file.py", url, client / "layout.json", source, target]
    run = lambda: subprocess.run(command, env=os.environ | {"API_KEY": "k"}, check=True, capture_output=True, text=True)
    assert run().stdout == "40 asked, 0 were done\n"
    lines = target.read_text().splitlines()
    assert len(lines) == 40
    for at, (one, line) in enumerate(zip(people, lines)):
        assert line[:10] == f"A{at:09d}"
        if at == 3:
            assert line[10] == "E" and line[70:].startswith("person_income: ")
            continue
        if at % 20 == 0:
            time.sleep(1.2)
        expected = httpx.post(url + "/predict", json=one, headers={"x-api-key": "k"}).json()
        assert line[10] == ("A" if expected["approve"] else "R"), (line, expected)
        assert line[70:].startswith("person_age:missing:") == (at == 5), line
        assert line[11:18] == f"{round(expected['probability'] * 1e6):07d}"
    # It broke off in the middle of a line: what is whole is not asked again.
    target.write_text("\n".join(lines[:30]) + "\n" + lines[30][:20])
    assert run().stdout == "10 asked, 30 were done\n"
    assert target.read_text().splitlines() == lines
    process.kill()
    process.wait()


@pytest.mark.parametrize("status, body, result", [
    (422, b'{"detail":[{"loc":["body","n"],"msg":"Field required"}]}', "E"),
    (413, b"<html>a proxy</html>", "E"),
    (500, b'{"detail":"The model failed"}', None),
    (404, b'{"detail":"Not Found"}', None),
    (200, b'{"approve":true,"outcome":"approve","probability":0.5,"model":{"version":"1"},"adjustments":['
          b'{"feature":"n","kind":"missing","to":null},{"feature":"b","kind":"missing","to":false},'
          b'{"feature":"c","kind":"unknown","to":"x"},{"feature":"d","kind":"missing","to":2}]}', "A"),
])
def test_the_legacy_system_calls_no_fault_of_the_server_a_refusal(tmp_path, status, body, result):
    ids = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            ids.append(self.headers["x-request-id"])
            self.send_response(status)
            self.send_header("retry-after", "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    client, source, target = DEPLOY / "legacy-client", tmp_path / "in.txt", tmp_path / "out.txt"
    layout = tmp_path / "layout.json"
    layout.write_text('{"number":[0,10],"fields":{"n":[10,14]}}')
    source.write_text("Ж/17 B    5   \n", encoding="utf-8")
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    run = subprocess.run([sys.executable, client / "score_file.py", url, layout, source, target],
                         capture_output=True, text=True)
    server.shutdown()
    server.server_close()
    # An id that the server takes for its own log, one for each record.
    assert len(set(ids)) == 1 and re.fullmatch("__17_B-[0-9a-f]{24}", ids[0]), ids
    written = target.read_text(encoding="utf-8")
    if result is None:
        assert run.returncode == 1 and f"status {status}" in run.stderr and written == "", run.stderr
        assert len(ids) == (8 if status == 500 else 1)
        return
    assert run.returncode == 0 and written[10] == result, run.stderr
    words = {422: "n: Field required", 413: "status 413", 200: "n:missing:;b:missing:false;c:unknown:x;d:missing:2"}
    assert written[70:].rstrip() == words[status]


@pytest.mark.parametrize("kind, first", [
    ("a date", (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT", "content-length": "0"}, b"")),
    ("no seconds", (503, {"retry-after": "-1", "content-length": "0"}, b"")),
    ("a decision that breaks off", (200, {"content-length": "500"}, b'{"approve"')),
    ("one of unknown length", (200, {}, b'{"approve"')),
    ("a refusal that breaks off", (422, {"content-length": "500"}, b'{"detail"')),
])
def test_the_legacy_system_asks_again(tmp_path, kind, first):
    decision = (b'{"approve":true,"outcome":"approve","probability":0.5,"model":{"version":"1"},"adjustments":[]}')
    run, written, calls = ask_one(tmp_path, [first, (200, {}, decision)])
    assert run.returncode == 0 and written[10] == "A" and len(calls) == 2, run.stderr


def test_the_legacy_system_takes_its_key_nowhere_else(tmp_path):
    run, written, calls = ask_one(tmp_path, [(302, {"location": "/elsewhere", "content-length": "0"}, b"")])
    assert run.returncode == 1 and "status 302" in run.stderr and written == "", run.stderr
    assert calls == ["/predict"]


def ask_one(folder, answers):
    """Runs the client on one record against a server that gives these answers, the last of them for ever."""
    calls = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.answer()

        def do_GET(self):
            self.answer()

        def answer(self):
            status, headers, body = answers[min(len(calls), len(answers) - 1)]
            calls.append(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    layout, source, target = folder / "layout.json", folder / "in.txt", folder / "out.txt"
    layout.write_text('{"number":[0,10],"fields":{"n":[10,14]}}')
    source.write_text("17        5   \n")
    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    run = subprocess.run([sys.executable, DEPLOY / "legacy-client/score_file.py", url, layout, source, target],
                         env=os.environ | {"API_KEY": "k"}, capture_output=True, text=True)
    server.shutdown()
    server.server_close()
    return run, target.read_text(), calls


def test_the_legacy_system_rejects_nobody_whom_a_person_decides_about(tmp_path):
    client, model = DEPLOY / "legacy-client", tmp_path / "model.wasm"
    policy = DEPLOY.parent / "data" / "loan_policy.toml"
    subprocess.run([os.environ["UNDERWRITE_BIN"], "policy", "apply", os.environ["UNDERWRITE_TEST_MODEL"],
                    "--policy", policy, "--out", model], check=True, capture_output=True)
    random.seed(7)
    people = [LOAN | {"person_income": random.randrange(8000, 200000), "credit_score": random.randrange(400, 850)}
              for _ in range(40)]
    people[0] = LOAN | {"person_income": 500000, "loan_amnt": 25000, "cb_person_cred_hist_length": 2}
    source, target = tmp_path / "applications.txt", tmp_path / "decisions.txt"
    source.write_text("".join(record(f"A{at:09d}", one) + "\n" for at, one in enumerate(people)))
    process, url = start("--model", model)
    subprocess.run([sys.executable, client / "score_file.py", url, client / "layout.json", source, target], check=True)
    letters = set()
    for one, line in zip(people, target.read_text().splitlines(), strict=True):
        expected = httpx.post(url + "/predict", json=one).json()
        assert line[10] == {"approve": "A", "refer": "P", "decline": "R"}[expected["outcome"]], (line, expected)
        rules = "".join(f"rule:{code};" for code in expected["rules"])
        assert (line[70:].rstrip() + ";").startswith(rules), (line, expected)
        letters.add(line[10])
    assert letters == {"A", "P", "R"}
    process.kill()
    process.wait()


