"""usage: batch.py URL [ROUNDS]: rows a second of batches of 10,000 rows as NDJSON; the best and the median."""

import http.client
import json
import statistics
import sys
import time

ROW = {
    "person_age": 35, "person_education": "Bachelor", "person_income": 65000, "person_emp_exp": 5,
    "person_home_ownership": "RENT", "loan_amnt": 10000, "loan_intent": "EDUCATION",
    "loan_int_rate": 11.0, "loan_percent_income": 0.15, "cb_person_cred_hist_length": 5,
    "credit_score": 650, "previous_loan_defaults_on_file": "No",
}
COUNT = 10_000
rows = [ROW | {"person_age": 20 + at % 50, "person_income": 20000 + 7 * at} for at in range(COUNT)]
body = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()
connection = http.client.HTTPConnection(sys.argv[1].removeprefix("http://"))
rates = []
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 15):
    start = time.perf_counter()
    connection.request("POST", "/predict/batch", body, {"content-type": "application/x-ndjson"})
    answer = connection.getresponse().read()
    rates.append(COUNT / (time.perf_counter() - start))
    assert answer.count(b"\n") == COUNT and b'"status"' not in answer
print(f"NDJSON, {COUNT} rows: {statistics.median(rates):,.0f} rows a second (best {max(rates):,.0f})")
