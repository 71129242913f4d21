"""usage: reloads.py UNDERWRITE MODEL OTHER_MODEL [RELOADS]: reloads under load, with wrk.

The two files, both for the applications of data/loan_sample.csv, take turns. Prints how many
reloads and requests there were and how many requests failed, which is to be none.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

underwrite, *models = sys.argv[1:4]
reloads = int(sys.argv[4]) if len(sys.argv) > 4 else 1000
here = pathlib.Path(__file__).resolve().parent
folder = pathlib.Path(tempfile.mkdtemp())
served = folder / "model.wasm"
shutil.copy(models[0], served)
process = subprocess.Popen([underwrite, "serve", "--model", served, "--port", "0", "--admin-key", "chief"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
url = re.search(r"http://[^/]+", process.stdout.readline()).group()


def ask(method, path):
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=600)
    connection.request(method, path, headers={"x-api-key": "chief"})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def memory():
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024


def load():
    """wrk, again and again, until the reloads are done."""
    while not done.is_set():
        wrk = subprocess.run(
            ["wrk", "-t1", "-c32", "-d5s", "-s", here / "reloads.lua", url + "/predict"],
            capture_output=True, text=True, check=True, env=os.environ | {"SPEED": str(here)})
        requests.append(int(re.search(r"(\d+) requests in", wrk.stdout).group(1)))
        if found := re.search(r"Non-2xx or 3xx responses: (\d+)", wrk.stdout):
            refused.append(int(found.group(1)))
        if found := re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", wrk.stdout):
            lost.append(sum(map(int, found.groups())))


requests, refused, lost = [], [], []
done = threading.Event()
clients = threading.Thread(target=load)
clients.start()
before, start = memory(), time.perf_counter()
try:
    name = json.loads(ask("GET", "/models")[1])["models"][0]["name"]
    for at in range(reloads):
        aside = folder / "aside"
        shutil.copy(models[(at + 1) % 2], aside)
        aside.rename(served)
        status, body = ask("POST", f"/models/{name}/reload")
        assert status == 200, body
finally:
    took = time.perf_counter() - start
    done.set()
    clients.join()
    if sys.exc_info()[0]:
        process.kill()
metrics = ask("GET", "/metrics")[1]
loaded = re.search(r'underwrite_model_reloads_total\{[^}]*result="loaded"\} (\d+)', metrics)
print(f"{loaded.group(1)} reloads in {took:.0f} s under {sum(requests) / (5 * len(requests)):,.0f} requests a second: "
      f"{sum(requests):,} requests, {sum(refused)} not answered with 200, {sum(lost)} not answered within 2 s; "
      f"memory {before:.0f} MB before, {memory():.0f} MB after")
for line in metrics.splitlines():
    if line.startswith(("http_requests_total", "underwrite_module_failures_total")) and not line.endswith(" 0"):
        print(line)
process.terminate()
process.wait()
shutil.rmtree(folder)
sys.exit(sum(refused) + sum(lost) > 0)
