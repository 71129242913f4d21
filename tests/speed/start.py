"""usage: start.py UNDERWRITE MODEL: milliseconds from exec to the first decision."""

import http.client
import re
import subprocess
import sys
import time

start = time.perf_counter()
process = subprocess.Popen([sys.argv[1], "serve", "--model", sys.argv[2], "--port", "0"],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
address = re.search(r"http://([^/]+)", process.stdout.readline()).group(1)
connection = http.client.HTTPConnection(address)
connection.request("POST", "/predict", "{}", {"content-type": "application/json"})
connection.getresponse().read()
print(f"{(time.perf_counter() - start) * 1000:.0f}")
process.kill()
process.wait()
